"""Who acts on events sees each once, in order, whatever fails in between."""

import asyncio
from collections.abc import Sequence

import pytest

from models.store import Store
from models.store.database import Event, Tx
from models.store.followers import Follower
from tests.contract.store.conftest import FakeClock


async def _say(store: Store, *kinds: str) -> None:
    for kind in kinds:
        async with store.db.write() as tx:
            tx.emit(kind)


class Notes:
    """Keeps what it saw in the database, so that it goes with a transaction that fails."""

    def __init__(self) -> None:
        self.failing = False

    async def __call__(self, tx: Tx, events: Sequence[Event]) -> None:
        for event in events:
            await tx.bump(f"seen.{event.seq}", 1)
        if self.failing:
            raise RuntimeError("boom")


async def _seen(store: Store, last: int) -> dict[int, int]:
    async with store.db.write() as tx:
        counts = {seq: await tx.bump(f"seen.{seq}", 0) for seq in range(1, last + 1)}
    return {seq: count for seq, count in counts.items() if count}


async def _catch_up(store: Store, act: Notes, name: str = "notes") -> int:
    follower = Follower(name, frozenset({"wanted"}), act)
    return await store.followers.catch_up(follower, await store.events.last())


async def test_it_sees_what_it_wants_once(store: Store) -> None:
    await _say(store, "wanted", "other", "wanted")
    assert await _catch_up(store, Notes()) == 2
    assert await _catch_up(store, Notes()) == 0
    await _say(store, "other", "wanted")
    assert await _catch_up(store, Notes()) == 1
    assert await _seen(store, 5) == {1: 1, 3: 1, 5: 1}


async def test_each_has_its_own_place(store: Store) -> None:
    await _say(store, "wanted")
    assert await _catch_up(store, Notes(), "one") == 1
    assert await _catch_up(store, Notes(), "two") == 1


async def test_what_failed_is_seen_again_and_nothing_of_it_stays(store: Store) -> None:
    await _say(store, "wanted", "wanted")
    notes = Notes()
    notes.failing = True
    with pytest.raises(RuntimeError):
        await _catch_up(store, notes)
    assert await _seen(store, 2) == {}
    notes.failing = False
    assert await _catch_up(store, notes) == 2
    assert await _seen(store, 2) == {1: 1, 2: 1}


async def test_two_at_once_act_once(store: Store) -> None:
    await _say(store, *["wanted"] * 20)
    await asyncio.gather(*(_catch_up(store, Notes()) for _ in range(4)))
    assert await _seen(store, 20) == dict.fromkeys(range(1, 21), 1)


async def test_it_goes_past_what_is_forgotten(store: Store, clock: FakeClock) -> None:
    await _say(store, "wanted", "wanted")
    clock.pass_(100.0)
    await store.events.forget(clock.now)
    assert await _catch_up(store, Notes()) == 0
    await _say(store, "wanted")
    assert await _catch_up(store, Notes()) == 1
