"""The address where WeCom rings: what it rings for is fetched, and only then is it answered."""

import re

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage

from channels.tencent.encryption import signed, unseal
from channels.tencent.fields import MAX_BYTES, fields
from channels.wecom.options import Options
from channels.wecom.syncing import Syncing
from models.errors import Permanent, Rejected, Temporary
from models.platform_api import TooLarge, read_at_most
from models.ports import Door

_log = structlog.stdlib.get_logger(__name__)

PATH = "/wecom/callback"

_NEWS = "kf_msg_or_event"

_ECHO = re.compile(rb"[A-Za-z0-9_+/=-]{1,128}")


class Unproven(Exception):
    """No signature of WeCom, or an old one."""


class Callback:
    """``GET`` when the address is set up, ``POST`` for each piece of news.

    WeCom waits five seconds, and rings three times. A notification says that something came,
    not what: a lost one loses nothing (``Syncing`` looks by itself, too).
    """

    def __init__(self, options: Options, door: Door, syncing: Syncing) -> None:
        self._door = door
        self._syncing = syncing
        self._corp_id = options.corp_id
        self._token = options.token.get_secret_value()
        self._keys = tuple(key.get_secret_value() for key in options.encoding_aes_keys)

    def mount(self) -> None:
        self._door.http.router.add_get(PATH, self.greet, allow_head=False)
        self._door.http.router.add_post(PATH, self.receive)

    async def greet(self, request: web.Request) -> web.Response:
        """Shows WeCom that we know the Token and the key."""
        try:
            echo = self._opened(request, request.query.get("echostr", ""))
        except (Unproven, Rejected):
            return web.Response(status=401, text="wrong signature or key")
        if not _ECHO.fullmatch(echo):
            return web.Response(status=401, text="wrong signature or key")
        return web.Response(body=echo, content_type="text/plain")

    async def receive(self, request: web.Request) -> web.Response:
        try:
            sealed = fields(await _body(request)).get("Encrypt", "")
            told = fields(self._opened(request, sealed))
            if told.get("Event") == _NEWS:
                await self._syncing.heard(told.get("OpenKfId", ""), told.get("Token", ""))
        except Unproven:
            return web.Response(status=401, text="wrong signature")
        except (Rejected, Permanent) as error:
            return web.Response(status=400, text=str(error))
        except Temporary:
            return web.Response(status=503, headers={"Retry-After": "5"})
        return web.Response(text="success")

    def _opened(self, request: web.Request, sealed: str) -> bytes:
        """What is in a sealed text, whose signature is in the query.

        Raises:
            Unproven: WeCom did not send this.
            Rejected: it has another key, or is for another company.
        """
        query = request.query
        given, timestamp = query.get("msg_signature", ""), query.get("timestamp", "")
        nonce = query.get("nonce", "")
        if not sealed or not signed(
            given, self._door.clock(), self._token, timestamp, nonce, sealed
        ):
            raise Unproven
        for key in self._keys:
            if (plain := unseal(key, sealed, self._corp_id)) is not None:
                return plain
        _log.error("wecom notification not decrypted: compare corp_id and encoding_aes_keys")
        raise Rejected("this is sealed with another key, or for another company")


async def _body(request: web.Request) -> bytes:
    try:
        return await read_at_most(MAX_BYTES, request.content.iter_any())
    except TooLarge as error:
        raise Rejected("larger than any notification of WeCom") from error
    except (BadHttpMessage, web.RequestPayloadError) as error:
        raise Rejected("not what its headers say") from error
