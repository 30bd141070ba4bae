"""The live line: numbered events to every connected desk, resumed after the last one seen.

First frame from the desk: ``{"type": "hello", "last_seq": N}``. Then from here, each frame an
object with a ``type``: ``snapshot`` (the desk is too far behind or new: read everything again,
events follow from ``last_seq``), ``events`` (in order, each number once), ``waiting`` (how
much waits in all queues), ``typing`` (a customer writes just now), ``ping`` (every 25 s, with
the number up to which this person has seen everything; the desk answers with any frame).
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Literal

import structlog
from aiohttp import WSCloseCode, WSMsgType, web
from pydantic import Field, ValidationError

from desk.auth import API, Person, note_use, who
from desk.bodies import Body
from desk.reading import waiting_json
from desk.services import SERVICES, DeskServices
from desk.shapes import Json, event_json
from models.agent import Role
from models.errors import Temporary
from models.event_tail import follow, typing_topic
from models.events import STATE_CHANGES
from models.store.ground.database import Event

_log = structlog.stdlib.get_logger(__name__)

FRAME_BYTES = 32 * 1024
"""Larger frames are closed with 1009, by aiohttp."""

_MOST_BEHIND = 2000
"""Events that are replayed; further back a snapshot is quicker."""

_BACKLOG = 256
"""Batches a slow desk may leave unread before it is dropped and told to resume."""

_PAGE = 500
_PER_FRAME = 20
"""Events in a frame: one takes at most ~1.5 kB."""

_HELLO_SECONDS = 10.0
_CLOSE_SECONDS = 2.0
_AGAIN_SECONDS = 1.0

_SIGN_IN = 4401
"""Close code: the session has ended."""

_QUEUE_KINDS = STATE_CHANGES.keys() - {"ticket.created"}
"""After these another number of tickets may wait."""


class Hello(Body):
    """A desk's first frame."""

    type: Literal["hello"]
    last_seq: int = Field(ge=0, lt=2**63)


class Line:
    """One connected desk: what it may see, and what is still to be told."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.tickets: set[str] = set()
        self.talks: dict[str, str] = {}
        self._typists: set[str] = set()
        self.cursor = 0
        self._all = person.ranks(Role.SUPERVISOR)
        self._waiting: Json | None = None
        self._batches: asyncio.Queue[Sequence[Event] | None] = asyncio.Queue(_BACKLOG)
        self._live = False
        self._told = 0
        self.overrun = False
        self.doubted = False
        """Whether this person was changed, and may be no longer who they were."""

    def doubt(self) -> None:
        self.doubted = True
        with suppress(asyncio.QueueFull):
            self._batches.put_nowait(None)

    def offer(self, batch: Sequence[Event]) -> None:
        """Takes events without ever waiting; too many unread end the line."""
        if self._live:
            batch = self.fresh(batch)
            if not batch:  # a house is full of events, and few concern one desk: let it sleep
                return
        try:
            self._batches.put_nowait(batch)
        except asyncio.QueueFull:
            self.overrun = True

    def go_live(self) -> None:
        """The past is told: of what came meanwhile, and comes, only the fresh is kept."""
        came = [self._batches.get_nowait() for _ in range(self._batches.qsize())]
        self._live, self._told = True, self.cursor
        for batch in came:
            if batch is None:
                self._batches.put_nowait(None)
            else:
                self.offer(batch)

    def tell_waiting(self, waiting: Json) -> None:
        """Only the newest figure is kept, however slow the desk reads."""
        self._waiting = waiting
        with suppress(asyncio.QueueFull):
            self._batches.put_nowait(None)

    def tell_typing(self, conversation_id: str) -> None:
        """Only of the conversations whose tickets this person has."""
        if any(self.talks.get(ticket) == conversation_id for ticket in self.tickets):
            self._typists.add(conversation_id)
            with suppress(asyncio.QueueFull):
                self._batches.put_nowait(None)

    def typists(self) -> list[str]:
        """The conversations in which the customer has been writing since the last call."""
        found, self._typists = sorted(self._typists), set()
        return found

    async def next(self, seconds: float) -> tuple[Sequence[Event], Json | None]:
        """What came, within ``seconds``; nothing when nothing did. Of a live line all is fresh."""
        batch: Sequence[Event] | None = None
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                batch = await self._batches.get()
        if batch:
            self._told = batch[-1].seq
        waiting, self._waiting = self._waiting, None
        return batch or (), waiting

    @property
    def told(self) -> int:
        """Everything up to this number was told, or is none of this person's business."""
        return self.cursor if self._batches.empty() else self._told

    def fresh(self, batch: Sequence[Event]) -> list[Event]:
        """Those of a batch that this person may see and has not been told of."""
        news = [e for e in batch if e.seq > self.cursor and self._sees(e)]
        if batch:
            self.cursor = max(self.cursor, batch[-1].seq)
        return news

    def _sees(self, event: Event) -> bool:
        """An agent's events are those addressed to them, and all of the tickets they have."""
        audience = {event.agent_id, event.data.get("former"), *event.data.get("audience", ())}
        mine = self.person.id in audience
        ticket = event.ticket_id
        seen = self._all or mine or ticket in self.tickets
        if ticket is not None and event.kind in STATE_CHANGES and "owner" in event.data:
            has = event.data["owner"] == self.person.id
            (self.tickets.add if has else self.tickets.discard)(ticket)
        if ticket in self.tickets and event.conversation_id is not None:
            self.talks[str(ticket)] = event.conversation_id
        return seen


class Hub:
    """One tail of the events a process, feeding all its lines; and one heartbeat for all."""

    def __init__(self, services: DeskServices) -> None:
        self._services = services
        self._lines: set[Line] = set()
        self._position = 0
        self._following = asyncio.Event()
        self._stale = asyncio.Event()
        self._arrived = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(self._again(self._tail, _AGAIN_SECONDS)),
            asyncio.create_task(self._again(self._count, _AGAIN_SECONDS)),
            asyncio.create_task(self._again(self._hear_typing, _AGAIN_SECONDS)),
            asyncio.create_task(self._again(self._beat, _AGAIN_SECONDS)),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @contextmanager
    def joined(self, line: Line) -> Iterator[None]:
        self._lines.add(line)
        self._arrived.set()
        try:
            yield
        finally:
            self._lines.discard(line)

    async def ready(self) -> None:
        """Waits until every later event reaches the lines that have joined."""
        await self._following.wait()

    async def _again(self, work: Callable[[], Awaitable[None]], pause: float) -> None:
        """Runs ``work`` for ever: a desk must not go quiet because of one surprise."""
        while True:
            try:
                await work()
            except Temporary as error:
                _log.warning("the desk's line waits for the database", error=str(error))
            except Exception:  # noqa: BLE001 - the boundary of a background task
                _log.exception("the desk's line stumbled", work=work.__name__)
            await asyncio.sleep(pause)

    async def _tail(self) -> None:
        if not self._following.is_set():
            self._position = await self._services.store.events.last()
            self._following.set()
        async for batch in follow(self._services.store, self._services.bus, self._position):
            changed = {event.agent_id for event in batch if event.kind == "agent.changed"}
            for line in self._lines:
                line.offer(batch)
                if line.person.id in changed:
                    line.doubt()
            self._position = batch[-1].seq
            if any(event.kind in _QUEUE_KINDS for event in batch):
                self._stale.set()

    async def _hear_typing(self) -> None:
        start = typing_topic("customer", "")
        async with self._services.bus.subscribe(f"{start}*") as topics:
            async for topic in topics:
                for line in self._lines:
                    line.tell_typing(topic.removeprefix(start))

    async def _count(self) -> None:
        """Tells how much waits: at most once a second, however much happens."""
        await self._stale.wait()
        self._stale.clear()
        if self._lines:
            try:
                waiting = await waiting_json(self._services)
            except BaseException:
                self._stale.set()  # it is still to be told
                raise
            for line in self._lines:
                line.tell_waiting(waiting)

    async def _beat(self) -> None:
        """Within a second of whoever arrives: a desk that starts again finds them nearly lost."""
        self._arrived.clear()
        # A program that only reads is nobody who could take work.
        connected = sorted({each.person.id for each in self._lines if not each.person.read_only})
        await self._services.store.agents.beat(connected)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._services.options.beat_seconds):
                await self._arrived.wait()


HUB = web.AppKey("hub", Hub)


async def socket(request: web.Request) -> web.WebSocketResponse:
    person, hub = who(request), request.app[HUB]
    ws = web.WebSocketResponse(
        max_msg_size=FRAME_BYTES, heartbeat=30.0, timeout=_CLOSE_SECONDS, compress=False
    )
    await ws.prepare(request)
    hello = await _hello(ws)
    if hello is None:
        return ws
    line = Line(person)
    # Joined before the past is read, so that nothing falls between the two.
    with hub.joined(line):
        talking = asyncio.create_task(_talk(request, ws, line, hello.last_seq))
        try:
            await _listen(ws)
        finally:
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)
    return ws


async def _hello(ws: web.WebSocketResponse) -> Hello | None:
    """The first frame; None, and the socket closed, when it is none or something else."""
    try:
        frame = await ws.receive(timeout=_HELLO_SECONDS)
        if frame.type == WSMsgType.TEXT:
            return Hello.model_validate_json(frame.data)
    except (TimeoutError, ValidationError):
        pass
    message = b'send {"type": "hello", "last_seq": N} first'
    await ws.close(code=WSCloseCode.POLICY_VIOLATION, message=message)
    return None


async def _listen(ws: web.WebSocketResponse) -> None:
    """Reads until the desk leaves; after hello its frames only say that it is there."""
    async for frame in ws:
        if frame.type == WSMsgType.BINARY:
            await ws.close(code=WSCloseCode.UNSUPPORTED_DATA, message=b"text frames only")


async def _talk(
    request: web.Request, ws: web.WebSocketResponse, line: Line, last_seq: int
) -> None:
    """Tells a desk everything, until it is too slow or its session ends."""
    try:
        code, reason = await _tell(request, ws, line, last_seq)
    except (Temporary, TimeoutError):
        code, reason = WSCloseCode.TRY_AGAIN_LATER, b"resume with last_seq"
    except ConnectionError:
        return
    except Exception:  # noqa: BLE001 - the boundary of a task nobody else awaits
        _log.exception("a desk's line broke")
        code, reason = WSCloseCode.INTERNAL_ERROR, b"resume with last_seq"
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await ws.close(code=code, message=reason)
    except TimeoutError:
        # The desk reads nothing at all, not even the closing frame.
        if request.transport is not None:
            request.transport.abort()


async def _tell(
    request: web.Request, ws: web.WebSocketResponse, line: Line, last_seq: int
) -> tuple[int, bytes]:
    services = request.app[SERVICES]
    await request.app[HUB].ready()
    await _catch_up(services, ws, line, last_seq)
    line.go_live()
    clock, pause = asyncio.get_running_loop().time, services.options.ping_seconds
    due = clock() + pause
    while not line.overrun:
        news, waiting = await line.next(max(due - clock(), 0.0))
        await _send_events(ws, news)
        if waiting is not None:
            await _send(ws, {"type": "waiting", "waiting": waiting})
        for conversation_id in line.typists():
            await _send(ws, {"type": "typing", "conversation_id": conversation_id})
        if line.doubted or clock() >= due:
            line.doubted = False
            holder = await services.store.agents.holder(line.person.token, line.person.by)
            if holder is None:
                return _SIGN_IN, b"sign in again"
            if line.person.by == "token":
                await note_use(services, holder)
            if holder.agent.role != line.person.agent.role:
                return WSCloseCode.SERVICE_RESTART, b"your role changed: resume with last_seq"
            await _send(ws, {"type": "ping", "last_seq": line.told})
            due = clock() + pause
    return WSCloseCode.TRY_AGAIN_LATER, b"too slow: resume with last_seq"


async def _catch_up(
    services: DeskServices, ws: web.WebSocketResponse, line: Line, last_seq: int
) -> None:
    events = services.store.events
    last = await events.last()
    mine = await services.store.tickets.of_owner(line.person.id)
    line.tickets |= {t.id for t in mine}
    line.talks |= {t.id: t.conversation_id for t in mine}
    oldest_needed = max(await events.first() - 1, last - _MOST_BEHIND)
    if last_seq == 0 or not oldest_needed <= last_seq <= last:
        line.cursor = last
        await _send(ws, {"type": "snapshot", "last_seq": last})
        return
    line.cursor = last_seq
    while page := await events.after(line.cursor, _PAGE):
        await _send_events(ws, line.fresh(page))
    await _send(ws, {"type": "ping", "last_seq": line.cursor})


async def _send_events(ws: web.WebSocketResponse, news: Sequence[Event]) -> None:
    for start in range(0, len(news), _PER_FRAME):
        part = [event_json(event) for event in news[start : start + _PER_FRAME]]
        await _send(ws, {"type": "events", "events": part})


async def _send(ws: web.WebSocketResponse, frame: Json) -> None:
    """Raises ``TimeoutError`` when the desk takes nothing for too long."""
    async with asyncio.timeout(_HELLO_SECONDS):
        await ws.send_str(json.dumps(frame, ensure_ascii=False))


def routes() -> list[web.RouteDef]:
    return [web.get(f"{API}ws", socket)]
