"""The access token of an account: one for all calls of a process."""

import asyncio
from collections.abc import Awaitable, Callable

_EARLY_SECONDS = 300.0
"""Before the end WeChat gives another token already, and takes both."""

_SHORTEST_SECONDS = 10.0


class Tokens:
    """Asked for when there is none, when it ends, and when WeChat refuses it; by one at a time.

    Processes do not disturb each other: ``stable_token`` gives all of them the same one.
    """

    def __init__(
        self, ask: Callable[[], Awaitable[tuple[str, float]]], clock: Callable[[], float]
    ) -> None:
        """``ask`` gives a token and the seconds that it is good for."""
        self._ask = ask
        self._clock = clock
        self._token, self._until = "", 0.0
        self._lock = asyncio.Lock()

    async def get(self, refused: str = "") -> str:
        """A token other than ``refused``, if WeChat has another.

        Raises whatever ``ask`` does.
        """
        async with self._lock:
            if self._token in {"", refused} or self._clock() >= self._until:
                token, seconds = await self._ask()
                good = max(seconds - _EARLY_SECONDS, _SHORTEST_SECONDS)
                self._token, self._until = token, self._clock() + good
            return self._token
