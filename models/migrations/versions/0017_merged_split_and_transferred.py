"""Tickets that were merged, split off or follow another, and transfers that are offered.

Revision 0017, after 0016.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_OPEN = (
    "state IN ('active', 'helping', 'new', 'offered', 'pending', 'snoozed', 'waiting')"
    " AND split_from IS NULL"
)
_LIVE = sa.text("ended_at IS NULL")


def upgrade() -> None:
    for name, told in (
        ("merged_into", "The ticket that goes on for both."),
        ("split_from", "It is about a part of that ticket's conversation."),
        ("predecessor_id", "The ticket that it goes on from, after its window."),
    ):
        op.add_column("ticket", sa.Column(name, sa.String(36), comment=told))
    op.add_column(
        "ticket", sa.Column("ended_at", sa.Double(), comment="When it last left the open states.")
    )
    op.drop_index("uq_ticket_open_conversation", "ticket")
    op.create_index(
        "uq_ticket_open_conversation",
        "ticket",
        ["conversation_id"],
        unique=True,
        sqlite_where=sa.text(_OPEN),
        postgresql_where=sa.text(_OPEN),
    )
    merged = sa.text("merged_into IS NOT NULL")
    op.create_index(
        "ix_ticket_merged_into",
        "ticket",
        ["merged_into"],
        sqlite_where=merged,
        postgresql_where=merged,
    )
    op.create_table(
        "transfer",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("ticket_id", sa.String(36), nullable=False),
        sa.Column("from_id", sa.String(36), nullable=False),
        sa.Column("to_id", sa.String(36)),
        sa.Column("skill", sa.String(64), comment="Whoever has it may take the ticket."),
        sa.Column(
            "needs", sa.JSON(), comment="Of the ticket, once somebody with the skill has it."
        ),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double()),
        sa.Column("outcome", sa.String(12), comment="accepted, declined, timeout or withdrawn."),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_transfer_ticket_id")),
        sa.ForeignKeyConstraint(["from_id"], ["agent.id"], name=op.f("fk_transfer_from_id")),
        sa.ForeignKeyConstraint(["to_id"], ["agent.id"], name=op.f("fk_transfer_to_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer")),
    )
    for name, column, unique in (
        ("uq_transfer_live_ticket", "ticket_id", True),
        ("ix_transfer_to_id", "to_id", False),
        ("ix_transfer_skill", "skill", False),
    ):
        op.create_index(
            name, "transfer", [column], unique=unique, sqlite_where=_LIVE, postgresql_where=_LIVE
        )
