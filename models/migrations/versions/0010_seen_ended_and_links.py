"""What agents have seen, chats that were ended, and links between customers.

Revision 0010, after 0009.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    seen = sa.Column("seen_seq", sa.Integer(), server_default=sa.text("0"), nullable=False)
    op.add_column("conversation", seen)
    op.add_column("conversation", sa.Column("ended_at", sa.Double()))
    op.create_table(
        "proof",
        sa.Column("lookup", sa.String(64), nullable=False, comment="HMAC of what is proven."),
        sa.Column("identity_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("method", sa.String(64), nullable=False),
        sa.Column("message_id", sa.String(36), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["identity_id"], ["identity.id"], name=op.f("fk_proof_identity_id")
        ),
        sa.PrimaryKeyConstraint("lookup", "identity_id", name=op.f("pk_proof")),
    )
    op.create_index("ix_proof_identity_id", "proof", ["identity_id"])
    op.create_table(
        "customer_link",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("first_id", sa.String(36), nullable=False),
        sa.Column("second_id", sa.String(36), nullable=False),
        sa.Column("lookup", sa.String(64), nullable=False, comment="The proof that both have."),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("undone_at", sa.Double()),
        sa.Column("undone_by", sa.String(36)),
        sa.ForeignKeyConstraint(
            ["first_id"], ["customer.id"], name=op.f("fk_customer_link_first_id")
        ),
        sa.ForeignKeyConstraint(
            ["second_id"], ["customer.id"], name=op.f("fk_customer_link_second_id")
        ),
        sa.ForeignKeyConstraint(
            ["undone_by"], ["agent.id"], name=op.f("fk_customer_link_undone_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_link")),
        sa.UniqueConstraint(
            "first_id",
            "second_id",
            "lookup",
            name=op.f("uq_customer_link_first_id_second_id_lookup"),
        ),
    )
    op.create_index("ix_customer_link_second_id", "customer_link", ["second_id"])
