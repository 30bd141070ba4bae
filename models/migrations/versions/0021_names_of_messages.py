"""The sender's own name of a message is unique at the door, too.

Revision 0021, after 0020. Until now a second message of one name was stored and never shown; what
was stored before keeps its name, by the version that it became.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_NAMES = """
    UPDATE envelope SET name = (
        SELECT min(m.revision || ':' || m.external_id) FROM message m
        WHERE m.envelope_id = envelope.id AND m.kind <> 'delete'
    ) WHERE channel = 'ingest'
"""
"""Two messages have never been stored under one id and revision, so no two get one name."""


def upgrade() -> None:
    op.add_column(
        "envelope",
        sa.Column(
            "name", sa.String(280), comment="The sender's own of the message, if it has one."
        ),
    )
    op.execute(_NAMES)
    op.create_index(
        "uq_envelope_name", "envelope", ["channel", "account", "name"], unique=True,
        sqlite_where=sa.text("name IS NOT NULL"), postgresql_where=sa.text("name IS NOT NULL"),
    )  # fmt: skip
