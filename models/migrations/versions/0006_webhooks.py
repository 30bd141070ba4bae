"""Webhooks, and the events that each is owed.

Revision 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False, comment="Event kinds wanted; none: all."),
        sa.Column(
            "secret", sa.LargeBinary(), nullable=False, comment="Sealed with a key of its own."
        ),
        sa.Column(
            "position", sa.BigInteger(), nullable=False, comment="Events up to this are spread."
        ),
        sa.Column("pause_until", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("disabled_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
    )
    op.create_table(
        "webhook_event",
        sa.Column("webhook_id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ticket_id", sa.String(length=36), nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column(
            "body",
            sa.Text(),
            nullable=False,
            comment="As it is signed: every attempt is the same.",
        ),
        sa.Column("state", sa.String(length=8), server_default="due", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease", sa.String(length=36), nullable=True),
        sa.Column("lease_until", sa.Double(), nullable=True),
        sa.Column("not_before", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.CheckConstraint(
            "state IN ('due', 'done', 'failed')", name=op.f("ck_webhook_event_state")
        ),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhook.id"], name=op.f("fk_webhook_event_webhook_id")
        ),
        sa.PrimaryKeyConstraint("webhook_id", "seq", name=op.f("pk_webhook_event")),
    )
    op.create_index(
        "ix_webhook_event_todo",
        "webhook_event",
        ["webhook_id", "ticket_id", "seq"],
        unique=False,
        sqlite_where=sa.text("state = 'due'"),
        postgresql_where=sa.text("state = 'due'"),
    )
    op.create_index("ix_webhook_event_finished", "webhook_event", ["finished_at"], unique=False)


def downgrade() -> None:
    op.drop_table("webhook_event")
    op.drop_table("webhook")
