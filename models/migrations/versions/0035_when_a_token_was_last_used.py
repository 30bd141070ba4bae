"""When API tokens were last used.

Revision 0035, after 0034.
"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "credential",
        sa.Column(
            "last_used_at", sa.Double(), comment="Of a token, true to a minute; null: not known."
        ),
    )
