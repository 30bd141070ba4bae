"""The clocks of a ticket: what each measures, what it is held to, and one run of one.

Times are seconds since the epoch, targets and elapsed times are in seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

HoursKind = Literal["natural", "business"]


class ClockKind(StrEnum):
    """What a clock measures: see ``docs/clocks.md``."""

    ACKNOWLEDGEMENT = "acknowledgement"
    FIRST_ANSWER = "first_answer"
    NEXT_ANSWER = "next_answer"
    AVERAGE_ANSWER = "average_answer"
    RESOLUTION = "resolution"


CLOCK_NAMES = {
    ClockKind.ACKNOWLEDGEMENT: ("受理回执", "Acknowledgement"),
    ClockKind.FIRST_ANSWER: ("首次人工答复", "First human answer"),
    ClockKind.NEXT_ANSWER: ("后续答复", "Next answer"),
    ClockKind.AVERAGE_ANSWER: ("平均应答", "Average answer"),
    ClockKind.RESOLUTION: ("解决", "Resolution"),
}

LEVEL_NAMES = (("班长", "Supervisor"), ("主管", "Manager"), ("经理", "Director"))
"""升级级别 1 to 3. The urgency label is another thing, and stays as it was."""

ANSWERS = frozenset({ClockKind.FIRST_ANSWER, ClockKind.NEXT_ANSWER})
"""Clocks that run while a customer waits for a person's answer; never both at once."""


class ClockTarget(BaseModel):
    """What one clock is held to, for some tickets. An empty list does not restrict."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    clock: ClockKind = Field(description="哪一个时钟 / Which clock.")
    channels: tuple[str, ...] = Field((), description="渠道 / Channels.")
    lanes: tuple[str, ...] = Field((), description="通道：live、mail / Lanes: live, mail.")
    domains: tuple[str, ...] = Field((), description="业务域 / Domains.")
    types: tuple[str, ...] = Field((), description="类型 / Types.")
    urgencies: tuple[str, ...] = Field((), description="紧急程度 / Urgencies.")
    tiers: tuple[str, ...] = Field((), description="客户等级 / Customer tiers.")
    seconds: float = Field(gt=0, description="时限（秒） / Target, in seconds.")
    hours: HoursKind = Field(
        "natural",
        description="natural 自然时间；business 只数班组营业时间 "
        "/ business counts only while the team is there.",
    )

    def fits(self, facts: "Facts") -> bool:
        """Whether it is meant for a ticket like this."""
        return all(
            not wanted or value in wanted
            for wanted, value in (
                (self.channels, facts.channel),
                (self.lanes, facts.lane),
                (self.domains, facts.domain),
                (self.types, facts.type),
                (self.urgencies, facts.urgency),
                (self.tiers, facts.tier),
            )
        )


@dataclass(frozen=True, slots=True)
class Facts:
    """What of a ticket decides its targets; “” for a label that it does not have."""

    channel: str
    account: str
    lane: str
    tier: str
    domain: str = ""
    type: str = ""
    urgency: str = ""


@dataclass(slots=True)
class Run:
    """One run of one clock of one ticket: from when somebody waits until they do no longer.

    ``elapsed`` is what had passed at ``since``, or in all where ``since`` is None (paused, or
    at an end). Of an average answer it is the sum over ``turns``. ``asked_at`` is when the
    customer last wrote, of a clock that waits for an answer.
    """

    id: str
    ticket_id: str
    kind: ClockKind
    facts: Facts
    target: float
    hours: HoursKind
    started_at: float
    since: float | None
    elapsed: float = 0.0
    turns: int = 0
    level: int = 0
    asked_at: float | None = None
    warned_at: float | None = None
    breached_at: float | None = None
    due_at: float | None = None
    """When it will be past its target, as it was last written; None while it does not run."""
    stopped_at: float | None = None
    outcome: str | None = None
    """“met”, “missed”; “ended”: the ticket ended without it; “void”: the ticket was invalid."""
    lapsed: bool = False
    """The ticket ended without it, in time (“ended”) or late (“missed”)."""
    agent_id: str | None = None
    changed: bool = False
    """Not as it was read."""
    new: bool = False


class Mark(NamedTuple):
    """A line of a ticket's history of clocks. ``at`` is when it was so, not when it was seen."""

    what: str
    """“warned”, “breached”, “escalated”, “paused”, “resumed”, “retargeted”, “stopped”,
    “pressed”."""
    at: float
    run: Run | None
    elapsed: float = 0.0
    level: int = 0
    times: int = 0


@dataclass(slots=True)
class Case:
    """A ticket as its clocks see it; ``marks`` is what came about since it was read."""

    ticket_id: str
    number: str
    owner_id: str | None
    conversation_id: str
    facts: Facts
    created_at: float
    routing_due: float | None
    """When the router wants the first answer; None when it has been waited for anew since."""
    escalation: int
    pressed: int
    runs: list[Run] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)

    def open(self, *kinds: ClockKind) -> list[Run]:
        """Its runs that have not ended, of these kinds or of all."""
        return [
            run for run in self.runs if run.stopped_at is None and (not kinds or run.kind in kinds)
        ]


@dataclass(frozen=True, slots=True)
class ClockPolicy:
    """The settings of ``[clocks]``; see ``config/default.toml``."""

    targets: tuple[ClockTarget, ...]
    warn_at: float
    escalate_at: tuple[float, ...]
    escalating: frozenset[ClockKind]
    pausing: Mapping[ClockKind, frozenset[str]]
    press_after: Mapping[str, float]
    press_levels: tuple[int, ...]
    widen_to: str = ""

    def target(self, kind: ClockKind, facts: Facts) -> ClockTarget | None:
        """The first that is meant for such a ticket; None where that clock does not run."""
        return next((t for t in self.targets if t.clock == kind and t.fits(facts)), None)
