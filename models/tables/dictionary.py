"""Words of the trade that admins have added to the taxonomy's."""

from sqlalchemy import Column, Double, ForeignKey, Table

from models.tables.columns import Line, identifier, metadata

dictionary_word = Table(
    "dictionary_word",
    metadata,
    Column("word", Line(20), primary_key=True, comment="Never cut apart, from the next training."),
    Column("added_at", Double, nullable=False),
    identifier("added_by", ForeignKey("agent.id")),
)
