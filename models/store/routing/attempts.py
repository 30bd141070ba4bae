"""How often somebody was tried to be, counted by all processes together.

In the database, not in Redis: what is lost there with its memory would begin anew whenever it
starts, and attempts are no more frequent than argon2id lets them be.
"""

import hmac
from typing import NamedTuple

from sqlalchemy import case, delete, or_, select, update

from models.store.ground.database import Database, Fields
from models.store.ground.sealing import Vault
from models.tables import sign_in_attempt

MOST = 8
WINDOW_SECONDS = 300.0
"""So many attempts in so many seconds, which begin with the first of them."""


class Tried(NamedTuple):
    """Who is tried to be, and where from; ``address`` is empty where that does not matter."""

    who: str
    address: str = ""


class Attempts:
    """Attempts to be somebody, by a secret that can be guessed.

    Neither what was typed as a login, which may be a password, nor a network address is written
    down: rows are found by an HMAC.
    """

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def charge(self, tried: Tried) -> float | None:
        """Counts an attempt before its outcome is known, so that parallel ones count too.

        Returns None, or where there were too many the seconds until there may be another; that
        one is not counted.
        """
        key, a = self._key(tried), sign_in_attempt.c
        known = select(a.count, a.since).where(a.key == key)
        async with self._db.read() as conn:  # a flood of what is refused must keep no writer busy
            before = (await conn.execute(known)).mappings().one_or_none()
        if before and (left := _left(before, await self._db.now())) is not None:
            return left
        async with self._db.write() as tx:
            over = a.since <= tx.now - WINDOW_SECONDS
            more = tx.upsert(sign_in_attempt).values(key=key, count=1, since=tx.now)
            more = more.on_conflict_do_update(
                index_elements=["key"],
                set_={"count": case((over, 1), else_=a.count + 1),
                      "since": case((over, tx.now), else_=a.since)},
                where=or_(over, a.count < MOST),
            )  # fmt: skip
            if (await tx.conn.execute(more)).rowcount:
                return None
            return _left((await tx.conn.execute(known)).mappings().one(), tx.now)

    async def refund(self, tried: Tried) -> None:
        """Takes back an attempt that nobody looked at, or that was right."""
        a = sign_in_attempt.c
        async with self._db.write() as tx:
            fewer = update(sign_in_attempt).where(a.key == self._key(tried), a.count > 0)
            await tx.conn.execute(fewer.values(count=a.count - 1))

    async def clear(self, tried: Tried) -> None:
        """They are who they say."""
        mine = sign_in_attempt.c.key == self._key(tried)
        async with self._db.write() as tx:
            await tx.conn.execute(delete(sign_in_attempt).where(mine))

    async def forget(self) -> int:
        """Drops what is past its window; returns how many rows."""
        async with self._db.write() as tx:
            past = sign_in_attempt.c.since <= tx.now - WINDOW_SECONDS
            return (await tx.conn.execute(delete(sign_in_attempt).where(past))).rowcount

    def _key(self, tried: Tried) -> str:
        text = "\0".join(tried)
        return hmac.new(self._vault.signing_key("attempts"), text.encode(), "sha256").hexdigest()


def _left(row: Fields, now: float) -> float | None:
    """Seconds until another attempt may be; None: now."""
    left = float(row["since"]) + WINDOW_SECONDS - now
    return left if row["count"] >= MOST and left > 0 else None
