"""When it is a visitor's turn: where they stand in the queue, and how long it will take."""

import asyncio
import math
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import structlog

from models.errors import Temporary
from models.ports import Clock
from models.store.routing.boards import Boards, Place

LOOK_SECONDS = 10.0
"""The longest between two looks: while nothing happens the expected wait changes all the same."""

PAUSE_SECONDS = 1.0
"""The shortest: a flood of tickets is one look."""

TELL_SECONDS = 10.0
"""How often one visitor is told that they have moved on; that it is their turn, at once."""

_PART = 500


class Turn(NamedTuple):
    """``position`` 1 is next; ``wait`` in seconds, None where too little is known to say."""

    position: int
    wait: int | None


GONE = Turn(0, None)
"""What is told to somebody whose waiting is over."""


class Waiting:
    """What one visitor was told last; ``turn`` is None while they wait for nobody."""

    __slots__ = ("told_at", "turn")

    def __init__(self) -> None:
        self.turn: Turn | None = None
        self.told_at = float("-inf")


Tell = Callable[[str], None]
"""Called with the conversation whose turn has changed."""


class Turns:
    """Looks into SQL for all visitors of this process at once, and only while there are any."""

    def __init__(self, boards: Boards, clock: Clock) -> None:
        self._boards = boards
        self._clock = clock
        self._hurry = asyncio.Event()

    def hurry(self) -> None:
        """Something has happened that may have changed turns."""
        self._hurry.set()

    async def run(self, who: Callable[[], Mapping[str, Waiting]], tell: Tell) -> None:
        """Looks for ever. ``who`` waits, by conversation, is asked before each look."""
        log = structlog.get_logger(__name__)
        while True:
            self._hurry.clear()
            try:
                await self.look(who(), tell)
            except Temporary:
                pass  # the next look will tell
            except Exception:  # one fault must not leave all visitors without news
                log.exception("webchat.turns_failed")
            await asyncio.sleep(PAUSE_SECONDS)
            try:
                async with asyncio.timeout(LOOK_SECONDS - PAUSE_SECONDS):
                    await self._hurry.wait()
            except TimeoutError:
                pass

    async def look(self, waiting: Mapping[str, Waiting], tell: Tell) -> None:
        """Notes everybody's turn, and tells of those that changed. Raises ``Temporary``."""
        for part in _parts(sorted(waiting)):
            places = await self._boards.places(part)
            now = self._clock()
            for conversation_id in part:
                one = waiting[conversation_id]
                turn = _turn(places.get(conversation_id))
                if turn != one.turn and _may_tell(one, turn, now):
                    one.turn, one.told_at = turn, now
                    tell(conversation_id)


def _parts(ids: Collection[str]) -> list[list[str]]:
    ordered = list(ids)
    return [ordered[at : at + _PART] for at in range(0, len(ordered), _PART)]


def _may_tell(one: Waiting, turn: Turn | None, now: float) -> bool:
    """The first place and the end of waiting at once; what is in between not all the time."""
    return one.turn is None or turn is None or now - one.told_at >= TELL_SECONDS


def _turn(place: Place | None) -> Turn | None:
    if place is None:
        return None
    return Turn(place.position, None if place.wait is None else rounded(place.wait))


def rounded(seconds: float) -> int:
    """Whole minutes, from ten minutes on five at a time, always up: nothing promises a second."""
    minutes = max(math.ceil(seconds / 60), 1)
    return 60 * (minutes if minutes <= 10 else 5 * math.ceil(minutes / 5))
