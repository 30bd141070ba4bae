"""Sending answers: each with its channel's voice, in the order of its conversation."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog

from models.errors import NotFound, Temporary
from models.message import OutboundMessage, SendResult
from models.ports import Channel, OffersChoices
from models.store import Store

_log = structlog.stdlib.get_logger(__name__)

_BATCH = 32
"""Answers that are being sent at the same time."""

_LEASE_SECONDS = 120.0
_ATTEMPT_SECONDS = 90.0
"""Less than the lease, which must not run out over an attempt."""

_LOOK_SECONDS = 1.0
"""How often new answers are looked for while slow ones are still being sent."""

_AGAIN_SECONDS, _LONGEST_PAUSE = 5.0, 900.0
"""Before what certainly was not sent is tried for the second time, twice as long each time, and
at most; longer where the channel says so."""

_MAX_ATTEMPTS = 24
"""Then it has failed, which its agent sees: after four hours, of what is out of reach."""

NO_ADDRESS = "没有可回复的地址 / There is no address to answer"

_SETTLE_PAUSES = (0.5, 1.0, 2.0, 4.0, *itertools.repeat(8.0, 450))
"""Before what became of an attempt is tried to be written down once more: for an hour. Whoever
forgets it leaves a person to find out, of each answer, what was known here."""


def _spelled(message: OutboundMessage, channel: Channel) -> OutboundMessage:
    """With its choices in the text, for a channel that has no buttons."""
    if not message.choices or isinstance(channel, OffersChoices):
        return message
    listed = " / ".join(choice.label for choice in message.choices)
    return replace(message, text=f"{message.text}\n{listed}")


def _pause(message: OutboundMessage) -> float:
    """Seconds until an answer is tried again that has been tried so often."""
    return min(_AGAIN_SECONDS * 2.0 ** (message.attempts - 1), _LONGEST_PAUSE)


class Deliverer:
    """Retries what certainly was not sent, and leaves what nobody can know to a person."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        *,
        patience: float = _ATTEMPT_SECONDS,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """``patience``: seconds an attempt may take. ``stopping``: whether to begin no other."""
        self._store = store
        self._channels = channels
        self._patience = patience
        self._stopping = stopping
        self._turn = asyncio.Lock()

    async def run(self) -> int:
        """Sends what is due; returns how many answers were tried.

        A slow one holds up nobody but its own conversation. Answers on a channel that is not
        ready stay where they are. Does nothing while it runs already: that run looks again.

        Raises:
            Temporary: the database is out of reach.
        """
        if self._turn.locked():
            return 0
        async with self._turn:
            sending: set[asyncio.Task[None]] = set()
            try:
                return await self._send_all(sending)
            except asyncio.CancelledError:
                for task in sending:
                    task.cancel()
                raise
            finally:
                await asyncio.gather(*sending, return_exceptions=True)

    async def _send_all(self, sending: set[asyncio.Task[None]]) -> int:
        tried = 0
        while True:
            leased = await self._lease(_BATCH - len(sending))
            for token, message in leased:
                sending.add(asyncio.create_task(self._deliver(token, message)))
            tried += len(leased)
            if not sending:
                return tried
            done, _ = await asyncio.wait(
                sending, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            sending -= done
            for task in done:
                task.result()

    async def _lease(self, room: int) -> list[tuple[str, OutboundMessage]]:
        if self._stopping():
            return []
        ready = [name for name, channel in self._channels.items() if channel.ready() is None]
        if not room or not ready:
            return []
        leased = await self._store.outbound.lease(room, _LEASE_SECONDS, ready)
        return [(leased.token, message) for message in leased.messages] if leased else []

    async def settle(self, seconds: float) -> None:
        """Waits until nothing is being sent, or that long: what is cut off is of unknown fate."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._turn:
                pass

    async def _deliver(self, token: str, message: OutboundMessage) -> None:
        """One attempt, and what became of it: written down even if the database is away."""
        result = await self._attempt(message)
        _log.info("answer", outbound=message.id, channel=message.channel, state=result.state)
        for pause in _SETTLE_PAUSES:
            try:
                if not await self._store.outbound.finish(token, message.id, result):
                    _log.warning("answer settled by somebody else", outbound=message.id)
                return
            except Temporary:
                await asyncio.sleep(pause)
        _log.error("answer left to its lease", outbound=message.id, state=result.state)

    async def _with_files(self, message: OutboundMessage) -> OutboundMessage:
        """The message with its files' contents, which are read for the attempt only."""
        wanted = {file.sha256 for file in message.attachments if file.sha256}
        files = {sha256: await self._store.blobs.get(sha256) for sha256 in wanted}
        return replace(message, files=files)

    async def _attempt(self, message: OutboundMessage) -> SendResult:
        if not message.route.address:
            return SendResult("failed", error=NO_ADDRESS)
        channel = self._channels[message.channel]
        try:
            async with asyncio.timeout(self._patience):
                result = await channel.send(await self._with_files(_spelled(message, channel)))
        except NotFound as error:
            return SendResult("failed", error=f"附件已不存在 / A file is gone: {error}")
        except Temporary as error:
            result = SendResult("retry", error=str(error))
        except Exception as error:  # noqa: BLE001  whatever broke, it may have been sent before it broke
            _log.exception("sending broke", outbound=message.id, channel=message.channel)
            name = type(error).__name__
            told = f"发送时出错，详见日志（{name}） / Sending broke, see the log ({name})"
            result = SendResult("retry" if channel.repeatable else "unknown", error=told)
        if result.state != "retry":
            return result
        if message.attempts >= _MAX_ATTEMPTS:
            return SendResult("failed", error=result.error)
        return replace(result, retry_after=max(result.retry_after, _pause(message)))
