"""Fetching files that platforms keep: by itself, so that no ticket ever waits for one."""

import asyncio
from collections.abc import Callable, Mapping

import structlog

from models.errors import Permanent, Temporary
from models.ports import Channel, Fetches
from models.store import Store
from models.store.intake.files import Due

_log = structlog.stdlib.get_logger(__name__)

_TOGETHER = 4
_LEASE_SECONDS = 180.0
_ATTEMPT_SECONDS = 120.0
"""Less than the lease, which must not run out over an attempt."""

_FIRST_PAUSE, _LONGEST_PAUSE = 10.0, 3600.0
_ATTEMPTS = 12
"""About nine hours; all platforms keep what they announced for longer, WeChat for three days."""


class Fetcher:
    """Asks channels for files that are due, a few at a time."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """When ``stopping`` says so, no other file is begun."""
        self._store = store
        self._channels = {n: ch for n, ch in channels.items() if isinstance(ch, Fetches)}
        self._stopping = stopping
        self._turn = asyncio.Lock()

    @property
    def wanted(self) -> bool:
        """Whether any open channel has files to be fetched."""
        return bool(self._channels)

    async def run(self) -> int:
        """Fetches what is due; returns how many files were asked for.

        Raises:
            Temporary: the database is out of reach.
        """
        if not self._channels or self._turn.locked():
            return 0
        count = 0
        async with self._turn:
            while not self._stopping():
                due = await self._store.files.lease(
                    _TOGETHER, _LEASE_SECONDS, list(self._channels)
                )
                if not due:
                    break
                count += len(due)
                await asyncio.gather(*(self._fetch(one) for one in due))
        return count

    async def _fetch(self, due: Due) -> None:
        try:
            async with asyncio.timeout(_ATTEMPT_SECONDS):
                file = await self._channels[due.channel].fetch(due.account, due.ref)
        except Permanent as error:
            await self._store.files.refuse(due, str(error))
            return
        except Exception as error:  # noqa: BLE001  whatever it was, the next attempt may go well
            await self._again(due, error)
            return
        try:
            await self._store.files.store(due, file)
        except Temporary as error:
            await self._again(due, error)

    async def _again(self, due: Due, error: Exception) -> None:
        _log.warning(
            "file not fetched", file=due.id, channel=due.channel, error=type(error).__name__
        )
        why = str(error) if isinstance(error, Temporary) else type(error).__name__
        if due.attempts >= _ATTEMPTS:
            await self._store.files.refuse(due, why)
            return
        pause = min(_FIRST_PAUSE * 2 ** (due.attempts - 1), _LONGEST_PAUSE)
        await self._store.files.postpone(due, why, pause)
