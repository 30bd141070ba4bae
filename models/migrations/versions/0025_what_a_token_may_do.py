"""API tokens that may do less than their owners.

Revision 0025, after 0024.
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "credential",
        sa.Column(
            "role", sa.String(16), comment="It may do no more than this; null: all of its owner’s."
        ),
    )
    op.add_column(
        "credential",
        sa.Column("read_only", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
    )
