"""aiosqlite with one trip to its thread a statement.

Its own cursor makes four (open, execute, fetch, close), and a trip costs more than most of the
statements here: a commit of the intake took 13 trips, and takes 3.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Self

import aiosqlite


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


def connect(database: str, **options: Any) -> Connection:
    """A connection for SQLAlchemy's ``async_creator_fn``; ``options`` are sqlite3's."""
    made = Connection(partial(sqlite3.connect, database, **options), iter_chunk_size=64)
    # As SQLAlchemy does for those it makes itself: an exit must not wait for the thread.
    made._thread.daemon = True
    return made
