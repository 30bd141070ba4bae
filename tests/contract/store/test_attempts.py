"""Attempts to be somebody, counted by several processes over one database."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from models.store import Store
from models.store.routing.attempts import Tried
from models.tables import sign_in_attempt
from tests.contract.store.makers import opened
from tests.fakes import FakeClock

LI = Tried("li", "10.0.0.1")


@pytest.fixture
async def other(store: Store, url: str, clock: FakeClock) -> AsyncIterator[Store]:
    """As another process has it open."""
    made = opened(url, clock=clock)
    yield made
    await made.close()


async def charged(store: Store, tried: Tried = LI, times: int = 8) -> list[float | None]:
    return [await store.attempts.charge(tried) for _ in range(times)]


async def test_all_processes_count_together(store: Store, other: Store, clock: FakeClock) -> None:
    assert await charged(store, times=4) == [None] * 4
    clock.pass_(100)
    assert await charged(other, times=5) == [None] * 4 + [200]
    assert await store.attempts.charge(LI) == 200
    clock.pass_(200)
    assert await store.attempts.charge(LI) is None


async def test_of_many_at_once_no_more_are_let_through(store: Store, other: Store) -> None:
    """Each reads that there were few, and then there are many."""
    found = await asyncio.gather(*(s.attempts.charge(LI) for s in (store, other) * 10))
    assert found.count(None) == 8


@pytest.mark.parametrize(("passed", "wait"), [(0, 300), (299, 1), (300, None)])
async def test_a_window_is_five_minutes(
    store: Store, clock: FakeClock, passed: float, wait: float | None
) -> None:
    for _ in range(8):
        assert await store.attempts.charge(LI) is None
        clock.now += passed / 8
    assert await store.attempts.charge(LI) == wait
    clock.now += 300
    assert await store.attempts.charge(LI) is None, "it began with the first, not with the last"


async def test_others_are_not_locked_out(store: Store) -> None:
    await charged(store)
    assert await store.attempts.charge(Tried("li", "10.0.0.2")) is None
    assert await store.attempts.charge(Tried("wang", "10.0.0.1")) is None
    assert await store.attempts.charge(Tried("li10.0.0.1")) is None


async def test_who_is_who_they_say_begins_anew(store: Store, other: Store) -> None:
    await charged(store)
    await other.attempts.clear(LI)
    assert await charged(store) == [None] * 8


async def test_what_was_right_is_no_attempt(store: Store) -> None:
    await charged(store)
    await store.attempts.refund(LI)
    assert await charged(store, times=2) == [None, 300]
    await store.attempts.refund(Tried("nobody"))


async def test_neither_a_login_nor_an_address_is_written_down(store: Store) -> None:
    await charged(store, Tried("my password", "10.0.0.1"))
    (row,) = await store.db.rows(select(sign_in_attempt))
    assert "password" not in str(row)
    assert "10.0.0.1" not in str(row)


async def test_what_is_past_is_dropped(store: Store, clock: FakeClock) -> None:
    await charged(store)
    clock.pass_(200)
    await charged(store, Tried("wang"))
    clock.pass_(100)
    assert await store.attempts.forget() == 1
    assert await store.attempts.charge(Tried("wang")) == 200
