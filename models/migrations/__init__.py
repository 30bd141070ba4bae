"""Schema changes, as Alembic revisions; run by ``shouli run`` and ``shouli migrate`` only."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, false, inspect, text, update
from sqlalchemy.exc import DBAPIError

from models.errors import Permanent, Temporary
from models.store.ground.database import Database
from models.tables import counter, metadata

_LOCK = 7_305_119_142
"""Any constant: the name of PostgreSQL's advisory lock for migrations."""

_NOT_ALLOWED = "42501"
"""The one error of PostgreSQL's class for statements that do not fit which is about rights."""

ANSWER_SECONDS = 5.0
"""A database that is silent for longer is as good as away: who probes /readyz waits no longer."""


def config() -> Config:
    """Alembic's configuration, without a file."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent))
    settings.set_main_option("path_separator", "os")
    return settings


@cache
def head() -> str:
    """The revision that this code needs."""
    found = ScriptDirectory.from_config(config()).get_current_head()
    assert found is not None
    return found


async def migrate(db: Database) -> str:
    """Brings the schema to ``head``, one process at a time; returns the revision.

    Raises:
        Permanent: the database is of a newer program, or not whole; nothing was changed.
    """
    # Of its own: a change of a table of millions takes the time that it takes.
    unhurried = Database(db.url.render_as_string(hide_password=False), answer_seconds=None)
    try:
        async with unhurried.write() as tx:
            if tx.dialect != "sqlite":
                await tx.conn.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            await tx.conn.run_sync(_upgrade)
    finally:
        await unhurried.close()
    return head()


async def behind(db: Database) -> bool:
    """Whether an older program made this database, so that ``migrate`` will change it.

    Raises:
        Permanent: it is of a newer program.
        Temporary: it is out of reach.
    """
    async with db.read() as conn:
        current = await conn.run_sync(_current)
    _refuse_newer(current)
    return current not in {None, head()}


async def check(db: Database) -> None:
    """Makes sure that the schema is the one this code needs.

    Raises:
        Permanent: it is older or newer; the sentence says what to do.
        Temporary: the database is away, or says nothing for ``ANSWER_SECONDS``.
    """
    async with _answering(), db.read() as conn:
        current = await conn.run_sync(_current)
    if current != head():
        _refuse_newer(current)
        raise Permanent(
            f"数据库结构版本为 {current or '空'}，程序需要 {head()}：请先运行 shouli migrate。 / "
            f"The database schema is at {current or 'nothing yet'}, this program needs {head()}: "
            "run “shouli migrate” first."
        )


async def ready(db: Database) -> None:
    """As ``check``; and it can be written to, as whoever accepts a message must.

    Raises:
        Permanent: as ``check``.
        Temporary: as ``check``, or it only reads: a standby, a primary that has become one, or a
            file on a disk that is read-only.
    """
    await check(db)
    async with _answering(), db.write() as tx:
        # Writes nothing, and is refused where nothing can be written: the way by which a lost
        # primary is noticed, so that the next probe comes with other connections.
        await tx.conn.execute(update(counter).where(false()).values(value=0))


@asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            yield
    except TimeoutError as error:
        raise Temporary("数据库没有响应。 / The database does not answer.") from error


def _upgrade(connection: Connection) -> None:
    current = _current(connection)
    _refuse_newer(current)
    settings = config()
    settings.attributes["connection"] = connection
    try:
        command.upgrade(settings, "head")
    except DBAPIError as error:
        if not _is_of_the_schema(error):
            raise
        raise Permanent(
            f"数据库的结构版本写着 {current or '空'}，样子却不是（{error.orig}）："
            "它不完整，或来自从未发布的版本。什么都没有改。请恢复完整的备份。"
            f" / The database says that it is at {current or 'nothing yet'}, and is not "
            f"({error.orig}): it is not whole, or of a version that was never released. "
            "Nothing was changed. Restore a whole backup."
        ) from error
    missing = _missing(connection)
    if missing:
        told = ", ".join(missing[:8])
        raise Permanent(
            f"数据库缺少 {told}：它不完整，或来自从未发布的版本。请恢复完整的备份。 / "
            f"The database lacks {told}: it is not whole, or of a version that was never "
            "released. Restore a whole backup."
        )


def _is_of_the_schema(error: DBAPIError) -> bool:
    """Whether a step met other tables or columns than it is for: no waiting mends that."""
    state = str(getattr(error.orig, "sqlstate", "") or "")
    generic = getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR
    return generic or (state.startswith("42") and state != _NOT_ALLOWED)


def _refuse_newer(current: str | None) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    if current is not None and current not in known:
        raise Permanent(
            f"数据库结构版本为 {current}，比程序的 {head()} 新："
            "请用升级后的程序，或恢复升级前的备份。"
            f" / The database schema is at {current}, newer than the {head()} of this program: "
            "use the newer program, or restore the backup of before the upgrade."
        )


def _missing(connection: Connection) -> list[str]:
    """Our tables and columns that are not there, whatever the revision says."""
    columns = inspect(connection).get_multi_columns()
    there = {name: {column["name"] for column in of} for (_, name), of in columns.items()}
    tables = metadata.sorted_tables
    return [table.name for table in tables if table.name not in there] + [
        f"{table.name}.{column.name}"
        for table in tables
        for column in table.columns
        if column.name not in there.get(table.name, table.columns)
    ]


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
