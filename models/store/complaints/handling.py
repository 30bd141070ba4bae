"""What people do about complaints: fill in, link, answer for, review, call back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, exists, select, update

from models.complaint import Gap, Word
from models.errors import Conflict, NotFound, Rejected
from models.routing import Needs
from models.store.ground.database import Database, Fields, Tx
from models.store.ground.locks import lock
from models.store.ground.sealing import Vault, seal, unseal
from models.store.tickets.helping import NewTask, open_task
from models.store.tickets.labels import reclassed
from models.store.tickets.moves import locked
from models.store.tickets.settling import gaps_of, handlers
from models.store.tickets.waiting import PositionOf, afresh
from models.tables import complaint, customer, ticket
from models.ticket import TicketState


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint as people see it. Times are seconds since the epoch, people are ids.

    ``complainant`` is who complains where a person has written it down, “” for the sender.
    """

    ticket_id: str
    complained_at: float
    complainant: str
    matter: str
    matter_by: str | None
    domain: str
    department: str
    department_by: str | None
    cause: str
    product: str
    major: bool
    repeat_of: str | None
    repeat_by: str | None
    outcome: str
    responsibility: str
    customer_word: Word | None
    customer_said: str
    customer_at: float | None
    reviewed_by: str | None
    reviewed_at: float | None
    review_passed: bool | None
    review: str
    called_back_by: str | None
    called_back_at: float | None
    reached: bool
    call_back: str
    withdrawn_at: float | None


_COLUMNS = [complaint.c[name] for name in Complaint.__dataclass_fields__]

EDITABLE = frozenset(
    {
        "complained_at", "complainant", "matter", "department", "cause", "product", "outcome",
        "responsibility",
    }
)  # fmt: skip
"""What people write into a complaint as they learn it."""

_REVIEWED = frozenset({"department", "outcome", "responsibility"})
"""A review was of these: it is void when one of them changes."""

_NOT_REVIEWED: Mapping[str, Any] = {
    "reviewed_by": None, "reviewed_at": None, "review_passed": None, "review": ""
}  # fmt: skip


class Complaints:
    """Everything about a complaint but the life of its ticket. All changes are audited."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def get(self, ticket_id: str) -> Complaint:
        """The complaint of a ticket.

        Raises:
            NotFound: it is none (any more).
        """
        query = _with_key().where(
            complaint.c.ticket_id == ticket_id, complaint.c.withdrawn_at.is_(None)
        )
        row = await self._db.one(query, "this ticket is no complaint")
        return self._complaint(row)

    async def filed(self, ticket_id: str) -> bool:
        """Whether a ticket is a complaint."""
        mine = complaint.c.ticket_id == ticket_id
        query = select(exists().where(mine, complaint.c.withdrawn_at.is_(None)))
        return bool(await self._db.value(query))

    async def gaps(self, ticket_id: str) -> tuple[Gap, ...]:
        """What it still lacks before it may be closed (``models.complaint.gaps``)."""
        async with self._db.read() as conn:
            return await gaps_of(conn, ticket_id)

    async def handlers(self, ticket_id: str) -> frozenset[str]:
        """Who has had the ticket: they can neither review it nor call back."""
        async with self._db.read() as conn:
            return await handlers(conn, ticket_id)

    async def repeated(self, ticket_id: str) -> list[tuple[str, str, float]]:
        """The other complaints about the same matter: (ticket id, number, time), oldest first."""
        c, t = complaint.c, ticket.c
        first = select(c.repeat_of).where(c.ticket_id == ticket_id).scalar_subquery()
        group = (c.repeat_of == ticket_id) | (c.repeat_of == first) | (c.ticket_id == first)
        query = (
            select(c.ticket_id, t.number, c.complained_at)
            .join(ticket, t.id == c.ticket_id)
            .where(group, c.ticket_id != ticket_id, c.withdrawn_at.is_(None))
            .order_by(c.complained_at, c.ticket_id)
        )
        async with self._db.read() as conn:
            return [(row[0], row[1], row[2]) for row in await conn.execute(query)]

    async def change(self, ticket_id: str, by: str, values: Mapping[str, Any]) -> None:
        """Writes what is known: names of ``EDITABLE``. A review of what changes is void.

        Raises:
            NotFound: it is no complaint.
        """
        assert set(values) <= EDITABLE
        async with self._db.write() as tx:
            row = await _locked(tx, ticket_id)
            change = {n: v for n, v in values.items() if n == "complainant" or row[n] != v}
            if "complainant" in change:
                name = change["complainant"]
                key = self._vault.unwrap(row["key"])
                change["complainant"] = seal(key, json.dumps(name).encode()) if name else None
            if not change:
                return
            told = {n: v for n, v in change.items() if n != "complainant"}
            change |= {f"{n}_by": by for n in ("matter", "department") if n in change}
            if _REVIEWED & change.keys():
                change |= _NOT_REVIEWED
            await _write(tx, row, by, "complaint.changed", change, sorted(values), **told)

    async def set_major(
        self, ticket_id: str, by: str, *, major: bool, why: str, tasks: Sequence[NewTask] = ()
    ) -> bool:
        """Marks it 重大, or no longer; whether that changed anything.

        ``tasks`` are opened with it, or nothing happens at all.

        Raises:
            NotFound: it is no complaint.
            Conflict, Rejected: a task cannot be opened, as in ``Helping.open``.
        """
        async with self._db.write() as tx:
            row = await _locked(tx, ticket_id)
            if row["major"] == major:
                return False
            kind = "complaint.major" if major else "complaint.not_major"
            await _write(tx, row, by, kind, {"major": major}, ["major"], why=why)
            for task in tasks:
                await open_task(tx, ticket_id, by, task)
        return True

    async def link(self, ticket_id: str, by: str, first_id: str | None) -> None:
        """A person's word that it repeats another complaint, or (None) that it repeats none.

        What repeats it goes along: all that are about one matter repeat the first of them.

        Raises:
            NotFound: one of them is no complaint.
            Conflict: the first of the others has changed while we looked.
            Rejected: they are the same, or the other one is of somebody else.
        """
        c = complaint.c
        async with self._db.write() as tx:
            # The first of them, too: who links that one takes along whatever repeats it by then.
            all_three = ticket_id, first_id, await _repeated_by(tx, first_id)
            known = {one for one in all_three if one is not None}
            await lock(tx, ticket, known)
            row = await _locked(tx, ticket_id)
            if first_id is not None:
                first_id = await _first_of(tx, row, first_id)
                if first_id not in known:
                    raise Conflict("this complaint was linked meanwhile; look at it again")
                theirs = update(complaint).where(c.repeat_of == ticket_id)
                await tx.conn.execute(theirs.values(repeat_of=first_id))
            change = {"repeat_of": first_id, "repeat_by": by}
            await _write(
                tx, row, by, "complaint.linked", change, ["repeat_of"], repeat_of=first_id
            )

    async def hear(self, ticket_id: str, by: str, word: Word, said: str) -> None:
        """Writes down what the customer said of the outcome.

        Raises:
            NotFound: it is no complaint.
            Conflict: there is no outcome yet that they could have spoken of.
        """
        async with self._db.write() as tx:
            row = await _locked(tx, ticket_id)
            if not row["outcome"].strip():
                raise Conflict("write down the outcome first: the customer's word is about it")
            change = {"customer_word": word, "customer_said": said, "customer_at": tx.now}
            await _write(
                tx, row, by, "complaint.heard", change, ["customer_word"], word=word, said=said
            )

    async def review(self, ticket_id: str, by: str, *, passed: bool, words: str) -> None:
        """A supervisor's look at what was done (班长复核).

        Raises:
            NotFound: it is no complaint.
            Conflict: there is nothing to review yet, or they have had the ticket themselves.
        """
        async with self._db.write() as tx:
            row = await _locked(tx, ticket_id)
            if by in await handlers(tx.conn, ticket_id):
                raise Conflict("you have had this complaint yourself: somebody else reviews it")
            missing = {Gap.DEPARTMENT, Gap.OUTCOME, Gap.RESPONSIBILITY} & {
                *await gaps_of(tx.conn, ticket_id)
            }
            if passed and missing:
                raise Conflict("department, outcome and responsibility come before the review")
            change = {
                "reviewed_by": by, "reviewed_at": tx.now, "review_passed": passed, "review": words
            }  # fmt: skip
            await _write(
                tx, row, by, "complaint.reviewed", change, ["review"], passed=passed, words=words
            )

    async def call_back(self, ticket_id: str, by: str, *, reached: bool, words: str) -> None:
        """Records a call-back by another person than any handler.

        Raises:
            NotFound, Conflict: as ``record_call_back``.
        """
        async with self._db.write() as tx:
            await record_call_back(tx, ticket_id, by, reached=reached, words=words)

    async def send(
        self,
        ticket_id: str,
        by: str,
        department: str,
        needs: Needs,
        seconds: float,
        position_of: PositionOf | None = None,
    ) -> None:
        """Lays a waiting one at a department and puts it into its queue, due in ``seconds``.

        They count from when it was sent, as if it had come then: ``position_of`` finds its place.
        How long the customer has waited is kept.

        Raises:
            NotFound: it is no complaint.
            Conflict: it does not wait: somebody has it, and transfers it.
        """
        async with self._db.write() as tx:
            row = await _locked(tx, ticket_id)
            if row["state"] != TicketState.WAITING:
                raise Conflict("it is in somebody's hands: they transfer it")
            sent = {**await locked(tx, ticket_id), "target": seconds}
            place = {"target": seconds} | afresh(sent, tx.now, tx.now, position_of)
            await reclassed(tx, ticket_id, needs, by_hand=True, place=place)
            change = {"department": department, "department_by": by}
            await _write(
                tx, row, by, "complaint.sent", change, ["department"], department=department
            )

    def _complaint(self, row: Fields) -> Complaint:
        values = {name: row[name] for name in Complaint.__dataclass_fields__}
        word, sealed = row["customer_word"], row["complainant"]
        values["customer_word"] = None if word is None else Word(word)
        opened = unseal(self._vault.unwrap(row["key"]), sealed) if sealed else b'""'
        values["complainant"] = json.loads(opened)
        return Complaint(**values)


async def record_call_back(tx: Tx, ticket_id: str, by: str, *, reached: bool, words: str) -> None:
    """Writes down who called the customer back about a complaint, and what came of it.

    One that did not reach them takes nothing from an earlier one that did.

    Raises:
        NotFound: the ticket is no complaint.
        Conflict: ``by`` has had the ticket: another person calls back.
    """
    row = await _locked(tx, ticket_id)
    if by in await handlers(tx.conn, ticket_id):
        raise Conflict("you have had this complaint yourself: somebody else calls back")
    change: dict[str, Any] = {}
    if reached or not row["reached"]:
        change = {
            "called_back_by": by, "called_back_at": tx.now, "reached": reached, "call_back": words
        }  # fmt: skip
    await _write(
        tx, row, by, "complaint.called_back", change, ["call_back"], reached=reached, words=words
    )


async def _repeated_by(tx: Tx, ticket_id: str | None) -> str | None:
    """The complaint that this one repeats, as it is known before anything is locked."""
    query = select(complaint.c.repeat_of).where(complaint.c.ticket_id == ticket_id)
    found: str | None = (await tx.conn.execute(query)).scalar_one_or_none()
    return found


async def _first_of(tx: Tx, row: Fields, first_id: str) -> str:
    """The complaint that ``first_id`` itself repeats, else it; they must be of one customer."""
    other = await _locked(tx, first_id)
    if other["ticket_id"] == row["ticket_id"]:
        raise Rejected("a complaint does not repeat itself")
    first = str(other["repeat_of"] or first_id)
    if first == row["ticket_id"]:
        raise Rejected("that complaint repeats this one already")
    return first


async def _locked(tx: Tx, ticket_id: str) -> Fields:
    """The complaint with its ticket's number, owner and customer's key.

    The ticket is locked first, as everywhere.

    Raises:
        NotFound: the ticket is no complaint.
        Conflict: its customer was erased.
    """
    await lock(tx, ticket, [ticket_id])
    c = complaint.c
    query = _with_key().where(c.ticket_id == ticket_id, c.withdrawn_at.is_(None))
    row = (await tx.conn.execute(query)).mappings().one_or_none()
    if row is None:
        raise NotFound("this ticket is no complaint")
    if row["key"] is None:
        raise Conflict("this customer's data was erased")
    return dict(row)


def _with_key() -> Select[Any]:
    t = ticket.c
    columns = (
        *_COLUMNS,
        complaint.c.by_hand,
        customer.c.key,
        t.number,
        t.owner_id,
        t.state,
    )
    joined = complaint.join(ticket, t.id == complaint.c.ticket_id).join(
        customer, customer.c.id == t.customer_id
    )
    return select(*columns).select_from(joined)


async def _write(
    tx: Tx,
    row: Fields,
    by: str,
    kind: str,
    change: Mapping[str, Any],
    names: Sequence[str],
    **detail: object,
) -> None:
    """Changes a locked complaint, which is a person's from now on; audits and tells.

    The event names what changed and carries none of the words: it goes to others as well.
    """
    mine = update(complaint).where(complaint.c.ticket_id == row["ticket_id"])
    await tx.conn.execute(mine.values(by_hand=True, updated_at=tx.now, **change))
    await tx.audit(by, kind, row["ticket_id"], changed=list(names), **detail)
    tx.emit(
        kind,
        ticket=row["ticket_id"],
        agent=row["owner_id"],
        number=row["number"],
        by=by,
        changed=list(names),
    )
