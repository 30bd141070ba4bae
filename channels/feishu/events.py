"""Feishu's event subscription, version 2.0: verified, stored, and only then answered."""

import hashlib
import json
from typing import Any

import structlog
from aiohttp import web

from channels.feishu.options import Options
from channels.feishu.proof import opened, same, signed
from models.errors import Rejected, Temporary
from models.ids import uuid7
from models.message import Envelope, Lane
from models.platform_api import TooLarge
from models.ports import Door

_log = structlog.stdlib.get_logger(__name__)

MAX_BYTES = 1024 * 1024
"""Of an event: a post, the largest, has some 30 KB."""


class Events:
    """``POST /feishu/events``; anything but 200 makes Feishu send the event again."""

    def __init__(self, options: Options, door: Door) -> None:
        key, token = options.encrypt_key, options.verification_token
        self._account = options.account
        self._key = key.get_secret_value() if key else None
        self._token = token.get_secret_value() if token else None
        self._door = door

    def mount(self) -> None:
        self._door.http.router.add_post("/feishu/events", self.receive)

    async def receive(self, request: web.Request) -> web.Response:
        try:
            raw = await self._door.bodies.read(request, MAX_BYTES)
            plain, told = self._proven(request, raw)
            if told.get("type") == "url_verification":
                return web.json_response({"challenge": _text(told.get("challenge"))})
            await self._door.accept([self._envelope(plain, told)])
        except Rejected as error:
            # To the operator in words; to whoever asks all refusals are alike.
            _log.warning("feishu event refused", reason=str(error))
            return web.Response(status=401, text="not proven")
        except TooLarge:
            return web.Response(status=413)
        except Temporary:
            # Feishu comes again: after 15 seconds, 5 minutes, an hour, six hours.
            return web.Response(status=503, headers={"Retry-After": "5"})
        return web.json_response({})

    def _proven(self, request: web.Request, raw: bytes) -> tuple[bytes, dict[str, Any]]:
        """The event in the clear: as bytes, and read.

        Raises:
            Rejected: it is not from Feishu, or not for our app.
        """
        plain, told = raw, _read(raw)
        if self._key is not None:
            plain = opened(self._key, _text(told.get("encrypt")))
            told = _read(plain)
            # Feishu's own SDKs look for no signature of the handshake, which stores nothing.
            if told.get("type") != "url_verification" and not self._signed(request, raw):
                raise Rejected("its signature is wrong or too old: check encrypt_key and clock")
        elif "encrypt" in told:
            raise Rejected("it is encrypted: set encrypt_key")
        if self._token is not None and not same(_token(told), self._token):
            raise Rejected("its token is not our verification_token")
        return plain, told

    def _signed(self, request: web.Request, raw: bytes) -> bool:
        assert self._key is not None
        given, timestamp, nonce = (
            request.headers.get(name, "")
            for name in ("X-Lark-Signature", "X-Lark-Request-Timestamp", "X-Lark-Request-Nonce")
        )
        return signed(given, timestamp, nonce, self._key, raw, self._door.clock())

    def _envelope(self, plain: bytes, told: dict[str, Any]) -> Envelope:
        """Under the event's own id: it stays the same when Feishu sends it again."""
        now, header = self._door.clock(), _map(told.get("header"))
        name = header.get("event_id") or hashlib.sha256(plain).hexdigest()
        return Envelope(
            id=uuid7(now),
            channel="feishu",
            account=self._account,
            dedupe_key=str(name)[:255],
            body=plain,
            received_at=now,
            lane=Lane.LIVE,
        )


def _read(raw: bytes) -> dict[str, Any]:
    try:
        return _map(json.loads(raw))
    except (ValueError, RecursionError) as error:
        raise Rejected("it is no JSON") from error


def _map(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _text(found: Any) -> str:
    return found if isinstance(found, str) else ""


def _token(told: dict[str, Any]) -> str:
    """Of an event in its header, of the handshake beside it."""
    return _text(_map(told.get("header")).get("token")) or _text(told.get("token"))
