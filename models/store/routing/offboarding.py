"""Who leaves hands over all that they have to do: nothing is left that waits for them.

What belongs to people beside tickets hands itself over here, too: a line in ``HANDED_OVER``.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

from sqlalchemy import delete, or_, select, union, update

from models.agent import Presence, Role
from models.errors import Conflict, NotFound
from models.store.complaints import calling_back, improvements
from models.store.ground.database import Database, Fields, Tx
from models.store.ground.locks import lock
from models.store.routing import rules
from models.store.tickets import helping
from models.store.tickets.moves import back_in_queue, given
from models.store.tickets.ownership import (
    end_assignment,
    load,
    requeue,
    set_presence,
    tell,
    unload,
)
from models.store.tickets.transfers import recall
from models.tables import agent, credential, follow_up, ticket, transfer
from models.ticket import LOADED_STATES, OPEN_STATES, TicketState

T = TypeVar("T")

HandOver = Callable[[Tx, str, str | None], Awaitable[int]]
"""Passes what a person has on to another (None: to whoever comes next); returns how many."""


class GivenMeanwhile(Exception):
    """Somebody was given a ticket while all that they have was being passed on."""


async def until_nothing_is_left(db: Database, body: Callable[[Tx], Awaitable[T]]) -> T:
    """``body``, which hands over what a person has, in a transaction; anew where it must be.

    Tickets are locked before the person (``models.store.ground.locks``), so that somebody
    may give them one more in between: then all is let go, and done again with that one.
    """
    while True:
        try:
            async with db.write() as tx:
                return await body(tx)
        except GivenMeanwhile:
            continue


class Offboarding:
    """A person's last day."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def leave(self, agent_id: str, by: str | None, to: str | None = None) -> dict[str, int]:
        """Hands over what a person has and shuts them out, in one transaction.

        ``to`` gets it, beyond their capacity if need be; without them tickets go back to their
        queues with their age kept. Returns how much of each kind was handed over.

        Raises:
            NotFound: no such person, or no such receiver.
            Conflict: the receiver is the one who leaves, they have left already, or no admin
                would be left.
        """

        async def all_of_it(tx: Tx) -> dict[str, int]:
            await _both_there(tx, agent_id, to)
            handed = await hand_over_all(tx, agent_id, to)
            async with keeping_an_admin(tx, [agent_id], by):
                await tx.conn.execute(
                    update(agent).where(agent.c.id == agent_id).values(disabled_at=tx.now)
                )
            keys = delete(credential).where(credential.c.agent_id == agent_id)
            await tx.conn.execute(keys)
            await tx.audit(by, "agent.leave", agent_id, to=to, handed=handed)
            tx.emit("agent.changed", agent=agent_id)
            return handed

        return await until_nothing_is_left(self._db, all_of_it)


@asynccontextmanager
async def keeping_an_admin(
    tx: Tx, agent_ids: Collection[str], by: str | None
) -> AsyncIterator[None]:
    """Changes people at an admin's word (None: who has a shell here may do without any).

    Nobody shuts themselves out at the desk, but two may do it to each other at once.

    Raises:
        Conflict: there was an admin among them, and none would be left.
    """
    a = agent.c
    admins = select(a.id).where(a.role == Role.ADMIN, a.disabled_at.is_(None)).limit(1)
    among = (await tx.conn.execute(admins.where(a.id.in_(agent_ids)))).first() is not None
    yield
    if among and by is not None:
        await tx.bump(_ADMINS, 0)  # one at a time: the second sees what the first has done
        if (await tx.conn.execute(admins)).first() is None:
            raise Conflict("no admin would be left; look at the list of people again")


_ADMINS = "admins_turn"
"""A counter row that whoever changes an admin locks."""


async def _both_there(tx: Tx, agent_id: str, to: str | None) -> None:
    if to == agent_id:
        raise Conflict("nobody hands over to themselves")
    a = agent.c
    wanted = {agent_id, to} - {None}
    query = select(a.id).where(a.id.in_(wanted), a.disabled_at.is_(None))
    if set((await tx.conn.execute(query)).scalars()) != wanted:
        raise NotFound("no such agent, or one who has left")


async def hand_over_all(tx: Tx, agent_id: str, to: str | None) -> dict[str, int]:
    """Passes on all that a person has to do; returns how much of each kind.

    Raises:
        GivenMeanwhile: they have one more by now.
    """
    await _hold(tx, agent_id, to)
    return {name: await pass_on(tx, agent_id, to) for name, pass_on in HANDED_OVER.items()}


async def _hold(tx: Tx, agent_id: str, to: str | None) -> None:
    """Locks all that will be handed over, whatever its kind, and then both people."""
    talked, worked = await calling_back.had_by(tx, agent_id), await _tickets_of(tx, agent_id)
    await lock(tx, follow_up, talked)
    await lock(tx, ticket, worked)
    await lock(tx, agent, [agent_id, *([to] if to else [])])
    # From here on whoever would give them something waits for us, and finds them gone.
    more = {*await calling_back.had_by(tx, agent_id), *await _tickets_of(tx, agent_id)}
    if more - {*talked, *worked}:
        raise GivenMeanwhile


async def _tickets_of(tx: Tx, agent_id: str) -> set[str]:
    """Ids of tickets that are theirs, or to be theirs first, on offer to them, or helped with."""
    t, p = ticket.c, transfer.c
    theirs = or_(t.owner_id == agent_id, t.sticky_id == agent_id)
    had = select(t.id).where(theirs, t.state.in_(sorted(OPEN_STATES)))
    offered = select(p.ticket_id).where(p.to_id == agent_id, p.ended_at.is_(None))
    found = (await tx.conn.execute(union(had, offered))).scalars()
    return {*found, *await helping.helped_by(tx, agent_id)}


async def tickets(tx: Tx, agent_id: str, to: str | None) -> int:
    """All open tickets of a person; what they had on offer to others is withdrawn with them."""
    t = ticket.c
    mine = (t.owner_id == agent_id) & t.state.in_(sorted(OPEN_STATES))
    rows = (await tx.conn.execute(select(ticket).where(mine).order_by(t.id))).mappings().all()
    for row in rows:
        await _pass_on(tx, row, to)
    awaited = update(ticket).where(t.sticky_id == agent_id, t.state.in_(sorted(OPEN_STATES)))
    await tx.conn.execute(awaited.values(sticky_id=to))
    await set_presence(tx, agent_id, Presence.OFFLINE)
    return len(rows)


async def _pass_on(tx: Tx, row: Fields, to: str | None) -> None:
    loaded = row["state"] in LOADED_STATES
    if to is None or row["state"] == TicketState.OFFERED:
        await (requeue(tx, row, "disabled") if loaded else back_in_queue(tx, row, sticky_id=None))
    elif loaded:
        await end_assignment(tx, row, "disabled")
        await unload(tx, row["owner_id"], row["units"])
        await load(tx, to, row["units"], forced=True)
        await given(tx, row, to, {"by": "leaving", "from": row["owner_id"]})
    else:
        # Pending or snoozed: it stays so, and comes back to its new owner.
        change = update(ticket).where(ticket.c.id == row["id"])
        values = {"owner_id": to, "epoch": row["epoch"] + 1, "updated_at": tx.now}
        await tx.conn.execute(change.values(values))
        tell(tx, "ticket.assigned", row, TicketState(row["state"]), to)


async def offers(tx: Tx, agent_id: str, _to: str | None) -> int:
    """Transfers offered to a person: the owners, who have the tickets, are told."""
    p = transfer.c
    theirs = (p.to_id == agent_id) & p.ended_at.is_(None)
    query = select(p.ticket_id).where(theirs).order_by(p.ticket_id)
    found = (await tx.conn.execute(query)).scalars().all()
    for ticket_id in found:
        await recall(tx, ticket_id)
    return len(found)


HANDED_OVER: Mapping[str, HandOver] = {
    "tickets": tickets,
    "offers": offers,
    "follow_ups": calling_back.hand_over,
    "helping": helping.hand_over,
    "improvements": improvements.hand_over,
    "customers": rules.hand_over,
}
"""By what is handed over, in the order in which it is: a line for each kind of thing."""
