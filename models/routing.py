"""Plain values that the router works on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

TRIAGE = "triage"
"""The skill of the people who decide what the classifier would not."""

Need = tuple[str, int]
"""A skill and the least level of it."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What an agent must be able to do for a ticket. Tickets with equal needs are a class."""

    required: tuple[Need, ...] = ()
    preferred: tuple[Need, ...] = ()
    never_drop: frozenset[str] = frozenset()

    @property
    def skill_class(self) -> str:
        """A canonical name: equal exactly when the needs are equal."""
        required = "+".join(
            f"{skill}:{level}{'!' * (skill in self.never_drop)}"
            for skill, level in sorted(self.required)
        )
        preferred = "+".join(f"{skill}:{level}" for skill, level in sorted(self.preferred))
        return f"{required}|{preferred}" if preferred else required


@dataclass(frozen=True, slots=True)
class Waiting:
    """A ticket at the head of its class, as the router sees it.

    Times are seconds since the epoch, ``target`` is in seconds, ``units`` in capacity units.
    """

    ticket_id: str
    epoch: int
    needs: Needs
    created_at: float
    target: float
    late: bool
    units: int
    lane: str = ""
    relax_step: int = 0
    sticky_agent: str | None = None
    excluded: frozenset[str] = frozenset()

    @property
    def skill_class(self) -> str:
        return self.needs.skill_class


@dataclass(frozen=True, slots=True)
class AgentView:
    """An online agent, as the router sees one.

    ``ready`` agents may be given work; the others only count as online. ``flexibility`` is
    the share of recent work that the agent can serve, 0 to 1.
    """

    agent_id: str
    skills: Mapping[str, int]
    capacity: int
    used: int
    ready: bool
    idle_since: float
    flexibility: float = 0.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """What became of one agent in one decision."""

    agent_id: str
    outcome: Literal["chosen", "ranked", "skill", "level", "capacity", "presence", "excluded"]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """One ticket for one agent, true only for the epoch it was made in, and why."""

    ticket_id: str
    epoch: int
    agent_id: str
    units: int
    key: float
    relax_step: int
    rules_version: str
    sticky: bool
    candidates: tuple[Candidate, ...]


class Targets(BaseModel):
    """Seconds until the first human answer is due, by urgency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by_urgency: dict[str, float]
    default: float = Field(gt=0)


class Rules(BaseModel):
    """``routing.toml``: how tickets become needs, keys and claims."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    required_facets: tuple[str, ...] = Field(description="Facets whose label is a skill.")
    preferred_facets: tuple[str, ...] = ()
    preferred_level: int = Field(2, ge=1, le=5)
    never_drop: tuple[str, ...] = Field(("lang:",), description="Prefixes of skills.")
    relax_at: tuple[float, ...] = Field((0.25, 0.5), description="Fractions of the target.")
    late_factor: float = Field(4.0, gt=1, description="m of DESIGN §4.")
    scarcity: float = Field(2.0, ge=0, description="α of DESIGN §4.")
    mean_handle_seconds: float = Field(480.0, gt=0, description="S̄ of DESIGN §4.")
    targets: dict[str, Targets] = Field(description="By channel lane.")
    tier_factor: dict[str, float] = {}
    units: dict[str, int] = Field(description="Capacity units a ticket uses, by channel lane.")
    offer_seconds: dict[str, float] = Field(
        {}, description="By channel lane: time to accept; absent means given at once."
    )
