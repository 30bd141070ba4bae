"""What retraining needs: lessons, runs, and the way back.

Revision 0008.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("correction", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "upto",
                sa.Integer(),
                nullable=True,
                comment="Number of the conversation's last message it was given for.",
            )
        )
        batch_op.add_column(
            sa.Column(
                "excluded_at",
                sa.Double(),
                nullable=True,
                comment="Since when an admin keeps it out of training.",
            )
        )
        batch_op.add_column(sa.Column("excluded_by", sa.String(length=36), nullable=True))
        batch_op.create_index("ix_correction_at", ["at"], unique=False)
    with op.batch_alter_table("bundle", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "replaced",
                sa.String(length=64),
                nullable=True,
                comment="The champion before it: where a rollback leads.",
            )
        )
    _retraining()


def _retraining() -> None:
    op.create_table(
        "retraining",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("live", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("cancelled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("started_by", sa.String(length=36), nullable=True),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.Column("lease", sa.String(length=36), nullable=True),
        sa.Column("lease_until", sa.Double(), nullable=True),
        sa.Column("stage", sa.String(length=16), server_default="waiting", nullable=False),
        sa.Column("share", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("seconds_left", sa.Double(), nullable=True),
        sa.Column("error", sa.JSON(), nullable=True, comment="Why it failed, in both languages."),
        sa.Column("outcome", sa.JSON(), nullable=True, comment="models.training.Outcome"),
        sa.Column("bundle_id", sa.String(length=64), nullable=True),
        sa.Column(
            "upto",
            sa.Double(),
            nullable=True,
            comment="Time of the newest correction that was looked at.",
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'done', 'failed', 'cancelled')",
            name=op.f("ck_retraining_state"),
        ),
        sa.ForeignKeyConstraint(
            ["bundle_id"], ["bundle.id"], name=op.f("fk_retraining_bundle_id")
        ),
        sa.ForeignKeyConstraint(
            ["started_by"], ["agent.id"], name=op.f("fk_retraining_started_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retraining")),
    )
    with op.batch_alter_table("retraining", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_retraining_bundle_id"), ["bundle_id"], unique=False)
        batch_op.create_index(
            "uq_retraining_live",
            ["live"],
            unique=True,
            sqlite_where=sa.text("live"),
            postgresql_where=sa.text("live"),
        )


def downgrade() -> None:
    op.drop_table("retraining")
    with op.batch_alter_table("bundle", schema=None) as batch_op:
        batch_op.drop_column("replaced")
    with op.batch_alter_table("correction", schema=None) as batch_op:
        batch_op.drop_index("ix_correction_at")
        batch_op.drop_column("excluded_by")
        batch_op.drop_column("excluded_at")
        batch_op.drop_column("upto")
