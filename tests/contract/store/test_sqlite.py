"""The driver under SQLAlchemy: few trips to its thread, and nothing lost on the way."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, Column, Double, Integer, LargeBinary, MetaData, Table, text
from sqlalchemy import event as hooks
from sqlalchemy.ext.asyncio import AsyncConnection

from models.errors import Temporary
from models.message import Lane
from models.migrations import ready
from models.routing import Position
from models.store import Store
from models.store.ground.database import Database, Event, Tx
from models.store.ground.sqlite import Connection, open_engine
from models.tables import metadata
from tests.databases import migrated_sqlite

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
    trip = Connection._trip

    def counted(self: Connection, function: Any) -> asyncio.Future[Any]:
        if function is not self._connector:
            what, args = function.func, function.args
            statement = args[1] if len(args) > 1 and isinstance(args[1], str) else what.__name__
            made.append(statement.strip("_"))
        return trip(self, function)

    monkeypatch.setattr(Connection, "_trip", counted)
    return made


async def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite+aiosqlite:///{tmp_path / 'x.db'}", 1.0, writing=True)
    async with engine.connect() as connection:
        asked = await connection.exec_driver_sql("PRAGMA synchronous")
        assert asked.scalar() == 2, "FULL"
    await engine.dispose()


@pytest.mark.parametrize("count", [1, 2, 9, 75, 300])
async def test_rows_inserted_together_are_what_single_ones_would_be(
    tmp_path: Path, trips: list[str], count: int
) -> None:
    rows = [
        {"id": n, "json": {"n": [n, "“”"]}, "flag": n % 2 == 0, "at": n / 3, "raw": b"\0" * n}
        for n in range(count)
    ]
    found = []
    for name in ("together", "singly"):
        db = Database(f"sqlite+aiosqlite:///{tmp_path / name}.db")
        async with db.write() as tx:
            await tx.conn.run_sync(ODD.metadata.create_all)
            await tx.insert(ODD, rows[-1:])
        trips.clear()
        async with db.write() as tx:
            for part in [rows] if name == "together" else [[row] for row in rows]:
                await tx.insert(ODD, part, new_only=True)
        made = sum("INSERT INTO odd" in trip for trip in trips)
        assert made <= count // 32 + 10 if name == "together" else made == count
        async with db.read() as conn:
            found.append((await conn.execute(ODD.select().order_by(ODD.c.id))).all())
        again = [*rows, {**rows[0], "id": count}, {**rows[0], "id": count}]
        assert await db.insert_new(ODD, again) == 1
        await db.close()
    assert found[0] == found[1]
    assert len(found[0]) == count


async def test_rows_changed_together_change_by_their_ids_and_nothing_else(
    tmp_path: Path, trips: list[str]
) -> None:
    """One statement a row gives the interpreter away a row, with the write lock held."""
    db = Database(f"sqlite+aiosqlite:///{tmp_path / 'z.db'}")
    kept = {"json": {"名": [1, None]}, "flag": True, "at": 1.5, "raw": b"\0\xff"}
    changes = [
        {"id": n, "json": [n, "“”"], "flag": n % 2 == 0, "at": None if n % 3 else n / 3}
        for n in range(199, -1, -1)
    ]
    try:
        async with db.write() as tx:
            await tx.conn.run_sync(ODD.create)
            await tx.insert(ODD, [{"id": n} | kept for n in range(202)])
        trips.clear()
        async with db.write() as tx:
            await tx.update_each(ODD, ("json", "flag", "at"), changes)
        assert sum("UPDATE odd" in trip for trip in trips) < 8
        async with db.read() as conn:
            rows = (await conn.execute(ODD.select().order_by(ODD.c.id))).mappings().all()
    finally:
        await db.close()
    assert [{**row} for row in rows[:200]] == [kept | change for change in reversed(changes)]
    assert [{**row} for row in rows[200:]] == [kept | {"id": n} for n in (200, 201)]


async def test_a_write_makes_a_trip_for_each_statement(db: Database, trips: list[str]) -> None:
    for number in range(2):
        async with db.write() as tx:
            insert = text("INSERT INTO t VALUES (:a) RETURNING a")
            assert (await tx.conn.execute(insert, {"a": number})).scalar_one() == number
        assert trips == ["BEGIN IMMEDIATE", "INSERT INTO t VALUES (?) RETURNING a", "commit"]
        trips.clear()


async def test_a_transaction_is_one_trip(db: Database, trips: list[str]) -> None:
    told: list[str] = []

    async def insert(tx: Tx) -> int:
        tx.emit("told")
        statement = text("INSERT INTO t VALUES (:a) RETURNING a")
        return int((await tx.conn.execute(statement, {"a": 7})).scalar_one())

    async def hear(events: Sequence[Event]) -> None:
        told.extend(event.kind for event in events)

    async with db.write() as tx:
        await tx.conn.run_sync(metadata.create_all)
    db.on_commit = hear
    trips.clear()
    assert await db.transact(insert) == 7
    assert len(trips) == 1
    assert told == ["told"]


async def test_a_look_is_one_trip(db: Database, trips: list[str]) -> None:
    async def count(conn: AsyncConnection) -> int:
        return int((await conn.execute(text("SELECT count(*) FROM t"))).scalar_one())

    await db.look(count)
    trips.clear()
    assert await db.look(count) == 0
    assert len(trips) == 1


async def test_a_transaction_that_fails_is_rolled_back(db: Database) -> None:
    async def fail(tx: Tx) -> None:
        await tx.conn.execute(text("INSERT INTO t VALUES (1)"))
        raise LookupError

    async def wait_for_something_else(tx: Tx) -> None:
        await tx.conn.execute(text("INSERT INTO t VALUES (1)"))
        await asyncio.sleep(0)

    with pytest.raises(LookupError):
        await db.transact(fail)
    with pytest.raises(RuntimeError, match="nothing but its database"):
        await db.transact(wait_for_something_else)
    async with db.write() as tx:
        assert (await tx.conn.execute(text("SELECT count(*) FROM t"))).scalar_one() == 0


async def test_who_is_cancelled_in_a_transaction_waits_for_its_end(db: Database) -> None:
    begun, may_end = threading.Event(), threading.Event()

    async def slow(tx: Tx) -> None:
        await tx.conn.execute(text("INSERT INTO t VALUES (1)"))
        begun.set()
        assert may_end.wait(5)

    writer = asyncio.create_task(db.transact(slow))
    await asyncio.to_thread(begun.wait)
    for _ in range(3):
        writer.cancel()
        await asyncio.sleep(0)
    assert not writer.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await writer
    async with db.write() as tx:
        assert (await tx.conn.execute(text("SELECT count(*) FROM t"))).scalar_one() == 1


async def test_who_is_cancelled_in_a_read_waits_for_its_end(db: Database) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def slow() -> int:
        begun.set()
        return int(may_end.wait(5))

    async def read() -> None:
        async with db.read() as conn:
            raw = await conn.get_raw_connection()
            driver: Any = raw.driver_connection
            await driver.create_function("slow", 0, slow)
            await conn.execute(text("SELECT slow()"))

    reader = asyncio.create_task(read())
    await asyncio.to_thread(begun.wait)
    try:
        for _ in range(3):
            reader.cancel()
            await asyncio.sleep(0)
        assert not reader.done()
    finally:
        may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await reader


def test_the_end_of_a_loop_waits_for_a_connection_that_is_being_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ends a loop cancels all tasks; the thread would tell a loop that is closed."""
    begun, connect = threading.Event(), sqlite3.connect
    opened: list[sqlite3.Connection] = []
    faults: list[object] = []
    monkeypatch.setattr(threading, "excepthook", faults.append)

    def slow(*args: Any, **options: Any) -> Any:
        begun.set()
        time.sleep(0.05)  # the loop ends meanwhile
        opened.append(connect(*args, **options))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", slow)

    async def leave() -> None:
        db = Database(f"sqlite+aiosqlite:///{tmp_path / 'x.db'}")
        left.append(asyncio.create_task(db.read().__aenter__()))
        await asyncio.to_thread(begun.wait)

    left: list[asyncio.Task[Any]] = []
    before = {*threading.enumerate()}
    asyncio.run(leave())
    assert left[0].cancelled()
    for thread in {*threading.enumerate()} - before:
        thread.join(5)
    assert faults == []
    with pytest.raises(sqlite3.ProgrammingError):
        opened[0].execute("SELECT 1")  # closed


async def test_a_writer_goes_on_as_soon_as_another_process_has_ended(
    db: Database, tmp_path: Path
) -> None:
    """SQLite's own waiting would sleep for 25, 50 and 100 ms between its looks by then."""
    other = Database(f"sqlite+aiosqlite:///{tmp_path / 'x.db'}")
    waits = []
    try:
        for number in range(5):
            async with db.write():
                waiting = asyncio.create_task(other.insert_new(T, [{"a": number}]))
                await asyncio.sleep(0.25)
            ended = time.perf_counter()
            await waiting
            waits.append(time.perf_counter() - ended)
    finally:
        await other.close()
    assert min(waits) < 0.02


async def test_a_new_file_waits_for_whoever_writes_the_first_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As two that migrate at once: SQLite refuses to change the journal without any waiting."""
    holder = sqlite3.connect(tmp_path / "new.db", isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    holder.execute("CREATE TABLE t (a INTEGER)")
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            holder.execute("COMMIT")

    monkeypatch.setattr("models.store.ground.sqlite.time.sleep", pause)
    db = Database(f"sqlite+aiosqlite:///{tmp_path / 'new.db'}")
    try:
        assert await db.insert_new(T, [{"a": 1}]) == 1
    finally:
        await db.close()
        holder.close()
    assert len(pauses) >= 3


async def test_who_waits_long_looks_less_often_but_never_seldom(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look costs CPU that who is in the way could use; SQLite's own pauses grow to 100 ms."""
    holder = sqlite3.connect(tmp_path / "x.db", isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 6:
            holder.execute("COMMIT")

    monkeypatch.setattr("models.store.ground.sqlite.time.sleep", pause)
    assert await db.insert_new(T, [{"a": 1}]) == 1
    assert pauses == [0.001, 0.002, 0.004, 0.004, 0.004, 0.004]
    holder.close()


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
    monkeypatch.setattr("models.store.ground.database.BUSY_SECONDS", 0.1)
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


@pytest.mark.parametrize("count", [1, 2, 31, 32, 33, 70])
async def test_a_group_of_any_size_is_all_there_or_not_at_all(
    db: Database, tmp_path: Path, count: int
) -> None:
    """One statement up to 32 rows, a transaction of several above: a power cut knows neither."""
    rows = [{"a": n} for n in range(count)]
    looking = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    looking.execute(
        f"CREATE TRIGGER refuse BEFORE INSERT ON t WHEN new.a = {count - 1}"
        " BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    with pytest.raises(sqlite3.IntegrityError):
        await db.insert_new(T, rows)
    assert looking.execute("SELECT count(*) FROM t").fetchone() == (0,)
    looking.execute("DROP TRIGGER refuse")
    assert await db.insert_new(T, rows) == count
    assert looking.execute("SELECT count(*) FROM t").fetchone() == (count,)
    looking.close()


async def test_an_insertion_waits_no_longer_than_others_for_a_lock(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.store.ground.database.BUSY_SECONDS", 0.1)
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


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_what_is_due_is_found_by_its_index(store: Store) -> None:
    """Tickets and envelopes are kept for years: nothing that runs all the time reads them all."""
    asked: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, values))

    for engine in (store.db._reader, store.db._writer):
        hooks.listen(engine.sync_engine, "before_cursor_execute", note)
    await store.queue.unlabelled(10)
    await store.maintenance.step(lambda *_: Position(0, False, 0.0, None))
    await store.envelopes.lease(Lane.MAIL, 10, 1.0)
    await store.envelopes.backlog()
    await store.outbound.lease(10, 1.0)
    plans = []
    async with store.db.read() as conn:
        for statement, values in asked:
            told = await conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            plans.append(" ".join(row.detail for row in told))
    indexes = (
        "ix_ticket_label_due", "ix_message_ticket_id", "ix_ticket_step", "ix_envelope_todo",
        "ix_envelope_todo", "ix_envelope_todo", "ix_outbound_todo",
    )  # fmt: skip
    assert len(plans) == len(indexes)
    for plan, index in zip(plans, indexes, strict=True):
        assert index in plan


async def test_a_database_file_that_cannot_be_written_says_where_to_look(
    tmp_path: Path,
) -> None:
    """Not “check the address”: the disk, its mode and the owner are what may be wrong."""
    db = Database(migrated_sqlite(tmp_path))

    async def write() -> None:
        async with db.write() as tx:
            await tx.conn.exec_driver_sql("PRAGMA query_only = ON")
            await tx.conn.exec_driver_sql("DELETE FROM process")

    with pytest.raises(Temporary, match=r"readonly.*数据目录的磁盘.* / .*the data folder"):
        await write()
    await db.close()


async def test_a_database_file_that_cannot_be_written_is_not_ready(tmp_path: Path) -> None:
    db = Database(migrated_sqlite(tmp_path))
    await ready(db)
    async with db.write() as tx:  # of the one connection that writes, as of a read-only disk
        await tx.conn.exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(Temporary, match="readonly"):
        await ready(db)
    await db.close()


@pytest.mark.parametrize("spoilt", [b"no database", b"SQLite format 3\0" + b"\xff" * 8176])
async def test_a_database_file_that_is_damaged_says_so(tmp_path: Path, spoilt: bytes) -> None:
    file = tmp_path / "x.db"
    file.write_bytes(spoilt)
    db = Database(f"sqlite+aiosqlite:///{file}")
    with pytest.raises(Temporary, match=r"坏了.*从备份恢复 / .* is damaged .*the backup"):
        async with db.write():
            pass
    with pytest.raises(Temporary, match="is damaged"):
        async with db.read() as conn:
            await conn.execute(text("SELECT * FROM sqlite_master"))
    await db.close()
