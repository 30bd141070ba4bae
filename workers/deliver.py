"""Sending answers: each with its channel's voice, in the order of its conversation."""

import asyncio
from collections.abc import Mapping

import structlog

from models.message import OutboundMessage, SendResult
from models.ports import Channel
from models.store import Store

_log = structlog.stdlib.get_logger(__name__)

_BATCH = 32
_LEASE_SECONDS = 120.0
_UNREADY_SECONDS = 60.0
"""How soon a channel that cannot send now (no relay, say) is asked again."""

_MAX_ATTEMPTS = 20


class Deliverer:
    """Retries what certainly was not sent, and leaves what nobody can know to a person."""

    def __init__(self, store: Store, channels: Mapping[str, Channel]) -> None:
        self._store = store
        self._channels = channels

    async def run(self) -> int:
        """Sends what is due; returns how many answers were tried.

        Raises:
            Temporary: the database is out of reach; the leases run out by themselves.
        """
        tried = 0
        while sending := await self._store.outbound.lease(_BATCH, _LEASE_SECONDS):
            results = await asyncio.gather(*(self._attempt(m) for m in sending.messages))
            for message, result in zip(sending.messages, results, strict=True):
                await self._store.outbound.finish(sending.token, message.id, result)
            tried += len(results)
        return tried

    async def expire(self) -> int:
        """Settles what a dead sender left behind; returns how many answers that were."""
        repeatable = [name for name, channel in self._channels.items() if channel.repeatable]
        return await self._store.outbound.expire(repeatable)

    async def _attempt(self, message: OutboundMessage) -> SendResult:
        channel = self._channels.get(message.channel)
        if channel is None:
            why = f"渠道 {message.channel} 未启用 / Channel {message.channel} is not open"
            return SendResult("retry", error=why, retry_after=_UNREADY_SECONDS)
        if problem := channel.ready():
            return SendResult("retry", error=problem, retry_after=_UNREADY_SECONDS)
        if not message.route.address:
            return SendResult("failed", error="没有可回复的地址 / There is no address to answer")
        try:
            result = await channel.send(message)
        except Exception as error:  # noqa: BLE001  whatever broke, it may have been sent before it broke
            _log.exception("sending broke", outbound=message.id, channel=message.channel)
            return SendResult("unknown", error=f"{type(error).__name__}")
        if result.state == "retry" and message.attempts >= _MAX_ATTEMPTS:
            return SendResult("failed", error=result.error)
        _log.info("answer", outbound=message.id, channel=message.channel, state=result.state)
        return result
