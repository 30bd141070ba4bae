"""Answers out: one signed POST, and what became of it."""

import base64
import json
import time
from typing import Any

import aiohttp

from channels.ingest.options import Source
from channels.ingest.signing import KEY, SIGNATURE, TIMESTAMP, sign
from models.message import Attachment, OutboundMessage, SendResult
from models.platform_api import retry_after
from models.sending import characters, split

FIRST_RETRY_SECONDS = 30.0
LONGEST_RETRY_SECONDS = 3600.0

MAX_FILES_BYTES = 15 * 1024 * 1024
"""Of all files of one answer, before base64 makes them a third longer: they go in one body."""

_SLOWEST = 100_000
"""Bytes a second that a body with files may take longer by than one without."""

_PASSING = frozenset({408, 425, 429})
"""Refusals that pass by themselves, beside all of 5xx."""


def payload(outbound: OutboundMessage, source: Source) -> bytes:
    """The body of the webhook; the same answer always gives the same bytes."""
    text = source.template.replace("{text}", outbound.text) if outbound.text else ""
    said: dict[str, Any] = {
        "id": outbound.id,
        "source": outbound.account,
        "conversation": outbound.conversation_key,
        "to": outbound.route.address,
        "kind": outbound.kind,
        "text": text,
        "in_reply_to": outbound.in_reply_to,
        "created_at": outbound.created_at,
    }
    if source.part_chars is not None:
        said["parts"] = split(text, source.part_chars, characters)
    if outbound.attachments:
        said["attachments"] = [_file(file, outbound) for file in outbound.attachments]
    return json.dumps(said, ensure_ascii=False).encode()


def _file(file: Attachment, outbound: OutboundMessage) -> dict[str, str]:
    """A file as what comes in has it (``channels.ingest.body.File``)."""
    content = base64.b64encode(outbound.files.get(file.sha256 or "", b"")).decode()
    return {"name": file.name or "file", "type": file.mime, "content": content}


def _unfit(outbound: OutboundMessage, source: Source) -> str:
    """Why an answer cannot go as it is (a sentence), or “”."""
    if not outbound.attachments:
        return ""
    if source.part_chars is not None:
        return (
            f"来源“{outbound.account}”发的是短信，带不了文件，什么都没有发"
            f" / Source “{outbound.account}” sends text messages, which carry no files:"
            " nothing was sent"
        )
    if sum(map(len, outbound.files.values())) > MAX_FILES_BYTES:
        most = MAX_FILES_BYTES >> 20
        return (
            f"文件合计超过 {most} MB，什么都没有发，请分几次发"
            f" / The files are over {most} MB together: nothing was sent, send them one by one"
        )
    return ""


async def post(outbound: OutboundMessage, source: Source, seconds: float) -> SendResult:
    """One attempt.

    Whoever answers knows the Idempotency-Key, so that what is not known to have arrived is
    sent again.
    """
    assert source.webhook is not None
    if problem := _unfit(outbound, source):
        return SendResult("failed", error=problem)
    body, timestamp = payload(outbound, source), str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        TIMESTAMP: timestamp,
        KEY: outbound.id,
        SIGNATURE: sign(source.keys[0], timestamp, outbound.id, body),
    }
    pause = min(FIRST_RETRY_SECONDS * 2 ** (outbound.attempts - 1), LONGEST_RETRY_SECONDS)
    timeout = aiohttp.ClientTimeout(total=seconds + len(body) / _SLOWEST)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            # A redirect would carry the answer to somewhere that nobody has set.
            http.post(source.webhook, data=body, headers=headers, allow_redirects=False) as reply,
        ):
            return _result(reply.status, reply.headers.get("Retry-After", ""), pause)
    except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
        return SendResult("retry", error=_out_of_reach(error), retry_after=pause)


def _out_of_reach(error: Exception) -> str:
    name = type(error).__name__
    if isinstance(error, TimeoutError):
        return (
            f"接收答复的系统没有及时应答，稍后自动重试（{name}）"
            f" / The system that receives answers was not in time; it is tried again ({name})"
        )
    return (
        f"连不上接收答复的系统，稍后自动重试（{name}）"
        f" / The system that receives answers is out of reach; it is tried again ({name})"
    )


def _result(status: int, told: str, pause: float) -> SendResult:
    if 200 <= status < 300:
        return SendResult("sent")
    error = (
        f"接收答复的系统应答 HTTP {status} / The system that receives answers said HTTP {status}"
    )
    if status in _PASSING or status >= 500:
        return SendResult("retry", error=error, retry_after=max(pause, retry_after(told)))
    return SendResult("failed", error=error)
