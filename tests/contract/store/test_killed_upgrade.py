"""``shouli migrate`` is killed (SIGKILL) again and again, early and late: all or nothing."""

import asyncio
import multiprocessing
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, insert, inspect, text

from models.migrations import check
from models.store.ground.database import Database
from models.tables import event
from tests.contract.store.upgrading import FIRST, schema_at, upgrade

_FORKS = multiprocessing.get_context("forkserver")


@pytest.fixture(scope="module", autouse=True)
def nursery() -> None:
    """Children are forked from a process that has imported what they need."""
    _FORKS.set_forkserver_preload(["tests.contract.store.upgrading", "asyncpg", "aiosqlite"])


@pytest.fixture
async def db(empty_url: str) -> AsyncIterator[Database]:
    made = Database(empty_url)
    yield made
    await made.close()


def _shape(connection: Connection) -> dict[str, Any]:
    """All tables, with their columns and indexes."""
    found = inspect(connection)
    return {
        name: (
            sorted(column["name"] for column in found.get_columns(name)),
            sorted(str(index["name"]) for index in found.get_indexes(name)),
        )
        for name in found.get_table_names()
    }


async def _seen(db: Database) -> tuple[dict[str, Any], list[Any]]:
    async with db.read() as conn:
        revision = (await conn.execute(text("SELECT version_num FROM alembic_version"))).all()
        told = (await conn.execute(text("SELECT seq, kind FROM event ORDER BY seq"))).all()
        return await conn.run_sync(_shape), [tuple(row) for row in (*revision, *told)]


def _ever_later() -> Iterator[int]:
    wait = 1
    while True:
        yield wait
        wait = int(wait * 1.6) + 1


async def test_an_upgrade_that_is_killed_has_not_begun(db: Database, empty_url: str) -> None:
    await schema_at(db, FIRST)
    async with db.write() as tx:
        told = {"seq": 1, "at": tx.now, "kind": "ticket.created", "ticket_id": "t" * 36}
        data = {"number": "1", "state": "new"}
        await tx.conn.execute(insert(event), [told | {"data": data}])
    before, killed = await _seen(db), 0
    for last_wait in _ever_later():
        process = _FORKS.Process(target=upgrade, args=(empty_url, last_wait))
        process.start()
        await asyncio.to_thread(process.join, 120.0)
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        assert await _seen(db) == before
        killed += 1
    assert killed > 5
    await check(db)
    _, (_, *told) = await _seen(db)
    assert told == before[1][1:]
    print(f"killed {killed} times, the last at wait {last_wait}")
