"""Looking at tickets: one, a person's, a page of all, and what became of each."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, func, or_, select, text, union_all

from models.errors import NotFound
from models.store.ground.database import Database, Fields
from models.store.tickets.tallies import ON_THE_WAY, tickets_at_rest
from models.tables import (
    IS_WAITING,
    assignment,
    audit,
    conversation,
    outbound,
    skill_class,
    ticket,
)
from models.ticket import OPEN_STATES, Labels, TicketState

_BY_HAND = ("ticket.take", "ticket.decline", "ticket.release")


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as people see it. Times are seconds since the epoch."""

    id: str
    number: str
    conversation_id: str
    customer_id: str
    channel: str
    lane: str
    state: TicketState
    junk: bool
    subject: str
    lang: str
    created_at: float
    updated_at: float
    labels: Labels | None
    trouble: str | None
    skill_class: str | None
    clock_at: float | None
    target: float | None
    late: bool
    relax_step: int
    units: int
    queued_at: float
    epoch: int
    owner_id: str | None
    sticky_id: str | None
    offer_until: float | None
    wake_at: float | None
    first_answer_at: float | None
    resolved_at: float | None
    ended_at: float | None
    merged_into: str | None
    split_from: str | None
    predecessor_id: str | None
    escalation: int
    pressed: int

    @property
    def due_at(self) -> float | None:
        """When the first human answer is due."""
        if self.target is None or self.clock_at is None:
            return None
        return self.clock_at + self.target


_COLUMNS = [ticket.c[name] for name in Ticket.__dataclass_fields__]


_ENDED = sorted(set(TicketState) - OPEN_STATES - {TicketState.CLOSED})

_JUNK = text("ticket.junk")
"""The condition of a partial index, word for word: only so a database sees that it will do."""

_NEVER = 1e12
"""When something is due that has no target yet: after all others."""


def newest(query: Select[Any], states: Sequence[str], limit: int) -> Select[Any]:
    """The newest of ``query``, which selects from ``ticket``, in these states; none: in all.

    Each state by itself, so that a database walks down its index: of all of them at once it would
    read everything that has ever ended, and sort it.
    """
    t = ticket.c
    if not states:
        return query.order_by(t.id.desc()).limit(limit)
    parts = [query.where(t.state == state).order_by(t.id.desc()).limit(limit) for state in states]
    of = union_all(*(select(part.subquery()) for part in parts)).subquery()
    return select(of).order_by(of.c.id.desc()).limit(limit)


class TicketReading:
    """What is known of tickets; changes nothing."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def get(self, ticket_id: str) -> Ticket:
        """One ticket, by id or by number.

        Raises:
            NotFound: no such ticket.
        """
        by = ticket.c.number if ticket_id.isdigit() else ticket.c.id
        query = select(*_COLUMNS).where(by == ticket_id)
        return _ticket(await self._db.one(query, "no such ticket"))

    async def some(self, ticket_ids: Collection[str]) -> list[Ticket]:
        """Those of these ids that there are, in no order."""
        query = select(*_COLUMNS).where(ticket.c.id.in_(sorted(ticket_ids)))
        return [_ticket(row) for row in await self._db.rows(query)]

    async def had_by(self, agent_id: str, ticket_ids: Collection[str]) -> set[str]:
        """Those of these tickets that are or were in a person's hands, or offered to them."""
        s = assignment.c
        query = select(s.ticket_id).where(
            s.ticket_id.in_(sorted(ticket_ids)), s.agent_id == agent_id
        )
        return set(await self._db.column(query))

    async def of_owner(self, agent_id: str) -> list[Ticket]:
        """What a person has in their hands or is offered, oldest first."""
        t = ticket.c
        mine = t.owner_id == agent_id
        query = select(*_COLUMNS).where(mine, t.state.in_(sorted(OPEN_STATES))).order_by(t.id)
        return [_ticket(row) for row in await self._db.rows(query)]

    async def ended_by(self, agent_id: str, since: float, limit: int) -> list[Ticket]:
        """What a person has ended since, the last one first; not what has been closed for good."""
        t = ticket.c
        query = (
            select(*_COLUMNS)
            .where(t.owner_id == agent_id, t.state.in_(_ENDED), t.ended_at >= since)
            .order_by(t.ended_at.desc(), t.id.desc())
            .limit(limit)
        )
        return [_ticket(row) for row in await self._db.rows(query)]

    async def page(
        self,
        *,
        states: Sequence[str] = (),
        junk: bool | None = None,
        skill_class: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[Ticket]:
        """Newest first, a page at a time: pass the last id seen as ``before``."""
        t = ticket.c
        query = select(*_COLUMNS)
        if junk is not None:
            query = query.where(_JUNK if junk else ~t.junk)
        if skill_class is not None:
            query = query.where(t.skill_class == skill_class)
        if before is not None:
            query = query.where(t.id < before)
        query = newest(query, states, limit)
        return [_ticket(row) for row in await self._db.rows(query)]

    async def waiting(
        self, *, skill_class: str | None = None, after: str | None = None, limit: int = 50
    ) -> list[Ticket]:
        """What waits, by its due time, a page at a time: pass the last id seen as ``after``.

        What has no target yet comes last. Going on from a ticket that waits no longer skips
        nothing, for its due time is kept.
        """
        t = ticket.c
        due = func.coalesce(t.clock_at + t.target, _NEVER)
        some = select(t.id).where(IS_WAITING)
        if skill_class is not None:
            some = some.where(t.skill_class == skill_class)
        async with self._db.read() as conn:
            if after is not None:
                last = select(due).where(t.id == after)
                at = (await conn.execute(last)).scalar_one_or_none() or 0.0
                some = some.where(or_(due > at, and_(due == at, t.id > after)))
            # Their ids first: to sort whole tickets takes many times as long.
            ids = some.order_by(due, t.id).limit(limit)
            query = select(*_COLUMNS).where(t.id.in_(ids.scalar_subquery())).order_by(due, t.id)
            return [_ticket(row) for row in (await conn.execute(query)).mappings()]

    async def decisions(self, ticket_id: str) -> list[dict[str, Any]]:
        """Who has had the ticket and why, oldest first.

        With ``given_by``, the id of whoever gave it by hand, and ``end_words``, what was said
        when it was declined or given back; “” where nothing was.
        """
        s, u = assignment.c, audit.c
        query = select(assignment).where(s.ticket_id == ticket_id).order_by(s.at, s.id)
        by_people = select(audit).where(u.subject == ticket_id, u.action.in_(_BY_HAND))
        rows, said = await self._db.rows(query), await self._db.rows(by_people)
        return [{**row, **_people_of(row, said)} for row in rows]

    async def needs(self, name: str) -> Mapping[str, Any] | None:
        """The needs of a skill class, as stored."""
        query = select(skill_class.c.needs).where(skill_class.c.name == name)
        found: Mapping[str, Any] | None = await self._db.value(query)
        return found

    async def counts(self) -> dict[str, int]:
        """How many tickets are in each state; closed and merged ones as ``tallies`` has them."""
        t = ticket.c
        query = select(t.state, func.count().label("n")).where(t.state.in_(sorted(ON_THE_WAY)))
        async with self._db.read() as conn:
            moving = {row.state: row.n for row in await conn.execute(query.group_by(t.state))}
            return moving | await tickets_at_rest(conn)

    async def history(self, ticket_id: str) -> list[dict[str, Any]]:
        """Who changed what by hand, oldest first."""
        query = select(audit).where(audit.c.subject == ticket_id).order_by(audit.c.id)
        return await self._db.rows(query)

    async def of_conversation(self, conversation_id: str) -> list[Ticket]:
        """Its tickets, oldest first."""
        t = ticket.c
        query = (
            select(*_COLUMNS)
            .where(t.conversation_id == conversation_id)
            .order_by(t.created_at, t.id)
        )
        return [_ticket(row) for row in await self._db.rows(query)]

    async def open_of_customer(self, customer_id: str, elsewhere: str, limit: int) -> list[Ticket]:
        """What is open of a customer outside the conversation ``elsewhere``, the newest first."""
        t = ticket.c
        query = (
            select(*_COLUMNS)
            .where(t.customer_id == customer_id, t.state.in_(sorted(OPEN_STATES)))
            .where(t.conversation_id != elsewhere)
            .order_by(t.created_at.desc(), t.id)
            .limit(limit)
        )
        return [_ticket(row) for row in await self._db.rows(query)]

    async def identity_of(self, ticket_id: str) -> str:
        """The identity behind a ticket's conversation.

        Raises:
            NotFound: no such ticket.
        """
        query = (
            select(conversation.c.identity_id)
            .join(ticket, ticket.c.conversation_id == conversation.c.id)
            .where(ticket.c.id == ticket_id)
        )
        found = await self._db.value(query)
        if found is None:
            raise NotFound("no such ticket")
        return str(found)

    async def outbound_ticket(self, outbound_id: str) -> str:
        """The ticket of one of our messages.

        Raises:
            NotFound: no such message.
        """
        query = select(outbound.c.ticket_id).where(outbound.c.id == outbound_id)
        found = await self._db.value(query)
        if found is None:
            raise NotFound("no such answer")
        return str(found)


def _ticket(row: Fields) -> Ticket:
    values = dict(row) | {"state": TicketState(row["state"])}
    if row["labels"] is not None:
        values["labels"] = Labels.model_validate(row["labels"])
    return Ticket(**values)


def _people_of(row: Fields, said: Sequence[Fields]) -> dict[str, Any]:
    """What the audit tells of an assignment: both were written in one transaction, at one time."""
    given_by, words = None, ""
    for line in said:
        if line["action"] == "ticket.take":
            if (line["at"], line["detail"]["to"]) == (row["at"], row["agent_id"]):
                given_by = line["agent_id"]
        elif (line["at"], line["agent_id"]) == (row["ended_at"], row["agent_id"]):
            words = line["detail"].get("reason") or line["detail"].get("note") or ""
    return {"given_by": given_by, "end_words": words}
