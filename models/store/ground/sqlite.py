"""SQLite: aiosqlite with one trip to its thread a statement, or one for a whole transaction.

Its own cursor makes four (open, execute, fetch, close), and a trip costs more than most of the
statements here: where other threads compute, its way back may take milliseconds.
"""

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import chain
from typing import Any, Self, TypeVar

import aiosqlite
from sqlalchemy import Column, Table
from sqlalchemy import event as hooks
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from models.storable import dump

T = TypeVar("T")

_DIALECT = SQLiteDialect_aiosqlite(json_serializer=dump)
_QUOTED = _DIALECT.identifier_preparer.quote

BEGIN_WRITING = "BEGIN IMMEDIATE"
_WRITE_AHEAD = "PRAGMA journal_mode=WAL"
_LOCKING = {BEGIN_WRITING, _WRITE_AHEAD}
"""Waited for here: while a new file has its first writer, SQLite refuses the pragma at once."""

_LOOK_SECONDS, _LATER_SECONDS = 0.001, 0.004
"""Between the first looks whether another process's transaction is over, and between later ones:
who is still in the way then has much to write, and a look costs as much as a small row."""


class _Cursor:
    """What SQLAlchemy asks of a cursor. All rows come with the statement: nothing is streamed."""

    arraysize = 1

    def __init__(
        self, trip: Callable[..., Any], driver: sqlite3.Connection, patience: float
    ) -> None:
        self._trip = trip
        self._driver = driver
        self._patience = patience
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Self:
        if statement in _LOCKING:
            await self._trip(_lock, self._driver, statement, self._patience)
        else:
            await self._trip(self._run, self._driver.execute, statement, parameters)
        return self

    async def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> Self:
        await self._trip(self._run, self._driver.executemany, statement, rows)
        return self

    def _run(self, method: Callable[..., sqlite3.Cursor], statement: str, values: Any) -> None:
        """In the connection's thread, where the driver's cursor lives and dies."""
        cursor = method(statement, values)
        self.description = cursor.description
        self._rows = cursor.fetchall() if cursor.description else []
        self.rowcount = cursor.rowcount
        self.lastrowid = cursor.lastrowid

    async def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        self._rows = []


class Connection(aiosqlite.Connection):
    """A connection whose cursors are those above."""

    patience = 0.0
    """Seconds that a transaction waits for those of other processes."""

    def cursor(self) -> _Cursor:  # type: ignore[override]
        return _Cursor(self._execute, self._conn, self.patience)

    async def _execute(self, fn: Any, *args: Any, **options: Any) -> Any:
        if threading.current_thread() is self._thread:  # within ``run``
            return fn(*args, **options)
        if not self._running or self._connection is None:
            raise ValueError("Connection closed")
        return await _seen_through(self._trip(partial(fn, *args, **options)))

    async def _connect(self) -> Self:
        opening = self._trip(self._connector)
        try:
            self._connection = await _seen_through(opening)
        except BaseException:
            # Whoever is cancelled has opened it all the same, and nobody else knows it.
            if opening.exception() is None:
                self._connection = opening.result()
            if stopped := self.stop():
                await _seen_through(stopped)
            raise
        return self

    def _trip(self, function: Callable[[], Any]) -> asyncio.Future[Any]:
        """Sends the thread on its way. No task does so: what ends a loop cancels all tasks."""
        arrived: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._tx.put_nowait((arrived, function))
        return arrived

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Runs ``work``, which awaits nothing but this connection, in one trip to its thread."""
        result: T = await self._execute(_driven, work)
        return result

    async def rollback(self) -> None:
        # The pool asks for one after every commit, too.
        if self.in_transaction:
            await super().rollback()

    async def insert(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> int:
        """A transaction of its own, in one trip; returns how many rows it inserted."""
        trip: Any = self._execute
        how = self._insert_alone if len(statements) == 1 else self._insert
        inserted: int = await trip(how, statements)
        return inserted

    def _insert_alone(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> int:
        """A single statement is a transaction by itself, and takes the write lock first, too.

        Around each call the driver gives the interpreter away, and the event loop that is busy
        with the next messages lets this thread wait to get it back: once instead of thrice.
        """
        ((text, values),) = statements
        insert = partial(self._conn.execute, text, values)
        inserted: int = _once_unlocked(insert, self.patience).rowcount
        return inserted

    def _insert(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> int:
        driver = self._conn
        _lock(driver, BEGIN_WRITING, self.patience)
        try:
            inserted = sum(driver.execute(text, values).rowcount for text, values in statements)
            driver.execute("COMMIT")
        except BaseException:
            if driver.in_transaction:
                driver.execute("ROLLBACK")
            raise
        return inserted


async def _seen_through(trip: asyncio.Future[Any]) -> Any:
    """Whoever is cancelled meanwhile learns of it when the trip has ended.

    The thread would speak to a loop that is closed by then, and a connection that was let go of
    in the middle is of no more use.
    """
    try:
        return await asyncio.shield(trip)
    except asyncio.CancelledError:
        while not trip.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({trip})
        raise


def _lock(driver: sqlite3.Connection, statement: str, patience: float) -> None:
    _once_unlocked(partial(driver.execute, statement), patience)


def _once_unlocked(begin: Callable[[], sqlite3.Cursor], patience: float) -> sqlite3.Cursor:
    """Takes the write lock as soon as it is free.

    SQLite's own waiting sleeps ever longer, up to 0.1 s: who writes much keeps the others out.
    """
    end, pause = time.monotonic() + patience, _LOOK_SECONDS
    while True:
        try:
            return begin()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= end:
                raise
            time.sleep(pause)
            pause = min(2 * pause, _LATER_SECONDS)


def _driven(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What ``work`` returns, without an event loop: everything it awaits is there at once."""
    coroutine = work()
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    coroutine.throw(RuntimeError("a transaction may await nothing but its database"))
    raise AssertionError("unreachable")


_SIZES = (128, 32, 8, 2, 1)
"""Rows a statement: few enough sizes that the driver keeps all statements compiled."""

_MOST = 32
"""Rows that make one statement for themselves, whatever their number."""

_STATEMENTS = 512
"""Compiled statements that a connection keeps; the driver's own 128 are too few for all sizes."""


class Prepared:
    """A statement for many rows, compiled once: SQLAlchemy's own way costs more than it does."""

    def __init__(self, text: str, columns: Sequence[Column[Any]]) -> None:
        """``text`` has “{rows}” for the rows; ``columns`` are what their values are written to."""
        self._head, self._tail = text.split("{rows}")
        self._group = f"({', '.join('?' * len(columns))})"
        self._writers = [
            (column.key, column.type.dialect_impl(_DIALECT).bind_processor(_DIALECT))
            for column in columns
        ]

    def values(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """What the driver gets: each value as its column's type writes it."""
        return tuple(
            [row[name] if write is None else write(row[name]) for name, write in self._writers]
        )

    def together(self, rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """The rows in few statements, each with its values.

        The driver gives the interpreter away around each statement and each row of its
        ``executemany``, and where others compute it gets it back only when they let go: row by
        row, a batch holds the write lock for as long as they please.
        """
        start = 0
        for size in _SIZES:
            while len(rows) - start >= size:
                values = [self.values(row) for row in rows[start : start + size]]
                start += size
                yield self._of(size), tuple(chain.from_iterable(values))

    def at_once(self, rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, tuple[Any, ...]]]:
        """The rows in one statement where they are few, otherwise as ``together``.

        For the one table whose rows come in groups of all sizes: a statement a size is kept.
        """
        if len(rows) > _MOST:
            return [*self.together(rows)]
        values = tuple(chain.from_iterable([self.values(row) for row in rows]))
        return [(self._of(len(rows)), values)]

    def _of(self, size: int) -> str:
        groups = ", ".join([self._group] * size)
        return f"{self._head}VALUES {groups}{self._tail}"


@lru_cache(maxsize=256)
def insertion(table: Table, names: tuple[str, ...], *, new_only: bool) -> Prepared:
    """INSERT of these columns; ``new_only`` leaves out rows whose keys are there."""
    unless = " ON CONFLICT DO NOTHING" if new_only else ""
    columns = ", ".join(map(_QUOTED, names))
    text = f"INSERT INTO {_QUOTED(table.name)} ({columns}) {{rows}}{unless}"
    return Prepared(text, [table.c[name] for name in names])


@lru_cache(maxsize=256)
def change(table: Table, names: tuple[str, ...]) -> Prepared:
    """UPDATE of these columns, each row's by its ``id``; no two have the same."""
    changed, brought = _QUOTED(table.name), ", ".join(map(_QUOTED, ("id", *names)))
    values = ", ".join(f"{_QUOTED(name)} = brought.{_QUOTED(name)}" for name in names)
    text = (
        f"WITH brought ({brought}) AS ({{rows}}) "  # noqa: S608  names of our own tables
        f"UPDATE {changed} SET {values} FROM brought WHERE {changed}.id = brought.id"
    )
    return Prepared(text, [table.c[name] for name in ("id", *names)])


def _connect(database: str, **options: Any) -> Connection:
    """A connection for SQLAlchemy's ``async_creator_fn``; ``options`` are sqlite3's."""
    options.setdefault("cached_statements", _STATEMENTS)
    made = Connection(partial(sqlite3.connect, database, **options), iter_chunk_size=64)
    # As SQLAlchemy does for those it makes itself: an exit must not wait for the thread.
    made._thread.daemon = True
    made.patience = options["timeout"]
    return made


def open_engine(url: str, patience: float, *, writing: bool, **options: Any) -> AsyncEngine:
    """An engine whose transactions hold the write lock from their beginning, or cannot write.

    ``patience`` is how many seconds they wait for those of others; ``options`` are those of
    ``create_async_engine``.
    """
    engine = create_async_engine(
        url,
        pool_size=1 if writing else 4,
        max_overflow=0,
        pool_timeout=patience,
        connect_args={"timeout": patience, "async_creator_fn": _connect},
        **options,
    )

    @hooks.listens_for(engine.sync_engine, "connect")
    def _settle(connection: Any, record: Any) -> None:
        record.info["driver"] = connection.driver_connection
        # The driver's own transaction handling would begin DEFERRED behind our back.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(_WRITE_AHEAD)
        for pragma in (
            "synchronous=FULL",
            # Pages of 4 KB. Copying them from the log to their places costs syncs that whoever
            # commits just then waits for: by default once in 700 mails.
            "wal_autocheckpoint=8000",
            "foreign_keys=ON",
            f"query_only={'OFF' if writing else 'ON'}",
            "cache_size=-32000",
            # Last: it waits by itself where it begins.
            f"busy_timeout={0 if writing else round(patience * 1000)}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @hooks.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(BEGIN_WRITING if writing else "BEGIN")

    return engine


def driver_of(conn: AsyncConnection) -> Connection:
    """Beneath SQLAlchemy, whose own way to it is a switch of greenlets for every transaction."""
    assert conn.sync_connection is not None
    driver = conn.sync_connection.info["driver"]
    assert isinstance(driver, Connection)
    return driver
