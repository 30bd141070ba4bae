"""A channel from outside, as small as one can be: pages come by POST, answers go by POST."""

import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from models.errors import Permanent, Temporary
from models.ids import uuid7
from models.message import (
    Envelope,
    InboundMessage,
    Lane,
    Normalized,
    OutboundMessage,
    ReplyRoute,
    Sender,
    SendResult,
    Trust,
)
from models.platform_api import not_sent, perhaps_sent, retry_after, too_fast
from models.ports import Door
from models.sending import characters, in_turn, split

MAX_CHARACTERS = 160


class Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: SecretStr = Field(description="网关的令牌 / The gateway's token.")
    gateway: str = Field(description="网关的网址 / The gateway's address.")


class PagerChannel:
    name = "pager"
    lane = Lane.LIVE
    isolated = False
    repeatable = False

    def __init__(self, options: Options) -> None:
        self._options = options
        self._door: Door | None = None

    # -- receive -----------------------------------------------------------------------

    async def open(self, door: Door, /) -> None:
        self._door = door
        door.http.router.add_post("/pager", self._receive)

    async def close(self) -> None: ...

    async def _receive(self, request: web.Request) -> web.Response:
        assert self._door is not None
        given, wanted = request.headers.get("X-Pager", ""), self._options.token.get_secret_value()
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            return web.Response(status=401)
        raw, now = await request.read(), self._door.clock()
        try:
            key = str(json.loads(raw)["id"])
        except (ValueError, TypeError, KeyError):
            return web.Response(status=400)
        envelope = Envelope(uuid7(now), self.name, "pager", key, raw, now, self.lane)
        try:
            await self._door.accept([envelope])
        except Temporary:
            return web.Response(status=503)
        return web.Response(status=204)  # only now: it is stored

    # -- normalize ---------------------------------------------------------------------

    def normalize(self, envelope: Envelope, /) -> list[Normalized]:
        try:
            page = json.loads(envelope.body)
            key, number, text = str(page["id"]), str(page["from"]), str(page["text"])
        except (ValueError, TypeError, KeyError) as error:
            raise Permanent(f"not a page: {type(error).__name__}") from error
        message = InboundMessage(
            id=uuid7(envelope.received_at),
            channel=envelope.channel,
            account=envelope.account,
            external_id=key,
            dedupe_key=envelope.dedupe_key,
            conversation_key=number,
            sender=Sender(external_id=number, phone=number),
            trust=Trust(level="platform", method="pager"),
            text=text,
            text_full=text,
            received_at=datetime.fromtimestamp(envelope.received_at, UTC),
            order_key=key.zfill(20),
            reply_route=ReplyRoute(adapter=self.name, address=number),
            raw_ref=envelope.id,
        )
        return [Normalized(message, {})]

    # -- send --------------------------------------------------------------------------

    async def send(self, outbound: OutboundMessage, /) -> SendResult:
        async def say(part: str) -> SendResult:
            return await self._say(outbound.route.address, part)

        parts = split(outbound.text, MAX_CHARACTERS, characters)
        return await in_turn([lambda part=part: say(part) for part in parts])  # type: ignore[misc]

    async def _say(self, number: str, text: str) -> SendResult:
        headers = {"X-Pager": self._options.token.get_secret_value()}
        said = {"to": number, "text": text}
        timeout = aiohttp.ClientTimeout(total=1)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as http,
                http.post(self._options.gateway, json=said, headers=headers) as reply,
            ):
                return _result(reply.status, reply.headers.get("Retry-After", ""))
        except aiohttp.ClientConnectorError as error:
            return not_sent(type(error).__name__)
        except (aiohttp.ClientError, OSError) as error:
            return perhaps_sent(type(error).__name__)

    def ready(self) -> str | None:
        return None


def _result(status: int, told: str) -> SendResult:
    if status < 300:
        return SendResult("sent")
    if status == 429:
        return too_fast("HTTP 429", retry_after(told))
    if status >= 500:
        return perhaps_sent(f"HTTP {status}")
    text = f"寻呼台没有接受（{status}） / The pager's gateway refuses it ({status})"
    return SendResult("failed", error=text)


def create(options: Mapping[str, Any], secret: bytes) -> PagerChannel:
    del secret
    return PagerChannel(Options.model_validate(dict(options)))
