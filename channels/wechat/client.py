"""One call to WeChat's API: the access token that it takes, and the whole of the answer."""

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import aiohttp

from channels.wechat.options import MUTE, Options
from channels.wechat.outcomes import (
    LOGIN_SECONDS,
    STALE,
    Refused,
    refusal,
    token_failure,
)
from models.message import SendResult
from models.platform_api import AccessToken, TooLarge, not_sent, read_at_most

MAX_TOLD_BYTES = 64 * 1024
"""Of an answer that is no file."""

_EARLY_SECONDS = 300.0
"""Before the end WeChat gives another token already, and takes both.

Processes do not disturb each other: ``stable_token`` gives all of them the same one.
"""

_SLOWEST = 20_000
"""Bytes a second of a file on its way, at the least."""

NO_ANSWER = (aiohttp.ClientError, OSError, TooLarge)
"""What a call raises that was not answered, or at greater length than anything WeChat says."""


class TokenUnavailable(Exception):
    """No access token was to be had, so that nothing else was asked for. ``result`` says why."""

    def __init__(self, result: SendResult) -> None:
        super().__init__(result.error)
        self.result = result


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

    def code(self) -> int:
        """WeChat's error code; 0 where there is none."""
        code = (self.told() or {}).get("errcode", 0)
        return code if isinstance(code, int) else 0


class Client:
    """An account's calls.

    Each raises ``TokenUnavailable``, or one of ``NO_ANSWER``.
    """

    def __init__(self, options: Options, clock: Callable[[], float] = time.monotonic) -> None:
        self._options = options
        self._access_token = AccessToken(self._new_token, clock, _EARLY_SECONDS)

    async def post(
        self,
        path: str,
        data: Callable[[], Any],
        query: Mapping[str, str] | None = None,
        size: int = 0,
    ) -> Reply:
        """``data`` makes the body, bytes of JSON or a form, for each attempt; ``size`` of it."""
        return await self._with_token(
            lambda token: self._request(
                "POST",
                path,
                {"access_token": token, **(query or {})},
                data(),
                self._patience(size),
            )
        )

    async def get(self, path: str, query: Mapping[str, str], most: int) -> Reply:
        """A file of at most so many bytes, or the answer that there is none."""
        return await self._with_token(
            lambda token: self._request(
                "GET", path, {"access_token": token, **query}, None, self._patience(most), most
            )
        )

    async def download(self, url: str, most: int) -> Reply:
        """What an address gives to anybody."""
        return await self._whole("GET", url, {}, None, self._patience(most), most)

    def _patience(self, size: int) -> float:
        return self._options.timeout_seconds + size / _SLOWEST

    async def _with_token(self, call: Callable[[str], Awaitable[Reply]]) -> Reply:
        """``call`` with the token, and once more with another where WeChat refuses it."""
        token = await self._token()
        reply = await call(token)
        if reply.code() in STALE:
            reply = await call(await self._token(refused=token))
        return reply

    async def _token(self, refused: str = "") -> str:
        try:
            return await self._access_token.get(refused)
        except Refused as error:
            raise TokenUnavailable(token_failure(error)) from error
        except NO_ANSWER as error:
            raise TokenUnavailable(not_sent(type(error).__name__)) from error

    async def _new_token(self) -> tuple[str, float]:
        """A token, and the seconds that it is good for."""
        secret = self._options.app_secret
        if secret is None:
            raise TokenUnavailable(SendResult("retry", error=MUTE, retry_after=LOGIN_SECONDS))
        asked = {
            "grant_type": "client_credential",
            "appid": self._options.appid,
            "secret": secret.get_secret_value(),
        }
        body = json.dumps(asked).encode()
        reply = await self._request("POST", "stable_token", {}, body, self._patience(0))
        told = reply.told() or {}
        if told.get("errcode"):
            raise refusal(told)
        token, seconds = told.get("access_token"), told.get("expires_in")
        if not isinstance(token, str) or not token or not isinstance(seconds, int | float):
            raise aiohttp.ClientPayloadError("no token in it")
        return token, float(seconds)

    async def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        data: Any,
        seconds: float,
        most: int = MAX_TOLD_BYTES,
    ) -> Reply:
        url = f"{self._options.base_url}/cgi-bin/{path}"
        return await self._whole(method, url, query, data, seconds, most)

    async def _whole(
        self, method: str, url: str, query: Mapping[str, str], data: Any, seconds: float, most: int
    ) -> Reply:
        headers = {"Content-Type": "application/json"} if isinstance(data, bytes) else {}
        timeout = aiohttp.ClientTimeout(total=seconds)
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            # A redirect would carry the token to somewhere that nobody has set.
            http.request(
                method, url, params=query, data=data, headers=headers, allow_redirects=False
            ) as reply,
        ):
            body = await read_at_most(most, reply.content.iter_any())
            return Reply(reply.status, reply.headers, body)
