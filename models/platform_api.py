"""Requests to a platform's API: how one can fail, what that means for an answer, its token."""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Annotated, NamedTuple, TypeVar

from pydantic import AfterValidator, Field

from models.errors import Permanent, Temporary
from models.message import SendResult

_T = TypeVar("_T")

ApiUrl = Annotated[
    str, Field(pattern=r"^https?://[^\s]+$"), AfterValidator(lambda url: url.rstrip("/"))
]
"""Where a platform's API is, as an option of its channel; without a slash at its end."""

_AGAIN_SECONDS = 30.0
_RATE_LIMIT_SECONDS = 5.0
_FIXING_SECONDS = 300.0
_SHORTEST_SECONDS = 10.0


class RequestFailed(Exception):
    """A request to a platform ended otherwise than was wanted; the four kinds say how."""


class NotReached(RequestFailed):
    """The request certainly did not reach the platform."""


class OutcomeUnknown(RequestFailed):
    """Nobody can know whether the platform did what it was asked."""


class TokenUnavailable(RequestFailed):
    """No access token is to be had. ``bad_credentials``: because our own login is wrong."""

    def __init__(self, reason: str, *, bad_credentials: bool) -> None:
        super().__init__(reason)
        self.bad_credentials = bad_credentials


class Refused(RequestFailed):
    """The platform said no, and did nothing; ``reason`` are its own words.

    ``retry_after``: the seconds that it wants us to wait, or 0. ``rate_limited``: we asked too
    often. ``stale_token``: another token will do. ``fixable``: a person can put it right in the
    platform's settings.
    """

    def __init__(
        self,
        code: int | str,
        reason: str,
        *,
        retry_after: float = 0.0,
        rate_limited: bool = False,
        stale_token: bool = False,
        fixable: bool = False,
    ) -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.retry_after = retry_after
        self.rate_limited = rate_limited
        self.stale_token = stale_token
        self.fixable = fixable


class TooLarge(Exception):
    """A file has more bytes than were wanted."""


class ErrorTexts(NamedTuple):
    """What an agent reads of a failed request, in both languages; the platform's words follow."""

    bad_credentials: str
    login_unavailable: str
    rate_limited: str
    refused: Callable[[Refused], str]
    """A sentence for a refusal, with the platform's own words behind it."""


def not_sent(reason: str) -> SendResult:
    """The platform was not reached, so that nothing was sent; ``reason`` is for who mends it."""
    text = (
        f"没有连上对方的服务器，稍后自动重试（{reason}）"
        f" / Their server was not reached; it is tried again ({reason})"
    )
    return SendResult("retry", error=text, retry_after=_AGAIN_SECONDS)


def perhaps_sent(reason: str) -> SendResult:
    """A dropped socket, a late answer: whether it was sent, a person decides."""
    text = (
        f"没有收到对方的回音，不知道送到没有（{reason}）"
        f" / No answer came from their server: nobody can know whether it arrived ({reason})"
    )
    return SendResult("unknown", error=text)


def too_fast(reason: str, seconds: float = 0.0) -> SendResult:
    """The platform wants us to wait for ``seconds``; 0 where it does not say."""
    text = (
        f"发得太快，对方要我们等一等，稍后自动重试（{reason}）"
        f" / Their server wants us to wait; it is tried again ({reason})"
    )
    return SendResult("retry", error=text, retry_after=seconds or _AGAIN_SECONDS)


def send_failure(error: RequestFailed, texts: ErrorTexts) -> SendResult:
    """What has become of a message whose request failed."""
    if isinstance(error, NotReached):
        return not_sent(str(error))
    if isinstance(error, TokenUnavailable):
        # Our own login: somebody mends it, and the answer goes out.
        text = texts.bad_credentials if error.bad_credentials else texts.login_unavailable
        seconds = _FIXING_SECONDS if error.bad_credentials else _AGAIN_SECONDS
        return SendResult("retry", error=f"{text} [{error}]", retry_after=seconds)
    if isinstance(error, Refused):
        return _refused(error, texts)
    return perhaps_sent(str(error))


def _refused(error: Refused, texts: ErrorTexts) -> SendResult:
    if error.rate_limited:
        seconds = error.retry_after or _RATE_LIMIT_SECONDS
        return SendResult("retry", error=f"{texts.rate_limited} [{error}]", retry_after=seconds)
    if error.fixable:
        seconds = error.retry_after or _FIXING_SECONDS
        return SendResult("retry", error=texts.refused(error), retry_after=seconds)
    return SendResult("failed", error=texts.refused(error))


def upload_failure(error: RequestFailed, texts: ErrorTexts) -> SendResult:
    """The same of a file that is put on the platform's server: nobody has seen anything yet."""
    if isinstance(error, OutcomeUnknown):
        return not_sent(str(error))
    return send_failure(error, texts)


def token_failure(error: RequestFailed) -> RequestFailed:
    """What to raise where asking for an access token fails."""
    if isinstance(error, Refused) and error.fixable:
        return error  # its own sentence says more than that there is no token
    refused = isinstance(error, Refused) and not error.rate_limited
    return TokenUnavailable(str(error), bad_credentials=refused)


def fetch_failure(error: RequestFailed, texts: ErrorTexts) -> Temporary | Permanent:
    """What to raise for a customer's file that was not given; a repetition would do no harm."""
    if isinstance(error, Refused):
        # What somebody can put right in the settings may go well later.
        later = error.rate_limited or error.fixable
        return Temporary(texts.refused(error)) if later else Permanent(texts.refused(error))
    return Temporary(str(error))


class AccessToken:
    """One account's access token, shared by all its requests and renewed by one at a time."""

    def __init__(
        self,
        issue: Callable[[], Awaitable[tuple[str, float]]],
        clock: Callable[[], float],
        early_seconds: float,
    ) -> None:
        """``issue`` gives a token and the seconds that it is good for.

        It is changed ``early_seconds`` before its end, by when the platform gives another.
        """
        self._issue = issue
        self._clock = clock
        self._early = early_seconds
        self._token, self._expires_at = "", 0.0
        self._lock = asyncio.Lock()

    async def get(self, refused: str = "") -> str:
        """A token other than ``refused``, which somebody else may have got meanwhile.

        Raises whatever ``issue`` does.
        """
        async with self._lock:
            if self._token in {"", refused} or self._clock() >= self._expires_at:
                token, seconds = await self._issue()
                lifetime = max(seconds - self._early, _SHORTEST_SECONDS)
                self._token, self._expires_at = token, self._clock() + lifetime
            return self._token

    async def call(self, request: Callable[[str], Awaitable[_T]]) -> _T:
        """What ``request`` gives with the token, or with another where that one is refused.

        Raises:
            TokenUnavailable: no token is to be had, or none of two was taken.
        """
        token = ""
        for _ in range(2):
            token = await self.get(token)
            try:
                return await request(token)
            except Refused as refused:
                if not refused.stale_token:
                    raise
                reason = str(refused)
        raise TokenUnavailable(reason, bad_credentials=True)


async def read_at_most(limit: int, chunks: AsyncIterable[bytes]) -> bytes:
    """All of what comes.

    Raises:
        TooLarge: it is more than ``limit`` bytes.
    """
    whole = bytearray()
    async for chunk in chunks:
        whole += chunk
        if len(whole) > limit:
            raise TooLarge
    return bytes(whole)


def retry_after(header: str) -> float:
    """Seconds of a Retry-After header (RFC 9110 §10.2.3); 0 for a date or nonsense."""
    header = header.strip()
    return float(header) if header.isascii() and header.isdigit() and len(header) < 7 else 0.0
