"""What was said while nobody listened: Slack gives up on an event after some minutes."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable

import aiohttp
import structlog
from slack_sdk.errors import SlackClientError

from channels.slack.api import Api
from channels.slack.options import Options
from channels.slack.receiving import from_history
from models.errors import Conflict, Temporary
from models.message import Envelope
from models.ports import Door
from models.store.ground.leases import Held

_log = structlog.stdlib.get_logger(__name__)

_OVERLAP_SECONDS = 120.0
"""Read again before the moment up to which all was heard; what is known changes nothing."""

_MOST_TOGETHER = 100
_STOP_SECONDS = 5.0


class Backfill:
    """Notes how far was heard, and reads histories from there after a gap; one process at a time.

    The first start ever begins now: nobody wants the years before as tickets.
    """

    def __init__(self, options: Options, api: Api, door: Door, hears: Callable[[], bool]) -> None:
        self._options = options
        self._api = api
        self._door = door
        self._hears = hears
        self._holder = str(uuid.uuid4())
        self._whole = False
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._stay(), name="slack backfill")

    async def stop(self) -> None:
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=_STOP_SECONDS)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _stay(self) -> None:
        while not self._stopping.is_set():
            try:
                await self.step()
            except (Temporary, Conflict, SlackClientError, aiohttp.ClientError, OSError) as error:
                _log.warning("slack history not read", error=type(error).__name__)
                self._whole = False
            except Exception:  # noqa: BLE001  no fault may end the reading for good
                _log.exception("reading slack history broke")
                self._whole = False
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._options.backfill_seconds)

    async def step(self) -> None:
        """Makes up for a gap, if there is one, and notes that all is heard up to now.

        Raises:
            Temporary, Conflict, SlackClientError: not this time.
        """
        held = await self._lease()
        if held is None or not self._hears():
            self._whole = False  # somebody else notes it, or there is a gap just now
            return
        now, cursors = self._door.clock(), self._door.store.cursors
        heard = await cursors.get("slack", self._options.account)
        if heard is not None and not self._whole:
            await self._read(float(heard) - _OVERLAP_SECONDS)
        self._whole = True
        await cursors.move("slack", self._options.account, now, held)

    async def _lease(self) -> Held | None:
        name, seconds = f"slack:{self._options.account}", 3 * self._options.backfill_seconds
        return await self._door.store.leases.take(name, self._holder, seconds)

    async def _read(self, since: float) -> None:
        count, together = 0, list[Envelope]()
        async for envelope in self._missed(since):
            together.append(envelope)
            count += 1
            if len(together) >= _MOST_TOGETHER:
                await self._door.accept(together)
                together = []
        if together:
            await self._door.accept(together)
        _log.info("slack history read", messages=count)

    async def _missed(self, since: float) -> AsyncIterator[Envelope]:
        """Everything in the channels, in the threads begun there, and in those of open tickets."""
        who = await self._api.who()
        now = self._door.clock()
        keys = await self._door.store.conversations.open_keys("slack", self._options.account)
        async for place in self._api.places():
            # Many channels take minutes: another process would begin anew, and neither get done.
            await self._lease()
            threads = {ts for key in keys if (ts := _thread(key, str(place["id"])))}
            async for message in self._api.history(str(place["id"]), since):
                yield from_history(self._options, who, place, message, now)
                if message.get("reply_count"):
                    threads.add(str(message["ts"]))
            for ts in sorted(threads):
                await self._lease()
                async for message in self._api.replies(str(place["id"]), ts, since):
                    yield from_history(self._options, who, place, message, now)


def _thread(key: str, place: str) -> str:
    """The thread of a conversation's key, if it is one of this channel."""
    channel, _, ts = key.partition(":")
    return ts if channel == place else ""
