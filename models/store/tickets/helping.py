"""Helpers (协办) and sub-tasks: others work on a ticket that stays its owner's (首问负责制)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, union, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.errors import Conflict, NotFound, Rejected
from models.store.effects.followers import Follower
from models.store.effects.timers import Timer, set_timer, stop_timer
from models.store.ground.database import Database, Event, Fields, Tx
from models.store.ground.idempotency import Key, earlier, keep
from models.store.ground.locks import lock, lock_rows
from models.store.tickets.moves import in_reach, locked, moved
from models.store.tickets.ownership import load, unload
from models.tables import agent, helper, subtask, ticket
from models.ticket import TicketState

DUE = "subtask"
"""The kind of the timer that an open sub-task has."""

_ENDED = frozenset({TicketState.CLOSED, TicketState.INVALID, TicketState.MERGED})
"""Nobody helps with a ticket in these; one that is resolved may still have tasks to do."""


@dataclass(frozen=True, slots=True)
class Helper:
    """A person who helps with a ticket without owning it; ``at`` is when they were asked."""

    agent_id: str
    at: float
    added_by: str | None
    units: int


@dataclass(frozen=True, slots=True)
class Subtask:
    """What a person or a department is asked to do. Times are seconds since the epoch."""

    id: str
    ticket_id: str
    number: str
    title: str
    department: str
    assignee_id: str | None
    due_at: float
    state: str
    result: str
    created_at: float
    created_by: str | None
    late_at: float | None
    ended_at: float | None
    ended_by: str | None


@dataclass(frozen=True, slots=True)
class NewTask:
    """What is to be asked, of a person, who helps with ``units``, or of a department."""

    title: str
    due_at: float
    department: str = ""
    assignee_id: str | None = None
    units: int = 0


_COLUMNS = [
    ticket.c[name] if name == "number" else subtask.c[name]
    for name in Subtask.__dataclass_fields__
]


class Helping:
    """A ticket with open sub-tasks is 协办中; its owner and the customer's clock stay."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # -- looking -----------------------------------------------------------------------

    async def helpers(self, ticket_id: str) -> list[Helper]:
        """Who helps now, in the order in which they were asked."""
        h = helper.c
        query = select(h.agent_id, h.at, h.added_by, h.units)
        query = query.where(h.ticket_id == ticket_id, h.ended_at.is_(None)).order_by(h.id)
        async with self._db.read() as conn:
            return [Helper(*row) for row in await conn.execute(query)]

    async def tasks(self, ticket_id: str) -> list[Subtask]:
        """Every sub-task of a ticket, oldest first."""
        return await self._tasks(subtask.c.ticket_id == ticket_id, subtask.c.id)

    async def task(self, task_id: str) -> Subtask:
        """Raises ``NotFound`` where there is none."""
        found = await self._tasks(subtask.c.id == task_id, subtask.c.id)
        if not found:
            raise NotFound("no such sub-task")
        return found[0]

    async def open_tasks(self, agent_id: str, departments: Collection[str]) -> list[Subtask]:
        """What a person, or a department that they are of, still has to do; next due first."""
        s = subtask.c
        theirs = s.assignee_id.is_(None) & s.department.in_(sorted(departments))
        wanted = (s.state == "open") & or_(s.assignee_id == agent_id, theirs)
        return await self._tasks(wanted, s.due_at, s.id)

    async def _tasks(
        self, condition: ColumnElement[bool], *order: ColumnElement[Any]
    ) -> list[Subtask]:
        query = select(*_COLUMNS).join(ticket, ticket.c.id == subtask.c.ticket_id)
        return [
            Subtask(**row) for row in await self._db.rows(query.where(condition).order_by(*order))
        ]

    async def seen_by(
        self, ticket_ids: Collection[str], agent_id: str, departments: Collection[str]
    ) -> set[str]:
        """Those a person helps with, or did, or whose department is asked to."""
        h, s, ids = helper.c, subtask.c, sorted(ticket_ids)
        helps = select(h.ticket_id).where(h.ticket_id.in_(ids), h.agent_id == agent_id)
        asked = select(s.ticket_id).where(
            s.ticket_id.in_(ids), s.department.in_(sorted(departments)), s.state == "open"
        )
        return set(await self._db.column(union(helps, asked)))

    # -- helpers -----------------------------------------------------------------------

    async def ask(
        self, ticket_id: str, by: str, agent_id: str, units: int, *, hands_off: bool = False
    ) -> None:
        """Brings a helper in, who uses ``units`` of their capacity; they may exceed it.

        Raises:
            NotFound: no such ticket.
            Conflict: the ticket has ended, the agent cannot help any more, or (``hands_off``)
                somebody else than ``by`` has it.
            Rejected: they own it.
        """
        async with self._db.write() as tx:
            row = await _open_ticket(tx, ticket_id, by, hands_off=hands_off)
            await _join(tx, row, by, agent_id, units)

    async def dismiss(self, ticket_id: str, by: str, agent_id: str) -> None:
        """Ends a helper's part.

        Raises:
            NotFound: no such ticket, or they do not help.
            Conflict: they have a sub-task to do.
        """
        s = subtask.c
        async with self._db.write() as tx:
            row = await locked(tx, ticket_id)
            theirs = select(s.id).where(
                s.ticket_id == ticket_id, s.assignee_id == agent_id, s.state == "open"
            )
            if (await tx.conn.execute(theirs.limit(1))).first() is not None:
                raise Conflict("they have an open sub-task: end that first")
            if not await _dismiss(tx, row, by, [agent_id]):
                raise NotFound("this person does not help with this ticket")

    # -- sub-tasks ---------------------------------------------------------------------

    async def open(
        self,
        ticket_id: str,
        by: str,
        *,
        title: str,
        due_at: float,
        department: str = "",
        assignee_id: str | None = None,
        units: int = 0,
        hands_off: bool = False,
        key: Key | None = None,
    ) -> str:
        """Asks a person, who thereby helps, or a department for something; returns its id.

        The same ``key`` again returns the task that there is.

        Raises:
            NotFound: no such ticket.
            Conflict: the ticket has ended, the agent cannot help any more, (``hands_off``)
                somebody else than ``by`` has it, or the key was used for another request.
            Rejected: nobody is asked, or its owner is.
        """
        async with self._db.write() as tx:
            if (before := await earlier(tx, key)) is not None:
                return before
            new = NewTask(title, due_at, department, assignee_id, units)
            task_id = await open_task(tx, ticket_id, by, new, hands_off=hands_off)
            await keep(tx, key, task_id)
        return task_id

    async def take(self, task_id: str, agent_id: str, units: int) -> None:
        """Somebody of the department that is asked does it, and thereby helps.

        Raises:
            NotFound: no such sub-task.
            Conflict: it has ended, or somebody does it already.
            Rejected: they own the ticket.
        """
        async with self._db.write() as tx:
            row, task = await _open_task(tx, task_id)
            if task["assignee_id"] is not None:
                raise Conflict("somebody does this sub-task already")
            await _join(tx, row, agent_id, agent_id, units)
            mine = update(subtask).where(subtask.c.id == task_id)
            await tx.conn.execute(mine.values(assignee_id=agent_id))
            await tx.audit(agent_id, "subtask.taken", task["ticket_id"], id=task_id)
            _tell(tx, "subtask.taken", task, row["owner_id"], by=agent_id)

    async def finish(self, task_id: str, by: str, result: str) -> None:
        """It is done, with this result; with the last one the ticket is its owner's alone again.

        Raises:
            NotFound: no such sub-task.
            Conflict: it has ended.
        """
        await self._end(task_id, by, "done", result)

    async def cancel(self, task_id: str, by: str, why: str) -> None:
        """It is not wanted any more. Raises as ``finish``."""
        await self._end(task_id, by, "cancelled", why)

    async def _end(self, task_id: str, by: str, state: str, words: str) -> None:
        async with self._db.write() as tx:
            row, task = await _open_task(tx, task_id)
            await _end(tx, row, task, by, state, words)
            await _settle(tx, row)


async def open_task(
    tx: Tx, ticket_id: str, by: str, new: NewTask, *, hands_off: bool = False
) -> str:
    """As ``Helping.open``, together with what else the caller's transaction does."""
    if not new.department and new.assignee_id is None:
        raise Rejected("say who is to do it: a department or a person")
    row = await _open_ticket(tx, ticket_id, by, hands_off=hands_off)
    if new.assignee_id is not None:
        await _join(tx, row, by, new.assignee_id, new.units)
    task = {
        "id": tx.new_id(), "ticket_id": ticket_id, "title": new.title, "due_at": new.due_at,
        "department": new.department, "assignee_id": new.assignee_id, "created_at": tx.now,
        "created_by": by,
    }  # fmt: skip
    await tx.insert(subtask, [task])
    await set_timer(tx, DUE, str(task["id"]), new.due_at)
    await tx.audit(by, "subtask.opened", ticket_id, **_shown(task))
    _tell(tx, "subtask.opened", task, new.assignee_id, by=by)
    await _settle(tx, row)
    return str(task["id"])


async def subtask_due(tx: Tx, fired: Timer) -> None:
    """Its time has run out undone: the owner of the ticket is told, and who was to do it."""
    s = subtask.c
    query = select(s.ticket_id).where(s.id == fired.subject)
    row = await locked(tx, (await tx.conn.execute(query)).scalar_one())
    query_task = select(subtask).where(s.id == fired.subject)
    task = (await tx.conn.execute(query_task)).mappings().one()
    if task["state"] != "open":
        return
    await tx.conn.execute(update(subtask).where(s.id == fired.subject).values(late_at=tx.now))
    for told in sorted({row["owner_id"], task["assignee_id"]} - {None}) or [None]:
        _tell(tx, "subtask.late", task, told, by=None)


async def follow_moves(tx: Tx, events: Sequence[Event]) -> None:
    """After tickets have moved: nobody helps with one that has ended.

    And one that comes into somebody's hands while others still work on it is 协办中; who helped
    with it before it was theirs does not any more.
    """
    moved_ids = {event.ticket_id for event in events if event.ticket_id is not None}
    rows = await lock_rows(tx, ticket, await _helped(tx, moved_ids))
    await _lock_helpers(tx, rows)
    for ticket_id, row in rows.items():
        if row["state"] not in _ENDED:
            if row["owner_id"] in await _live(tx.conn, ticket_id):
                await _replace(tx, row, row["owner_id"], None, _OWNS)
            if await _undone(tx.conn, ticket_id):
                await _settle(tx, await locked(tx, ticket_id))
            continue
        for task in await _undone(tx.conn, row["id"]):
            await _end(tx, row, task, None, "cancelled", "")
        await _dismiss(tx, row, None, None)


async def helped_by(tx: Tx, agent_id: str) -> Sequence[str]:
    """Ids of the tickets that a person helps with, or is asked to."""
    h, s = helper.c, subtask.c
    helps = select(h.ticket_id).where(h.agent_id == agent_id, h.ended_at.is_(None))
    asked = select(s.ticket_id).where(s.assignee_id == agent_id, s.state == "open")
    return sorted((await tx.conn.execute(union(helps, asked))).scalars())


async def hand_over(tx: Tx, agent_id: str, to: str | None) -> int:
    """What somebody who leaves helps with: to ``to``, who helps in their place.

    Without them, or where they own the ticket, a sub-task goes back to its department; one that
    was asked of the person alone is cancelled, and the ticket's owner told. Returns how many
    tickets it was.
    """
    found = await helped_by(tx, agent_id)
    for ticket_id in found:
        await _replace(tx, await locked(tx, ticket_id), agent_id, to, _LEFT)
    return len(found)


_LEFT = "执行人已离岗 / who was to do it has left"
_OWNS = "执行人已成为负责人 / who was to do it owns the ticket now"


async def _replace(tx: Tx, row: Fields, agent_id: str, to: str | None, why: str) -> None:
    """Ends a helper's part, for ``to`` where that is somebody else than the owner."""
    receiver = to if to != row["owner_id"] else None
    if receiver is not None:
        query = select(helper.c.units).where(helper.c.ticket_id == row["id"])
        query = query.where(helper.c.agent_id == agent_id, helper.c.ended_at.is_(None))
        units = (await tx.conn.execute(query)).scalar_one_or_none()
        await _join(tx, row, None, receiver, units or 0)
    theirs = [t for t in await _undone(tx.conn, row["id"]) if t["assignee_id"] == agent_id]
    for task in theirs:
        if receiver is None and not task["department"]:
            await _end(tx, row, task, None, "cancelled", why)
            continue
        change = update(subtask).where(subtask.c.id == task["id"])
        await tx.conn.execute(change.values(assignee_id=receiver))
        await tx.audit(None, "subtask.handed", row["id"], id=task["id"], to=receiver)
        passed = {**task, "assignee_id": receiver}
        _tell(tx, "subtask.handed", passed, receiver or row["owner_id"], by=None)
    await _dismiss(tx, row, None, [agent_id])
    await _settle(tx, row)


HELPERS = Follower("helping", frozenset({"ticket.moved", "ticket.assigned"}), follow_moves)


async def _helped(tx: Tx, ticket_ids: Collection[str]) -> list[str]:
    """Those of these tickets that somebody helps with or is asked to: mostly none."""
    h, s = helper.c, subtask.c
    helps = select(h.ticket_id).where(h.ticket_id.in_(ticket_ids), h.ended_at.is_(None))
    asked = select(s.ticket_id).where(s.ticket_id.in_(ticket_ids), s.state == "open")
    return sorted((await tx.conn.execute(union(helps, asked))).scalars())


async def _lock_helpers(tx: Tx, ticket_ids: Collection[str]) -> None:
    """Whoever helps with these locked tickets, before the first of them is given units back."""
    h = helper.c
    live = h.ticket_id.in_(ticket_ids) & h.ended_at.is_(None)
    people = (await tx.conn.execute(select(h.agent_id).where(live))).scalars().all()
    await lock(tx, agent, people)


async def _settle(tx: Tx, row: Fields) -> None:
    """协办中 while somebody is asked for something, in the owner's hands alone when not."""
    undone = bool(await _undone(tx.conn, row["id"]))
    if undone and row["state"] == TicketState.ACTIVE:
        await moved(tx, row, TicketState.HELPING)
    elif not undone and row["state"] == TicketState.HELPING:
        await moved(tx, row, TicketState.ACTIVE)


async def _undone(conn: AsyncConnection, ticket_id: str) -> Sequence[Fields]:
    s = subtask.c
    query = select(subtask).where(s.ticket_id == ticket_id, s.state == "open").order_by(s.id)
    return (await conn.execute(query)).mappings().all()


async def _live(conn: AsyncConnection, ticket_id: str) -> set[str]:
    h = helper.c
    query = select(h.agent_id).where(h.ticket_id == ticket_id, h.ended_at.is_(None))
    return set((await conn.execute(query)).scalars())


async def _end(tx: Tx, row: Fields, task: Fields, by: str | None, state: str, words: str) -> None:
    change = {"state": state, "result": words, "ended_at": tx.now, "ended_by": by}
    await tx.conn.execute(update(subtask).where(subtask.c.id == task["id"]).values(**change))
    await stop_timer(tx, DUE, task["id"])
    kind = _ENDINGS[state]
    await tx.audit(by, kind, task["ticket_id"], id=task["id"], words=words)
    _tell(tx, kind, task, row["owner_id"], by=by)


async def _open_ticket(tx: Tx, ticket_id: str, by: str, *, hands_off: bool) -> Fields:
    row = await in_reach(tx, ticket_id, by, hands_off=hands_off)
    if row["state"] in _ENDED:
        raise Conflict("this ticket has ended: nobody is asked to help with it")
    return row


async def _open_task(tx: Tx, task_id: str) -> tuple[Fields, Fields]:
    """The ticket and its open sub-task; the ticket is locked first, as everywhere."""
    s = subtask.c
    query = select(s.ticket_id).where(s.id == task_id)
    ticket_id = (await tx.conn.execute(query)).scalar_one_or_none()
    if ticket_id is None:
        raise NotFound("no such sub-task")
    row = await locked(tx, ticket_id)
    task = (await tx.conn.execute(select(subtask).where(s.id == task_id))).mappings().one()
    if task["state"] != "open":
        raise Conflict("this sub-task has ended; look at it again")
    return row, task


async def _join(tx: Tx, row: Fields, by: str | None, agent_id: str, units: int) -> None:
    if row["owner_id"] == agent_id:
        raise Rejected("the owner of a ticket does not help with it")
    h = helper.c
    live = (h.ticket_id == row["id"]) & (h.agent_id == agent_id) & h.ended_at.is_(None)
    if (await tx.conn.execute(select(h.id).where(live))).first() is not None:
        return
    await load(tx, agent_id, units, forced=True)
    joined = {
        "id": tx.new_id(), "ticket_id": row["id"], "agent_id": agent_id, "units": units,
        "at": tx.now, "added_by": by,
    }  # fmt: skip
    await tx.insert(helper, [joined])
    await tx.audit(by, "helper.added", row["id"], agent=agent_id)
    tx.emit("helper.added", ticket=row["id"], agent=agent_id, number=row["number"], by=by)


async def _dismiss(
    tx: Tx, row: Fields, by: str | None, agent_ids: Sequence[str] | None
) -> list[str]:
    """Ends the part of these helpers, or (None) of all; returns whose."""
    h = helper.c
    live = (h.ticket_id == row["id"]) & h.ended_at.is_(None)
    if agent_ids is not None:
        live &= h.agent_id.in_(agent_ids)
    ended = update(helper).where(live).values(ended_at=tx.now).returning(h.agent_id, h.units)
    gone = sorted((await tx.conn.execute(ended)).all())
    for agent_id, units in gone:
        if units:
            await unload(tx, agent_id, units)
        await tx.audit(by, "helper.ended", row["id"], agent=agent_id)
        tx.emit("helper.ended", ticket=row["id"], agent=agent_id, number=row["number"], by=by)
    return [agent_id for agent_id, _ in gone]


_ENDINGS = {"done": "subtask.done", "cancelled": "subtask.cancelled"}


def helping_load(agent_id: ColumnElement[str]) -> ColumnElement[int]:
    """The units that helping uses of an agent's capacity, for the recount."""
    h = helper.c
    used = select(func.coalesce(func.sum(h.units), 0))
    return used.where(h.agent_id == agent_id, h.ended_at.is_(None)).scalar_subquery()


def _shown(task: Fields) -> dict[str, Any]:
    return {name: task[name] for name in ("id", "title", "department", "assignee_id", "due_at")}


def _tell(tx: Tx, kind: str, task: Fields, to: str | None, *, by: str | None) -> None:
    """Names the sub-task; what is asked and answered is not in it."""
    tx.emit(
        kind,
        ticket=task["ticket_id"],
        agent=to,
        subtask=task["id"],
        department=task["department"],
        assignee=task["assignee_id"],
        due_at=task["due_at"],
        by=by,
    )
