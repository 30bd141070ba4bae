"""What a webhook is owed next is found without sorting all that it is owed.

Revision 0031, after 0030.
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    due = sa.text("state = 'due'")
    op.create_index(
        "ix_webhook_event_next", "webhook_event", ["webhook_id", "seq"],
        sqlite_where=due, postgresql_where=due,
    )  # fmt: skip
