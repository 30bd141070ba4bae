"""Answers and files through WeCom's API: what was sent, and what was not."""

import io
import json
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import aiohttp

from channels.tencent.sending import in_parts, over_quota
from channels.wecom.client import WecomClient
from channels.wecom.options import Options
from channels.wecom.reading import number_of
from channels.wecom.refusals import ERROR_TEXTS, GONE
from models.errors import Permanent, Temporary
from models.message import Attachment, Choice, File, OutboundMessage, SendResult
from models.platform_api import (
    OutcomeUnknown,
    Refused,
    RequestFailed,
    TooLarge,
    send_failure,
    upload_failure,
)
from models.sending import in_turn, split, utf8_bytes

_MAX_HEAD_BYTES = 1024
"""Of the words above a menu."""

_MAX_CHOICE_BYTES = 128

MAX_FILE_BYTES = 20 * 1024 * 1024
"""Of any file: WeCom takes and keeps none that is larger."""

_KINDS: Mapping[str, tuple[str, int]] = {
    "image/png": ("image", 10 * 1024 * 1024),
    "image/jpeg": ("image", 10 * 1024 * 1024),
    "audio/amr": ("voice", 2 * 1024 * 1024),
    "video/mp4": ("video", 10 * 1024 * 1024),
}
"""MIME type to WeCom's kind and the most bytes of it. All others, and larger ones, are files."""

_SMALLEST_FILE = 6
"""Bytes: WeCom takes only files with more than five."""


class Api:
    """One company's voice, and the files that its customers sent."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.monotonic) -> None:
        self._accounts = options.accounts
        self._client = WecomClient(options, clock)

    # -- answers -----------------------------------------------------------------------

    async def send(self, outbound: OutboundMessage) -> SendResult:
        """An answer, in as many messages as its length and its files need.

        What cannot be sent whole is not begun, and files are put on WeCom's server first.
        """
        said = _said(outbound.text, outbound.choices)
        if problem := self._unfit(outbound, len(said)):
            return SendResult("failed", error=problem)
        try:
            said += [await self._uploaded(file, outbound.files) for file in outbound.attachments]
        except RequestFailed as error:
            return upload_failure(error, ERROR_TEXTS)
        whom = {
            "touser": outbound.route.address,
            "open_kfid": self._accounts[outbound.account],
        }
        return await in_turn([partial(self._say, outbound.id, {**whom, **one}) for one in said])

    async def _say(self, outbound_id: str, said: Mapping[str, Any]) -> SendResult:
        numbered = {**said, "msgid": number_of(outbound_id)}
        body = json.dumps(numbered, ensure_ascii=False).encode(errors="replace")
        try:
            told = await self._client.post("kf/send_msg", lambda: body)
            if "errcode" not in told:
                raise OutcomeUnknown("no errcode")
        except RequestFailed as error:
            return send_failure(error, ERROR_TEXTS)
        return SendResult("sent", str(told.get("msgid") or numbered["msgid"]))

    async def _uploaded(self, file: Attachment, contents: Mapping[str, bytes]) -> dict[str, Any]:
        """A file on WeCom's server, as the message that shows it.

        Raises:
            RequestFailed: it is not there.
        """
        content = contents.get(file.sha256 or "", b"")
        kind = _kind(file.mime, len(content))

        def form() -> aiohttp.FormData:
            made = aiohttp.FormData(quote_fields=False)  # a name is shown as it is written
            made.add_field(
                "media", io.BytesIO(content), filename=file.name, content_type=file.mime
            )
            return made

        told = await self._client.post("media/upload", form, {"type": kind}, size=len(content))
        if not told.get("media_id"):
            raise OutcomeUnknown("no media_id")
        return {"msgtype": kind, kind: {"media_id": str(told["media_id"])}}

    def _unfit(self, outbound: OutboundMessage, parts: int) -> str:
        """Why an answer cannot be sent as it is (a sentence), or “”."""
        if outbound.account not in self._accounts:
            return (
                f"设置 channels.wecom.accounts 里没有“{outbound.account}”了，没有发出"
                f" / “{outbound.account}” is not in channels.wecom.accounts any more: not sent"
            )
        for file in outbound.attachments:
            if not _SMALLEST_FILE <= file.size <= MAX_FILE_BYTES:
                return (
                    f"“{file.name}”是空的或超过 20 MB，什么都没有发"
                    f" / “{file.name}” is empty or larger than 20 MB: nothing was sent"
                )
        return over_quota(outbound, parts)

    # -- files -------------------------------------------------------------------------

    async def fetch(self, media_id: str, *, named: bool) -> File:
        """A file that a customer sent; ``named``: it has a name of its own.

        Raises:
            Temporary: not just now.
            Permanent: it is gone, or larger than any that WeCom takes.
        """
        try:
            reply = await self._client.media(media_id, MAX_FILE_BYTES)
        except TooLarge as error:
            raise Permanent("文件超过 20 MB / The file is larger than 20 MB") from error
        except RequestFailed as error:
            if isinstance(error, Refused) and error.code in GONE:
                gone = "文件没有了，企业微信只保存三天 / It is gone: files are kept three days"
                raise Permanent(gone) from error
            raise Temporary(f"WeCom: {error}") from error
        if reply.status != 200 or not reply.body:
            raise Temporary(f"WeCom: HTTP {reply.status}")
        mime = reply.headers.get("Content-Type", "").partition(";")[0].strip()
        return File(reply.body, mime, _name(reply.headers) if named else "")


def _name(headers: Mapping[str, str]) -> str:
    """What the customer's file is called; a message of WeCom does not say it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a header that cannot be read: then it has no name
        _, told = aiohttp.parse_content_disposition(headers.get("Content-Disposition"))
    return aiohttp.content_disposition_filename(told) or ""


def _said(text: str, choices: Sequence[Choice]) -> list[dict[str, Any]]:
    """The words of an answer as WeCom's messages; choices are a menu below the last of them."""
    if not choices:
        return [{"msgtype": "text", "text": {"content": part}} for part in in_parts(text)]
    *before, last = in_parts(text, _MAX_HEAD_BYTES) or [""]
    menu = {
        "head_content": last,
        "list": [
            {"type": "click", "click": {"id": one.value, "content": _label(one)}}
            for one in choices
        ],
    }
    said: list[dict[str, Any]] = [
        {"msgtype": "text", "text": {"content": part}} for part in before
    ]
    return [*said, {"msgtype": "msgmenu", "msgmenu": menu}]


def _label(choice: Choice) -> str:
    return split(choice.label, _MAX_CHOICE_BYTES, utf8_bytes)[0]


def _kind(mime: str, size: int) -> str:
    kind, most = _KINDS.get(mime, ("file", 0))
    return kind if size <= most else "file"
