"""Opens the channels, each by itself: one that cannot be opened keeps no other one shut."""

import asyncio
from collections.abc import Mapping

import structlog

from models.errors import Permanent
from models.ports import Channel, Door, Troubled

PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds before a channel that cannot be opened is tried for the second, third … time."""

_log = structlog.stdlib.get_logger(__name__)


class Openings:
    """What cannot be opened is tried again until it can be: a port is taken, a file unreadable.

    It is said in the log once, and told with each beat of the process.
    """

    def __init__(self, channels: Mapping[str, Channel], door: Door) -> None:
        self._channels = channels
        self._door = door
        self._troubles: dict[str, str] = {}
        self._again: list[asyncio.Task[None]] = []

    @property
    def trouble(self) -> str | None:
        """Which channels are not open or do not hear, and why; None when all is well."""
        deaf = {
            name: channel.trouble
            for name, channel in self._channels.items()
            if isinstance(channel, Troubled) and channel.trouble
        }
        told = [f"{name}: {why}" for name, why in sorted({**deaf, **self._troubles}.items())]
        return "; ".join(told) or None

    async def open(self) -> list[str]:
        """Tries each once; returns the names of those that are open."""
        for name in self._channels:
            if not await self._try(name):
                self._again.append(asyncio.create_task(self._try_again(name)))
        return sorted(self._channels.keys() - self._troubles.keys())

    async def close(self) -> None:
        """Tries no more, and closes every channel: at once, for a process has seconds to end."""
        for task in self._again:
            task.cancel()
        await asyncio.gather(*self._again, return_exceptions=True)
        closing = (channel.close() for channel in self._channels.values())
        ended = await asyncio.gather(*closing, return_exceptions=True)
        for name, error in zip(self._channels, ended, strict=True):
            if isinstance(error, Exception):
                _log.error("channel not closed in order", channel=name, exc_info=error)

    async def _try(self, name: str) -> bool:
        channel = self._channels[name]
        try:
            await channel.open(self._door)
        except Permanent as error:
            await channel.close()
            if self._troubles.get(name) != str(error):
                _log.error("channel not open", channel=name, error=str(error))
            self._troubles[name] = str(error)
            return False
        if self._troubles.pop(name, None) is not None:
            _log.info("channel open at last", channel=name)
        return True

    async def _try_again(self, name: str) -> None:
        tries = 0
        while True:
            await asyncio.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
            tries += 1
            try:
                if await self._try(name):
                    return
            except Exception as error:  # noqa: BLE001  nobody else would try it from then on
                _log.exception("channel not open", channel=name)
                self._troubles[name] = f"{type(error).__name__}: {error}"
