"""What a message says, in the words of each of Feishu's types of messages."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from models.filetypes import UNKNOWN
from models.message import Attachment

FileKind = Literal["image", "file"]
"""As Feishu wants to be asked for it: everything that is no picture is a file."""

_PLACE = re.compile(r"@_user_\d+|@_all")

_EVERYONE = "@所有人"

_FORWARDED = "merge_forward"


@dataclass
class Content:
    """Text, and the files that Feishu keeps: key to kind in ``kinds``."""

    text: str = ""
    files: list[Attachment] = field(default_factory=list)
    kinds: dict[str, FileKind] = field(default_factory=dict)

    def add(self, key: Any, kind: FileKind, name: str) -> None:
        """A file under Feishu's ``key``; nothing where there is none."""
        if not isinstance(key, str) or not key or key in self.kinds:
            return
        # What it is, and how large, is told when it is fetched.
        self.files.append(Attachment(id=key, name=name, mime=UNKNOWN, size=0, state="pending"))
        self.kinds[key] = kind


def content(message: Mapping[str, Any], bot_name: str) -> Content:
    """What is in ``message["content"]``, JSON in a string.

    Of forwarded messages it is always the same sentence (Feishu, “合并转发消息”), which was seen
    as it is, and as JSON.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it is not what its type says.
    """
    kind = str(message["message_type"])
    told = {} if kind == _FORWARDED else json.loads(message["content"])
    if not isinstance(told, dict):
        raise TypeError("content is no object")
    found = Content()
    mentions = _Mentions(message.get("mentions") or (), bot_name)
    if kind == "text":
        found.text = mentions.named(str(told["text"]))
    elif kind == "post":
        found.text = _post(found, told, mentions)
    elif kind in _FILES:
        _FILES[kind](found, told)
    else:
        found.text = _shown(kind, told)
    return found


class _Mentions:
    """Who is meant by “@_user_1”; our own bot is called so, and not talked about."""

    def __init__(self, told: Any, bot_name: str) -> None:
        self._names = {str(one["key"]): str(one.get("name") or "") for one in told}
        self._bot = bot_name

    def named(self, text: str) -> str:
        def name(mark: re.Match[str]) -> str:
            if mark[0] == "@_all":
                return _EVERYONE
            return self.of(mark[0], "")

        return _PLACE.sub(name, text).strip()

    def of(self, key: str, otherwise: str) -> str:
        if key == "@_all":
            return _EVERYONE
        known = self._names.get(key, otherwise)
        return "" if self._bot and known == self._bot else f"@{known or key.lstrip('@')}"


def _image(found: Content, told: Mapping[str, Any]) -> None:
    found.add(told["image_key"], "image", "image.jpg")


def _file(found: Content, told: Mapping[str, Any]) -> None:
    found.add(told["file_key"], "file", str(told.get("file_name") or "file"))


def _audio(found: Content, told: Mapping[str, Any]) -> None:
    found.add(told["file_key"], "file", "audio.opus")


def _media(found: Content, told: Mapping[str, Any]) -> None:
    found.add(told["file_key"], "file", str(told.get("file_name") or "video.mp4"))


_FILES: Mapping[str, Callable[[Content, Mapping[str, Any]], None]] = MappingProxyType(
    {"image": _image, "file": _file, "audio": _audio, "media": _media}
)


# -- rich text -------------------------------------------------------------------------


def _post(found: Content, told: Mapping[str, Any], mentions: _Mentions) -> str:
    """Title and paragraphs; some clients wrap them in a language."""
    if "content" not in told:
        told = next(iter(told.values()))
    lines = ["".join(_elements(found, line, mentions)) for line in told["content"]]
    return "\n".join([*filter(None, [str(told.get("title") or "")]), *lines]).strip()


def _elements(found: Content, line: Any, mentions: _Mentions) -> Iterator[str]:
    for one in line:
        tag, text = str(one.get("tag")), str(one.get("text") or "")
        if tag == "at":
            yield mentions.of(str(one.get("user_id") or ""), str(one.get("user_name") or ""))
        elif tag == "a":
            address = str(one.get("href") or "")
            yield f"{text} ({address})" if text and text != address else address
        elif tag == "img":
            found.add(one.get("image_key"), "image", "image.jpg")
        elif tag == "media":
            found.add(one.get("file_key"), "file", "video.mp4")
        elif tag == "emotion":
            yield f"[{one.get('emoji_type') or ''}]"
        else:
            yield text


# -- what is neither words nor a file --------------------------------------------------

_CALLED = MappingProxyType(
    {
        "sticker": "表情 / Sticker",
        "location": "位置 / Location",
        "share_chat": "群名片 / A group's card",
        "share_user": "个人名片 / A person's card",
        _FORWARDED: "合并转发的消息，请客户直接发送 / Forwarded messages: ask for the words",
        "folder": "文件夹，请客户发送文件 / A folder: ask for the files",
        "interactive": "卡片 / Card",
        "todo": "任务 / Task",
        "vote": "投票 / Vote",
        "hongbao": "红包 / Red packet",
        "calendar": "日程 / Calendar event",
        "share_calendar_event": "日程 / Calendar event",
        "video_chat": "视频会议 / Video meeting",
    }
)


def _shown(kind: str, told: Mapping[str, Any]) -> str:
    """A line that says what it is: nobody is to wonder why a ticket has no words."""
    called = _CALLED.get(kind, f"飞书消息 / Feishu message: {kind}")
    named = [str(told[key]) for key in ("name", "file_name", "topic", "summary") if told.get(key)]
    if kind == "location":
        named += [f"{told.get('latitude', '')}, {told.get('longitude', '')}"]
    return f"[{called}] {' '.join(named)}".strip()
