"""What a bounce says of one of our answers (RFC 3464, and what came before it).

A bounce is believed only about an answer whose Message-ID it returns, and our Message-IDs are
signed: whoever never got the mail cannot make up a report about it.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from channels.email.charset import decode
from channels.email.headers import clean_line, clean_text, valid_address
from channels.email.parts import Part
from channels.email.thread import Threads

_RETURNED = frozenset(
    {
        "message/rfc822",
        "text/rfc822-headers",
        "message/rfc822-headers",
        "message/global",
        "message/global-headers",
    }
)
_STATUS = frozenset({"message/delivery-status", "message/global-delivery-status"})
_HEAD = 65_536
_SAMPLE = 262_144
"""Bytes of a part in which an identifier is looked for; returned headers come early."""

_ID = re.compile(r"[a-z2-7]{16}\.\d{1,12}\.[a-z2-7]{16}@[A-Za-z0-9.-]{1,255}")
_FIELD = re.compile(
    r"^(action|status|diagnostic-code|final-recipient):[ \t]*([^\n]*(?:\n[ \t][^\n]*){0,20})",
    re.MULTILINE | re.IGNORECASE,
)
_CODE = re.compile(
    r"(?<![\d.])(?:5\d\d[ -]#?5\.\d{1,3}\.\d{1,3}|5\.\d{1,3}\.\d{1,3}|55\d)(?![\d.])"
)
_DELAY = re.compile(
    r"delayed|will (?:be )?(?:retr|keep trying)|not been delivered yet|still trying"
    r"|warning message only|延迟|延遲|继续尝试|稍后重试|繼續嘗試",
    re.IGNORECASE,
)


State = Literal["failed", "delivered", "delayed"]


class Fate(NamedTuple):
    """What became of an answer at one of those who were sent it, and why, in a server's words."""

    address: str
    state: State
    error: str


class Report(NamedTuple):
    """The answer (by its Message-ID), what became of it, and why in the server's words.

    ``fates``: of each whom the report names; state and error are the first one's.
    """

    message_id: str
    state: State
    error: str
    fates: Sequence[Fate] = ()


def read(root: Part, threads: Threads) -> Report | None:
    """What a bounce reports of an answer of ours; None when it proves to speak of none."""
    parts = list(root.walk())
    message_id = next(_genuine(parts, threads), "")
    if not message_id:
        return None
    fields = _fields(parts)
    if fields:
        return Report(message_id, _state(fields), _why(fields), [*_fates(parts)])
    text = "\n".join(_text(part, _HEAD) for part in parts if part.type.main in _READABLE)
    # What is returned below it must not be taken for the server's words.
    text = text[: max(0, text.find(message_id))] or text
    if _DELAY.search(text):
        return Report(message_id, "delayed", "")
    code = _CODE.search(text)
    line = text[: code.start()].count("\n") if code else 0
    return Report(message_id, "failed", clean_line(text.split("\n")[line], 300) if code else "")


_READABLE = frozenset({"text/plain", "text/html"})


def _genuine(parts: list[Part], threads: Threads) -> Iterator[str]:
    """Message-IDs of ours in what is returned, or else anywhere in the text."""
    kinds = [_RETURNED, _READABLE] if any(p.type.main in _RETURNED for p in parts) else [_READABLE]
    for kind in kinds:
        for part in parts:
            if part.type.main not in kind:
                continue
            for found in _ID.finditer(_text(part, _SAMPLE)):
                if threads.key_of_message_id(found[0]) is not None:
                    yield found[0]


def _text(part: Part, limit: int) -> str:
    return clean_text(decode(part.content(limit)[:limit], part.type.parameters.get("charset")))


def _fields(parts: list[Part]) -> dict[str, str]:
    """The first recipient's fields of a delivery status, names in lower case."""
    fields: dict[str, str] = {}
    for part in parts:
        if part.type.main in _STATUS:
            fields = _read(_text(part, _HEAD)) | fields
    return fields


def _read(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for found in _FIELD.finditer(text):
        fields.setdefault(found[1].lower(), clean_line(found[2], 300))
    return fields


def _fates(parts: list[Part]) -> Iterator[Fate]:
    """Of each recipient: their fields stand together, between empty lines (RFC 3464 §2.1)."""
    for part in parts:
        if part.type.main not in _STATUS:
            continue
        for block in _EMPTY_LINE.split(_text(part, _HEAD))[:_MOST_FATES]:
            fields = _read(block)
            address = fields.get("final-recipient", "").rpartition(";")[2].strip(" <>")
            if valid_address(address):
                yield Fate(address, _state(fields), _why(fields))


_EMPTY_LINE = re.compile(r"\n[ \t]*\n")
_MOST_FATES = 50


def _state(fields: dict[str, str]) -> State:
    action = fields.get("action", "").lower()
    if action == "failed" or (not action and fields.get("status", "").startswith("5")):
        return "failed"
    # Relayed and expanded promise nothing (RFC 3464 §2.3.3).
    return "delivered" if action == "delivered" else "delayed"


def _why(fields: dict[str, str]) -> str:
    kind, _, words = fields.get("diagnostic-code", "").partition(";")
    reason = words.strip() or kind.strip()
    return clean_line(f"{fields.get('status', '')} {reason}", 300)
