"""By their keys, requests that come again are known.

Revision 0028, after 0027.
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "request_key",
        sa.Column("agent_id", sa.String(36), nullable=False),
        sa.Column("client_id", sa.String(64), nullable=False),
        sa.Column("asked", sa.String(64), nullable=False, comment="SHA-256 of it and its place."),
        sa.Column("made", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_request_key_agent_id")),
        sa.PrimaryKeyConstraint("agent_id", "client_id", name=op.f("pk_request_key")),
    )
    op.create_index("ix_request_key_at", "request_key", ["at"])
