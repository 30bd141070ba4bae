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
    for name, told in (
        ("pinned_at", "Since when an admin wants it kept."),
        ("dropped_at", "Since when its content is empty: the card stays."),
    ):
        op.add_column("bundle", sa.Column(name, sa.Double(), comment=told))
