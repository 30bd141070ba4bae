"""Follow-ups (回访): calling a customer back after a ticket was resolved, and what came of it."""

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
)

from models.follow_up import OPEN_STATES, FollowUpState
from models.tables.columns import Line, Words, flag, identifier, metadata, number, where


def _listed(states: frozenset[FollowUpState] | type[FollowUpState]) -> str:
    return ", ".join(f"'{state}'" for state in sorted(states))


follow_up = Table(
    "follow_up",
    metadata,
    identifier(primary_key=True),
    identifier("ticket_id", ForeignKey("ticket.id"), nullable=False, index=True),
    Column("state", String(12), nullable=False),
    Column("urgency", Line(64), nullable=False, server_default=""),
    flag("complaint"),  # another person than the handler calls
    identifier("handler_id", ForeignKey("agent.id")),
    Column("excluded", JSON, nullable=False, server_default="[]", comment="Who may not call."),
    Column("skill_class", String(512), ForeignKey("skill_class.name")),
    number("units", 1),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("queued_at", Double, nullable=False, comment="Since when it has waited this time."),
    Column("due_at", Double, nullable=False),
    number("attempts"),
    # Who has it.
    number("epoch"),
    identifier("owner_id", ForeignKey("agent.id")),
    identifier("sticky_id", ForeignKey("agent.id")),
    Column("decision", JSON, comment="Why it is theirs: candidates, key, rules version."),
    # What came of it.
    Column("ended_at", Double),
    Column("score", Integer, comment="5 is very satisfied, 1 very dissatisfied."),
    Column("solved", Boolean),
    Column("review", String(12), comment="Of a low result: open, reopened or kept."),
    identifier("reviewed_by", ForeignKey("agent.id")),
    Column("reviewed_at", Double),
    Column("review_note", Words, nullable=False, server_default=""),
    CheckConstraint(f"state IN ({_listed(FollowUpState)})", name="state"),
    Index(
        "uq_follow_up_open_ticket",
        "ticket_id",
        unique=True,
        **where(f"state IN ({_listed(OPEN_STATES)})"),
    ),
    Index("ix_follow_up_waiting", "due_at", "id", **where("state = 'waiting'")),
    Index("ix_follow_up_owner", "owner_id", "state"),
    Index("ix_follow_up_review", "review", "due_at", **where("review IS NOT NULL")),
    Index("ix_follow_up_state", "state", "due_at"),
)

follow_up_attempt = Table(
    "follow_up_attempt",
    metadata,
    identifier(primary_key=True),
    identifier("follow_up_id", ForeignKey("follow_up.id"), nullable=False, index=True),
    Column("client_id", String(64), nullable=False, unique=True),
    identifier("agent_id", ForeignKey("agent.id")),
    Column("at", Double, nullable=False),
    Column("channel", String(32), nullable=False, comment="“phone”, or whose text went out."),
    Column("reached", Boolean, comment="Null: written to, and not answered yet."),
    Column("content", Words, nullable=False, server_default=""),
    Column("score", Integer),
    Column("solved", Boolean),
    identifier("conversation_id", ForeignKey("conversation.id"), index=True),
    identifier("outbound_id", ForeignKey("outbound.id")),
)
