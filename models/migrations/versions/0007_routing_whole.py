"""Who is tried first, interruption, snoozing with a time, limits of presence, shift ends.

Revision 0007, after 0006.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_INTERRUPTING = sa.text("state = 'waiting' AND interrupts")
_SNOOZED = sa.text("state = 'snoozed'")


def upgrade() -> None:
    op.add_column(
        "ticket",
        sa.Column(
            "first",
            sa.JSON(),
            nullable=False,
            server_default="[]",
            comment="Agents tried before all.",
        ),
    )
    op.add_column(
        "ticket",
        sa.Column("interrupts", sa.Boolean(), nullable=False, server_default=sa.text("false")),
    )
    op.add_column(
        "ticket",
        sa.Column("wake_at", sa.Double(), comment="When a snoozed one comes back by itself."),
    )
    op.add_column(
        "ticket",
        sa.Column("routed_at", sa.Double(), comment="When labels and queue were first known."),
    )
    op.create_index(
        "ix_ticket_interrupting",
        "ticket",
        ["state", "sort_key", "id"],
        sqlite_where=_INTERRUPTING,
        postgresql_where=_INTERRUPTING,
    )
    op.create_index(
        "ix_ticket_wake",
        "ticket",
        ["wake_at"],
        sqlite_where=_SNOOZED,
        postgresql_where=_SNOOZED,
    )
    op.create_index("ix_assignment_at", "assignment", ["at"])
    op.add_column(
        "agent",
        sa.Column(
            "overstay_at", sa.Double(), comment="When they were told that they are away too long."
        ),
    )
    op.add_column("agent", sa.Column("shift_ends_at", sa.Double()))
