"""Files in the oldest way of mail: as lines of text between “begin” and “end” (POSIX uuencode)."""

import binascii
import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

_MOST_LINES = 1_000_000
"""Lines of 45 bytes each, as encoders write them, are 45 MB: only an attack has more."""

_MOST_FILES = 100
_BEGIN = re.compile(rb"^begin [0-7]{3,4} ([^\r\n]{1,200})\r?\n", re.MULTILINE)
_LINE = re.compile(rb"([^\n]*)(?:\n|\Z)")
_DATA = re.compile(rb"[ -`]{1,64}")
"""Letters stand for 45 bytes at most; a text has small ones, or longer lines."""


class Packed(NamedTuple):
    """A text without the files that stood in it, and these: names as written, and contents."""

    text: bytes
    files: tuple[tuple[bytes, bytes], ...]


def decoded(body: bytes) -> bytes:
    """The content between “begin” and “end”; lines that cannot be read are left out."""
    begin = _BEGIN.search(body)
    if begin is None:
        return body
    content = bytearray()
    for line, _ in _lines(body, begin.end()):
        if line.strip() in (b"end", b"`"):
            break
        content += _line_content(line)
    return bytes(content)


def unpacked(text: bytes) -> Packed:
    """Takes files out of a text; what only begins like one stays in it.

    Each line is looked at once: the search goes on where a file was seen to be none.
    """
    pieces: list[bytes] = []
    files: list[tuple[bytes, bytes]] = []
    kept = position = 0
    while len(files) < _MOST_FILES and (begin := _BEGIN.search(text, position)):
        content, position = _file(text, begin.end())
        if content is not None:
            pieces.append(text[kept : begin.start()])
            files.append((begin[1].strip(), content))
            kept = position
    return Packed(b"".join([*pieces, text[kept:]]), tuple(files))


def _file(text: bytes, start: int) -> tuple[bytes | None, int]:
    """The content whose first line is at ``start``, and where what follows begins.

    None with the place of the line that belongs to no file.
    """
    content = bytearray()
    position = start
    for line, after in _lines(text, start):
        if line.strip() == b"end" and content:
            return bytes(content), after
        if line.strip() and not _is_data(line):
            break
        content += _line_content(line)
        position = after
    return None, position


def _lines(text: bytes, start: int) -> Iterator[tuple[bytes, int]]:
    """Yields lines, and where each next begins."""
    for found in islice(_LINE.finditer(text, start), _MOST_LINES):
        yield found[1].rstrip(b"\r"), found.end()


def _is_data(line: bytes) -> bool:
    """Whether a line is no longer than its first sign says.

    Spaces at its end may be lost, and some encoders write a sum behind it or fill it up.
    """
    letters = -(-(line[0] - 32 & 63) // 3) * 4
    return _DATA.fullmatch(line) is not None and len(line) <= letters + 3


def _line_content(line: bytes) -> bytes:
    if not line.strip():
        return b""
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        # Some encoders pad too much: the length sign says what counts.
        length = ((line[0] - 32 & 63) * 4 + 5) // 3
    try:
        return binascii.a2b_uu(line[:length])
    except binascii.Error:
        return b""
