"""Tencent's API over HTTP: the access token, the calls, and what their answers mean."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import aiohttp

from channels.tencent.refusals import Meanings
from models.platform_api import (
    AccessToken,
    NotReached,
    OutcomeUnknown,
    Refused,
    RequestFailed,
    TokenUnavailable,
    TooLarge,
    read_at_most,
    retry_after,
    token_failure,
)

MAX_TOLD_BYTES = 64 * 1024
"""Of an answer that is no file."""

_EARLY_SECONDS = 300.0
"""Before its end another token is asked for. Processes do not disturb each other: until then the
platform gives all of them the same one, and around that moment it takes both."""

_SLOWEST = 20_000
"""Bytes a second of a file on its way, at the least."""


class Reply(NamedTuple):
    """The answer to a request, whatever it is; ``body`` is whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def told(self) -> dict[str, Any] | None:
        """The JSON object that it is, or None."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None


class Client:
    """An account's calls. Each raises ``RequestFailed``. A platform says how one logs in."""

    def __init__(
        self,
        base_url: str,
        timeout_seconds: float,
        meanings: Meanings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base_url = base_url
        self._timeout_seconds = timeout_seconds
        self._meanings = meanings
        self._token = AccessToken(self._issue_token, clock, _EARLY_SECONDS)

    async def log_in(self) -> dict[str, Any]:
        """What the platform answers to our credentials: ``access_token`` and ``expires_in``.

        Raises:
            RequestFailed: it gives none.
        """
        raise NotImplementedError

    async def post(
        self,
        path: str,
        data: Callable[[], Any],
        query: Mapping[str, str] | None = None,
        *,
        size: int = 0,
        most: int = MAX_TOLD_BYTES,
    ) -> dict[str, Any]:
        """What is answered, where what was asked is done.

        ``data`` makes the body, bytes of JSON or a form, for each attempt; ``size`` of it.
        ``most`` bytes are read of the answer.
        """
        return await self._token.call(
            lambda token: self.told(
                "POST",
                path,
                {"access_token": token, **(query or {})},
                data(),
                size=size,
                most=most,
            )
        )

    async def media(self, media_id: str, most: int) -> Reply:
        """A file of a customer's, or what is said of it.

        Raises:
            TooLarge: it has more than ``most`` bytes.
        """
        url, patience = self._url("media/get"), self._patience(most)
        return await self._token.call(
            lambda token: self._asked(
                "GET", url, {"access_token": token, "media_id": media_id}, None, patience, most
            )
        )

    async def download(self, url: str, most: int) -> Reply:
        """What an address gives to anybody. Raises ``TooLarge`` as well."""
        return await self._asked("GET", url, {}, None, self._patience(most), most)

    async def told(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        data: Any = None,
        *,
        size: int = 0,
        most: int = MAX_TOLD_BYTES,
    ) -> dict[str, Any]:
        """The JSON object that is answered to one request, without a token of its own.

        Raises:
            RequestFailed: there is none, or it says no.
        """
        url, patience = self._url(path), self._patience(size)
        try:
            reply = await self._asked(method, url, query, data, patience, most)
        except TooLarge as error:
            raise OutcomeUnknown(type(error).__name__) from error
        told = reply.told()
        if told is not None and reply.status < 300:
            return told
        if 300 <= reply.status < 500:
            raise Refused(f"HTTP {reply.status}", "")
        raise OutcomeUnknown(f"HTTP {reply.status}")

    def _patience(self, size: int) -> float:
        return self._timeout_seconds + size / _SLOWEST

    def _url(self, path: str) -> str:
        return f"{self._base_url}/cgi-bin/{path}"

    async def _issue_token(self) -> tuple[str, float]:
        """A token, and the seconds that it is good for."""
        try:
            told = await self.log_in()
        except RequestFailed as error:
            raise token_failure(error) from error
        token, seconds = told.get("access_token"), told.get("expires_in")
        if not isinstance(token, str) or not token or not isinstance(seconds, int | float):
            raise TokenUnavailable("no token in it", bad_credentials=False)
        return token, float(seconds)

    async def _asked(
        self,
        method: str,
        url: str,
        query: Mapping[str, str],
        data: Any,
        seconds: float,
        most: int,
    ) -> Reply:
        """What is answered, unless it is a no.

        Raises:
            RequestFailed: nothing was answered, or an error code.
            TooLarge: it is longer than anything that was wanted.
        """
        headers = {"Content-Type": "application/json"} if isinstance(data, bytes) else {}
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as http,
                # A redirect would carry the token to somewhere that nobody has set.
                http.request(
                    method, url, params=query, data=data, headers=headers, allow_redirects=False
                ) as answer,
            ):
                body = await read_at_most(most, answer.content.iter_any())
                reply = Reply(answer.status, answer.headers, body)
        except aiohttp.ClientConnectorError as error:
            raise NotReached(type(error).__name__) from error
        except (aiohttp.ClientError, OSError) as error:
            # A dropped socket, a late answer: TimeoutError is an OSError.
            raise OutcomeUnknown(type(error).__name__) from error
        if reply.status == 429:
            wait = retry_after(reply.headers.get("Retry-After", ""))
            raise Refused("HTTP 429", "", retry_after=wait, rate_limited=True)
        told = reply.told() or {}
        if code := told.get("errcode"):
            words = str(told.get("errmsg", ""))
            raise self._meanings.refused(code if isinstance(code, int) else str(code), words)
        return reply
