"""Clocks: what a ticket is held to, with what came of it; escalation and pressing.

Revision 0018, after 0017.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_ZERO = sa.text("0")


def upgrade() -> None:
    for name in ("escalation", "pressed"):
        op.add_column(
            "ticket", sa.Column(name, sa.Integer(), server_default=_ZERO, nullable=False)
        )
    op.create_table(
        "clock",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("ticket_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False, comment="models.clocks.ClockKind"),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("account", sa.String(255), nullable=False),
        sa.Column("lane", sa.String(8), nullable=False),
        sa.Column("tier", sa.String(64), nullable=False),
        sa.Column("domain", sa.String(64), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("urgency", sa.String(64), nullable=False),
        sa.Column("target", sa.Double(), nullable=False, comment="Seconds."),
        sa.Column("hours", sa.String(8), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("since", sa.Double(), comment="When it last began to run; null: it does not."),
        sa.Column("elapsed", sa.Double(), server_default=_ZERO, nullable=False),
        sa.Column("turns", sa.Integer(), server_default=_ZERO, nullable=False),
        sa.Column("level", sa.Integer(), server_default=_ZERO, nullable=False),
        sa.Column("asked_at", sa.Double(), comment="When the customer last wrote while it ran."),
        sa.Column("warned_at", sa.Double()),
        sa.Column("breached_at", sa.Double()),
        sa.Column(
            "due_at", sa.Double(), comment="When it is past its target; null: it does not run."
        ),
        sa.Column("stopped_at", sa.Double()),
        sa.Column("outcome", sa.String(8), comment="met, missed, ended, void"),
        sa.Column("agent_id", sa.String(36)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_clock_ticket_id")),
    )
    op.create_index("ix_clock_ticket", "clock", ["ticket_id"])
    op.create_index("ix_clock_started", "clock", ["started_at"])
    breached = sa.text("breached_at IS NOT NULL")
    op.create_index(
        "ix_clock_breached",
        "clock",
        ["kind", "breached_at"],
        sqlite_where=breached,
        postgresql_where=breached,
    )
    op.create_table(
        "clock_event",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("ticket_id", sa.String(36), nullable=False),
        sa.Column("clock_id", sa.String(36)),
        sa.Column("what", sa.String(16), nullable=False, comment="models.clocks.Mark"),
        sa.Column("at", sa.Double(), nullable=False, comment="When it was so."),
        sa.Column("noted_at", sa.Double(), nullable=False, comment="When it was seen."),
        sa.Column("elapsed", sa.Double(), nullable=False),
        sa.Column("level", sa.Integer(), server_default=_ZERO, nullable=False),
        sa.Column("times", sa.Integer(), server_default=_ZERO, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock_event")),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["ticket.id"], name=op.f("fk_clock_event_ticket_id")
        ),
        sa.ForeignKeyConstraint(["clock_id"], ["clock.id"], name=op.f("fk_clock_event_clock_id")),
    )
    op.create_index("ix_clock_event_ticket", "clock_event", ["ticket_id", "at"])
    op.create_index("ix_clock_event_at", "clock_event", ["at", "what"])
