"""What a robot message says, in the words of each of DingTalk's types."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from models.filetypes import UNKNOWN
from models.message import Attachment

_CODES = ("downloadCode", "pictureDownloadCode")
"""Where the code of a file may stand. A picture has both, and the first one is documented."""

_CALLED = {
    "interactiveCard": "卡片 / Card",
    "location": "位置 / Location",
    "link": "链接 / Link",
}


@dataclass
class Content:
    """Text, and the files that DingTalk keeps: id to code in ``codes``."""

    text: str = ""
    files: list[Attachment] = field(default_factory=list)
    codes: dict[str, str] = field(default_factory=dict)

    def add(self, told: Mapping[str, Any], name: str) -> None:
        """The file whose code ``told`` has; nothing where there is none."""
        code = next((told[key] for key in _CODES if isinstance(told.get(key), str)), "")
        known = hashlib.sha256(code.encode(errors="surrogatepass")).hexdigest()[:32]
        if not code or known in self.codes:
            return
        # What it is, and how large, is told when it is fetched.
        self.files.append(Attachment(id=known, name=name, mime=UNKNOWN, size=0, state="pending"))
        self.codes[known] = code


def content(told: Mapping[str, Any], bot_name: str) -> Content:
    """What is in a message.

    Raises:
        TypeError, KeyError, AttributeError, ValueError: it is not what its type says.
    """
    kind, found = str(told["msgtype"]), Content()
    if kind == "text":
        found.text = str(told["text"]["content"])
    else:
        found.text = _read(found, kind, told.get("content") or {})
    found.text = _uncalled(found.text, bot_name)
    return found


def quoted(told: Mapping[str, Any]) -> tuple[str, str]:
    """The number and the words of the message that is answered; “” where there are none.

    DingTalk does not document it: whatever is not as it was seen counts as not there.
    """
    for holder in (told.get("text"), told.get("content")):
        answered = holder.get("repliedMsg") if isinstance(holder, dict) else None
        if isinstance(answered, dict):
            return _text(answered.get("msgId")), _quoted_words(answered.get("content"))
    return "", ""


def _read(found: Content, kind: str, told: Mapping[str, Any]) -> str:
    if kind == "richText":
        return "".join(_pieces(found, told["richText"]))
    if kind == "picture":
        found.add(told, "image.jpg")
    elif kind == "audio":
        found.add(told, "audio.amr")
        return _text(told.get("recognition"))
    elif kind == "video":
        found.add(told, f"video.{_text(told.get('videoType')) or 'mp4'}")
    elif kind == "file":
        found.add(told, _text(told.get("fileName")) or "file")
    elif kind == "chatRecord":
        return "\n".join(["[合并转发的消息 / Forwarded messages]", *_records(found, told)])
    else:
        called = _CALLED.get(kind, f"钉钉消息 / DingTalk message: {kind[:32]}")
        return f"[{called}，请在钉钉里查看 / see it in DingTalk]"
    return ""


def _pieces(found: Content, pieces: Any) -> Iterator[str]:
    """Words and pictures, in their order; a piece that is neither says nothing."""
    for piece in pieces:
        if any(key in piece for key in _CODES):
            found.add(piece, "image.jpg")
        yield _text(piece.get("text"))


def _records(found: Content, told: Mapping[str, Any]) -> Iterator[str]:
    """A line for each of the messages that were forwarded together: JSON in a string."""
    record = told.get("chatRecord")
    for one in json.loads(record) if isinstance(record, str) else record or []:
        before = len(found.files)
        found.add(one, _text(one.get("fileName")) or "image.jpg")
        # Of some DingTalk tells no more than that they were there.
        words = _text(one.get("content")) or ("" if len(found.files) > before else "[…]")
        who = _text(one.get("senderNick"))
        if words:
            yield f"{who}: {words}" if who else words


def _quoted_words(told: Any) -> str:
    if isinstance(told, dict) and isinstance(told.get("richText"), list):
        pieces = (piece for piece in told["richText"] if isinstance(piece, dict))
        return "".join(_text(one.get("text")) or _text(one.get("content")) for one in pieces)
    return _text(told.get("text")) if isinstance(told, dict) else _text(told)


def _uncalled(text: str, bot_name: str) -> str:
    """Without the “@name” by which our robot is called; others who are named stay."""
    if bot_name:
        text = re.sub(rf"@{re.escape(bot_name)}(?=\s|$)", "", text)
    return text.strip()


def _text(found: Any) -> str:
    return found if isinstance(found, str) else ""
