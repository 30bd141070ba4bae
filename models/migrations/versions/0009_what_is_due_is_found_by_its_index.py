"""What is to be relaxed now is found without reading everything that waits.

Revision 0009, after 0008.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_WAITING = sa.text("state = 'waiting'")


def upgrade() -> None:
    _index(["state", "next_step_at"])


def downgrade() -> None:
    _index(["next_step_at"])


def _index(columns: list[str]) -> None:
    op.drop_index("ix_ticket_step", table_name="ticket")
    op.create_index(
        "ix_ticket_step",
        "ticket",
        columns,
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
