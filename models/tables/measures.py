"""What is measured of the whole: how long each stage takes, and which invariants are broken."""

from sqlalchemy import Column, Double, String, Table

from models.tables.columns import Long, Words, metadata, number

stage_time = Table(
    "stage_time",
    metadata,
    Column("queue", String(512), primary_key=True, comment="The skill class."),
    Column("stage", String(16), primary_key=True),
    Column("bound", Double, primary_key=True, comment="Seconds; the least one that it fits."),
    Column("tickets", Long, nullable=False),
    Column("seconds", Double, nullable=False, comment="The sum of all."),
)

invariant = Table(
    "invariant",
    metadata,
    Column("name", String(32), primary_key=True),
    number("broken"),
    Column("example", Words, comment="The id of one ticket or agent."),
    Column("looked_at", Double, nullable=False),
    Column("since", Double, comment="When it was found broken; null: it is whole."),
)
