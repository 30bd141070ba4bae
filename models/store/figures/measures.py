"""How long each stage takes, counted once a ticket, and which invariants are broken."""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import func, select, text

from models.store.effects.followers import Follower
from models.store.ground.database import Database, Event, Fields, Tx
from models.tables import assignment, audit, counter, event, invariant, stage_time, ticket

BOUNDS = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0, 86400.0)
"""Seconds: the upper bounds of a histogram; what takes longer has the bound 0."""

_OVER = 0.0

MAILS_PUT_OFF = "mails put off"
"""The counter of mails whose host was told to come again: it brought too many."""


class StageTime(NamedTuple):
    """So many tickets of a queue fit a bound in a stage, and took so many seconds together."""

    queue: str
    stage: str
    bound: float
    tickets: int
    seconds: float


class Broken(NamedTuple):
    """How often an invariant was found broken, and the id of one example."""

    times: int
    example: str | None = None


class Alarm(NamedTuple):
    """What the last look at an invariant found. ``since``: None while it holds."""

    name: str
    broken: int
    example: str | None
    looked_at: float
    since: float | None


class Measures:
    """Figures that are kept, because no scrape may have to count them from the beginning."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def stage_times(self) -> list[StageTime]:
        c = stage_time.c
        query = select(c.queue, c.stage, c.bound, c.tickets, c.seconds)
        async with self._db.read() as conn:
            rows = await conn.execute(query.order_by(c.queue, c.stage, c.bound))
            return [StageTime(*row) for row in rows]

    async def count(self, name: str, by: int) -> None:
        """Counts what happens at a door; by the many together, for each call is a commit.

        Raises:
            Temporary: the database is out of reach; nothing was counted.
        """
        async with self._db.write() as tx:
            await tx.bump(name, by)

    async def counted(self, name: str) -> int:
        """How many of these there have been, ever."""
        query = select(counter.c.value).where(counter.c.name == name)
        return await self._db.value(query) or 0

    async def found(self, broken: Mapping[str, Broken]) -> list[str]:
        """Keeps what a look at the invariants found; returns those that it found newly broken."""
        async with self._db.write() as tx:
            query = select(invariant.c.name, invariant.c.since).with_for_update(key_share=True)
            before = {row.name: row.since for row in await tx.conn.execute(query)}
            for name, one in sorted(broken.items()):
                since = before.get(name) or tx.now
                values = {
                    "broken": one.times,
                    "example": one.example,
                    "looked_at": tx.now,
                    "since": since if one.times else None,
                }
                statement = tx.upsert(invariant).values(name=name, **values)
                await tx.conn.execute(
                    statement.on_conflict_do_update(index_elements=["name"], set_=values)
                )
            new = [n for n, one in sorted(broken.items()) if one.times and not before.get(n)]
            for name in new:
                await tx.audit(None, f"alarm.{name}", broken[name].example or "")
        return new

    async def alarms(self) -> list[Alarm]:
        """Every invariant that is looked at, by name."""
        c = invariant.c
        query = select(c.name, c.broken, c.example, c.looked_at, c.since).order_by(c.name)
        async with self._db.read() as conn:
            return [Alarm(*row) for row in await conn.execute(query)]

    async def found_ever(self) -> dict[str, int]:
        """How often each kind of alarm was written down."""
        u = audit.c
        query = select(u.action, func.count()).where(_ALARM).group_by(u.action)
        async with self._db.read() as conn:
            rows = (await conn.execute(query)).all()
        return {action.removeprefix("alarm."): times for action, times in rows}


_ALARM = text("audit.action LIKE 'alarm.%'")
"""The condition of ``ix_audit_alarm``, word for word: else the whole audit is read."""


# -- stages ----------------------------------------------------------------------------


async def _count(tx: Tx, events: Sequence[Event]) -> None:
    tickets = await _tickets(tx, {e.ticket_id for e in events if e.ticket_id})
    took: dict[tuple[str, str, float], list[float]] = {}
    for told in events:
        row = tickets.get(told.ticket_id or "")
        if row is None or row["skill_class"] is None:
            continue
        for stage, seconds in _measured(told, row):
            took.setdefault((row["skill_class"], stage, _bound(seconds)), []).append(seconds)
    await _add(tx, took)


def _measured(told: Event, row: Fields) -> Iterator[tuple[str, float]]:
    """The stages that an event ends, and the seconds they took; each once a ticket."""
    if told.kind == "ticket.queued":
        made_at = row["made_at"] or row["created_at"]
        yield "threaded", max(made_at - row["created_at"], 0.0)
        yield "classified", max(told.at - made_at, 0.0)
    elif told.kind == "ticket.assigned" and told.at == row["given_at"]:
        yield "offered", max(told.at - (row["routed_at"] or told.at), 0.0)
        if row["accepted_at"] == told.at:  # given without asking
            yield "accepted", 0.0
    elif told.kind == "ticket.moved" and told.at == row["accepted_at"]:
        yield "accepted", told.at - row["given_at"]


async def _tickets(tx: Tx, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """When its message came, it was made of it, queued, first given to somebody, and taken.

    Each of them None until then.
    """
    t, e, s = ticket.c, event.c, assignment.c
    query = select(t.id, t.skill_class, t.created_at, t.routed_at).where(t.id.in_(ids))
    found = {row["id"]: dict(row) for row in (await tx.conn.execute(query)).mappings()}
    for row in found.values():
        row |= {"made_at": None, "given_at": None, "accepted_at": None}
    made = select(e.ticket_id, e.at).where(e.ticket_id.in_(ids), e.kind == "ticket.created")
    for one in await tx.conn.execute(made):
        found[one.ticket_id]["made_at"] = one.at
    order = func.row_number().over(partition_by=s.ticket_id, order_by=(s.at, s.id))
    ranked = select(s.ticket_id, s.at, s.accepted_at, order.label("nth"))
    of = ranked.where(s.ticket_id.in_(ids)).subquery()
    for one in await tx.conn.execute(select(of).where(of.c.nth == 1)):
        found[one.ticket_id] |= {"given_at": one.at, "accepted_at": one.accepted_at}
    return found


def _bound(seconds: float) -> float:
    place = bisect_left(BOUNDS, seconds)
    return BOUNDS[place] if place < len(BOUNDS) else _OVER


async def _add(tx: Tx, took: Mapping[tuple[str, str, float], Sequence[float]]) -> None:
    """Adds to the rows of (queue, stage, bound) the times that were measured, all at once."""
    if not took:
        return
    names = ("queue", "stage", "bound")
    rows = [
        dict(zip(names, place, strict=True)) | {"tickets": len(times), "seconds": sum(times)}
        for place, times in sorted(took.items())
    ]
    statement = tx.upsert(stage_time)
    sums = {name: stage_time.c[name] + statement.excluded[name] for name in ("tickets", "seconds")}
    await tx.conn.execute(statement.on_conflict_do_update(index_elements=names, set_=sums), rows)


STAGES = Follower(
    "stages",
    frozenset({"ticket.queued", "ticket.assigned", "ticket.moved"}),
    _count,
)
"""Adds up how long tickets take from stage to stage, by the times of the events."""
