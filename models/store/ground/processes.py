"""Which processes live: each says so every few seconds, in database time."""

from dataclasses import dataclass

from sqlalchemy import delete, select

from models.store.ground.database import Database
from models.store.ground.sealing import Vault
from models.tables import process

SILENT_SECONDS = 30.0
"""Who has said nothing for so long counts as gone: some beats of a busy process may be late."""

FORGET_SECONDS = 86400.0
"""How long it is told of one that went without a word."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process that said it lives; ``silent`` is the seconds since it last did.

    ``trouble`` is what it could not do then, as a sentence in Chinese and English.
    ``key_mark`` tells which master key it has.
    """

    role: str
    host: str
    pid: int
    version: str
    age: float
    silent: float
    trouble: str | None = None
    key_mark: int | None = None

    @property
    def alive(self) -> bool:
        return self.silent <= SILENT_SECONDS


class Processes:
    """Who ends in order takes its row along; who is killed leaves it, and grows silent."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def beat(
        self, id_: str, role: str, host: str, pid: int, version: str, trouble: str | None = None
    ) -> None:
        """Says that a process lives.

        Raises:
            Temporary: the database is out of reach.
        """
        fixed = {"role": role, "host": host, "pid": pid, "version": version}
        async with self._db.write() as tx:
            now = {"seen_at": tx.now, "trouble": trouble}
            row = {"id": id_, **fixed, "started_at": tx.now, "key_mark": self._vault.mark, **now}
            await tx.conn.execute(
                tx.upsert(process)
                .values(**row)
                .on_conflict_do_update(index_elements=["id"], set_=now)
            )

    async def leave(self, id_: str) -> None:
        """Takes a process that ends off the list.

        Raises:
            Temporary: the database is out of reach.
        """
        async with self._db.write() as tx:
            await tx.conn.execute(delete(process).where(process.c.id == id_))

    async def all(self) -> list[Process]:
        """Everybody on the list, by role, those that live first.

        A beat of the future was written before the clock was set back: it counts as none.

        Raises:
            Temporary: the database is out of reach.
        """
        p = process.c
        async with self._db.read() as conn:
            rows = (await conn.execute(select(process).order_by(p.role, p.seen_at.desc()))).all()
        now = await self._db.now()
        return [
            Process(
                row.role, row.host, row.pid, row.version,
                age=max(0.0, now - row.started_at), silent=abs(now - row.seen_at),
                trouble=row.trouble, key_mark=row.key_mark,
            )
            for row in rows
        ]  # fmt: skip

    async def living(self) -> list[str]:
        """Who lives, in words; also where an older program made the table.

        Raises:
            Temporary: the database is out of reach, or has no such table yet.
        """
        p = process.c
        query = select(p.role, p.host, p.pid, p.version).order_by(p.role, p.host, p.pid)
        now = await self._db.now()
        rows = await self._db.rows(query.where(p.seen_at >= now - SILENT_SECONDS))
        return ["{role} {host} pid {pid} ({version})".format(**row) for row in rows]

    async def forget(self) -> None:
        """Takes those off the list that went without a word long ago."""
        async with self._db.write() as tx:
            gone = process.c.seen_at < tx.now - FORGET_SECONDS
            await tx.conn.execute(delete(process).where(gone))
