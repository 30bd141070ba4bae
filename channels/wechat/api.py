"""Answers and files through WeChat's API: what was sent, and what was not."""

import io
import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from channels.tencent.client import Reply
from channels.tencent.sending import in_parts, over_quota
from channels.wechat.client import WechatClient
from channels.wechat.options import Options
from channels.wechat.refusals import ERROR_TEXTS, GONE
from models.errors import Permanent, Temporary
from models.message import Attachment, File, OutboundMessage, SendResult
from models.platform_api import (
    OutcomeUnknown,
    Refused,
    RequestFailed,
    TooLarge,
    send_failure,
    upload_failure,
)
from models.sending import in_turn

MAX_FILE_BYTES = 20 * 1024 * 1024
"""Of what is fetched; customers send less."""

_SENDABLE: Mapping[str, tuple[str, str, int]] = {
    "image/png": ("image", "image.png", 10 * 1024 * 1024),
    "image/jpeg": ("image", "image.jpg", 10 * 1024 * 1024),
    "image/gif": ("image", "image.gif", 10 * 1024 * 1024),
    "audio/amr": ("voice", "voice.amr", 2 * 1024 * 1024),
    "audio/mpeg": ("voice", "voice.mp3", 2 * 1024 * 1024),
}
"""MIME type to WeChat's kind, a name, and the most bytes. There is no kind for other files."""


class Api:
    """One account's voice, and the files that its customers sent."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.monotonic) -> None:
        self._own = options.base_url
        self._client = WechatClient(options, clock)

    # -- answers -----------------------------------------------------------------------

    async def send(self, outbound: OutboundMessage) -> SendResult:
        """An answer, in as many messages as its length and its files need.

        What cannot be sent whole is not begun, and files are put on WeChat's server first.
        """
        parts = in_parts(outbound.text)
        if problem := _unfit(outbound, len(parts)):
            return SendResult("failed", error=problem)
        said: list[dict[str, Any]] = [
            {"msgtype": "text", "text": {"content": part}} for part in parts
        ]
        try:
            said += [await self._uploaded(file, outbound.files) for file in outbound.attachments]
        except RequestFailed as error:
            return upload_failure(error, ERROR_TEXTS)
        whom = outbound.route.address
        return await in_turn([partial(self._say, {"touser": whom, **one}) for one in said])

    async def _say(self, said: Mapping[str, Any]) -> SendResult:
        # WeChat shows what is escaped as it was escaped: it wants the characters themselves.
        body = json.dumps(said, ensure_ascii=False).encode()
        try:
            told = await self._client.post("message/custom/send", lambda: body)
            if "errcode" not in told:
                raise OutcomeUnknown("no errcode")
        except RequestFailed as error:
            return send_failure(error, ERROR_TEXTS)
        return SendResult("sent", str(told["msgid"]) if told.get("msgid") else None)

    async def _uploaded(self, file: Attachment, contents: Mapping[str, bytes]) -> dict[str, Any]:
        """A file on WeChat's server, as the message that shows it.

        Raises:
            RequestFailed: it is not there.
        """
        kind, name, _ = _SENDABLE[file.mime]
        content = contents.get(file.sha256 or "", b"")

        def form() -> aiohttp.FormData:
            made = aiohttp.FormData()
            # Its own name is shown to nobody, and a name that is not ASCII is not understood.
            made.add_field("media", io.BytesIO(content), filename=name, content_type=file.mime)
            return made

        told = await self._client.post("media/upload", form, {"type": kind}, size=len(content))
        if not told.get("media_id"):
            raise OutcomeUnknown("no media_id")
        return {"msgtype": kind, kind: {"media_id": str(told["media_id"])}}

    # -- files -------------------------------------------------------------------------

    async def fetch(self, media_id: str) -> File:
        """A file that a customer sent; a video's answer names the address where it is."""
        try:
            reply = await self._client.media(media_id, MAX_FILE_BYTES)
            told = reply.told()
            if told and told.get("video_url"):
                reply, told = await self._video(str(told["video_url"])), None
        except TooLarge as error:
            raise Permanent("文件超过 20 MB / The file is larger than 20 MB") from error
        except RequestFailed as error:
            if isinstance(error, Refused) and error.code in GONE:
                gone = "文件没有了，微信只保存三天 / It is gone: files are kept three days"
                raise Permanent(gone) from error
            raise Temporary(f"WeChat: {error}") from error
        if told is not None or reply.status != 200 or not reply.body:
            raise Temporary(f"WeChat: HTTP {reply.status}")
        return File(reply.body, reply.headers.get("Content-Type", "").partition(";")[0].strip())

    async def _video(self, url: str) -> Reply:
        """What is at the address of a video: on WeChat's own hosts only, and without our token."""
        if not _wechats(url, self._own):
            raise Permanent(
                "视频不在微信的服务器上，请在公众号后台查看"
                " / The video is not on WeChat's own hosts: see it on the account's own page"
            )
        return await self._client.download(url, MAX_FILE_BYTES)


def _unfit(outbound: OutboundMessage, parts: int) -> str:
    """Why an answer cannot be sent as it is (a sentence), or “”."""
    for file in outbound.attachments:
        if file.mime not in _SENDABLE:
            return (
                f"公众号只能发图片（PNG、JPEG、GIF）和语音（AMR、MP3），不能发“{file.name}”，"
                "什么都没有发 / The account can send pictures and voices only, not"
                f" “{file.name}”: nothing was sent"
            )
        if file.size > _SENDABLE[file.mime][2]:
            return (
                f"“{file.name}”太大，什么都没有发 / “{file.name}” is too large: nothing was sent"
            )
    return over_quota(outbound, parts)


def _wechats(url: str, own: str) -> bool:
    """Whether an address is on a host of WeChat's, or where its API is said to be."""
    try:
        parts, api = urlsplit(url), urlsplit(own)
    except ValueError:
        return False
    if (parts.scheme, parts.netloc) == (api.scheme, api.netloc):
        return True
    return parts.scheme in {"http", "https"} and (parts.hostname or "").endswith(".qq.com")
