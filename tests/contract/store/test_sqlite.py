"""The driver under SQLAlchemy: few trips to its thread, and nothing lost on the way."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import JSON, Boolean, Column, Double, Integer, LargeBinary, MetaData, Table, text

from models.errors import Temporary
from models.store.database import Database
from models.store.sqlite import Connection

T = Table("t", MetaData(), Column("a", Integer, primary_key=True))
ODD = Table(
    "odd",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("json", JSON),
    Column("flag", Boolean),
    Column("at", Double),
    Column("raw", LargeBinary),
)


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


async def test_an_insertion_is_one_trip_and_a_transaction_of_its_own(
    db: Database, trips: list[str]
) -> None:
    assert await db.insert_new(T, [{"a": 1}, {"a": 2}]) == 2
    assert len(trips) == 1
    assert await db.insert_new(T, [{"a": 2}, {"a": 3}]) == 1
    with pytest.raises(sqlite3.ProgrammingError):
        await db.insert_new(T, [{"a": 4}, {"a": object()}])
    async with db.write() as tx:
        assert list((await tx.conn.execute(text("SELECT a FROM t"))).scalars()) == [1, 2, 3]


async def test_an_insertion_waits_no_longer_than_others_for_a_lock(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.store.database.BUSY_SECONDS", 0.1)
    impatient = Database(f"sqlite+aiosqlite:///{tmp_path / 'x.db'}")
    try:
        async with db.write():
            with pytest.raises(Temporary):
                await impatient.insert_new(T, [{"a": 1}])
        assert await impatient.insert_new(T, [{"a": 1}]) == 1
    finally:
        await impatient.close()


async def test_values_are_written_as_their_columns_write_them(tmp_path: Path) -> None:
    made = Database(f"sqlite+aiosqlite:///{tmp_path / 'y.db'}")
    row = {"json": {"名": [1, None]}, "flag": True, "at": 1.5, "raw": b"\0\xff"}
    try:
        async with made.write() as tx:
            await tx.conn.run_sync(ODD.create)
            await tx.conn.execute(ODD.insert(), [row | {"id": 1}])
        assert await made.insert_new(ODD, [row | {"id": 2}]) == 1
        async with made.read() as conn:
            one, two = (await conn.execute(ODD.select().order_by(ODD.c.id))).all()
        assert one[1:] == two[1:] == (row["json"], True, 1.5, b"\0\xff")
    finally:
        await made.close()
