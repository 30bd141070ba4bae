"""Master keys come in generations, and each process says which one it has. Decision 0029.

Revision 0034, after 0033.
"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

_counter = sa.table("counter", sa.column("name", sa.String), sa.column("value", sa.BigInteger))
_first = _counter.c.name == "master key"


def upgrade() -> None:
    keys = op.create_table(
        "master_key",
        sa.Column("generation", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=False, comment="Tells nothing of the key."),
        sa.Column(
            "ring",
            sa.LargeBinary(),
            comment="The keys before it, sealed with it; null: it is first.",
        ),
        sa.Column(
            "signing",
            sa.Integer(),
            nullable=False,
            server_default=sa.text("0"),
            comment="Generation of the key that signs.",
        ),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("activated_at", sa.Double(), comment="Since when it is the one that writes."),
        sa.Column("finished_at", sa.Double(), comment="Since when no other key is needed."),
        sa.PrimaryKeyConstraint("generation", name=op.f("pk_master_key")),
        sa.UniqueConstraint("mark", name=op.f("uq_master_key_mark")),
    )
    known = sa.select(
        sa.literal(0), _counter.c.value, sa.literal(0.0), sa.literal(0.0), sa.literal(0.0)
    ).where(_first)
    names = ["generation", "mark", "created_at", "activated_at", "finished_at"]
    op.execute(sa.insert(keys).from_select(names, known))
    op.execute(sa.delete(_counter).where(_first))
    mark = sa.Column("key_mark", sa.BigInteger(), comment="Of the master key that it has.")
    op.add_column("process", mark)
