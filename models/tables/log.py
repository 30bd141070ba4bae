"""What happened, and who outside is told."""

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Table,
    Text,
    text,
)

from models.tables.columns import Line, Words, identifier, metadata, number, where

event = Table(
    "event",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    identifier("ticket_id"),
    identifier("conversation_id"),
    identifier("agent_id"),
    Column("data", JSON, nullable=False),
    Index("ix_event_ticket", "ticket_id", "seq"),
)

webhook = Table(
    "webhook",
    metadata,
    identifier(primary_key=True),
    Column("url", Words, nullable=False),
    Column("kinds", JSON, nullable=False, comment="Event kinds wanted; none: all."),
    Column("secret", LargeBinary, nullable=False, comment="Sealed with a key of its own."),
    Column("position", BigInteger, nullable=False, comment="Events up to this are spread."),
    Column("pause_until", Double, nullable=False, server_default=text("0")),
    number("failures"),  # in a row
    Column("created_at", Double, nullable=False),
    Column("disabled_at", Double),
)

webhook_event = Table(
    "webhook_event",
    metadata,
    identifier("webhook_id", ForeignKey("webhook.id"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    identifier("ticket_id"),
    Column("kind", String(32), nullable=False),
    Column("body", Text, nullable=False, comment="As it is signed: every attempt is the same."),
    Column("state", String(8), nullable=False, server_default="due"),
    number("attempts"),
    Column("lease", String(36)),
    Column("lease_until", Double),
    Column("not_before", Double, nullable=False, server_default=text("0")),
    Column("error", Words),
    Column("created_at", Double, nullable=False),
    Column("finished_at", Double),
    CheckConstraint("state IN ('due', 'done', 'failed')", name="state"),
    Index("ix_webhook_event_todo", "webhook_id", "ticket_id", "seq", **where("state = 'due'")),
    Index("ix_webhook_event_next", "webhook_id", "seq", **where("state = 'due'")),
    Index("ix_webhook_event_finished", "finished_at"),
)

audit = Table(
    "audit",
    metadata,
    identifier(primary_key=True),
    Column("at", Double, nullable=False, index=True),
    identifier("agent_id"),
    Column("action", String(64), nullable=False),
    Column("subject", Line(64), nullable=False, index=True),
    Column("detail", JSON, nullable=False),
    Index("ix_audit_alarm", "action", **where("action LIKE 'alarm.%'")),
)
