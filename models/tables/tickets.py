"""Tickets, the queues they wait in, and who has had them."""

from sqlalchemy import JSON, Column, Double, ForeignKey, Index, Integer, String, Table, text

from models.tables.columns import Line, Words, flag, identifier, metadata, number, where
from models.ticket import OPEN_STATES, TicketState

_OPEN = ", ".join(f"'{state}'" for state in sorted(OPEN_STATES))
_WAITING = f"state = '{TicketState.WAITING}'"
_ESCALATED = f"escalation > 0 AND state IN ({_OPEN})"

skill_class = Table(
    "skill_class",
    metadata,
    Column("name", String(512), primary_key=True),
    Column("needs", JSON, nullable=False),
)

ticket = Table(
    "ticket",
    metadata,
    identifier(primary_key=True),
    Column("number", String(24), nullable=False, unique=True),
    identifier("conversation_id", ForeignKey("conversation.id"), nullable=False),
    identifier("customer_id", ForeignKey("customer.id"), nullable=False),
    Column("channel", String(32), nullable=False),
    Column("lane", String(8), nullable=False),
    Column("state", String(12), nullable=False),
    flag("junk"),
    Column("subject", Words, nullable=False, server_default=""),
    Column("lang", Line(16), nullable=False, server_default="und"),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    # What it is about.
    Column("labels", JSON, comment="models.ticket.Labels"),
    flag("label_due"),
    Column("held_until", Double, nullable=False, server_default=text("0")),
    number("text_version"),
    Column("trouble", Words, comment="Why the raw message could not be read."),
    # Where it waits. sort_key is the class-free part of its key (router.keys).
    Column("skill_class", String(512), ForeignKey("skill_class.name")),
    flag("by_hand"),  # a person chose the class; labels no longer do
    Column("sort_key", Double),
    Column("clock_at", Double, comment="When its target counts from: queued_at, or opening."),
    Column("target", Double),
    Column("rules_version", String(64), comment="Of the rules that placed it."),
    flag("late"),
    number("relax_step"),
    Column("next_step_at", Double, comment="When it is relaxed or late; null: never again."),
    number("units", 1),
    Column("queued_at", Double),
    Column("routed_at", Double, comment="When labels and queue were first known."),
    Column("first", JSON, nullable=False, server_default="[]", comment="Agents tried before all."),
    flag("interrupts"),  # may take the place of interruptible work
    Column("wake_at", Double, comment="When a snoozed one comes back by itself."),
    # Who has it.
    number("epoch"),
    identifier("owner_id", ForeignKey("agent.id")),
    identifier("sticky_id", ForeignKey("agent.id")),
    Column("excluded", JSON, nullable=False, server_default="[]"),
    Column("offer_until", Double),
    Column("first_answer_at", Double),
    Column("resolved_at", Double),
    Column("ended_at", Double, comment="When it last left the open states."),
    # Of what other ticket it is a part.
    identifier("merged_into", comment="The ticket that goes on for both."),
    identifier("split_from", comment="It is about a part of that ticket's conversation."),
    identifier("predecessor_id", comment="The ticket that it goes on from, after its window."),
    # How urgently those above the agents are asked: 升级级别 1 to 3, never the urgency label.
    number("escalation"),
    number("pressed"),  # 催单: how often the customer asked again
    Index(
        "uq_ticket_open_conversation",
        "conversation_id",
        unique=True,
        **where(f"state IN ({_OPEN}) AND split_from IS NULL"),
    ),
    Index(
        "ix_ticket_queue",
        "skill_class",
        "relax_step",
        "sort_key",
        "id",
        **where(_WAITING),
    ),
    # Not by time alone: SQLite would rather read everything that waits by its state.
    Index("ix_ticket_step", "state", "next_step_at", **where(_WAITING)),
    Index(
        "ix_ticket_interrupting",
        "state",  # as in ix_ticket_step, which SQLite would take otherwise
        "sort_key",
        "id",
        **where(f"{_WAITING} AND interrupts"),
    ),
    # The state first, as in ix_ticket_step.
    Index("ix_ticket_escalated", "state", "escalation", **where(_ESCALATED)),
    Index("ix_ticket_merged_into", "merged_into", **where("merged_into IS NOT NULL")),
    Index("ix_ticket_wake", "wake_at", **where("state = 'snoozed'")),
    Index("ix_ticket_label_due", "id", **where("label_due")),
    Index("ix_ticket_customer", "customer_id", "created_at"),
    Index("ix_ticket_owner", "owner_id", "state"),
    Index("ix_ticket_conversation", "conversation_id", "created_at"),
    Index("ix_ticket_state", "state", "id"),
    Index("ix_ticket_junk", "id", **where("junk")),
    Index("ix_ticket_created", "created_at", "skill_class"),
    Index("ix_ticket_answered", "first_answer_at", **where("first_answer_at IS NOT NULL")),
)

IS_WAITING = text(f"{ticket.name}.{_WAITING}")
"""The condition of the partial indexes, word for word: only so a database sees that they do."""

IS_ESCALATED = text(_ESCALATED)

assignment = Table(
    "assignment",
    metadata,
    identifier(primary_key=True),
    identifier("ticket_id", ForeignKey("ticket.id"), nullable=False),
    identifier("agent_id", ForeignKey("agent.id"), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("units", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("accepted_at", Double),
    Column("ended_at", Double),
    Column("outcome", String(16)),
    Column("decision", JSON, nullable=False, comment="Why: candidates, key, rules version."),
    # The database itself refuses a second owner.
    Index("uq_assignment_live_ticket", "ticket_id", unique=True, **where("ended_at IS NULL")),
    Index("ix_assignment_ticket", "ticket_id", "at"),
    Index("ix_assignment_at", "at"),
    Index("ix_assignment_agent", "agent_id", "at"),
    Index("ix_assignment_accepted", "accepted_at", **where("accepted_at IS NOT NULL")),
    Index("ix_assignment_ended", "ended_at"),
)
