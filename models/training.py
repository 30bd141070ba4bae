"""What the classifier learns from, and what is known about a trained bundle."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from models.ticket import Labels


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
    was: tuple[str, ...] = Field(
        (), description="Earlier names, and classes that were merged into this one."
    )
    learns: tuple[dict[str, str], ...] = Field(
        (), description="Labels of the seed corpus that make a message one of this class."
    )


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

    @model_validator(mode="after")
    def _each_name_once(self) -> Self:
        earlier = [name for spec in self.classes.values() for name in spec.was]
        twice = {name for name in earlier if earlier.count(name) > 1} | {*earlier} & {
            *self.classes
        }
        if twice:
            raise ValueError(f"was: {', '.join(sorted(twice))} belongs to more than one class")
        return self

    def now(self, label: str) -> str:
        """What ``label`` is called now; itself where no class has taken it over."""
        return next((name for name, spec in self.classes.items() if label in spec.was), label)

    def learnt(self, labels: Mapping[str, str], own: str) -> str:
        """The class that a message of the seed corpus is of, by its labels in all facets.

        The first class that ``learns`` it; else what its ``own`` label is called now.
        """
        for name, spec in self.classes.items():
            if any(wanted.items() <= labels.items() for wanted in spec.learns):
                return name
        return self.now(own)


class FloorSpec(BaseModel):
    """Words that decide the lane whatever the model says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zh: str
    en: str
    words: tuple[str, ...] = Field(description="Any of these phrases in the text.")
    but: tuple[str, ...] = Field(
        (), description="Phrases that have one of the words in them and mean something else."
    )
    sets: dict[str, str] = Field(description="Facet to the class it is at least.")
    danger: bool = Field(
        False,
        description="Somebody may be in danger: the customer is told whom to call, and no machine "
        "asks them afterwards how satisfied they are.",
    )

    def says(self, phrase: str) -> str:
        """As a label's reason: what it is, and the phrase that set it off."""
        return f"{self.zh}：{phrase} / {self.en}: {phrase}"

    def spoke(self, labels: Labels) -> bool:
        """Whether it has given one of the labels a reason."""
        reasons = [reason.text for label in labels.facets.values() for reason in label.reasons]
        return any(reason.startswith(f"{self.zh}：") for reason in reasons)


_WORD = re.compile("[\u4e00-\u9fd5]{2,20}")


def no_words(words: Sequence[str]) -> list[str]:
    """Those that cannot be in a dictionary: words are 2 to 20 Chinese characters each."""
    return [word for word in words if not _WORD.fullmatch(word)]


class Taxonomy(BaseModel):
    """Facets, classes and floors: ``taxonomy.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    words: tuple[str, ...] = Field(
        (), description="The trade's own words, never cut apart: 2 to 20 Chinese characters each."
    )
    facets: dict[str, FacetSpec]
    floors: dict[str, FloorSpec] = {}

    @field_validator("words")
    @classmethod
    def _chinese(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        wrong = no_words(words)
        if wrong:
            raise ValueError(
                f"words 只能是 2 到 20 个汉字：{'、'.join(wrong)}"
                f" / words are 2 to 20 Chinese characters each: {', '.join(wrong)}"
            )
        return words

    def no_skill(self, skill: str) -> tuple[str, str] | None:
        """Why no ticket could ever ask for this skill, in Chinese and English; None: it could."""
        name, _, value = skill.replace("：", ":").partition(":")
        facet = self._facet_called(name)
        if facet is not None and value not in self.facets[facet].classes:
            known = self.facets[facet].classes
            return (
                f"技能“{skill}”在分类体系里没有；有：{'、'.join(known)}",
                f"The skill “{skill}” is not in the taxonomy; there are: {', '.join(known)}",
            )
        if facet is not None:
            own = f"{facet}:{value}"
            return None if skill == own else (f"技能“{skill}”要写成：{own}", f"Write {own}")
        meant = [f"{each}:{skill}" for each in self.facets if skill in self.facets[each].classes]
        if meant:
            return f"技能“{skill}”要写全：{'、'.join(meant)}", f"Write {' or '.join(meant)}"
        return None

    def _facet_called(self, name: str) -> str | None:
        """The facet of this key, or of this name on screen, in any case."""
        for facet, spec in self.facets.items():
            if name.casefold() in {each.casefold() for each in (facet, spec.zh, spec.en)}:
                return facet
        return None

    def with_words(self, words: Sequence[str]) -> Self:
        """The same with more words that are never cut apart."""
        return self.model_copy(update={"words": tuple(dict.fromkeys((*self.words, *words)))})


@dataclass(frozen=True, slots=True)
class Correction:
    """An agent's word against the machine's, with the text that it was given for.

    ``text`` is what is still there of the messages that the agent had seen: a message that
    was withdrawn since is not in it, and a correction without text teaches nothing.
    ``lane`` is the ticket's; ``excluded`` says that an admin keeps it out of training.
    """

    id: str
    ticket_id: str
    conversation_id: str
    agent_id: str
    at: float
    facet: str
    before: str
    after: str
    subject: str
    text: str
    lane: str
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Retraining:
    """One run of retraining. Times are seconds since the epoch.

    ``state`` is waiting, running, done, failed or cancelled; ``share`` is how much of it is
    done, 0 to 1; ``error`` says in both languages why it failed; ``outcome`` is what the
    training process found: the gate's verdict, the comparison and who is suspected.
    """

    id: str
    state: str
    cancelled: bool
    started_by: str | None
    seed: int
    created_at: float
    finished_at: float | None
    stage: str
    share: float
    seconds_left: float | None
    error: Mapping[str, str] | None
    outcome: Mapping[str, Any] | None
    bundle_id: str | None


@dataclass(frozen=True, slots=True)
class BundleCard:
    """What is written on a bundle: enough to trust it, compare it, or refuse it."""

    id: str
    created_at: str
    taxonomy: str
    data_fingerprint: str
    code_version: str
    metrics: dict[str, Any]
