"""Attempts to sign in are counted by all processes together.

Revision 0036, after 0035.
"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sign_in_attempt",
        sa.Column(
            "key", sa.String(64), nullable=False, comment="HMAC of who is tried, from where."
        ),
        sa.Column("count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("since", sa.Double(), nullable=False, comment="When the first of them came."),
        sa.PrimaryKeyConstraint("key", name="pk_sign_in_attempt"),
    )
    op.create_index("ix_sign_in_attempt_since", "sign_in_attempt", ["since"])
