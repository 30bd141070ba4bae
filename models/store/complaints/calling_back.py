"""Follow-ups come, wait, are given to somebody, and come again: the part that moves by itself.

They are no tickets (docs/decisions/0015): they wait in a table of their own, and the router
gives them away as it gives tickets, by the skills that the ticket needed, when no ticket waits.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict

from sqlalchemy import func, select, update

from models.complaint import FACET, KIND
from models.errors import Conflict
from models.events import STATE_CHANGES
from models.follow_up import OPEN_STATES, FollowUpState, Plan
from models.routing import Decision, Needs, Waiting
from models.store.dialogue.tombstones import is_erased
from models.store.effects.followers import Follower
from models.store.effects.timers import Effect, Timer, set_timer, stop_timer
from models.store.ground.database import Database, Event, Fields, Tx
from models.store.ground.locks import lock, lock_row
from models.store.tickets.filing import filed
from models.store.tickets.moves import locked
from models.store.tickets.ownership import load, unload
from models.store.tickets.settling import handlers
from models.store.tickets.waiting import load_needs
from models.tables import (
    agent,
    follow_up,
    follow_up_attempt,
    message,
    skill_class,
    ticket,
    timer,
)
from models.ticket import TicketState

BEGIN, AGAIN = "follow_up.begin", "follow_up.again"
"""Kinds of timers: a ticket's follow-up enters the queue; one is tried again."""

LANE = "follow_up"
"""What the router is told instead of a channel's lane."""

_DEPTH = 32
"""Of each skill class, how many the router sees."""

_SETTLED = frozenset({TicketState.RESOLVED, TicketState.CLOSED})
_LEAST_TARGET = 3600.0
"""Seconds: what is late already is relaxed soon, but not at once."""


def following_up(plan: Plan) -> Follower:
    """Plans one at a resolution or a low rating, drops it on a reopening, and sees answers."""

    async def act(tx: Tx, events: Sequence[Event]) -> None:
        last = {e.ticket_id: e for e in events if e.ticket_id and e.kind in STATE_CHANGES}
        asked = await _asked(tx, events)
        reopened = await _planned(tx, [id_ for id_, e in last.items() if _is_open_again(e)])
        await _lock(tx, asked, reopened)
        for event in events:
            if event.conversation_id in asked and event.data.get("what") == "message":
                await _answered(tx, event)
        for ticket_id, event in last.items():
            if event.data.get("state") == TicketState.RESOLVED:
                await _plan(tx, ticket_id, event.at, plan)
        await _drop(tx, reopened)
        for event in events:  # last: it comes sooner than what the resolution planned
            if event.kind == "satisfaction.low" and event.ticket_id:
                await _unhappy(tx, event.ticket_id, plan)

    return Follower(
        "follow-ups", frozenset({*STATE_CHANGES, "message.in", "satisfaction.low"}), act
    )


async def _asked(tx: Tx, events: Sequence[Event]) -> set[str]:
    """The conversations in which somebody was written to: of most messages there is none."""
    x = follow_up_attempt.c
    talks = {e.conversation_id for e in events if e.kind == "message.in" and e.conversation_id}
    query = select(x.conversation_id).where(x.conversation_id.in_(talks), x.reached.is_(None))
    return set((await tx.conn.execute(query)).scalars()) if talks else set()


def _is_open_again(event: Event) -> bool:
    # One from before states were told says nothing of them.
    state = event.data.get("state")
    return state is not None and state not in _SETTLED


async def _lock(tx: Tx, conversations: Collection[str], ticket_ids: Collection[str]) -> None:
    """All follow-ups that a batch of events may change, and then all who have them."""
    if not conversations and not ticket_ids:
        return
    f, x = follow_up.c, follow_up_attempt.c
    asked = select(x.follow_up_id).where(x.conversation_id.in_(conversations))
    wanted = f.state.in_(sorted(OPEN_STATES)) & (f.ticket_id.in_(ticket_ids) | f.id.in_(asked))
    query = select(f.owner_id).where(wanted).order_by(f.id).with_for_update(key_share=True)
    owners = (await tx.conn.execute(query)).scalars().all()
    await lock(tx, agent, [owner for owner in owners if owner is not None])


async def _planned(tx: Tx, ticket_ids: Collection[str]) -> set[str]:
    """Of these tickets, those that have a follow-up, or that one is planned for."""
    f, t = follow_up.c, timer.c
    made = select(f.ticket_id).where(f.ticket_id.in_(ticket_ids))
    begins = select(t.subject).where(t.kind == BEGIN, t.subject.in_(ticket_ids))
    return {*(await tx.conn.execute(made.union_all(begins))).scalars()} if ticket_ids else set()


async def _plan(tx: Tx, ticket_id: str, resolved_at: float, plan: Plan) -> None:
    query = select(ticket.c.labels).where(ticket.c.id == ticket_id)
    labels = (await tx.conn.execute(query)).scalar_one_or_none() or {}
    given = {facet: label["value"] for facet, label in labels.get("facets", {}).items()}
    within = plan.within.get(given.get("urgency", ""))
    complained = given.get(FACET) == KIND or bool(await filed(tx, [ticket_id]))
    if complained:
        within = min(within or plan.complaints_within, plan.complaints_within)
    if within is None:
        return
    begin = plan.spare(resolved_at + plan.begin_share * within)
    data = {
        "due_at": max(resolved_at + within, begin),
        "complaint": complained,
        "urgency": given.get("urgency", ""),
    }
    await set_timer(tx, BEGIN, ticket_id, begin, data)


async def _unhappy(tx: Tx, ticket_id: str, plan: Plan) -> None:
    """不满意回访: at once, whatever the urgency, and within the time of a complaint."""
    data = {
        "due_at": tx.now + plan.complaints_within,
        "complaint": bool(await filed(tx, [ticket_id])),
        "urgency": "",
    }
    await set_timer(tx, BEGIN, ticket_id, plan.spare(tx.now), data)


async def _drop(tx: Tx, ticket_ids: Collection[str]) -> None:
    """What is worked on again is followed up when it is resolved again.

    Unless the customer has been reached: what they said remains to be written down.
    """
    for ticket_id in sorted(ticket_ids):
        await stop_timer(tx, BEGIN, ticket_id)
    if not ticket_ids:
        return
    f, x = follow_up.c, follow_up_attempt.c
    heard = select(x.follow_up_id).where(x.reached)
    wanted = f.ticket_id.in_(ticket_ids) & f.state.in_(sorted(OPEN_STATES)) & f.id.not_in(heard)
    query = select(follow_up).where(wanted).order_by(f.id)
    for row in (await tx.conn.execute(query)).mappings().all():
        await stop_timer(tx, AGAIN, row["id"])
        await put_down(tx, row, FollowUpState.CANCELLED, ended_at=tx.now)


async def _answered(tx: Tx, event: Event) -> None:
    """The customer has answered what they were written: somebody writes down what it says."""
    f, x, m = follow_up.c, follow_up_attempt.c, message.c
    # No stranger, and no machine that says that they are away.
    said = select(m.id).where(m.id == event.data["message"], m.auto == "none", ~m.quarantined)
    query = (
        select(follow_up, x.id.label("attempt_id"))
        .join(follow_up_attempt, x.follow_up_id == f.id)
        .where(
            x.conversation_id == event.conversation_id,
            x.reached.is_(None),
            f.state == FollowUpState.ASKED,
            said.exists(),
        )
        .with_for_update(of=follow_up, key_share=True)
    )
    for row in (await tx.conn.execute(query)).mappings().all():
        reached = update(follow_up_attempt).where(x.id == row["attempt_id"])
        await tx.conn.execute(reached.values(reached=True))
        await stop_timer(tx, AGAIN, row["id"])
        await put_down(tx, row, FollowUpState.WAITING, queued_at=tx.now)


def beginning(plan: Plan) -> Effect:
    """The effect of ``BEGIN``: the task enters the queue, unless the ticket is open again."""

    async def begin(tx: Tx, fired: Timer) -> None:
        if plan.spare(tx.now) > tx.now:
            await set_timer(tx, BEGIN, fired.subject, plan.spare(tx.now), fired.data)
            return
        # Locked: whoever reopens it after this drops what begins here.
        row = await locked(tx, fired.subject)
        if row["state"] not in _SETTLED or await is_erased(tx.conn, row["customer_id"]):
            return
        complained = bool(fired.data["complaint"])
        new = {
            "id": tx.new_id(), "ticket_id": row["id"], "state": FollowUpState.WAITING,
            "urgency": fired.data["urgency"], "complaint": complained,
            "handler_id": row["owner_id"],
            "excluded": sorted(await handlers(tx.conn, row["id"])) if complained else [],
            "skill_class": row["skill_class"], "units": plan.units, "created_at": tx.now,
            "updated_at": tx.now, "queued_at": tx.now,
            "due_at": max(fired.data["due_at"], tx.now),
        }  # fmt: skip
        stored = tx.upsert(follow_up).values(**new).on_conflict_do_nothing()
        if (await tx.conn.execute(stored)).rowcount:
            tx.emit("follow_up.due", ticket=row["id"], follow_up=new["id"])

    return begin


def trying_again(plan: Plan) -> Effect:
    """The effect of ``AGAIN``: back to the queue, or given up when nobody answered any attempt."""

    async def again(tx: Tx, fired: Timer) -> None:
        if plan.spare(tx.now) > tx.now:
            await set_timer(tx, AGAIN, fired.subject, plan.spare(tx.now))
            return
        row = await lock_row(tx, follow_up, fired.subject, "no such follow-up")
        if row["state"] == FollowUpState.ASKED:
            x = follow_up_attempt.c
            silent = (x.follow_up_id == row["id"]) & x.reached.is_(None)
            await tx.conn.execute(update(follow_up_attempt).where(silent).values(reached=False))
            if row["attempts"] >= plan.attempts:
                await put_down(tx, row, FollowUpState.UNREACHED, ended_at=tx.now)
                return
        elif row["state"] != FollowUpState.PAUSED:
            return
        await put_down(tx, row, FollowUpState.WAITING, queued_at=tx.now)

    return again


async def put_down(tx: Tx, row: Fields, state: FollowUpState, **values: object) -> None:
    """Moves a locked follow-up on, and gives back what it took of its owner's capacity."""
    if row["state"] == FollowUpState.ACTIVE:
        await unload(tx, row["owner_id"], row["units"])
        if state != FollowUpState.DONE:
            values = {"owner_id": None, "sticky_id": row["owner_id"]} | values
    change = update(follow_up).where(follow_up.c.id == row["id"])
    await tx.conn.execute(
        change.values(state=state, epoch=row["epoch"] + 1, updated_at=tx.now, **values)
    )
    tx.emit(
        "follow_up.moved",
        ticket=row["ticket_id"],
        agent=row["owner_id"],
        follow_up=row["id"],
        before=row["state"],
        state=state,
    )


class CallBacks:
    """What the router needs to give follow-ups away, and the claim."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def heads(self) -> list[Waiting]:
        """The first of each skill class by due time, as the router sees tickets."""
        f, s = follow_up.c, skill_class.c
        place = func.row_number().over(partition_by=f.skill_class, order_by=[f.due_at, f.id])
        ranked = (
            select(follow_up, place.label("place"))
            .where(f.state == FollowUpState.WAITING)
            .subquery()
        )
        query = (
            select(ranked, s.needs)
            .outerjoin(skill_class, s.name == ranked.c.skill_class)
            .where(ranked.c.place <= _DEPTH)
        )
        return [_waiting(row) for row in await self._db.rows(query)]

    async def claim(self, decision: Decision) -> bool:
        """Gives one to an agent, at once; False when either has changed since the decision."""
        f = follow_up.c
        try:
            async with self._db.write() as tx:
                free = (f.id == decision.ticket_id) & (f.epoch == decision.epoch)
                taken = (
                    update(follow_up)
                    .where(free, f.state == FollowUpState.WAITING)
                    .values(
                        state=FollowUpState.ACTIVE,
                        owner_id=decision.agent_id,
                        epoch=f.epoch + 1,
                        decision=asdict(decision),
                        updated_at=tx.now,
                    )
                    .returning(f.units, f.ticket_id)
                )
                row = (await tx.conn.execute(taken)).one_or_none()
                if row is None:
                    raise Conflict("somebody else was faster")
                await load(tx, decision.agent_id, row.units)
                tell_owner(tx, row.ticket_id, decision.ticket_id, decision.agent_id)
        except Conflict:
            return False
        return True


def tell_owner(tx: Tx, ticket_id: str, follow_up_id: str, agent_id: str) -> None:
    tx.emit("follow_up.assigned", ticket=ticket_id, agent=agent_id, follow_up=follow_up_id)


def _waiting(row: Fields) -> Waiting:
    return Waiting(
        ticket_id=row["id"],
        epoch=row["epoch"],
        needs=load_needs(row["needs"]) if row["needs"] else Needs(),
        created_at=row["queued_at"],
        target=max(row["due_at"] - row["queued_at"], _LEAST_TARGET),
        late=False,
        units=row["units"],
        lane=LANE,
        sticky_agent=row["sticky_id"],
        excluded=frozenset(row["excluded"]),
    )


async def had_by(tx: Tx, agent_id: str) -> Sequence[str]:
    """Ids of the follow-ups that a person has, or that are to be theirs first."""
    f = follow_up.c
    theirs = (f.owner_id == agent_id) | (f.sticky_id == agent_id)
    query = select(f.id).where(theirs, f.state.in_(sorted(OPEN_STATES)))
    return (await tx.conn.execute(query)).scalars().all()


async def hand_over(tx: Tx, agent_id: str, to: str | None) -> int:
    """The follow-ups of somebody who leaves: to ``to``, unless they may not, else to the queue.

    They and both people are locked.
    """
    f = follow_up.c
    query = select(follow_up).where(f.owner_id == agent_id, f.state == FollowUpState.ACTIVE)
    rows = (await tx.conn.execute(query.order_by(f.id))).mappings().all()
    for row in rows:
        if to is None or to in row["excluded"]:
            await put_down(tx, row, FollowUpState.WAITING, queued_at=row["queued_at"])
            continue
        await unload(tx, agent_id, row["units"])
        await load(tx, to, row["units"], forced=True)
        change = update(follow_up).where(f.id == row["id"])
        await tx.conn.execute(change.values(owner_id=to, epoch=row["epoch"] + 1))
        tell_owner(tx, row["ticket_id"], row["id"], to)
    awaited = update(follow_up).where(f.sticky_id == agent_id, f.state.in_(sorted(OPEN_STATES)))
    await tx.conn.execute(awaited.values(sticky_id=None))
    return len(rows)
