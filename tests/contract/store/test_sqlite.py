"""The driver under SQLAlchemy: one trip to its thread a statement, and none too many."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import text

from models.errors import Temporary
from models.store.database import Database
from models.store.sqlite import Connection


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(f"sqlite+aiosqlite:///{tmp_path / 'x.db'}")
    async with made.write() as tx:
        await tx.conn.execute(text("CREATE TABLE t (a INTEGER PRIMARY KEY)"))
    yield made
    await made.close()


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []
    execute = aiosqlite.Connection._execute

    async def counted(self: Connection, what: Any, *args: Any, **options: Any) -> Any:
        made.append(str(args[1]) if len(args) > 1 else what.__name__)
        return await execute(self, what, *args, **options)

    monkeypatch.setattr(aiosqlite.Connection, "_execute", counted)
    return made


async def test_a_write_makes_a_trip_for_each_statement(db: Database, trips: list[str]) -> None:
    for number in range(2):
        async with db.write() as tx:
            insert = text("INSERT INTO t VALUES (:a) RETURNING a")
            assert (await tx.conn.execute(insert, {"a": number})).scalar_one() == number
        assert trips == ["BEGIN IMMEDIATE", "INSERT INTO t VALUES (?) RETURNING a", "commit"]
        trips.clear()


async def test_rows_inserted_together_are_counted(db: Database) -> None:
    async with db.write() as tx:
        insert = text("INSERT INTO t VALUES (:a) ON CONFLICT DO NOTHING")
        assert (await tx.conn.execute(insert, [{"a": 1}, {"a": 2}])).rowcount == 2
        assert (await tx.conn.execute(insert, [{"a": 2}, {"a": 3}])).rowcount == 1
    async with db.read() as conn:
        assert list((await conn.execute(text("SELECT a FROM t"))).scalars()) == [1, 2, 3]


async def test_what_fails_is_rolled_back_and_the_next_write_works(db: Database) -> None:
    async def fail() -> None:
        async with db.write() as tx:
            await tx.conn.execute(text("INSERT INTO t VALUES (1)"))
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    async with db.write() as tx:
        assert (await tx.conn.execute(text("SELECT count(*) FROM t"))).scalar_one() == 0


async def test_a_cancelled_writer_leaves_the_connection_free(db: Database) -> None:
    begun = asyncio.Event()

    async def forever() -> None:
        async with db.write() as tx:
            await tx.conn.execute(text("INSERT INTO t VALUES (1)"))
            begun.set()
            await asyncio.Event().wait()

    writer = asyncio.create_task(forever())
    await begun.wait()
    writer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writer
    async with db.write() as tx:
        assert (await tx.conn.execute(text("SELECT count(*) FROM t"))).scalar_one() == 0


async def test_a_lock_held_elsewhere_is_temporary_and_passes(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.store.database.BUSY_SECONDS", 0.1)
    impatient = Database(f"sqlite+aiosqlite:///{tmp_path / 'x.db'}")
    try:
        async with db.write():
            with pytest.raises(Temporary):
                async with impatient.write():
                    pass
        async with impatient.write() as tx:
            await tx.conn.execute(text("INSERT INTO t VALUES (1)"))
    finally:
        await impatient.close()
