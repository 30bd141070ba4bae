"""A ticket: its states with their legal moves, and the labels the classifier gave it."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class TicketState(StrEnum):
    """Where a ticket is in its life."""

    NEW = "new"
    WAITING = "waiting"
    OFFERED = "offered"
    ACTIVE = "active"
    PENDING = "pending"
    SNOOZED = "snoozed"
    HELPING = "helping"
    RESOLVED = "resolved"
    CLOSED = "closed"
    RETURNED = "returned"
    INVALID = "invalid"


STATE_NAMES: dict[TicketState, tuple[str, str]] = {
    TicketState.NEW: ("受理", "Received"),
    TicketState.WAITING: ("待分配", "Waiting"),
    TicketState.OFFERED: ("待接单", "Offered"),
    TicketState.ACTIVE: ("处理中", "In progress"),
    TicketState.PENDING: ("待客户回复", "Pending on customer"),
    TicketState.SNOOZED: ("挂起", "Snoozed"),
    TicketState.HELPING: ("协办中", "With helpers"),
    TicketState.RESOLVED: ("已解决", "Resolved"),
    TicketState.CLOSED: ("已关闭", "Closed"),
    TicketState.RETURNED: ("已退回", "Returned"),
    TicketState.INVALID: ("无效", "Invalid"),
}

_S = TicketState
MOVES: dict[TicketState, frozenset[TicketState]] = {
    _S.NEW: frozenset({_S.WAITING, _S.INVALID}),
    _S.WAITING: frozenset({_S.OFFERED, _S.ACTIVE, _S.RESOLVED, _S.RETURNED, _S.INVALID}),
    _S.OFFERED: frozenset({_S.ACTIVE, _S.WAITING, _S.INVALID}),
    _S.ACTIVE: frozenset(
        {_S.WAITING, _S.PENDING, _S.SNOOZED, _S.HELPING, _S.RESOLVED, _S.RETURNED, _S.INVALID}
    ),
    _S.PENDING: frozenset({_S.WAITING, _S.ACTIVE, _S.RESOLVED, _S.INVALID}),
    _S.SNOOZED: frozenset({_S.WAITING, _S.ACTIVE, _S.RESOLVED, _S.INVALID}),
    _S.HELPING: frozenset({_S.WAITING, _S.ACTIVE, _S.RESOLVED, _S.INVALID}),
    _S.RESOLVED: frozenset({_S.WAITING, _S.ACTIVE, _S.CLOSED}),
    _S.CLOSED: frozenset(),
    _S.RETURNED: frozenset({_S.WAITING, _S.CLOSED}),
    _S.INVALID: frozenset({_S.WAITING, _S.CLOSED}),
}
"""From each state, the states that may follow. Whoever moves a ticket asks this table."""

OPEN_STATES = frozenset(
    {_S.NEW, _S.WAITING, _S.OFFERED, _S.ACTIVE, _S.PENDING, _S.SNOOZED, _S.HELPING}
)
"""A conversation has at most one ticket in these; the customer's next word goes to it."""

LOADED_STATES = frozenset({_S.OFFERED, _S.ACTIVE, _S.HELPING})
"""States that use up the owner's capacity."""


MACHINES = frozenset({"model", "floor", "declared"})
"""What ``Label.by`` says where no person gave the label."""


class Reason(BaseModel):
    """One thing that spoke for (positive weight) or against (negative) a label."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = Field(description="“word”, “chars”, “cue”, “shape”, “floor” or “declared”.")
    text: str
    weight: float


class Label(BaseModel):
    """One facet's class with a calibrated probability and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: str
    confidence: float = Field(ge=0, le=1)
    accepted: bool = Field(description="False: below the threshold, a person decides.")
    alternatives: tuple[tuple[str, float], ...] = ()
    reasons: tuple[Reason, ...] = ()
    by: str = Field("model", description="“model”, “floor”, “declared” or the id of the agent.")


class Labels(BaseModel):
    """What a ticket is about: facet name (type, domain, urgency) to its label."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    facets: dict[str, Label]
    bundle: str = Field(description="The classifier bundle that gave them.")

    @property
    def abstained(self) -> bool:
        """Whether any facet is left to a person."""
        return not all(label.accepted for label in self.facets.values())
