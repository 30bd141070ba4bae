"""Databases with today's schema: migrated once a session, then copied for each test."""

import asyncio
import functools
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sqlalchemy import event

from config.settings import load
from models.migrations import migrate
from models.store.ground.database import Database
from tests.services import PostgresServer
from workers.processes.home import master_key


def migrated_sqlite(folder: Path) -> str:
    """The SQLAlchemy URL of a new SQLite database in ``folder``."""
    shutil.copyfile(_sqlite_template(), folder / "shouli.db")
    return f"sqlite+aiosqlite:///{folder / 'shouli.db'}"


def migrated_house(folder: Path) -> None:
    """A data folder as a start leaves it: the key before the database, which asks for it."""
    master_key(load(environ={"SHOULI_DATA_DIR": str(folder)}, folder=folder))
    migrated_sqlite(folder)


@functools.cache
def _sqlite_template() -> Path:
    path = Path(tempfile.mkdtemp(prefix="shouli-schema-")) / "shouli.db"
    _migrate(f"sqlite+aiosqlite:///{path}")
    return path


@functools.cache
def postgres_template(server: PostgresServer) -> str:
    """The name of a database that ``create_database`` can copy; nobody may connect to it."""
    name = server.create_database()
    _migrate(server.url(name))
    return name


def leave_disk_behind(db: Database) -> None:
    """Commits wait for no disk: for tests of what is done at once, not of what a fall leaves."""
    quick = "PRAGMA synchronous=OFF" if db.dialect == "sqlite" else "SET synchronous_commit=off"

    @event.listens_for(db._writer.sync_engine, "connect")
    def _hurry(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(quick)
        cursor.close()


def _migrate(url: str) -> None:
    async def run() -> None:
        db = Database(url)
        await migrate(db)
        await db.close()

    with ThreadPoolExecutor(1) as outside:  # a loop may already run in this thread
        outside.submit(asyncio.run, run()).result()
