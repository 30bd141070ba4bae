"""Tickets that were resolved with an answer, as examples for the next ones."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import exists, select

from models.store.ground.database import Database
from models.store.tickets.reading import newest
from models.tables import assignment, message, outbound, ticket
from models.ticket import LONGEST_TEXT, TicketState

_ENDED = (TicketState.RESOLVED, TicketState.CLOSED)


@dataclass(frozen=True, slots=True)
class Question:
    """What a ticket's customer wrote, oldest first, as far as it is still there."""

    ticket_id: str
    subject: str
    lane: str
    lang: str
    text: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A ticket that was resolved, and the last answer that an agent gave in it."""

    ticket_id: str
    number: str
    subject: str
    resolved_at: float
    text: str


class Examples:
    """Reads only; what was withdrawn is not in it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def resolved(self, most: int) -> list[str]:
        """The newest ``most`` tickets that were resolved with an agent's answer."""
        t, o = ticket.c, outbound.c
        answered = exists().where(o.ticket_id == t.id, o.agent_id.is_not(None))
        query = select(t.id).where(~t.junk, t.resolved_at.is_not(None), answered)
        return await self._db.column(newest(query, _ENDED, most))

    async def questions(self, ids: Sequence[str]) -> list[Question]:
        """What was asked in these tickets."""
        t, m = ticket.c, message.c
        asked = select(t.id, t.subject, t.lane, t.lang).where(t.id.in_(ids)).order_by(t.id)
        said = (
            select(m.ticket_id, m.text)
            .where(
                m.ticket_id.in_(ids),
                m.kind == "message",
                ~m.quarantined,
                m.withdrawn_at.is_(None),
            )
            .order_by(m.ticket_id, m.seq)
        )
        texts: dict[str, list[str]] = {}
        async with self._db.read() as conn:
            rows = (await conn.execute(asked)).all()
            for line in await conn.execute(said):
                texts.setdefault(line.ticket_id, []).append(line.text)
        return [
            Question(*row, text="\n".join(texts.get(row.id, ()))[-LONGEST_TEXT:]) for row in rows
        ]

    async def answers(self, ids: Collection[str]) -> dict[str, Answered]:
        """By ticket, the last answer of an agent that went out."""
        t, o = ticket.c, outbound.c
        query = (
            select(t.id, t.number, t.subject, t.resolved_at, o.text)
            .join(outbound, o.ticket_id == t.id)
            .where(t.id.in_(ids), o.agent_id.is_not(None), o.state != "failed", o.text != "")
            .order_by(o.ticket_id, o.seq)
        )
        async with self._db.read() as conn:
            return {row.id: Answered(*row) for row in await conn.execute(query)}

    async def had_by(self, agent_id: str, ids: Collection[str]) -> frozenset[str]:
        """Those of these tickets that are or were in an agent's hands."""
        if not ids:
            return frozenset()
        a, t = assignment.c, ticket.c
        # Nobody had one of them before the oldest came: what a person did in years is not read.
        oldest = select(t.created_at).where(t.id == min(ids)).scalar_subquery()
        had = select(a.ticket_id).where(a.agent_id == agent_id, a.at >= oldest)
        # Who inherited what was set down has had no hand in it. (As a sum: not by its owners.)
        own = select(t.id).where(t.id >= min(ids), t.owner_id + "" == agent_id)
        async with self._db.read() as conn:
            return frozenset((await conn.execute(had.union(own))).scalars()) & frozenset(ids)
