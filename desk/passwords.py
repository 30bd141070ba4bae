"""Passwords: argon2id, how many are checked at a time, and how often one may be wrong."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from aiohttp import web
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from desk.errors import Refusal
from desk.services import Words
from models.agent import guessable
from models.store.routing.attempts import Attempts, Tried

_T = TypeVar("_T")

_MOST_HASHING = 2
_MOST_WAITING = 32
_MOST_OF_ONE = 16
"""argon2id takes 64 MB and a core each: more than this at a time, in all or from one address,
and we ask to come back.
"""

_NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=4$aXgknYh4NfKHiTSe+Xmr0Q$"
    "GrEhOcF+61PhH4wg4in6DfN8rEwPydPxENDUFbDi8zg"
)
"""The hash of a random password that nobody has, checked when a login is unknown: its cost
must be that of a real one, which a test makes sure of.
"""


def hash_password(password: str) -> str:
    """argon2id with the parameters of RFC 9106 §4 (low memory). Takes ~50 ms of a core."""
    return PasswordHasher().hash(password)


def refuse_guessable(password: str, login: str) -> None:
    """Raises ``Refusal`` 422."""
    if guessable(password, login):
        words = Words(
            "这个密码太容易猜：不能全是数字，不能含账号，至少有五种不同的字符。",
            "This password is guessed too easily: not digits alone, not with the login in it,"
            " and five different characters at least.",
        )
        raise Refusal(422, "invalid_field", words, field="password")


class Passwords:
    """Checks passwords in threads, in the same time whether the login exists or not."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._turn = asyncio.Semaphore(_MOST_HASHING)
        self._waiting: Counter[str] = Counter()

    @asynccontextmanager
    async def place(self, address: str) -> AsyncIterator[None]:
        """A place in the queue, for whoever has something checked or hashed.

        Raises:
            Refusal: 503, too many wait, in all or at this ``address``.
        """
        full = self._waiting.total() >= _MOST_WAITING
        if full or self._waiting[address] >= _MOST_OF_ONE:
            words = Words(
                "登录的人太多，请稍后再试。", "Too many people are signing in; wait a moment."
            )
            raise Refusal(503, "busy", words, retry_after=5)
        self._waiting[address] += 1
        try:
            yield
        finally:
            self._waiting[address] -= 1
            if not self._waiting[address]:
                del self._waiting[address]

    async def check(self, stored: str | None, password: str) -> bool:
        """Whether ``password`` is the one that ``stored`` was made of; None is nobody's.

        For who has a ``place``: it waits for its turn.
        """
        matches = await self._threaded(self._matches, stored or _NOBODY, password)
        return matches and stored is not None

    async def hash(self, password: str) -> str:
        """Raises ``Refusal`` 503 where too many wait."""
        async with self.place(""):
            return await self._threaded(self._hasher.hash, password)

    async def _threaded(self, work: Callable[..., _T], *args: str) -> _T:
        async with self._turn:
            return await asyncio.to_thread(work, *args)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False


PASSWORDS = web.AppKey("passwords", Passwords)


async def charge(attempts: Attempts, tried: Tried) -> None:
    """Counts an attempt, wherever it is made, before its outcome is known.

    Raises:
        Refusal: 429, there were too many.
    """
    left = await attempts.charge(tried)
    if left is not None:
        words = Words("尝试次数过多，请几分钟后再试。", "Too many attempts; wait a few minutes.")
        raise Refusal(429, "too_many_attempts", words, retry_after=int(left) + 1)
