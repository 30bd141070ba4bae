"""Asking a platform's API: how a request can end, what that means for an answer, its token."""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import NamedTuple, TypeVar

from models.errors import Permanent, Temporary
from models.message import SendResult

_T = TypeVar("_T")

_AGAIN_SECONDS = 30.0
_BUSY_SECONDS = 5.0
_MEND_SECONDS = 300.0
_SHORTEST_SECONDS = 10.0


class NotAsked(Exception):
    """The request certainly did not reach the platform."""


class Unclear(Exception):
    """Nobody can know whether the platform did what it was asked."""


class TooLarge(Exception):
    """A file has more bytes than were wanted."""


class NoToken(Exception):
    """No token is to be had. ``wrong``: because our own login is not right."""

    def __init__(self, reason: str, *, wrong: bool) -> None:
        super().__init__(reason)
        self.wrong = wrong


class Refused(Exception):
    """The platform said no, and did nothing; ``told`` are its own words.

    ``wait``: the seconds that it wants us to wait, or 0. ``busy``: we asked too often. ``stale``:
    another token will do. ``mendable``: a person can mend it in the platform's settings.
    """

    def __init__(
        self,
        code: int | str,
        told: str,
        *,
        wait: float = 0.0,
        busy: bool = False,
        stale: bool = False,
        mendable: bool = False,
    ) -> None:
        super().__init__(f"{code} {told}".strip())
        self.code = code
        self.wait = wait
        self.busy = busy
        self.stale = stale
        self.mendable = mendable


class Words(NamedTuple):
    """What is said of these ends, in both languages; the platform's own words follow."""

    wrong_login: str
    not_let_in: str
    too_fast: str
    why: Callable[[Refused], str]
    """A sentence for a refusal, with the platform's own words behind it."""


Ended = NotAsked | Unclear | NoToken | Refused


def became(error: Ended, words: Words) -> SendResult:
    """What has become of a message whose request ended like this."""
    if isinstance(error, Unclear):
        return SendResult("unknown", error=str(error))
    if isinstance(error, NotAsked):
        return SendResult("retry", error=str(error), retry_after=_AGAIN_SECONDS)
    if isinstance(error, NoToken):
        # Our own login: somebody mends it, and the answer goes out.
        text = words.wrong_login if error.wrong else words.not_let_in
        seconds = _MEND_SECONDS if error.wrong else _AGAIN_SECONDS
        return SendResult("retry", error=f"{text} [{error}]", retry_after=seconds)
    if error.busy:
        seconds = error.wait or _BUSY_SECONDS
        return SendResult("retry", error=f"{words.too_fast} [{error}]", retry_after=seconds)
    if error.mendable:
        seconds = error.wait or _MEND_SECONDS
        return SendResult("retry", error=words.why(error), retry_after=seconds)
    return SendResult("failed", error=words.why(error))


def not_uploaded(error: Ended, words: Words) -> SendResult:
    """The same of a file that is put on the platform's server: nobody has seen anything yet."""
    if isinstance(error, Unclear):
        return SendResult("retry", error=str(error), retry_after=_AGAIN_SECONDS)
    return became(error, words)


def not_fetched(error: Ended, words: Words) -> Temporary | Permanent:
    """What to raise for a customer's file that was not given; a repetition would do no harm."""
    if isinstance(error, Refused):
        # What somebody can mend in the settings may go well later.
        later = error.busy or error.mendable
        return Temporary(words.why(error)) if later else Permanent(words.why(error))
    return Temporary(str(error))


class Tokens:
    """One account's access token, shared by all its requests, and asked for by one at a time."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[tuple[str, float]]],
        clock: Callable[[], float],
        early_seconds: float,
    ) -> None:
        """``ask`` gives a token and the seconds that it is good for.

        It is changed ``early_seconds`` before its end, by when the platform gives another.
        """
        self._ask = ask
        self._clock = clock
        self._early = early_seconds
        self._token, self._until = "", 0.0
        self._lock = asyncio.Lock()

    async def get(self, refused: str = "") -> str:
        """A token other than ``refused``, which somebody else may have got meanwhile.

        Raises whatever ``ask`` does.
        """
        async with self._lock:
            if self._token in {"", refused} or self._clock() >= self._until:
                token, seconds = await self._ask()
                good = max(seconds - self._early, _SHORTEST_SECONDS)
                self._token, self._until = token, self._clock() + good
            return self._token

    async def used_in(self, request: Callable[[str], Awaitable[_T]]) -> _T:
        """What ``request`` gives with the token, or with another where that one is refused.

        Raises:
            NoToken: no token is to be had, or none of two was taken.
        """
        token = ""
        for _ in range(2):
            token = await self.get(token)
            try:
                return await request(token)
            except Refused as refused:
                if not refused.stale:
                    raise
                reason = str(refused)
        raise NoToken(reason, wrong=True)


async def at_most(most: int, chunks: AsyncIterable[bytes]) -> bytes:
    """All of what comes.

    Raises:
        TooLarge: it is more than ``most`` bytes.
    """
    whole = bytearray()
    async for chunk in chunks:
        whole += chunk
        if len(whole) > most:
            raise TooLarge
    return bytes(whole)
