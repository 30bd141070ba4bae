"""What is to happen at a time by itself."""

from sqlalchemy import JSON, Column, Double, Index, String, Table, UniqueConstraint, text

from models.tables.columns import Line, Words, identifier, metadata, number

timer = Table(
    "timer",
    metadata,
    identifier(primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("subject", Line(64), nullable=False, comment="Mostly the id of a ticket."),
    Column("due_at", Double, nullable=False),
    Column("data", JSON, nullable=False),
    Column("created_at", Double, nullable=False),
    number("failures"),
    Column("error", Words),
    Column("not_before", Double, nullable=False, server_default=text("0")),
    UniqueConstraint("kind", "subject"),
    Index("ix_timer_due", "due_at"),
)
