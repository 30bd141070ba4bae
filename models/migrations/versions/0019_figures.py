"""What figures are counted from: steps of tickets, times of presence, teams.

Revision 0019, after 0018.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    team = sa.Column(
        "team", sa.String(64), server_default="", nullable=False, comment="For figures."
    )
    op.add_column("agent", team)
    op.create_table(
        "ticket_step",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False,
                  comment="Of its event."),
        sa.Column("ticket_id", sa.String(36), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("before", sa.String(12), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("agent_id", sa.String(36), comment="Who had it, or has it now."),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["ticket.id"], name=op.f("fk_ticket_step_ticket_id")
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_ticket_step")),
    )  # fmt: skip
    op.create_index("ix_ticket_step_at", "ticket_step", ["at"])
    op.create_index("ix_ticket_step_ticket", "ticket_step", ["ticket_id", "at"])
    op.create_table(
        "presence_span",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("agent_id", sa.String(36), nullable=False),
        sa.Column("presence", sa.String(16), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double()),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agent.id"], name=op.f("fk_presence_span_agent_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_presence_span")),
    )
    op.create_index("ix_presence_span_agent", "presence_span", ["agent_id", "started_at"])
    op.create_index("ix_presence_span_ended", "presence_span", ["ended_at"])
    open_ = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_presence_span_open",
        "presence_span",
        ["agent_id"],
        unique=True,
        sqlite_where=open_,
        postgresql_where=open_,
    )
