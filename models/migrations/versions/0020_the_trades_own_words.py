"""Words of the trade that admins add at the desk.

Revision 0020, after 0019.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dictionary_word",
        sa.Column("word", sa.String(20), nullable=False,
                  comment="Never cut apart, from the next training."),
        sa.Column("added_at", sa.Double(), nullable=False),
        sa.Column("added_by", sa.String(36)),
        sa.ForeignKeyConstraint(
            ["added_by"], ["agent.id"], name=op.f("fk_dictionary_word_added_by")
        ),
        sa.PrimaryKeyConstraint("word", name=op.f("pk_dictionary_word")),
    )  # fmt: skip
