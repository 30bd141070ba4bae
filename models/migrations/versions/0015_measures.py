"""How long each stage takes, and which invariants are broken.

Revision 0015, after 0014.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stage_time",
        sa.Column("queue", sa.String(512), nullable=False, comment="The skill class."),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column(
            "bound", sa.Double(), nullable=False, comment="Seconds; the least one that it fits."
        ),
        sa.Column("tickets", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False, comment="The sum of all."),
        sa.PrimaryKeyConstraint("queue", "stage", "bound", name=op.f("pk_stage_time")),
    )
    op.create_table(
        "invariant",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("broken", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("example", sa.Text(), comment="The id of one ticket or agent."),
        sa.Column("looked_at", sa.Double(), nullable=False),
        sa.Column("since", sa.Double(), comment="When it was found broken; null: it is whole."),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_invariant")),
    )
