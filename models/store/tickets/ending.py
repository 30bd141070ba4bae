"""How a ticket ends and comes back: sent back, closed by hand or by the clock, reopened."""

from collections.abc import Sequence

from models.complaint import Gap
from models.errors import Conflict
from models.events import STATE_CHANGES
from models.store.effects.followers import Follower
from models.store.effects.timers import Timer, set_timer, stop_timer
from models.store.ground.database import Database, Event, Tx
from models.store.tickets.moves import (
    UNKNOWN,
    Seen,
    back_in_queue,
    given,
    leave,
    lock_conversations,
    locked,
    moved,
    no_other_open,
    nothing_new,
    owned,
)
from models.store.tickets.ownership import load
from models.store.tickets.settling import closing_gaps
from models.ticket import MOVES, OPEN_STATES, TicketState

TIMER = "ticket.close"
"""Its subject is the ticket."""

_AGAIN_SECONDS = 86400.0
"""Until a complaint that may not be closed yet is looked at again."""

ENDED = frozenset(state for state, ways in MOVES.items() if TicketState.CLOSED in ways)
"""From these a ticket is closed by the clock, or before by a supervisor."""

_RETAKEN = frozenset({TicketState.RESOLVED, TicketState.RETURNED})
"""What its owner may have ended by mistake; junk has a way back of its own, and anybody's."""


class Unsettled(Conflict):
    """A complaint lacks something before it may be closed."""

    code = "unsettled"

    def __init__(self, gaps: Sequence[Gap]) -> None:
        super().__init__("this complaint still lacks something before it may be closed")
        self.gaps = tuple(gaps)


class Ending:
    """Moves at the end of a ticket's life: a supervisor's, and its owner's way back."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def send_back(
        self,
        ticket_id: str,
        agent_id: str,
        reason: str,
        seen: Seen = UNKNOWN,
        *,
        theirs: bool = False,
    ) -> None:
        """Not for us, or not enough to go on: back to where it came from (已退回).

        ``seen`` as for ``Tickets.move``; ``theirs``: only a ticket that this person has.

        Raises:
            NotFound: no such ticket.
            Conflict: nobody works on it, and it does not wait; there is more to read; or
                (``theirs``) they do not have it.
        """
        async with self._db.write() as tx:
            if theirs:
                row = await owned(tx, ticket_id, agent_id, OPEN_STATES)
            else:
                row = await locked(tx, ticket_id)
            await nothing_new(tx, row, seen)
            await leave(tx, row, TicketState.RETURNED)
            await tx.audit(agent_id, "ticket.send_back", ticket_id, reason=reason)

    async def settle(self, ticket_id: str, agent_id: str, seen: Seen = UNKNOWN) -> None:
        """Resolves what waits, without anybody's having had it; ``seen`` as for ``Tickets.move``.

        Raises:
            NotFound: no such ticket.
            Conflict: it does not wait, or there is more to read.
        """
        async with self._db.write() as tx:
            row = await locked(tx, ticket_id)
            if row["state"] != TicketState.WAITING:
                raise Conflict("only its owner resolves a ticket that somebody has")
            await nothing_new(tx, row, seen)
            await leave(tx, row, TicketState.RESOLVED)
            await tx.audit(agent_id, "ticket.settle", ticket_id)

    async def close(self, ticket_id: str, agent_id: str) -> None:
        """For good: the customer's next word opens another one.

        Raises:
            NotFound: no such ticket.
            Unsettled: it is a complaint, and lacks something.
            Conflict: it has not ended.
        """
        async with self._db.write() as tx:
            row = await locked(tx, ticket_id)
            gaps = await closing_gaps(tx, ticket_id)
            if gaps and row["state"] in ENDED:
                raise Unsettled(gaps)
            await moved(tx, row, TicketState.CLOSED)
            await tx.audit(agent_id, "ticket.close", ticket_id)

    async def reopen(self, ticket_id: str, agent_id: str, reason: str) -> None:
        """A supervisor's word: back to the queue with its age kept, first for who had it.

        Raises:
            NotFound: no such ticket.
            Conflict: it has not ended, or its conversation has another open ticket.
        """
        async with self._db.write() as tx:
            await lock_conversations(tx, ticket_id)
            row = await locked(tx, ticket_id)
            if row["state"] not in ENDED:
                raise Conflict(f"a ticket that is {row['state']} is not reopened")
            await back_in_queue(tx, row, junk=False)
            await tx.audit(agent_id, "ticket.reopen", ticket_id, reason=reason)

    async def retake(self, ticket_id: str, agent_id: str) -> None:
        """Its owner ended it by mistake: into their hands again, as if it had never been.

        Also where they have no room by now, for the next one comes within a moment: what they
        would still have had but for the slip counts as load and blocks claims, as a supervisor's
        word does.

        Raises:
            NotFound: no such ticket.
            Conflict: they did not end it, or its conversation has another open ticket.
        """
        async with self._db.write() as tx:
            await lock_conversations(tx, ticket_id)
            row = await owned(tx, ticket_id, agent_id, _RETAKEN)
            await no_other_open(tx, row)
            await load(tx, agent_id, row["units"], forced=True)
            await given(tx, row, agent_id, {"by": "retaken"}, retaken=True)
            await tx.audit(agent_id, "ticket.retake", ticket_id)


def closing(after: float) -> Follower:
    """Who has tickets closed ``after`` seconds from their end; a reopened one counts anew."""

    async def follow(tx: Tx, events: Sequence[Event]) -> None:
        last = {event.ticket_id: event for event in events if event.ticket_id is not None}
        for ticket_id, event in last.items():
            if event.data["state"] in ENDED:
                await set_timer(tx, TIMER, ticket_id, event.at + after)
            elif event.data["before"] in ENDED:
                await stop_timer(tx, TIMER, ticket_id)

    return Follower("closing", frozenset(STATE_CHANGES), follow)


async def close_due(tx: Tx, due: Timer) -> None:
    """The effect of ``TIMER``; a complaint that lacks something is looked at again in a day."""
    row = await locked(tx, due.subject)
    if row["state"] not in ENDED:
        return
    if await closing_gaps(tx, due.subject):
        await set_timer(tx, TIMER, due.subject, tx.now + _AGAIN_SECONDS)
        return
    await moved(tx, row, TicketState.CLOSED)
