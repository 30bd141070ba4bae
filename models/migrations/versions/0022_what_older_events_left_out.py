"""Events of the first version told a ticket's moves without its state before, and its owner.

Who follows the log asks for both: they are told from the ticket's events before. What nothing
tells, because the log forgets after some days, is taken for null.

Revision 0022, after 0021.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Connection

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_MOVES = {
    "ticket.created": None,
    "ticket.queued": "waiting",
    "ticket.assigned": None,
    "ticket.requeued": "waiting",
    "ticket.returned": "waiting",
    "ticket.woken": "waiting",
    "ticket.moved": None,
}
"""Kind of event to the state that it leaves, where the event did not say so itself."""

_AT_ONCE = 1000

_event = sa.table(
    "event",
    sa.column("seq", sa.BigInteger),
    sa.column("kind", sa.String),
    sa.column("ticket_id", sa.String),
    sa.column("agent_id", sa.String),
    sa.column("data", sa.JSON),
)


def upgrade() -> None:
    connection = op.get_bind()
    whole: list[dict[str, Any]] = []
    ticket: str | None = None
    last: dict[str, Any] = {}
    for row in _moves(connection):
        if row.ticket_id != ticket:
            ticket, last = row.ticket_id, {}
        data = _told(row, last)
        if data != row.data:
            whole.append({"number": row.seq, "told": data})
        last = data
    change = (
        sa.update(_event)
        .where(_event.c.seq == sa.bindparam("number"))
        .values(data=sa.bindparam("told", type_=sa.JSON))
    )
    for start in range(0, len(whole), _AT_ONCE):
        connection.execute(change, whole[start : start + _AT_ONCE])


def _moves(connection: Connection) -> Iterable[sa.Row[Any]]:
    e = _event.c
    query = sa.select(e.seq, e.kind, e.ticket_id, e.agent_id, e.data)
    query = query.where(e.kind.in_(list(_MOVES)), e.ticket_id.is_not(None))
    return connection.execute(query.order_by(e.ticket_id, e.seq))


def _told(row: sa.Row[Any], last: Mapping[str, Any]) -> dict[str, Any]:
    """What an event of today would tell; ``last`` is that of the ticket's event before."""
    state = _MOVES[row.kind] or row.data.get("state")
    owner = None
    if row.kind == "ticket.assigned":
        owner = row.agent_id
    elif row.kind == "ticket.moved":
        owner = last.get("owner")
    had = last.get("owner")
    told = {
        "before": last.get("state"),
        "state": state,
        "owner": owner,
        "former": had if had != owner else None,
    }
    return {**told, **row.data}
