"""Following the numbered events: woken by the bus, sure by the clock."""

import asyncio
from collections.abc import AsyncIterator

from models.errors import Temporary
from models.ports import Bus
from models.store import Store
from models.store.database import Event

EVENTS = "events"
"""The bus topic that is published after every commit with events."""

_PAGE = 500
_POLL_SECONDS = 5.0
"""The bus is a hint: whoever follows looks for itself at least this often."""


async def follow(store: Store, bus: Bus, after: int) -> AsyncIterator[list[Event]]:
    """Yields events with greater numbers than ``after``, in order, for ever.

    Goes on through a database or a bus that is down for a while.
    """
    async with bus.subscribe(EVENTS) as wakes:
        while True:
            try:
                events = await store.events.after(after, _PAGE)
            except Temporary:
                events = []
            if events:
                after = events[-1].seq
                yield events
            if len(events) < _PAGE:
                await _woken(wakes)


async def _woken(wakes: AsyncIterator[str]) -> None:
    try:
        async with asyncio.timeout(_POLL_SECONDS):
            await anext(wakes)
    except (TimeoutError, StopAsyncIteration):
        return
