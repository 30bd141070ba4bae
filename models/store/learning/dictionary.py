"""Words of the trade that admins have added to those of ``taxonomy.toml``."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select

from models.errors import NotFound, Rejected
from models.store.ground.database import Database
from models.tables import dictionary_word

MOST_WORDS = 5_000
"""Of the dictionary: every one is looked for in every message."""


@dataclass(frozen=True, slots=True)
class DictionaryWord:
    """``added_at`` is seconds since the epoch."""

    word: str
    added_at: float
    added_by: str | None


class Dictionary:
    """What is added or removed takes effect with the next training."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def all(self) -> list[DictionaryWord]:
        """Every word, newest first."""
        d = dictionary_word.c
        query = select(d.word, d.added_at, d.added_by).order_by(d.added_at.desc(), d.word)
        async with self._db.read() as conn:
            return [DictionaryWord(*row) for row in await conn.execute(query)]

    async def words(self) -> list[str]:
        """The words alone, in order, so that the same ones give the same bundle."""
        async with self._db.read() as conn:
            query = select(dictionary_word.c.word).order_by(dictionary_word.c.word)
            return list((await conn.execute(query)).scalars())

    async def add(self, words: Sequence[str], by: str) -> list[str]:
        """Adds those that are not there yet, and returns them.

        Raises:
            Rejected: it would be more than ``MOST_WORDS``; none is added.
        """
        d = dictionary_word.c
        async with self._db.write() as tx:
            query = select(d.word).where(d.word.in_(words))
            known = set((await tx.conn.execute(query)).scalars())
            new = [word for word in dict.fromkeys(words) if word not in known]
            count = (await tx.conn.execute(select(func.count(d.word)))).scalar_one()
            if count + len(new) > MOST_WORDS:
                raise Rejected(f"the dictionary holds {MOST_WORDS} words at most")
            rows = [{"word": word, "added_at": tx.now, "added_by": by} for word in new]
            if rows:
                insert = tx.upsert(dictionary_word).values(rows).on_conflict_do_nothing()
                await tx.conn.execute(insert)
                await tx.audit(by, "dictionary.add", new[0], words=new)
        return new

    async def remove(self, word: str, by: str) -> None:
        """Takes a word out.

        Raises:
            NotFound: it is not in the dictionary.
        """
        async with self._db.write() as tx:
            gone = delete(dictionary_word).where(dictionary_word.c.word == word)
            if (await tx.conn.execute(gone)).rowcount == 0:
                raise NotFound("no such word in the dictionary")
            await tx.audit(by, "dictionary.remove", word)
