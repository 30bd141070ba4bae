"""Who has a ticket, and what it takes of their capacity."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import select, update

from models.errors import Conflict
from models.routing import Decision
from models.store.ground.database import Fields, Tx
from models.store.ground.locks import lock
from models.store.tickets import offering
from models.tables import agent, assignment, ticket
from models.ticket import LOADED_STATES, TicketState


async def take(
    tx: Tx, decision: Decision, offer_seconds: float | None, interruptible: Sequence[str] = ()
) -> None:
    """Gives a waiting ticket to an agent, or offers it for ``offer_seconds``.

    A decision that interrupts sets one item of the lanes ``interruptible`` aside.

    Raises:
        Conflict: the ticket or the agent is no longer what it was.
    """
    t = ticket.c
    state = TicketState.ACTIVE if offer_seconds is None else TicketState.OFFERED
    taken = (
        update(ticket)
        .where(
            t.id == decision.ticket_id,
            t.epoch == decision.epoch,
            t.state == TicketState.WAITING,
        )
        .values(
            state=state,
            owner_id=decision.agent_id,
            epoch=t.epoch + 1,
            offer_until=None if offer_seconds is None else tx.now + offer_seconds,
            updated_at=tx.now,
        )
        .returning(t.number, t.conversation_id, t.units)
    )
    row = (await tx.conn.execute(taken)).one_or_none()
    if row is None:
        raise Conflict("somebody else was faster")
    if decision.interrupts:
        await _set_aside(tx, decision.agent_id, interruptible)
    await load(tx, decision.agent_id, row.units)
    why = asdict(decision)
    await start_assignment(
        tx, decision.ticket_id, decision.agent_id, decision.epoch + 1, row.units, why,
        accepted=offer_seconds is None,
    )  # fmt: skip
    before = row._asdict() | {
        "id": decision.ticket_id, "state": TicketState.WAITING, "owner_id": None
    }  # fmt: skip
    tell(tx, "ticket.assigned", before, state, decision.agent_id)


async def _set_aside(tx: Tx, agent_id: str, lanes: Sequence[str]) -> None:
    """Sends one item of an agent's work back to its queue, with its age and its agent kept.

    Nobody is interrupted in favour of a second urgent ticket while they have the first.

    Raises:
        Conflict: there is nothing that may be interrupted.
    """
    # Of two urgent tickets at once the second sees the first. The item is not waited for below, so
    # that it may be locked after its agent.
    await lock(tx, agent, [agent_id])
    t = ticket.c
    mine = (t.owner_id == agent_id) & t.state.in_(sorted(LOADED_STATES))
    urgent = select(t.id).where(mine, t.interrupts).limit(2)
    # The ticket that interrupts is theirs already.
    if len((await tx.conn.execute(urgent)).all()) > 1:
        raise Conflict("the agent was interrupted already")
    due = (
        select(ticket)
        .where(t.owner_id == agent_id, t.state == TicketState.ACTIVE, t.lane.in_(lanes))
        .order_by(t.units.desc(), (t.clock_at + t.target).desc(), t.id)
        .limit(1)
        # Who locks it is about to change it: then it is not there to be set aside.
        .with_for_update(key_share=True, skip_locked=True)
    )
    row = (await tx.conn.execute(due)).mappings().one_or_none()
    if row is None:
        raise Conflict("there is nothing left to interrupt")
    await requeue(tx, row, "interrupted", sticky=True)


async def load(
    tx: Tx, agent_id: str, units: int, *, ready: bool = True, forced: bool = False
) -> None:
    """Takes capacity of an agent; ``forced`` takes more than there is, and whoever is away.

    Raises:
        Conflict: there is not enough, or the agent is not ready.
    """
    a = agent.c
    fits = (a.id == agent_id) & a.disabled_at.is_(None)
    if not forced:
        fits &= a.used + units <= a.capacity
    if ready and not forced:
        fits &= a.presence == "ready"
    taken = update(agent).where(fits).values(used=a.used + units)
    if (await tx.conn.execute(taken)).rowcount == 0:
        raise Conflict("the agent has no free capacity for this ticket")


async def unload(tx: Tx, agent_id: str, units: int) -> None:
    """Gives capacity back; the agent counts as idle from now."""
    a = agent.c
    freed = update(agent).where(a.id == agent_id)
    await tx.conn.execute(freed.values(used=a.used - units, idle_since=tx.now))


async def start_assignment(
    tx: Tx,
    ticket_id: str,
    agent_id: str,
    epoch: int,
    units: int,
    decision: Mapping[str, Any],
    *,
    accepted: bool,
) -> None:
    """Writes the agent's queue entry, and why it is theirs."""
    row = {
        "id": tx.new_id(),
        "ticket_id": ticket_id,
        "agent_id": agent_id,
        "epoch": epoch,
        "units": units,
        "at": tx.now,
        "accepted_at": tx.now if accepted else None,
        "decision": decision,
    }
    await tx.insert(assignment, [row])


async def end_assignment(tx: Tx, row: Fields, outcome: str) -> None:
    """Nobody has a locked ticket any more; what its owner offered to others is withdrawn."""
    await offering.withdraw(tx, row)
    s = assignment.c
    ended = update(assignment).where(s.ticket_id == row["id"], s.ended_at.is_(None))
    await tx.conn.execute(ended.values(ended_at=tx.now, outcome=outcome))


async def requeue(
    tx: Tx, row: Fields, outcome: str, *, exclude: bool = False, sticky: bool = False
) -> None:
    """Takes a locked, owned ticket back to its queue with its age kept.

    Its place is as it was until the clock looks (docs/decisions/0017). One that was taken by hand
    before it had any is labelled for it.
    """
    owner = row["owner_id"]
    excluded = sorted({*row["excluded"], owner}) if exclude else row["excluded"]
    change = (
        update(ticket)
        .where(ticket.c.id == row["id"])
        .values(
            state=TicketState.WAITING,
            owner_id=None,
            sticky_id=owner if sticky else row["sticky_id"],
            epoch=row["epoch"] + 1,
            excluded=excluded,
            offer_until=None,
            label_due=row["label_due"] or row["target"] is None,
            next_step_at=tx.now,
            updated_at=tx.now,
        )
    )
    await tx.conn.execute(change)
    await end_assignment(tx, row, outcome)
    await unload(tx, owner, row["units"])
    tell(tx, "ticket.requeued", row, TicketState.WAITING, None, outcome=outcome)


def tell(
    tx: Tx, kind: str, row: Fields, state: TicketState, owner: str | None, **data: object
) -> None:
    """The one event of a ticket's change: see ``models.events.STATE_CHANGES``.

    ``row`` is the ticket before it. The event is addressed to who has it now, or had it.
    """
    before = row["owner_id"]
    tx.emit(
        kind,
        ticket=row["id"],
        conversation=row["conversation_id"],
        agent=owner or before,
        number=row["number"],
        before=row["state"],
        state=state,
        owner=owner,
        former=None if before == owner else before,
        **data,
    )


async def set_presence(tx: Tx, agent_id: str, presence: str) -> None:
    a = agent.c
    change = (
        update(agent)
        .where(a.id == agent_id, a.presence != presence)
        .values(presence=presence, presence_at=tx.now, idle_since=tx.now, overstay_at=None)
    )
    if (await tx.conn.execute(change)).rowcount:
        tx.emit("agent.presence", agent=agent_id, presence=presence)
