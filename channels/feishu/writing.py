"""Our words as Feishu's messages: never more, and never other, than what was written."""

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from models.message import Choice

MAX_BYTES = 20_000
"""Of the words in one message, by ``weight``: a rich text may have 30 KB in all, a plain 150."""

_MARKS = re.compile(r"</?[A-Za-z]|\]\(|&#?\w+;")
"""What a plain text message takes for more than words: ``<at user_id="all">`` calls everybody,
``<b>`` and ``[words](address)`` are shown as what they mean. No way to escape them is told."""

_LINE_BYTES = 48
"""What a line costs in a rich text beside its words."""


class Message(NamedTuple):
    """Feishu's type of a message, and its content: JSON, as a string."""

    kind: str
    content: str


def weight(text: str) -> int:
    """The bytes of ``text`` in a request, where it stands as JSON within JSON."""
    escaped = json.dumps(json.dumps(text, ensure_ascii=False), ensure_ascii=False)
    return len(escaped.encode(errors="replace")) + _LINE_BYTES * text.count("\n")


def message(text: str) -> Message:
    """Plain text; where something in it would be taken for a mark, a rich text of plain lines."""
    if not _MARKS.search(text):
        return Message("text", _json({"text": text}))
    # Mentions and links are elements of their own there, and words are nothing but words.
    lines = [[{"tag": "text", "text": line or " "}] for line in text.split("\n")]
    return Message("post", _json({"zh_cn": {"title": "", "content": lines}}))


def card(text: str, choices: Sequence[Choice], key: str, address: str) -> Message:
    """The words, and a button for each choice under them.

    What a button holds comes back when it is pressed, in an event that says nothing else of the
    conversation (its ``key``) and of where it is answered (``address``).
    """
    buttons = [
        {
            "tag": "button",
            "text": {"tag": "plain_text", "content": one.label},
            "value": {"choice": one.value, "label": one.label, "key": key, "address": address},
        }
        for one in choices
    ]
    words = {"tag": "div", "text": {"tag": "plain_text", "content": text}}
    return Message(
        "interactive", _json({"elements": [words, {"tag": "action", "actions": buttons}]})
    )


def body(sent: Message, number: str, **more: str) -> bytes:
    """A request to send this; Feishu sends one message of a ``number`` within an hour."""
    said = {"msg_type": sent.kind, "content": sent.content, "uuid": number, **more}
    return _json(said).encode(errors="replace")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
