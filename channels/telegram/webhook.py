"""Updates posted to us: stored raw, and only then answered."""

import asyncio
import hashlib
import hmac
import itertools
import json

import structlog
from aiohttp import web
from telegram.error import TelegramError

from channels.telegram.api import Api
from channels.telegram.options import Options
from channels.telegram.receiving import DEAF, PAUSES, envelope, store
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
        self._task: asyncio.Task[None] | None = None
        self.trouble: str | None = None
        """Why Telegram may not know where to post."""

    def mount(self) -> None:
        self._door.http.router.add_post("/telegram/webhook", self.receive)

    def start(self) -> None:
        """Tells Telegram our address, until it has heard: it keeps updates for a day."""
        self._task = asyncio.create_task(self._announce(), name="telegram webhook")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _announce(self) -> None:
        assert self._options.webhook is not None
        for pause in itertools.chain(PAUSES, itertools.repeat(PAUSES[-1])):
            try:
                await self._api.set_webhook(self._options.webhook, self.secret)
            except TelegramError as error:
                what = type(error).__name__
                _log.warning("telegram webhook not set", error=what, pause=pause)
                self.trouble = DEAF.format(what)
            else:
                self.trouble = None
                return
            await asyncio.sleep(pause)

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
