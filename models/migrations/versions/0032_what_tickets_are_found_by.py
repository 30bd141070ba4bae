"""Tickets are found by words, numbers and people: a table of hashed terms, and its index.

Every ticket there is is due: the clock reads them by and by, the newest first. Decision 0023.

Revision 0032, after 0031.
"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_AT_ONCE = 5000

_ticket = sa.table("ticket", sa.column("id", sa.String), sa.column("number", sa.String))

_FORGET = (
    "INSERT INTO search_fts (search_fts, rowid, terms)"
    " SELECT 'delete', old.place, old.terms WHERE old.terms IS NOT NULL;"
)
_LEARN = (
    "INSERT INTO search_fts (rowid, terms)"
    " SELECT new.place, new.terms WHERE new.terms IS NOT NULL;"
)


def _trigger(name: str, when: str, does: str) -> str:
    return f"CREATE TRIGGER search_entry_{name} AFTER {when} ON search_entry BEGIN {does} END"


# The terms themselves stay in the table alone; no positions are kept, for pairs have none.
_TABLE = (
    "CREATE VIRTUAL TABLE search_fts USING fts5(terms, content='search_entry',"
    " content_rowid='place', tokenize='ascii', detail='none', columnsize=0)"
)

_FULL_TEXT = (
    _TABLE,
    _trigger("new", "INSERT", _LEARN),
    _trigger("gone", "DELETE", _FORGET),
    # In one trigger: of two, nobody says which comes first, and what is learnt was forgotten.
    _trigger("renewed", "UPDATE OF terms", _FORGET + " " + _LEARN),
)

_ARRAY = (
    "CREATE INDEX ix_search_entry_terms ON search_entry USING gin (string_to_array(terms, ' '))"
)


def upgrade() -> None:
    entry = op.create_table(
        "search_entry",
        sa.Column(
            "place",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
            comment="Of its number.",
        ),
        sa.Column("ticket_id", sa.String(36), nullable=False),
        sa.Column(
            "terms",
            sa.Text(),
            comment="models.search_terms.Hashing, apart by spaces; null: none yet.",
        ),
        sa.Column(
            "due",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            comment="Since which event they are old; null: they are not.",
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["ticket.id"], name=op.f("fk_search_entry_ticket_id_ticket")
        ),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_search_entry")),
        sa.UniqueConstraint("ticket_id", name=op.f("uq_search_entry_ticket_id")),
    )
    due = sa.text("due IS NOT NULL")
    op.create_index(
        "ix_search_entry_due", "search_entry", ["place"], sqlite_where=due, postgresql_where=due
    )
    connection = op.get_bind()
    _mark_all(connection, entry)
    sqlite = connection.dialect.name == "sqlite"
    for statement in _FULL_TEXT if sqlite else (_ARRAY,):
        connection.exec_driver_sql(statement)


def _mark_all(connection: sa.Connection, entry: sa.Table) -> None:
    found = connection.execute(sa.select(_ticket.c.id, _ticket.c.number))
    while rows := found.fetchmany(_AT_ONCE):
        known = [row for row in rows if row.number.isdigit() and len(row.number) >= 14]
        marks = [
            # The day, and 8 digits for the serial, as models.store.tickets.search_index has it.
            {"place": int(row.number[:8]) * 10**8 + int(row.number[8:-1]), "ticket_id": row.id,
             "due": 0}
            for row in known
        ]  # fmt: skip
        if marks:
            connection.execute(sa.insert(entry), marks)
