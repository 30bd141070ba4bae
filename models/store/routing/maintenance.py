"""What the clock does for the queue: what is due moves, and what is wrong is found."""

from collections.abc import Collection, Sequence

from sqlalchemy import Column, TextClause, func, literal_column, or_, select, text, update

from models.follow_up import FollowUpState
from models.routing import Needs, Position
from models.store.ground.database import Database, Fields, Tx
from models.store.ground.locks import lock
from models.store.tickets.helping import helping_load
from models.store.tickets.ownership import requeue, set_presence, tell
from models.store.tickets.waiting import PositionOf, afresh, as_waiting
from models.tables import (
    IS_WAITING,
    agent,
    envelope,
    file_due,
    follow_up,
    outbound,
    ticket,
    webhook_event,
)
from models.ticket import LOADED_STATES, TicketState


class Maintenance:
    """Everything here may run twice, and by whoever holds the clock."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def step(self, position_of: PositionOf, limit: int = 500) -> int:
        """Relaxes and re-keys waiting tickets whose time has come; returns how many."""
        t = ticket.c
        async with self._db.write() as tx:
            due = (
                select(ticket)
                # One pardoned from junk waits without a target until it has labels.
                .where(IS_WAITING, t.next_step_at <= tx.now, t.target.is_not(None))
                .order_by(t.id)
                .limit(limit)
                .with_for_update(key_share=True)
            )
            rows = [dict(row) for row in (await tx.conn.execute(due)).mappings()]
            for row in rows:
                row |= position_of(as_waiting(row, Needs()), tx.now)._asdict()
            await tx.update_each(ticket, Position._fields, rows)
        return len(rows)

    async def wake(self, position_of: PositionOf | None = None, limit: int = 500) -> int:
        """Snoozed tickets whose time has come wait again, first for whoever snoozed them."""
        t = ticket.c
        async with self._db.write() as tx:
            due = (
                select(ticket)
                .where(t.state == literal_column("'snoozed'"), t.wake_at <= tx.now)
                .order_by(t.id)
                .limit(limit)
                .with_for_update(key_share=True)
            )
            rows = (await tx.conn.execute(due)).mappings().all()
            for row in rows:
                await _woken(tx, row, position_of)
        return len(rows)

    async def expire_offers(self) -> list[str]:
        """Takes back offers that nobody accepted in time; returns the agents' ids.

        The ticket keeps its key and excludes the agent. Who was ready is not responding; who has
        said that they are away stays so.
        """
        t = ticket.c
        async with self._db.write() as tx:
            due = (
                select(ticket)
                .where(t.state == "offered", t.offer_until < tx.now)
                .order_by(t.id)
                .with_for_update(key_share=True)
            )
            rows = (await tx.conn.execute(due)).mappings().all()
            silent = sorted({row["owner_id"] for row in rows})
            await lock(tx, agent, silent)
            for row in rows:
                await requeue(tx, row, "timeout", exclude=True)
            for agent_id in await _who_are(tx, "ready", silent):
                await set_presence(tx, agent_id, "not_responding")
        return silent

    async def lose_contact(self, silent: float, grace: float) -> list[str]:
        """Agents unheard of for ``silent`` seconds go offline; returns their ids.

        Offers to who is offline return to the queue at once, live work of who was unheard of for
        ``grace`` more seconds; mail stays theirs.
        """
        t, a = ticket.c, agent.c
        async with self._db.write() as tx:
            unheard = (
                select(a.id)
                .where(a.presence != "offline", a.heartbeat_at < tx.now - silent)
                .order_by(a.id)
            )
            lost = list((await tx.conn.execute(unheard)).scalars())
            absent = select(a.id).where(a.heartbeat_at < tx.now - silent - grace)
            # Also of who was gone before: it was given to them in that very moment.
            offline = select(a.id).where(a.presence == "offline")
            theirs = t.owner_id.in_(lost) | t.owner_id.in_(offline)
            offered = (t.state == "offered") & theirs
            held = t.state.in_([TicketState.ACTIVE, TicketState.HELPING])
            chats = held & (t.lane == "live") & t.owner_id.in_(absent)
            query = (
                select(ticket)
                .where(or_(offered, chats))
                .order_by(t.id)
                .with_for_update(key_share=True)
            )
            rows = (await tx.conn.execute(query)).mappings().all()
            owners = [row["owner_id"] for row in rows]
            await lock(tx, agent, [*lost, *owners])
            # Who was heard of while we waited for the locks is there.
            lost = await _silent(tx, lost, silent)
            for agent_id in lost:
                await set_presence(tx, agent_id, "offline")
            gone = await _who_are(tx, "offline", owners)
            away = await _silent(tx, owners, silent + grace)
            for row in rows:
                accepted = row["state"] != TicketState.OFFERED
                if row["owner_id"] in (away if accepted else gone):
                    await requeue(tx, row, "disconnected", sticky=accepted)
        return lost

    async def set_back(self, seconds: float, since: float) -> None:
        """Database time was set back by ``seconds``, at most ``since`` seconds ago.

        What was to wait or to be held for moments does not for as long again; nobody is believed
        to be there because they were heard of in the future. Times of day stay as they are.
        """
        async with self._db.write() as tx:
            for under_way, column in _MOMENTARY:
                # What was set after the step is not that far in the future.
                before = under_way & (column > tx.now + seconds - since)
                change = update(column.table).where(before)
                await tx.conn.execute(change.values({column: column - seconds}))
            heard = agent.c.heartbeat_at
            ahead = update(agent).where(heard > tx.now)
            await tx.conn.execute(ahead.values({heard: heard - seconds}))

    async def recount(self) -> list[tuple[str, int, int]]:
        """Recomputes every agent's load from what they have, where they help, and whom they call.

        Returns (agent, was, is) where it differed.

        A difference is an alarm: some path changed one without the other.
        """
        t, a = ticket.c, agent.c
        held = (
            select(func.coalesce(func.sum(t.units), 0))
            .where(t.owner_id == a.id, t.state.in_(sorted(LOADED_STATES)))
            .scalar_subquery()
        )
        f = follow_up.c
        calls = (
            select(func.coalesce(func.sum(f.units), 0))
            .where(f.owner_id == a.id, f.state == FollowUpState.ACTIVE)
            .scalar_subquery()
        )
        load = held + helping_load(a.id) + calls
        async with self._db.write() as tx:
            # Claims lock the ticket first; the agents are locked only to write.
            query = select(a.id, a.used, load.label("load")).where(a.used != load)
            wrong = (await tx.conn.execute(query.order_by(a.id))).all()
            for row in wrong:
                await tx.audit(None, "alarm.capacity", row.id, was=row.used, load=int(row.load))
                fix = update(agent).where(a.id == row.id, a.used == row.used)
                await tx.conn.execute(fix.values(used=row.load))
        return [(row.id, row.used, int(row.load)) for row in wrong]


_MOMENTARY: Sequence[tuple[TextClause, Column[float]]] = [
    (text("envelope.state = 'new'"), envelope.c.lease_until),
    (text("envelope.state = 'new'"), envelope.c.not_before),
    (text("outbound.state IN ('queued', 'sending')"), outbound.c.lease_until),
    (text("outbound.state IN ('queued', 'sending')"), outbound.c.not_before),
    (text("file_due.state = 'new'"), file_due.c.lease_until),
    (text("file_due.state = 'new'"), file_due.c.not_before),
    (text("webhook_event.state = 'due'"), webhook_event.c.lease_until),
    (text("webhook_event.state = 'due'"), webhook_event.c.not_before),
    (text("label_due"), ticket.c.held_until),
    (text("ticket.state = 'offered'"), ticket.c.offer_until),
]
"""Until when something waits or is held for some seconds, and of which rows that still counts: in
the words of partial indexes, where there are any."""


async def _silent(tx: Tx, agent_ids: Collection[str], seconds: float) -> list[str]:
    """Those of these people who have not been heard of for so long, by id."""
    a = agent.c
    query = select(a.id).where(a.id.in_(set(agent_ids)), a.heartbeat_at < tx.now - seconds)
    return list((await tx.conn.execute(query.order_by(a.id))).scalars())


async def _who_are(tx: Tx, presence: str, agent_ids: Collection[str]) -> list[str]:
    """Those of these people whose presence it is, by id."""
    a = agent.c
    query = select(a.id).where(a.id.in_(set(agent_ids)), a.presence == presence)
    return list((await tx.conn.execute(query.order_by(a.id))).scalars())


async def _woken(tx: Tx, row: Fields, position_of: PositionOf | None) -> None:
    """Its waiting counts from now; without a target (it has no labels) the labels give one."""
    change = {
        "state": TicketState.WAITING,
        "owner_id": None,
        "sticky_id": row["owner_id"] or row["sticky_id"],
        "epoch": row["epoch"] + 1,
        "label_due": row["label_due"] or row["target"] is None,
        "queued_at": tx.now,
        **afresh(row, tx.now, tx.now, position_of),
        "excluded": [],
        "wake_at": None,
        "updated_at": tx.now,
    }
    await tx.conn.execute(update(ticket).where(ticket.c.id == row["id"]).values(change))
    tell(tx, "ticket.woken", row, TicketState.WAITING, None)
