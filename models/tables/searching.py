"""What tickets are found by.

Beside this table each database has an index of its own over ``terms``, made by revision 0032:
SQLite a full-text table ``search_fts`` that triggers keep, PostgreSQL a GIN index.
"""

from sqlalchemy import Column, ForeignKey, Index, Table, Text

from models.tables.columns import Long, identifier, metadata, where

search_entry = Table(
    "search_entry",
    metadata,
    # The order of tickets: full text is walked down by it, newest first.
    Column("place", Long, primary_key=True, autoincrement=False, comment="Of its number."),
    identifier("ticket_id", ForeignKey("ticket.id"), nullable=False, unique=True),
    Column("terms", Text, comment="models.search_terms.Hashing, apart by spaces; null: none yet."),
    Column("due", Long, comment="Since which event they are old; null: they are not."),
    Index("ix_search_entry_due", "place", **where("due IS NOT NULL")),
)
