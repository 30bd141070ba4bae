"""Updates posted to us: stored raw, and only then answered."""

import hashlib
import hmac
import json

import structlog
from aiohttp import web
from telegram.error import TelegramError

from channels.telegram.api import Api
from channels.telegram.options import Options
from channels.telegram.receiving import envelope, store
from models.errors import Rejected, Temporary
from models.ports import Door

_log = structlog.stdlib.get_logger(__name__)

_HEADER = "X-Telegram-Bot-Api-Secret-Token"


class Webhook:
    """``POST /telegram/webhook``; anything but 2xx makes Telegram send the update again."""

    def __init__(self, options: Options, secret: bytes, api: Api, door: Door) -> None:
        self._options = options
        self._api = api
        self._door = door
        own = f"webhook.{options.token.get_secret_value()}".encode()
        self.secret = hmac.new(secret, own, hashlib.sha256).hexdigest()

    def mount(self) -> None:
        self._door.http.router.add_post("/telegram/webhook", self.receive)

    async def announce(self) -> None:
        """Tells Telegram our address; it keeps updates for a day where that fails."""
        assert self._options.webhook is not None
        try:
            await self._api.set_webhook(self._options.webhook, self.secret)
        except TelegramError as error:
            _log.error("telegram webhook not set", error=type(error).__name__)

    async def receive(self, request: web.Request) -> web.Response:
        given = request.headers.get(_HEADER, "")
        if not hmac.compare_digest(given.encode(errors="surrogateescape"), self.secret.encode()):
            return web.Response(status=401, text="wrong secret token")
        try:
            made = envelope(self._options, await request.read(), self._door.clock())
            await store(self._door, [made])
            await self._api.noticed([json.loads(made.body)])
        except Rejected as error:
            return web.Response(status=400, text=str(error))
        except Temporary:
            return web.Response(status=503, headers={"Retry-After": "5"})
        return web.Response()
