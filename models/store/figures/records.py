"""What happened, read back for rehearsals: arrivals with who had them, and presence."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.store.ground.database import Database
from models.tables import assignment, conversation, customer, event, ticket
from models.ticket import Labels


@dataclass(frozen=True, slots=True)
class Record:
    """A ticket of the past. ``handle`` is how long people held it, in seconds.

    It is None where that is not known yet: nobody has finished with it.
    """

    ticket_id: str
    number: str
    channel: str
    account: str
    lane: str
    lang: str
    tier: str
    labels: Labels
    queued_at: float
    handle: float | None
    agent_id: str | None


class Records:
    """Reading only."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def arrivals(self, since: float, until: float, most: int | None = None) -> list[Record]:
        """Labelled tickets that came from ``since`` to before ``until``, oldest first.

        ``most``: only the last ones, so many.
        """
        t = ticket.c
        query = (
            select(ticket, customer.c.tier, conversation.c.account)
            .join(customer, customer.c.id == t.customer_id)
            .join(conversation, conversation.c.id == t.conversation_id)
            .where(
                t.queued_at >= since,
                t.queued_at < until,
                t.target.is_not(None),
                t.labels.is_not(None),
                ~t.junk,
            )
            .order_by(t.queued_at.desc(), t.id.desc())
            .limit(most)
        )
        async with self._db.read() as conn:
            rows = (await conn.execute(query)).mappings().all()[::-1]
            held = await _held(conn, rows[0]["queued_at"] if rows else until)
        # Thousands of labels take a while, and whoever asks may serve people beside it.
        return await asyncio.to_thread(_records, rows, held)

    async def presence(self, since: float, until: float) -> list[tuple[float, str, str]]:
        """(when, agent, presence) of each change, in order; as long as events are kept."""
        e = event.c
        query = (
            select(e.at, e.agent_id, e.data)
            .where(e.kind == "agent.presence", e.at >= since, e.at < until)
            .order_by(e.seq)
        )
        async with self._db.read() as conn:
            return [(r.at, r.agent_id, r.data["presence"]) for r in await conn.execute(query)]


def _records(
    rows: Sequence[Mapping[Any, Any]], held: Mapping[str, tuple[float | None, str]]
) -> list[Record]:
    return [
        Record(
            ticket_id=row["id"],
            number=row["number"],
            channel=row["channel"],
            account=row["account"],
            lane=row["lane"],
            lang=row["lang"],
            tier=row["tier"],
            labels=Labels.model_validate(row["labels"]),
            queued_at=row["queued_at"],
            handle=held.get(row["id"], (None, None))[0],
            agent_id=held.get(row["id"], (None, None))[1],
        )
        for row in rows
    ]


async def _held(conn: AsyncConnection, since: float) -> dict[str, tuple[float | None, str]]:
    """Ticket to (seconds in people's hands, the last to accept it)."""
    s = assignment.c
    query = (
        select(s.ticket_id, s.agent_id, s.accepted_at, s.ended_at)
        .where(s.at >= since, s.accepted_at.is_not(None))
        .order_by(s.ticket_id, s.at)
    )
    found: dict[str, tuple[float | None, str]] = {}
    for row in await conn.execute(query):
        before = found.get(row.ticket_id, (0.0, ""))[0]
        known = before is not None and row.ended_at is not None
        seconds = before + row.ended_at - row.accepted_at if known else None
        found[row.ticket_id] = seconds, row.agent_id
    return found
