"""Answers that admins have written once for all."""

from sqlalchemy import Column, Double, ForeignKey, Table

from models.tables.columns import Line, Words, identifier, metadata

canned = Table(
    "canned",
    metadata,
    identifier(primary_key=True),
    Column("title", Line(120), nullable=False, comment="What it answers, as customers ask it."),
    Column("zh", Words, nullable=False, server_default=""),
    Column("en", Words, nullable=False, server_default=""),
    Column("updated_at", Double, nullable=False),
    identifier("updated_by", ForeignKey("agent.id")),
    Column("retired_at", Double, comment="Since when it is not offered any more."),
)
