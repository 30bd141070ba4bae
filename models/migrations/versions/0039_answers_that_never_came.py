"""What was late and never came is owed again when its ticket is reopened, as what was in time is.

Revision 0039, after 0038. Of clocks that stopped before, those of tickets that may come back: no
answer was given in the moment in which they stopped. An older program leaves the column as it is.
"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    no = sa.text("false")
    op.add_column("clock", sa.Column("lapsed", sa.Boolean(), server_default=no, nullable=False))
    op.execute(
        """
        UPDATE clock SET lapsed = true
        WHERE outcome = 'missed' AND kind IN ('first_answer', 'next_answer')
          AND ticket_id IN (
            SELECT id FROM ticket WHERE state IN ('resolved', 'returned', 'merged'))
          AND NOT EXISTS (
            SELECT 1 FROM outbound WHERE outbound.ticket_id = clock.ticket_id
              AND outbound.kind = 'reply' AND outbound.created_at = clock.stopped_at)
        """
    )
