"""What was received, before anybody has read it."""

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    text,
)

from models.tables.columns import Line, Words, flag, identifier, metadata, number, where

blob = Table(
    "blob",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("put_at", Double, nullable=False, server_default=text("0"), comment="The last time."),
)

blob_left = Table(
    "blob_left",
    metadata,
    Column("sha256", String(64), primary_key=True, comment="It may be nobody's any more."),
    Column("at", Double, nullable=False, index=True, comment="Since when, as far as is known."),
)

envelope = Table(
    "envelope",
    metadata,
    identifier(primary_key=True),
    Column("channel", String(32), nullable=False),
    Column("account", Line(255), nullable=False),
    Column("dedupe_key", Line(255), nullable=False),
    Column("body_sha256", String(64), nullable=False),
    Column("body", LargeBinary, comment="Null when the content is a blob."),
    Column("transport", JSON, nullable=False),
    Column("received_at", Double, nullable=False),
    Column("lane", Integer, nullable=False, comment="0 live, 1 mail: leased in this order."),
    Column("state", String(8), nullable=False, server_default="new"),
    flag("suspect"),
    number("attempts"),
    Column("lease", String(36)),
    Column("lease_until", Double),
    Column("not_before", Double, nullable=False, server_default=text("0")),
    Column("error", Words),
    Column("finished_at", Double),
    Column("name", Line(280), comment="The sender's own of the message, if it has one."),
    UniqueConstraint("channel", "account", "dedupe_key"),
    CheckConstraint("state IN ('new', 'done', 'parked')", name="state"),
    Index(
        "uq_envelope_name",
        "channel",
        "account",
        "name",
        unique=True,
        **where("name IS NOT NULL"),
    ),
    Index("ix_envelope_todo", "lane", "suspect", "id", **where("state = 'new'")),
    Index("ix_envelope_leased", "lease_until", **where("lease IS NOT NULL")),
    Index("ix_envelope_parked", "id", **where("state = 'parked'")),
)
