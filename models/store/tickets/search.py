"""Finding tickets by number, by who wrote, and by what was said, the newest first.

What may do is found by hashed terms (``search_index``), each database by an index of its own.
What does is seen in the tickets' own words: pairs in another order are another word, and what was
withdrawn since is gone.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Text,
    and_,
    cast,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.dialects import postgresql

from models.ids import check_digit
from models.search_terms import Fact, FactKind, Hashing, Part, Question
from models.store.ground.database import Database
from models.store.ground.sealing import Vault
from models.store.tickets.search_index import Said, Side, hashing, said
from models.tables import search_entry, ticket

By = Literal[FactKind, "number", "words"]

_LAST = 2**53
"""Beyond every place."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A ticket that may be what is looked for; ``facts`` are what its customer is known by."""

    place: int
    ticket_id: str
    facts: frozenset[Fact]


@dataclass(frozen=True, slots=True)
class Passage:
    """Where it was said: a text, and from where up to where (excluded) the words stand in it."""

    side: Side
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Found:
    """A ticket and by what it was found; what stands in its texts with its passage."""

    place: int
    ticket_id: str
    by: By
    passage: Passage | None


class Search:
    """Looks; changes nothing."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def candidates(self, asked: Question, before: int | None, limit: int) -> list[Candidate]:
        """Those with a place before ``before`` (None: all), newest first, by their hashes."""
        facts = asked.facts.union(*(part.facts for part in asked.parts))
        known = {hashes.fact(fact): fact for hashes in self._hashings() for fact in facts}
        e = search_entry.c
        where = self._full_text if self._db.dialect == "sqlite" else self._arrays
        some = where(asked, before, limit)
        query = (
            select(e.place, e.ticket_id, e.terms).where(e.place.in_(some)).order_by(e.place.desc())
        )
        async with self._db.read() as conn:
            rows = (await conn.execute(query)).all()
        return [
            Candidate(
                row.place,
                row.ticket_id,
                frozenset(known[one] for one in known.keys() & set(row.terms.split())),
            )
            for row in rows
        ]

    async def confirmed(self, asked: Question, candidates: Sequence[Candidate]) -> list[Found]:
        """Those that have what is asked for, in their order."""
        ids = [one.ticket_id for one in candidates]
        if not ids:
            return []
        t = ticket.c
        async with self._db.read() as conn:
            texts = await said(conn, ids)
            heads = await conn.execute(select(t.id, t.number, t.subject).where(t.id.in_(ids)))
            about = {row.id: (row.number, row.subject) for row in heads}
        return [
            found
            for one in candidates
            if one.ticket_id in about
            and (found := _confirm(asked, one, *about[one.ticket_id], texts))
        ]

    async def like_number(self, number: str) -> list[str]:
        """Numbers of tickets that differ from one that is none by a digit or a twist.

        ISO/IEC 7064 tells that something is wrong with it, and not where.
        """
        if not (number.isascii() and number.isdigit()):
            return []
        near = {wrong for wrong in _near(number) if check_digit(wrong[:-1]) == wrong[-1]}
        query = select(ticket.c.number).where(ticket.c.number.in_(sorted(near)))
        async with self._db.read() as conn:
            return sorted((await conn.execute(query)).scalars(), reverse=True)

    async def ending_in(self, digits: str, day: str, limit: int) -> list[str]:
        """Tickets of a day (“20261127”) whose numbers end so, the newest first."""
        number = ticket.c.number
        query = (
            select(ticket.c.id)
            .where(number.between(day, day + "9" * len(day)), number.endswith(digits))
            .order_by(number.desc())
            .limit(limit)
        )
        return await self._db.column(query)

    # -- each database's own index -----------------------------------------------------

    def _full_text(self, asked: Question, before: int | None, limit: int) -> Any:
        """SQLite walks the lists of its terms down from the newest, and stops at the limit."""
        query = text(
            "SELECT rowid FROM search_fts WHERE search_fts MATCH :wanted AND rowid < :before"
            " ORDER BY rowid DESC LIMIT :limit"
        )
        wanted = self._expression(asked, _quoted, " AND ".join, " OR ".join)
        last = _LAST if before is None else before
        return query.bindparams(wanted=wanted, before=last, limit=limit)

    def _arrays(self, asked: Question, before: int | None, limit: int) -> Any:
        """PostgreSQL: the expression is that of the index, word for word."""
        has = self._expression(asked, _in_array, lambda all_: and_(*all_), lambda any_: or_(*any_))
        e = search_entry.c
        query = select(e.place).where(has).order_by(e.place.desc()).limit(limit)
        return query if before is None else query.where(e.place < before)

    def _expression(
        self,
        asked: Question,
        has: Callable[[Collection[str]], Any],
        every: Callable[[list[Any]], Any],
        some: Callable[[list[Any]], Any],
    ) -> Any:
        """All of the parts, each by its terms or as a fact; or the whole as one fact.

        A part that is too short to be found does not matter here.
        """
        ways: list[Any] = []
        for hashes in self._hashings():
            parts = [
                some([has(hashes.terms(part.terms)), *_facts(hashes, part.facts, has)])
                for part in asked.parts
                if part.terms
            ]
            whole = every([_bracketed(part) for part in parts])
            ways += [_bracketed(whole), *_facts(hashes, asked.facts, has)]
        return some(ways)

    def _hashings(self) -> list[Hashing]:
        """Of each key by which entries may stand there."""
        return [hashing(self._vault, generation) for generation in self._vault.readable]


_TERMS: ColumnElement[Any] = literal_column(
    "string_to_array(search_entry.terms, ' ')", postgresql.ARRAY(Text)
)


def _in_array(hashes: Collection[str]) -> ColumnElement[bool]:
    return _TERMS.contains(cast(list(hashes), ARRAY(Text)))


def _quoted(hashes: Collection[str]) -> str:
    return "(" + " AND ".join(f'"{one}"' for one in hashes) + ")"


def _facts(
    hashes: Hashing, facts: Collection[Fact], has: Callable[[Collection[str]], Any]
) -> list[Any]:
    return [has([hashes.fact(fact)]) for fact in sorted(facts)]


def _bracketed(part: Any) -> Any:
    return f"({part})" if isinstance(part, str) else part


def _near(number: str) -> set[str]:
    """One digit other, or two neighbours changed about."""
    others = {
        number[:at] + digit + number[at + 1 :]
        for at in range(len(number))
        for digit in "0123456789"
    }
    twisted = {
        number[:at] + number[at + 1] + number[at] + number[at + 2 :]
        for at in range(len(number) - 1)
    }
    return (others | twisted) - {number}


# -- looking into the texts ------------------------------------------------------------


def _confirm(
    asked: Question,
    one: Candidate,
    number: str,
    subject: str,
    texts: Mapping[str, Sequence[Said]],
) -> Found | None:
    if whole := _known_by(one.facts & asked.facts):
        return Found(one.place, one.ticket_id, whole, None)
    lines = [*texts.get(one.ticket_id, ()), Said("customer", 0.0, subject)]
    by: By | None = None
    passage: Passage | None = None
    for part in asked.parts:
        if part.within(number):
            by = by or "number"
        elif kind := _known_by(one.facts & part.facts):
            by = by or kind
        elif place := _place(part, lines):
            passage = passage or place
        else:
            return None
    return Found(one.place, one.ticket_id, "words" if passage else by or "words", passage)


_ORDER: Sequence[FactKind] = ("email", "phone", "name", "handle")
"""By what somebody is told to be found, where several kinds are the same words."""


def _known_by(facts: Collection[Fact]) -> FactKind | None:
    kinds = {kind for kind, _ in facts}
    return next((kind for kind in _ORDER if kind in kinds), None)


def _place(part: Part, lines: Sequence[Said]) -> Passage | None:
    for line in lines:
        if found := part.within(line.text):
            return Passage(line.side, line.text, *found)
    return None
