"""A customer's right to be erased: who they were and what was said goes, what was counted stays.

China's PIPL art. 47 and the GDPR's art. 17. Everything happens in one transaction; only contents
that other customers may have as well are left for ``orphaned_blobs``. A second time changes
nothing. What is erased, table by table, is in ``erasure_tables``.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, exists, or_, select, union, update

from models.errors import Conflict, NotFound
from models.store.dialogue.customer_links import links_of, together
from models.store.dialogue.tombstones import Tombstones
from models.store.dialogue.transcripts import copies_of
from models.store.ground.database import Database, Fields, Tx
from models.store.ground.locks import lock, lock_rows
from models.store.ground.sealing import Vault
from models.store.privacy.erasure_tables import Scope, erase_everything
from models.store.tickets.moves import moved
from models.store.tickets.settling import closing_gaps
from models.tables import (
    complaint,
    conversation,
    customer,
    follow_up,
    identity,
    message,
    outbound,
    subtask,
    ticket,
)
from models.ticket import OPEN_STATES, TicketState

_DAY = 86_400.0

_LAST = frozenset({TicketState.CLOSED, TicketState.MERGED})
"""From these nothing leads on, but that a merger is undone: not of somebody who was erased."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure was about. ``at`` is when it was, in seconds since the epoch."""

    at: float
    customers: frozenset[str]
    tickets: tuple[str, ...]


class Erasure:
    """Admins only, and for good."""

    def __init__(self, db: Database, vault: Vault, keep_complaints: float) -> None:
        """``keep_complaints``: days from the end of a complaint in which it must be kept."""
        self._db = db
        self._tombstones = Tombstones(vault)
        self._keep = keep_complaints * _DAY

    async def at(self, customer_id: str) -> float | None:
        """When a customer was erased, in seconds since the epoch; None: they were not.

        Raises:
            NotFound: no such customer.
        """
        query = select(customer.c.erased_at).where(customer.c.id == customer_id)
        at: float | None = (await self._db.one(query, "no such customer"))["erased_at"]
        return at

    async def erase(self, customer_id: str, by: str | None, why: str, despite: str = "") -> Erased:
        """Erases the person that a customer is, in all channels in which they are proven.

        ``by`` is an admin, None who has a shell on this machine. ``despite``: why even a
        complaint that must be kept may go. Who writes again is a new customer.

        Raises:
            NotFound: no such customer.
            Conflict: something is still being done for them, or must be kept.
        """
        async with self._db.write() as tx:
            people = await _person(tx, customer_id)
            before = people[customer_id]["erased_at"]
            if before is not None:
                return Erased(float(before), frozenset(people), ())
            scope = Scope(frozenset(people))
            tickets = await _locked(tx, scope)
            await self._may_go(tx, scope, tickets, despite)
            for row in tickets.values():
                if row["state"] not in _LAST:
                    await moved(tx, row, TicketState.CLOSED)
            await erase_everything(tx, scope, self._tombstones, by)
            gone = update(customer).where(customer.c.id.in_(people))
            await tx.conn.execute(gone.values(key=None, erased_at=tx.now))
            said = {"reason": why} | ({"despite": despite} if despite else {})
            await tx.audit(by, "customer.erase", customer_id, customers=sorted(people), **said)
            for row in tickets.values():
                await tx.audit(by, "customer.erase", row["id"], **said)
                tx.emit(
                    "customer.erased",
                    ticket=row["id"],
                    conversation=row["conversation_id"],
                    agent=row["owner_id"],
                    number=row["number"],
                    customer=row["customer_id"],
                )
            numbers = tuple(sorted(row["number"] for row in tickets.values()))
            return Erased(tx.now, frozenset(people), numbers)

    async def _may_go(
        self, tx: Tx, scope: Scope, tickets: Mapping[str, Fields], despite: str
    ) -> None:
        """Raises ``Conflict`` where something is still being done, or must be kept."""
        if any(row["state"] in OPEN_STATES for row in tickets.values()):
            raise Conflict("a ticket of this customer is open; end it first", code="open")
        f, s, o = follow_up.c, subtask.c, outbound.c
        called = exists().where(f.ticket_id.in_(scope.tickets), f.state == "active")
        asked = exists().where(s.ticket_id.in_(scope.tickets), s.state == "open")
        if await _is(tx, or_(called, asked)):
            raise Conflict(
                "somebody is calling this customer back, or has a sub-task of theirs; "
                "end it first",
                code="open",
            )
        # Locked, so that no worker takes one of them for sending while they are looked at.
        due = select(o.id).where(scope.answers, o.state.in_(["queued", "sending"]))
        await lock(tx, outbound, (await tx.conn.execute(due)).scalars().all())
        sending = exists().where(scope.answers, o.state == "sending", o.lease_until > tx.now)
        if await _is(tx, sending):
            raise Conflict(
                "an answer is being sent to this customer; try again in a minute", code="sending"
            )
        if not despite and await self._held(tx, tickets):
            raise Conflict(
                "a complaint of this customer must be kept longer; "
                "say why it may be erased all the same",
                code="kept",
            )

    async def _held(self, tx: Tx, tickets: Mapping[str, Fields]) -> bool:
        """Whether a complaint is among them that is not settled, or ended not long enough ago."""
        c = complaint.c
        query = select(c.ticket_id).where(c.ticket_id.in_(tickets), c.withdrawn_at.is_(None))
        for ticket_id in (await tx.conn.execute(query)).scalars().all():
            row = tickets[ticket_id]
            if (row["ended_at"] or row["updated_at"]) > tx.now - self._keep:
                return True
            if row["state"] not in _LAST and await closing_gaps(tx, ticket_id):
                return True
        return False


async def _is(tx: Tx, condition: object) -> bool:
    return bool((await tx.conn.execute(select(condition))).scalar_one())  # type: ignore[call-overload]


async def _person(tx: Tx, customer_id: str) -> dict[str, Fields]:
    """The rows of everybody that a customer is, and of whoever was mailed a copy of their chats.

    Raises:
        NotFound: no such customer.
    """
    customers = together(customer_id, await links_of(tx.conn, customer_id))
    copies = await copies_of(tx, _talks(customers))
    query = select(customer).where(customer.c.id.in_(customers | copies))
    rows: dict[str, Fields] = {row["id"]: row for row in (await tx.conn.execute(query)).mappings()}
    if customer_id not in rows:
        raise NotFound("no such customer")
    return rows


def _talks(customers: Collection[str]) -> Select[tuple[str]]:
    """The conversations of these customers."""
    c, i = conversation.c, identity.c
    own = select(i.id).where(i.customer_id.in_(customers))
    return select(c.id).where(c.identity_id.in_(own))


async def _locked(tx: Tx, scope: Scope) -> dict[str, dict[str, Any]]:
    """The tickets of a person, by id; nobody writes as them or to them until the commit.

    Raises:
        Conflict: they have begun another conversation meanwhile.
    """
    talks = await _places(tx, scope)
    await lock(tx, conversation, talks)
    query = select(ticket.c.id).where(ticket.c.customer_id.in_(scope.customers))
    rows = await lock_rows(tx, ticket, (await tx.conn.execute(query)).scalars().all())
    # Whole rows, not only what does not identify them: whoever refers to one waits.
    i = identity.c
    mine = select(i.id).where(i.customer_id.in_(scope.customers)).order_by(i.id)
    await tx.conn.execute(mine.with_for_update())
    if await _places(tx, scope) - talks:
        raise Conflict("this customer is writing just now; try again in a minute", code="writing")
    return rows


async def _places(tx: Tx, scope: Scope) -> set[str]:
    """The conversations in which a person has said something, or something was said to them."""
    m, t = message.c, ticket.c
    said = select(m.conversation_id).where(m.identity_id.in_(scope.identities))
    asked = select(t.conversation_id).where(t.customer_id.in_(scope.customers))
    found = union(scope.conversations, said, asked)
    return {str(talk_id) for talk_id in (await tx.conn.execute(found)).scalars()}
