"""Databases with today's schema: migrated once a session, then copied for each test."""

import asyncio
import functools
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg

from config.settings import load
from models.migrations import migrate
from models.store.ground.database import Database
from tests.services import PostgresServer
from workers.processes.home import master_key


def migrated_sqlite(folder: Path) -> str:
    """The SQLAlchemy URL of a new SQLite database in ``folder``."""
    (folder / "shouli.db").write_bytes(_sqlite_template())
    return f"sqlite+aiosqlite:///{folder / 'shouli.db'}"


def migrated_house(folder: Path) -> None:
    """A data folder as a start leaves it: the key before the database, which asks for it."""
    master_key(load(environ={"SHOULI_DATA_DIR": str(folder)}, folder=folder))
    migrated_sqlite(folder)


@functools.cache
def _sqlite_template() -> bytes:
    with tempfile.TemporaryDirectory(prefix="shouli-schema-") as folder:
        path = Path(folder) / "shouli.db"
        _migrate(f"sqlite+aiosqlite:///{path}")
        return path.read_bytes()


_SHAPE = "SELECT " + " || ".join(
    f"(SELECT (count(*), max(xmin::text::bigint))::text FROM {catalog})"
    for catalog in (
        "pg_attrdef", "pg_attribute", "pg_class", "pg_constraint", "pg_db_role_setting",
        "pg_extension", "pg_index", "pg_namespace", "pg_proc", "pg_sequence", "pg_statistic",
        "pg_statistic_ext", "pg_trigger", "pg_type", "alembic_version",
    )
) + """
    || (SELECT (datallowconn, datconnlimit)::text FROM pg_database
        WHERE datname = current_database())
    || (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace
        AND relkind = 'r' AND reltuples >= 0)
"""  # fmt: skip
"""What no test changes that only writes rows: whatever defines the database, and its statistics
(the last line: VACUUM and ANALYZE write those of a table in place). xmin is who wrote a row."""

_USED = """
    SELECT quote_ident(relname), pg_relation_size(oid) / current_setting('block_size')::int
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    AND pg_relation_size(oid) > 0 AND relname <> 'alembic_version'
"""

_END_OTHERS = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND backend_type = 'client backend'
"""

_MOST_PAGES = 10
"""Of a table: deleted rows keep their place, and plans look at how large a table is. Of one that
was never vacuumed, PostgreSQL takes so many for granted."""


class PostgresCopies:
    """Databases with today's schema, lent to one test after the other.

    To copy 752 relations and to drop them takes half a second; to delete what a test has written
    takes a few hundredths. A database of which more was changed than its rows is not lent again.
    """

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._template = server.create_database()
        _migrate(server.url(self._template))
        self._shapes: dict[str, str] = {}
        self._idle: list[str] = []

    async def lend(self, *, unused: bool = False) -> str:
        """The name of a database that looks as a migration leaves it.

        ``unused``: for who looks at plans, which depend on the pages that deleted rows and
        index entries keep.
        """
        if self._idle and not unused:
            return self._idle.pop()
        name = await self._server.create(self._template)
        async with self._server.connected(name) as connection:
            self._shapes[name] = await connection.fetchval(_SHAPE)
        return name

    async def take_back(self, name: str) -> None:
        """Ends who is still connected, and deletes all rows or else the database."""
        if await self._emptied(name):
            self._idle.append(name)
        else:
            await self._server.drop(name)

    async def _emptied(self, name: str) -> bool:
        try:
            async with self._server.connected(name) as connection:
                await connection.execute(_END_OTHERS)
                used = await connection.fetch(_USED)
                if await connection.fetchval(_SHAPE) != self._shapes[name]:
                    return False
                if any(pages > _MOST_PAGES for _, pages in used):
                    return False
                # Without its triggers no foreign key asks in which order rows go.
                await connection.execute(
                    "SET synchronous_commit = off; SET session_replication_role = replica;"
                    + "".join(f"DELETE FROM {table};" for table, _ in used)
                )
        except asyncpg.PostgresError:  # it may let nobody in any more
            return False
        return True


def _migrate(url: str) -> None:
    async def run() -> None:
        db = Database(url)
        await migrate(db)
        await db.close()

    with ThreadPoolExecutor(1) as outside:  # a loop may already run in this thread
        outside.submit(asyncio.run, run()).result()
