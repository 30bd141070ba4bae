"""What tickets are found by is written after them, and forgotten with them.

An event marks a ticket, which costs next to nothing; its terms are worked out anew from all that
is said in it when there is time. So nothing is in the index twice, whatever dies in between, and
what is marked is what has yet to be done (docs/decisions/0023).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    Select,
    bindparam,
    delete,
    func,
    literal,
    select,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from models.message import Sender
from models.search_terms import Fact, Hashing, facts_of, terms_of
from models.store.dialogue.people import People
from models.store.effects.followers import Follower
from models.store.ground.database import Database, Event, Tx
from models.store.ground.sealing import Vault
from models.tables import conversation, message, note, outbound, search_entry, ticket

_LONGEST = 4000
"""Characters of one message, mail or note that are read: beyond are logs and price lists."""

_MOST = 40_000
"""Characters of one ticket, the newest words first."""

Side = Literal["customer", "us", "note"]


@dataclass(frozen=True, slots=True)
class Said:
    """A text of a ticket, as far as it is read for finding it; what was withdrawn is none."""

    side: Side
    at: float
    text: str


def place_of(number: str) -> int:
    """Where a ticket stands among all: the day of its number and the serial in it, no check.

    15 digits of the day and serial together are less than 2**53: JSON may carry it.
    """
    return int(number[:8]) * 10**8 + int(number[8:-1])


def hashing(vault: Vault, generation: int) -> Hashing:
    return Hashing(vault.chain("search", generation))


def marker(generation: int) -> tuple[str, ...]:
    """A word among the terms, by which those of a later key are known; no hash has a “g”."""
    return (f"g{generation}",) if generation else ()


class SearchIndex:
    """Keeps the entries of tickets."""

    def __init__(self, db: Database, people: People, vault: Vault) -> None:
        self._db = db
        self._people = people
        self._vault = vault

    async def due(self) -> int:
        """How many tickets are not found yet by what was said last, or at all."""
        query = select(func.count()).where(search_entry.c.due.is_not(None))
        return int(await self._db.value(query))

    async def fill(self, limit: int) -> int:
        """Writes the terms of up to ``limit`` tickets that are due, newest first; how many.

        What is said meanwhile, or taken back, is seen when it is written: then nothing is.
        """
        e, t = search_entry.c, ticket.c
        query = (
            select(e.place, e.due, t.id, t.number, t.subject)
            .join(ticket, t.id == e.ticket_id)
            .where(e.due.is_not(None))
            .order_by(e.place.desc())
            .limit(limit)
        )
        async with self._db.read(steady=True) as conn:
            rows = (await conn.execute(query)).all()
            ids = [row.id for row in rows]
            texts = await said(conn, ids)
            who = await _who(conn, ids)
            generation = await self._vault.current(conn)
        if not rows:
            return 0
        senders = await self._people.senders([one for of in who.values() for one in of])
        entries = [
            {"_place": row.place, "_due": row.due}
            | self._terms(
                generation,
                [f"{row.number} {row.subject}", *(each.text for each in texts.get(row.id, ()))],
                [senders[one] for one in who.get(row.id, ()) if one in senders],
            )
            # In the order in which they are marked and forgotten: so nobody waits for each other.
            for row in sorted(rows, key=lambda row: row.place)
        ]
        change = (
            update(search_entry)
            .where(e.place == bindparam("_place"), e.due == bindparam("_due"))
            .values(terms=bindparam("terms"), due=None)
        )
        async with self._db.write() as tx:
            if await self._vault.writing(tx) != generation:
                return 0  # the master key has just been changed: the next time finds them
            await tx.conn.execute(change, entries)
        return len(entries)

    def _terms(
        self, generation: int, texts: Iterable[str], who: Iterable[Sender]
    ) -> dict[str, str]:
        """By what a ticket is found in which this was said, by these."""
        terms = set[str]().union(*map(terms_of, texts))
        facts = set[Fact]().union(*map(facts_of, who))
        hashes = hashing(self._vault, generation)
        hashed = (*hashes.terms(terms), *sorted(map(hashes.fact, facts)))
        return {"terms": " ".join((*hashed, *marker(generation)))}


async def said(conn: AsyncConnection, ticket_ids: Sequence[str]) -> dict[str, list[Said]]:
    """What people said in tickets, both sides and notes, the newest first.

    Texts that we send by ourselves are the same everywhere, and find nothing.
    """
    if not ticket_ids:
        return {}
    m, o, n = message.c, outbound.c, note.c
    parts = (
        _texts("customer", m.ticket_id, m.received_at, m.text).where(
            m.ticket_id.in_(ticket_ids), m.kind == "message", m.withdrawn_at.is_(None)
        ),
        _texts("us", o.ticket_id, o.created_at, o.text).where(
            o.ticket_id.in_(ticket_ids), o.kind == "reply"
        ),
        _texts("note", n.ticket_id, n.at, n.text).where(n.ticket_id.in_(ticket_ids)),
    )
    found: dict[str, list[Said]] = defaultdict(list)
    length: dict[str, int] = defaultdict(int)
    rows = (await conn.execute(union_all(*parts))).all()
    for row in sorted(rows, key=lambda row: -row.at):
        if length[row.ticket_id] < _MOST:
            found[row.ticket_id].append(Said(row.side, row.at, row.text))
        length[row.ticket_id] += len(row.text)
    return dict(found)


def _texts(side: Side, ticket_id: Any, at: Any, text: Any) -> Select[Any]:
    return select(
        literal(side).label("side"),
        ticket_id.label("ticket_id"),
        at.label("at"),
        func.substr(text, 1, _LONGEST).label("text"),
    )


async def _who(conn: AsyncConnection, ticket_ids: Sequence[str]) -> dict[str, set[str]]:
    """The identities that a ticket is of: of its conversation, and of who wrote in it."""
    if not ticket_ids:
        return {}
    t, m, c = ticket.c, message.c, conversation.c
    of_talk = select(t.id, c.identity_id).join(conversation, c.id == t.conversation_id)
    wrote = select(m.ticket_id, m.identity_id).where(m.ticket_id.in_(ticket_ids), ~m.quarantined)
    found: dict[str, set[str]] = defaultdict(set)
    for ticket_id, identity_id in await conn.execute(
        union_all(of_talk.where(t.id.in_(ticket_ids)), wrote)
    ):
        found[ticket_id].add(identity_id)
    return found


# -- marking and forgetting ------------------------------------------------------------


async def _mark(tx: Tx, events: Sequence[Event]) -> None:
    """With the number of the last event: whoever reads before it does not write after it."""
    last: dict[str, int] = {}
    for event in events:
        for name in _concerned(event):
            last[name] = event.seq
    t = ticket.c
    query = select(t.id, t.number).where(t.id.in_(sorted(last))).order_by(t.number)
    rows = [
        {"place": place_of(row.number), "ticket_id": row.id, "due": last[row.id]}
        for row in await tx.conn.execute(query)
    ]
    if not rows:
        return
    mark = tx.upsert(search_entry).values(rows)
    newer = {"due": mark.excluded.due}
    await tx.conn.execute(mark.on_conflict_do_update(index_elements=["place"], set_=newer))


def _concerned(event: Event) -> Iterable[str]:
    """The tickets that gained or lost words by an event."""
    names = (event.ticket_id, event.data.get("split_from"), event.data.get("other"))
    return [name for name in names if name]


INDEXING = Follower(
    "search",
    frozenset({"ticket.created", "ticket.absorbed", "message.in", "message.out", "note.written"}),
    _mark,
)


async def forget(tx: Tx, ticket_ids: Iterable[str]) -> None:
    """Nothing of what these tickets said is left to find them by, as of this transaction.

    What remains of them is found again when there has been time to read it.
    """
    e = search_entry.c
    mine = e.ticket_id.in_(sorted(set(ticket_ids)))
    # In their order, as everywhere.
    rows = select(e.place, e.ticket_id).where(mine).order_by(e.place)
    found = (await tx.conn.execute(rows.with_for_update(key_share=True))).all()
    if not found:
        return
    await tx.conn.execute(delete(search_entry).where(e.place.in_([row.place for row in found])))
    # No event's number, nor another moment's: who has read them before does not write now.
    due = -int(tx.now * 1e6)
    marks = [{"place": row.place, "ticket_id": row.ticket_id, "due": due} for row in found]
    await tx.insert(search_entry, marks)
