"""Complaints as they come in: filed with the labels, in one transaction, before assignment."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select, update

from models.complaint import MATTER_LENGTH, Filing, Matter, same_matter
from models.store.ground.database import Fields, Tx
from models.tables import complaint, customer_link, message, ticket


@dataclass(frozen=True, slots=True)
class _Earlier:
    """A complaint that another one may repeat."""

    ticket_id: str
    customer_id: str
    complained_at: float
    matter: Matter
    first: str


async def filed(tx: Tx, ticket_ids: Collection[str]) -> set[str]:
    """Those of these tickets that are complaints: one is filed, and nobody has taken it back."""
    c = complaint.c
    query = select(c.ticket_id).where(c.ticket_id.in_(ticket_ids), c.withdrawn_at.is_(None))
    return set((await tx.conn.execute(query)).scalars())


async def file_complaints(
    tx: Tx, labelled: Mapping[str, Filing | None], rows: Mapping[str, Fields]
) -> None:
    """Makes tickets complaints, as their new labels say; none is made no complaint here.

    ``labelled`` maps ticket ids to what is filed, None for what is no complaint; ``rows`` are
    the locked tickets. What was filed stays so until a person takes it back, whatever the
    classifier says later; what a person has worked on it does not change, either.
    """
    wanted = {id_: filing for id_, filing in labelled.items() if filing is not None}
    known = await _known(tx, list(wanted))
    new = {id_: filing for id_, filing in wanted.items() if id_ not in known}
    await _open(tx, new, rows)
    for id_, row in known.items():
        if not row["by_hand"]:
            await _again(tx, row, wanted[id_], rows[id_])


async def file_by_hand(tx: Tx, row: Fields, filing: Filing | None, by: str) -> None:
    """A person's word that a locked ticket is a complaint, or (None) that it is none."""
    known = await _known(tx, [row["id"]])
    c = complaint.c
    if filing is None:
        if known and known[row["id"]]["withdrawn_at"] is None:
            mine = update(complaint).where(c.ticket_id == row["id"])
            await tx.conn.execute(mine.values(withdrawn_at=tx.now, updated_at=tx.now))
            _tell(tx, "complaint.withdrawn", row)
            await tx.audit(by, "complaint.withdrawn", row["id"])
        return
    if not known:
        await _open(tx, {row["id"]: filing}, {row["id"]: row})
    elif known[row["id"]]["withdrawn_at"] is not None:
        _tell(tx, "complaint.opened", row, department=known[row["id"]]["department"])
    else:
        return
    mine = update(complaint).where(c.ticket_id == row["id"])
    await tx.conn.execute(mine.values(by_hand=True, withdrawn_at=None, updated_at=tx.now))
    await tx.audit(by, "complaint.opened", row["id"])


async def forget_words(tx: Tx, ticket_ids: Iterable[str]) -> None:
    """After a message was withdrawn: nothing of it stays as the matter of a complaint."""
    c = complaint.c
    theirs = c.ticket_id.in_(set(ticket_ids)) & c.matter_by.is_(None)
    await tx.conn.execute(update(complaint).where(theirs).values(matter=""))


async def _known(tx: Tx, ids: Sequence[str]) -> dict[str, Fields]:
    if not ids:
        return {}
    query = select(complaint).where(complaint.c.ticket_id.in_(ids)).with_for_update(key_share=True)
    return {row["ticket_id"]: row for row in (await tx.conn.execute(query)).mappings()}


async def _open(tx: Tx, new: Mapping[str, Filing], rows: Mapping[str, Fields]) -> None:
    if not new:
        return
    words = await _words(tx, [id_ for id_, filing in new.items() if not filing.text])
    people = await _same_people(tx, {rows[id_]["customer_id"] for id_ in new})
    earlier = await _earlier(tx, {c for group in people.values() for c in group})
    made = []
    for id_, filing in new.items():
        row, text = rows[id_], filing.text or words.get(id_, "")
        case = _Earlier(
            ticket_id=id_,
            customer_id=row["customer_id"],
            complained_at=row["created_at"],
            matter=Matter(filing.domain, text[:MATTER_LENGTH]),
            first="",
        )
        first = _repeated(case, earlier, people[row["customer_id"]], filing.repeat_seconds)
        earlier.append(case)
        made.append(_new(tx, case, filing, first))
        _tell(tx, "complaint.opened", row, department=filing.department, repeat_of=first)
    await tx.insert(complaint, made)


def _new(tx: Tx, case: _Earlier, filing: Filing, first: str | None) -> dict[str, Any]:
    return {
        "ticket_id": case.ticket_id,
        "opened_at": tx.now,
        "updated_at": tx.now,
        "complained_at": case.complained_at,
        "matter": case.matter.text,
        "domain": filing.domain,
        "department": filing.department,
        "repeat_of": first,
    }


def _repeated(
    case: _Earlier, earlier: Iterable[_Earlier], people: frozenset[str], seconds: float
) -> str | None:
    """The first of the complaints that this one repeats; None when it is the first."""
    since = case.complained_at - seconds
    same = [
        old
        for old in earlier
        if old.customer_id in people
        and old.ticket_id != case.ticket_id
        and since <= old.complained_at <= case.complained_at
        and same_matter(old.matter, case.matter)
    ]
    if not same:
        return None
    latest = max(same, key=lambda old: (old.complained_at, old.ticket_id))
    return latest.first or latest.ticket_id


async def _same_people(tx: Tx, customers: Iterable[str]) -> dict[str, frozenset[str]]:
    """Each customer with those who are proven to be the same person (one link away)."""
    found = {id_: {id_} for id_ in customers}
    x = customer_link.c
    touching = or_(x.first_id.in_(list(found)), x.second_id.in_(list(found)))
    query = select(x.first_id, x.second_id).where(touching, x.undone_at.is_(None))
    for first, second in await tx.conn.execute(query):
        for one, other in ((first, second), (second, first)):
            if one in found:
                found[one].add(other)
    return {id_: frozenset(group) for id_, group in found.items()}


async def _earlier(tx: Tx, customers: Iterable[str]) -> list[_Earlier]:
    c, t = complaint.c, ticket.c
    query = (
        select(c.ticket_id, t.customer_id, c.complained_at, c.domain, c.matter, c.repeat_of)
        .join(ticket, t.id == c.ticket_id)
        .where(t.customer_id.in_(list(customers)), c.withdrawn_at.is_(None))
    )
    return [
        _Earlier(
            ticket_id=row.ticket_id,
            customer_id=row.customer_id,
            complained_at=row.complained_at,
            matter=Matter(row.domain, row.matter),
            first=row.repeat_of or "",
        )
        for row in await tx.conn.execute(query)
    ]


async def _words(tx: Tx, ids: Sequence[str]) -> dict[str, str]:
    """What the customers of these tickets have written, oldest first."""
    if not ids:
        return {}
    m = message.c
    said = (m.kind == "message") & ~m.quarantined & m.withdrawn_at.is_(None)
    query = select(m.ticket_id, m.text).where(m.ticket_id.in_(ids), said, m.text != "")
    words: dict[str, list[str]] = {}
    # A ticket may have lines of two conversations, each with an order of its own: see Merging.
    for row in await tx.conn.execute(query.order_by(m.ticket_id, m.received_at, m.seq)):
        words.setdefault(row.ticket_id, []).append(row.text)
    return {id_: "\n".join(texts) for id_, texts in words.items()}


async def _again(tx: Tx, row: Fields, filing: Filing, of: Fields) -> None:
    """The classifier has looked again, at a complaint that nobody has worked on."""
    change: dict[str, Any] = {"domain": filing.domain, "withdrawn_at": None}
    if row["matter_by"] is None and filing.text:
        change["matter"] = filing.text[:MATTER_LENGTH]
    if row["department_by"] is None:
        change["department"] = filing.department
    same = all(row[name] == value for name, value in change.items())
    if same:
        return
    mine = update(complaint).where(complaint.c.ticket_id == row["ticket_id"])
    await tx.conn.execute(mine.values(updated_at=tx.now, **change))
    kind = "complaint.changed" if row["withdrawn_at"] is None else "complaint.opened"
    _tell(tx, kind, of, department=str(change.get("department", row["department"])))


def _tell(
    tx: Tx, kind: str, of: Fields, *, department: str = "", repeat_of: str | None = None
) -> None:
    tx.emit(
        kind,
        ticket=of["id"],
        agent=of["owner_id"],
        number=of["number"],
        department=department,
        repeat_of=repeat_of,
    )
