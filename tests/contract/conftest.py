"""No test of the contract takes the power away, so none of them waits for a disk.

What a killed process has written is in the kernel's hands and stays. That a start does wait, and
what it does when the disk is full, say tests of their own.

Nor does any of them compile a statement that another has: each opens databases of its own, whose
engines would begin with nothing, and a fifth of all their time would be that.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import make_url
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


class Compiled(dict[tuple[Any, ...], Any]):
    """SQLAlchemy's cache of one dialect's statements, for all engines that are made alike.

    Its keys begin with the engine's own dialect, which no other engine has.
    """

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        return super().get(key[1:], default)

    def __setitem__(self, key: tuple[Any, ...], value: Any) -> None:
        super().__setitem__(key[1:], value)


@pytest.fixture(scope="session", autouse=True)
def statements_compiled_once(disk_left_behind: None) -> Iterator[None]:
    """By all engines of a ``Database`` in this process."""
    compiled: dict[str, Compiled] = defaultdict(Compiled)

    def sharing(opened: Callable[..., AsyncEngine], url: Any, *args: Any, **options: Any) -> Any:
        cache = compiled[make_url(url).get_backend_name()]
        return opened(url, *args, **options, execution_options={"compiled_cache": cache})

    with pytest.MonkeyPatch.context() as patch:
        for name in ("open_engine", "create_async_engine"):
            patch.setattr(database, name, partial(sharing, getattr(database, name)))
        yield


def _hurry(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=OFF")
    cursor.close()
