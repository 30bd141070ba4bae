"""Mails are found by their Message-ID, so that what their sender adds goes where they went.

Revision 0027, after 0026. Of what was stored before, the name is taken from its facts.
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_NAMES = {
    "sqlite": "json_extract(meta, '$.message_id')",
    "postgresql": "meta ->> 'message_id'",
}


def upgrade() -> None:
    op.add_column("message", sa.Column("known_as", sa.String(255)))
    name = _NAMES[op.get_bind().dialect.name]
    op.execute(
        f"UPDATE message SET known_as = {name}"  # noqa: S608  no words of others
        f" WHERE channel = 'email' AND kind = 'message' AND length({name}) BETWEEN 1 AND 255"
    )
    named = sa.text("known_as IS NOT NULL")
    op.create_index(
        "ix_message_known_as", "message", ["channel", "account", "known_as"],
        sqlite_where=named, postgresql_where=named,
    )  # fmt: skip
