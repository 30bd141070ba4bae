"""The rules as versions, and which of them are live where."""

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
)

from models.tables.columns import Words, flag, identifier, metadata, where

rules_version = Table(
    "rules_version",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("content", JSON, nullable=False, comment="models.routing.Rules"),
    Column("state", String(12), nullable=False, server_default="draft"),
    Column("based_on", Integer),
    Column("why", Words, nullable=False),
    Column("created_at", Double, nullable=False),
    identifier("created_by", ForeignKey("agent.id")),
    Column("rehearsal", JSON, comment="The report of its last rehearsal."),
    CheckConstraint("state IN ('draft', 'published', 'retired')", name="state"),
)

rules_publication = Table(
    "rules_publication",
    metadata,
    identifier(primary_key=True),
    Column("number", Integer, ForeignKey("rules_version.number"), nullable=False),
    Column("line", JSON, nullable=False, comment="models.routing.Line; empty: everything."),
    Column("why", Words, nullable=False),
    Column("at", Double, nullable=False),
    identifier("by", ForeignKey("agent.id")),
    Column("replaced", JSON, nullable=False, comment="Ids of those that it ended."),
    flag("rollback"),
    Column("ended_at", Double),
    identifier("ended_by", ForeignKey("agent.id")),
    Index("ix_rules_publication_open", "id", **where("ended_at IS NULL")),
)
