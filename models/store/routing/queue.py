"""Labelling and claiming: how a ticket comes into the shared queue, and out of it."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Integer,
    String,
    bindparam,
    literal_column,
    select,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from models.agent import Presence
from models.errors import Conflict
from models.routing import Decision, Needs, Waiting
from models.store.ground.database import Database, Fields
from models.store.routing.entering import Routed, enter
from models.store.routing.unlabelled import Unlabelled, read_unlabelled
from models.store.tickets.ownership import take
from models.store.tickets.waiting import STEPS, Rekey, as_waiting, load_needs
from models.tables import IS_WAITING, agent, skill_class, ticket
from models.ticket import TicketState


class Queue:
    """The shared queue: one index, late binding, claims conditional on epoch and capacity."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # -- labels ------------------------------------------------------------------------

    async def unlabelled(
        self, limit: int, ticket_ids: Collection[str] = (), *, untouched: float = 0.0
    ) -> list[Unlabelled]:
        """Tickets that want labels now, oldest first; greetings only once their hold ended.

        ``untouched``: only those to which nothing happened for so many seconds, greetings apart.
        """
        now = await self._db.now()
        return await self._db.look(
            partial(
                read_unlabelled, now=now, limit=limit, ticket_ids=ticket_ids, untouched=untouched
            )
        )

    async def route(
        self, batch: Sequence[Routed], cap: int | None = None, rekey: Rekey | None = None
    ) -> list[str]:
        """Stores labels and puts new tickets into their skill queues, in one commit.

        A ticket that grew meanwhile is left for the next round. Labels that a person
        corrected stay, and so does a queue that a person chose. ``cap`` is the most
        acknowledgements that one identity gets in a day; ``rekey`` finds where a ticket stands
        under its new target. Returns the ids of the tickets that wait now.
        """
        if not batch:
            return []
        return await self._db.transact(partial(enter, batch=batch, cap=cap, rekey=rekey))

    # -- claims ------------------------------------------------------------------------

    async def anything_to_give(self) -> bool:
        """Whether something waits while a ready person has a unit of capacity left.

        Mostly not: in a busy centre nobody is free, in a quiet one nothing waits.
        """

        async def found(conn: AsyncConnection) -> bool:
            return (await conn.execute(_BOTH_SIDES)).first() is not None

        return await self._db.look(found)

    async def heads(
        self, depth: int, wanted: Callable[[Needs], bool] = lambda _needs: True
    ) -> list[Waiting]:
        """The first ``depth`` tickets of each (skill class, relaxation step) by key.

        Only of classes whose needs are ``wanted``: in a busy centre nobody is free for most.
        """

        async def found(conn: AsyncConnection) -> list[Waiting]:
            known = {
                row.name: load_needs(row.needs) for row in await conn.execute(select(skill_class))
            }
            classes = {name: needs for name, needs in known.items() if wanted(needs)}
            rows = await head_rows(conn, sorted(classes), depth)
            return [as_waiting(row, classes[row["skill_class"]]) for row in rows]

        return await self._db.look(found)

    async def waiting(self, ticket_id: str) -> Waiting | None:
        """One ticket as the router sees it; None when it does not wait, or has no labels yet."""
        t, s = ticket.c, skill_class.c
        query = (
            select(ticket, s.needs)
            .join(skill_class, s.name == t.skill_class)
            .where(t.id == ticket_id, t.state == TicketState.WAITING, t.target.is_not(None))
        )
        async with self._db.read() as conn:
            row = (await conn.execute(query)).mappings().one_or_none()
        return None if row is None else as_waiting(row, load_needs(row["needs"]))

    async def interrupting(self, limit: int) -> list[Waiting]:
        """The first waiting tickets that may take the place of interruptible work."""

        async def found(conn: AsyncConnection) -> list[Waiting]:
            rows = await conn.execute(_INTERRUPTING, {"most": limit})
            return [as_waiting(row, load_needs(row["needs"])) for row in rows.mappings()]

        return await self._db.look(found)

    async def claim(
        self,
        decision: Decision,
        offer_seconds: float | None,
        interruptible: Sequence[str] = (),
    ) -> bool:
        """Gives a ticket to an agent; False when either has changed since the decision.

        ``offer_seconds``: None gives it at once (自动接入), a number lets the agent accept.
        ``interruptible``: lanes of the work that a decision may set aside, if it says so.
        """
        try:
            await self._db.transact(lambda tx: take(tx, decision, offer_seconds, interruptible))
        except Conflict:
            return False
        return True

    async def forgive(self, ticket_id: str, epoch: int, pause: float) -> bool:
        """Empties a ticket's exclude set, ``pause`` seconds after it last grew.

        For a ticket that everybody who may take it has declined or let pass.
        """
        t = ticket.c
        async with self._db.write() as tx:
            cleared = (
                update(ticket)
                .where(
                    t.id == ticket_id,
                    t.epoch == epoch,
                    t.state == TicketState.WAITING,
                    t.updated_at <= tx.now - pause,
                )
                .values(excluded=[], epoch=t.epoch + 1)
            )
            if (await tx.conn.execute(cleared)).rowcount == 0:
                return False
            tx.emit("ticket.nobody_wants", ticket=ticket_id)
        return True


def _chunks(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


_SLOTS = 16
"""Skill classes whose heads are read in one statement."""

_NO_NAMES: Mapping[str, Any] = {f"name_{slot}": None for slot in range(_SLOTS)}


def _heads() -> CompoundSelect[Any]:
    """A walk down ``ix_ticket_queue`` for each slot and step: never the whole backlog."""
    t = ticket.c
    columns = (
        t.id, t.epoch, t.lane, t.skill_class, t.clock_at, t.target, t.late, t.units,
        t.relax_step, t.sticky_id, t.excluded, t.rules_version, t.first, t.interrupts,
    )  # fmt: skip
    parts = [
        select(*columns)
        .where(
            IS_WAITING,
            t.skill_class == bindparam(f"name_{slot}", type_=String),
            t.relax_step == literal_column(str(step)),
            t.target.is_not(None),  # a person chose its queue, and its labels are still to come
        )
        .order_by(t.sort_key, t.id)
        .limit(bindparam("depth", type_=Integer))
        .subquery()
        for slot in range(_SLOTS)
        for step in range(STEPS)
    ]
    return union_all(*(select(part) for part in parts))


_HEADS = _heads()
"""Made once: making it takes longer than running it."""

_BOTH_SIDES = (
    select(agent.c.id)
    .where(
        agent.c.presence == Presence.READY,
        agent.c.disabled_at.is_(None),
        agent.c.used < agent.c.capacity,
        select(ticket.c.id).where(IS_WAITING).exists(),
    )
    .limit(1)
)

_INTERRUPTING = (
    select(ticket, skill_class.c.needs)
    .join(skill_class, skill_class.c.name == ticket.c.skill_class)
    # In the words of the partial index: only then the database sees that it will do.
    .where(
        ticket.c.state == literal_column(f"'{TicketState.WAITING}'"),
        literal_column("ticket.interrupts"),
    )
    .order_by(ticket.c.sort_key, ticket.c.id)
    .limit(bindparam("most", type_=Integer))
)


async def head_rows(conn: AsyncConnection, names: Sequence[str], depth: int) -> list[Fields]:
    """The first ``depth`` waiting tickets of each (skill class, relaxation step) by key."""
    heads: list[Fields] = []
    for some in _chunks(names, _SLOTS):
        slots = {f"name_{slot}": name for slot, name in enumerate(some)}
        rows = await conn.execute(_HEADS, {**_NO_NAMES, **slots, "depth": depth})
        heads += rows.mappings()
    return heads
