"""Telegram's Bot API through python-telegram-bot's ``Bot``: what was sent, and what was not.

``Updater`` is not used: it confirms updates as soon as they are in memory.
"""

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

import httpx
from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputFile,
    LinkPreviewOptions,
    Message,
    ReplyParameters,
)
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.request import HTTPXRequest

from channels.telegram.options import Options
from channels.telegram.refusals import sentence
from models.errors import Permanent, Temporary
from models.message import File, OutboundMessage, SendResult
from models.platform_api import not_sent, perhaps_sent, too_fast
from models.sending import Pacer, in_turn, split, utf16_units

# The library's own switch: without it every flood limit is a deprecation warning.
os.environ.setdefault("PTB_TIMEDELTA", "true")

MAX_UNITS = 4096
"""Of one message, in UTF-16 units, which is how Telegram counts."""

MAX_FILE_BYTES = 20 * 1024 * 1024
"""What getFile gives to a bot."""

MAX_SENT_BYTES = 50 * 1024 * 1024
"""Of a file that a bot sends (Bot API, “Sending files”)."""

_WANTED = '["message","edited_message","callback_query"]'

_SLOWEST = 20_000
"""Bytes a second of a file on its way, at the least."""

_LOGIN_SECONDS = 300.0

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
"""Failures after which the request certainly did not reach Telegram."""


_UNFIT = (
    "“{0}”超过 50 MB，Telegram 不收，什么都没有发"
    " / “{0}” is larger than the 50 MB that Telegram takes: nothing was sent"
)

_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
"""For a preview Telegram opens the address: one that works once would be used up by that."""

_Step = tuple[Callable[..., Awaitable[Message]], int]


class Api:
    """One bot's calls, each with what became of it."""

    def __init__(self, options: Options) -> None:
        # At info httpx prints each address, and with it the bot's token.
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        seconds, token = options.timeout_seconds, options.token.get_secret_value()
        self._patience = options.poll_seconds
        self._seconds = seconds
        self._pacer = Pacer(options.pace_seconds)
        self._moved: dict[int, int] = {}
        self._updates = HTTPXRequest(
            read_timeout=options.poll_seconds + seconds, connect_timeout=seconds
        )
        self._calls = HTTPXRequest(
            read_timeout=seconds, connect_timeout=seconds, write_timeout=seconds
        )
        self._address = f"{options.base_url}/bot{token}/getUpdates"
        self._bot = Bot(
            token,
            base_url=f"{options.base_url}/bot",
            base_file_url=f"{options.base_url}/file/bot",
            request=self._calls,
            get_updates_request=self._updates,
        )

    async def close(self) -> None:
        await self._updates.shutdown()
        await self._calls.shutdown()

    async def updates(self, stored: int | None) -> list[dict[str, Any]]:
        """Raw updates that were not confirmed; asking confirms all up to ``stored``.

        Raises:
            TelegramError: none were to be had.
        """
        # Not Bot.get_updates: one update that the library cannot read would hold up all others.
        query: dict[str, Any] = {"timeout": self._patience, "allowed_updates": _WANTED}
        if stored is not None:
            query["offset"] = stored + 1
        try:
            async with asyncio.timeout(self._patience + self._whole()):
                found: Any = await self._updates.post(f"{self._address}?{urlencode(query)}")
        except TimeoutError as error:
            raise TimedOut from error
        return list(found)

    def _whole(self, size: int = 0) -> float:
        """Seconds for a whole request: the library's begin anew with every byte that comes."""
        return 2 * self._seconds + size / _SLOWEST

    async def set_webhook(self, url: str, secret: str) -> None:
        """Tells Telegram where to post updates.

        Raises:
            TelegramError: it was not told.
        """
        await self._bot.set_webhook(url, secret_token=secret, allowed_updates=json.loads(_WANTED))

    async def forget_webhook(self) -> None:
        """Updates are asked for again; while Telegram posts them, it gives none to who asks."""
        with contextlib.suppress(TelegramError):  # the next question will tell
            await self._bot.delete_webhook()

    async def send(self, outbound: OutboundMessage) -> SendResult:
        """An answer, in as many messages as its length and its files need."""
        chat, message, topic = [*outbound.route.address.split("/"), "", ""][:3]
        if not chat.removeprefix("-").isdigit():
            return SendResult("failed", error="地址不对 / The address is no chat")
        for file in outbound.attachments:
            if file.size > MAX_SENT_BYTES:
                return SendResult("failed", error=_UNFIT.format(file.name))
        steps = self._steps(outbound)
        if message and steps:
            # In a group, others see what is answered; a message that is gone is no obstacle.
            quoted = ReplyParameters(int(message), allow_sending_without_reply=True)
            first, size = steps[0]
            steps[0] = (partial(first, reply_parameters=quoted), size)
        if topic:
            # Only what replies finds its topic by itself: all else would stand in “General”.
            within = {"message_thread_id": int(topic)}
            steps = [(partial(step, **within), size) for step, size in steps]
        return await in_turn([partial(self._paced, int(chat), *step) for step in steps])

    def _steps(self, outbound: OutboundMessage) -> list[_Step]:
        """The messages of an answer, each with the size of its file."""
        steps: list[_Step] = [
            (partial(self._bot.send_message, text=part, link_preview_options=_NO_PREVIEW), 0)
            for part in split(outbound.text, MAX_UNITS, utf16_units)
            if part.strip()
        ]
        if outbound.choices and steps:
            # The buttons stand under the last of the words, each in a row of its own.
            rows = [
                [InlineKeyboardButton(one.label, callback_data=one.value)]
                for one in outbound.choices
            ]
            last, size = steps[-1]
            steps[-1] = (partial(last, reply_markup=InlineKeyboardMarkup(rows)), size)
        for file in outbound.attachments:
            content = InputFile(outbound.files.get(file.sha256 or "", b""), file.name)
            steps.append((partial(self._bot.send_document, document=content), file.size))
        return steps

    async def _paced(
        self, chat: int, step: Callable[..., Awaitable[Message]], size: int
    ) -> SendResult:
        await self._pacer.wait(str(chat))
        try:
            async with asyncio.timeout(self._whole(size)):
                sent = await self._where_it_is_now(chat, step)
        except TelegramError as error:
            return send_failure(error)
        except TimeoutError as error:
            return perhaps_sent(type(error).__name__)
        return SendResult("sent", str(sent.message_id))

    async def _where_it_is_now(
        self, chat: int, step: Callable[..., Awaitable[Message]]
    ) -> Message:
        """Sends into a group, or into the supergroup that it has become, which has another number.

        Telegram refuses the old number, and tells the new one (Bot API, ResponseParameters).
        """
        try:
            return await step(chat_id=self._moved.get(chat, chat))
        except ChatMigrated as error:
            self._moved[chat] = error.new_chat_id
            return await step(chat_id=error.new_chat_id)

    async def noticed(self, updates: Sequence[Mapping[str, Any]]) -> None:
        """Ends the waiting of who has pressed a button; where that fails, it ends by itself."""
        for update in updates:
            if "callback_query" in update:
                with contextlib.suppress(TelegramError):
                    await self._bot.answer_callback_query(str(update["callback_query"]["id"]))

    async def fetch(self, file_id: str) -> File:
        try:
            found = await self._bot.get_file(file_id)
            if (found.file_size or 0) > MAX_FILE_BYTES:
                raise Permanent("文件超过 20 MB / The file is larger than 20 MB")
            content = bytes(await found.download_as_bytearray())
        except (BadRequest, Forbidden) as error:
            raise _not_given(error) from error
        except TelegramError as error:
            raise Temporary(f"Telegram: {type(error).__name__}") from error
        if len(content) > MAX_FILE_BYTES:
            raise Permanent("文件超过 20 MB / The file is larger than 20 MB")
        return File(content)


def _not_given(error: TelegramError) -> Temporary | Permanent:
    """What to raise for a file.

    Of one that is not there just now, and of one that never was, Telegram says the same: it is
    asked for again.
    """
    if "temporarily unavailable" in error.message:
        return Temporary(f"Telegram: {error.message}")
    if "too big" in error.message:
        return Permanent("文件超过 20 MB / The file is larger than 20 MB")
    return Permanent(f"Telegram: {error.message}")


def told(error: RetryAfter) -> float:
    """The seconds that Telegram wants us to wait."""
    seconds = error.retry_after
    return float(seconds.total_seconds() if isinstance(seconds, timedelta) else seconds)


def send_failure(error: TelegramError) -> SendResult:
    """What an error of ``send_message`` means for the answer."""
    name = type(error).__name__
    if isinstance(error, RetryAfter):
        return too_fast(name, told(error))
    if isinstance(error, InvalidToken):
        # Our own login: somebody mends the token, and the answer goes out.
        error_text = "令牌无效，请检查 / The bot's token is not valid; check it"
        return SendResult("retry", error=error_text, retry_after=_LOGIN_SECONDS)
    if isinstance(error, BadRequest | Forbidden | ChatMigrated):
        return SendResult("failed", error=sentence(error.message))
    if isinstance(error, NetworkError) and isinstance(error.__cause__, _NOT_SENT):
        return not_sent(name)
    return perhaps_sent(name)  # 5xx among them
