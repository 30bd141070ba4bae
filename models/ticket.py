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
    MERGED = "merged"


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
    TicketState.MERGED: ("已合并", "Merged"),
}

_S = TicketState
WAYS: dict[tuple[TicketState, TicketState], tuple[str, str]] = {
    (_S.NEW, _S.WAITING): ("识别后入队", "labelled and queued"),
    (_S.NEW, _S.INVALID): ("标为无效", "marked as junk"),
    (_S.WAITING, _S.OFFERED): ("派给坐席", "offered to an agent"),
    (_S.WAITING, _S.ACTIVE): ("自动接入或接手", "given to an agent, or taken"),
    (_S.WAITING, _S.RESOLVED): ("班长直接解决", "resolved by a supervisor"),
    (_S.WAITING, _S.RETURNED): ("班长退回", "sent back by a supervisor"),
    (_S.WAITING, _S.INVALID): ("标为无效", "marked as junk"),
    (_S.WAITING, _S.MERGED): ("并入另一张", "merged into another"),
    (_S.OFFERED, _S.ACTIVE): ("接单", "accepted"),
    (_S.OFFERED, _S.WAITING): ("拒接、超时或断线", "declined, let pass, or out of contact"),
    (_S.OFFERED, _S.INVALID): ("标为无效", "marked as junk"),
    (_S.ACTIVE, _S.WAITING): ("退回队列", "back to a queue"),
    (_S.ACTIVE, _S.PENDING): ("等客户回复", "pended on the customer"),
    (_S.ACTIVE, _S.SNOOZED): ("挂起", "snoozed"),
    (_S.ACTIVE, _S.HELPING): ("请协办", "helpers are asked"),
    (_S.ACTIVE, _S.RESOLVED): ("解决", "resolved"),
    (_S.ACTIVE, _S.RETURNED): ("退回", "sent back to its source"),
    (_S.ACTIVE, _S.INVALID): ("标为无效", "marked as junk"),
    (_S.ACTIVE, _S.MERGED): ("并入另一张", "merged into another"),
    (_S.PENDING, _S.WAITING): (
        "客户来信，或负责人离开",
        "the customer writes, or its owner leaves",
    ),
    (_S.PENDING, _S.ACTIVE): ("接手", "taken up again"),
    (_S.PENDING, _S.RESOLVED): ("解决", "resolved"),
    (_S.PENDING, _S.INVALID): ("标为无效", "marked as junk"),
    (_S.PENDING, _S.MERGED): ("并入另一张", "merged into another"),
    (_S.SNOOZED, _S.WAITING): ("到时，或客户来信", "its time comes, or the customer writes"),
    (_S.SNOOZED, _S.ACTIVE): ("接手", "taken up again"),
    (_S.SNOOZED, _S.RESOLVED): ("解决", "resolved"),
    (_S.SNOOZED, _S.INVALID): ("标为无效", "marked as junk"),
    (_S.SNOOZED, _S.MERGED): ("并入另一张", "merged into another"),
    (_S.HELPING, _S.WAITING): ("退回队列", "back to a queue"),
    (_S.HELPING, _S.ACTIVE): ("协办结束", "the helpers are done"),
    (_S.HELPING, _S.RESOLVED): ("解决", "resolved"),
    (_S.HELPING, _S.INVALID): ("标为无效", "marked as junk"),
    (_S.HELPING, _S.MERGED): ("并入另一张", "merged into another"),
    (_S.RESOLVED, _S.WAITING): ("重开，回到队列", "reopened, to the queue"),
    (_S.RESOLVED, _S.ACTIVE): (
        "重开或收回，原坐席继续",
        "reopened or taken back, by the same agent",
    ),
    (_S.RESOLVED, _S.CLOSED): ("到期或班长关闭", "closed by the clock or a supervisor"),
    (_S.RESOLVED, _S.MERGED): ("并入另一张", "merged into another"),
    (_S.RETURNED, _S.WAITING): (
        "客户补充，或班长恢复",
        "the customer adds to it, or a supervisor reopens",
    ),
    (_S.RETURNED, _S.ACTIVE): (
        "客户补充或收回，原坐席继续",
        "the customer adds to it, or it is taken back, for the same agent",
    ),
    (_S.RETURNED, _S.CLOSED): ("到期或班长关闭", "closed by the clock or a supervisor"),
    (_S.INVALID, _S.WAITING): ("恢复", "not junk after all"),
    (_S.INVALID, _S.CLOSED): ("到期或班长关闭", "closed by the clock or a supervisor"),
    (_S.MERGED, _S.WAITING): ("撤销合并", "the merger is undone"),
    (_S.MERGED, _S.RESOLVED): ("撤销合并（原已解决）", "undone; it had been resolved"),
}
"""Every legal move, and what brings it about, in Chinese and English. ``CLOSED`` is the end."""

MOVES: dict[TicketState, frozenset[TicketState]] = {
    state: frozenset(to for at, to in WAYS if at == state) for state in TicketState
}
"""From each state, the states that may follow. Whoever moves a ticket asks this table."""

OPEN_STATES = frozenset(
    {_S.NEW, _S.WAITING, _S.OFFERED, _S.ACTIVE, _S.PENDING, _S.SNOOZED, _S.HELPING}
)
"""A conversation has at most one ticket in these; the customer's next word goes to it."""

LOADED_STATES = frozenset({_S.OFFERED, _S.ACTIVE, _S.HELPING})
"""States that use up the owner's capacity."""

LONGEST_TEXT = 8000
"""Characters of a ticket that the classifier reads, and learns from; the newest count."""


FILED = "filed"
"""By what a complaint that was filed keeps its type, whatever the classifier says later."""

MACHINES = frozenset({"model", "floor", "declared", FILED})
"""What ``Label.by`` says where no person gave the label."""


class Reason(BaseModel):
    """One thing that spoke for (positive weight) or against (negative) a label."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = Field(
        description="“word”, “chars”, “cue”, “shape”, “floor”, “declared” or “filed”."
    )
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
    by: str = Field(
        "model", description="“model”, “floor”, “declared”, “filed” or the id of the agent."
    )


class Labels(BaseModel):
    """What a ticket is about: facet name (type, domain, urgency) to its label."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    facets: dict[str, Label]
    bundle: str = Field(description="The classifier bundle that gave them.")

    @property
    def abstained(self) -> bool:
        """Whether any facet is left to a person."""
        return not all(label.accepted for label in self.facets.values())
