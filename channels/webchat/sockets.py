"""The WebSocket side of the protocol: one connection a visitor's tab."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from channels.webchat import protocol
from channels.webchat.hub import PAGE, Room
from channels.webchat.limits import Buckets
from channels.webchat.options import Options
from channels.webchat.protocol import (
    Contact,
    End,
    Hello,
    Msg,
    Ping,
    Read,
    Refused,
    Transcript,
    Typing,
)
from channels.webchat.queue_position import GONE, Turn
from channels.webchat.reception import From, Reception, Session
from channels.webchat.service import Service
from models.errors import Temporary
from models.ports import Clock
from models.store.dialogue.conversations import Entry

IDLE = 4408
"""Close code (of the private range, RFC 6455 §7.4.2): come back when there is something."""

RETRY_SECONDS = 2.0
"""What a client is told to wait when the store cannot take its message now."""

_STRIKES = 20
"""Refused frames in a row after which a client is taken for broken and hung up on."""

_CLOSE_SECONDS = 3.0


class Connection:
    """One socket: what it was sent, what its visitor has seen, and its pump."""

    __slots__ = (
        "_clock", "_dirty", "_gap", "_here", "_news", "_pump", "_seen", "_service", "_started",
        "_ticket", "_turn", "_typing", "_ws", "active_at", "read", "room", "seq", "session",
        "strikes",
    )  # fmt: skip

    def __init__(self, ws: web.WebSocketResponse, service: Service, clock: Clock) -> None:
        self._ws = ws
        self._service = service
        self._clock = clock
        self._seen = 0
        self._turn: Turn | None = None
        self._here = False
        self._typing = 0
        self._pump: asyncio.Task[None] | None = None
        self._news: list[Entry] = []
        self._dirty = False
        self._gap = False
        self._started = False
        self._ticket: str | None = None
        self.session: Session | None = None
        self.room: Room | None = None
        self.seq = 0
        self.read = 0
        self.strikes = 0
        self.active_at = clock()

    async def say(self, frame: Mapping[str, object]) -> None:
        await self._ws.send_str(protocol.dump(frame))

    async def hang_up(self, code: int, reason: str = "") -> None:
        await self._ws.close(code=code, message=reason.encode())

    def start(self, seq: int, last_seq: int, ticket: str | None, *, seen: int, here: bool) -> None:
        """Pushes what comes after ``seq``.

        The client knows ``ticket``, ``seen`` and whether somebody is ``here`` already.
        """
        self.seq, self._ticket, self._seen, self._here = seq, ticket, seen, here
        self._gap = self._gap or last_seq > seq
        self._started = True
        self._pump_on()

    def wake(self, entries: Sequence[Entry] | None) -> None:
        """Notes what is new. Before ``start`` nothing is pushed."""
        if entries is None or len(self._news) + len(entries) > PAGE:
            # Or the client reads slower than it is written to: later, from the log.
            self._news = []
            self._gap = True
        else:
            self._news.extend(entries)
        self._dirty = True
        if self._started:
            self._pump_on()

    def _pump_on(self) -> None:
        if self._pump is None:
            self._dirty = True
            self._pump = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while self._dirty:
                self._dirty = False
                try:
                    await self._push()
                except Temporary:
                    self._dirty = True
                    await asyncio.sleep(RETRY_SECONDS)
        except ConnectionError:
            pass  # The reader of the socket sees it closed, too.
        finally:
            self._pump = None

    async def _push(self) -> None:
        news, self._news = self._news, []
        for entry in news:
            if entry.seq == self.seq + 1 and not self._gap:
                await self._show(entry)
            # What came out of turn is read from the log; what was shown is dropped.
            self._gap = self._gap or entry.seq > self.seq
        if self.room is not None:
            while self._gap:
                await self._show_log(self.room)
            await self._tell_rest(self.room)

    async def _show_log(self, room: Room) -> None:
        """A page of what the log has more. Where it may have another, there is a gap still."""
        # Before it is read: a gap that comes up meanwhile, or while this page is shown, stays one.
        self._gap = False
        try:
            entries = await self._service.hub.log(room, self.seq)
        except Temporary:
            self._gap = True
            raise
        self._gap = self._gap or len(entries) == PAGE
        for entry in entries:
            await self._show(entry)

    async def _tell_rest(self, room: Room) -> None:
        """What has no number in the log: the ticket's, what was seen, and that we type."""
        if room.ticket not in {None, self._ticket}:
            self._ticket = room.ticket
            await self.say(protocol.ticket(str(self._ticket)))
        if room.turn != self._turn:
            self._turn = room.turn
            await self.say(protocol.queue(*(self._turn or GONE)))
        if room.seen > self._seen:
            self._seen = room.seen
            await self.say(protocol.seen(room.seen))
        here = self._service.hub.attendance.told
        if here is not None and here != self._here:
            self._here = here
            await self.say(protocol.online(here))
        if room.typing != self._typing:
            self._typing = room.typing
            await self.say({"type": "typing"})

    async def _show(self, entry: Entry) -> None:
        await self.say(protocol.event(entry, self._service.link))
        self.seq = entry.seq
        self.active_at = self._clock()


class Sockets:
    """All open sockets of this process."""

    def __init__(
        self,
        options: Options,
        reception: Reception,
        service: Service,
        requests: Buckets,
        clock: Clock,
    ) -> None:
        self._options = options
        self._reception = reception
        self._service = service
        self._hub = service.hub
        self._requests = requests
        self._clock = clock
        self._open: set[Connection] = set()

    async def serve(self, request: web.Request, at: From) -> web.StreamResponse:
        """Talks with one visitor until either side hangs up."""
        ws = web.WebSocketResponse(
            heartbeat=self._options.ping_seconds,
            timeout=_CLOSE_SECONDS,
            compress=False,  # A compressor costs more memory than everything else together.
            max_msg_size=protocol.MAX_FRAME + 1,  # aiohttp refuses what is equal to it
        )
        await ws.prepare(request)
        connection = Connection(ws, self._service, self._clock)
        self._open.add(connection)
        try:
            with suppress(ConnectionError):
                await self._talk(ws, connection, at)
        finally:
            self._open.discard(connection)
            await connection.stop()
            _let_go(request.transport)
        return ws

    async def _talk(self, ws: web.WebSocketResponse, connection: Connection, at: From) -> None:
        hello = await self._hello(ws, connection, at.address)
        if hello is None:
            return
        try:
            token, session = self._reception.enter(hello, at)
        except Refused as error:
            await connection.say(protocol.refusal(error))
            await connection.hang_up(WSCloseCode.POLICY_VIOLATION, error.code)
            return
        with self._hub.listen((session.account, session.key), connection.wake) as room:
            connection.session, connection.room = session, room
            try:
                last_seq = await self._hub.resume(room)
                more = await self._service.facts(room)
            except Temporary:
                await connection.say(protocol.refusal(Refused("busy", retry_after=RETRY_SECONDS)))
                await connection.hang_up(WSCloseCode.TRY_AGAIN_LATER, "busy")
                return
            ticket, most = room.ticket, self._options.max_text
            frame = protocol.welcome(token, session.key, last_seq, ticket, most, **more)
            await connection.say(frame)
            seq = min(hello.last_seq, last_seq)
            connection.start(seq, last_seq, ticket, seen=more["seen"], here=more["online"])
            async for message in ws:
                await self._heed(connection, message)

    async def _hello(
        self, ws: web.WebSocketResponse, connection: Connection, address: str
    ) -> Hello | None:
        """The first frame, or None when it did not come in time or was another."""
        try:
            async with asyncio.timeout(self._options.hello_seconds):
                message = await ws.receive()
        except TimeoutError:
            await connection.hang_up(WSCloseCode.POLICY_VIOLATION, "hello")
            return None
        if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
            return None
        try:
            self._requests.take(address)
            frame = _frame(message)
            if not isinstance(frame, Hello):
                raise Refused("hello")
        except Refused as error:
            await connection.say(protocol.refusal(error))
            await connection.hang_up(WSCloseCode.POLICY_VIOLATION, error.code)
            return None
        return frame

    async def _heed(self, connection: Connection, message: WSMessage) -> None:
        """Answers one frame; hangs up on a client that sends nothing sensible."""
        session = connection.session
        if session is None or message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
            return
        try:
            self._requests.take(session.address)
            await self._answer(connection, session, _frame(message))
            connection.strikes = 0
        except Refused as error:
            connection.strikes += 1
            await connection.say(protocol.refusal(error))
            if connection.strikes >= _STRIKES:
                await connection.hang_up(WSCloseCode.POLICY_VIOLATION, error.code)

    async def _answer(
        self, connection: Connection, session: Session, frame: protocol.ClientFrame
    ) -> None:
        match frame:
            case Ping():
                await connection.say({"type": "pong"})
            case Hello():
                raise Refused("hello")
            case Typing():
                if connection.room is not None:
                    await self._hub.typing(connection.room)
            case _:
                connection.active_at = self._clock()
                await self._serve(connection, session, frame)

    async def _serve(
        self, connection: Connection, session: Session, frame: protocol.ClientFrame
    ) -> None:
        match frame:
            case Msg() | Contact():
                await connection.say(await self._store(session, frame))
            case Read():
                await self._read(connection, frame.seq)
            case End() | Transcript() if connection.room is not None:
                try:
                    answer = await self._service.wish(connection.room, session, frame)
                except Temporary:
                    raise Refused("busy", retry_after=RETRY_SECONDS) from None
                await connection.say(answer)

    async def _store(self, session: Session, msg: Msg | Contact) -> Mapping[str, object]:
        """What to tell the visitor about a message: nothing good before it is committed."""
        try:
            envelope_id = await self._reception.receive(session, msg)
        except Temporary:
            return protocol.retry(msg.client_id, RETRY_SECONDS)
        return protocol.ack(msg.client_id, envelope_id)

    async def _read(self, connection: Connection, seq: int) -> None:
        # What was not sent cannot have been seen; what was seen need not be written twice.
        seq = min(seq, connection.seq)
        if connection.room is None or seq <= connection.read:
            return
        try:
            await self._hub.read(connection.room, seq)
        except Temporary:
            raise Refused("busy", retry_after=RETRY_SECONDS) from None
        connection.read = seq

    async def sweep(self) -> int:
        """Hangs up on those who have been silent for too long; returns how many."""
        before = self._clock() - self._options.idle_seconds
        idle = [connection for connection in self._open if connection.active_at < before]
        await _hang_up(idle, IDLE, "idle")
        return len(idle)

    async def close(self) -> None:
        """Sends everybody away; they come back to another process, or after the restart."""
        await _hang_up(list(self._open), WSCloseCode.GOING_AWAY, "restart")


def _let_go(transport: asyncio.Transport | None) -> None:
    """Ends a connection whose client reads nothing: closed alone, it would stay until it does."""
    if transport is not None and transport.get_write_buffer_size():
        transport.abort()


async def _hang_up(connections: list[Connection], code: int, reason: str) -> None:
    farewells = (connection.hang_up(code, reason) for connection in connections)
    await asyncio.gather(*farewells, return_exceptions=True)


def _frame(message: WSMessage) -> protocol.ClientFrame:
    """Raises ``Refused`` (``binary``, ``malformed``, ``invalid``)."""
    if message.type is not WSMsgType.TEXT:
        raise Refused("binary")
    return protocol.parse(message.data)
