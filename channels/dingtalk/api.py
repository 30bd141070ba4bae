"""Answers: sent once, and said what became of each; and the files that customers sent."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import aiohttp

from channels.dingtalk.client import Client, refused
from channels.dingtalk.options import Options
from channels.dingtalk.reading import GROUP
from channels.dingtalk.refusals import ERROR_TEXTS, KEPT_BACK, NOT_OURS, TOO_FAST
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

MAX_BYTES = 14_000
"""Of the words in one message, by ``weight``: DingTalk takes 15,000 of what it calls msgParam."""

MAX_FILE_BYTES = 50 * 1024 * 1024
"""Of a customer's file."""

_MAX_UPLOAD = 20 * 1024 * 1024
"""What DingTalk takes of ours, pictures and other files alike."""

_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/bmp"})

_FLOW_SECONDS = 60.0
"""How long who was written to too often is left alone: DingTalk does not say how long."""

_SLOWEST = 200_000
"""Bytes a second of a file on its way to us or from us, at the least."""

_UNFIT = (
    "文件“{0}”是空的或超过 20 MB，钉钉不收，什么都没有发"
    " / File “{0}” is empty or larger than the 20 MB that DingTalk takes: nothing was sent"
)


class Message(NamedTuple):
    """One message: DingTalk's name of its kind, and what is in it."""

    kind: str
    content: Mapping[str, str]


def weight(text: str) -> int:
    """The bytes of ``text`` in a message, where it stands as JSON."""
    return len(_json(text).encode())


class Api:
    """One app's answers, and the files that it fetches."""

    def __init__(self, options: Options) -> None:
        self._client = Client(options)
        self._robot = options.robot
        self._seconds = options.timeout_seconds
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
                    await self._upload_as_message(http, file, outbound.files[file.sha256 or ""])
                    for file in outbound.attachments
                ]
            except RequestFailed as error:
                return upload_failure(error, ERROR_TEXTS)
            messages = [*_words(outbound.text), *files]
            address = outbound.route.address
            return await in_turn([partial(self._send_one, http, address, one) for one in messages])

    async def _send_one(
        self, http: aiohttp.ClientSession, address: str, message: Message
    ) -> SendResult:
        await self._pacer.wait(address)
        try:
            return SendResult("sent", await self._post_message(http, address, message))
        except RequestFailed as error:
            return send_failure(error, ERROR_TEXTS)

    async def _post_message(
        self, http: aiohttp.ClientSession, address: str, message: Message
    ) -> str:
        """DingTalk's name of the message that it has taken.

        Raises:
            RequestFailed: it was not sent, or nobody can know (``OutcomeUnknown``). DingTalk takes
                no number of ours: it is not sent again.
        """
        kind, _, whom = address.partition("/")
        payload = {
            "robotCode": self._robot,
            "msgKey": message.kind,
            "msgParam": _json(message.content),
        }
        path, to = "robot/oToMessages/batchSend", dict[str, Any](userIds=[whom])
        if kind == GROUP:
            path, to = "robot/groupMessages/send", {"openConversationId": whom}
        told = await self._client.ask(http, path, {**payload, **to})
        _raise_if_left_out(whom, told)
        name = told.get("processQueryKey")
        if not isinstance(name, str) or not name:
            raise OutcomeUnknown("no processQueryKey")
        return name

    async def _upload_as_message(
        self, http: aiohttp.ClientSession, file: Attachment, content: bytes
    ) -> Message:
        """The message that shows this file; a picture that DingTalk finds none is a file."""
        name, timeout = file.name or "file", self._timeout(len(content))

        def form() -> aiohttp.FormData:
            made = aiohttp.FormData()
            kind = "application/octet-stream"
            made.add_field("media", content, filename=name, content_type=kind)
            return made

        if file.mime in _IMAGES:
            try:
                number = await self._client.upload(http, "image", form, timeout)
                return Message("sampleImageMsg", {"photoURL": number})
            except Refused as error:
                if error.rate_limited or error.fixable:
                    raise
        number = await self._client.upload(http, "file", form, timeout)
        ending = name.rpartition(".")[2].lower() if "." in name else ""
        told = {"mediaId": number, "fileName": name, "fileType": ending}
        return Message("sampleFile", told)

    # -- files of customers ------------------------------------------------------------

    async def fetch(self, code: str) -> File:
        """A file that DingTalk keeps: asked for an address first, which is good for a while.

        Raises:
            Temporary: not just now.
            Permanent: it never can be had.
        """
        asked = {"downloadCode": code, "robotCode": self._robot}
        try:
            async with aiohttp.ClientSession(timeout=self._timeout(MAX_FILE_BYTES)) as http:
                told = await self._client.ask(http, "robot/messageFiles/download", asked)
                url = told.get("downloadUrl")
                if not isinstance(url, str) or not url:
                    raise OutcomeUnknown("no downloadUrl")
                return await self._client.download(http, url, MAX_FILE_BYTES)
        except TooLarge as error:
            raise Permanent("文件超过 50 MB / The file is larger than 50 MB") from error
        except RequestFailed as error:
            raise fetch_failure(error, ERROR_TEXTS) from error

    def _timeout(self, size: int = 0) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=self._seconds + size / _SLOWEST)


def _words(text: str) -> list[Message]:
    """Plain text, in as many messages as it needs.

    In a text of this API nothing is a mark: no list of people to call goes with it, and only the
    other kind of message takes Markdown.
    """
    parts = (part for part in split(text, MAX_BYTES, weight) if part.strip())
    return [Message("sampleText", {"content": part}) for part in parts]


def _raise_if_left_out(whom: str, told: Mapping[str, Any]) -> None:
    """Looks at who was left out of an answer that was “done”.

    Raises:
        Refused: the only one whom it was meant for.
    """
    for name in (NOT_OURS, KEPT_BACK, TOO_FAST):
        if whom in (told.get(name) or ()):
            raise refused(name, "", wait=_FLOW_SECONDS)


def _json(value: object) -> str:
    """JSON, in the characters themselves; half a surrogate pair is none, and becomes a “?”."""
    return json.dumps(value, ensure_ascii=False).encode(errors="replace").decode()
