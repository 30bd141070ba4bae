"""Answers that admins have written once for all, in Chinese, English or both."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update

from models.errors import NotFound
from models.store.ground.database import Database
from models.store.ground.idempotency import Key, earlier, keep
from models.tables import canned


@dataclass(frozen=True, slots=True)
class CannedAnswer:
    """``title`` is what it answers, as customers ask it; an empty text: none in this language."""

    id: str
    title: str
    zh: str
    en: str
    updated_at: float


class Canned:
    """A retired answer is kept for the record and offered to nobody."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def all(self) -> list[CannedAnswer]:
        """Those that are offered, by title."""
        c = canned.c
        query = select(c.id, c.title, c.zh, c.en, c.updated_at).where(c.retired_at.is_(None))
        async with self._db.read() as conn:
            rows = await conn.execute(query.order_by(c.title, c.id))
            return [CannedAnswer(*row) for row in rows]

    async def add(self, title: str, zh: str, en: str, by: str, key: Key | None = None) -> str:
        """Stores an answer and returns its id; the same ``key`` again, of the one there is.

        Raises:
            Conflict: the key was used for another request.
        """
        async with self._db.write() as tx:
            if (before := await earlier(tx, key)) is not None:
                return before
            canned_id = tx.new_id()
            row = {"id": canned_id, "title": title, "zh": zh, "en": en}
            await tx.insert(canned, [row | {"updated_at": tx.now, "updated_by": by}])
            await tx.audit(by, "canned.add", canned_id, title=title)
            await keep(tx, key, canned_id)
        return canned_id

    async def change(self, canned_id: str, title: str, zh: str, en: str, by: str) -> None:
        """Writes an answer anew.

        Raises:
            NotFound: no such answer, or it is retired.
        """
        await self._set(canned_id, by, "canned.change", title=title, zh=zh, en=en)

    async def retire(self, canned_id: str, by: str) -> None:
        """Offers an answer no more.

        Raises:
            NotFound: no such answer, or it is retired.
        """
        await self._set(canned_id, by, "canned.retire")

    async def _set(self, canned_id: str, by: str, action: str, **values: str) -> None:
        c = canned.c
        async with self._db.write() as tx:
            changed: dict[str, Any] = dict(values) or {"retired_at": tx.now}
            change = update(canned).where(c.id == canned_id, c.retired_at.is_(None))
            change = change.values(**changed, updated_at=tx.now, updated_by=by)
            if (await tx.conn.execute(change)).rowcount == 0:
                raise NotFound("no such canned answer")
            await tx.audit(by, action, canned_id)
