"""Figures of the classifier by day, a challenger in shadow, and canned answers.

Revision 0013, after 0012.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "bundle",
        sa.Column(
            "shadow_since",
            sa.Double(),
            comment="Since when it labels beside the champion; of one.",
        ),
    )
    op.create_table(
        "label_day",
        sa.Column("bundle_id", sa.String(64), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False, comment="Days since 1970-01-01, local."),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column(
            "facet", sa.String(32), nullable=False, comment="Empty for what is of the text."
        ),
        sa.Column("measure", sa.String(12), nullable=False),
        sa.Column("bucket", sa.String(64), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "bundle_id",
            "day",
            "channel",
            "facet",
            "measure",
            "bucket",
            name=op.f("pk_label_day"),
        ),
    )
    op.create_table(
        "shadow",
        sa.Column("bundle_id", sa.String(64), nullable=False),
        sa.Column("ticket_id", sa.String(36), nullable=False),
        sa.Column("facet", sa.String(32), nullable=False),
        sa.Column("champion_id", sa.String(64), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("champion", sa.String(64), nullable=False),
        sa.Column("challenger", sa.String(64), nullable=False),
        sa.Column("champion_confidence", sa.Double(), nullable=False),
        sa.Column("challenger_confidence", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("bundle_id", "ticket_id", "facet", name=op.f("pk_shadow")),
        sa.ForeignKeyConstraint(["bundle_id"], ["bundle.id"], name=op.f("fk_shadow_bundle_id")),
        sa.ForeignKeyConstraint(
            ["ticket_id"],
            ["ticket.id"],
            name=op.f("fk_shadow_ticket_id"),
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_shadow_ticket", "shadow", ["ticket_id"])
    op.create_table(
        "canned",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column(
            "title",
            sa.String(120),
            nullable=False,
            comment="What it answers, as customers ask it.",
        ),
        sa.Column("zh", sa.Text(), server_default="", nullable=False),
        sa.Column("en", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("updated_by", sa.String(36)),
        sa.Column("retired_at", sa.Double(), comment="Since when it is not offered any more."),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canned")),
        sa.ForeignKeyConstraint(["updated_by"], ["agent.id"], name=op.f("fk_canned_updated_by")),
    )
