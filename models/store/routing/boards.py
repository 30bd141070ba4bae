"""What waits where, as agents, wallboards and customers see it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Double, false, func, literal, literal_column, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from models.routing import Needs
from models.store.ground.database import Database
from models.store.routing.queue import head_rows
from models.store.tickets.waiting import load_needs
from models.tables import IS_WAITING, assignment, skill_class, ticket
from models.wait_estimates import Departure, Pace, pace

_MEASURED_SECONDS = 1800.0
_MOST_MEASURED = 2000
"""How far back, and how many departures, the pace of queues is measured from."""

_CAME_BACK = ("declined", "timeout", "disconnected", "interrupted", "disabled")
"""Ends of an assignment after which the ticket waits again: nothing has left the queue."""


class Place(NamedTuple):
    """Where a waiting ticket stands: ``position`` 1 is the first of its queue.

    ``wait``: seconds it will still take by the measured pace, None where that is unknown.
    """

    ticket_id: str
    queue: str
    position: int
    wait: float | None


class First(NamedTuple):
    """One of the first tickets of a queue. Times in seconds since the epoch."""

    ticket_id: str
    number: str
    urgency: str
    queued_at: float
    due_at: float
    position: int


@dataclass(frozen=True, slots=True)
class QueueState:
    """A queue with tickets in it: ``name`` is the skill class, ``by_urgency`` counts what waits.

    ``oldest``: since when the longest wait lasts; ``late``: how many are past their target.
    """

    name: str
    needs: Needs
    waiting: int
    late: int
    oldest: float
    by_urgency: Mapping[str, int]
    pace: Pace
    first: Sequence[First]


class Boards:
    """Only reads."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def ahead(self, ticket_id: str) -> int:
        """How many tickets of its class go before a waiting one, whatever their step."""
        other = ticket.alias("other")
        t, o = ticket.c, other.c
        same = (o.skill_class == t.skill_class) & (o.state == literal_column("'waiting'"))
        query = (
            select(func.count())
            .select_from(ticket.join(other, same))
            .where(t.id == ticket_id, tuple_(o.sort_key, o.id) < tuple_(t.sort_key, t.id))
        )
        return int(await self._db.value(query))

    async def depth(self) -> list[dict[str, Any]]:
        """Waiting tickets by skill class: count and the oldest's start of waiting."""
        t = ticket.c
        query = (
            select(
                t.skill_class, func.count().label("waiting"), func.min(t.queued_at).label("oldest")
            )
            .where(t.state == "waiting")
            .group_by(t.skill_class)
            .order_by(t.skill_class)
        )
        return await self._db.rows(query)

    async def recent_classes(self, since: float) -> list[tuple[Needs, int]]:
        """What came since a time: needs and how many tickets had them."""
        t = ticket.c
        counted = (
            select(t.skill_class, func.count().label("tickets"))
            .where(t.created_at >= since, t.skill_class.is_not(None))
            .group_by(t.skill_class)
            .subquery()
        )
        # One statement, for one moment: between two reads a class may come up.
        query = select(skill_class.c.needs, counted.c.tickets).join(
            counted, skill_class.c.name == counted.c.skill_class
        )
        async with self._db.read() as conn:
            return [(load_needs(row.needs), row.tickets) for row in await conn.execute(query)]

    async def queues(self, first: int = 0) -> list[QueueState]:
        """Every queue with something in it, and the ``first`` tickets of each, by name."""
        now = await self._db.now()

        async def found(conn: AsyncConnection) -> list[QueueState]:
            counted = await _counted(conn, now)
            paces = await _paces(conn, {name: c["oldest"] for name, c in counted.items()}, now)
            heads = await _first(conn, list(counted), first) if first else {}
            known = {row.name: row.needs for row in await conn.execute(select(skill_class))}
            return [
                QueueState(
                    name, load_needs(known[name]), pace=paces[name], first=heads.get(name, []), **c
                )
                for name, c in sorted(counted.items())
            ]

        return await self._db.look(found, steady=True)

    async def places(self, conversation_ids: Collection[str]) -> dict[str, Place]:
        """By conversation, where its ticket stands; only those that wait in a queue."""
        if not conversation_ids:
            return {}
        now = await self._db.now()

        async def found(conn: AsyncConnection) -> dict[str, Place]:
            mine = await _mine(conn, conversation_ids)
            names = {row.skill_class for row in mine}
            if not names:
                return {}
            positions = await _positions(conn, names, [row.id for row in mine])
            paces = await _paces(conn, await _oldest(conn, names), now)
            return {
                row.conversation_id: Place(
                    row.id, row.skill_class, positions[row.id],
                    paces[row.skill_class].wait(positions[row.id]),
                )
                for row in mine
            }  # fmt: skip

        return await self._db.look(found, steady=True)


async def _counted(conn: AsyncConnection, now: float) -> dict[str, dict[str, Any]]:
    t = ticket.c
    urgency = t.labels["facets"]["urgency"]["value"].as_string().label("urgency")
    late = func.coalesce(t.clock_at + t.target <= literal(now, Double), false()).label("late")
    query = (
        select(
            t.skill_class,
            urgency,
            late,
            func.count().label("waiting"),
            func.min(t.queued_at).label("oldest"),
        )
        .where(IS_WAITING, t.skill_class.is_not(None))
        .group_by(t.skill_class, urgency, late)
    )
    found: dict[str, dict[str, Any]] = {}
    for row in await conn.execute(query):
        queue = found.setdefault(
            row.skill_class, {"waiting": 0, "late": 0, "oldest": row.oldest, "by_urgency": {}}
        )
        queue["waiting"] += row.waiting
        queue["late"] += row.waiting if row.late else 0
        queue["oldest"] = min(queue["oldest"], row.oldest)
        urgencies = queue["by_urgency"]
        urgencies[row.urgency or ""] = urgencies.get(row.urgency or "", 0) + row.waiting
    return found


async def _paces(
    conn: AsyncConnection, oldest: Mapping[str, float], now: float
) -> dict[str, Pace]:
    """The pace of each queue; ``oldest`` is since when its longest waiting ticket waits."""
    t, s = ticket.c, assignment.c
    query = (
        select(t.skill_class, t.queued_at, s.at)
        .join(ticket, t.id == s.ticket_id)
        .where(
            s.at > now - _MEASURED_SECONDS,
            or_(s.outcome.is_(None), s.outcome.not_in(_CAME_BACK)),
        )
        .order_by(s.at.desc())
        .limit(_MOST_MEASURED)
    )
    left: dict[str, list[Departure]] = {name: [] for name in oldest}
    for row in await conn.execute(query):
        if row.skill_class in left:
            # One that has waited again since had come before it left.
            left[row.skill_class].append(Departure(min(row.queued_at, row.at), row.at))
    return {name: pace(left[name], since, now) for name, since in oldest.items()}


async def _first(
    conn: AsyncConnection, names: Sequence[str], count: int
) -> dict[str, list[First]]:
    """The first of each queue, whatever their relaxation step, by its index."""
    t = ticket.c
    heads = [row["id"] for row in await head_rows(conn, names, count)]
    query = (
        select(t.id, t.skill_class, t.number, t.labels, t.queued_at, t.clock_at, t.target)
        .where(t.id.in_(heads))
        .order_by(t.sort_key, t.id)
    )
    found: dict[str, list[First]] = {}
    for row in await conn.execute(query):
        queue = found.setdefault(row.skill_class, [])
        if len(queue) < count:
            due_at, position = row.clock_at + row.target, len(queue) + 1
            urgency = _urgency(row.labels)
            queue.append(First(row.id, row.number, urgency, row.queued_at, due_at, position))
    return found


def _urgency(labels: Mapping[str, Any] | None) -> str:
    facets = (labels or {}).get("facets", {})
    return str(facets["urgency"]["value"]) if "urgency" in facets else ""


async def _mine(conn: AsyncConnection, conversation_ids: Collection[str]) -> Sequence[Any]:
    t = ticket.c
    query = select(t.id, t.conversation_id, t.skill_class).where(
        IS_WAITING, t.conversation_id.in_(conversation_ids), t.skill_class.is_not(None)
    )
    return (await conn.execute(query)).all()


async def _oldest(conn: AsyncConnection, names: Collection[str]) -> dict[str, float]:
    t = ticket.c
    query = select(t.skill_class, func.min(t.queued_at).label("oldest"))
    query = query.where(IS_WAITING, t.skill_class.in_(names)).group_by(t.skill_class)
    return {row.skill_class: row.oldest for row in await conn.execute(query)}


async def _positions(
    conn: AsyncConnection, names: Collection[str], ticket_ids: Collection[str]
) -> dict[str, int]:
    t = ticket.c
    order = func.row_number().over(partition_by=t.skill_class, order_by=(t.sort_key, t.id))
    ranked = select(t.id, order.label("position")).where(IS_WAITING, t.skill_class.in_(names))
    of = ranked.subquery()
    rows = await conn.execute(select(of).where(of.c.id.in_(ticket_ids)))
    return {row.id: row.position for row in rows}
