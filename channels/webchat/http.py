"""The HTTP side: the gate before every request, the fallback for sockets, and the assets."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from aiohttp import web

from channels.webchat import assets, protocol
from channels.webchat.assets import Asset
from channels.webchat.hub import Hub, Room
from channels.webchat.limits import Buckets, Seats, visitor_address, whole_seconds
from channels.webchat.options import Options
from channels.webchat.protocol import Hello, Msg, Read, Refused
from channels.webchat.reception import Reception, Session
from channels.webchat.sockets import RETRY_SECONDS, Sockets
from models.errors import Temporary
from models.store.conversations import Entry

STATUS = MappingProxyType(
    {
        "malformed": 400,
        "session": 401,
        "origin": 403,
        "slow": 408,
        "conflict": 409,
        "too_large": 413,
        "media_type": 415,
        "rate": 429,
        "connections": 429,
        "busy": 503,
    }
)
"""422 where nothing else is said."""

_BODY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Visit:
    """A request that passed the gate: whose it is, and from which site."""

    request: web.Request
    address: str
    origin: str


_Handler = Callable[[Visit], Awaitable[web.StreamResponse]]


class Gate:
    """Origin, rate and number of connections are checked before anything else."""

    def __init__(self, options: Options, requests: Buckets) -> None:
        self._options = options
        self._requests = requests
        self._seats = Seats(options.max_connections, options.connections_per_address)

    def guard(
        self, handler: _Handler, *, needs_origin: bool
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The handler behind the gate; refusals become answers with a sentence."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            origin = request.headers.get("Origin", "")
            try:
                self._check_origin(request, origin, needs_origin)
                response = await self._admit(handler, request, origin)
            except Refused as error:
                response = _refusal(error)
            except Temporary:
                response = _refusal(Refused("busy", retry_after=RETRY_SECONDS))
            return response if response.prepared else self._share(request, response)

        return guarded

    async def _admit(
        self, handler: _Handler, request: web.Request, origin: str
    ) -> web.StreamResponse:
        hops = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
        forwarded = [hop for hop in hops if hop.strip()]
        address = visitor_address(request.remote or "", forwarded, self._options.proxies)
        self._requests.take(address)
        self._seats.take(address)
        try:
            return await handler(Visit(request, address, origin))
        finally:
            self._seats.leave(address)

    async def preflight(self, request: web.Request) -> web.StreamResponse:
        """Tells a browser what a page of an allowed origin may ask for (CORS)."""
        response = web.Response(status=204)
        response.headers["Access-Control-Allow-Methods"] = "GET, POST"
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        response.headers["Access-Control-Max-Age"] = "600"
        return self._share(request, response)

    def _share(self, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        """Lets an allowed page read the answer (CORS); nobody stores it."""
        response.headers["Vary"] = "Origin"
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        origin = request.headers.get("Origin", "")
        if self._allowed(request, origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = "Retry-After"
        return response

    def _check_origin(self, request: web.Request, origin: str, needed: bool) -> None:
        if not origin and (self._options.missing_origin or not needed):
            return
        if not self._allowed(request, origin):
            raise Refused("origin")

    def _allowed(self, request: web.Request, origin: str) -> bool:
        # Our own page: the scheme may be another one than ours behind a proxy that ends TLS.
        own = {f"http://{request.host}", f"https://{request.host}"}
        return origin in own or origin in self._options.origins


class Fallback:
    """The protocol without sockets, for networks that let none through; same ids, same rules."""

    def __init__(self, options: Options, reception: Reception, hub: Hub, sockets: Sockets) -> None:
        self._options = options
        self._reception = reception
        self._hub = hub
        self._sockets = sockets

    async def socket(self, visit: Visit) -> web.StreamResponse:
        return await self._sockets.serve(visit.request, visit.address, visit.origin)

    async def session(self, visit: Visit) -> web.StreamResponse:
        """Opens or resumes a session; what was said is read from ``messages``."""
        hello = protocol.parse(await _body(visit.request))
        if not isinstance(hello, Hello):
            raise Refused("hello")
        token, session = self._reception.enter(hello, visit.address, visit.origin)
        with self._hub.listen(session.key, _ignore) as room:
            last_seq = await self._hub.resume(room)
            ticket = room.ticket
        frame = protocol.welcome(token, session.key, last_seq, ticket, self._options.max_text)
        return _json(frame)

    async def send(self, visit: Visit) -> web.StreamResponse:
        """Answers 200 only when the message is committed."""
        session = self._session(visit)
        msg = protocol.parse(await _body(visit.request))
        if not isinstance(msg, Msg):
            raise Refused("invalid", detail="type: msg")
        return _json(protocol.ack(msg.client_id, await self._reception.receive(session, msg)))

    async def read(self, visit: Visit) -> web.StreamResponse:
        """Notes what the visitor has seen."""
        session = self._session(visit)
        frame = protocol.parse(await _body(visit.request))
        if not isinstance(frame, Read):
            raise Refused("invalid", detail="type: read")
        with self._hub.listen(session.key, _ignore) as room:
            await self._hub.resume(room)
            await self._hub.read(room, frame.seq)
        return web.Response(status=204)

    async def poll(self, visit: Visit) -> web.StreamResponse:
        """What came after ``after``, as soon as there is something; nothing after a while."""
        session = self._session(visit)
        after = _number(visit.request, "after")
        known = visit.request.query.get("ticket")
        news = asyncio.Event()
        with self._hub.listen(session.key, lambda _: news.set()) as room:
            last_seq = await self._hub.resume(room)
            frames = await self._wait(room, news, min(after, last_seq), known)
        return _json({"type": "events", "events": frames, "ticket": room.ticket})

    async def _wait(
        self, room: Room, news: asyncio.Event, after: int, ticket: str | None
    ) -> list[dict[str, object]]:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._options.poll_seconds
        while True:
            news.clear()
            entries = await self._hub.log(room, after)
            if entries or room.ticket not in {None, ticket}:
                return [protocol.event(entry) for entry in entries]
            try:
                async with asyncio.timeout_at(until):
                    await news.wait()
            except TimeoutError:
                return []

    def _session(self, visit: Visit) -> Session:
        scheme, _, token = visit.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Refused("session")
        lang = visit.request.headers.get("Accept-Language", "zh")[:2]
        return self._reception.reenter(token.strip(), visit.address, visit.origin, lang)


class Assets:
    """Serves the files from memory, compressed where the browser takes it."""

    def __init__(self, options: Options) -> None:
        self._widget = assets.widget()
        self._style = assets.demo_style()
        self._pages = {lang: assets.demo_page(options, lang) for lang in ("zh", "en")}

    async def widget(self, request: web.Request) -> web.StreamResponse:
        return _serve(request, self._widget)

    async def style(self, request: web.Request) -> web.StreamResponse:
        return _serve(request, self._style)

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Chinese unless ``?lang=en``."""
        return _serve(request, self._pages.get(request.query.get("lang", ""), self._pages["zh"]))


def _serve(request: web.Request, asset: Asset) -> web.StreamResponse:
    headers = asset.headers | {"ETag": f'"{asset.etag}"', "Vary": "Accept-Encoding"}
    if any(tag.value == asset.etag for tag in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    body = asset.plain
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"], body = "gzip", asset.compressed
    return web.Response(body=body, headers=headers, content_type=asset.mime, charset="utf-8")


async def _body(request: web.Request) -> bytes:
    """The JSON body. Raises ``Refused`` (``media_type``, ``too_large``, ``slow``)."""
    if request.content_type != "application/json":
        raise Refused("media_type")
    if (request.content_length or 0) > protocol.MAX_FRAME:
        raise Refused("too_large")
    body = b""
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > protocol.MAX_FRAME:
                    raise Refused("too_large")
    except TimeoutError:
        raise Refused("slow") from None
    return body


def _number(request: web.Request, name: str) -> int:
    text = request.query.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Refused("invalid", detail=f"{name}: 0, 1, 2 …")
    return int(text)


def _refusal(error: Refused) -> web.Response:
    response = _json(protocol.refusal(error))
    response.set_status(STATUS.get(error.code, 422))
    if error.retry_after:
        response.headers["Retry-After"] = whole_seconds(error.retry_after)
    if response.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _json(frame: dict[str, object]) -> web.Response:
    return web.Response(text=protocol.dump(frame), content_type="application/json")


def _ignore(_: Sequence[Entry]) -> None:
    """Who only asks once need not be woken."""
