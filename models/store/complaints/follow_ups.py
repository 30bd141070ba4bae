"""What people do with follow-ups: take, write down what was said, write, and review."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update

from models.errors import Conflict, NotFound
from models.follow_up import PHONE, FollowUpState, Plan, Said
from models.store.complaints.calling_back import AGAIN, put_down, tell_owner
from models.store.complaints.handling import record_call_back
from models.store.dialogue.conversations import append
from models.store.effects.timers import hold_timer, set_timer, stop_timer
from models.store.ground.database import Database, Fields, Tx
from models.store.ground.locks import lock, lock_row
from models.store.tickets.moves import back_in_queue, lock_conversations, locked
from models.store.tickets.ownership import load, unload
from models.tables import agent, conversation, follow_up, follow_up_attempt, ticket
from models.ticket import OPEN_STATES


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One task of calling back. Times are seconds since the epoch.

    ``sticky_id``: who had it before, while nobody has it.
    """

    id: str
    ticket_id: str
    number: str
    subject: str
    channel: str
    customer_id: str
    state: FollowUpState
    urgency: str
    complaint: bool
    handler_id: str | None
    skill_class: str | None
    excluded: Sequence[str]
    created_at: float
    due_at: float
    attempts: int
    owner_id: str | None
    sticky_id: str | None
    decision: Mapping[str, Any] | None
    ended_at: float | None
    score: int | None
    solved: bool | None
    review: str | None
    reviewed_by: str | None
    review_note: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One time that the customer was called or written to; ``reached`` None: not known yet."""

    at: float
    agent_id: str | None
    channel: str
    reached: bool | None
    content: str
    score: int | None
    solved: bool | None


_OF_TICKET = ("number", "subject", "channel", "customer_id")
_COLUMNS = [
    (ticket if name in _OF_TICKET else follow_up).c[name] for name in FollowUp.__dataclass_fields__
]
_TAKEABLE = frozenset({FollowUpState.WAITING, FollowUpState.PAUSED})


class FollowUps:
    """Every change names who makes it; what a customer said is never overwritten."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # -- reading -----------------------------------------------------------------------

    async def get(self, follow_up_id: str) -> FollowUp:
        """Raises ``NotFound``."""
        query = _all().where(follow_up.c.id == follow_up_id)
        row = await self._db.one(query, "no such follow-up")
        return _follow_up(row)

    async def page(
        self,
        *,
        states: Sequence[str] = (),
        owner: str | None = None,
        ticket_id: str | None = None,
        review: str | None = None,
        limit: int = 200,
    ) -> list[FollowUp]:
        """Those that are due first."""
        f = follow_up.c
        query = _all().order_by(f.due_at, f.id).limit(limit)
        if states:
            query = query.where(f.state.in_(states))
        for column, value in ((f.owner_id, owner), (f.ticket_id, ticket_id), (f.review, review)):
            if value is not None:
                query = query.where(column == value)
        return [_follow_up(row) for row in await self._db.rows(query)]

    async def attempts(self, follow_up_id: str) -> list[Attempt]:
        """What was tried, oldest first."""
        x = follow_up_attempt.c
        columns = [x[name] for name in Attempt.__dataclass_fields__]
        query = select(*columns).where(x.follow_up_id == follow_up_id).order_by(x.at, x.id)
        return [Attempt(**row) for row in await self._db.rows(query)]

    async def concerning(self, ticket_ids: Collection[str], agent_id: str) -> set[str]:
        """Those of these tickets that a person calls back about, and so may see."""
        f = follow_up.c
        mine = f.ticket_id.in_(sorted(ticket_ids)) & (f.owner_id == agent_id)
        query = select(f.ticket_id).where(mine, f.state == FollowUpState.ACTIVE)
        return set(await self._db.column(query))

    # -- doing -------------------------------------------------------------------------

    async def take(self, follow_up_id: str, agent_id: str, by: str, *, forced: bool) -> None:
        """Gives one to a person by hand; ``forced`` (a supervisor's word) also from another one.

        Raises:
            NotFound: no such follow-up.
            Conflict: it is nobody's to take now, the person handled this complaint, or has no
                room.
        """
        async with self._db.write() as tx:
            row = await _locked(tx, follow_up_id)
            held = row["state"] == FollowUpState.ACTIVE
            if row["state"] not in _TAKEABLE and not (forced and held):
                raise Conflict("this follow-up is not waiting; look at it again")
            if agent_id in row["excluded"]:
                raise Conflict("whoever handled this complaint does not call back about it")
            await lock(tx, agent, [agent_id, *([row["owner_id"]] if held else [])])
            if held:
                await unload(tx, row["owner_id"], row["units"])
            await load(tx, agent_id, row["units"], forced=forced)
            await stop_timer(tx, AGAIN, follow_up_id)
            mine = {"state": FollowUpState.ACTIVE, "owner_id": agent_id, "updated_at": tx.now}
            mine |= {"epoch": row["epoch"] + 1, "decision": None}
            change = update(follow_up).where(follow_up.c.id == follow_up_id)
            await tx.conn.execute(change.values(**mine))
            await tx.audit(by, "follow_up.take", follow_up_id, to=agent_id, forced=forced)
            tell_owner(tx, row["ticket_id"], follow_up_id, agent_id)

    async def record(
        self,
        follow_up_id: str,
        agent_id: str,
        client_id: str,
        said: Said,
        plan: Plan,
        channel: str = PHONE,
    ) -> None:
        """Writes down an attempt. Not reached, it is tried again later, at most so often.

        The same ``client_id`` again changes nothing.

        Raises:
            NotFound: no such follow-up.
            Conflict: the agent does not have it.
        """
        async with self._db.write() as tx:
            await hold_timer(tx, AGAIN, follow_up_id)
            row = await _locked(tx, follow_up_id)
            if await _known(tx, follow_up_id, client_id):
                return
            _owned(row, agent_id)
            tried = {"reached": said.reached, "score": said.score, "solved": said.solved}
            await _attempt(tx, row, client_id, channel, said.content, **tried)
            made = row["attempts"] + 1
            await _call_back(tx, row, said)
            if said.reached:
                review = "open" if said.low and plan.review else None
                await put_down(
                    tx, row, FollowUpState.DONE, attempts=made, ended_at=tx.now,
                    score=said.score, solved=said.solved, review=review,
                )  # fmt: skip
                if review:
                    tx.emit("follow_up.low", ticket=row["ticket_id"], follow_up=follow_up_id)
                return
            again = plan.next_at(tx.now, made)
            if again is None:
                await put_down(
                    tx, row, FollowUpState.UNREACHED, attempts=made, ended_at=tx.now
                )  # fmt: skip
                return
            await put_down(tx, row, FollowUpState.PAUSED, attempts=made)
            await set_timer(tx, AGAIN, follow_up_id, again)

    async def write(
        self,
        follow_up_id: str,
        agent_id: str,
        client_id: str,
        conversation_id: str,
        text: str,
        plan: Plan,
    ) -> str:
        """Asks in one of the customer's conversations; returns the outbound message's id.

        It waits for the answer, and is tried again when none comes. The same ``client_id``
        again changes nothing.

        Raises:
            NotFound: no such follow-up or conversation.
            Conflict: the agent does not have it, or customers are left in peace now.
        """
        async with self._db.write() as tx:
            query = select(follow_up.c.ticket_id).where(follow_up.c.id == follow_up_id)
            ticket_id = (await tx.conn.execute(query)).scalar_one_or_none()
            if ticket_id is None:
                raise NotFound("no such follow-up")
            await hold_timer(tx, AGAIN, follow_up_id)
            # The conversation is locked first, as everywhere.
            outbound_id, new = await append(
                tx,
                conversation_id=conversation_id,
                ticket_id=ticket_id,
                kind="reply",
                text=text,
                client_id=client_id,
                agent_id=agent_id,
            )
            if not new:
                return outbound_id
            if plan.spare(tx.now) > tx.now:
                raise Conflict("customers are left in peace at this hour")
            row = await _locked(tx, follow_up_id)
            _owned(row, agent_id)
            query = select(conversation.c.channel).where(conversation.c.id == conversation_id)
            channel = (await tx.conn.execute(query)).scalar_one()
            await _attempt(
                tx, row, client_id, channel, text,
                conversation_id=conversation_id, outbound_id=outbound_id,
            )  # fmt: skip
            made = row["attempts"] + 1
            await put_down(tx, row, FollowUpState.ASKED, attempts=made)
            wait = plan.again[min(made, len(plan.again)) - 1]
            await set_timer(tx, AGAIN, follow_up_id, plan.spare(tx.now + wait))
        return outbound_id

    async def review(self, follow_up_id: str, by: str, note: str, *, reopen: bool) -> None:
        """A supervisor's word on a low result: the ticket is reopened, or stays as it is.

        One that is open again, for the customer was faster, stays where it is in either case.

        Raises:
            NotFound: no such follow-up.
            Conflict: nothing waits for review, or the ticket cannot be reopened.
        """
        async with self._db.write() as tx:
            if reopen:
                query = select(follow_up.c.ticket_id).where(follow_up.c.id == follow_up_id)
                await lock_conversations(tx, *(await tx.conn.execute(query)).scalars())
            row = await _locked(tx, follow_up_id)
            if row["review"] != "open":
                raise Conflict("this follow-up waits for no review")
            outcome = "reopened" if reopen else "kept"
            seen = {"review": outcome, "reviewed_by": by, "reviewed_at": tx.now}
            change = update(follow_up).where(follow_up.c.id == follow_up_id)
            await tx.conn.execute(change.values(review_note=note, **seen))
            if reopen:
                await _reopen(tx, row["ticket_id"])
            await tx.audit(by, "follow_up.review", row["ticket_id"], reopen=reopen, note=note)
            tx.emit(
                "follow_up.reviewed",
                ticket=row["ticket_id"],
                follow_up=follow_up_id,
                outcome=outcome,
            )


def _all() -> Any:
    return select(*_COLUMNS).join(ticket, ticket.c.id == follow_up.c.ticket_id)


def _follow_up(row: Fields) -> FollowUp:
    return FollowUp(**dict(row) | {"state": FollowUpState(row["state"])})


async def _locked(tx: Tx, follow_up_id: str) -> Fields:
    return await lock_row(tx, follow_up, follow_up_id, "no such follow-up")


def _owned(row: Fields, agent_id: str) -> None:
    if row["state"] != FollowUpState.ACTIVE or row["owner_id"] != agent_id:
        raise Conflict("this follow-up is not in your hands any more; look at it again")


async def _known(tx: Tx, follow_up_id: str, client_id: str) -> bool:
    x = follow_up_attempt.c
    query = select(x.follow_up_id).where(x.client_id == client_id)
    before = (await tx.conn.execute(query)).scalar_one_or_none()
    if before not in {None, follow_up_id}:
        raise Conflict("this client_id was used for another answer; make a new one")
    return before is not None


async def _attempt(
    tx: Tx, row: Fields, client_id: str, channel: str, content: str, **values: object
) -> None:
    new = {
        "id": tx.new_id(), "follow_up_id": row["id"], "client_id": client_id,
        "agent_id": row["owner_id"], "at": tx.now, "channel": channel, "content": content,
    }  # fmt: skip
    await tx.insert(follow_up_attempt, [new | values])


async def _reopen(tx: Tx, ticket_id: str) -> None:
    of = await locked(tx, ticket_id)
    if of["state"] not in OPEN_STATES:
        await back_in_queue(tx, of)


async def _call_back(tx: Tx, row: Fields, said: Said) -> None:
    """Of a complaint, what closing it asks: see ``models.complaint.gaps``."""
    # Whoever had it does not count; and most tickets are no complaints.
    with suppress(NotFound, Conflict):
        await record_call_back(
            tx, row["ticket_id"], row["owner_id"], reached=said.reached, words=said.content
        )
