"""Who has a password that somebody else gave them, and changes it before anything else.

Nobody who is there already: they are not to be held up by an upgrade.

Revision 0040, after 0039.
"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "agent",
        sa.Column("password_due", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
