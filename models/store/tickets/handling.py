"""What people do with tickets: accept, decline, answer, set down, resolve, give back."""

from collections.abc import Sequence

from sqlalchemy import select, update

from models.errors import Conflict, NotFound
from models.routing import Needs
from models.store.dialogue.conversations import append
from models.store.dialogue.recipients import Copied
from models.store.dialogue.uploads import uploaded
from models.store.dialogue.ways_back import WaysBack
from models.store.ground.database import Database, Tx
from models.store.ground.locks import lock
from models.store.tickets.labels import TicketLabels, reclassed
from models.store.tickets.moves import (
    UNKNOWN,
    Seen,
    back_in_queue,
    given,
    in_reach,
    leave,
    lock_conversations,
    locked,
    moved,
    nothing_new,
    owned,
)
from models.store.tickets.ownership import end_assignment, load, requeue, unload
from models.store.tickets.reading import Ticket, TicketReading
from models.tables import agent, assignment, ticket
from models.ticket import LOADED_STATES, OPEN_STATES, TicketState

__all__ = ["Ticket", "Tickets"]

_SET_DOWN = frozenset({TicketState.RESOLVED, TicketState.PENDING})
_HELD = frozenset({TicketState.ACTIVE, TicketState.HELPING})
_TAKEABLE = frozenset({TicketState.WAITING, TicketState.PENDING, TicketState.SNOOZED})


class Tickets(TicketReading, TicketLabels):
    """Every move asks ``models.ticket.MOVES`` and is refused when it is not in the table."""

    def __init__(self, db: Database, ways_back: WaysBack) -> None:
        super().__init__(db)
        self._ways_back = ways_back

    async def accept(self, ticket_id: str, agent_id: str) -> None:
        """Takes an offer.

        Raises:
            NotFound: no such ticket.
            Conflict: it is not offered to this agent (any more).
        """
        async with self._db.write() as tx:
            row = await owned(tx, ticket_id, agent_id, {TicketState.OFFERED})
            await moved(tx, row, TicketState.ACTIVE, offer_until=None)
            s = assignment.c
            live = (s.ticket_id == ticket_id) & s.ended_at.is_(None)
            await tx.conn.execute(update(assignment).where(live).values(accepted_at=tx.now))

    async def decline(self, ticket_id: str, agent_id: str, reason: str) -> None:
        """Gives an offer back; it keeps its place and is not offered to this agent again.

        Raises:
            NotFound, Conflict: as ``accept``.
        """
        async with self._db.write() as tx:
            row = await owned(tx, ticket_id, agent_id, {TicketState.OFFERED})
            await requeue(tx, row, "declined", exclude=True)
            await tx.audit(agent_id, "ticket.decline", ticket_id, reason=reason)

    async def take(
        self, ticket_id: str, agent_id: str, *, forced: bool = False, by: str | None = None
    ) -> None:
        """Gives a waiting ticket to an agent by hand; ``by`` is whose word it is, if not theirs.

        ``forced`` (a supervisor's word) passes over presence, skills and capacity: what exceeds
        the capacity counts as load and blocks claims. It also takes what another person has.

        Raises:
            NotFound: no such ticket.
            Conflict: it does not wait, or the agent has no capacity or is not ready.
        """
        async with self._db.write() as tx:
            row = await locked(tx, ticket_id)
            held = row["state"] in LOADED_STATES
            # What somebody has set down is theirs to take up again.
            theirs = forced or row["owner_id"] in {None, agent_id}
            if not (row["state"] in _TAKEABLE and theirs) and not (forced and held):
                raise Conflict("this ticket is not waiting; look at it again")
            if held:
                if row["owner_id"] == agent_id:
                    raise Conflict("this ticket is theirs already")
                await lock(tx, agent, [agent_id, row["owner_id"]])
                await end_assignment(tx, row, "taken")
                await unload(tx, row["owner_id"], row["units"])
            await load(tx, agent_id, row["units"], forced=forced)
            await given(tx, row, agent_id, {"by": "hand", "forced": forced})
            await tx.audit(by or agent_id, "ticket.take", ticket_id, forced=forced, to=agent_id)

    async def snooze(
        self, ticket_id: str, agent_id: str, seconds: float, seen: Seen = UNKNOWN
    ) -> None:
        """Sets a ticket down for a time; then it comes back by itself, through a claim.

        ``seen`` as for ``move``.

        Raises:
            NotFound: no such ticket.
            Conflict: the agent does not have it, or there is more to read.
        """
        async with self._db.write() as tx:
            row = await owned(tx, ticket_id, agent_id, {TicketState.ACTIVE})
            await nothing_new(tx, row, seen)
            await leave(tx, row, TicketState.SNOOZED, wake_at=tx.now + seconds)
            await tx.audit(agent_id, "ticket.snooze", ticket_id, seconds=seconds)

    async def reply(
        self,
        ticket_id: str,
        agent_id: str,
        text: str,
        client_id: str,
        then: TicketState,
        files: Sequence[str] = (),
        part: str | None = None,
        seen: Seen = UNKNOWN,
        cc: Sequence[int] = (),
    ) -> str:
        """Appends an answer to the conversation; returns the outbound message's id.

        ``then`` is the state that follows: active, pending or resolved. ``files`` are ids of
        the agent's uploads for this ticket. ``part``: in the conversation of this ticket, which
        was merged into it. ``seen``: what was read before it is set down, as for ``move``. ``cc``:
        the numbers of those who get it, too (see ``recipients.Copied``). The same ``client_id``
        again changes nothing, so a client may retry.

        Raises:
            NotFound: no such ticket.
            Rejected: a file is not an upload of this agent for this ticket.
            Conflict: the agent does not have it, there is more to read, somebody in ``cc`` is
                none of those whom the customer's last mail named, or ``client_id`` was used
                otherwise.
        """
        async with self._db.write() as tx:
            conversation_id = await _conversation(tx, ticket_id, part)
            outbound_id, new = await append(
                tx,
                conversation_id=conversation_id,
                ticket_id=ticket_id,
                kind="reply",
                text=text,
                client_id=client_id,
                agent_id=agent_id,
                attachments=await uploaded(tx, ticket_id, agent_id, files),
                cc=cc,
            )
            if new and cc:
                known = await self._ways_back.copied(tx.conn, [conversation_id])
                _check_cc(cc, known[conversation_id])
            if new:
                row = await owned(tx, ticket_id, agent_id, _HELD)
                first = row["first_answer_at"] or tx.now
                to = TicketState(row["state"]) if then == TicketState.ACTIVE else then
                if to in _SET_DOWN:
                    await nothing_new(tx, row, seen)
                await leave(tx, row, to, first_answer_at=first)
        return outbound_id

    async def move(
        self, ticket_id: str, agent_id: str, to: TicketState, seen: Seen = UNKNOWN
    ) -> None:
        """Resolves or pends a ticket that the agent has.

        ``seen``: how far they have read what was said, as far as that is known.

        Raises:
            NotFound: no such ticket.
            Conflict: the agent does not have it, the move is not legal, or there is more to read.
        """
        if to not in _SET_DOWN:
            raise Conflict(
                f"nobody moves a ticket to {to} like this: what uses capacity is claimed"
            )
        async with self._db.write() as tx:
            row = await owned(tx, ticket_id, agent_id, set(OPEN_STATES))
            await nothing_new(tx, row, seen)
            await leave(tx, row, to)
            await tx.audit(agent_id, "ticket.move", ticket_id, to=to)

    async def release(self, ticket_id: str, agent_id: str, needs: Needs | None, note: str) -> None:
        """Back to a queue, with its age kept: its own, or that of other ``needs``.

        Raises:
            NotFound, Conflict: as ``move``.
        """
        async with self._db.write() as tx:
            row = await owned(tx, ticket_id, agent_id, _HELD)
            await requeue(tx, row, "transferred", exclude=needs is None)
            if needs is not None:
                await reclassed(tx, ticket_id, needs, by_hand=True)
            await tx.audit(agent_id, "ticket.release", ticket_id, note=note)

    async def ask_help(self, ticket_id: str, agent_id: str, note: str) -> None:
        """Others are at work on it (协办); it stays its owner's, and so does its clock.

        Raises:
            NotFound, Conflict: as ``move``.
        """
        async with self._db.write() as tx:
            row = await owned(tx, ticket_id, agent_id, {TicketState.ACTIVE})
            await leave(tx, row, TicketState.HELPING)
            await tx.audit(agent_id, "ticket.help", ticket_id, note=note)

    async def resume(self, ticket_id: str, agent_id: str) -> None:
        """The helpers are done; its owner goes on.

        Raises:
            NotFound, Conflict: as ``move``.
        """
        async with self._db.write() as tx:
            row = await owned(tx, ticket_id, agent_id, {TicketState.HELPING})
            await leave(tx, row, TicketState.ACTIVE)
            await tx.audit(agent_id, "ticket.resume", ticket_id)

    async def mark_junk(
        self, ticket_id: str, agent_id: str, seen: Seen = UNKNOWN, *, hands_off: bool = False
    ) -> None:
        """Out of every queue, using no capacity; ``seen`` as for ``move``.

        Raises:
            NotFound: no such ticket.
            Conflict: it has ended, there is more to read, or (``hands_off``) another person
                has it.
        """
        async with self._db.write() as tx:
            row = await in_reach(tx, ticket_id, agent_id, hands_off=hands_off)
            await nothing_new(tx, row, seen)
            await leave(tx, row, TicketState.INVALID, junk=True, label_due=False)
            await tx.audit(agent_id, "ticket.junk", ticket_id)

    async def unmark_junk(self, ticket_id: str, agent_id: str) -> None:
        """Back to the queue with its age kept, labelled afresh.

        Raises:
            NotFound: no such ticket.
            Conflict: it is not junk, or its conversation has another open ticket.
        """
        async with self._db.write() as tx:
            await lock_conversations(tx, ticket_id)
            row = await locked(tx, ticket_id)
            if not row["junk"]:
                raise Conflict("this ticket is not junk")
            await back_in_queue(tx, row, junk=False, label_due=True)
            await tx.audit(agent_id, "ticket.unjunk", ticket_id)


def _check_cc(cc: Sequence[int], known: Sequence[Copied]) -> None:
    if not {one.number for one in known if one.current}.issuperset(cc):
        raise Conflict("the customer's last mail names others in copy; look at it again")


async def _conversation(tx: Tx, ticket_id: str, part: str | None) -> str:
    """A ticket's own conversation, or that of a part; raises ``NotFound``.

    A part stays one until the commit: whoever parts them locks its conversation first.
    """
    t = ticket.c
    if part is not None:
        await lock_conversations(tx, part)
    which = t.id == ticket_id if part is None else (t.id == part) & (t.merged_into == ticket_id)
    query = select(t.conversation_id).where(which)
    found = (await tx.conn.execute(query)).scalar_one_or_none()
    if found is None:
        raise NotFound("no such ticket")
    return str(found)
