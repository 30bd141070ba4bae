"""DingTalk's server API over HTTP, the present one and the older: calls, and what they answer."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
from yarl import URL

from channels.dingtalk.options import Options
from channels.dingtalk.receiving import read
from models.message import File
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

_EARLY_SECONDS = 300.0
"""A token is good for two hours; it is changed so long before."""

_STALE = frozenset({"InvalidAuthentication", "40014", "42001"})
"""The token is wrong or over: another one will do."""

_BUSY = ("qpslimit", "throttling", "toofast", "flowcontrolled")
_BUSY_NUMBERS = frozenset({"90002", "90006", "90018", "90019", "130101"})
"""Too often: of this app, of all, of one address, of one person."""

_USED_UP = frozenset({"Forbidden.AccessDenied.ApiCountLimitForOrg", "90020"})
"""A company's calls of a month, which somebody can buy more of."""

_MENDABLE = (
    *_USED_UP,
    "Forbidden.AccessDenied.AccessTokenPermissionDenied",
    "Forbidden.AccessDenied.IpNotInWhiteList",
    "60011",
    "60020",
    "invalidParameter.robotCode",
    "template.",
)
"""How codes begin of what somebody can put right in the console, or in the settings."""

CODE_OVER = "invalidParameter.robotCode.downloadCode"
"""Of a customer's file, which is gone then; the only one of its beginning that nobody can mend."""

_FENCED = 1111
_FENCED_SECONDS = 300.0
"""What an address that asks far too often is told, in no code, for five minutes."""

_USED_UP_SECONDS = 1800.0

_LONGEST = 200
"""Characters of DingTalk's own words that are kept."""

_MOST_TOLD = 64 * 1024
"""Bytes of an answer that is no file."""

_TOKEN = "x-acs-dingtalk-access-token"  # noqa: S105  the name of a header


class Client:
    """One app's calls."""

    def __init__(self, options: Options) -> None:
        self._url, self._older = options.base_url, options.upload_url
        self._login = {
            "appKey": options.client_id,
            "appSecret": options.client_secret.get_secret_value(),
        }
        self._patience = aiohttp.ClientTimeout(total=options.timeout_seconds)
        self._token = AccessToken(self._issue_token, time.monotonic, _EARLY_SECONDS)

    async def ask(
        self, http: aiohttp.ClientSession, path: str, told: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What DingTalk answers to one POST.

        Raises:
            RequestFailed: it was not done, or it may have been (``OutcomeUnknown``).
        """
        return await self._token.call(
            lambda token: _posted(
                http, f"{self._url}/v1.0/{path}", {"json": told, "headers": {_TOKEN: token}}
            )
        )

    async def upload(
        self,
        http: aiohttp.ClientSession,
        kind: str,
        form: Callable[[], aiohttp.FormData],
        timeout: aiohttp.ClientTimeout,
    ) -> str:
        """The id of a file that is now on DingTalk's server; ``form`` is made for each attempt.

        Raises:
            RequestFailed: it is not there.
        """

        async def posted(token: str) -> dict[str, Any]:
            query = {"access_token": token, "type": kind}
            arguments = {"params": query, "data": form(), "timeout": timeout}
            return await _posted(http, f"{self._older}/media/upload", arguments)

        number = (await self._token.call(posted)).get("media_id")
        if not isinstance(number, str) or not number:
            raise OutcomeUnknown("no media_id")
        return number

    async def download(self, http: aiohttp.ClientSession, url: str, most: int) -> File:
        """What is at an address that DingTalk gave: signed as it is, it takes no token of ours.

        Raises:
            OutcomeUnknown: it was not given.
            TooLarge: it has more than ``most`` bytes.
        """
        try:
            async with http.get(URL(url, encoded=True), allow_redirects=False) as response:
                if response.status != 200:
                    raise OutcomeUnknown(f"HTTP {response.status}")
                content = await read_at_most(most, response.content.iter_any())
                return File(content, response.content_type)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise OutcomeUnknown(type(error).__name__) from error

    async def _issue_token(self) -> tuple[str, float]:
        url = f"{self._url}/v1.0/oauth2/accessToken"
        try:
            async with aiohttp.ClientSession(timeout=self._patience) as http:
                told = await _posted(http, url, {"json": self._login})
        except RequestFailed as error:
            raise token_failure(error) from error
        token, seconds = told.get("accessToken"), told.get("expireIn")
        if not isinstance(token, str) or not token or not isinstance(seconds, int | float):
            raise TokenUnavailable("no token in it", bad_credentials=False)
        return token, float(seconds)


async def _posted(
    http: aiohttp.ClientSession, url: str, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    try:
        async with http.post(url, allow_redirects=False, **arguments) as response:
            raw = await read_at_most(_MOST_TOLD, response.content.iter_any())
            return _answer(response.status, response.headers.get("Retry-After", ""), raw)
    except aiohttp.ClientConnectorError as error:
        raise NotReached(type(error).__name__) from error
    except (aiohttp.ClientError, OSError, TooLarge) as error:
        # A dropped socket, a late answer: TimeoutError is an OSError.
        raise OutcomeUnknown(type(error).__name__) from error


def _answer(status: int, waiting: str, raw: bytes) -> dict[str, Any]:
    """The answer, where it says that it was done.

    The present API says no by its status and a word (``code``), the older one by a number that
    is not 0 (``errcode``).
    """
    told = read(raw)
    code = str(told.get("errcode") or told.get("code") or "")
    said = str(told.get("errmsg") or told.get("message") or "")[:_LONGEST]
    if told.get("status") == _FENCED:
        raise Refused(_FENCED, "", retry_after=_FENCED_SECONDS, rate_limited=True)
    if status >= 500 or (status < 300 and not told):
        raise OutcomeUnknown(f"HTTP {status} {code}".strip())
    if status < 300 and not code:
        return told
    raise refused(code or f"HTTP {status}", said, status, retry_after(waiting))


def refused(code: str, said: str, status: int = 200, wait: float = 0.0) -> Refused:
    """What a code means for what was asked."""
    busy = status == 429 or code in _BUSY_NUMBERS
    return Refused(
        code,
        said,
        retry_after=_USED_UP_SECONDS if code in _USED_UP else wait,
        rate_limited=busy or any(word in code.lower() for word in _BUSY),
        stale_token=status == 401 or code in _STALE,
        fixable=code != CODE_OVER and code.startswith(_MENDABLE),
    )
