"""Trained classifier bundles as rows, so that every host can serve the promoted one."""

from typing import Any

from sqlalchemy import select, update

from models.errors import NotFound
from models.store.database import Database
from models.tables import bundle


class Bundles:
    """Bundles and the one pointer to the champion: the latest promotion."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def add(self, bundle_id: str, card: dict[str, Any], content: bytes) -> None:
        """Stores a packed bundle; the same id again changes nothing."""
        async with self._db.write() as tx:
            row = {"id": bundle_id, "card": card, "content": content, "created_at": tx.now}
            await tx.conn.execute(tx.upsert(bundle).values(**row).on_conflict_do_nothing())

    async def promote(self, bundle_id: str, by: str | None) -> None:
        """Makes a bundle the champion, by one row.

        Raises:
            NotFound: no such bundle.
        """
        async with self._db.write() as tx:
            change = update(bundle).where(bundle.c.id == bundle_id)
            if (await tx.conn.execute(change.values(promoted_at=tx.now))).rowcount == 0:
                raise NotFound(f"no bundle {bundle_id}")
            await tx.audit(by, "bundle.promote", bundle_id[:64])
            tx.emit("bundle.promoted", bundle=bundle_id)

    async def champion(self) -> str | None:
        """The id of the bundle that serves, or None before the first promotion."""
        b = bundle.c
        query = (
            select(b.id)
            .where(b.promoted_at.is_not(None))
            .order_by(b.promoted_at.desc(), b.id.desc())
            .limit(1)
        )
        async with self._db.read() as conn:
            return (await conn.execute(query)).scalar_one_or_none()

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
