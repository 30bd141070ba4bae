"""WeChat's API over HTTP: the access token, the calls, and what their answers mean."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import aiohttp

from channels.wechat.options import MUTE, Options
from channels.wechat.refusals import refused
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
"""Before the end WeChat gives another token already, and takes both.

Processes do not disturb each other: ``stable_token`` gives all of them the same one.
"""

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
    """An account's calls. Each raises ``RequestFailed``."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.monotonic) -> None:
        self._options = options
        self._token = AccessToken(self._issue_token, clock, _EARLY_SECONDS)

    async def post(
        self,
        path: str,
        data: Callable[[], Any],
        query: Mapping[str, str] | None = None,
        size: int = 0,
    ) -> dict[str, Any]:
        """What WeChat answers, where it does what was asked.

        ``data`` makes the body, bytes of JSON or a form, for each attempt; ``size`` of it.
        """
        return await self._token.call(
            lambda token: self._told(
                path, {"access_token": token, **(query or {})}, data(), self._patience(size)
            )
        )

    async def media(self, media_id: str, most: int) -> Reply:
        """A file of a customer's, or what WeChat says of it.

        Raises:
            TooLarge: it has more than ``most`` bytes.
        """
        url, patience = self._url("media/get"), self._patience(most)
        return await self._token.call(
            lambda token: _asked(
                "GET", url, {"access_token": token, "media_id": media_id}, None, patience, most
            )
        )

    async def download(self, url: str, most: int) -> Reply:
        """What an address gives to anybody. Raises ``TooLarge`` as well."""
        return await _asked("GET", url, {}, None, self._patience(most), most)

    def _patience(self, size: int) -> float:
        return self._options.timeout_seconds + size / _SLOWEST

    def _url(self, path: str) -> str:
        return f"{self._options.base_url}/cgi-bin/{path}"

    async def _told(
        self, path: str, query: Mapping[str, str], data: Any, seconds: float
    ) -> dict[str, Any]:
        try:
            reply = await _asked("POST", self._url(path), query, data, seconds, MAX_TOLD_BYTES)
        except TooLarge as error:
            raise OutcomeUnknown(type(error).__name__) from error
        told = reply.told()
        if told is not None and reply.status < 300:
            return told
        if 300 <= reply.status < 500:
            raise Refused(f"HTTP {reply.status}", "")
        raise OutcomeUnknown(f"HTTP {reply.status}")

    async def _issue_token(self) -> tuple[str, float]:
        """A token, and the seconds that it is good for."""
        secret = self._options.app_secret
        if secret is None:
            raise TokenUnavailable(MUTE, bad_credentials=True)
        asked = {
            "grant_type": "client_credential",
            "appid": self._options.appid,
            "secret": secret.get_secret_value(),
        }
        try:
            body = json.dumps(asked).encode()
            told = await self._told("stable_token", {}, body, self._patience(0))
        except RequestFailed as error:
            raise token_failure(error) from error
        token, seconds = told.get("access_token"), told.get("expires_in")
        if not isinstance(token, str) or not token or not isinstance(seconds, int | float):
            raise TokenUnavailable("no token in it", bad_credentials=False)
        return token, float(seconds)


async def _asked(
    method: str, url: str, query: Mapping[str, str], data: Any, seconds: float, most: int
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
        raise refused(code if isinstance(code, int) else str(code), words)
    return reply
