"""Helpers (协办) on a ticket, what each is asked to do, and notes that stay among us."""

from sqlalchemy import CheckConstraint, Column, Double, ForeignKey, Index, String, Table

from models.tables.columns import Line, Words, identifier, metadata, number, where

helper = Table(
    "helper",
    metadata,
    identifier(primary_key=True),
    identifier("ticket_id", ForeignKey("ticket.id"), nullable=False),
    identifier("agent_id", ForeignKey("agent.id"), nullable=False, index=True),
    number("units"),
    Column("at", Double, nullable=False),
    identifier("added_by", ForeignKey("agent.id")),
    Column("ended_at", Double),
    Index("uq_helper_live", "ticket_id", "agent_id", unique=True, **where("ended_at IS NULL")),
)

subtask = Table(
    "subtask",
    metadata,
    identifier(primary_key=True),
    identifier("ticket_id", ForeignKey("ticket.id"), nullable=False, index=True),
    Column("title", Words, nullable=False),
    Column("department", Line(64), nullable=False, server_default=""),
    identifier("assignee_id", ForeignKey("agent.id")),
    Column("due_at", Double, nullable=False),
    Column("state", String(9), nullable=False, server_default="open"),
    Column("result", Words, nullable=False, server_default=""),
    Column("created_at", Double, nullable=False),
    identifier("created_by", ForeignKey("agent.id")),
    Column("late_at", Double, comment="When its time ran out undone."),
    Column("ended_at", Double),
    identifier("ended_by", ForeignKey("agent.id")),
    CheckConstraint("state IN ('open', 'done', 'cancelled')", name="state"),
    Index("ix_subtask_assignee", "assignee_id", "due_at", **where("state = 'open'")),
    Index("ix_subtask_department", "department", "due_at", **where("state = 'open'")),
)

note = Table(
    "note",
    metadata,
    identifier(primary_key=True),
    identifier("ticket_id", ForeignKey("ticket.id"), nullable=False, index=True),
    identifier("agent_id", ForeignKey("agent.id"), nullable=False),
    Column("at", Double, nullable=False),
    Column("text", Words, nullable=False),
)
