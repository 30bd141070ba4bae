"""aiosqlite with one trip to its thread a statement, and one for a whole insertion.

Its own cursor makes four (open, execute, fetch, close), and a trip costs more than most of the
statements here.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Self

import aiosqlite
from sqlalchemy import Table
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import Dialect


class _Cursor:
    """What SQLAlchemy asks of a cursor. All rows come with the statement: nothing is streamed."""

    arraysize = 1

    def __init__(self, trip: Callable[..., Any], driver: sqlite3.Connection) -> None:
        self._trip = trip
        self._driver = driver
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Self:
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

    def cursor(self) -> _Cursor:  # type: ignore[override]
        return _Cursor(self._execute, self._conn)

    async def rollback(self) -> None:
        # The pool asks for one after every commit, too.
        if self.in_transaction:
            await super().rollback()

    async def insert(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """A transaction of its own, in one trip; returns how many rows it inserted."""
        trip: Any = self._execute
        inserted: int = await trip(self._insert, statement, rows)
        return inserted

    def _insert(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        driver = self._conn
        driver.execute("BEGIN IMMEDIATE")
        try:
            inserted = driver.executemany(statement, rows).rowcount
            driver.execute("COMMIT")
        except BaseException:
            if driver.in_transaction:
                driver.execute("ROLLBACK")
            raise
        return inserted


class InsertNew:
    """INSERT of rows whose keys are not there yet, compiled once.

    SQLAlchemy's own way to the driver costs several times the insertion.
    """

    def __init__(self, table: Table, names: Iterable[str], dialect: Dialect) -> None:
        columns = [table.c[name] for name in names]
        keys = [column.name for column in columns]
        compiled = (
            insert(table).on_conflict_do_nothing().compile(dialect=dialect, column_keys=keys)
        )
        self.statement = str(compiled)
        self._columns = [
            (column.name, column.type.dialect_impl(dialect).bind_processor(dialect))
            for column in table.c
            if column.name in keys
        ]

    def values(self, row: Mapping[str, Any]) -> list[Any]:
        """What the driver gets: each value as its column's type writes it."""
        return [row[name] if write is None else write(row[name]) for name, write in self._columns]


def connect(database: str, **options: Any) -> Connection:
    """A connection for SQLAlchemy's ``async_creator_fn``; ``options`` are sqlite3's."""
    made = Connection(partial(sqlite3.connect, database, **options), iter_chunk_size=64)
    # As SQLAlchemy does for those it makes itself: an exit must not wait for the thread.
    made._thread.daemon = True
    return made
