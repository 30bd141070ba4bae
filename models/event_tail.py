"""Following the numbered events: woken by the bus, sure by the clock."""

import asyncio
from collections.abc import AsyncIterator
from typing import Self

from models.errors import Temporary
from models.ports import Bus
from models.store import Store
from models.store.ground.database import Event

EVENTS = "events"
"""The bus topic that is published after every commit with events."""


def typing_topic(side: str, conversation_id: str) -> str:
    """The bus topic that says “somebody is writing”; ``side`` is “us” or “customer”.

    Nothing else carries it: it is stale in seconds, and lost without harm.
    """
    return f"typing:{side}:{conversation_id}"


_PAGE = 500
_POLL_SECONDS = 5.0
"""The bus is a hint: whoever follows looks for itself at least this often."""


async def follow(store: Store, bus: Bus, after: int) -> AsyncIterator[list[Event]]:
    """Yields events with greater numbers than ``after``, in order, for ever.

    Goes on through a database or a bus that is down for a while.
    """
    async with bus.subscribe(EVENTS) as wakes, _Alarm(wakes) as alarm:
        while True:
            try:
                events = await store.events.after(after, _PAGE)
            except Temporary:
                events = []
            if events:
                after = events[-1].seq
                yield events
            if len(events) < _PAGE:
                await alarm.wait(_POLL_SECONDS)


class _Alarm:
    """Waits for the next wake with a time limit, without cancelling the bus's iterator.

    Cancelling ``anext`` of an async generator would end the generator, and with it the
    subscription; so one task waits for the wake, across as many limits as it takes.
    """

    def __init__(self, wakes: AsyncIterator[str]) -> None:
        self._wakes = wakes
        self._next: asyncio.Future[str] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._next is not None:
            self._next.cancel()
            await asyncio.gather(self._next, return_exceptions=True)

    async def wait(self, seconds: float) -> None:
        if self._next is None:
            self._next = asyncio.ensure_future(anext(self._wakes))
        done, _ = await asyncio.wait({self._next}, timeout=seconds)
        if not done:
            return
        failed = self._next.exception() is not None
        self._next = None
        if failed:  # a bus that is broken must not turn polling into spinning
            await asyncio.sleep(seconds)
