"""Slack's Web API through slack_sdk's client: what was sent, and what was not."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from channels.slack.options import Options
from channels.slack.refusals import BUSY, FIXABLE, LOGIN, NOBODY_KNOWS, sentence
from models.errors import Permanent, Temporary
from models.message import Attachment, Choice, File, OutboundMessage, SendResult
from models.platform_api import (
    TooLarge,
    not_sent,
    perhaps_sent,
    read_at_most,
    retry_after,
    too_fast,
)
from models.sending import Pacer, characters, in_turn, split

MAX_CHARACTERS = 4000
"""Of one message; Slack cuts what is longer than 40,000 and advises this."""

MAX_FILE_BYTES = 50 * 1024 * 1024

_FIXING_SECONDS = 300.0


class Api:
    """One app's calls, each with what became of it."""

    def __init__(self, options: Options) -> None:
        token = options.bot_token.get_secret_value()
        seconds, url = options.timeout_seconds, options.base_url
        self.token = token
        self._own = _place(url)
        # Without the library's own retries: one after a dropped socket may say it twice.
        self.client = AsyncWebClient(token, base_url=url, timeout=seconds, retry_handlers=[])
        patient = [AsyncRateLimitErrorRetryHandler(max_retry_count=5)]
        self._reader = AsyncWebClient(
            token, base_url=url, timeout=seconds, retry_handlers=[*patient]
        )
        self._pacer = Pacer(options.pace_seconds)

    # -- answers -----------------------------------------------------------------------

    async def send(self, outbound: OutboundMessage) -> SendResult:
        """An answer, in as many messages as its length and its files need."""
        place, _, thread = outbound.route.address.partition("/")
        where = {"channel": place, "thread_ts": thread or None}
        said = split(outbound.text, MAX_CHARACTERS, characters)
        parts = [part for part in said if part.strip()]
        steps: list[Callable[[], Awaitable[Any]]] = [
            # Buttons stand under the last of the words.
            partial(self._say, part, where, outbound.choices if part is parts[-1] else ())
            for part in parts
        ]
        for file in outbound.attachments:
            content = outbound.files.get(file.sha256 or "", b"")
            steps.append(partial(self._upload, file, content, where))
        return await in_turn([partial(self._paced, place, step) for step in steps])

    async def _paced(self, place: str, step: Callable[[], Awaitable[Any]]) -> SendResult:
        await self._pacer.wait(place)
        return await _attempt(step)

    async def _say(
        self, text: str, where: Mapping[str, Any], choices: Sequence[Choice] = ()
    ) -> Any:
        shown = {**where, "blocks": _blocks(text, choices)} if choices else where
        # Agents write plain words: in “3~5 天，7~10 天” nothing is to be struck through.
        return await self.client.chat_postMessage(
            text=_escaped(text), mrkdwn=False, unfurl_links=False, unfurl_media=False, **shown
        )

    async def _upload(self, file: Attachment, content: bytes, where: Mapping[str, Any]) -> Any:
        return await self.client.files_upload_v2(
            content=content, filename=file.name or "file", **where
        )

    # -- files -------------------------------------------------------------------------

    async def fetch(self, url: str) -> File:
        """A file that Slack keeps. The token goes to Slack's hosts only, and encrypted."""
        scheme, host = _place(url)
        slacks = scheme == "https" and host.endswith(".slack.com")
        if (scheme, host) != self._own and not slacks:
            raise Permanent("文件不在 Slack 上 / The file is not kept by Slack")
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=110)) as http,
                http.get(url, headers=headers, allow_redirects=False) as response,
            ):
                return await _file(response)
        except (aiohttp.ClientError, OSError) as error:
            raise Temporary(f"Slack: {type(error).__name__}") from error

    # -- history -----------------------------------------------------------------------

    async def who(self) -> tuple[str, str]:
        """Our workspace, and the user that we are there."""
        found = await self._reader.auth_test()
        return str(found["team_id"]), str(found.get("user_id", ""))

    async def places(self) -> AsyncIterator[Mapping[str, Any]]:
        """Channels that the app is in, and its direct messages."""
        kinds = "public_channel,private_channel,im,mpim"
        call = partial(self._reader.users_conversations, types=kinds, exclude_archived=True)
        async for place in _pages(call, "channels"):
            yield place

    async def history(self, place: str, since: float) -> AsyncIterator[Mapping[str, Any]]:
        call = partial(
            self._reader.conversations_history, channel=place, oldest=f"{since:.6f}", limit=200
        )
        async for message in _pages(call, "messages"):
            yield message

    async def replies(
        self, place: str, thread: str, since: float
    ) -> AsyncIterator[Mapping[str, Any]]:
        call = partial(
            self._reader.conversations_replies,
            channel=place, ts=thread, oldest=f"{since:.6f}", limit=200,
        )  # fmt: skip
        try:
            async for message in _pages(call, "messages"):
                yield message
        except SlackApiError as error:
            if _word(error.response) != "thread_not_found":  # what opened it was deleted since
                raise


def _place(url: str) -> tuple[str, str]:
    """Scheme and host."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or ""


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _blocks(text: str, choices: Sequence[Choice]) -> list[dict[str, Any]]:
    """The words, and a button for each choice (Block Kit: at most 3000 characters a section)."""
    sections = [
        {"type": "section", "text": {"type": "mrkdwn", "text": _escaped(part), "verbatim": True}}
        for part in split(text, 3000, lambda part: len(_escaped(part)))
    ]
    buttons = [
        {
            "type": "button",
            "action_id": f"choice-{number}",
            "value": choice.value,
            "text": {"type": "plain_text", "text": choice.label[:75]},
        }
        for number, choice in enumerate(choices)
    ]
    return [*sections, {"type": "actions", "elements": buttons}]


async def _pages(
    call: Callable[..., Awaitable[Any]], name: str
) -> AsyncIterator[Mapping[str, Any]]:
    cursor = ""
    while True:
        page = await (call(cursor=cursor) if cursor else call())
        for one in page.get(name) or ():
            yield one
        cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
        if not cursor:
            return


async def _file(response: aiohttp.ClientResponse) -> File:
    if response.status in {404, 410}:
        raise Permanent("文件已不存在 / The file is gone")
    if response.status != 200:
        raise Temporary(f"Slack: HTTP {response.status}")
    try:
        content = await read_at_most(MAX_FILE_BYTES, response.content.iter_any())
    except TooLarge as error:
        raise Permanent("文件超过 50 MB / The file is larger than 50 MB") from error
    return File(content, response.content_type)


async def _attempt(step: Callable[[], Awaitable[Any]]) -> SendResult:
    try:
        sent = await step()
    except SlackApiError as error:
        return send_failure(error)
    except aiohttp.ClientConnectorError as error:
        return not_sent(type(error).__name__)
    except (SlackClientError, aiohttp.ClientError, OSError) as error:
        return perhaps_sent(type(error).__name__)
    return SendResult("sent", str(sent.get("ts") or ""))


def send_failure(error: SlackApiError) -> SendResult:
    """What an error of Slack means for the answer."""
    response = error.response
    status, headers = getattr(response, "status_code", 0), getattr(response, "headers", {})
    word = _word(response)
    if status == 429 or word in BUSY:
        told = next((v for k, v in headers.items() if k.lower() == "retry-after"), "")
        return too_fast(word or f"HTTP {status}", retry_after(str(told)))
    if word in LOGIN or word in FIXABLE:
        return SendResult("retry", error=sentence(word), retry_after=_FIXING_SECONDS)
    if status >= 500 or word in NOBODY_KNOWS or not word:
        return perhaps_sent(word or f"HTTP {status}")
    return SendResult("failed", error=sentence(word))


def _word(response: Any) -> str:
    try:
        return str(response.get("error") or "")
    except (AttributeError, ValueError):
        return ""
