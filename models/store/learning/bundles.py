"""Trained classifier bundles as rows, so that every host can serve the promoted one."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select, update

from models.errors import Conflict, NotFound
from models.store.ground.database import Database, Tx
from models.tables import bundle, retraining

_TICK = 1e-3
"""Seconds by which a promotion is later than the last one, even where the clock was set back."""


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
            Conflict: it serves already; or the gate of the run that made it did not pass, or
                compared it with another bundle than serves now, and ``against_gate`` is not said.
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
        async with self._db.read() as conn:
            return (await conn.execute(_CHAMPION)).scalar_one_or_none()

    async def promoted(self) -> list[str]:
        """Every bundle that has ever served, the champion first."""
        b = bundle.c
        query = select(b.id).where(b.promoted_at.is_not(None))
        query = query.order_by(b.promoted_at.desc(), b.id.desc())
        async with self._db.read() as conn:
            return list((await conn.execute(query)).scalars())

    async def content(self, bundle_id: str) -> bytes:
        """The packed bundle.

        Raises:
            NotFound: no such bundle.
        """
        query = select(bundle.c.content).where(bundle.c.id == bundle_id)
        async with self._db.read() as conn:
            content = (await conn.execute(query)).scalar_one_or_none()
        if content is None:
            raise NotFound(f"no bundle {bundle_id}")
        return bytes(content)

    async def cards(self) -> list[dict[str, Any]]:
        """Every bundle's card with its promotion time, newest first."""
        b = bundle.c
        query = select(b.id, b.card, b.created_at, b.promoted_at).order_by(b.created_at.desc())
        async with self._db.read() as conn:
            return [dict(row) for row in (await conn.execute(query)).mappings()]


_CHAMPION = (
    select(bundle.c.id)
    .where(bundle.c.promoted_at.is_not(None))
    .order_by(bundle.c.promoted_at.desc(), bundle.c.id.desc())
    .limit(1)
)


async def add_bundle(tx: Tx, bundle_id: str, card: Mapping[str, Any], content: bytes) -> None:
    """Stores a packed bundle within a transaction; the same id again changes nothing."""
    row = {"id": bundle_id, "card": card, "content": content, "created_at": tx.now}
    await tx.conn.execute(tx.upsert(bundle).values(**row).on_conflict_do_nothing())


async def _champion(tx: Tx) -> str | None:
    """Read for changing it: whoever promotes at the same time waits.

    Who has waited holds the row of the champion that was; another may be it by now.
    """
    champion: str | None = None
    while True:
        found = (await tx.conn.execute(_CHAMPION)).scalar_one_or_none()
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
    change = update(bundle).where(bundle.c.id == bundle_id)
    change = change.values(promoted_at=at, replaced=replaced)
    if (await tx.conn.execute(change)).rowcount == 0:
        raise NotFound(f"no bundle {bundle_id}")
