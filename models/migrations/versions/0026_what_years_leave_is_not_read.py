"""What years leave behind is found by an index, or not looked at.

Revision 0026, after 0025.
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_ticket_state", "ticket")
    op.create_index("ix_ticket_state", "ticket", ["state", "id"])
    _partial("ix_ticket_junk", "ticket", ["id"], "junk")
    _known("ix_ticket_answered", "ticket", "first_answer_at")
    op.drop_index("ix_ticket_customer_id", "ticket")
    op.create_index("ix_ticket_customer", "ticket", ["customer_id", "created_at"])
    op.drop_index("ix_assignment_agent_id", "assignment")
    op.create_index("ix_assignment_agent", "assignment", ["agent_id", "at"])
    _partial("ix_follow_up_review", "follow_up", ["review", "due_at"], "review IS NOT NULL")
    _known("ix_assignment_accepted", "assignment", "accepted_at")
    op.create_index("ix_assignment_ended", "assignment", ["ended_at"])
    unsettled = "state NOT IN ('sent', 'delivered')"
    _partial("ix_outbound_unsettled", "outbound", ["state", "id"], unsettled)
    _partial("ix_audit_alarm", "audit", ["action"], "action LIKE 'alarm.%'")


def _known(name: str, table: str, column: str) -> None:
    _partial(name, table, [column], f"{column} IS NOT NULL")


def _partial(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
