"""Which processes of ours live."""

from sqlalchemy import BigInteger, Column, Double, Integer, String, Table

from models.tables.columns import Line, Words, identifier, metadata

process = Table(
    "process",
    metadata,
    identifier(primary_key=True),
    Column("role", String(16), nullable=False),
    Column("host", Line(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", Line(64), nullable=False),
    Column("started_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False),
    Column("key_mark", BigInteger, comment="Of the master key that it has."),
    Column("trouble", Words, comment="What it cannot do now; null: nothing."),
)
