"""A follow-up (回访): its states, how it is planned, and which result somebody must look at."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from models.satisfaction import LOW


class FollowUpState(StrEnum):
    """Where a follow-up is in its life."""

    WAITING = "waiting"
    ACTIVE = "active"
    ASKED = "asked"
    PAUSED = "paused"
    DONE = "done"
    UNREACHED = "unreached"
    CANCELLED = "cancelled"


_S = FollowUpState

STATE_NAMES: dict[FollowUpState, tuple[str, str]] = {
    _S.WAITING: ("待回访", "Waiting"),
    _S.ACTIVE: ("回访中", "In progress"),
    _S.ASKED: ("已去信，待答复", "Written to"),
    _S.PAUSED: ("未联系上，待重试", "To be tried again"),
    _S.DONE: ("已回访", "Done"),
    _S.UNREACHED: ("未能联系上", "Never reached"),
    _S.CANCELLED: ("已取消", "Cancelled"),
}

OPEN_STATES = frozenset({_S.WAITING, _S.ACTIVE, _S.ASKED, _S.PAUSED})
"""A ticket has at most one follow-up in these."""

PHONE = "phone"
"""The channel of an attempt by telephone: a person calls, and writes down what was said."""


@dataclass(frozen=True, slots=True)
class Plan:
    """When customers are called back. Times are in seconds.

    ``within``: by urgency, how long after the resolution at the latest; an urgency that is not
    in it is not followed up. Complaints always are, ``complaints_within``. ``begin_share`` of
    that time passes before the task enters the queue. Of ``attempts``, each comes ``again`` so
    long after the one before (the last of them repeats). ``spare`` moves a time out of the
    hours in which customers are left in peace. ``review``: a low result goes to a supervisor.
    """

    within: Mapping[str, float]
    complaints_within: float
    begin_share: float
    units: int
    attempts: int
    again: Sequence[float]
    review: bool
    spare: Callable[[float], float] = lambda at: at

    def next_at(self, now: float, made: int) -> float | None:
        """When to try again after ``made`` attempts; None: never."""
        if made >= self.attempts:
            return None
        return self.spare(now + self.again[min(made, len(self.again)) - 1])


@dataclass(frozen=True, slots=True)
class Said:
    """What came of an attempt. ``score`` is that of ``models.satisfaction.Score``, or None."""

    reached: bool
    content: str = ""
    score: int | None = None
    solved: bool | None = None

    @property
    def low(self) -> bool:
        """Whether somebody must look at the ticket again: not content, or not solved."""
        return self.solved is False or (self.score is not None and self.score <= LOW)
