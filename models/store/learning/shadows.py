"""A challenger that labels beside the champion: what both said of the same tickets."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, delete, distinct, func, select, update

from models.errors import Conflict
from models.store.ground.database import Database
from models.store.learning.bundles import CHAMPION, change_bundle
from models.tables import bundle, correction, shadow, ticket

_KEY = ("bundle_id", "ticket_id", "facet")


class Verdict(NamedTuple):
    """What champion and challenger (``bundle_id``) decided of one facet of a ticket."""

    bundle_id: str
    ticket_id: str
    facet: str
    champion_id: str
    champion: str
    challenger: str
    champion_confidence: float
    challenger_confidence: float


@dataclass(frozen=True, slots=True)
class ShadowRun:
    """The challenger in shadow, since when, and how many tickets it has labelled so far."""

    bundle_id: str
    since: float
    tickets: int


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One facet of a ticket that both decided differently; ``truth`` is a person's word."""

    ticket_id: str
    number: str
    channel: str
    at: float
    facet: str
    champion: str
    challenger: str
    champion_confidence: float
    challenger_confidence: float
    truth: str | None


class Shadows:
    """At most one challenger is in shadow. It changes no label: all it does is told here."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def begin(self, bundle_id: str, by: str | None) -> None:
        """Puts a bundle in shadow, in the place of another; begun again, it starts anew.

        Raises:
            NotFound: no such bundle.
            Conflict: it is the champion, or not kept any more.
        """
        b = bundle.c
        async with self._db.write() as tx:
            if (await tx.conn.execute(CHAMPION)).scalar_one_or_none() == bundle_id:
                raise Conflict("the champion cannot be in its own shadow")
            others = update(bundle).where(b.shadow_since.is_not(None)).values(shadow_since=None)
            await tx.conn.execute(others)
            await change_bundle(tx, bundle_id, shadow_since=tx.now)
            await tx.conn.execute(delete(shadow).where(shadow.c.bundle_id == bundle_id))
            await tx.audit(by, "bundle.shadow", bundle_id[:64])
            tx.emit("bundle.shadow", bundle=bundle_id)

    async def end(self, by: str | None) -> str | None:
        """Ends the shadow, if there is one, and returns whose; what it said stays to be read."""
        b = bundle.c
        async with self._db.write() as tx:
            query = select(b.id).where(b.shadow_since.is_not(None)).with_for_update(key_share=True)
            found: str | None = (await tx.conn.execute(query)).scalars().first()
            if found is not None:
                ended = update(bundle).where(b.shadow_since.is_not(None))
                await tx.conn.execute(ended.values(shadow_since=None))
                await tx.audit(by, "bundle.shadow_end", found[:64])
                tx.emit("bundle.shadow", bundle=None)
        return found

    async def sitting(self) -> ShadowRun | None:
        """The challenger in shadow now. One that was promoted since is none."""
        b, s = bundle.c, shadow.c
        tickets = select(func.count(distinct(s.ticket_id))).where(s.bundle_id == b.id)
        query = (
            select(b.id, b.shadow_since, tickets.scalar_subquery())
            .where(b.shadow_since.is_not(None), func.coalesce(b.promoted_at, 0) < b.shadow_since)
            .order_by(b.shadow_since.desc())
            .limit(1)
        )
        async with self._db.read() as conn:
            row = (await conn.execute(query)).one_or_none()
        return None if row is None else ShadowRun(*row)

    async def add(self, verdicts: Iterable[Verdict]) -> None:
        """Keeps what both said; of a ticket whose text grew, what they say now.

        A ticket that is gone meanwhile is left out.
        """
        rows = {verdict[:3]: verdict for verdict in verdicts}
        if not rows:
            return
        async with self._db.write() as tx:
            wanted = sorted({verdict.ticket_id for verdict in rows.values()})
            query = select(ticket.c.id).where(ticket.c.id.in_(wanted))
            there = set((await tx.conn.execute(query)).scalars())
            kept = [
                rows[key]._asdict() | {"at": tx.now} for key in sorted(rows) if key[1] in there
            ]
            if not kept:
                return
            statement = tx.upsert(shadow)
            changes = {name: statement.excluded[name] for name in kept[0] if name not in _KEY}
            await tx.conn.execute(
                statement.on_conflict_do_update(index_elements=list(_KEY), set_=changes), kept
            )

    async def pairs(self, bundle_id: str) -> Counter[tuple[str, str, str]]:
        """How often champion and challenger decided what: (facet, champion's, challenger's)."""
        s = shadow.c
        query = (
            select(s.facet, s.champion, s.challenger, func.count())
            .where(s.bundle_id == bundle_id)
            .group_by(s.facet, s.champion, s.challenger)
        )
        async with self._db.read() as conn:
            rows = await conn.execute(query)
            return Counter({(row[0], row[1], row[2]): row[3] for row in rows})

    async def judged(self, bundle_id: str) -> list[tuple[str, str, str, str]]:
        """Of tickets of which a person has spoken: facet, champion's, challenger's, truth."""
        async with self._db.read() as conn:
            rows = await conn.execute(_with_truth(bundle_id).where(_TRUTH.is_not(None)))
            return [(row.facet, row.champion, row.challenger, row.truth) for row in rows]

    async def disagreements(self, bundle_id: str, limit: int) -> list[Disagreement]:
        """What both decided differently, newest first."""
        s = shadow.c
        query = _with_truth(bundle_id).where(s.champion != s.challenger)
        query = query.order_by(s.at.desc(), s.ticket_id.desc(), s.facet).limit(limit)
        async with self._db.read() as conn:
            return [_disagreement(row) for row in await conn.execute(query)]


def _last_word() -> Any:
    """The last correction of a shadow's facet of a ticket: what a person says it is."""
    c, s = correction.c, shadow.c
    return (
        select(c.after)
        .where(c.ticket_id == s.ticket_id, c.facet == s.facet, c.excluded_at.is_(None))
        .order_by(c.at.desc(), c.id.desc())
        .limit(1)
        .correlate(shadow)
        .scalar_subquery()
    )


_TRUTH = _last_word()


def _with_truth(bundle_id: str) -> Select[Any]:
    joined = shadow.join(ticket, ticket.c.id == shadow.c.ticket_id)
    return (
        select(shadow, ticket.c.number, ticket.c.channel, _TRUTH.label("truth"))
        .select_from(joined)
        .where(shadow.c.bundle_id == bundle_id)
    )


def _disagreement(row: Row[Any]) -> Disagreement:
    return Disagreement(**{name: getattr(row, name) for name in Disagreement.__dataclass_fields__})
