"""What unproven bodies hold together, and who gives way."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from models.bodies import Bodies
from models.errors import Temporary
from models.platform_api import TooLarge


class Sending:
    """A request whose bytes come as the test says; as much of one as is asked for."""

    def __init__(self, remote: str) -> None:
        self.remote = remote
        self.content = SimpleNamespace(iter_any=self._bytes)
        self._pipe: asyncio.Queue[bytes] = asyncio.Queue()

    async def _bytes(self) -> AsyncIterator[bytes]:
        while chunk := await self._pipe.get():
            yield chunk

    async def send(self, count: int) -> None:
        self._pipe.put_nowait(b"a" * count)
        await _settle()

    async def end(self) -> None:
        self._pipe.put_nowait(b"")
        await _settle()


async def _told_to_come_again(reading: Any) -> None:
    with pytest.raises(Temporary):
        await asyncio.wait_for(reading, 2.0)


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def _coming(bodies: Bodies, remote: str, count: int) -> tuple[Sending, Any]:
    sending = Sending(remote)
    reading = asyncio.create_task(bodies.read(sending, 1000))  # type: ignore[arg-type]
    await sending.send(count)
    return sending, reading


async def test_all_of_it_is_read_and_nothing_is_held_afterwards() -> None:
    bodies = Bodies(100)
    sending, reading = await _coming(bodies, "a", 30)
    await sending.send(30)
    assert bodies.held == 60
    await sending.end()
    assert (await reading, bodies.held) == (b"a" * 60, 0)


async def test_who_holds_most_gives_way_with_the_oldest() -> None:
    bodies = Bodies(100)
    _, honest = await _coming(bodies, "10.0.0.1", 30)
    _, first = await _coming(bodies, "10.0.0.2", 30)
    _, second = await _coming(bodies, "10.0.0.2", 30)
    await _coming(bodies, "10.0.0.3", 20)
    await _told_to_come_again(first)
    assert not honest.done()
    assert not second.done()
    assert bodies.held == 80


async def test_one_network_of_ipv6_is_one_sender() -> None:
    bodies = Bodies(100)
    _, honest = await _coming(bodies, "10.0.0.1", 35)
    _, first = await _coming(bodies, "2001:db8::1", 20)
    await _coming(bodies, "2001:db8::2", 20)
    await _coming(bodies, "2001:db8::3", 30)
    await _told_to_come_again(first)
    assert not honest.done()


async def test_a_single_one_may_be_larger_and_gives_way_when_another_comes() -> None:
    bodies = Bodies(100)
    sending, reading = await _coming(bodies, "a", 300)
    await sending.end()
    assert len(await reading) == 300
    _, large = await _coming(bodies, "a", 300)
    small, other = await _coming(bodies, "b", 10)
    await _told_to_come_again(large)
    await small.end()
    assert len(await other) == 10


async def test_who_gives_way_in_the_moment_of_its_last_bytes_was_not_read_empty() -> None:
    bodies = Bodies(100)
    last, reading = await _coming(bodies, "a", 60)
    other = Sending("b")
    taking = asyncio.create_task(bodies.read(other, 1000))  # type: ignore[arg-type]
    await _settle()
    other._pipe.put_nowait(b"b" * 50)
    last._pipe.put_nowait(b"a" * 10)
    last._pipe.put_nowait(b"")
    await _told_to_come_again(reading)
    other._pipe.put_nowait(b"")
    assert await taking == b"b" * 50
    assert bodies.held == 0


async def test_too_large_a_one_and_a_limit_of_the_reader_leave_nothing_held() -> None:
    bodies = Bodies(5000)
    _, large = await _coming(bodies, "a", 1001)
    with pytest.raises(TooLarge):
        await large
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await bodies.read(Sending("a"), 10)  # type: ignore[arg-type]
    assert bodies.held == 0
