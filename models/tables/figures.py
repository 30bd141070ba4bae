"""What figures are counted from, and nothing else keeps: steps of tickets, times of presence."""

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Index, String, Table

from models.tables.columns import identifier, metadata, where

ticket_step = Table(
    "ticket_step",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False, comment="Of its event."),
    identifier("ticket_id", ForeignKey("ticket.id"), nullable=False),
    Column("at", Double, nullable=False),
    Column("before", String(12), nullable=False),
    Column("state", String(12), nullable=False),
    identifier("agent_id", comment="Who had it, or has it now."),
    Index("ix_ticket_step_at", "at"),
    Index("ix_ticket_step_ticket", "ticket_id", "at"),
)

presence_span = Table(
    "presence_span",
    metadata,
    identifier(primary_key=True),
    identifier("agent_id", ForeignKey("agent.id"), nullable=False),
    Column("presence", String(16), nullable=False),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
    Index("ix_presence_span_agent", "agent_id", "started_at"),
    Index("ix_presence_span_ended", "ended_at"),
    Index("uq_presence_span_open", "agent_id", unique=True, **where("ended_at IS NULL")),
)
