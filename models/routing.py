"""Plain values that the router works on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

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
    overflow: str = ""
    """A skill whose holders are asked in the last step, whatever else they can; “” is nobody."""

    @property
    def skill_class(self) -> str:
        """A canonical name: equal exactly when the needs are equal."""
        required = "+".join(
            f"{skill}:{level}{'!' * (skill in self.never_drop)}"
            for skill, level in sorted(self.required)
        )
        preferred = "+".join(f"{skill}:{level}" for skill, level in sorted(self.preferred))
        named = f"{required}|{preferred}" if preferred else required
        return f"{named}>{self.overflow}" if self.overflow else named


@dataclass(frozen=True, slots=True)
class Waiting:
    """A ticket at the head of its class, as the router sees it.

    Times are seconds since the epoch, ``target`` is in seconds, ``units`` in capacity units.
    ``created_at`` is when its clock began: its arrival, or later where it came out of hours.
    ``rules_version`` is that of the rules which placed it; “” leaves it to the decision.
    ``first`` are the agents who are tried before all others, in this order: the owner and the
    backup of the customer's tier. ``interrupts``: it may take the place of interruptible work.
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
    rules_version: str = ""
    twice_late: bool = False
    first: tuple[str, ...] = ()
    interrupts: bool = False

    @property
    def skill_class(self) -> str:
        return self.needs.skill_class


LATE_TWICE_STEP = 4
"""The relaxation step under which a ticket is stored that has missed two of its deadlines."""


class Position(NamedTuple):
    """Where a waiting ticket stands in the queue of its class, and until when."""

    relax_step: int
    late: bool
    sort_key: float
    next_step_at: float | None


@dataclass(frozen=True, slots=True)
class AgentView:
    """An online agent, as the router sees one.

    ``ready`` agents may be given work; the others only count as online. ``flexibility`` is
    how much recent work leans on the agent, 0 to 1 (``router.roster.flexibility``).
    ``interruptible`` are the units that setting aside one item of theirs would free; 0 where
    none may be.
    """

    agent_id: str
    skills: Mapping[str, int]
    capacity: int
    used: int
    ready: bool
    idle_since: float
    flexibility: float = 0.0
    interruptible: int = 0


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
    named: bool = False
    """The agent is one of the ticket's ``first``."""

    skill_class: str = ""
    interrupts: bool = False
    """One interruptible item of the agent goes back to its queue to make room."""


class Line(BaseModel):
    """A line of business: tickets of certain channels, accounts and domains.

    What is empty does not restrict; all three empty is everything.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        return not (self.channels or self.accounts or self.domains)

    def covers(self, channel: str, account: str, domain: str) -> bool:
        """Whether a ticket belongs here; ``domain`` is its label, “” while it has none."""
        return all(
            not wanted or value in wanted
            for wanted, value in (
                (self.channels, channel),
                (self.accounts, account),
                (self.domains, domain),
            )
        )


class Targets(BaseModel):
    """Seconds until the first human answer is due, by urgency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by_urgency: dict[str, float]
    default: float = Field(gt=0)
    by_tier: dict[str, float] = Field(
        {}, description="Factors of this channel's own, over those of ``tier_factor``."
    )
    hours: Literal["natural", "business"] = Field(
        "natural", description="Business seconds pass only while the ticket's team is there."
    )


class Department(BaseModel):
    """A department (责任部门) that complaints are laid at; its people have the skill “dept:…”."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    en: str = Field(description="Its English name; its key is the Chinese one.")
    seconds: float = Field(
        gt=0, description="Natural seconds it has: to answer what is sent to it, to do a task."
    )
    domains: tuple[str, ...] = Field((), description="Complaints of these domains are its own.")
    takes: bool = Field(
        False, description="Its own complaints go straight to its people, who then own them."
    )


class Rules(BaseModel):
    """``routing.toml``: how tickets become needs, keys and claims."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    required_facets: tuple[str, ...] = Field(description="Facets whose label is a skill.")
    preferred_facets: tuple[str, ...] = ()
    preferred_level: int = Field(2, ge=1, le=5)
    never_drop: tuple[str, ...] = Field(("lang:",), description="Prefixes of skills.")
    levels: dict[str, int] = Field(
        {}, description="The least level of a required skill, where it is not 1."
    )
    overflow: dict[str, str] = Field(
        {}, description="Required skill to the skill of its overflow group, asked last."
    )
    relax_at: tuple[float, ...] = Field((0.25, 0.5), description="Fractions of the target.")
    late_factor: float = Field(
        4.0, gt=1, description="m: targets after which a late ticket is late twice."
    )
    give_way_factor: float = Field(
        1.12,
        ge=1,
        description="What a ticket in time competes for, in targets: long ones give way.",
    )
    late_aim: float = Field(
        0.94, gt=0, le=1, description="Of ``late_factor``: what a late ticket competes for."
    )
    late_gives_way: float = Field(
        0.45, ge=0, description="Mean handling times by which a late one lets others go first."
    )
    last_deadline_seconds: float = Field(
        5600.0, gt=0, description="What a ticket competes for that has missed m targets as well."
    )
    last_scarcity: float = Field(
        8.0, ge=1, description="How many times scarcity counts for those that are late twice."
    )
    scarcity: float = Field(
        2.0, ge=0, description="α: mean handling times that a class of one agent goes ahead."
    )
    scarcity_of_few: float = Field(
        4.0, ge=0, description="β: a class of n able agents goes α·S̄·(1/n + β/n²) ahead."
    )
    mean_handle_seconds: float = Field(480.0, gt=0, description="S̄: of all tickets.")
    targets: dict[str, Targets] = Field(description="By channel, else by its lane.")
    natural_limit: dict[str, float] = Field(
        {}, description="Facet and value (“type:投诉”) to natural seconds that are never exceeded."
    )
    tier_factor: dict[str, float] = {}
    tier_first: dict[str, tuple[str, ...]] = Field(
        {}, description="By tier: logins of its owner and backup, tried before all others."
    )
    interrupting: tuple[str, ...] = Field(
        (), description="Urgencies that may take the place of interruptible work."
    )
    interruptible: tuple[str, ...] = Field((), description="Lanes whose work may be set aside.")
    units: dict[str, int] = Field(description="Capacity units a ticket uses, by channel lane.")
    offer_seconds: dict[str, float] = Field(
        {}, description="By channel lane: time to accept; absent means given at once."
    )
    departments: dict[str, Department] = Field({}, description="By name; the first fits.")
    repeat_days: float = Field(
        30.0, ge=0, description="Within which the same complaint again is a repeated one."
    )
    helper_units: int = Field(0, ge=0, description="Capacity units that helping a ticket uses.")


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The published rules: those for all, and those of single lines of business.

    One key orders all tickets, so what makes the key (``ORDERING``) is always the general
    rules'; validation refuses a line's version that says otherwise.
    """

    general: Rules
    lines: tuple[tuple[Line, Rules], ...] = ()
    """The newest first: where two lines cover a ticket, the newer one counts."""

    def of(self, channel: str, account: str, domain: str) -> Rules:
        """The rules of the line of business that a ticket belongs to."""
        return next(
            (rules for line, rules in self.lines if line.covers(channel, account, domain)),
            self.general,
        )

    def version(self, version: str) -> Rules:
        """The rules that placed a ticket, or the general ones if they are no longer in force."""
        return next((r for _, r in self.lines if r.version == version), self.general)


ORDERING = (
    "relax_at",
    "late_factor",
    "give_way_factor",
    "late_aim",
    "late_gives_way",
    "last_deadline_seconds",
    "scarcity",
    "scarcity_of_few",
    "last_scarcity",
    "mean_handle_seconds",
    "interruptible",
)
"""Fields of ``Rules`` by which tickets of all lines are ordered against each other."""
