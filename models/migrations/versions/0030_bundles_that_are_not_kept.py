"""Bundles that nothing leads to any more are not kept: their cards and figures are.

Revision 0030, after 0029.
"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bundle", sa.Column("pinned_at", sa.Double()))
    op.add_column("bundle", sa.Column("dropped_at", sa.Double()))
