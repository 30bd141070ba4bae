"""The moves of one locked ticket: what every change of its state or owner goes through.

A change of state or owner emits exactly one event of ``models.events.STATE_CHANGES``.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select, update

from models.errors import Conflict
from models.store.ground.database import Fields, Tx
from models.store.ground.locks import lock, lock_row
from models.store.tickets.ownership import end_assignment, start_assignment, tell, unload
from models.tables import conversation, message, ticket
from models.ticket import LOADED_STATES, MOVES, OPEN_STATES, TicketState


@dataclass(frozen=True, slots=True)
class Seen:
    """How far somebody has read before they set a ticket down: numbers of last lines.

    ``upto`` is of the ticket's own conversation, ``parts`` of those of the tickets that were
    merged into it, by their ids; what is not among them was not read at all. None: that is not
    known, and nobody looks.
    """

    upto: int | None = None
    parts: Mapping[str, int] | None = None


UNKNOWN = Seen()


async def locked(tx: Tx, ticket_id: str) -> Fields:
    """A ticket's row, which nobody else changes until the commit.

    Raises:
        NotFound: no such ticket.
    """
    return await lock_row(tx, ticket, ticket_id, "no such ticket")


async def lock_conversations(tx: Tx, *ticket_ids: str) -> None:
    """The conversations of tickets, before the tickets: see ``models.store.ground.locks``.

    Nobody says anything in them, opens a ticket there or brings one back until the commit.
    """
    query = select(ticket.c.conversation_id).where(ticket.c.id.in_(ticket_ids))
    await lock(tx, conversation, list((await tx.conn.execute(query)).scalars()))


async def owned(tx: Tx, ticket_id: str, agent_id: str, states: Collection[TicketState]) -> Fields:
    """As ``locked``, of a ticket that this person has.

    Raises:
        NotFound: no such ticket.
        Conflict: it is not theirs, or in none of ``states``.
    """
    row = await locked(tx, ticket_id)
    if row["owner_id"] != agent_id or row["state"] not in states:
        raise Conflict("this ticket is not in your hands any more; look at it again")
    return row


async def in_reach(tx: Tx, ticket_id: str, agent_id: str, *, hands_off: bool) -> Fields:
    """As ``locked``; ``hands_off``: not of a ticket that somebody else has.

    Whoever looked before the transaction may have seen another owner, or none.

    Raises:
        NotFound: no such ticket.
        Conflict: it is in the hands of another person.
    """
    row = await locked(tx, ticket_id)
    if hands_off and row["owner_id"] not in {None, agent_id}:
        raise Conflict("this ticket is not in your hands any more; look at it again")
    return row


async def nothing_new(tx: Tx, row: Fields, seen: Seen) -> None:
    """Before a locked ticket is set down by who has ``seen`` so much of it.

    Raises:
        Conflict: the customer has said more, which nobody would look at any more.
    """
    talk = row["conversation_id"]
    read = {} if seen.upto is None else {talk: seen.upto}
    its = [row["id"]]
    if seen.parts is not None:
        for part in await _parts(tx, row["id"]):
            its.append(part["id"])
            if part["conversation_id"] != talk:
                upto = seen.parts.get(part["id"], 0)
                read[part["conversation_id"]] = max(upto, read.get(part["conversation_id"], 0))
    if not read:
        return
    m = message.c
    unread = or_(*((m.conversation_id == one) & (m.seq > upto) for one, upto in read.items()))
    newer = select(m.id).where(unread, m.ticket_id.in_(its), m.kind == "message").limit(1)
    if (await tx.conn.execute(newer)).one_or_none():
        raise Conflict("the customer has written meanwhile; look at it again")


async def _parts(tx: Tx, ticket_id: str) -> Sequence[Fields]:
    """What was merged into a locked ticket; nothing joins or leaves it until the commit."""
    t = ticket.c
    query = select(t.id, t.conversation_id).where(t.merged_into == ticket_id)
    return (await tx.conn.execute(query)).mappings().all()


async def moved(tx: Tx, row: Fields, to: TicketState, **values: Any) -> None:
    """Changes the state of a locked ticket.

    Raises:
        Conflict: the table of moves does not know this one.
    """
    if to not in MOVES[TicketState(row["state"])]:
        raise Conflict(f"a ticket cannot go from {row['state']} to {to}")
    if to == TicketState.WAITING:
        values["next_step_at"] = tx.now
    if to not in OPEN_STATES and row["state"] in OPEN_STATES:
        values["ended_at"] = tx.now
    change = update(ticket).where(ticket.c.id == row["id"])
    values |= {"state": to, "epoch": row["epoch"] + 1, "updated_at": tx.now}
    await tx.conn.execute(change.values(**values))
    tell(tx, "ticket.moved", row, to, values.get("owner_id", row["owner_id"]))


async def leave(tx: Tx, row: Fields, to: TicketState, **values: Any) -> None:
    """Moves on, and gives capacity back where the new state uses none.

    Raises:
        Conflict: as ``moved``.
    """
    if to == row["state"]:
        if values:
            change = update(ticket).where(ticket.c.id == row["id"])
            await tx.conn.execute(change.values(updated_at=tx.now, **values))
        return
    if to == TicketState.RESOLVED:
        values["resolved_at"] = tx.now
    await moved(tx, row, to, offer_until=None, **values)
    if row["state"] in LOADED_STATES and to not in LOADED_STATES:
        await end_assignment(tx, row, str(to))
        await unload(tx, row["owner_id"], row["units"])


async def given(
    tx: Tx, row: Fields, agent_id: str, why: Mapping[str, Any], **told: object
) -> None:
    """Puts a locked ticket into somebody's hands, whose capacity has been taken for it.

    ``told`` goes with the event.
    """
    epoch = row["epoch"] + 1
    change = (
        update(ticket)
        .where(ticket.c.id == row["id"])
        .values(
            state=TicketState.ACTIVE,
            owner_id=agent_id,
            epoch=epoch,
            offer_until=None,
            wake_at=None,
            resolved_at=None,
            updated_at=tx.now,
        )
    )
    await tx.conn.execute(change)
    await start_assignment(tx, row["id"], agent_id, epoch, row["units"], why, accepted=True)
    tell(tx, "ticket.assigned", row, TicketState.ACTIVE, agent_id, **told)


async def back_in_queue(tx: Tx, row: Fields, **values: Any) -> None:
    """A locked ticket that nobody works on waits again, with its age kept.

    It is labelled afresh where it has never been; who had it is asked first. One that has ended
    comes back only with its conversation locked (``lock_conversations``), and one that was merged
    only together with ``merged_into=None``: two would go on as one.

    Raises:
        Conflict: as ``moved``, it was merged, or its conversation has another open ticket.
    """
    if row["merged_into"] is not None and "merged_into" not in values:
        raise Conflict("this ticket was merged into another one; look at that one")
    if row["state"] not in OPEN_STATES:
        await no_other_open(tx, row)
    fresh = row["skill_class"] is None or row["target"] is None
    values = {
        "owner_id": None,
        "sticky_id": row["owner_id"] or row["sticky_id"],
        "excluded": [],
        "wake_at": None,
        "resolved_at": None,
        "label_due": row["label_due"] or fresh,
    } | values
    await moved(tx, row, TicketState.WAITING, **values)


async def no_other_open(tx: Tx, row: Fields) -> None:
    """Before a ticket that has ended comes back; a part of a conversation may stand beside it.

    Raises:
        Conflict: its conversation has another open ticket.
    """
    t = ticket.c
    if row["split_from"] is not None:
        return
    same = (t.conversation_id == row["conversation_id"]) & (t.id != row["id"])
    same &= t.split_from.is_(None)
    others = select(t.id).where(same, t.state.in_(sorted(OPEN_STATES))).limit(1)
    if (await tx.conn.execute(others)).one_or_none():
        raise Conflict("this conversation has another open ticket; use that one")
