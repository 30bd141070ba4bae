"""Answers: sent once, and said what became of each."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

import aiohttp

from channels.feishu.client import Client
from channels.feishu.options import Options
from channels.feishu.refusals import ERROR_TEXTS
from channels.feishu.writing import MAX_BYTES, Message, body, card, message, weight
from models.errors import Permanent
from models.message import Attachment, File, OutboundMessage, SendResult
from models.platform_api import (
    OutcomeUnknown,
    Refused,
    RequestFailed,
    TooLarge,
    fetch_failure,
    send_failure,
    upload_failure,
)
from models.sending import Pacer, in_turn, split

MAX_FILE_BYTES = 50 * 1024 * 1024
"""Of a customer's file; Feishu gives up to 100 MB."""

_MAX_IMAGE, _MAX_UPLOAD = 10 * 1024 * 1024, 30 * 1024 * 1024
"""What Feishu takes of ours."""

_IMAGES = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"})
_TYPES = {"pdf": "pdf", "doc": "doc", "docx": "doc", "xls": "xls", "xlsx": "xls"} | {
    "ppt": "ppt", "pptx": "ppt", "mp4": "mp4", "opus": "opus",
}  # fmt: skip
"""Endings of names to Feishu's types of files; all others are a “stream”."""

_REPEATS = 2
"""How often a message is sent again when nobody knows what became of it."""

_GONE = frozenset({230011, 230110, 231003})
"""The message that is answered was withdrawn or deleted, or is not to be found."""

_UNFIT = (
    "文件“{0}”是空的或超过 30 MB，飞书不收"
    " / File “{0}” is empty or larger than the 30 MB that Feishu takes"
)

_JSON = {"Content-Type": "application/json; charset=utf-8"}
_SLOWEST = 500_000
"""Bytes a second of a file on its way to us or from us, at the least."""


class Api:
    """One app's answers, and the files that it fetches."""

    def __init__(self, options: Options) -> None:
        self._client = Client(options)
        self._seconds = options.timeout_seconds
        self._pause = options.repeat_seconds
        self._pacer = Pacer(options.pace_seconds)

    # -- answers -----------------------------------------------------------------------

    async def send(self, outbound: OutboundMessage) -> SendResult:
        """An answer, in as many messages as its length and its files need.

        Its files are uploaded first: nobody sees an upload, so that what fails there can be
        tried again.
        """
        for file in outbound.attachments:
            if not 0 < len(outbound.files.get(file.sha256 or "", b"")) <= _MAX_UPLOAD:
                return SendResult("failed", error=_UNFIT.format(file.name))
        async with aiohttp.ClientSession(timeout=self._timeout()) as http:
            try:
                files = [
                    await self._upload_as_message(http, outbound, f) for f in outbound.attachments
                ]
            except RequestFailed as error:
                return upload_failure(error, ERROR_TEXTS)
            messages = [*_words(outbound), *files]
            return await in_turn(
                [partial(self._send_one, http, outbound, n, one) for n, one in enumerate(messages)]
            )

    async def _send_one(
        self, http: aiohttp.ClientSession, outbound: OutboundMessage, number: int, said: Message
    ) -> SendResult:
        chat, _, replied = outbound.route.address.partition("/")
        await self._pacer.wait(chat)
        # A UUID and the number of the part: Feishu takes 50 characters.
        name = f"{outbound.id}-{number}"
        try:
            told = await self._post_message(http, chat, replied, partial(body, said, name))
        except RequestFailed as error:
            return send_failure(error, ERROR_TEXTS)
        return SendResult("sent", str((told.get("data") or {}).get("message_id") or ""))

    async def _post_message(
        self, http: aiohttp.ClientSession, chat: str, replied: str, body: Callable[..., bytes]
    ) -> Mapping[str, Any]:
        """In reply to a message, or in its chat where that message is gone."""
        if replied:
            try:
                path = f"im/v1/messages/{quote(replied, safe='')}/reply"
                return await self._post_repeating(partial(self._post, http, path, body()))
            except Refused as refused:
                if refused.code not in _GONE:
                    raise
        path = "im/v1/messages?receive_id_type=chat_id"
        return await self._post_repeating(partial(self._post, http, path, body(receive_id=chat)))

    async def _post_repeating(
        self, post: Callable[[], Awaitable[Mapping[str, Any]]]
    ) -> Mapping[str, Any]:
        """Posts; when nobody knows what became of it, the same again under the same number.

        Of a number Feishu sends one message within an hour, and these follow within seconds. It
        is never done later: between two attempts, more than an hour may go by.

        Raises:
            RequestFailed: it was not sent, or still nobody can know (``OutcomeUnknown``).
        """
        try:
            return await post()
        except OutcomeUnknown as error:
            first = error
        for _ in range(_REPEATS):
            await asyncio.sleep(self._pause)
            # A refusal of the repetition does not tell what became of the first.
            with contextlib.suppress(RequestFailed):
                return await post()
        raise first

    async def _post(self, http: aiohttp.ClientSession, path: str, raw: bytes) -> Mapping[str, Any]:
        return await self._client.ask(http, path, lambda: {"data": raw, "headers": _JSON})

    async def _upload_as_message(
        self, http: aiohttp.ClientSession, outbound: OutboundMessage, file: Attachment
    ) -> Message:
        """The message that shows this file; a picture that Feishu finds none is a file."""
        content, name = outbound.files[file.sha256 or ""], file.name or "file"
        upload = partial(self._upload, http, content, name)
        if file.mime in _IMAGES and len(content) <= _MAX_IMAGE:
            try:
                return await upload("image", {"image_type": "message"})
            except Refused as refused:
                if refused.rate_limited or refused.fixable:
                    raise
        kind = _TYPES.get(name.rpartition(".")[2].lower(), "stream")
        return await upload("file", {"file_type": kind, "file_name": name})

    async def _upload(
        self,
        http: aiohttp.ClientSession,
        content: bytes,
        name: str,
        kind: str,
        fields: Mapping[str, str],
    ) -> Message:
        def arguments() -> Mapping[str, Any]:
            form = aiohttp.FormData(dict(fields))
            form.add_field(kind, content, filename=name, content_type="application/octet-stream")
            return {"data": form, "timeout": self._timeout(len(content))}

        told = await self._client.ask(http, f"im/v1/{kind}s", arguments)
        key = (told.get("data") or {}).get(f"{kind}_key")
        if not key:
            raise OutcomeUnknown("no key")
        return Message(kind, json.dumps({f"{kind}_key": key}))

    # -- files of customers ------------------------------------------------------------

    async def fetch(self, message_id: str, key: str, kind: str) -> File:
        """A file that Feishu keeps.

        Raises:
            Temporary: not just now.
            Permanent: it never can be had.
        """
        path = (
            f"im/v1/messages/{quote(message_id, safe='')}/resources/{quote(key, safe='')}"
            f"?type={quote(kind)}"
        )
        try:
            async with aiohttp.ClientSession(timeout=self._timeout(MAX_FILE_BYTES)) as http:
                return await self._client.download(http, path, MAX_FILE_BYTES)
        except TooLarge as error:
            raise Permanent("文件超过 50 MB / The file is larger than 50 MB") from error
        except RequestFailed as error:
            raise fetch_failure(error, ERROR_TEXTS) from error

    def _timeout(self, size: int = 0) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=self._seconds + size / _SLOWEST)


def _words(outbound: OutboundMessage) -> list[Message]:
    """The words, in as many messages as they need; buttons stand under the last of them."""
    parts = [part for part in split(outbound.text, MAX_BYTES, weight) if part.strip()]
    if not (parts and outbound.choices):
        return [message(part) for part in parts]
    where = outbound.conversation_key, outbound.route.address
    return [*map(message, parts[:-1]), card(parts[-1], outbound.choices, *where)]
