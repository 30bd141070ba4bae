"""The HTTP side: the gate before every request, the fallback for sockets, and the assets."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from tempfile import SpooledTemporaryFile
from types import MappingProxyType
from typing import IO, Any, NamedTuple
from urllib.parse import quote

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage

from channels.webchat import assets, protocol
from channels.webchat.assets import Asset
from channels.webchat.hub import Room
from channels.webchat.limits import Buckets, Seats
from channels.webchat.options import Options
from channels.webchat.protocol import Contact, End, Hello, Msg, Read, Refused, Transcript
from channels.webchat.queue_position import GONE
from channels.webchat.reception import From, Reception, Session
from channels.webchat.service import Service
from channels.webchat.sockets import RETRY_SECONDS, Sockets
from models.addresses import client_address
from models.errors import NotFound, Temporary
from models.rate_limit import whole_seconds
from models.store.dialogue.conversations import Entry

_log = structlog.stdlib.get_logger(__name__)

STATUS = MappingProxyType(
    {
        "malformed": 400,
        "session": 401,
        "identity": 401,
        "expired": 401,
        "origin": 403,
        "site": 404,
        "file": 404,
        "slow": 408,
        "conflict": 409,
        "too_large": 413,
        "file_large": 413,
        "media_type": 415,
        "rate": 429,
        "connections": 429,
        "busy": 503,
    }
)
"""422 where nothing else is said."""

PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Files that a page may show: browsers run nothing in them, whatever they hold."""

_ANY_BYTES = "application/octet-stream"

_BODY_SECONDS = 10.0
_FILE_SECONDS = 120.0
_IN_MEMORY = 256 * 1024


@dataclass(frozen=True, slots=True)
class Visit:
    """A request that passed the gate: whose it is, and from which site."""

    request: web.Request
    at: From


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
            except NotFound:
                response = _refusal(Refused("file"))
            return response if response.prepared else self._share(request, response)

        return guarded

    async def _admit(
        self, handler: _Handler, request: web.Request, origin: str
    ) -> web.StreamResponse:
        forwarded = request.headers.getall("X-Forwarded-For", [])
        address = client_address(request.remote or "", forwarded, self._options.proxies)
        self._requests.take(address)
        self._seats.take(address)
        try:
            at = From(address, origin, own=origin in _own(request))
            return await handler(Visit(request, at))
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
        return origin in _own(request) or origin in self._options.all_origins


def _own(request: web.Request) -> set[str]:
    # The scheme may be another one than ours behind a proxy that ends TLS.
    return {f"http://{request.host}", f"https://{request.host}"}


class _Known(NamedTuple):
    """What a client that polls says that it knows.

    ``queue`` is “position-wait”, ``online`` “1” or “0”.
    """

    ticket: str | None
    queue: str | None
    online: str | None

    def misses(self, room: Room, here: bool | None) -> bool:
        """Whether there is something to tell besides the log."""
        if room.ticket not in {None, self.ticket}:
            return True
        if None not in {here, self.online} and self.online != str(int(bool(here))):
            return True
        position, wait = room.turn or GONE
        # Who does not ask for it has nothing to wait for.
        return self.queue is not None and self.queue != f"{position}-{wait or 0}"


class Fallback:
    """The protocol without sockets, for networks that let none through; same ids, same rules."""

    def __init__(
        self, options: Options, reception: Reception, service: Service, sockets: Sockets
    ) -> None:
        self._options = options
        self._reception = reception
        self._service = service
        self._hub = service.hub
        self._sockets = sockets

    async def socket(self, visit: Visit) -> web.StreamResponse:
        return await self._sockets.serve(visit.request, visit.at)

    async def session(self, visit: Visit) -> web.StreamResponse:
        """Opens or resumes a session; what was said is read from ``messages``."""
        hello = protocol.parse(await _body(visit.request))
        if not isinstance(hello, Hello):
            raise Refused("hello")
        token, session = self._reception.enter(hello, visit.at)
        with self._hub.listen(_place(session), _ignore) as room:
            last_seq = await self._hub.resume(room)
            more = await self._service.facts(room)
        most = self._options.max_text
        return _json(protocol.welcome(token, session.key, last_seq, room.ticket, most, **more))

    async def send(self, visit: Visit) -> web.StreamResponse:
        """Answers 200 only when the message is committed."""
        session = self._session(visit)
        msg = protocol.parse(await _body(visit.request))
        if not isinstance(msg, Msg | Contact):
            raise Refused("invalid", detail="type: msg, contact")
        return _json(protocol.ack(msg.client_id, await self._reception.receive(session, msg)))

    async def read(self, visit: Visit) -> web.StreamResponse:
        """Notes what the visitor has seen."""
        session = self._session(visit)
        frame = protocol.parse(await _body(visit.request))
        if not isinstance(frame, Read):
            raise Refused("invalid", detail="type: read")
        with self._hub.listen(_place(session), _ignore) as room:
            await self._hub.resume(room)
            await self._hub.read(room, frame.seq)
        return web.Response(status=204)

    async def wish(self, visit: Visit) -> web.StreamResponse:
        """Ends the chat, or mails what was said."""
        session = self._session(visit)
        frame = protocol.parse(await _body(visit.request))
        if not isinstance(frame, End | Transcript):
            raise Refused("invalid", detail="type: end, transcript")
        with self._hub.listen(_place(session), _ignore) as room:
            await self._hub.resume(room)
            return _json(await self._service.wish(room, session, frame))

    async def upload(self, visit: Visit) -> web.StreamResponse:
        """Keeps a file; the body is the file itself, its name a parameter."""
        session, request = self._session(visit), visit.request
        self._reception.admit(session)
        async with self._service.uploading(session):
            try:
                with SpooledTemporaryFile(_IN_MEMORY) as body:
                    await _content(request, self._service.most_bytes, body)
                    async with self._service.memory:
                        kept = await self._kept(session, request, body)
            except OSError as error:  # of the folder for temporary files, which may be full
                _log.warning("webchat.file_not_taken", error=str(error))
                raise Temporary("there is no room for what comes in") from error
        return _json({"type": "file"} | kept)

    async def _kept(
        self, session: Session, request: web.Request, body: SpooledTemporaryFile[bytes]
    ) -> dict[str, Any]:
        body.seek(0)
        content = await asyncio.to_thread(body.read)
        name, declared = request.query.get("name", ""), request.content_type
        return await self._service.store_file(self._reception, session, name, declared, content)

    async def download(self, visit: Visit) -> web.StreamResponse:
        """A file of the conversation, as a download; a page may show a picture."""
        facts, content = await self._service.open_link(visit.request.match_info["link"])
        # RFC 6266 §5: filename* carries any name, percent-encoded, so none can break the header.
        disposition = f"attachment; filename*=UTF-8''{quote(facts['name'], safe='')}"
        headers = {
            "Content-Type": facts["mime"] if facts["mime"] in PICTURES else _ANY_BYTES,
            "Content-Disposition": disposition,
            "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        return web.Response(body=content, headers=headers)

    async def poll(self, visit: Visit) -> web.StreamResponse:
        """What came after ``after``, as soon as there is something; nothing after a while."""
        session = self._session(visit)
        after = _number(visit.request, "after")
        query = visit.request.query
        known = _Known(query.get("ticket"), query.get("queue"), query.get("online"))
        news = asyncio.Event()
        with self._hub.listen(_place(session), lambda _: news.set()) as room:
            last_seq = await self._hub.resume(room)
            await self._hub.take_place(room)
            frames = await self._wait(room, news, min(after, last_seq), known)
        answer = {"type": "events", "events": frames, "ticket": room.ticket, "seen": room.seen}
        if (here := self._hub.attendance.told) is not None:
            answer["online"] = here
        queue = protocol.queue(*(room.turn or GONE))
        return _json(answer | {"queue": {name: queue[name] for name in ("position", "wait")}})

    async def _wait(
        self, room: Room, news: asyncio.Event, after: int, known: _Known
    ) -> list[dict[str, object]]:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._options.poll_seconds
        while True:
            news.clear()
            entries = await self._hub.log(room, after)
            if entries or known.misses(room, self._hub.attendance.told):
                return [protocol.event(entry, self._service.link) for entry in entries]
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
        site = visit.request.query.get("site")
        return self._reception.reenter(token.strip(), site, visit.at, lang)


def _place(session: Session) -> tuple[str, str]:
    return session.account, session.key


class Assets:
    """Serves the files from memory, compressed where the browser takes it."""

    def __init__(self, options: Options) -> None:
        self._widgets = {name: assets.widget(site) for name, site in options.sites.items()}
        self._widgets |= {name: assets.widget(options) for name in ("", options.account)}
        self._style = assets.demo_style()
        self._pages = {lang: assets.demo_page(options, lang) for lang in ("zh", "en")}

    async def widget(self, request: web.Request) -> web.StreamResponse:
        found = self._widgets.get(request.query.get("site", ""))
        if found is None:
            raise web.HTTPNotFound(text=protocol.SENTENCES["site"])
        return _serve(request, found)

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
    with BytesIO() as body:
        await _limited(request, protocol.MAX_FRAME, _BODY_SECONDS, "too_large", body)
        return body.getvalue()


async def _content(request: web.Request, most: int, body: IO[bytes]) -> None:
    """An uploaded file. Raises ``Refused`` (``file_large``, ``file_empty``, ``slow``)."""
    if not await _limited(request, most, _FILE_SECONDS, "file_large", body):
        raise Refused("file_empty")


async def _limited(
    request: web.Request, most: int, seconds: float, code: str, body: IO[bytes]
) -> int:
    """Writes what comes into ``body``; how many bytes."""
    if (request.content_length or 0) > most:
        raise Refused(code)
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.content.iter_any():
                size += len(chunk)
                if size > most:
                    raise Refused(code)
                body.write(chunk)
    except TimeoutError:
        raise Refused("slow") from None
    except (BadHttpMessage, web.RequestPayloadError) as error:
        # Not what its Content-Encoding or Transfer-Encoding says.
        raise Refused("malformed", detail=type(error).__name__) from None
    return size


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


def _json(frame: Mapping[str, object]) -> web.Response:
    return web.Response(text=protocol.dump(frame), content_type="application/json")


def _ignore(_: Sequence[Entry] | None) -> None:
    """Who only asks once need not be woken."""
