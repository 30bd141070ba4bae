"""The address where WeCom rings: what it rings for is fetched, and only then is it answered."""

import re

from aiohttp import web

from channels.tencent.fields import fields
from channels.tencent.proof import Proof, Unproven, read_body
from channels.wecom.options import Options
from channels.wecom.syncing import Syncing
from models.errors import Permanent, Rejected, Temporary
from models.ports import Door

PATH = "/wecom/callback"

_NEWS = "kf_msg_or_event"

_ECHO = re.compile(rb"[A-Za-z0-9_+/=-]{1,128}")


class Callback:
    """``GET`` when the address is set up, ``POST`` for each piece of news.

    WeCom waits five seconds, and rings three times. A notification says that something came,
    not what: a lost one loses nothing (``Syncing`` looks by itself, too).
    """

    def __init__(self, options: Options, door: Door, syncing: Syncing) -> None:
        self._door = door
        self._syncing = syncing
        self._proof = Proof(options.token, options.encoding_aes_keys, options.corp_id, door.clock)

    def mount(self) -> None:
        self._door.http.router.add_get(PATH, self.greet, allow_head=False)
        self._door.http.router.add_post(PATH, self.receive)

    async def greet(self, request: web.Request) -> web.Response:
        """Shows WeCom that we know the Token and the key."""
        try:
            echo = self._proof.opened(request, request.query.get("echostr", ""))
        except (Unproven, Rejected):
            return web.Response(status=401, text="wrong signature or key")
        if not _ECHO.fullmatch(echo):
            return web.Response(status=401, text="wrong signature or key")
        return web.Response(
            body=echo, content_type="text/plain", headers={"X-Content-Type-Options": "nosniff"}
        )

    async def receive(self, request: web.Request) -> web.Response:
        try:
            sealed = fields(await read_body(request, self._door.bodies)).get("Encrypt", "")
            told = fields(self._proof.opened(request, sealed))
            if told.get("Event") == _NEWS:
                await self._syncing.heard(told.get("OpenKfId", ""), told.get("Token", ""))
        except Unproven:
            return web.Response(status=401, text="wrong signature")
        except (Rejected, Permanent) as error:
            return web.Response(status=400, text=str(error))
        except Temporary:
            return web.Response(status=503, headers={"Retry-After": "5"})
        return web.Response(text="success")
