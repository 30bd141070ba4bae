"""What Outlook packs into one “winmail.dat” (TNEF, [MS-OXTNEF]), which others cannot open.

A list of attributes, each with its length; those of a file come behind one that begins it. What
is cut off or makes no sense ends the list: the packed file is shown as it came then.
"""

import struct
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from channels.email import markup, rtf
from channels.email.charset import decode
from channels.email.headers import clean_line, clean_text

_SIGNATURE = 0x223E9F78
_MOST_ATTRIBUTES = 5_000
_MOST_PROPERTIES = 200
"""Of one file or mail, and values of one property: Outlook writes some twenty, of mails eighty."""

_DEEPEST = 3
"""Mails in mails whose files are unpacked."""

_BEGINS_FILE = 0x00069002
_TITLE = 0x00018010
_DATA = 0x0006800F
_PROPERTIES = 0x00069005
_CODE_PAGE = 0x00069007

_WORDS = 0x0002800C
_OF_THE_MAIL = 0x00069003

_LONG_NAME = 0x3707
_OBJECT = 0x3701
_PLAIN, _HTML, _RICH = 0x1000, 0x1013, 0x1009
_FIXED_BYTES = {2: 4, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 0xA: 4, 0xB: 4, 0x14: 8, 0x40: 8, 0x48: 16}
"""What a value of each MAPI type takes ([MS-OXCDATA] §2.11.1), filled up to four bytes."""

_STRING, _UNICODE = 0x1E, 0x1F
_EMBEDDED = 0x0D
_BY_LENGTH = frozenset({_STRING, _UNICODE, 0x102, _EMBEDDED})
_MANY = 0x1000


class File(NamedTuple):
    """A file by its name (“” where it has none) and its bytes."""

    name: str
    content: bytes


def files(packed: bytes, depth: int = 0) -> list[File]:
    """The files, in their order; empty where there are none, or nothing can be read.

    Of a mail among them there is the text, and then its own files; ``depth`` counts mails around.
    """
    found: list[File] = []
    mails: dict[int, bytes] = {}
    charset = "cp1252"
    for kind, value in _attributes(packed):
        if kind == _CODE_PAGE and len(value) >= 4:
            charset = f"cp{int.from_bytes(value[:4], 'little')}"
        elif kind == _BEGINS_FILE:
            found.append(File("", b""))
        elif found and kind == _DATA:
            found[-1] = found[-1]._replace(content=value)
        elif found and kind == _TITLE and not found[-1].name:
            found[-1] = found[-1]._replace(name=_text(value, charset))
        elif found and kind == _PROPERTIES:
            name, mails[len(found) - 1] = _of_file(value, charset)
            found[-1] = found[-1]._replace(name=name or found[-1].name)
    each = (_unfolded(file, mails.get(n, b""), depth) for n, file in enumerate(found))
    return [*chain.from_iterable(each)]


def _unfolded(file: File, mail: bytes, depth: int) -> Iterator[File]:
    if file.content:
        yield file
    elif mail and depth < _DEEPEST:
        said = words(mail)
        text = said.plain.strip() or markup.read(said.html).text.strip()
        if text:
            yield File(f"{file.name or 'mail'}.txt", text.encode())
        yield from files(mail, depth + 1)


class Words(NamedTuple):
    """What the mail says, in the forms that it gives it: plain text, and HTML."""

    plain: str = ""
    html: str = ""


def words(packed: bytes) -> Words:
    """The text of the mail itself, where Outlook packs that, too."""
    charset = "cp1252"
    found: dict[int, str] = {}
    properties = b""
    for kind, value in _attributes(packed):
        if kind == _CODE_PAGE and len(value) >= 4:
            charset = f"cp{int.from_bytes(value[:4], 'little')}"
        elif kind == _WORDS:
            found[_PLAIN] = _long_text(value, charset)
        elif kind == _OF_THE_MAIL:
            properties = properties or value
    found |= _said(properties, charset)
    return Words(found.get(_PLAIN, "").strip() or found.get(_RICH, ""), found.get(_HTML, ""))


def _said(properties: bytes, charset: str) -> dict[int, str]:
    """The forms of the text among the properties of a mail, as far as they can be read."""
    found = {}
    try:
        for number, kind, value in _values(properties):
            if number in (_PLAIN, _HTML):
                found[number] = _long_text(value, "utf-16-le" if kind == _UNICODE else charset)
            elif number == _RICH and number not in found:
                found[number] = clean_text(rtf.text(rtf.unpacked(value)))
    except struct.error:
        pass
    return found


def _attributes(packed: bytes) -> Iterator[tuple[int, bytes]]:
    """Yields type and value: level, type, length, value, sum of its bytes."""
    if len(packed) < 6 or int.from_bytes(packed[:4], "little") != _SIGNATURE:
        return
    position = 6
    for _ in range(_MOST_ATTRIBUTES):
        if position + 9 > len(packed):
            return
        kind, length = struct.unpack_from("<II", packed, position + 1)
        start = position + 9
        if start + length > len(packed):
            return
        yield kind, packed[start : start + length]
        position = start + length + 2


def _of_file(properties: bytes, charset: str) -> tuple[str, bytes]:
    """The name as the sender saw it (the title is one of eight characters and three), and a mail.

    A mail is packed like the one around it, behind sixteen bytes that say what it is.
    """
    name, mail = "", b""
    try:
        for number, kind, value in _values(properties):
            if number == _LONG_NAME and kind in (_STRING, _UNICODE):
                name = name or _text(value, "utf-16-le" if kind == _UNICODE else charset)
            elif number == _OBJECT and kind == _EMBEDDED:
                mail = value[16:]
    except struct.error:
        pass
    return name, mail


def _values(properties: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yields the number and the type of MAPI properties that have a length, and each value.

    Raises:
        struct.error: they end too early.
    """
    (count,) = struct.unpack_from("<I", properties)
    position = 4
    for _ in range(min(count, _MOST_PROPERTIES)):
        kind, number = struct.unpack_from("<HH", properties, position)
        position += 4
        if number >= 0x8000:
            position = _past_name(properties, position)
        single = kind & ~_MANY
        values = 1
        if kind & _MANY or single in _BY_LENGTH:
            (values,) = struct.unpack_from("<I", properties, position)
            position += 4
        if single not in _BY_LENGTH:
            position += _FIXED_BYTES.get(single, len(properties)) * values
            continue
        for _ in range(min(values, _MOST_PROPERTIES)):
            (length,) = struct.unpack_from("<I", properties, position)
            start = position + 4
            value = properties[start : start + length]
            position = start + length + -length % 4
            if start + length > len(properties):
                return
            yield number, single, value


def _past_name(properties: bytes, position: int) -> int:
    """Where the value of a named property begins: its name is a number or a string."""
    kind, length = struct.unpack_from("<II", properties, position + 16)
    return position + 24 + (length + -length % 4 if kind else 0)


def _text(value: bytes, charset: str) -> str:
    if charset == "utf-16-le":
        return clean_line(value.decode(charset, "replace"))
    return clean_line(decode(value.rstrip(b"\0"), charset))


def _long_text(value: bytes, charset: str) -> str:
    if charset == "utf-16-le":
        return clean_text(value.decode(charset, "replace"))
    return clean_text(decode(value.rstrip(b"\0"), charset))
