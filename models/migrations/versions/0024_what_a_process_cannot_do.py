"""What a process that lives cannot do, in its own words.

Revision 0024, after 0023.
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "process",
        sa.Column("trouble", sa.Text(), comment="What it cannot do now; null: nothing."),
    )
