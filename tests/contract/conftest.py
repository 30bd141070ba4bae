"""No test of the contract takes the power away, so none of them waits for a disk.

What a killed process has written is in the kernel's hands and stays. That a start does wait, and
what it does when the disk is full, say tests of their own.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from models.store.ground import database
from tests.services import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The session's PostgreSQL."""
    with postgres_server(durable=False) as server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def disk_left_behind() -> Iterator[None]:
    """Neither files nor commits of SQLite wait for it, in this process."""
    opened = database.open_engine

    def hurried(*args: Any, **options: Any) -> AsyncEngine:
        engine = opened(*args, **options)
        event.listen(engine.sync_engine, "connect", _hurry)
        return engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "open_engine", hurried)
        patch.setattr(os, "fsync", lambda _descriptor: None)
        yield


def _hurry(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=OFF")
    cursor.close()
