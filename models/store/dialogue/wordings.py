"""Versions of the texts that customers get by themselves: drafted, published, never changed."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.errors import NotFound, Rejected
from models.store.ground.database import Database
from models.store.ground.idempotency import Key, earlier, keep
from models.tables import wording
from models.texts import unfit


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a text; ``number`` counts those of its name and language."""

    name: str
    lang: str
    number: int
    text: str
    why: str
    drafted_by: str | None
    drafted_at: float
    published_by: str | None
    published_at: float | None


class Wordings:
    """What is said is the version that was published last; an older one can be again."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def draft(
        self,
        name: str,
        lang: str,
        text: str,
        why: str,
        by: str | None,
        key: Key | None = None,
    ) -> int:
        """Keeps a new version, which nobody is told yet; returns its number.

        The same ``key`` again returns that of the one there is.

        Raises:
            Rejected: the text is not fit for its name; the sentence says why.
            Conflict: the key was used for another request.
        """
        if trouble := unfit(name, text):
            raise Rejected(trouble, code="unfit_text")
        w = wording.c
        async with self._db.write() as tx:
            if (before := await earlier(tx, key)) is not None:
                return int(before)
            last = select(func.max(w.number)).where(w.name == name, w.lang == lang)
            # Two that draft at once: the later one waits for the counter, and sees the first.
            await tx.bump("wordings", 1)
            number = int((await tx.conn.execute(last)).scalar_one() or 0) + 1
            row = {
                "id": tx.new_id(),
                "name": name,
                "lang": lang,
                "number": number,
                "text": text,
                "why": why,
                "drafted_by": by,
                "drafted_at": tx.now,
            }
            await tx.insert(wording, [row])
            await tx.audit(by, "text.draft", f"{name}/{lang}", number=number, why=why)
            await keep(tx, key, str(number))
        return number

    async def publish(self, name: str, lang: str, number: int, by: str | None) -> None:
        """From now on this version is said.

        Raises:
            NotFound: no such version.
        """
        w = wording.c
        async with self._db.write() as tx:
            mine = (w.name == name) & (w.lang == lang)
            before = (await tx.conn.execute(select(func.max(w.published_at)).where(mine))).scalar()
            # The last word holds, also where the clock stands still or was set back.
            at = max(tx.now, (before or 0.0) + 0.001)
            change = update(wording).where(mine, w.number == number)
            change = change.values(published_at=at, published_by=by)
            if (await tx.conn.execute(change)).rowcount == 0:
                raise NotFound("no such version of this text")
            await tx.audit(by, "text.publish", f"{name}/{lang}", number=number)
            tx.emit("text.published", name=name, lang=lang, number=number)

    async def restore(self, name: str, lang: str, by: str | None) -> None:
        """From now on the installation's own words are said, as before any was published."""
        w = wording.c
        async with self._db.write() as tx:
            which = (w.name == name) & (w.lang == lang)
            change = update(wording).where(which).values(published_at=None, published_by=None)
            await tx.conn.execute(change)
            await tx.audit(by, "text.restore", f"{name}/{lang}")
            tx.emit("text.published", name=name, lang=lang, number=None)

    async def versions(self) -> list[Version]:
        """All of them, the newest of each first."""
        names = [wording.c[name] for name in Version.__dataclass_fields__]
        query = select(*names).order_by(wording.c.name, wording.c.lang, wording.c.number.desc())
        return [Version(**row) for row in await self._db.rows(query)]


def in_force(versions: Sequence[Version]) -> Version | None:
    """Of the versions of one text in one language, what is said; None: the default."""
    said = [version for version in versions if version.published_at is not None]
    return max(said, key=lambda v: (v.published_at, v.number), default=None)


async def published(conn: AsyncConnection) -> dict[tuple[str, str], tuple[int, str]]:
    """What is said instead of the defaults: (name, language) to number and text."""
    w = wording.c
    query = (
        select(w.name, w.lang, w.number, w.text)
        .where(w.published_at.is_not(None))
        .order_by(w.published_at, w.id)
    )
    return {(row.name, row.lang): (row.number, row.text) for row in await conn.execute(query)}
