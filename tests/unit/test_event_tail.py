"""Following events: woken by the bus, sure by the clock, calm when the bus breaks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from models import event_tail
from models.errors import Temporary
from models.store import Store
from models.store.ground.database import Event


class FakeEvents:
    """A log of numbered events; the first reads may fail."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.failures = 0
        self.reads = 0

    async def after(self, seq: int, limit: int) -> list[Event]:
        self.reads += 1
        if self.failures:
            self.failures -= 1
            raise Temporary("away")
        found = [n for n in self.numbers if n > seq][:limit]
        return [Event(n, 0.0, "test", None, None, None, {}) for n in found]


class FakeStore:
    def __init__(self) -> None:
        self.events = FakeEvents()


class FakeBus:
    """Topics come through a generator, the kind of iterator that a cancelled wait would end."""

    def __init__(self, broken: bool = False) -> None:
        self.wakes: asyncio.Queue[str] = asyncio.Queue()
        self.broken = broken

    async def publish(self, topic: str, /) -> None:
        await self.wakes.put(topic)

    @asynccontextmanager
    async def subscribe(self, *_: str) -> AsyncIterator[AsyncIterator[str]]:
        yield self._topics()

    async def _topics(self) -> AsyncIterator[str]:
        while not self.broken:
            yield await self.wakes.get()
        raise OSError("gone")


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


def numbers(events: list[Event]) -> list[int]:
    return [e.seq for e in events]


async def test_events_come_in_order_and_a_wake_brings_the_next(store: FakeStore) -> None:
    bus = FakeBus()
    store.events.numbers = [1, 2, 3]
    pages = event_tail.follow(cast("Store", store), bus, 1)
    assert numbers(await anext(pages)) == [2, 3]
    waiting = asyncio.ensure_future(anext(pages))
    await asyncio.sleep(0)
    store.events.numbers.append(4)
    await bus.publish(event_tail.EVENTS)
    assert numbers(await waiting) == [4]
    await pages.aclose()


async def test_time_alone_brings_what_no_wake_announced(
    store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_tail, "_POLL_SECONDS", 0.01)
    bus = FakeBus()
    pages = event_tail.follow(cast("Store", store), bus, 0)
    waiting = asyncio.ensure_future(anext(pages))
    while store.events.reads < 3:  # several limits have passed, the subscription still lives
        await asyncio.sleep(0)
    monkeypatch.setattr(event_tail, "_POLL_SECONDS", 60.0)
    store.events.numbers = [1]
    await bus.publish(event_tail.EVENTS)
    assert numbers(await waiting) == [1]
    await pages.aclose()


async def test_a_database_that_is_away_only_delays(
    store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_tail, "_POLL_SECONDS", 0.01)
    store.events.numbers, store.events.failures = [1], 2
    pages = event_tail.follow(cast("Store", store), FakeBus(), 0)
    assert numbers(await anext(pages)) == [1]
    await pages.aclose()


async def test_a_broken_bus_polls_and_does_not_spin(
    store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        store.events.numbers = [1]
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", pause)
    pages = event_tail.follow(cast("Store", store), FakeBus(broken=True), 0)
    assert numbers(await anext(pages)) == [1]
    assert pauses == [event_tail._POLL_SECONDS]
    await pages.aclose()


async def test_a_full_page_is_followed_by_the_next_at_once(store: FakeStore) -> None:
    store.events.numbers = list(range(1, event_tail._PAGE + 11))
    pages = event_tail.follow(cast("Store", store), FakeBus(), 0)
    assert len(await anext(pages)) == event_tail._PAGE
    assert len(await anext(pages)) == 10
    await pages.aclose()
