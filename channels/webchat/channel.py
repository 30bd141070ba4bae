"""The channel: wires the parts together when the intake door opens."""

import asyncio

import structlog

from channels.webchat import reading, reception
from channels.webchat.http import Assets, Fallback, Gate
from channels.webchat.hub import Hub
from channels.webchat.limits import Buckets
from channels.webchat.options import Options
from channels.webchat.reception import Reception
from channels.webchat.service import Service
from channels.webchat.sockets import Sockets
from models.message import Envelope, Lane, Normalized, OutboundMessage, SendResult
from models.ports import Door

_SWEEP_SECONDS = 30.0


class WebchatChannel:
    """Chat on a web page. Implements ``models.ports.Channel``."""

    name = reception.CHANNEL
    lane = Lane.LIVE
    isolated = False
    original_ending = "json"
    repeatable = True
    offers_choices = True

    def __init__(self, options: Options, secret: bytes) -> None:
        self._options = options
        self._secret = secret
        self._hub: Hub | None = None
        self._sockets: Sockets | None = None
        self._sweeper: asyncio.Task[None] | None = None

    def normalize(self, envelope: Envelope, /) -> list[Normalized]:
        return reading.normalize(envelope)

    async def open(self, door: Door, /) -> None:
        """Mounts the routes and begins to follow the conversations."""
        options = self._options
        requests = Buckets(door.clock, options.requests_per_minute, options.request_burst)
        desk = Reception(options, self._secret, door.accept, door.store.blobs, door.clock)
        accounts = [options.account, *options.sites]
        self._hub = Hub(door.store, door.bus, door.clock, accounts)
        service = Service(options, self._secret, door, self._hub)
        self._sockets = Sockets(options, desk, service, requests, door.clock)
        gate = Gate(options, requests)
        fallback = Fallback(options, desk, service, self._sockets)
        served = Assets(options)
        add = door.http.router
        add.add_get("/webchat/ws", gate.guard(fallback.socket, needs_origin=True))
        add.add_post("/webchat/session", gate.guard(fallback.session, needs_origin=True))
        add.add_post("/webchat/messages", gate.guard(fallback.send, needs_origin=True))
        add.add_post("/webchat/read", gate.guard(fallback.read, needs_origin=True))
        add.add_post("/webchat/wish", gate.guard(fallback.wish, needs_origin=True))
        add.add_post("/webchat/files", gate.guard(fallback.upload, needs_origin=True))
        add.add_get("/webchat/files/{link}", gate.guard(fallback.download, needs_origin=False))
        # Browsers send no Origin with a GET to the page's own server; the token decides.
        add.add_get("/webchat/messages", gate.guard(fallback.poll, needs_origin=False))
        for path in ("session", "messages", "read", "wish", "files"):
            add.add_route("OPTIONS", f"/webchat/{path}", gate.preflight)
        add.add_get("/webchat/widget.js", served.widget)
        if options.demo_page:
            add.add_get("/", served.page)
            add.add_get("/webchat/demo.css", served.style)
        await self._hub.open()
        self._sweeper = asyncio.create_task(self._sweep(self._sockets), name="webchat sweep")

    @staticmethod
    async def _sweep(sockets: Sockets) -> None:
        log = structlog.get_logger(__name__)
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            if gone := await sockets.sweep():
                log.info("webchat.idle_closed", connections=gone)

    async def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        if self._sockets is not None:
            await self._sockets.close()
        if self._hub is not None:
            await self._hub.close()

    async def send(self, outbound: OutboundMessage, /) -> SendResult:
        """Nothing to do: the process that holds the socket pushes the log.

        The answer is ``delivered`` when the visitor's widget says that it has shown it.
        """
        del outbound
        return SendResult("waiting")

    def ready(self) -> str | None:
        return None
