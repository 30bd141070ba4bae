"""The clocks of tickets as they are kept: read for whoever moves them, written with what came."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.clocks import LEVEL_NAMES, Case, ClockKind, Facts, Mark, Run
from models.routing import LATE_TWICE_STEP
from models.store.effects.timers import set_timers, stop_timers
from models.store.ground.database import Database, Fields, Tx
from models.store.ground.locks import lock
from models.store.tickets.labels import reclassed
from models.store.tickets.moves import locked
from models.store.tickets.tallies import breached_ever
from models.store.tickets.waiting import load_needs
from models.tables import (
    IS_ESCALATED,
    clock,
    clock_event,
    conversation,
    cursor,
    customer,
    event,
    skill_class,
    ticket,
)
from models.ticket import TicketState

FOLLOWER = "clocks"
"""Who moves them by what has happened."""

TIMER = "clock"
"""The kind of the one timer that a ticket's clocks share."""

_FACTS = tuple(Facts.__dataclass_fields__)

_RUNNING = (
    "target", "hours", "since", "elapsed", "turns", "level", "asked_at", "warned_at",
    "breached_at", "due_at", "stopped_at", "outcome", "lapsed", "agent_id",
)  # fmt: skip

_MUTABLE = ("account", "tier", "domain", "type", "urgency", *_RUNNING)


_ORDER = (
    "started", "retargeted", "resumed", "pressed", "warned", "breached", "escalated", "paused",
    "stopped",
)  # fmt: skip
"""In which what came about at one moment is told."""


_NEWS_SECONDS = 2 * 86400.0
"""What is older is written down, but nobody is told any more: after an upgrade, say, when weeks
of events are read for the first time."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A line of a ticket's history of clocks; ``clock`` is None for the ticket as a whole.

    ``noted_at`` is later than ``at`` where the centre's own clock stood still.
    """

    at: float
    noted_at: float
    what: str
    clock: ClockKind | None
    elapsed: float
    level: int
    times: int


class Clocks:
    """Reading; what writes is done in the transactions of the follower and of the timers."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of(self, ticket_id: str) -> list[Run]:
        """Every run of a ticket's clocks, in the order in which they began."""
        c = clock.c
        query = select(clock).where(c.ticket_id == ticket_id).order_by(c.started_at, c.id)
        return [_run(row) for row in await self._db.rows(query)]

    async def behind(self, ticket_id: str) -> bool:
        """Whether they have still to be moved by what has happened; asked before they are read."""
        async with self._db.read() as conn:
            return await _unread(conn, ticket_id)

    async def next_answers_due(self, ticket_ids: Collection[str]) -> dict[str, float]:
        """When the next answer to each of these is due; not of those that are owed none."""
        c = clock.c
        query = select(c.ticket_id, c.due_at).where(
            c.ticket_id.in_(sorted(ticket_ids)),
            c.kind == ClockKind.NEXT_ANSWER,
            c.stopped_at.is_(None),
            c.due_at.is_not(None),
        )
        return {row["ticket_id"]: row["due_at"] for row in await self._db.rows(query)}

    async def history(self, ticket_id: str) -> list[Passage]:
        """What came about, oldest first. That a clock started is its own row."""
        e, c = clock_event.c, clock.c
        query = (
            select(e.at, e.noted_at, e.what, c.kind, e.elapsed, e.level, e.times)
            .select_from(clock_event.outerjoin(clock))
            .where(e.ticket_id == ticket_id)
            .order_by(e.at, e.id)
        )
        started = [
            Passage(run.started_at, run.started_at, "started", run.kind, 0.0, 0, 0)
            for run in await self.of(ticket_id)
        ]
        async with self._db.read() as conn:
            rows = await conn.execute(query)
            noted = [
                Passage(
                    row.at, row.noted_at, row.what, row.kind and ClockKind(row.kind),
                    row.elapsed, row.level, row.times,
                )
                for row in rows
            ]  # fmt: skip
        return sorted(started + noted, key=lambda line: (line.at, _ORDER.index(line.what)))

    async def breaches(self) -> dict[str, int]:
        """How many runs have been breached, by kind of clock; as ``tallies`` has them."""
        async with self._db.read() as conn:
            return await breached_ever(conn)

    async def escalated(self) -> dict[int, int]:
        """How many open tickets stand at each level of escalation, 1 to 3."""
        t = ticket.c
        query = select(t.escalation, func.count()).where(IS_ESCALATED).group_by(t.escalation)
        async with self._db.read() as conn:
            found: dict[int, int] = {row[0]: row[1] for row in await conn.execute(query)}
        return {level: found.get(level, 0) for level in range(1, len(LEVEL_NAMES) + 1)}


async def load_cases(
    tx: Tx, ids: Collection[str], *, fresh: Collection[str] = (), labelled: Collection[str] = ()
) -> dict[str, Case]:
    """Tickets with their clocks, locked against others who move clocks, by id.

    ``fresh``: tickets that have no clocks yet; ``labelled``: those whose labels the caller
    knows. Of neither that is read.
    """
    cases = await _tickets(tx, ids)
    known = sorted(set(cases) - set(fresh))
    if known:
        c = clock.c
        query = select(clock).where(c.ticket_id.in_(known)).order_by(c.started_at, c.id)
        for row in (await tx.conn.execute(query.with_for_update(key_share=True))).mappings():
            cases[row["ticket_id"]].runs.append(_run(row))
    unread = sorted(set(cases) - set(labelled))
    if unread:
        labels = select(ticket.c.id, ticket.c.labels).where(ticket.c.id.in_(unread))
        for ticket_id, given in await tx.conn.execute(labels):
            case = cases[ticket_id]
            case.facts = with_labels(case.facts, _values(given))
    return cases


def with_labels(facts: Facts, values: Mapping[str, str]) -> Facts:
    """``facts`` of a ticket with these labels."""
    return Facts(
        facts.channel, facts.account, facts.lane, facts.tier,
        *(values.get(facet, "") for facet in ("domain", "type", "urgency")),
    )  # fmt: skip


async def save_cases(tx: Tx, cases: Sequence[Case], timers: Mapping[str, float | None]) -> None:
    """Writes what has changed, and tells of it.

    ``timers``: when each ticket's is due; None: not any more.
    """
    runs = [run for case in cases for run in case.runs]
    await tx.insert(clock, [_row(run) for run in runs if run.new])
    changed = [_row(run) for run in runs if run.changed and not run.new]
    await tx.update_each(clock, _MUTABLE, changed)
    marks = [(case, mark) for case in cases for mark in case.marks]
    await tx.insert(clock_event, [_mark_row(tx, case, mark) for case, mark in marks])
    for case, mark in marks:
        if tx.now - mark.at < _NEWS_SECONDS:
            _tell(tx, case, mark)
    counted = [
        case for case in cases if any(m.what in {"pressed", "escalated"} for m in case.marks)
    ]
    rows = [
        {"id": case.ticket_id, "escalation": case.escalation, "pressed": case.pressed}
        for case in sorted(counted, key=lambda case: case.ticket_id)
    ]
    await tx.update_each(ticket, ("escalation", "pressed"), rows)
    await set_timers(tx, TIMER, {id_: due for id_, due in timers.items() if due is not None})
    await stop_timers(tx, TIMER, [id_ for id_, due in timers.items() if due is None])


async def widen(tx: Tx, ticket_id: str, skill: str) -> None:
    """Lets the holders of ``skill`` take a waiting ticket as well, from now on.

    Nothing happens to one that somebody has, or that has an overflow group already: whoever may
    take a ticket still may afterwards.
    """
    row = await locked(tx, ticket_id)
    if row["state"] != TicketState.WAITING or row["skill_class"] is None:
        return
    stored = select(skill_class.c.needs).where(skill_class.c.name == row["skill_class"])
    needs = load_needs((await tx.conn.execute(stored)).scalar_one())
    if needs.overflow:
        return
    place = {"relax_step": max(row["relax_step"], LATE_TWICE_STEP - 1), "next_step_at": tx.now}
    wider = replace(needs, overflow=skill)
    await reclassed(tx, ticket_id, wider, by_hand=row["by_hand"], place=place)
    tx.emit("ticket.rerouted", ticket=ticket_id, skill_class=wider.skill_class)


async def behind(tx: Tx, ticket_id: str, kinds: Collection[str]) -> bool:
    """Whether something has happened to a ticket that its clocks have not been told of.

    Locks the ticket: nothing that is about to be committed to it is overlooked.
    """
    await lock(tx, ticket, [ticket_id])
    return await _unread(tx.conn, ticket_id, event.c.kind.in_(sorted(kinds)))


async def _unread(conn: AsyncConnection, ticket_id: str, *which: ColumnElement[bool]) -> bool:
    """Whether the follower has still to read an event of a ticket, one of those."""
    c, e = cursor.c, event.c
    read = select(c.value).where(c.channel == "follower", c.account == FOLLOWER)
    position = (await conn.execute(read)).scalar_one_or_none() or 0
    query = select(e.seq).where(e.ticket_id == ticket_id, e.seq > position, *which).limit(1)
    return (await conn.execute(query)).one_or_none() is not None


async def _tickets(tx: Tx, ids: Collection[str]) -> dict[str, Case]:
    t = ticket.c
    query = (
        select(
            t.id, t.number, t.owner_id, t.conversation_id, t.channel, t.lane, t.created_at,
            t.queued_at, t.clock_at, t.target, t.escalation, t.pressed,
            conversation.c.account, customer.c.tier,
        )
        .select_from(
            ticket.join(conversation, conversation.c.id == t.conversation_id)
            .join(customer, customer.c.id == t.customer_id)
        )
        .where(t.id.in_(sorted(ids)))
    )  # fmt: skip
    return {row.id: _case(row) for row in await tx.conn.execute(query)}


def _case(row: Any) -> Case:
    due = None
    if row.target is not None and row.queued_at == row.created_at:
        due = row.clock_at + row.target
    return Case(
        ticket_id=row.id,
        number=row.number,
        owner_id=row.owner_id,
        conversation_id=row.conversation_id,
        facts=Facts(row.channel, row.account, row.lane, row.tier),
        created_at=row.created_at,
        routing_due=due,
        escalation=row.escalation,
        pressed=row.pressed,
    )


def _values(labels: Any) -> dict[str, str]:
    if labels is None:
        return {}
    return {facet: label["value"] for facet, label in labels["facets"].items()}


def _run(row: Fields) -> Run:
    return Run(
        id=row["id"],
        ticket_id=row["ticket_id"],
        kind=ClockKind(row["kind"]),
        facts=Facts(*(row[name] for name in _FACTS)),
        started_at=row["started_at"],
        **{name: row[name] for name in _RUNNING},
    )


def _row(run: Run) -> dict[str, Any]:
    facts = run.facts
    return {
        "id": run.id,
        "ticket_id": run.ticket_id,
        "kind": run.kind.value,
        "channel": facts.channel,
        "account": facts.account,
        "lane": facts.lane,
        "tier": facts.tier,
        "domain": facts.domain,
        "type": facts.type,
        "urgency": facts.urgency,
        "target": run.target,
        "hours": run.hours,
        "started_at": run.started_at,
        "since": run.since,
        "elapsed": run.elapsed,
        "turns": run.turns,
        "level": run.level,
        "asked_at": run.asked_at,
        "warned_at": run.warned_at,
        "breached_at": run.breached_at,
        "due_at": run.due_at,
        "stopped_at": run.stopped_at,
        "outcome": run.outcome,
        "lapsed": run.lapsed,
        "agent_id": run.agent_id,
    }


def _mark_row(tx: Tx, case: Case, mark: Mark) -> dict[str, Any]:
    return {
        "id": tx.new_id(),
        "ticket_id": case.ticket_id,
        "clock_id": mark.run.id if mark.run else None,
        "what": mark.what,
        "at": mark.at,
        "noted_at": tx.now,
        "elapsed": mark.elapsed,
        "level": mark.level,
        "times": mark.times,
    }


def _tell(tx: Tx, case: Case, mark: Mark) -> None:
    """What others may want to know at once; the rest is in the history."""
    about: dict[str, Any] = {
        "ticket": case.ticket_id,
        "conversation": case.conversation_id,
        "agent": case.owner_id,
        "number": case.number,
        "since": mark.at,
    }
    if mark.run is not None:
        about |= {"clock": mark.run.kind.value, "target": mark.run.target}
    if mark.what == "warned":
        tx.emit("clock.warned", **about)
    elif mark.what == "breached":
        tx.emit("clock.breached", **about)
    elif mark.what == "escalated":
        tx.emit("ticket.escalated", level=mark.level, **about)
    elif mark.what == "pressed":
        tx.emit("ticket.pressed", times=mark.times, **about)
