"""A role says every few seconds that it lives, so that somebody notices when none does."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from uuid import uuid4

from models.errors import Temporary
from models.store.ground.processes import Processes

ROLES = ("intake", "work", "desk", "clock")
"""What ``shouli run`` keeps alive, and what a deployment starts as often as it wants."""

BEAT_SECONDS = 5.0

_FAREWELL_SECONDS = 1.0
"""The end does not wait for a database that is away: the row grows silent by itself."""


@asynccontextmanager
async def heartbeat(
    processes: Processes, role: str, trouble: Callable[[], str | None] = lambda: None
) -> AsyncIterator[None]:
    """Says that this process lives as ``role`` while the block runs, and then takes leave.

    ``trouble`` is asked each time for what it cannot do now.
    """
    name = str(uuid4())
    beating = asyncio.create_task(_beat(processes, name, role, trouble))
    try:
        yield
    finally:
        beating.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beating
        with contextlib.suppress(Temporary, TimeoutError):
            async with asyncio.timeout(_FAREWELL_SECONDS):
                await processes.leave(name)


async def _beat(
    processes: Processes, name: str, role: str, trouble: Callable[[], str | None]
) -> None:
    host, ours = socket.gethostname(), version("shouli")
    while True:
        # Whoever works tells of a database that is away; silence is what this has to say.
        with contextlib.suppress(Temporary):
            await processes.beat(name, role, host, os.getpid(), ours, trouble())
        await asyncio.sleep(BEAT_SECONDS)
