"""Who was erased, all that one person wrote, and contents that may be nobody's any more.

Revision 0029, after 0028.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "customer", _time("erased_at", "Since when nothing is known of the person any more.")
    )
    op.create_index("ix_message_identity_id", "message", ["identity_id"])
    op.create_index("ix_upload_ticket_id", "upload", ["ticket_id"])
    put_at = _time("put_at", "The last time.", nullable=False, server_default=sa.text("0"))
    op.add_column("blob", put_at)
    op.create_table(
        "blob_left",
        sa.Column("sha256", sa.String(64), nullable=False, comment="It may be nobody's any more."),
        _time("at", "Since when, as far as is known.", nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_blob_left"),
    )
    op.create_index("ix_blob_left_at", "blob_left", ["at"])


def _time(name: str, comment: str, **options: Any) -> sa.Column[float]:
    return sa.Column(name, sa.Double(), comment=comment, **options)
