"""The address that WeChat posts to: verifies, stores, and only then says “success”."""

import hashlib
import re

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage

from channels.tencent.encryption import signed, unseal
from channels.tencent.fields import MAX_BYTES, fields
from channels.wechat.options import Options
from channels.wechat.reading import post
from models.errors import Permanent, Rejected, Temporary
from models.ids import uuid7
from models.message import Envelope, Lane
from models.platform_api import TooLarge
from models.ports import Door

_log = structlog.stdlib.get_logger(__name__)

PATH = "/wechat/callback"

_ECHO = re.compile("[A-Za-z0-9_+/=-]{1,128}")


class Unproven(Exception):
    """No signature of WeChat, or an old one."""


class Callback:
    """``GET`` when the account is set up, ``POST`` for each message.

    WeChat waits five seconds and posts three times; a message that it posts again is known.
    """

    def __init__(self, options: Options, door: Door) -> None:
        self._door = door
        self._appid = options.appid
        self._token = options.token.get_secret_value()
        self._keys = tuple(key.get_secret_value() for key in options.encoding_aes_keys)

    def mount(self) -> None:
        self._door.http.router.add_get(PATH, self.greet, allow_head=False)
        self._door.http.router.add_post(PATH, self.receive)

    async def greet(self, request: web.Request) -> web.Response:
        """Shows WeChat that we know the Token."""
        echo = request.query.get("echostr", "")
        if not self._proven(request, "signature") or not _ECHO.fullmatch(echo):
            return web.Response(status=401, text="wrong signature")
        return web.Response(text=echo, headers={"X-Content-Type-Options": "nosniff"})

    async def receive(self, request: web.Request) -> web.Response:
        try:
            message = await self._message(request)
            await self._door.accept([self._envelope(message)])
        except Unproven:
            return web.Response(status=401, text="wrong signature")
        except (Rejected, Permanent) as error:
            return web.Response(status=400, text=str(error))
        except Temporary:
            return web.Response(status=503, headers={"Retry-After": "5"})
        return web.Response(text="success")

    async def _message(self, request: web.Request) -> bytes:
        """The body, as it came or as it was sealed.

        Raises:
            Unproven: WeChat did not send this.
            Rejected, Permanent: it cannot be read.
        """
        if not self._keys:
            # Its signature is that of the address alone, so it is looked at before the body.
            if not self._proven(request, "signature"):
                raise Unproven
            return await self._body(request)
        sealed = fields(await self._body(request)).get("Encrypt", "")
        if not sealed or not self._proven(request, "msg_signature", sealed):
            raise Unproven
        for key in self._keys:
            message = unseal(key, sealed, self._appid)
            if message is not None:
                return message
        _log.error("wechat message not decrypted: compare appid and encoding_aes_keys")
        raise Rejected("this is sealed with another key, or for another account")

    async def _body(self, request: web.Request) -> bytes:
        try:
            return await self._door.bodies.read(request, MAX_BYTES)
        except TooLarge as error:
            raise Rejected("larger than any message of WeChat") from error
        except (BadHttpMessage, web.RequestPayloadError) as error:
            raise Rejected("not what its headers say") from error

    def _proven(self, request: web.Request, name: str, *more: str) -> bool:
        query = request.query
        given, timestamp = query.get(name, ""), query.get("timestamp", "")
        now, nonce = self._door.clock(), query.get("nonce", "")
        return signed(given, now, self._token, timestamp, nonce, *more)

    def _envelope(self, message: bytes) -> Envelope:
        now = self._door.clock()
        return Envelope(
            id=uuid7(now),
            channel="wechat",
            account=self._appid,
            dedupe_key=_key(message),
            body=message,
            received_at=now,
            lane=Lane.LIVE,
        )


def _key(message: bytes) -> str:
    """What a repetition has again. WeChat vouches for what we cannot read: it is kept as well."""
    try:
        return post(message).key
    except Permanent:
        return hashlib.sha256(message).hexdigest()
