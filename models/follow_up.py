"""A follow-up (回访): its states, and what may follow them."""

from enum import StrEnum


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
    _S.ASKED: ("已去信，待答复", "Written to, not answered yet"),
    _S.PAUSED: ("未联系上，待重试", "Not reached, tried again later"),
    _S.DONE: ("已回访", "Done"),
    _S.UNREACHED: ("未能联系上", "Never reached"),
    _S.CANCELLED: ("已取消", "Cancelled"),
}

OPEN_STATES = frozenset({_S.WAITING, _S.ACTIVE, _S.ASKED, _S.PAUSED})
"""A ticket has at most one follow-up in these."""
