"""What is due happens once, in order of time, whatever fails in between."""

import pytest

from models.store import Store
from models.store.effects.timers import Timer, set_timer, set_timers, stop_timer
from models.store.ground.database import Tx
from tests.fakes import FakeClock


class Effects:
    """Notes what has happened in the log of the transaction that ended the timer."""

    def __init__(self) -> None:
        self.failing: set[str] = set()
        self.order: list[str] = []

    async def __call__(self, tx: Tx, fired: Timer) -> None:
        self.order.append(f"{fired.kind} {fired.subject}")
        await tx.audit(None, f"fired.{fired.kind}", fired.subject, **fired.data)
        if fired.subject in self.failing:
            raise RuntimeError("boom")


async def _happened(store: Store, *subjects: str) -> list[str]:
    rows = [row for subject in subjects for row in await store.tickets.history(subject)]
    return [f"{row['action']} {row['subject']}" for row in rows]


async def _set(store: Store, kind: str, subject: str, due_at: float) -> None:
    async with store.db.write() as tx:
        await set_timer(tx, kind, subject, due_at, {"at": due_at})


async def test_it_fires_once_and_not_before_its_time(store: Store, clock: FakeClock) -> None:
    effects = {"warn": Effects()}
    await _set(store, "warn", "a", clock.now + 10)
    assert await store.timers.fire_due(effects) == []
    assert await _happened(store, "a") == []
    clock.pass_(86400)
    for _ in range(3):
        await store.timers.fire_due(effects)
    assert await _happened(store, "a") == ["fired.warn a"]
    assert await store.timers.of("a") == []


async def test_what_fell_due_meanwhile_happens_in_order(store: Store, clock: FakeClock) -> None:
    effect = Effects()
    effects = {"warn": effect, "breach": effect}
    await _set(store, "breach", "a", clock.now + 30)
    await _set(store, "warn", "a", clock.now + 20)
    await _set(store, "warn", "b", clock.now + 25)
    clock.pass_(3600)
    await store.timers.fire_due(effects)
    assert effect.order == ["warn a", "warn b", "breach a"]


async def test_set_anew_it_has_one_time_only(store: Store, clock: FakeClock) -> None:
    effects = {"warn": Effects()}
    await _set(store, "warn", "a", clock.now + 10)
    await _set(store, "warn", "a", clock.now + 100)
    await _set(store, "warn", "b", clock.now + 10)
    async with store.db.write() as tx:
        await stop_timer(tx, "warn", "b")
    clock.pass_(50)
    await store.timers.fire_due(effects)
    assert await _happened(store, "a", "b") == []
    assert [found.due_at for found in await store.timers.of("a")] == [clock.now + 50]


async def test_one_that_fails_changes_nothing_and_stops_no_other(
    store: Store, clock: FakeClock
) -> None:
    effect = Effects()
    effect.failing.add("a")
    await _set(store, "warn", "a", clock.now + 1)
    await _set(store, "warn", "b", clock.now + 2)
    clock.pass_(5)
    (trouble,) = await store.timers.fire_due({"warn": effect})
    assert "boom" in trouble
    assert await _happened(store, "a", "b") == ["fired.warn b"]
    assert await store.timers.fire_due({"warn": effect}) == []  # not at once again
    effect.failing.clear()
    clock.pass_(60)
    await store.timers.fire_due({"warn": effect})
    assert await _happened(store, "a") == ["fired.warn a"]


@pytest.mark.parametrize("together", [False, True])
async def test_set_anew_what_has_failed_waits_for_its_time_alone(
    store: Store, clock: FakeClock, together: bool
) -> None:
    effect = Effects()
    effect.failing.add("a")
    await _set(store, "warn", "a", clock.now)
    assert len(await store.timers.fire_due({"warn": effect})) == 1
    effect.failing.clear()
    if together:
        async with store.db.write() as tx:
            await set_timers(tx, "warn", {"a": clock.now + 10})
    else:
        await _set(store, "warn", "a", clock.now + 10)
    clock.pass_(10)
    await store.timers.fire_due({"warn": effect})
    assert await _happened(store, "a") == ["fired.warn a"]


async def test_two_clocks_fire_it_once(store: Store, clock: FakeClock) -> None:
    effects = {"warn": Effects()}
    await _set(store, "warn", "a", clock.now)
    (timer_id,) = await store.timers.due(effects, 10)
    assert [await store.timers.fire(timer_id, effects) for _ in range(2)] == [True, False]


async def test_a_kind_without_effect_waits(store: Store, clock: FakeClock) -> None:
    await _set(store, "later", "a", clock.now)
    assert await store.timers.fire_due({"warn": Effects()}) == []
    assert [found.kind for found in await store.timers.of("a")] == ["later"]


@pytest.mark.parametrize("set_anew", [False, True])
async def test_a_timer_set_within_an_effect_stays(
    store: Store, clock: FakeClock, set_anew: bool
) -> None:
    async def again(tx: Tx, fired: Timer) -> None:
        await set_timer(tx, fired.kind if set_anew else "next", fired.subject, tx.now + 60)

    await _set(store, "warn", "a", clock.now)
    assert await store.timers.fire_due({"warn": again}) == []
    assert [found.due_at for found in await store.timers.of("a")] == [clock.now + 60]
