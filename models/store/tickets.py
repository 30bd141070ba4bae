"""What people do with tickets: look, accept, decline, answer, resolve, hand on, correct."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update

from models.errors import Conflict, NotFound
from models.routing import Needs
from models.store.conversations import append
from models.store.custody import (
    end_assignment,
    load,
    lock_agents,
    requeue,
    start_assignment,
    unload,
)
from models.store.database import Database, Fields, Tx
from models.store.uploads import uploaded
from models.store.waiting import Rekey, dump_needs, retargeted
from models.tables import (
    assignment,
    audit,
    conversation,
    correction,
    message,
    outbound,
    skill_class,
    ticket,
)
from models.ticket import LOADED_STATES, MOVES, OPEN_STATES, Label, Labels, TicketState


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as people see it. Times are seconds since the epoch."""

    id: str
    number: str
    conversation_id: str
    customer_id: str
    channel: str
    lane: str
    state: TicketState
    junk: bool
    subject: str
    lang: str
    created_at: float
    updated_at: float
    labels: Labels | None
    trouble: str | None
    skill_class: str | None
    clock_at: float | None
    target: float | None
    late: bool
    relax_step: int
    units: int
    queued_at: float
    epoch: int
    owner_id: str | None
    sticky_id: str | None
    offer_until: float | None
    wake_at: float | None
    first_answer_at: float | None
    resolved_at: float | None

    @property
    def due_at(self) -> float | None:
        """When the first human answer is due."""
        if self.target is None or self.clock_at is None:
            return None
        return self.clock_at + self.target


_COLUMNS = [ticket.c[name] for name in Ticket.__dataclass_fields__]


_SET_DOWN = frozenset({TicketState.RESOLVED, TicketState.PENDING})
_TAKEABLE = frozenset({TicketState.WAITING, TicketState.PENDING, TicketState.SNOOZED})


class Tickets:
    """Every move asks ``models.ticket.MOVES`` and is refused when it is not in the table."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # -- reading -----------------------------------------------------------------------

    async def get(self, ticket_id: str) -> Ticket:
        """One ticket, by id or by number.

        Raises:
            NotFound: no such ticket.
        """
        by = ticket.c.number if ticket_id.isdigit() else ticket.c.id
        async with self._db.read() as conn:
            row = (
                (await conn.execute(select(*_COLUMNS).where(by == ticket_id)))
                .mappings()
                .one_or_none()
            )
        if row is None:
            raise NotFound("no such ticket")
        return _ticket(row)

    async def of_owner(self, agent_id: str) -> list[Ticket]:
        """What a person has to do: offers first, then by due time."""
        t = ticket.c
        mine = t.owner_id == agent_id
        query = select(*_COLUMNS).where(mine, t.state.in_(sorted(OPEN_STATES)))
        async with self._db.read() as conn:
            rows = (await conn.execute(query)).mappings().all()
        found = [_ticket(row) for row in rows]
        return sorted(found, key=lambda x: (x.state != "offered", x.due_at or 0.0, x.id))

    async def page(
        self,
        *,
        states: Sequence[str] = (),
        junk: bool | None = None,
        skill_class: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[Ticket]:
        """Newest first, a page at a time: pass the last id seen as ``before``."""
        t = ticket.c
        query = select(*_COLUMNS).order_by(t.id.desc()).limit(limit)
        if states:
            query = query.where(t.state.in_(states))
        if junk is not None:
            query = query.where(t.junk == junk)
        if skill_class is not None:
            query = query.where(t.skill_class == skill_class)
        if before is not None:
            query = query.where(t.id < before)
        async with self._db.read() as conn:
            return [_ticket(row) for row in (await conn.execute(query)).mappings()]

    async def decisions(self, ticket_id: str) -> list[dict[str, Any]]:
        """Who has had the ticket and why, oldest first."""
        s = assignment.c
        query = select(assignment).where(s.ticket_id == ticket_id).order_by(s.at, s.id)
        async with self._db.read() as conn:
            return [dict(row) for row in (await conn.execute(query)).mappings()]

    async def needs(self, name: str) -> Mapping[str, Any] | None:
        """The needs of a skill class, as stored."""
        query = select(skill_class.c.needs).where(skill_class.c.name == name)
        async with self._db.read() as conn:
            return (await conn.execute(query)).scalar_one_or_none()

    async def counts(self) -> dict[str, int]:
        """How many tickets are in each state."""
        query = select(ticket.c.state, func.count().label("n")).group_by(ticket.c.state)
        async with self._db.read() as conn:
            return {row.state: row.n for row in await conn.execute(query)}

    async def history(self, ticket_id: str) -> list[dict[str, Any]]:
        """Who changed what by hand, oldest first."""
        query = select(audit).where(audit.c.subject == ticket_id).order_by(audit.c.id)
        async with self._db.read() as conn:
            return [dict(row) for row in (await conn.execute(query)).mappings()]

    # -- an agent's moves --------------------------------------------------------------

    async def accept(self, ticket_id: str, agent_id: str) -> None:
        """Takes an offer.

        Raises:
            NotFound: no such ticket.
            Conflict: it is not offered to this agent (any more).
        """
        async with self._db.write() as tx:
            row = await _owned(tx, ticket_id, agent_id, {TicketState.OFFERED})
            await _move(tx, row, TicketState.ACTIVE, offer_until=None)
            s = assignment.c
            live = (s.ticket_id == ticket_id) & s.ended_at.is_(None)
            await tx.conn.execute(update(assignment).where(live).values(accepted_at=tx.now))

    async def decline(self, ticket_id: str, agent_id: str, reason: str) -> None:
        """Gives an offer back; it keeps its place and is not offered to this agent again.

        Raises:
            NotFound, Conflict: as ``accept``.
        """
        async with self._db.write() as tx:
            row = await _owned(tx, ticket_id, agent_id, {TicketState.OFFERED})
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
            row = await _locked(tx, ticket_id)
            held = row["state"] in LOADED_STATES
            if row["state"] not in _TAKEABLE and not (forced and held):
                raise Conflict("this ticket is not waiting; look at it again")
            if held:
                if row["owner_id"] == agent_id:
                    raise Conflict("this ticket is theirs already")
                await lock_agents(tx, [agent_id, row["owner_id"]])
                await end_assignment(tx, ticket_id, "taken")
                await unload(tx, row["owner_id"], row["units"])
            await load(tx, agent_id, row["units"], forced=forced)
            await _give(tx, row, agent_id, {"by": "hand", "forced": forced})
            await tx.audit(by or agent_id, "ticket.take", ticket_id, forced=forced, to=agent_id)

    async def snooze(self, ticket_id: str, agent_id: str, seconds: float) -> None:
        """Sets a ticket down for a time; then it comes back by itself, through a claim.

        Raises:
            NotFound: no such ticket.
            Conflict: the agent does not have it.
        """
        async with self._db.write() as tx:
            row = await _owned(tx, ticket_id, agent_id, {TicketState.ACTIVE})
            await _leave(tx, row, TicketState.SNOOZED, wake_at=tx.now + seconds)
            await tx.audit(agent_id, "ticket.snooze", ticket_id, seconds=seconds)

    async def reply(
        self,
        ticket_id: str,
        agent_id: str,
        text: str,
        client_id: str,
        then: TicketState,
        files: Sequence[str] = (),
    ) -> str:
        """Appends an answer to the conversation; returns the outbound message's id.

        ``then`` is the state that follows: active, pending or resolved. ``files`` are ids of
        the agent's uploads for this ticket. The same ``client_id`` again changes nothing, so a
        client may retry.

        Raises:
            NotFound: no such ticket.
            Rejected: a file is not an upload of this agent for this ticket.
            Conflict: the agent does not have it, or ``client_id`` was used otherwise.
        """
        async with self._db.write() as tx:
            query = select(ticket.c.conversation_id).where(ticket.c.id == ticket_id)
            conversation_id = (await tx.conn.execute(query)).scalar_one_or_none()
            if conversation_id is None:
                raise NotFound("no such ticket")
            outbound_id, new = await append(
                tx,
                conversation_id=conversation_id,
                ticket_id=ticket_id,
                kind="reply",
                text=text,
                client_id=client_id,
                agent_id=agent_id,
                attachments=await uploaded(tx, ticket_id, agent_id, files),
            )
            if new:
                row = await _owned(tx, ticket_id, agent_id, {TicketState.ACTIVE})
                first = row["first_answer_at"] or tx.now
                await _leave(tx, row, then, first_answer_at=first)
        return outbound_id

    async def move(self, ticket_id: str, agent_id: str, to: TicketState) -> None:
        """Resolves or pends a ticket that the agent has.

        Raises:
            NotFound: no such ticket.
            Conflict: the agent does not have it, or the move is not legal.
        """
        if to not in _SET_DOWN:
            raise Conflict(
                f"nobody moves a ticket to {to} like this: what uses capacity is claimed"
            )
        async with self._db.write() as tx:
            row = await _owned(tx, ticket_id, agent_id, set(OPEN_STATES))
            await _leave(tx, row, to)
            await tx.audit(agent_id, "ticket.move", ticket_id, to=to)

    async def release(self, ticket_id: str, agent_id: str, needs: Needs | None, note: str) -> None:
        """Back to a queue, with its age kept: its own, or that of other ``needs``.

        Raises:
            NotFound, Conflict: as ``move``.
        """
        async with self._db.write() as tx:
            row = await _owned(tx, ticket_id, agent_id, {TicketState.ACTIVE})
            await requeue(tx, row, "transferred", exclude=needs is None)
            if needs is not None:
                await _reclass(tx, ticket_id, needs, by_hand=True)
            await tx.audit(agent_id, "ticket.release", ticket_id, note=note)

    async def hand_over(self, ticket_id: str, agent_id: str, to: str, note: str) -> None:
        """From one person to another, at once.

        Raises:
            NotFound: no such ticket.
            Conflict: the giver does not have it, or the receiver has no free capacity.
        """
        async with self._db.write() as tx:
            row = await _owned(tx, ticket_id, agent_id, {TicketState.ACTIVE})
            if to == agent_id:
                raise Conflict("this ticket is yours already")
            await lock_agents(tx, [agent_id, to])
            await unload(tx, agent_id, row["units"])
            await load(tx, to, row["units"])
            await end_assignment(tx, ticket_id, "transferred")
            await _give(tx, row, to, {"by": "transfer", "from": agent_id, "note": note})
            await tx.audit(agent_id, "ticket.hand_over", ticket_id, to=to, note=note)

    async def correct(self, ticket_id: str, agent_id: str, facet: str, value: str) -> Label:
        """Replaces a label by a person's word, and keeps both for retraining.

        Raises:
            NotFound: no such ticket.
            Conflict: it has no labels yet.
        """
        async with self._db.write() as tx:
            row = await _locked(tx, ticket_id)
            if row["labels"] is None:
                raise Conflict("this ticket has no labels yet; try again in a moment")
            labels = Labels.model_validate(row["labels"])
            before = labels.facets[facet].value if facet in labels.facets else ""
            label = Label(value=value, confidence=1.0, accepted=True, by=agent_id)
            labels = labels.model_copy(update={"facets": labels.facets | {facet: label}})
            change = update(ticket).where(ticket.c.id == ticket_id)
            await tx.conn.execute(
                change.values(
                    labels=labels.model_dump(mode="json"),
                    # What the classifier is working on now was routed without this word.
                    text_version=row["text_version"] + 1,
                    updated_at=tx.now,
                )
            )
            kept = {
                "id": tx.new_id(),
                "ticket_id": ticket_id,
                "agent_id": agent_id,
                "at": tx.now,
                "facet": facet,
                "before": before,
                "after": value,
                "upto": await _last_seq(tx, row["conversation_id"]),
            }
            await tx.insert(correction, [kept])
            tx.emit(
                "ticket.corrected",
                ticket=ticket_id,
                agent=row["owner_id"],
                facet=facet,
                before=before,
                after=value,
            )
        return label

    async def reclass(
        self,
        ticket_id: str,
        needs: Needs,
        target: float,
        clock_at: float | None = None,
        rekey: Rekey | None = None,
    ) -> None:
        """After a correction: a waiting ticket goes to the queue it belongs to.

        ``clock_at`` is when its target counts from; None: as before. ``rekey`` finds where it
        stands there. Does nothing to a ticket that somebody has.

        Raises:
            NotFound: no such ticket.
        """
        async with self._db.write() as tx:
            row = await _locked(tx, ticket_id)
            if row["state"] != TicketState.WAITING:
                return
            same = row["skill_class"] == needs.skill_class
            since = row["clock_at"] if clock_at is None else clock_at
            place = retargeted(row, target, since, tx.now, rekey, same_class=same)
            await _reclass(tx, ticket_id, needs, by_hand=False, place=place)
            tx.emit("ticket.rerouted", ticket=ticket_id, skill_class=needs.skill_class)

    async def mark_junk(self, ticket_id: str, agent_id: str) -> None:
        """Out of every queue, using no capacity.

        Raises:
            NotFound: no such ticket.
            Conflict: it has ended.
        """
        async with self._db.write() as tx:
            row = await _locked(tx, ticket_id)
            await _leave(tx, row, TicketState.INVALID, junk=True, label_due=False)
            await tx.audit(agent_id, "ticket.junk", ticket_id)

    async def unmark_junk(self, ticket_id: str, agent_id: str) -> None:
        """Back to the queue with its age kept, labelled afresh.

        Raises:
            NotFound: no such ticket.
            Conflict: it is not junk, or its conversation has another open ticket.
        """
        async with self._db.write() as tx:
            row = await _locked(tx, ticket_id)
            if not row["junk"]:
                raise Conflict("this ticket is not junk")
            t = ticket.c
            same = (t.conversation_id == row["conversation_id"]) & (t.id != ticket_id)
            others = select(t.id).where(same, t.state.in_(sorted(OPEN_STATES))).limit(1)
            if (await tx.conn.execute(others)).one_or_none():
                raise Conflict("this conversation has another open ticket; use that one")
            await _move(tx, row, TicketState.WAITING, junk=False, label_due=True, owner_id=None)
            await tx.audit(agent_id, "ticket.unjunk", ticket_id)

    async def of_conversation(self, conversation_id: str) -> list[Ticket]:
        """Its tickets, oldest first."""
        t = ticket.c
        query = (
            select(*_COLUMNS)
            .where(t.conversation_id == conversation_id)
            .order_by(t.created_at, t.id)
        )
        async with self._db.read() as conn:
            return [_ticket(row) for row in (await conn.execute(query)).mappings()]

    async def identity_of(self, ticket_id: str) -> str:
        """The identity behind a ticket's conversation.

        Raises:
            NotFound: no such ticket.
        """
        query = (
            select(conversation.c.identity_id)
            .join(ticket, ticket.c.conversation_id == conversation.c.id)
            .where(ticket.c.id == ticket_id)
        )
        async with self._db.read() as conn:
            found = (await conn.execute(query)).scalar_one_or_none()
        if found is None:
            raise NotFound("no such ticket")
        return str(found)

    async def message_raw_ref(self, message_id: str) -> tuple[str, str]:
        """(ticket id, envelope id) of a customer's message.

        Raises:
            NotFound: no such message.
        """
        query = select(message.c.ticket_id, message.c.envelope_id).where(
            message.c.id == message_id
        )
        async with self._db.read() as conn:
            row = (await conn.execute(query)).one_or_none()
        if row is None:
            raise NotFound("no such message")
        return row.ticket_id, row.envelope_id

    async def outbound_ticket(self, outbound_id: str) -> str:
        """The ticket of one of our messages.

        Raises:
            NotFound: no such message.
        """
        query = select(outbound.c.ticket_id).where(outbound.c.id == outbound_id)
        async with self._db.read() as conn:
            found = (await conn.execute(query)).scalar_one_or_none()
        if found is None:
            raise NotFound("no such answer")
        return str(found)


def _ticket(row: Fields) -> Ticket:
    values = dict(row) | {"state": TicketState(row["state"])}
    if row["labels"] is not None:
        values["labels"] = Labels.model_validate(row["labels"])
    return Ticket(**values)


async def _locked(tx: Tx, ticket_id: str) -> Fields:
    query = select(ticket).where(ticket.c.id == ticket_id).with_for_update()
    row = (await tx.conn.execute(query)).mappings().one_or_none()
    if row is None:
        raise NotFound("no such ticket")
    return row


async def _last_seq(tx: Tx, conversation_id: str) -> int:
    query = select(conversation.c.last_seq).where(conversation.c.id == conversation_id)
    return int((await tx.conn.execute(query)).scalar_one())


async def _owned(tx: Tx, ticket_id: str, agent_id: str, states: set[TicketState]) -> Fields:
    row = await _locked(tx, ticket_id)
    if row["owner_id"] != agent_id or row["state"] not in states:
        raise Conflict("this ticket is not in your hands any more; look at it again")
    return row


async def _move(tx: Tx, row: Fields, to: TicketState, **values: Any) -> None:
    """Changes the state of a locked ticket.

    Raises:
        Conflict: the table of moves does not know this one.
    """
    if to not in MOVES[TicketState(row["state"])]:
        raise Conflict(f"a ticket cannot go from {row['state']} to {to}")
    if to == TicketState.WAITING:
        values["next_step_at"] = tx.now
    change = update(ticket).where(ticket.c.id == row["id"])
    values |= {"state": to, "epoch": row["epoch"] + 1, "updated_at": tx.now}
    await tx.conn.execute(change.values(**values))
    tx.emit(
        "ticket.moved",
        ticket=row["id"],
        conversation=row["conversation_id"],
        agent=row["owner_id"],
        number=row["number"],
        before=row["state"],
        state=to,
    )


async def _leave(tx: Tx, row: Fields, to: TicketState, **values: Any) -> None:
    """Moves on, and gives capacity back where the new state uses none."""
    if to == row["state"]:
        if values:
            change = update(ticket).where(ticket.c.id == row["id"])
            await tx.conn.execute(change.values(updated_at=tx.now, **values))
        return
    if to == TicketState.RESOLVED:
        values["resolved_at"] = tx.now
    await _move(tx, row, to, offer_until=None, **values)
    if row["state"] in LOADED_STATES and to not in LOADED_STATES:
        await end_assignment(tx, row["id"], str(to))
        await unload(tx, row["owner_id"], row["units"])


async def _give(tx: Tx, row: Fields, agent_id: str, why: Mapping[str, Any]) -> None:
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
            updated_at=tx.now,
        )
    )
    await tx.conn.execute(change)
    await start_assignment(tx, row["id"], agent_id, epoch, row["units"], why, accepted=True)
    for audience in {row["owner_id"], agent_id} - {None}:
        tx.emit(
            "ticket.assigned",
            ticket=row["id"],
            conversation=row["conversation_id"],
            agent=audience,
            number=row["number"],
            state=TicketState.ACTIVE,
            owner=agent_id,
        )


async def _reclass(
    tx: Tx,
    ticket_id: str,
    needs: Needs,
    *,
    by_hand: bool,
    place: Mapping[str, Any] | None = None,
) -> None:
    name = needs.skill_class
    named = tx.upsert(skill_class).values(name=name, needs=dump_needs(needs))
    await tx.conn.execute(named.on_conflict_do_nothing())
    t = ticket.c
    values: dict[str, Any] = {
        "skill_class": name,
        "by_hand": by_hand,
        "excluded": [],
        "epoch": t.epoch + 1,
        "updated_at": tx.now,
    }
    values |= place or {"relax_step": 0, "next_step_at": tx.now}
    await tx.conn.execute(update(ticket).where(t.id == ticket_id).values(**values))
