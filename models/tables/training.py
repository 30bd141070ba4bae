"""What the classifier learns from, and what came of it."""

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    text,
)

from models.tables.columns import Line, flag, identifier, metadata, where

correction = Table(
    "correction",
    metadata,
    identifier(primary_key=True),
    identifier("ticket_id", ForeignKey("ticket.id"), nullable=False, index=True),
    identifier("agent_id", ForeignKey("agent.id"), nullable=False),
    Column("at", Double, nullable=False),
    Column("facet", Line(32), nullable=False),
    Column("before", Line(64), nullable=False),
    Column("after", Line(64), nullable=False),
    Column("upto", Integer, comment="Number of the conversation's last message it was given for."),
    Column("excluded_at", Double, comment="Since when an admin keeps it out of training."),
    identifier("excluded_by"),
    Index("ix_correction_at", "at"),
)

bundle = Table(
    "bundle",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("card", JSON, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("promoted_at", Double, index=True, comment="The latest of these serves."),
    Column("replaced", String(64), comment="The champion before it: where a rollback leads."),
    Column("shadow_since", Double, comment="Since when it labels beside the champion; of one."),
    Column("pinned_at", Double, comment="Since when an admin wants it kept."),
    Column("dropped_at", Double, comment="Since when its content is empty: the card stays."),
)

retraining = Table(
    "retraining",
    metadata,
    identifier(primary_key=True),
    Column("state", String(12), nullable=False),
    # One at a time: the database itself refuses a second one.
    Column("live", Boolean, nullable=False, server_default=text("true")),
    flag("cancelled"),
    identifier("started_by", ForeignKey("agent.id")),
    Column("seed", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("finished_at", Double),
    Column("lease", String(36)),
    Column("lease_until", Double),
    Column("stage", String(16), nullable=False, server_default="waiting"),
    Column("share", Double, nullable=False, server_default=text("0")),
    Column("seconds_left", Double),
    Column("error", JSON, comment="Why it failed, in both languages."),
    Column("outcome", JSON, comment="models.training.Outcome"),
    Column("bundle_id", String(64), ForeignKey("bundle.id"), index=True),
    Column("upto", Double, comment="Time of the newest correction that was looked at."),
    CheckConstraint(
        "state IN ('waiting', 'running', 'done', 'failed', 'cancelled')", name="state"
    ),
    Index("uq_retraining_live", "live", unique=True, **where("live")),
)
