"""Versions of messages, withdrawals, and answers found by the platform's name for them.

Revision 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SHOWN = sa.text("kind = 'message'")
_NAMED = sa.text("provider_id IS NOT NULL")


def upgrade() -> None:
    op.add_column("message", sa.Column("versions", sa.JSON()))
    op.add_column("message", sa.Column("withdrawn_at", sa.Double()))
    op.add_column("message", sa.Column("changes_id", sa.String(36)))
    if op.get_bind().dialect.name != "sqlite":  # whose integers have 64 bits anyway
        op.alter_column("message", "revision", type_=sa.BigInteger(), existing_nullable=False)
    op.create_index(
        "uq_message_shown",
        "message",
        ["channel", "account", "external_id"],
        unique=True,
        sqlite_where=_SHOWN,
        postgresql_where=_SHOWN,
    )
    op.create_table(
        "withdrawal",
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("account", sa.String(255), nullable=False),
        sa.Column("external_id", sa.String(255), nullable=False),
        sa.Column("envelope_id", sa.String(36), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["envelope_id"], ["envelope.id"], name=op.f("fk_withdrawal_envelope_id")
        ),
        sa.PrimaryKeyConstraint("channel", "account", "external_id", name=op.f("pk_withdrawal")),
    )
    op.create_index(
        "ix_outbound_provider",
        "outbound",
        ["channel", "provider_id"],
        sqlite_where=_NAMED,
        postgresql_where=_NAMED,
    )
