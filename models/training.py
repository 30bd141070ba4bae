"""What the classifier learns from, and what is known about a trained bundle."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class ClassSpec(BaseModel):
    """One class of a facet: names for people, cue words, and the cost of missing it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zh: str
    en: str
    cues: tuple[str, ...] = Field((), description="Words whose presence is a feature.")
    acknowledged: bool = Field(
        False, description="Named in the acknowledgement: “您的投诉已收到”, otherwise 反馈."
    )
    cost: float = Field(1.0, gt=0, description="How many false alarms a miss is worth.")


class FacetSpec(BaseModel):
    """One thing to decide about a message."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zh: str
    en: str
    ordinal: bool = Field(False, description="Classes are listed from most to least.")
    threshold: float = Field(
        0.5, ge=0, le=1, description="Below this confidence a person decides."
    )
    classes: dict[str, ClassSpec]


class FloorSpec(BaseModel):
    """Words that decide the lane whatever the model says (DESIGN §8)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zh: str
    en: str
    words: tuple[str, ...] = Field(description="Any of these phrases in the text.")
    sets: dict[str, str] = Field(description="Facet to the class it is at least.")


class Taxonomy(BaseModel):
    """Facets, classes and floors: ``taxonomy.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    facets: dict[str, FacetSpec]
    floors: dict[str, FloorSpec] = {}


@dataclass(frozen=True, slots=True)
class Correction:
    """An agent's word against the machine's: kept for ever, and learnt from."""

    id: str
    ticket_id: str
    agent_id: str
    at: float
    facet: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class BundleCard:
    """What is written on a bundle: enough to trust it, compare it, or refuse it."""

    id: str
    created_at: str
    taxonomy: str
    data_fingerprint: str
    code_version: str
    metrics: dict[str, Any]
