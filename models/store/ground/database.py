"""Transactions over SQLite and PostgreSQL, with numbered events as their last statement."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    nullcontext,
)
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    CursorResult,
    Double,
    Executable,
    String,
    bindparam,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql.schema import Table

from models.errors import NotFound
from models.ids import uuid7
from models.ports import Clock
from models.storable import dump
from models.store.ground.failures import (
    give_up_silent_peers,
    leave_read_only,
    translated,
)
from models.store.ground.sqlite import change, driver_of, insertion, open_engine
from models.tables import audit, counter, event

T = TypeVar("T")

BUSY_SECONDS = 20.0
"""How long a writer waits for another process's SQLite transaction; those last ~10 ms."""

CONNECT_SECONDS = 20.0
"""How long a server may take to let us in: who waits for it is told to come again."""

ANSWER_SECONDS = 300.0
"""How long a server may take for one statement. The slowest of ours, over years of figures, take
seconds; a proxy that takes packets and has lost its server would be waited for for ever."""

_ASK_SECONDS = 10.0
"""Between two looks at the clock of a server: clocks drift by less than a millisecond in it."""

_MANNERS: Mapping[str, Any] = {"json_serializer": dump, "hide_parameters": True}
"""Of every engine. Errors name no values: those are what customers wrote."""

_NUMBERED = text("""
    WITH numbered AS (
        INSERT INTO counter (name, value) VALUES ('event', :count)
        ON CONFLICT (name) DO UPDATE SET value = counter.value + excluded.value
        RETURNING value
    )
    INSERT INTO event (seq, at, kind, ticket_id, conversation_id, agent_id, data)
    SELECT value - :count + place, :at, kind, ticket_id, conversation_id, agent_id, data::json
    FROM numbered, unnest(:kind, :ticket_id, :conversation_id, :agent_id, :data)
        WITH ORDINALITY AS told(kind, ticket_id, conversation_id, agent_id, data, place)
    RETURNING seq
""").bindparams(
    bindparam("count", type_=BigInteger),
    bindparam("at", type_=Double),
    *(
        bindparam(name, type_=postgresql.ARRAY(String))
        for name in ("kind", "ticket_id", "conversation_id", "agent_id", "data")
    ),
)

Fields = Mapping[Any, Any]
"""A row by column name: a plain dict, or what SQLAlchemy returns."""


@dataclass(frozen=True, slots=True)
class Event:
    """One numbered fact. ``seq`` grows in the order in which transactions commit."""

    seq: int
    at: float
    kind: str
    ticket_id: str | None
    conversation_id: str | None
    agent_id: str | None
    data: Mapping[str, Any]


@dataclass(slots=True)
class Tx:
    """An open write transaction. ``now`` is database time, in seconds since the epoch."""

    conn: AsyncConnection
    now: float
    dialect: str
    _events: list[dict[str, Any]] = field(default_factory=list)

    def emit(
        self,
        kind: str,
        /,
        *,
        ticket: str | None = None,
        conversation: str | None = None,
        agent: str | None = None,
        **data: object,
    ) -> None:
        """Records an event; it gets its number when the transaction commits."""
        self._events.append(
            {
                "at": self.now,
                "kind": kind,
                "ticket_id": ticket,
                "conversation_id": conversation,
                "agent_id": agent,
                "data": data,
            }
        )

    def new_id(self) -> str:
        return uuid7(self.now)

    def upsert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT of the dialect at hand, for its ``on_conflict_do_…`` methods."""
        return sqlite.insert(table) if self.dialect == "sqlite" else postgresql.insert(table)

    async def insert(
        self, table: Table, rows: Sequence[Mapping[str, Any]], *, new_only: bool = False
    ) -> None:
        """Inserts rows; ``new_only`` leaves out those whose keys are there."""
        for names, alike in _by_names(rows).items():
            if self.dialect == "sqlite":
                for text, values in insertion(table, names, new_only=new_only).together(alike):
                    await self.conn.exec_driver_sql(text, values)
            elif new_only:
                await self.conn.execute(self.upsert(table).on_conflict_do_nothing(), alike)
            else:
                await self.conn.execute(insert(table), alike)

    async def update_each(
        self, table: Table, names: Sequence[str], rows: Sequence[Mapping[str, Any]]
    ) -> None:
        """Writes the columns ``names`` of each row, found by its ``id``, in one round trip."""
        if not rows:
            return
        if self.dialect == "sqlite":
            for text, values in change(table, tuple(names)).together(rows):
                await self.conn.exec_driver_sql(text, values)
            return
        statement = (
            update(table)
            .where(table.c.id == bindparam("_id"))
            .values({name: bindparam(f"_{name}") for name in names})
        )
        given = [{"_id": row["id"]} | {f"_{n}": row[n] for n in names} for row in rows]
        await self.conn.execute(statement, given)

    async def bump(self, name: str, by: int) -> int:
        """Adds to a counter row, made when absent, and returns the new value.

        The row stays locked until the commit, so later numbers commit later.
        """
        statement = (
            self.upsert(counter)
            .values(name=name, value=by)
            .on_conflict_do_update(index_elements=["name"], set_={"value": counter.c.value + by})
            .returning(counter.c.value)
        )
        return int((await self.conn.execute(statement)).scalar_one())

    async def audit(
        self, agent_id: str | None, action: str, subject: str, **detail: object
    ) -> None:
        """Writes down who did what to whom; None is the system itself."""
        row = {"id": self.new_id(), "at": self.now, "agent_id": agent_id}
        row |= {"action": action, "subject": subject, "detail": detail}
        await self.insert(audit, [row])

    async def number_events(self) -> list[Event]:
        """Gives the recorded events their numbers: the last thing before the commit."""
        if not self._events:
            return []
        if self.dialect == "postgresql":
            first = await self._number_at_once()
            return [Event(first + i, **row) for i, row in enumerate(self._events)]
        last = await self.bump("event", len(self._events))
        first = last - len(self._events) + 1
        rows = [{"seq": first + i, **row} for i, row in enumerate(self._events)]
        await self.insert(event, rows)
        return [Event(**row) for row in rows]

    async def _number_at_once(self) -> int:
        """Numbers and writes the events in one statement; returns the first number.

        All writers of all processes queue for the counter's row, which is locked until the
        commit: a second round trip, with a busy event loop in between, would be their wait.
        """
        columns = {
            name: [row[name] for row in self._events]
            for name in ("kind", "ticket_id", "conversation_id", "agent_id")
        }
        data = [dump(row["data"]) for row in self._events]
        given = columns | {"data": data, "at": self.now, "count": len(data)}
        return min(int(seq) for seq in (await self.conn.execute(_NUMBERED, given)).scalars())


class Database:
    """One process's way to the database.

    On SQLite every write goes through one connection and begins with BEGIN IMMEDIATE:
    a deferred transaction that turns into a writer fails with “locked” under three
    writers, an immediate one waits its turn.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock | None = None,
        on_commit: Callable[[Sequence[Event]], Awaitable[None]] | None = None,
        pool_size: int = 8,
        answer_seconds: float | None = ANSWER_SECONDS,
    ) -> None:
        """``clock`` replaces database time (tests); ``on_commit`` hears of new events.

        A server that takes longer than ``answer_seconds`` for a statement is given up; None
        waits for as long as it takes, as a migration does.
        """
        self.url = make_url(url)
        self.dialect = self.url.get_backend_name()
        self.on_commit = on_commit
        self._kept: AsyncConnection | None = None
        self._asked: tuple[float, float] | None = None
        self._clock = clock if clock or self.dialect != "sqlite" else time.time
        if self.dialect == "sqlite":
            self._turn: AbstractAsyncContextManager[object] = asyncio.Lock()
            self._writer = open_engine(url, BUSY_SECONDS, writing=True, **_MANNERS)
            self._reader = self._steady = open_engine(url, BUSY_SECONDS, writing=False, **_MANNERS)
        else:
            self._turn = nullcontext()
            self._writer = create_async_engine(
                url,
                pool_size=pool_size,
                max_overflow=pool_size,
                pool_timeout=BUSY_SECONDS,
                connect_args={"timeout": CONNECT_SECONDS, "command_timeout": answer_seconds},
                **_MANNERS,
            )
            leave_read_only(self._writer.sync_engine)
            give_up_silent_peers(self._writer.sync_engine)
            # READ COMMITTED takes a snapshot a statement in a transaction, too: without one a
            # read is one round trip instead of three.
            self._reader = self._writer.execution_options(isolation_level="AUTOCOMMIT")
            self._steady = self._writer.execution_options(isolation_level="REPEATABLE READ")

    async def close(self) -> None:
        if self._kept is not None:
            await self._kept.close()
        await self._writer.dispose()
        await self._reader.dispose()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """A transaction that commits when the block ends, and then tells of its events.

        Await nothing but the database inside: the process's other writers wait.

        Raises:
            StorageFull: the disk is full; nothing was written.
            Temporary: the database is locked or out of reach; nothing was written.
        """
        with translated():
            async with self._turn, self._writing() as conn:
                tx = Tx(conn, await self._now(conn), self.dialect)
                yield tx
                events = await tx.number_events()
        if events and self.on_commit:
            await self.on_commit(events)

    async def transact(self, body: Callable[[Tx], Awaitable[T]]) -> T:
        """``body`` in a transaction, as in ``write``; on SQLite in one trip to its thread.

        For what happens with every message. ``body`` really may await nothing but its database:
        it runs without an event loop there. Cancelling waits for its end.

        Raises:
            StorageFull, Temporary: as ``write``.
        """
        if self.dialect != "sqlite":
            async with self.write() as tx:
                return await body(tx)
        with translated():
            async with self._turn, self._one_writer() as conn:
                driver = driver_of(conn)
                result, events = await driver.run(partial(self._whole, conn, body))
        if events and self.on_commit:
            await self.on_commit(events)
        return result

    async def _whole(
        self, conn: AsyncConnection, body: Callable[[Tx], Awaitable[T]]
    ) -> tuple[T, list[Event]]:
        async with conn.begin():
            tx = Tx(conn, await self._now(conn), self.dialect)
            return await body(tx), await tx.number_events()

    async def look(
        self, body: Callable[[AsyncConnection], Awaitable[T]], *, steady: bool = False
    ) -> T:
        """``body`` with a connection as in ``read``; on SQLite in one trip to its thread.

        Raises:
            Temporary: the database is out of reach.
        """

        async def whole() -> T:
            async with conn.begin():
                return await body(conn)

        with translated():
            async with self._reading(steady).connect() as conn:
                if self.dialect != "sqlite":
                    return await whole()
                return await driver_of(conn).run(whole)

    async def insert_new(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> int | None:
        """Inserts, in a transaction of its own, the rows whose keys are not there yet.

        All have the same columns. Returns how many there were, or None where the driver does
        not tell. For rows that come by the thousand: it costs a quarter of ``write``.

        Raises:
            StorageFull, Temporary: as ``write``.
        """
        if self.dialect != "sqlite":
            async with self.write() as tx:
                await tx.insert(table, rows, new_only=True)
            return None
        prepared = insertion(table, tuple(rows[0]), new_only=True)
        statements = prepared.at_once(rows)
        with translated():
            async with self._turn, self._one_writer() as conn:
                driver = driver_of(conn)
                return await driver.insert(statements)

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        if self.dialect != "sqlite":
            async with self._writer.begin() as conn:
                yield conn
            return
        async with self._one_writer() as conn, conn.begin():
            yield conn

    @asynccontextmanager
    async def _one_writer(self) -> AsyncIterator[AsyncConnection]:
        """SQLite's one writer. It goes back to its pool only when something went wrong.

        Giving it back and taking it out costs more than a transaction.
        """
        conn, self._kept = self._kept or await self._writer.connect(), None
        async with AsyncExitStack() as broken:
            broken.push_async_exit(conn)
            yield conn
            broken.pop_all()
        self._kept = conn

    @asynccontextmanager
    async def read(self, *, steady: bool = False) -> AsyncIterator[AsyncConnection]:
        """A connection for reading; on SQLite one snapshot, that never waits for the writer.

        On PostgreSQL each statement has a snapshot of its own, unless ``steady`` asks for one
        for all: two round trips more, for who puts together what several statements found.

        Raises:
            Temporary: the database is out of reach.
        """
        with translated():
            async with self._reading(steady).begin() as conn:
                yield conn

    async def rows(self, query: Executable) -> list[dict[str, Any]]:
        """What a statement finds, by column name. Raises as ``read``."""
        async with self.read() as conn:
            return dicts(await conn.execute(query))

    async def one(self, query: Executable, missing: str) -> dict[str, Any]:
        """The one row that a statement finds, by column name; raises as ``read``, too.

        Raises:
            NotFound: there is none; ``missing`` is its sentence.
        """
        found = await self.rows(query)
        if not found:
            raise NotFound(missing)
        return found[0]

    async def column(self, query: Executable) -> list[Any]:
        """The first column of what a statement finds. Raises as ``read``."""
        async with self.read() as conn:
            return list((await conn.execute(query)).scalars())

    async def value(self, query: Executable) -> Any:
        """The one value that a statement finds; None where it finds no row. Raises as ``read``."""
        async with self.read() as conn:
            return (await conn.execute(query)).scalar_one_or_none()

    def _reading(self, steady: bool) -> AsyncEngine:
        return self._steady if steady else self._reader

    async def now(self) -> float:
        """Database time, in seconds since the epoch, for reading: a transaction has its own.

        The server is asked every few seconds; in between this process's own clock goes on.
        """
        if self._clock:
            return self._clock()
        if self._asked is None or time.monotonic() - self._asked[0] > _ASK_SECONDS:
            async with self.read() as conn:
                before = time.monotonic()
                told = await self._now(conn)
            self._asked = (before + time.monotonic()) / 2, told
        at, told = self._asked
        return told + time.monotonic() - at

    async def _now(self, conn: AsyncConnection) -> float:
        if self._clock:
            return self._clock()
        query = select(func.extract("epoch", func.clock_timestamp()))
        return float((await conn.execute(query)).scalar_one())


def _by_names(
    rows: Sequence[Mapping[str, Any]],
) -> dict[tuple[str, ...], list[Mapping[str, Any]]]:
    """Rows with equal columns together: they share a statement."""
    alike: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        alike.setdefault(tuple(row), []).append(row)
    return alike


def dicts(result: CursorResult[Any]) -> list[dict[str, Any]]:
    """The rows by column name, to be changed; made faster than of ``mappings()``."""
    names = tuple(result.keys())
    return [dict(zip(names, row, strict=True)) for row in result]
