"""Schema changes, as Alembic revisions; run by ``shouli run`` and ``shouli migrate`` only."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from models.errors import Permanent
from models.store.database import Database

_LOCK = 7_305_119_142
"""Any constant: the name of PostgreSQL's advisory lock for migrations."""


def config() -> Config:
    """Alembic's configuration, without a file."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent))
    settings.set_main_option("path_separator", "os")
    return settings


def head() -> str:
    """The revision that this code needs."""
    found = ScriptDirectory.from_config(config()).get_current_head()
    assert found is not None
    return found


async def migrate(db: Database) -> str:
    """Brings the schema to ``head``, one process at a time; returns the revision."""
    async with db.write() as tx:
        if tx.dialect != "sqlite":
            await tx.conn.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        await tx.conn.run_sync(_upgrade)
    return head()


async def check(db: Database) -> None:
    """Makes sure that the schema is the one this code needs.

    Raises:
        Permanent: it is older or newer; the sentence says what to do.
    """
    async with db.read() as conn:
        current = await conn.run_sync(_current)
    if current != head():
        raise Permanent(
            f"数据库结构版本为 {current}，程序需要 {head()}：请先运行 shouli migrate。 / "
            f"The database schema is at {current}, this program needs {head()}: "
            "run “shouli migrate” first."
        )


def _upgrade(connection: Connection) -> None:
    settings = config()
    settings.attributes["connection"] = connection
    command.upgrade(settings, "head")


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
