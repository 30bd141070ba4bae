"""Two of the same request at once make one thing, on both databases."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from models.errors import Conflict
from models.store import Store
from models.store.ground.idempotency import Key, earlier
from models.tables import note, request_key
from tests.contract.store.makers import owned
from tests.fakes import FakeClock


def key(agent_id: str) -> Key:
    return Key("0123456789abcdef", agent_id, "a" * 64)


async def test_two_at_once_make_one(store: Store) -> None:
    ticket_id, agent_id = await owned(store)
    write = store.notes.write
    made = await asyncio.gather(
        *(write(ticket_id, agent_id, "请看", key(agent_id)) for _ in range(4))
    )
    assert len(set(made)) == 1
    assert [one.id for one in await store.notes.of(ticket_id)] == [made[0]]


async def test_what_failed_did_not_come_before(store: Store) -> None:
    ticket_id, agent_id = await owned(store)

    async def die() -> None:
        async with store.db.write() as tx:
            assert await earlier(tx, key(agent_id)) is None
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await die()
    assert await store.notes.write(ticket_id, agent_id, "请看", key(agent_id))
    assert len(await store.notes.of(ticket_id)) == 1


async def test_a_key_used_for_something_else_is_refused(store: Store) -> None:
    ticket_id, agent_id = await owned(store)
    await store.notes.write(ticket_id, agent_id, "请看", key(agent_id))
    with pytest.raises(Conflict, match="client_id"):
        await store.notes.write(ticket_id, agent_id, "急", replace(key(agent_id), asked="b" * 64))


async def test_keys_are_forgotten_and_what_they_made_is_not(
    store: Store, clock: FakeClock
) -> None:
    ticket_id, agent_id = await owned(store)
    await store.notes.write(ticket_id, agent_id, "请看", key(agent_id))
    await store.requests.forget(clock() - 60.0)
    assert await _count(store, request_key) == 1
    await store.requests.forget(clock() + 60.0)
    assert (await _count(store, request_key), await _count(store, note)) == (0, 1)


async def _count(store: Store, table: object) -> int:
    async with store.db.read() as conn:
        return int((await conn.execute(select(func.count()).select_from(table))).scalar_one())  # type: ignore[arg-type]
