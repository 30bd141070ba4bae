"""Calls, attempts to send, and files that are due.

Revision 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "call",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=255), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=False),
        sa.Column("first_at", sa.Double(), nullable=False, comment="Of the event told first."),
        sa.Column("rang_at", sa.Double(), nullable=True),
        sa.Column("answered_at", sa.Double(), nullable=True),
        sa.Column("missed_at", sa.Double(), nullable=True),
        sa.Column(
            "rings", sa.Integer(), nullable=True, comment="Until it was answered or given up."
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call")),
        sa.UniqueConstraint(
            "channel", "account", "external_id", name=op.f("uq_call_channel_account_external_id")
        ),
    )
    op.create_index(op.f("ix_call_first_at"), "call", ["first_at"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("outbound_id", sa.String(length=36), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column(
            "state", sa.String(length=8), nullable=False, comment="models.message.SendResult.state"
        ),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["outbound_id"], ["outbound.id"], name=op.f("fk_delivery_outbound_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    op.create_index("ix_delivery_outbound", "delivery", ["outbound_id", "id"], unique=False)
    op.create_table(
        "file_due",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("attachment_id", sa.String(length=128), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=255), nullable=False),
        sa.Column("ref", sa.JSON(), nullable=False, comment="The channel's own name of the file."),
        sa.Column("state", sa.String(length=8), server_default="new", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease", sa.String(length=36), nullable=True),
        sa.Column("lease_until", sa.Double(), nullable=True),
        sa.Column("not_before", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('new', 'done', 'refused')", name=op.f("ck_file_due_state")),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_file_due_message_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file_due")),
    )
    op.create_index(op.f("ix_file_due_message_id"), "file_due", ["message_id"], unique=False)
    op.create_index(
        "ix_file_due_todo",
        "file_due",
        ["not_before"],
        unique=False,
        sqlite_where=sa.text("state = 'new'"),
        postgresql_where=sa.text("state = 'new'"),
    )
    # ### end Alembic commands ###


def downgrade() -> None:
    op.drop_table("file_due")
    op.drop_table("delivery")
    op.drop_table("call")
