"""Whether anybody is there to answer, and telling the open chats when that changes."""

import asyncio
from collections.abc import Callable

import structlog

from models.errors import Temporary
from models.ports import Clock
from models.store.routing.agents import Agents

_log = structlog.stdlib.get_logger(__name__)

CONCERNING = frozenset({"agent.presence", "agent.changed"})
"""Events after which it may be another than before."""

AWAY_SECONDS = 60.0
"""That nobody is there is told once it has been so for this long: those who alone answer write
up the last talk, or their line breaks, and are back.
"""

PAUSE_SECONDS = 1.0
"""The shortest between two looks: a shift that begins is one look."""

_GOOD_SECONDS = 10.0
"""How long an answer is good for whoever arrives."""


class Attendance:
    """Looks into SQL once for all visitors of this process, and only when something happened."""

    def __init__(self, agents: Agents, clock: Clock) -> None:
        self._agents = agents
        self._clock = clock
        self._known: tuple[float, bool] = (float("-inf"), False)
        self._empty_since: float | None = None
        self._news = asyncio.Event()
        self.told: bool | None = None
        """What every open chat is to know; None while not all were told the same."""

    async def here(self) -> bool:
        """Whether somebody is there, for whoever arrives now. Raises ``Temporary``."""
        known_at, here = self._known
        if abs(self._clock() - known_at) > _GOOD_SECONDS:
            here = await self._look()
        if here != self.told:
            self.told = None
        return here

    def hurry(self) -> None:
        """Somebody has come, gone, or changed."""
        self._news.set()

    async def run(self, tell: Callable[[], None]) -> None:
        """For ever; calls ``tell`` when ``told`` has changed."""
        pause: float | None = None
        while True:
            try:
                async with asyncio.timeout(pause):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._news.clear()
            pause = await self._again(tell)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _again(self, tell: Callable[[], None]) -> float | None:
        try:
            return await self.look(tell)
        except Temporary:
            return PAUSE_SECONDS
        except Exception:  # noqa: BLE001  one fault must not leave all visitors without news
            _log.exception("webchat.attendance_failed")
            return AWAY_SECONDS

    async def look(self, tell: Callable[[], None]) -> float | None:
        """Looks, and tells what is to be told.

        Returns in how many seconds it must be looked again; None, when something happens.

        Raises:
            Temporary: the database is out of reach.
        """
        here, now = await self._look(), self._clock()
        if here:
            self._empty_since = None
        elif self._empty_since is None:
            self._empty_since = now
        if self._empty_since is not None and now < self._empty_since + AWAY_SECONDS:
            return self._empty_since + AWAY_SECONDS - now
        if here != self.told:
            self.told = here
            tell()
        return None

    async def _look(self) -> bool:
        here = any(agent.ready for agent in await self._agents.online())
        self._known = (self._clock(), here)
        return here
