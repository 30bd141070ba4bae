"""Who listens to which conversation; one tail of the events wakes them all."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from channels.webchat.attendance import CONCERNING, Attendance
from channels.webchat.lookup import Lookup
from channels.webchat.queue_position import Turn, Turns, Waiting
from models.errors import Temporary
from models.event_tail import follow, typing_topic
from models.events import STATE_CHANGES
from models.ports import Bus, Clock
from models.store import Store
from models.store.dialogue.conversations import Entry
from models.store.ground.database import Event

_log = structlog.stdlib.get_logger(__name__)

PAGE = 500
"""Entries read from a log at a time."""

_RETRY_SECONDS = 1.0

_CONCERNING = frozenset({"message.in", "message.out", "ticket.queued", "conversation.seen"})

Wake = Callable[[Sequence[Entry] | None], None]
"""Called with new entries (none: another ticket number, or one that an agent has seen), or with
None where they could not be read: they are to be looked for in the log. It must only make a note.

It may hear of an entry twice, and it may miss one that came while it was not yet there.
"""

Place = tuple[str, str]
"""(account, conversation key)"""


@dataclass(slots=True, eq=False)
class Room:
    """One conversation that somebody listens to; before its first message it has no id."""

    place: Place
    conversation_id: str | None = None
    ticket: str | None = None
    seen: int = 0
    typing: int = 0
    """Grows whenever an agent is heard typing."""

    waiting: Waiting = field(default_factory=Waiting)
    listeners: list[Wake] = field(default_factory=list)

    @property
    def turn(self) -> Turn | None:
        """Where the visitor stands; None while they wait for nobody."""
        return self.waiting.turn


class Hub:
    """Follows the numbered events once for all visitors of this process."""

    def __init__(self, store: Store, bus: Bus, clock: Clock, accounts: Sequence[str]) -> None:
        self._store = store
        self._bus = bus
        self._lookup = Lookup(store.db, accounts)
        self._turns = Turns(store.boards, clock)
        self._rooms: dict[Place, Room] = {}
        self._by_id: dict[str, Room] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.attendance = Attendance(store.agents, clock)

    async def open(self) -> None:
        """Begins to follow, from now on. Raises ``Temporary``."""
        after = await self._store.events.last()
        self._tasks = [
            asyncio.create_task(self._follow(after), name="webchat tail"),
            asyncio.create_task(self._hear_typing(), name="webchat typing"),
            asyncio.create_task(
                self._turns.run(self._who_waits, self._wake), name="webchat turns"
            ),
            asyncio.create_task(self.attendance.run(self._wake_all), name="webchat attendance"),
        ]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def typing(self, room: Room) -> None:
        """Lets the agent's desk know that the visitor is writing."""
        if room.conversation_id is not None:
            await self._bus.publish(typing_topic("customer", room.conversation_id))

    async def _hear_typing(self) -> None:
        start = typing_topic("us", "")
        async with self._bus.subscribe(f"{start}*") as topics:
            async for topic in topics:
                conversation_id = topic.removeprefix(start)
                room = self._by_id.get(conversation_id)
                if room is not None:
                    room.typing += 1
                    self._wake(conversation_id)

    def _wake(self, conversation_id: str, entries: Sequence[Entry] | None = ()) -> None:
        room = self._by_id.get(conversation_id)
        for wake in tuple(room.listeners) if room else ():
            wake(entries)

    def _wake_all(self) -> None:
        """Also those who have not written yet."""
        for room in tuple(self._rooms.values()):
            for wake in tuple(room.listeners):
                wake(())

    def _who_waits(self) -> dict[str, Waiting]:
        """Only those with a ticket can."""
        return {name: room.waiting for name, room in self._by_id.items() if room.ticket}

    async def take_place(self, room: Room) -> None:
        """Looks where a visitor stands who is not there all the time. Raises ``Temporary``."""
        if room.conversation_id is not None and room.ticket:
            await self._turns.look({room.conversation_id: room.waiting}, self._wake)

    @contextmanager
    def listen(self, place: Place, wake: Wake) -> Iterator[Room]:
        """Hears of everything from here on; ``resume`` tells what was before."""
        room = self._rooms.setdefault(place, Room(place))
        room.listeners.append(wake)
        try:
            yield room
        finally:
            room.listeners.remove(wake)
            if not room.listeners:
                del self._rooms[place]
                self._by_id.pop(room.conversation_id or "", None)

    async def resume(self, room: Room) -> int:
        """Finds the room's conversation and ticket; returns its last seq, or 0.

        Raises:
            Temporary: the database is out of reach.
        """
        found = await self._lookup.find(*room.place)
        if found is None:
            return 0
        self._bind(room.place, found.id)
        room.ticket = found.ticket or room.ticket
        room.seen = max(found.seen_seq, room.seen)
        if room.ticket:
            self._turns.hurry()
        return found.last_seq

    def _bind(self, place: Place, conversation_id: str) -> None:
        room = self._rooms.get(place)
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
        while True:
            try:
                async for events in follow(self._store, self._bus, after):
                    await self._announce_surely(events)
                    after = events[-1].seq
            except Exception:  # noqa: BLE001  the tail goes on, whatever it was
                _log.exception("webchat.tail_failed", after=after)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _announce_surely(self, events: Sequence[Event]) -> None:
        """A fault in one page of events must not silence all chats: then each looks for itself."""
        while True:
            try:
                return await self.announce(events)
            except Temporary:
                await asyncio.sleep(_RETRY_SECONDS)
            except Exception:  # noqa: BLE001  whatever it is, it concerns this page only
                _log.exception("webchat.page_failed", first=events[0].seq)
                for conversation_id in tuple(self._by_id):
                    self._wake(conversation_id, None)
                return None

    async def announce(self, events: Sequence[Event]) -> None:
        """Wakes those whom the events concern. Raises ``Temporary``, and may be repeated."""
        await self._bind_new(events)
        ours = [event for event in events if event.conversation_id in self._by_id]
        entries = await self._lookup.entries(
            [str(event.data["message"]) for event in ours if event.kind == "message.in"],
            [str(event.data["outbound"]) for event in ours if event.kind == "message.out"],
        )
        merged = {str(event.conversation_id) for event in ours if _merges(event)}
        numbers = await self._lookup.numbers(merged) if merged else {}
        # Whoever was there may have left while the entries were read: one visitor's leaving must
        # not fail the page for all.
        for event in ours:
            room = self._by_id.get(str(event.conversation_id))
            if room is not None:
                _note(room, event)
        for conversation_id, number in numbers.items():
            if room := self._by_id.get(conversation_id):
                room.ticket = number
        concerned = {str(e.conversation_id) for e in ours if e.kind in _CONCERNING}
        for conversation_id in concerned | numbers.keys():
            self._wake(conversation_id, entries.get(conversation_id, ()))
        if any(event.kind in STATE_CHANGES for event in ours):
            self._turns.hurry()
        if any(event.kind in CONCERNING for event in events):
            self.attendance.hurry()

    async def _bind_new(self, events: Sequence[Event]) -> None:
        """Gives rooms whose visitor wrote for the first time their new conversation.

        One query a page of events, and none while every open room has its conversation.
        """
        if len(self._rooms) == len(self._by_id):
            return
        new = {str(event.conversation_id) for event in events if event.kind == "message.in"}
        new -= self._by_id.keys()
        if new:
            for conversation_id, place in (await self._lookup.keys(new)).items():
                self._bind(place, conversation_id)


def _merges(event: Event) -> bool:
    """Whether a ticket goes on as another from here on, or as itself again."""
    return event.kind == "ticket.moved" and "merged" in {event.data["before"], event.data["state"]}


def _note(room: Room, event: Event) -> None:
    """What a room must know of an event that has no line in the log."""
    if event.kind == "ticket.queued":
        room.ticket = str(event.data["number"])
    elif event.kind == "conversation.seen":
        room.seen = max(room.seen, int(event.data["seq"]))
