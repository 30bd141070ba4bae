"""Tickets that one person offers to another, to whoever has a skill, or to a team."""

from sqlalchemy import JSON, Column, Double, ForeignKey, Index, String, Table

from models.tables.columns import Line, Words, identifier, metadata, where

transfer = Table(
    "transfer",
    metadata,
    identifier(primary_key=True),
    identifier("ticket_id", ForeignKey("ticket.id"), nullable=False),
    identifier("from_id", ForeignKey("agent.id"), nullable=False),
    identifier("to_id", ForeignKey("agent.id")),
    Column("skill", Line(64), comment="Whoever has it may take the ticket."),
    Column("needs", JSON, comment="Of the ticket, once somebody with the skill has it."),
    Column("note", Words, nullable=False, server_default=""),
    Column("at", Double, nullable=False),
    Column("until", Double, nullable=False),
    Column("ended_at", Double),
    Column("outcome", String(12), comment="accepted, declined, timeout or withdrawn."),
    Index("uq_transfer_live_ticket", "ticket_id", unique=True, **where("ended_at IS NULL")),
    Index("ix_transfer_to_id", "to_id", **where("ended_at IS NULL")),
    Index("ix_transfer_skill", "skill", **where("ended_at IS NULL")),
)
