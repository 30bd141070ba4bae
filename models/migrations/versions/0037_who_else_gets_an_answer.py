"""Answers go to those in copy as well, where an agent says so. Decision 0031.

Revision 0037, after 0036. A conversation keeps their addresses sealed; an answer has numbers only.
"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    known = sa.Column(
        "cc", sa.LargeBinary(), comment="Sealed: who else may get answers, by number."
    )
    op.add_column("conversation", known)
    op.add_column(
        "outbound", sa.Column("cc", sa.JSON(), comment="Numbers of those who get it, too.")
    )
