"""The address that WeChat posts to: verifies, stores, and only then says “success”."""

import hashlib
import re

from aiohttp import web

from channels.tencent.fields import fields
from channels.tencent.proof import Proof, Unproven, read_body
from channels.wechat.options import Options
from channels.wechat.reading import post
from models.errors import Permanent, Rejected, Temporary
from models.ids import uuid7
from models.message import Envelope, Lane
from models.ports import Door

PATH = "/wechat/callback"

_ECHO = re.compile("[A-Za-z0-9_+/=-]{1,128}")


class Callback:
    """``GET`` when the account is set up, ``POST`` for each message.

    WeChat waits five seconds and posts three times; a message that it posts again is known.
    """

    def __init__(self, options: Options, door: Door) -> None:
        self._door = door
        self._appid = options.appid
        self._sealing = bool(options.encoding_aes_keys)
        self._proof = Proof(options.token, options.encoding_aes_keys, options.appid, door.clock)

    def mount(self) -> None:
        self._door.http.router.add_get(PATH, self.greet, allow_head=False)
        self._door.http.router.add_post(PATH, self.receive)

    async def greet(self, request: web.Request) -> web.Response:
        """Shows WeChat that we know the Token."""
        echo = request.query.get("echostr", "")
        if not self._proof.holds(request, "signature") or not _ECHO.fullmatch(echo):
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
        if self._sealing:
            sealed = fields(await read_body(request, self._door.bodies)).get("Encrypt", "")
            return self._proof.opened(request, sealed)
        # Its signature is that of the address alone, so it is looked at before the body.
        if not self._proof.holds(request, "signature"):
            raise Unproven
        return await read_body(request, self._door.bodies)

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
