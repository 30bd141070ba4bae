"""The clocks of tickets: one row for each run, and what came about in it."""

from sqlalchemy import Column, Double, ForeignKey, Index, String, Table, text

from models.tables.columns import Line, flag, identifier, metadata, number, where

clock = Table(
    "clock",
    metadata,
    identifier(primary_key=True),
    identifier("ticket_id", ForeignKey("ticket.id"), nullable=False),
    Column("kind", String(16), nullable=False, comment="models.clocks.ClockKind"),
    # What decided its target, as it was then: figures need no labels of today.
    Column("channel", String(32), nullable=False),
    Column("account", Line(255), nullable=False),
    Column("lane", String(8), nullable=False),
    Column("tier", Line(64), nullable=False),
    Column("domain", Line(64), nullable=False),
    Column("type", Line(64), nullable=False),
    Column("urgency", Line(64), nullable=False),
    Column("target", Double, nullable=False, comment="Seconds."),
    Column("hours", String(8), nullable=False),
    Column("started_at", Double, nullable=False),
    Column("since", Double, comment="When it last began to run; null: it does not."),
    Column("elapsed", Double, nullable=False, server_default=text("0")),
    number("turns"),  # of an average answer, over how many elapsed is the sum
    number("level"),  # what it has escalated to
    Column("asked_at", Double, comment="When the customer last wrote while it ran."),
    Column("warned_at", Double),
    Column("breached_at", Double),
    Column("due_at", Double, comment="When it is past its target; null: it does not run."),
    Column("stopped_at", Double),
    Column("outcome", String(8), comment="met, missed, ended, void"),
    flag("lapsed"),  # the ticket ended before what it waits for came, in time or late
    identifier("agent_id"),
    Index("ix_clock_ticket", "ticket_id"),
    Index("ix_clock_started", "started_at"),
    Index("ix_clock_breached", "kind", "breached_at", **where("breached_at IS NOT NULL")),
)

clock_event = Table(
    "clock_event",
    metadata,
    identifier(primary_key=True),
    identifier("ticket_id", ForeignKey("ticket.id"), nullable=False),
    identifier("clock_id", ForeignKey("clock.id")),  # null: of the ticket as a whole
    Column("what", String(16), nullable=False, comment="models.clocks.Mark"),
    Column("at", Double, nullable=False, comment="When it was so."),
    Column("noted_at", Double, nullable=False, comment="When it was seen."),
    Column("elapsed", Double, nullable=False),
    number("level"),
    number("times"),
    Index("ix_clock_event_ticket", "ticket_id", "at"),
    Index("ix_clock_event_at", "at", "what"),
)
