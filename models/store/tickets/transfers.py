"""Offered transfers (首问负责制): a ticket stays its owner's until somebody else accepts it.

Its owner's capacity is charged until then, the receiver's from then on. One that nobody accepts
in time is over, and its owner has had the ticket all along.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.errors import Conflict, NotFound
from models.routing import Decision, Needs, Waiting
from models.store.effects.timers import Timer, set_timer
from models.store.ground.database import Database, Fields, Tx
from models.store.ground.locks import lock
from models.store.tickets import offering
from models.store.tickets.labels import reclassed
from models.store.tickets.moves import given, locked, owned
from models.store.tickets.ownership import end_assignment, load, unload
from models.store.tickets.waiting import as_waiting, dump_needs, load_needs
from models.tables import agent, ticket, transfer
from models.ticket import TicketState

_HELD = frozenset({TicketState.ACTIVE, TicketState.HELPING})


@dataclass(frozen=True, slots=True)
class Transfer:
    """A ticket on offer: to one person (``to_id``), or to whoever has ``skill``."""

    id: str
    ticket_id: str
    from_id: str
    to_id: str | None
    skill: str | None
    note: str
    at: float
    until: float


_NAMES = tuple(Transfer.__dataclass_fields__)
_LIVE = transfer.c.ended_at.is_(None)
_OLDEST_FIRST = (transfer.c.at, transfer.c.id)
"""Not by the id alone: for that order SQLite would walk down all that there ever were."""


class Transfers:
    """Offers to a person, a skill or a team; at most one of a ticket at a time."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # -- looking -----------------------------------------------------------------------

    async def of(self, ticket_ids: Collection[str]) -> dict[str, Transfer]:
        """What is on offer of these tickets, by ticket."""
        return {
            row.ticket_id: row for row in await self._read(transfer.c.ticket_id.in_(ticket_ids))
        }

    async def offered_to(self, agent_id: str, skills: Collection[str]) -> list[Transfer]:
        """What a person may accept, oldest first: never what they offer themselves."""
        p = transfer.c
        mine = or_(p.to_id == agent_id, p.skill.in_(sorted(skills)))
        return await self._read(and_(mine, p.from_id != agent_id))

    async def _read(self, condition: Any) -> list[Transfer]:
        query = select(*(transfer.c[name] for name in _NAMES)).where(_LIVE, condition)
        return [Transfer(**row) for row in await self._db.rows(query.order_by(*_OLDEST_FIRST))]

    async def wanted(self, limit: int, lanes: Collection[str]) -> list[Waiting]:
        """Tickets of these lanes offered to a skill or team, as the router sees what waits.

        Whoever offers one is not asked to take it.
        """
        p, t = transfer.c, ticket.c
        query = (
            select(ticket, p.needs, p.from_id)
            .join(transfer, p.ticket_id == t.id)
            .where(_LIVE, p.skill.is_not(None), t.lane.in_(sorted(lanes)), t.target.is_not(None))
            .order_by(*_OLDEST_FIRST)
            .limit(limit)
        )

        async def found(conn: AsyncConnection) -> list[Waiting]:
            return [
                as_waiting(
                    {**row, "excluded": [row["from_id"]], "sticky_id": None, "first": []},
                    load_needs(row["needs"]),
                )
                for row in (await conn.execute(query)).mappings()
            ]

        return await self._db.look(found)

    # -- offering ----------------------------------------------------------------------

    async def offer(
        self,
        ticket_id: str,
        agent_id: str,
        seconds: float,
        *,
        to: str | None = None,
        skill: str | None = None,
        needs: Needs | None = None,
        note: str = "",
    ) -> None:
        """Offers a ticket for ``seconds`` to a person (``to``) or to all who have ``skill``.

        ``needs`` are the ticket's once somebody with the skill has it.

        Raises:
            NotFound: no such ticket.
            Conflict: they do not have it, it is on offer already, or nobody could accept it.
        """
        async with self._db.write() as tx:
            row = await owned(tx, ticket_id, agent_id, _HELD)
            if await offering.on_offer(tx, ticket_id):
                raise Conflict("this ticket is on offer already; withdraw that first")
            people = await _able(tx, agent_id, to, skill)
            offer_id, until = tx.new_id(), tx.now + seconds
            offer = {
                "id": offer_id,
                "ticket_id": ticket_id,
                "from_id": agent_id,
                "to_id": to,
                "skill": skill,
                "needs": dump_needs(needs) if needs is not None else None,
                "note": note,
                "at": tx.now,
                "until": until,
            }
            await tx.insert(transfer, [offer])
            await set_timer(tx, offering.TIMER, offer_id, until)
            offering.tell(tx, "transfer.offered", row, offer, audience=people, until=until)
            await tx.audit(agent_id, "ticket.transfer", ticket_id, to=to, skill=skill, note=note)

    async def withdraw(self, ticket_id: str, agent_id: str) -> None:
        """Its owner keeps it after all.

        Raises:
            NotFound: no such ticket.
            Conflict: they offer it to nobody.
        """
        async with self._db.write() as tx:
            row = await locked(tx, ticket_id)
            offer = await _offered(tx, ticket_id, lambda o: o["from_id"] == agent_id)
            await offering.came_to_nothing(tx, row, offer, "withdrawn")

    async def decline(self, ticket_id: str, agent_id: str, reason: str) -> None:
        """The person it is offered to will not have it; its owner goes on.

        Raises:
            NotFound: no such ticket.
            Conflict: it is not offered to this one person.
        """
        async with self._db.write() as tx:
            row = await locked(tx, ticket_id)
            offer = await _offered(tx, ticket_id, lambda o: o["to_id"] == agent_id)
            await offering.came_to_nothing(tx, row, offer, "declined")
            await tx.audit(agent_id, "ticket.refuse", ticket_id, reason=reason)

    async def accept(self, ticket_id: str, agent_id: str) -> None:
        """Takes over what was offered: from now on it is theirs, and only theirs.

        Raises:
            NotFound: no such ticket.
            Conflict: it is not offered to them, or they are not ready or have no capacity.
        """
        async with self._db.write() as tx:
            row = await locked(tx, ticket_id)
            skills = await _skills(tx, agent_id)
            offer = await _offered(
                tx, ticket_id, lambda o: o["to_id"] == agent_id or o["skill"] in skills
            )
            await _hand(tx, row, offer, agent_id, {"by": "transfer"})

    async def give(self, decision: Decision) -> bool:
        """The router found somebody with the skill; False when things have changed since."""
        try:
            async with self._db.write() as tx:
                row = await locked(tx, decision.ticket_id)
                if row["epoch"] != decision.epoch:
                    return False
                offer = await _offered(tx, row["id"], lambda o: _wants(o, decision.skill_class))
                why = {"by": "transfer", "rules_version": decision.rules_version}
                await _hand(tx, row, offer, decision.agent_id, why)
        except Conflict:
            return False
        return True


async def expire(tx: Tx, due: Timer) -> None:
    """Nobody accepted in time: its owner, who has it, is told."""
    p = transfer.c
    query = select(p.ticket_id).where(p.id == due.subject, _LIVE)
    ticket_id = (await tx.conn.execute(query)).scalar_one_or_none()
    if ticket_id is None:
        return
    row = await locked(tx, ticket_id)
    offer = await offering.on_offer(tx, ticket_id)
    if offer is not None and offer["id"] == due.subject:
        await offering.came_to_nothing(tx, row, offer, "timeout")


async def recall(tx: Tx, ticket_id: str) -> None:
    """What is on offer of a ticket is no longer: who should have it has left."""
    await offering.withdraw(tx, await locked(tx, ticket_id))


async def _hand(tx: Tx, row: Fields, offer: Fields, agent_id: str, why: Mapping[str, Any]) -> None:
    sender = row["owner_id"]
    if agent_id == sender:
        raise Conflict("this ticket is yours already")
    await lock(tx, agent, [agent_id, sender])
    await load(tx, agent_id, row["units"])
    await unload(tx, sender, row["units"])
    await offering.accepted(tx, offer)
    await end_assignment(tx, row, "transferred")
    given_by = {"from": sender, "note": offer["note"]}
    await given(tx, row, agent_id, {**why, **given_by})
    if offer["needs"] is not None:
        await reclassed(tx, row["id"], load_needs(offer["needs"]), by_hand=True)


async def _offered(tx: Tx, ticket_id: str, theirs: Callable[[Fields], bool]) -> Fields:
    offer = await offering.on_offer(tx, ticket_id)
    if offer is None or not theirs(offer):
        raise Conflict("this ticket is not offered any more; look at it again")
    return offer


def _wants(offer: Fields, skill_class: str) -> bool:
    """Whether an offer is to those whom the router looked for.

    The ticket's epoch does not tell: it is its owner's as before, whatever they offer of it.
    """
    return offer["skill"] is not None and load_needs(offer["needs"]).skill_class == skill_class


async def _able(tx: Tx, agent_id: str, to: str | None, skill: str | None) -> Sequence[str]:
    """The people who could accept; raises ``Conflict`` when there is none."""
    a = agent.c
    if to is not None:
        await lock(tx, agent, [to])  # who is just leaving has left when this goes on
    query: Select[Any] = select(a.id, a.skills).where(a.disabled_at.is_(None), a.id != agent_id)
    rows = (await tx.conn.execute(query.order_by(a.id))).all()
    people = [row.id for row in rows if row.id == to or skill in row.skills]
    if not people:
        raise Conflict("nobody else could take this ticket")
    return people


async def _skills(tx: Tx, agent_id: str) -> Collection[str]:
    query = select(agent.c.skills).where(agent.c.id == agent_id)
    skills = (await tx.conn.execute(query)).scalar_one_or_none()
    if skills is None:
        raise NotFound("no such agent")
    return set(skills)
