"""What processes agree on: numbers, leases, how far a platform was read, what was asked before."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    text,
)

from models.tables.columns import Line, identifier, metadata

counter = Table(
    "counter",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

master_key = Table(
    "master_key",
    metadata,
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("mark", BigInteger, nullable=False, unique=True, comment="Tells nothing of the key."),
    Column("ring", LargeBinary, comment="The keys before it, sealed with it; null: it is first."),
    Column(
        "signing",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="Generation of the key that signs.",
    ),
    Column("created_at", Double, nullable=False),
    Column("activated_at", Double, comment="Since when it is the one that writes."),
    Column("finished_at", Double, comment="Since when no other key is needed."),
)

lease = Table(
    "lease",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", String(36), nullable=False),
    Column("fence", BigInteger, nullable=False, comment="Grows with every new holder."),
    Column("until", Double, nullable=False),
)

cursor = Table(
    "cursor",
    metadata,
    Column("channel", String(32), primary_key=True),
    Column("account", Line(255), primary_key=True),
    Column("value", JSON, nullable=False, comment="How far a platform was read."),
    Column("updated_at", Double, nullable=False),
)

request_key = Table(
    "request_key",
    metadata,
    identifier("agent_id", ForeignKey("agent.id"), primary_key=True),
    Column("client_id", String(64), primary_key=True),
    Column("asked", String(64), nullable=False, comment="SHA-256 of it and its place."),
    Column("made", Text, nullable=False, server_default=""),
    Column("at", Double, nullable=False, index=True),
)
