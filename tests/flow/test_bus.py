"""The bus over a real Valkey: hints arrive, and a lost connection announces everything anew."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import redis.asyncio

from tests.services import ValkeyServer, valkey_server
from workers.waking.bus import PREFIX, RedisBus


@pytest.fixture
async def bus(redis_url: str) -> AsyncIterator[RedisBus]:
    bus = RedisBus(redis_url)
    yield bus
    await bus.close()


async def _next(topics: AsyncIterator[str], seconds: float = 5) -> str:
    async with asyncio.timeout(seconds):
        return await anext(topics)


async def _silent(topics: AsyncIterator[str]) -> bool:
    try:
        await _next(topics, 0.2)
    except TimeoutError:
        return True
    return False


async def test_each_topic_is_announced_once_and_then_when_published(
    redis_url: str, bus: RedisBus
) -> None:
    other = RedisBus(redis_url)
    async with bus.subscribe("events", "会话:1") as topics:
        assert {await _next(topics), await _next(topics)} == {"events", "会话:1"}
        await other.publish("会话:1")
        assert await _next(topics) == "会话:1"
        await other.publish("others")
        assert await _silent(topics)
    await other.close()


async def test_subscribers_of_a_process_share_one_connection(
    redis_url: str, bus: RedisBus
) -> None:
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        async with bus.subscribe("a") as first, bus.subscribe("a", "b") as second:
            assert await _next(first) == "a"
            assert {await _next(second), await _next(second)} == {"a", "b"}
            assert len(await client.client_list(_type="pubsub")) == 1
            assert await _silent(second)
            await bus.publish("a")
            assert (await _next(first), await _next(second)) == ("a", "a")
        async with bus.subscribe("c") as third:  # those who left are not listened for any more
            assert await _next(third) == "c"
            channels = await client.pubsub_channels(PREFIX + "?")
        assert channels == [f"{PREFIX}c".encode()]


async def test_a_slow_reader_hears_a_topic_once(bus: RedisBus) -> None:
    async with bus.subscribe("a", "b") as topics:
        assert {await _next(topics), await _next(topics)} == {"a", "b"}
        for _ in range(100):
            await bus.publish("a")
        await bus.publish("b")
        await asyncio.sleep(0.1)
        assert [await _next(topics), await _next(topics)] == ["a", "b"]
        assert await _silent(topics)


async def test_silence_is_not_taken_for_a_lost_connection(bus: RedisBus) -> None:
    async with bus.subscribe("a") as topics:
        assert await _next(topics) == "a"
        with pytest.raises(TimeoutError):
            await _next(topics, 3)


async def test_a_restarted_valkey_announces_every_topic_again() -> None:
    with valkey_server() as server:
        bus = RedisBus(server.url)
        async with bus.subscribe("a", "b") as topics:
            assert {await _next(topics), await _next(topics)} == {"a", "b"}
            server.kill()
            async with asyncio.timeout(2):
                await bus.publish("a")
            await asyncio.sleep(0.3)
            server.start()
            assert {await _next(topics), await _next(topics)} == {"a", "b"}
            await bus.publish("b")
            assert await _next(topics) == "b"
        await bus.close()


async def test_a_bus_that_is_down_at_first_is_no_reason_to_fail() -> None:
    with valkey_server() as server:
        server.kill()
        bus = RedisBus(server.url)
        async with bus.subscribe("a") as topics:
            await bus.publish("a")
            server.start()
            assert await _next(topics) == "a"
        await bus.close()


async def test_flushall_does_not_unsubscribe(bus: RedisBus, valkey: ValkeyServer) -> None:
    async with bus.subscribe("a") as topics:
        assert await _next(topics) == "a"
        valkey.flush()
        await bus.publish("a")
        assert await _next(topics) == "a"


async def test_coming_and_going_in_any_order_keeps_the_others_listening(bus: RedisBus) -> None:
    heard: Counter[str] = Counter()

    async def visit(topic: str) -> None:
        async with bus.subscribe(topic) as topics:
            heard[await _next(topics)] += 1

    async with bus.subscribe("a") as topics:
        await _next(topics)
        await asyncio.gather(*(visit(topic) for topic in "abcabcabc"))
        assert heard == {"a": 3, "b": 3, "c": 3}
        while not await _silent(topics):
            pass
        await bus.publish("a")
        assert await _next(topics) == "a"


async def test_an_unexpected_error_ends_the_connection_and_not_the_reading(
    bus: RedisBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, tried = bus._listen, 0

    async def broken_at_first() -> None:
        nonlocal tried
        tried += 1
        if tried == 1:
            raise RuntimeError
        await real()

    monkeypatch.setattr(bus, "_listen", broken_at_first)
    async with bus.subscribe("a") as topics:
        assert await _next(topics) == "a"


async def test_who_is_cancelled_while_subscribing_leaves_nothing_behind(
    bus: RedisBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    telling = asyncio.Event()

    async def slow(*, subscribe: bool, topics: list[str]) -> None:
        if subscribe:
            telling.set()
            await asyncio.Event().wait()

    async def visit() -> None:
        async with bus.subscribe("a"):
            pass

    monkeypatch.setattr(bus, "_tell_server", slow)
    monkeypatch.setattr(bus, "_listen", asyncio.Event().wait)
    visitor = asyncio.create_task(visit())
    await telling.wait()
    visitor.cancel()
    await asyncio.gather(visitor, return_exceptions=True)
    assert not bus._inboxes
