"""Tickets that want labels: what the classifier and the router are told of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from models.message import Trust
from models.store.ground.database import Fields
from models.tables import complaint, customer, message, outbound, ticket
from models.ticket import LONGEST_TEXT, MACHINES, Label, Labels, TicketState

_ASKED = (
    "id", "conversation_id", "text_version", "state", "channel", "lane", "lang", "subject",
    "number", "queued_at", "trouble", "labels",
)  # fmt: skip
"""What is told of a ticket."""

_LABEL_DUE = text("ticket.label_due")
"""The condition of a partial index, word for word: only so a database sees that it will do."""


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """A ticket whose customer has said something that its labels do not know yet.

    ``text`` is everything its customer wrote, oldest first; ``queued_at`` is when its waiting
    counts from, in seconds since the epoch. ``corrected`` are the labels that people gave, by
    facet: they outweigh what the classifier says; ``complaint``: one is filed, and stays one until
    a person takes it back. ``unheard``: its customer has not been told yet that they were heard.
    ``account`` and what follows are about their first message, for deciding whether that may go
    out; ``automatic``: programs and lists have written all of it.
    """

    ticket_id: str
    conversation_id: str
    text_version: int
    state: TicketState
    channel: str
    lane: str
    lang: str
    tier: str
    subject: str
    text: str
    number: str
    queued_at: float
    troubled: bool
    corrected: Mapping[str, Label]
    complaint: bool
    unheard: bool
    account: str
    identity_id: str
    trust: Trust
    auto: str
    meta: Mapping[str, Any]
    automatic: bool = False


async def read_unlabelled(
    conn: AsyncConnection,
    *,
    now: float,
    limit: int,
    ticket_ids: Collection[str],
    untouched: float,
) -> list[Unlabelled]:
    """Tickets that want labels now, oldest first: see ``Queue.unlabelled``."""
    t, c = ticket.c, complaint.c
    # Not EXISTS: a server may answer that from the whole table.
    filed = c.ticket_id.is_not(None).label("complaint")
    query = (
        select(*(t[name] for name in _ASKED), customer.c.tier, filed)
        .join(customer, customer.c.id == t.customer_id)
        .outerjoin(complaint, (c.ticket_id == t.id) & c.withdrawn_at.is_(None))
        .where(_LABEL_DUE, t.held_until <= now)
        .order_by(t.id)
        .limit(limit)
    )
    if untouched:
        query = query.where(or_(t.held_until > 0, t.updated_at <= now - untouched))
    if ticket_ids:
        query = query.where(t.id.in_(ticket_ids))
    rows = (await conn.execute(query)).mappings().all()
    lines = await _lines(conn, [row["id"] for row in rows])
    unheard = await _unheard(conn, rows, lines)
    return [
        _unlabelled(row, lines.get(row["id"], []), unheard=row["id"] in unheard) for row in rows
    ]


_Lines = Sequence[Row[*tuple[Any, ...]]]


async def _lines(conn: AsyncConnection, ticket_ids: Sequence[str]) -> Mapping[str, _Lines]:
    """What came in tickets, oldest first; also what does not count as their customers' words."""
    m = message.c
    counts = ~m.quarantined & m.withdrawn_at.is_(None)
    query = (
        select(m.ticket_id, m.text, m.account, m.identity_id, m.trust, m.auto, m.meta)
        .add_columns(counts.label("counts"))
        .where(m.ticket_id.in_(ticket_ids), m.kind == "message")
        # A ticket may have lines of two conversations: see Merging.
        .order_by(m.ticket_id, m.received_at, m.seq)
    )
    lines: dict[str, list[Row[*tuple[Any, ...]]]] = {}
    for row in await conn.execute(query):
        lines.setdefault(row.ticket_id, []).append(row)
    return lines


async def _unheard(
    conn: AsyncConnection, rows: Sequence[Fields], lines: Mapping[str, _Lines]
) -> set[str]:
    """Those whose customers have yet to be told that they were heard.

    Those that are new, and those that have waited since before their customer's first word: what
    opened them was withdrawn, or a stranger's.
    """
    new = {row["id"] for row in rows if row["state"] == TicketState.NEW}
    waiting = {row["id"] for row in rows if row["state"] == TicketState.WAITING}
    late = [name for name in waiting if name in lines and not lines[name][0].counts]
    if not late:
        return new
    o = outbound.c
    told = select(o.ticket_id).where(o.ticket_id.in_(late), o.kind.in_(["ack", "reply"]))
    return new | set(late).difference((await conn.execute(told)).scalars())


def _unlabelled(row: Fields, lines: _Lines, *, unheard: bool) -> Unlabelled:
    said = [line for line in lines if line.counts]
    first = said[0] if said else None
    return Unlabelled(
        ticket_id=row["id"],
        conversation_id=row["conversation_id"],
        text_version=row["text_version"],
        state=TicketState(row["state"]),
        channel=row["channel"],
        lane=row["lane"],
        lang=row["lang"],
        tier=row["tier"],
        subject=row["subject"],
        text="\n".join(line.text for line in said if line.text)[-LONGEST_TEXT:],
        number=row["number"],
        queued_at=row["queued_at"],
        troubled=row["trouble"] is not None,
        corrected=corrected_facets(row["labels"]),
        complaint=row["complaint"],
        unheard=unheard,
        account=first.account if first else "",
        identity_id=first.identity_id if first else "",
        trust=Trust(**first.trust) if first else Trust(),
        auto=first.auto if first else "none",
        meta=first.meta if first else {},
        automatic=bool(said) and all(line.auto != "none" for line in said),
    )


def corrected_facets(labels: Fields | None) -> dict[str, Label]:
    """The labels that people gave, by facet."""
    if labels is None:
        return {}
    facets = Labels.model_validate(labels).facets
    return {name: label for name, label in facets.items() if label.by not in MACHINES}
