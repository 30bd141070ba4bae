"""The webchat protocol, version 1: one JSON object a frame, told apart by its ``type``.

``docs/channels/webchat.md`` describes it for people who write clients.
"""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from models.errors import Rejected
from models.store.dialogue.conversations import Entry

VERSION = 1

MAX_FRAME = 32 * 1024
"""Bytes of one frame or request body."""

_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_MAX_SEQ = 2**31 - 1
_ADDRESS = r"^[^\s\"'<>@,;:\\()\[\]]{1,64}@[A-Za-z0-9.-]{1,180}\.[A-Za-z0-9-]{2,63}$"

MOST_FILES = 5
"""Of one message."""


class _Frame(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Hello(_Frame):
    """Opens or resumes a session: everything after ``last_seq`` follows."""

    type: Literal["hello"]
    version: Literal[1] = 1
    token: str | None = Field(None, max_length=128)
    identity: str | None = Field(None, max_length=4096)
    site: str | None = Field(None, max_length=64)
    last_seq: int = Field(0, ge=0, le=_MAX_SEQ)
    lang: str = Field("zh", pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")
    page: str | None = Field(None, max_length=500, pattern=r"^https?://[^\s\x00-\x1f]+$")


class _Stored(_Frame):
    """What is stored. The same ``client_id`` again is the same message."""

    client_id: str = Field(pattern=_UUID)

    @property
    def body(self) -> bytes:
        """The frame in one spelling, so that a resend over any transport is equal to it."""
        said = self.model_dump(exclude_defaults=True)
        return json.dumps(said, ensure_ascii=False, sort_keys=True).encode()


class Msg(_Stored):
    """What the visitor wrote; ``files`` are ids that an upload returned.

    ``choice``: the value of the button that was pressed; ``text`` is then its label.
    """

    type: Literal["msg"]
    text: str
    choice: str | None = Field(None, max_length=64)
    files: list[Annotated[str, Field(max_length=2048)]] = Field([], max_length=MOST_FILES)


class Contact(_Stored):
    """Where to answer a visitor who does not wait: by mail, or by calling back."""

    type: Literal["contact"]
    text: str
    email: str | None = Field(None, max_length=254, pattern=_ADDRESS)
    phone: str | None = Field(None, pattern=r"^[0-9+() -]{5,24}$")


class Typing(_Frame):
    """The visitor is writing; good for a few seconds, and stored nowhere."""

    type: Literal["typing"]


class End(_Frame):
    """The visitor ends the chat; what they write later goes on in it."""

    type: Literal["end"]


class Transcript(_Frame):
    """The visitor wants what was said by mail. ``offset``: minutes of local time before UTC."""

    type: Literal["transcript"]
    email: str = Field(max_length=254, pattern=_ADDRESS)
    offset: int = Field(0, ge=-840, le=840)


class Read(_Frame):
    """Everything up to ``seq`` has been shown to the visitor."""

    type: Literal["read"]
    seq: int = Field(ge=1, le=_MAX_SEQ)


class Ping(_Frame):
    """Asks for a pong: browsers cannot see the WebSocket's own pings."""

    type: Literal["ping"]


ClientFrame = Hello | Msg | Contact | Read | Typing | End | Transcript | Ping

_CLIENT_FRAME: TypeAdapter[ClientFrame] = TypeAdapter(
    Annotated[ClientFrame, Field(discriminator="type")]
)

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "malformed": "不是合法的 JSON，请检查后重发"
        " / This is not valid JSON; mend it and send again",
        "binary": "请发送文本帧 / Send text frames, not binary ones",
        "invalid": "帧的字段有误 / A field of the frame is wrong",
        "session": "会话不存在或已失效，请不带 token 重新 hello"
        " / There is no such session; say hello again without a token",
        "site": "没有这个站点，请检查 site 参数 / There is no such site; check the site parameter",
        "identity": "身份令牌无效，请网站重新签发"
        " / The visitor's identity token is not valid; the site must sign a new one",
        "expired": "身份令牌已过期，请刷新页面"
        " / The visitor's identity token has expired; reload the page",
        "file": "附件不存在或已失效，请重新上传"
        " / There is no such file, or not any more; upload it again",
        "file_large": "文件太大 / The file is too large",
        "file_empty": "文件是空的 / The file is empty",
        "no_files": "本站不接收文件 / This site takes no files",
        "contact": "请留下邮箱或电话 / Leave a mail address or a telephone number",
        "no_mail": "本站未开通邮件 / This site sends no mail",
        "nothing": "还没有对话 / There is no conversation yet",
        "hello": "第一帧必须是 hello，且只能一次"
        " / The first frame must be hello, and only that one",
        "origin": "此网站未获准使用在线客服，请管理员把来源加入 channels.webchat.origins"
        " / This site may not use the chat; its administrator must add the origin to"
        " channels.webchat.origins",
        "empty": "消息没有内容，请输入文字 / The message is empty; write some text",
        "too_long": "消息太长，请分几条发送 / The message is too long; send it in several parts",
        "too_large": "内容超过 32 KB，请分几次发送 / More than 32 KB; send it in several parts",
        "media_type": "请以 Content-Type: application/json 发送"
        " / Send it with Content-Type: application/json",
        "conflict": "这个 client_id 已用于另一条消息，请换一个新的"
        " / This client_id was used for another message; make a new one",
        "rate": "发送太频繁，请稍候再试 / Too many requests; wait a little and send again",
        "connections": "此地址的连接过多，请关闭其他聊天窗口后再试"
        " / Too many connections from this address; close other chat windows and try again",
        "slow": "等待太久，请重新发送 / It took too long to arrive; send it again",
        "busy": "系统繁忙，消息尚未保存，请稍后重发"
        " / The system is busy and nothing was stored; send the same again later",
    }
)


class Refused(Rejected):
    """A frame or request that is answered with an error; ``code`` says which.

    ``retry_after`` is in seconds; 0 means that the same will be refused again.
    """

    def __init__(
        self,
        code: str,
        *,
        detail: str = "",
        client_id: str | None = None,
        retry_after: float = 0.0,
    ) -> None:
        sentence = SENTENCES[code]
        super().__init__(f"{sentence} ({detail})" if detail else sentence, code=code)
        self.client_id = client_id
        self.retry_after = retry_after


def parse(raw: str | bytes) -> ClientFrame:
    """Reads one client frame.

    Raises:
        Refused: ``malformed`` for what is no JSON, ``invalid`` for unknown or wrong fields.
    """
    try:
        return _CLIENT_FRAME.validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            raise Refused("malformed") from None
        place = ".".join(str(part) for part in first["loc"])
        raise Refused("invalid", detail=f"{place}: {first['msg']}".lstrip(": ")) from None


def dump(frame: Mapping[str, Any]) -> str:
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":"))


def welcome(
    token: str, conversation: str, last_seq: int, ticket: str | None, max_text: int, **more: Any
) -> dict[str, Any]:
    """The answer to hello. ``conversation`` names it in logs; it opens nothing.

    ``more``: ``online`` (whether anybody is there to answer), ``seen`` (the last seq that an
    agent has seen), ``files`` (most bytes of one, 0: none taken), ``mail`` (whether we mail).
    """
    frame: dict[str, Any] = {
        "type": "welcome",
        "version": VERSION,
        "token": token,
        "conversation": conversation,
        "last_seq": last_seq,
        "max_text": max_text,
    }
    return frame | more | ({"ticket": ticket} if ticket else {})


def ack(client_id: str, envelope_id: str) -> dict[str, Any]:
    """The message is stored; it will not be lost."""
    return {"type": "ack", "client_id": client_id, "envelope_id": envelope_id}


def retry(client_id: str, after: float) -> dict[str, Any]:
    """Nothing was stored: send the same again after so many seconds."""
    message = SENTENCES["busy"]
    return {"type": "retry", "client_id": client_id, "after": after, "message": message}


def ticket(number: str) -> dict[str, Any]:
    """The conversation's ticket is in a queue."""
    return {"type": "ticket", "number": number}


def seen(seq: int) -> dict[str, Any]:
    """An agent has seen what the visitor wrote, up to here."""
    return {"type": "seen", "seq": seq}


def online(here: bool) -> dict[str, Any]:
    """Somebody is there to answer, or nobody is any more."""
    return {"type": "online", "online": here}


def queue(position: int, wait: int | None) -> dict[str, Any]:
    """The visitor's ticket waits: ``position`` 1 is next, 0 waits no longer.

    ``wait``: expected seconds, by how fast the queue moved lately; null is unknown.
    """
    return {"type": "queue", "position": position, "wait": wait}


def refusal(error: Refused) -> dict[str, Any]:
    frame: dict[str, Any] = {"type": "error", "code": error.code, "message": str(error)}
    if error.client_id is not None:
        frame["client_id"] = error.client_id
    if error.retry_after:
        frame["retry_after"] = round(error.retry_after, 3)
    return frame


def event(entry: Entry, link: Callable[[Mapping[str, Any]], str]) -> dict[str, Any]:
    """One line of the conversation, as its visitor may see it. ``link``: where a file is."""
    frame: dict[str, Any] = {
        "type": "event",
        "seq": entry.seq,
        "from": entry.side,
        "kind": entry.kind,
        "text": entry.text,
        "at": entry.at,
    }
    files = [file for file in entry.attachments if file.get("sha256")]
    if files:
        frame["files"] = [
            {name: file[name] for name in ("name", "mime", "size")} | {"url": link(file)}
            for file in files
        ]
    if entry.choices:
        frame["choices"] = list(entry.choices)
    if entry.external_id is not None:
        # “<conversation>:<client_id>”, see ``reception.message_key``.
        frame["client_id"] = entry.external_id.rpartition(":")[2]
    return frame
