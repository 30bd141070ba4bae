"""A role says every few seconds that it lives, so that somebody notices when none does."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from uuid import uuid4

import structlog

from models.errors import Temporary
from models.store.ground.processes import Processes

_log = structlog.stdlib.get_logger(__name__)

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
        try:
            await processes.beat(name, role, host, os.getpid(), ours, trouble())
        except Temporary:
            pass  # whoever works tells of a database that is away; silence is what this has to say
        except Exception:  # noqa: BLE001  silent for good, this process would count as dead
            _log.exception("heart missed a beat")
        await asyncio.sleep(BEAT_SECONDS)
