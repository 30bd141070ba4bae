"""What years gather is tallied: breaches, and tickets that are closed or merged.

What there has been is counted once, here; from then on the follower “tallies” adds what happens.
The few open tickets that have escalated get an index of their own.

Revision 0041, after 0040.
"""

import time

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

_COUNTER = sa.table("counter", sa.column("name", sa.String), sa.column("value", sa.BigInteger))
_CURSOR = sa.table(
    "cursor",
    sa.column("channel", sa.String),
    sa.column("account", sa.String),
    sa.column("value", sa.JSON),
    sa.column("updated_at", sa.Double),
)


def upgrade() -> None:
    where = sa.text(
        "escalation > 0 AND state IN"
        " ('active', 'helping', 'new', 'offered', 'pending', 'snoozed', 'waiting')"
    )
    op.create_index(
        "ix_ticket_escalated", "ticket", ["state", "escalation"],
        sqlite_where=where, postgresql_where=where,
    )  # fmt: skip
    last = _last_event()
    _count("tickets", "SELECT state, count(*) FROM ticket WHERE state IN ('closed', 'merged')")
    _count("breached", "SELECT kind, count(*) FROM clock WHERE breached_at IS NOT NULL")
    read = {"channel": "follower", "account": "tallies", "value": last, "updated_at": time.time()}
    op.bulk_insert(_CURSOR, [read])


def _last_event() -> int:
    """Its number; nobody commits another one until we do.

    What others have done and not yet committed is neither counted here nor numbered: the follower
    reads of it.
    """
    ours = _COUNTER.c.name == "event"
    op.execute(sa.update(_COUNTER).where(ours).values(value=_COUNTER.c.value))
    found = op.get_bind().execute(sa.select(_COUNTER.c.value).where(ours)).scalar_one_or_none()
    return found or 0


def _count(of: str, query: str) -> None:
    rows = op.get_bind().execute(sa.text(f"{query} GROUP BY 1")).all()
    op.bulk_insert(_COUNTER, [{"name": f"{of} {one}", "value": times} for one, times in rows])
