"""Every ticket is read anew for the search, by which English words are found in any form.

Revision 0033, after 0032.
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

_entry = sa.table("search_entry", sa.column("due", sa.BigInteger))


def upgrade() -> None:
    # What is marked by an event already keeps its mark.
    op.execute(sa.update(_entry).where(_entry.c.due.is_(None)).values(due=0))
