"""Feishu's server API over HTTP: the token, the calls, and what their answers mean."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp

from channels.feishu.options import Options
from models.message import File
from models.platform_api import (
    AccessToken,
    NotReached,
    OutcomeUnknown,
    Refused,
    RequestFailed,
    TooLarge,
    read_at_most,
    retry_after,
    token_failure,
)

_EARLY_SECONDS = 600.0
"""A token is changed so long before its end; Feishu gives another in its last half hour."""

_STALE = frozenset({99991661, 99991663, 99991664, 99991665, 99991668, 99991671})
"""The token is missing, wrong or over: another one will do."""

_BUSY = frozenset({11232, 230020, 99991400})
"""Too many: of the company, of this person or group, of the app."""

_BROKEN = frozenset({1500, 2200})
"""“Internal error”, which may have come after the work was done."""

_LONGEST = 200
"""Characters of Feishu's own words that are kept."""

_MOST_TOLD = 64 * 1024
"""Bytes of an answer that is no file."""

_BEING_SENT = 230049
"""An earlier request of the same number is under way."""

NO_SCOPE = 99991672
"""Somebody can add the scope in the console."""

Arguments = Callable[[], Mapping[str, Any]]
"""Makes what aiohttp is given for a request: a form can be sent once only."""


class Client:
    """One app's calls. A token is shared by all of them, and asked for by one at a time."""

    def __init__(self, options: Options) -> None:
        self._url = f"{options.base_url}/open-apis"
        self._login = {
            "app_id": options.app_id,
            "app_secret": options.app_secret.get_secret_value(),
        }
        self._patience = aiohttp.ClientTimeout(total=options.timeout_seconds)
        self._token = AccessToken(self._issue_token, time.monotonic, _EARLY_SECONDS)

    async def ask(
        self, http: aiohttp.ClientSession, path: str, arguments: Arguments
    ) -> dict[str, Any]:
        """What Feishu answers to one POST.

        Raises:
            RequestFailed: it was not done, or it may have been (``OutcomeUnknown``).
        """
        return await self._token.call(lambda token: self._posted(http, path, token, arguments()))

    async def download(self, http: aiohttp.ClientSession, path: str, most: int) -> File:
        """A file of at most ``most`` bytes.

        Raises:
            RequestFailed: it was not given.
            TooLarge: it has more bytes.
        """

        async def asked(token: str) -> File:
            headers = {"Authorization": f"Bearer {token}"}
            try:
                async with http.get(
                    f"{self._url}/{path}", headers=headers, allow_redirects=False
                ) as response:
                    return await _downloaded(response, most)
            except (aiohttp.ClientError, OSError) as error:
                raise OutcomeUnknown(type(error).__name__) from error

        return await self._token.call(asked)

    async def _issue_token(self) -> tuple[str, float]:
        path = "auth/v3/tenant_access_token/internal"
        try:
            async with aiohttp.ClientSession(timeout=self._patience) as http:
                told = await self._posted(http, path, "", {"json": self._login})
        except RequestFailed as error:
            raise token_failure(error) from error
        return str(told.get("tenant_access_token") or ""), float(told.get("expire") or 0)

    async def _posted(
        self,
        http: aiohttp.ClientSession,
        path: str,
        token: str,
        arguments: Mapping[str, Any],
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= arguments.get("headers", {})
        url = f"{self._url}/{path}"
        try:
            async with http.post(
                url, allow_redirects=False, **{**arguments, "headers": headers}
            ) as response:
                return await _answer(response)
        except aiohttp.ClientConnectorError as error:
            raise NotReached(type(error).__name__) from error
        except (aiohttp.ClientError, OSError) as error:
            # A dropped socket, a late answer: TimeoutError is an OSError.
            raise OutcomeUnknown(type(error).__name__) from error


async def _downloaded(response: aiohttp.ClientResponse, most: int) -> File:
    if response.status != 200:
        await _answer(response)
        raise OutcomeUnknown(f"HTTP {response.status}")
    content = await read_at_most(most, response.content.iter_any())
    return File(content, response.content_type)


async def _answer(response: aiohttp.ClientResponse) -> dict[str, Any]:
    """The answer, where it says that it was done."""
    try:
        told = _read(await read_at_most(_MOST_TOLD, response.content.iter_any()))
    except TooLarge as error:
        raise OutcomeUnknown(type(error).__name__) from error
    code, said = told.get("code"), str(told.get("msg") or "")[:_LONGEST]
    headers = response.headers
    wait = retry_after(headers.get("x-ogw-ratelimit-reset") or headers.get("Retry-After") or "")
    if response.status == 429:
        raise _refused(code if isinstance(code, int) else 0, said, wait, rate_limited=True)
    if response.status >= 500 or not isinstance(code, int) or code in _BROKEN:
        raise OutcomeUnknown(f"HTTP {response.status}, {code}")
    if code == _BEING_SENT:
        raise OutcomeUnknown(str(code))
    if code != 0:
        raise _refused(code, said, wait, rate_limited=code in _BUSY)
    return told


def _refused(code: int, reason: str, wait: float, *, rate_limited: bool) -> Refused:
    return Refused(
        code,
        reason,
        retry_after=wait,
        rate_limited=rate_limited,
        stale_token=code in _STALE,
        fixable=code == NO_SCOPE,
    )


def _read(raw: bytes) -> dict[str, Any]:
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
