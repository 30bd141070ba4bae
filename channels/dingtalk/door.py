"""Messages that DingTalk posts (“HTTP 模式”): verified, stored, and only then answered."""

import structlog
from aiohttp import web

from channels.dingtalk.options import Options
from channels.dingtalk.proof import signed
from channels.dingtalk.receiving import envelope, read
from models.errors import Rejected, Temporary
from models.ports import Door

_log = structlog.stdlib.get_logger(__name__)

PATH = "/dingtalk/messages"


class Posts:
    """``POST /dingtalk/messages``."""

    def __init__(self, options: Options, door: Door) -> None:
        self._account = options.account
        self._secret = options.client_secret.get_secret_value()
        self._door = door

    def mount(self) -> None:
        self._door.http.router.add_post(PATH, self.receive)

    async def receive(self, request: web.Request) -> web.Response:
        try:
            raw = await self._proven(request)
            await self._door.accept([envelope(self._account, raw, self._door.clock())])
        except Rejected as error:
            # To the operator in words; to whoever asks all refusals are alike.
            _log.warning("dingtalk message refused", reason=str(error))
            return web.Response(status=401, text="not proven")
        except Temporary:
            return web.Response(status=503, headers={"Retry-After": "5"})
        return web.json_response({})

    async def _proven(self, request: web.Request) -> bytes:
        """The body of a post that DingTalk has signed.

        Raises:
            Rejected: it is not from DingTalk, or sealed.
        """
        given, timestamp = (request.headers.get(name, "") for name in ("sign", "timestamp"))
        # The signature is of the headers alone, so it is looked at before the body.
        if not signed(given, timestamp, self._secret, self._door.clock()):
            raise Rejected("its signature is wrong or too old: check client_secret and clock")
        raw = await request.read()
        if "encrypt" in read(raw):
            raise Rejected("it is encrypted: turn that off in the console, or use the stream")
        return raw
