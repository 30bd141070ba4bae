"""What tests hand in for the clock, the doorbell and the bus of a process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fnmatch import fnmatchcase


class FakeClock:
    """Time that the test moves."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


class FakeDoorbell:
    """Remembers for what work it was rung."""

    def __init__(self) -> None:
        self.rung: list[str] = []

    async def ring(self, work: str) -> None:
        self.rung.append(work)


class FakeBus:
    """The bus of one process."""

    def __init__(self) -> None:
        self._queues: dict[asyncio.Queue[str], tuple[str, ...]] = {}

    async def publish(self, topic: str, /) -> None:
        for queue, topics in self._queues.items():
            if any(fnmatchcase(topic, wanted) for wanted in topics):
                queue.put_nowait(topic)

    @asynccontextmanager
    async def subscribe(self, *topics: str) -> AsyncIterator[AsyncIterator[str]]:
        queue: asyncio.Queue[str] = asyncio.Queue()
        for topic in topics:
            queue.put_nowait(topic)
        self._queues[queue] = topics

        async def wakes() -> AsyncIterator[str]:
            while True:
                yield await queue.get()

        try:
            yield wakes()
        finally:
            del self._queues[queue]
