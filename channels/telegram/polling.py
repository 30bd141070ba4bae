"""Updates asked for: the offset moves only after the commit, and one process at a time asks."""

import asyncio
import contextlib
import json
import uuid
from typing import Any

import structlog
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError

from channels.telegram.api import Api, told
from channels.telegram.options import Options
from channels.telegram.receiving import DEAF, PAUSES, envelope, store
from models.errors import Temporary
from models.ports import Door
from models.store.ground.leases import Held

_log = structlog.stdlib.get_logger(__name__)

_RENEW_SECONDS = 3.0
_LEASE_SECONDS = 12.0
_STOP_SECONDS = 5.0


class Polling:
    """getUpdates, while this process holds the bot's lease.

    Only the question itself is ever broken off: what touches the database is let finish.
    """

    def __init__(self, options: Options, api: Api, door: Door) -> None:
        self._options = options
        self._api = api
        self._door = door
        self._name = f"telegram:{options.account}"
        self._holder = str(uuid.uuid4())
        self._held: Held | None = None
        self._stored: int | None = None
        self._answered = False
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[list[dict[str, Any]]] | None = None
        self.trouble: str | None = None
        """Why nothing comes; a question that fails once is none."""

    def start(self) -> None:
        self._task = asyncio.create_task(self._stay(), name="telegram polling")

    async def stop(self) -> None:
        """Stops asking; what was stored is confirmed by whoever asks next."""
        self._stopping.set()
        self._break_off()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=_STOP_SECONDS)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _break_off(self) -> None:
        if self._asking is not None:
            self._asking.cancel()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _stay(self) -> None:
        """Polls whenever nobody else does."""
        try:
            while not self._stopping.is_set():
                try:
                    self.trouble = None
                    if await self._take():
                        await self._poll_while_held()
                except Exception:  # noqa: BLE001  no fault may end the polling for good
                    _log.exception("telegram polling broke")
                await self._pause(_RENEW_SECONDS)
        finally:
            await self._drop()

    async def _take(self) -> bool:
        try:
            held = await self._door.store.leases.take(self._name, self._holder, _LEASE_SECONDS)
        except Temporary:
            held = None
        self._held = held
        return held is not None

    async def _drop(self) -> None:
        if self._held is not None:
            try:
                await self._door.store.leases.drop(self._held)
            except Temporary:
                _log.info("lease left to run out", lease=self._name)

    async def _poll_while_held(self) -> None:
        """Ends when the lease is lost, or somebody says that it was."""
        polling = asyncio.create_task(self._poll())
        try:
            while not polling.done():
                await asyncio.wait({polling}, timeout=_RENEW_SECONDS)
                if not polling.done() and not await self._take():
                    self._break_off()
            await polling
        finally:
            polling.cancel()

    async def _poll(self) -> None:
        failures = 0
        while self._held is not None and not self._stopping.is_set():
            try:
                await self._step()
                failures, self.trouble, self._answered = 0, None, True
            except (TelegramError, Temporary) as error:
                pause = PAUSES[min(failures, len(PAUSES) - 1)]
                if isinstance(error, RetryAfter):
                    pause = max(pause, told(error))
                if isinstance(error, InvalidToken):
                    pause = PAUSES[-1]
                failures += 1
                what = type(error).__name__
                _log.warning("telegram poll failed", error=what, pause=pause)
                if failures > 1 or isinstance(error, InvalidToken):
                    self.trouble = DEAF.format(what)
                # Only one that was there before us: while others go over to a webhook, whoever
                # still polls would take it from them.
                if isinstance(error, Conflict) and not self._answered:
                    await self._api.forget_webhook()
                await self._pause(pause)

    async def _step(self) -> None:
        """Asks, and stores what comes; the next question confirms what was stored.

        The number is said once and not kept. After a quiet week Telegram goes on from a random
        one, and a question from behind that would throw away what has a lower one. What an
        unconfirmed answer brings again is known by its key.
        """
        self._asking = asyncio.create_task(self._api.updates(self._stored))
        await asyncio.wait({self._asking})
        if self._asking.cancelled():
            return
        updates = self._asking.result()
        self._stored = None
        if not updates:
            return
        now = self._door.clock()
        made = [
            envelope(self._options, json.dumps(one, ensure_ascii=False).encode(), now)
            for one in updates
        ]
        await store(self._door, made)
        self._stored = max(int(one["update_id"]) for one in updates)
        await self._api.noticed(updates)
