"""Who listens to which conversation; one tail of the events wakes them all."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from sqlalchemy import select

from channels.webchat.reception import CHANNEL
from models.errors import Temporary
from models.ports import Bus
from models.store import Store
from models.store.conversations import Entry
from models.store.database import Event
from models.tables import conversation
from models.tail import follow

PAGE = 500
"""Entries read from a log at a time."""

_RETRY_SECONDS = 1.0

_CONCERNING = frozenset({"message.in", "message.out", "ticket.queued"})

Wake = Callable[[], None]
"""Called when there is something new; it must only make a note of it."""


@dataclass(slots=True, eq=False)
class Room:
    """One conversation that somebody listens to; before its first message it has no id."""

    key: str
    conversation_id: str | None = None
    ticket: str | None = None
    listeners: list[Wake] = field(default_factory=list)


class Hub:
    """Follows the numbered events once for all visitors of this process."""

    def __init__(self, store: Store, bus: Bus, account: str) -> None:
        self._store = store
        self._bus = bus
        self._account = account
        self._rooms: dict[str, Room] = {}
        self._by_id: dict[str, Room] = {}
        self._tail: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begins to follow, from now on. Raises ``Temporary``."""
        after = await self._store.events.last()
        self._tail = asyncio.create_task(self._follow(after), name="webchat tail")

    async def close(self) -> None:
        if self._tail is not None:
            self._tail.cancel()
            await asyncio.gather(self._tail, return_exceptions=True)

    @contextmanager
    def listen(self, key: str, wake: Wake) -> Iterator[Room]:
        """Hears of everything from here on; ``resume`` tells what was before."""
        room = self._rooms.setdefault(key, Room(key))
        room.listeners.append(wake)
        try:
            yield room
        finally:
            room.listeners.remove(wake)
            if not room.listeners:
                del self._rooms[key]
                self._by_id.pop(room.conversation_id or "", None)

    async def resume(self, room: Room) -> int:
        """Finds the room's conversation and ticket; returns its last seq, or 0.

        Raises:
            Temporary: the database is out of reach.
        """
        found = await self._store.conversations.find(CHANNEL, self._account, room.key)
        if found is None:
            return 0
        self._bind(room.key, found.id)
        number = await self._store.conversations.ticket_number(found.id)
        room.ticket = number or room.ticket
        return found.last_seq

    def _bind(self, key: str, conversation_id: str) -> None:
        room = self._rooms.get(key)
        if room is not None:
            room.conversation_id = conversation_id
            self._by_id[conversation_id] = room

    async def log(self, room: Room, after: int) -> Sequence[Entry]:
        """Up to ``PAGE`` entries that the visitor has not seen. Raises ``Temporary``."""
        if room.conversation_id is None:
            return []
        return await self._store.conversations.log(room.conversation_id, after, PAGE)

    async def read(self, room: Room, seq: int) -> None:
        """The visitor has seen everything up to ``seq``. Raises ``Temporary``."""
        if room.conversation_id is not None:
            await self._store.conversations.delivered(room.conversation_id, seq)

    async def _follow(self, after: int) -> None:
        log = structlog.get_logger(__name__)
        while True:
            try:
                async for events in follow(self._store, self._bus, after):
                    await self._announce_surely(events)
                    after = events[-1].seq
            except Exception:  # A fault in one page of events must not silence all chats.
                log.exception("webchat.tail_failed", after=after)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _announce_surely(self, events: Sequence[Event]) -> None:
        while True:
            try:
                return await self.announce(events)
            except Temporary:
                await asyncio.sleep(_RETRY_SECONDS)

    async def announce(self, events: Sequence[Event]) -> None:
        """Wakes those whom the events concern. Raises ``Temporary``, and may be repeated."""
        await self._bind_new(events)
        woken: dict[str, Room] = {}
        for event in events:
            room = self._by_id.get(event.conversation_id or "")
            if room is None or event.kind not in _CONCERNING:
                continue
            if event.kind == "ticket.queued":
                room.ticket = str(event.data["number"])
            woken[room.key] = room
        for room in woken.values():
            for wake in tuple(room.listeners):
                wake()

    async def _bind_new(self, events: Sequence[Event]) -> None:
        """Gives rooms whose visitor wrote for the first time their new conversation.

        One query a page of events, and none while every open room has its conversation.
        """
        if len(self._rooms) == len(self._by_id):
            return
        new = {event.conversation_id for event in events if event.kind == "message.in"}
        new -= self._by_id.keys()
        if not new:
            return
        c = conversation.c
        query = select(c.id, c.key).where(
            c.id.in_(new), c.channel == CHANNEL, c.account == self._account
        )
        async with self._store.db.read() as conn:
            rows = (await conn.execute(query)).all()
        for row in rows:
            self._bind(row.key, row.id)
