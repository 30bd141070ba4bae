"""Who acts on events sees each once, in order, whatever fails in between."""

import asyncio
from collections.abc import Sequence

import pytest

from models.store import Store
from models.store.effects import followers
from models.store.effects.followers import Follower
from models.store.ground.database import Event, Tx
from tests.fakes import FakeClock


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
    return await store.followers.catch_up([follower], await store.events.last())


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
    with pytest.raises(ExceptionGroup) as caught:
        await _catch_up(store, notes)
    assert caught.group_contains(RuntimeError)
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


async def test_one_that_fails_holds_nobody_up(store: Store) -> None:
    await _say(store, "wanted", "other")
    broken, well, apart = Notes(), Notes(), Notes()
    broken.failing = True
    wanted = frozenset({"wanted"})
    three = [
        Follower("broken", wanted, broken),
        Follower("well", wanted, well),
        Follower("apart", frozenset({"other"}), apart),
    ]
    with pytest.raises(ExceptionGroup) as caught:
        await store.followers.catch_up(three, 2)
    assert "follower broken" in caught.value.exceptions[0].__notes__
    assert await _seen(store, 2) == {1: 1, 2: 1}
    broken.failing = False
    assert await store.followers.catch_up(three, 2) == 1
    assert await _seen(store, 2) == {1: 2, 2: 1}


class Stumbles(Notes):
    """As ``Notes``, but one event is too much for it."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    async def __call__(self, tx: Tx, events: Sequence[Event]) -> None:
        await super().__call__(tx, events)
        if any(event.seq == self.at for event in events):
            raise RuntimeError("boom")


async def test_what_came_before_the_event_that_fails_is_acted_on(store: Store) -> None:
    await _say(store, "wanted", "other", "wanted", "wanted", "wanted")
    notes = Stumbles(at=4)
    for _ in range(2):
        with pytest.raises(ExceptionGroup) as caught:
            await _catch_up(store, notes)
        told = caught.value.exceptions[0].__notes__
        assert told == ["event 4 wanted of ticket None", "follower notes"]
        assert await _seen(store, 5) == {1: 1, 3: 1}
    notes.at = 0
    assert await _catch_up(store, notes) == 2
    assert await _seen(store, 5) == {1: 1, 3: 1, 4: 1, 5: 1}


async def test_two_that_stumble_at_once_act_once(store: Store) -> None:
    await _say(store, *["wanted"] * 6)
    both = [_catch_up(store, Stumbles(at=5)) for _ in range(2)]
    for failed in await asyncio.gather(*both, return_exceptions=True):
        assert isinstance(failed, ExceptionGroup)
    assert await _seen(store, 6) == dict.fromkeys(range(1, 5), 1)


async def test_pages_are_read_to_the_end(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followers, "_PAGE", 3)
    await _say(store, *["wanted"] * 4, *["other"] * 5, "wanted", "rare", "other")
    rare = Notes()
    both = [
        Follower("notes", frozenset({"wanted"}), Notes()),
        Follower("late", frozenset({"rare"}), rare),
    ]
    assert await store.followers.catch_up(both, 11) == 6
    assert await _seen(store, 12) == dict.fromkeys((1, 2, 3, 4, 10, 11), 1)
    assert await store.followers.catch_up(both, 12) == 0
    # Both stand at the end, though the last events concerned neither of them.
    assert await store.cursors.get("follower", "notes") == 12
    assert await store.cursors.get("follower", "late") == 12


async def test_one_who_comes_later_reads_what_the_others_have_read(store: Store) -> None:
    await _say(store, "wanted", "wanted")
    old = Follower("old", frozenset({"wanted"}), Notes())
    assert await store.followers.catch_up([old], 1) == 1
    new = Follower("new", frozenset({"wanted"}), Notes())
    assert await store.followers.catch_up([old, new], 2) == 3
    assert await _seen(store, 2) == {1: 2, 2: 2}


async def test_the_lag_is_that_of_who_is_farthest_behind(store: Store, clock: FakeClock) -> None:
    one = Follower("one", frozenset({"wanted"}), Notes())
    assert await store.followers.lag(["one"]) == (0.0, ())
    await _say(store, "wanted", "wanted")
    clock.pass_(7.0)
    assert await store.followers.lag(["one", "two"]) == (7.0, ()), "nobody reads: no fault of one"
    await store.followers.catch_up([one], 2)
    assert await store.followers.lag(["one"]) == (0.0, ())
    assert await store.followers.lag(["one", "never ran"]) == (7.0, ("never ran",))
