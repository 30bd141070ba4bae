"""Trained classifier bundles as rows, so that every host can serve the promoted one.

A bundle that nothing leads to any more loses its content, some 30 MB, and keeps its card: what it
was worth, when it served, and every comparison with it are read as before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update

from models.errors import Conflict, NotFound
from models.store.ground.database import Database, Tx
from models.tables import bundle, retraining

_TICK = 1e-3
"""Seconds by which a promotion is later than the last one, even where the clock was set back."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Which bundles are kept beside the champion, the one in shadow, and those that are pinned.

    Those that served within ``seconds``; the ``challengers`` newest that never served; and the
    ``steps`` before the champion to which taking back leads, whenever they served; at least one.
    """

    seconds: float
    challengers: int
    steps: int


class Bundles:
    """Bundles and the one pointer to the champion: the latest promotion."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def add(self, bundle_id: str, card: Mapping[str, Any], content: bytes) -> None:
        """Stores a packed bundle; the same id again changes nothing."""
        async with self._db.write() as tx:
            await add_bundle(tx, bundle_id, card, content)

    async def promote(
        self, bundle_id: str, by: str | None, why: str = "", *, against_gate: bool = False
    ) -> None:
        """Makes a bundle the champion, by one row. ``why`` is written to the audit.

        Raises:
            NotFound: no such bundle.
            Conflict: it serves already, or is not kept any more; or the gate of the run that made
                it did not pass, or compared it with another bundle than serves now, and
                ``against_gate`` is not said.
        """
        async with self._db.write() as tx:
            champion = await _champion(tx)
            if champion == bundle_id:
                raise Conflict("this bundle serves already")
            try:
                await _pass_gate(tx, bundle_id, champion)
            except Conflict:
                if not against_gate:
                    raise
                passed = False
            else:
                passed = True
            await _point(tx, bundle_id, champion)
            detail = {"why": why, "before": champion, "gate": passed}
            await tx.audit(by, "bundle.promote", bundle_id[:64], **detail)
            tx.emit("bundle.promoted", bundle=bundle_id)

    async def rollback(self, by: str | None, why: str = "", *, off: str | None = None) -> str:
        """Makes the bundle that served before the champion serve again; returns its id.

        Once more leads back one promotion further. ``off`` is the champion that is to go: two who
        saw it fail at the same time lead back once.

        Raises:
            Conflict: nothing served before; or ``off`` does not serve any more.
        """
        b = bundle.c
        async with self._db.write() as tx:
            champion = await _champion(tx)
            if off is not None and off != champion:
                raise Conflict("another bundle serves by now; look at it again")
            query = select(b.replaced).where(b.id == champion)
            before: str | None = (await tx.conn.execute(query)).scalar_one_or_none()
            if before is None:
                raise Conflict("nothing served before this bundle")
            back = (await tx.conn.execute(select(b.replaced).where(b.id == before))).scalar_one()
            await _point(tx, before, back)
            await tx.audit(by, "bundle.rollback", before[:64], why=why, before=champion)
            tx.emit("bundle.promoted", bundle=before)
        return before

    async def champion(self) -> str | None:
        """The id of the bundle that serves, or None before the first promotion."""
        found: str | None = await self._db.value(CHAMPION)
        return found

    async def promoted(self) -> list[str]:
        """Every bundle that has served and is kept, the champion first."""
        b = bundle.c
        query = select(b.id).where(b.promoted_at.is_not(None), b.dropped_at.is_(None))
        query = query.order_by(b.promoted_at.desc(), b.id.desc())
        return await self._db.column(query)

    async def content(self, bundle_id: str) -> bytes:
        """The packed bundle.

        Raises:
            NotFound: no such bundle.
            Conflict: it is not kept any more.
        """
        b = bundle.c
        query = select(b.content, b.dropped_at).where(b.id == bundle_id)
        async with self._db.read() as conn:
            row = (await conn.execute(query)).one_or_none()
        if row is None:
            raise NotFound(f"no bundle {bundle_id}")
        if row.dropped_at is not None:
            raise Conflict("this bundle is not kept any more; train again")
        return bytes(row.content)

    async def cards(self) -> list[dict[str, Any]]:
        """Every bundle's card and when it was promoted, pinned and dropped, newest first.

        ``replaced``: the one that served before it, where a rollback of it leads.
        """
        b = bundle.c
        columns = (
            b.id, b.card, b.created_at, b.promoted_at, b.replaced, b.pinned_at, b.dropped_at,
        )  # fmt: skip
        query = select(*columns).order_by(b.created_at.desc())
        return await self._db.rows(query)

    async def pin(self, bundle_id: str, by: str | None, *, pinned: bool) -> None:
        """Keeps a bundle whatever its age, or no longer.

        Raises:
            NotFound: no such bundle.
            Conflict: it is not kept any more.
        """
        async with self._db.write() as tx:
            await change_bundle(tx, bundle_id, pinned_at=tx.now if pinned else None)
            await tx.audit(by, "bundle.pin" if pinned else "bundle.unpin", bundle_id[:64])

    async def drop(self, keep: Keep) -> list[str]:
        """Empties the bundles that ``keep`` has no place for; returns their ids.

        Nobody promotes or takes back meanwhile, and what is put in shadow or pinned at the same
        moment stays. No way back leads to one that is dropped. Whoever has one open keeps what
        they have (``workers.learning.serving.opened``).
        """
        b = bundle.c
        async with self._db.write() as tx:
            champion = await _champion(tx)
            if champion is None:
                return []
            columns = (b.id, b.created_at, b.promoted_at, b.replaced, b.shadow_since, b.pinned_at)
            query = select(*columns).where(b.dropped_at.is_(None)).order_by(b.id)
            rows = (await tx.conn.execute(query)).all()
            kept = _kept(rows, champion, keep, tx.now)
            gone = [row.id for row in rows if row.id not in kept and await _emptied(tx, row)]
            # Of what was left before, too: a way that ends is better than one that leads nowhere.
            cut = update(bundle).where(b.replaced.in_(gone)).values(replaced=None)
            await tx.conn.execute(cut)
            for bundle_id in gone:
                await tx.audit(None, "bundle.drop", bundle_id[:64])
        return gone

    async def dropped(self) -> list[str]:
        """The ids of those that are not kept: no host needs their files."""
        query = select(bundle.c.id).where(bundle.c.dropped_at.is_not(None))
        return await self._db.column(query)


CHAMPION = (
    select(bundle.c.id)
    .where(bundle.c.promoted_at.is_not(None))
    .order_by(bundle.c.promoted_at.desc(), bundle.c.id.desc())
    .limit(1)
)
"""The id of the bundle that serves: the one that was promoted last."""


async def add_bundle(tx: Tx, bundle_id: str, card: Mapping[str, Any], content: bytes) -> None:
    """Stores a packed bundle within a transaction; the same id again changes nothing.

    One that was dropped is there again: the same corrections make the same bundle.
    """
    row = {"id": bundle_id, "card": card, "content": content, "created_at": tx.now}
    again = row | {"dropped_at": None}
    statement = tx.upsert(bundle).values(**row)
    await tx.conn.execute(
        statement.on_conflict_do_update(
            index_elements=["id"], set_=again, where=bundle.c.dropped_at.is_not(None)
        )
    )


async def _champion(tx: Tx) -> str | None:
    """Read for changing it: whoever promotes at the same time waits.

    Who has waited holds the row of the champion that was; another may be it by now.
    """
    champion: str | None = None
    while True:
        found = (await tx.conn.execute(CHAMPION)).scalar_one_or_none()
        if found == champion:
            return champion
        champion = found
        await tx.conn.execute(select(bundle.c.id).where(bundle.c.id == found).with_for_update())


async def _pass_gate(tx: Tx, bundle_id: str, champion: str | None) -> None:
    """Looks at the last run that made this bundle; the seed's had no gate.

    A bundle that has served needs no comparison to serve again.

    Raises:
        Conflict: its gate did not pass, or compared it with another than ``champion``.
    """
    r = retraining.c
    query = select(r.outcome).where(r.bundle_id == bundle_id).order_by(r.created_at.desc())
    outcome = (await tx.conn.execute(query.limit(1))).scalar_one_or_none()
    if outcome is None:
        return
    if not outcome["verdict"]["passed"]:
        raise Conflict("the gate did not pass; overrule it with a reason")
    served = select(bundle.c.promoted_at).where(bundle.c.id == bundle_id)
    if (await tx.conn.execute(served)).scalar_one_or_none() is not None:
        return
    # Runs of earlier versions do not tell which champion there was.
    if outcome.get("promoted", champion) != champion:
        raise Conflict(
            "the gate compared it with another bundle than serves now; compare, or overrule it"
        )


async def _point(tx: Tx, bundle_id: str, replaced: str | None) -> None:
    latest = select(func.coalesce(func.max(bundle.c.promoted_at), 0.0))
    at = max(tx.now, (await tx.conn.execute(latest)).scalar_one() + _TICK)
    await change_bundle(tx, bundle_id, promoted_at=at, replaced=replaced)


async def change_bundle(tx: Tx, bundle_id: str, **values: object) -> None:
    """Changes a bundle that is kept; whoever drops it at the same moment sees that.

    Raises:
        NotFound: no such bundle.
        Conflict: it is not kept any more.
    """
    b = bundle.c
    change = update(bundle).where(b.id == bundle_id, b.dropped_at.is_(None)).values(**values)
    if (await tx.conn.execute(change)).rowcount:
        return
    known = select(b.id).where(b.id == bundle_id)
    if (await tx.conn.execute(known)).one_or_none() is None:
        raise NotFound(f"no bundle {bundle_id}")
    raise Conflict("this bundle is not kept any more; train again")


def _kept(rows: Sequence[Any], champion: str, keep: Keep, now: float) -> set[str]:
    kept = {champion} | {row.id for row in rows if row.shadow_since or row.pinned_at}
    replaced = {row.id: row.replaced for row in rows if row.replaced}
    back = champion
    for _ in range(keep.steps):
        back = replaced.get(back, champion)
        kept.add(back)
    served = [row for row in rows if row.promoted_at is not None]
    until = now
    for row in sorted(served, key=lambda one: (one.promoted_at, one.id), reverse=True):
        # It served until the next one was promoted; of one that served twice the first end is
        # not known, and it is taken for later than it was.
        if until >= now - keep.seconds:
            kept.add(row.id)
        until = row.promoted_at
    others = sorted((r for r in rows if r.promoted_at is None), key=lambda r: (r.created_at, r.id))
    return kept | {row.id for row in others[len(others) - keep.challengers :]}


async def _emptied(tx: Tx, row: Any) -> bool:
    """Whether it could be dropped: nobody has put it in shadow or pinned it since it was read."""
    b = bundle.c
    same = (b.id == row.id) & b.shadow_since.is_(None) & b.pinned_at.is_(None)
    empty = update(bundle).where(same).values(content=b"", dropped_at=tx.now)
    return (await tx.conn.execute(empty)).rowcount > 0
