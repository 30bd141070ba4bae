"""Rules are versions, published and rolled back; a ticket knows when its clock began.

Revision 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rules_version",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", sa.JSON(), nullable=False, comment="models.routing.Rules"),
        sa.Column("state", sa.String(length=12), server_default="draft", nullable=False),
        sa.Column("based_on", sa.Integer(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.String(length=36), nullable=True),
        sa.Column(
            "rehearsal", sa.JSON(), nullable=True, comment="The report of its last rehearsal."
        ),
        sa.CheckConstraint(
            "state IN ('draft', 'published', 'retired')", name=op.f("ck_rules_version_state")
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["agent.id"], name=op.f("fk_rules_version_created_by")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_rules_version")),
    )
    op.create_table(
        "rules_publication",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "line", sa.JSON(), nullable=False, comment="models.routing.Line; empty: everything."
        ),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("by", sa.String(length=36), nullable=True),
        sa.Column("replaced", sa.JSON(), nullable=False, comment="Ids of those that it ended."),
        sa.Column("rollback", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("ended_by", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(["by"], ["agent.id"], name=op.f("fk_rules_publication_by")),
        sa.ForeignKeyConstraint(
            ["ended_by"], ["agent.id"], name=op.f("fk_rules_publication_ended_by")
        ),
        sa.ForeignKeyConstraint(
            ["number"], ["rules_version.number"], name=op.f("fk_rules_publication_number")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rules_publication")),
    )
    op.create_index(
        "ix_rules_publication_open",
        "rules_publication",
        ["id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.add_column(
        "ticket",
        sa.Column(
            "clock_at",
            sa.Double(),
            nullable=True,
            comment="When its target counts from: queued_at, or opening.",
        ),
    )
    op.add_column(
        "ticket",
        sa.Column(
            "rules_version",
            sa.String(length=64),
            nullable=True,
            comment="Of the rules that placed it.",
        ),
    )
    op.execute("UPDATE ticket SET clock_at = queued_at")
