"""Second factors, what to fall back on, and which sessions were begun with a code. Decision 0032.

Revision 0038, after 0037.
"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "agent",
        sa.Column("second_factor_at", sa.Double(), comment="Since when; null: none."),
    )
    op.add_column(
        "credential",
        sa.Column("second_factor", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.create_table(
        "second_factor",
        sa.Column("agent_id", sa.String(36), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False, comment="The app’s key, sealed."),
        sa.Column(
            "last_step",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Codes of steps up to this count no longer.",
        ),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", name="pk_second_factor"),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name="fk_second_factor_agent_id"),
    )
    op.create_table(
        "recovery_code",
        sa.Column("agent_id", sa.String(36), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False, comment="SHA-256 of 80 random bits."),
        sa.PrimaryKeyConstraint("agent_id", "hash", name="pk_recovery_code"),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name="fk_recovery_code_agent_id"),
    )
