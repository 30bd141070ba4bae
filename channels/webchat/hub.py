"""Who listens to which conversation; one tail of the events wakes them all."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from channels.webchat.lookup import Lookup
from models.errors import Temporary
from models.ports import Bus
from models.store import Store
from models.store.conversations import Entry
from models.store.database import Event
from models.tail import follow

PAGE = 500
"""Entries read from a log at a time."""

_RETRY_SECONDS = 1.0

_CONCERNING = frozenset({"message.in", "message.out", "ticket.queued"})

Wake = Callable[[Sequence[Entry]], None]
"""Called with new entries (none: another ticket number); it must only make a note of them.

It may hear of an entry twice, and it may miss one that came while it was not yet there.
"""


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
        self._lookup = Lookup(store.db, account)
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
        found = await self._lookup.find(room.key)
        if found is None:
            return 0
        self._bind(room.key, found.id)
        room.ticket = found.ticket or room.ticket
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
        ours = [event for event in events if event.conversation_id in self._by_id]
        entries = await self._lookup.entries(
            [str(event.data["message"]) for event in ours if event.kind == "message.in"],
            [str(event.data["outbound"]) for event in ours if event.kind == "message.out"],
        )
        for event in ours:
            if event.kind == "ticket.queued":
                self._by_id[str(event.conversation_id)].ticket = str(event.data["number"])
        for conversation_id in {str(e.conversation_id) for e in ours if e.kind in _CONCERNING}:
            # Its visitor may have left while the entries were read.
            room = self._by_id.get(conversation_id)
            for wake in tuple(room.listeners) if room else ():
                wake(entries.get(conversation_id, ()))

    async def _bind_new(self, events: Sequence[Event]) -> None:
        """Gives rooms whose visitor wrote for the first time their new conversation.

        One query a page of events, and none while every open room has its conversation.
        """
        if len(self._rooms) == len(self._by_id):
            return
        new = {str(event.conversation_id) for event in events if event.kind == "message.in"}
        new -= self._by_id.keys()
        if new:
            for conversation_id, key in (await self._lookup.keys(new)).items():
                self._bind(key, conversation_id)
