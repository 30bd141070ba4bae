"""What processes agree on: numbers, leases, and how far a platform was read."""

from sqlalchemy import JSON, BigInteger, Column, Double, String, Table

from models.tables.columns import Line, metadata

counter = Table(
    "counter",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", BigInteger, nullable=False),
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
