"""Rich text as Outlook packs it: unpacked ([MS-OXRTFCP]), and its words without their looks."""

import re
import struct

from channels.email.charset import decode

_COMPRESSED, _PLAIN = b"LZFu", b"MELA"
_KNOWN_BEFORE = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript "
    rb"\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
"""What both sides hold to have been said already ([MS-OXRTFCP] §2.1.2.1)."""

_WINDOW = 4_096
_LARGEST = 1_000_000
"""Bytes of rich text that are unpacked."""

_TOKEN = re.compile(
    rb"\\([a-z]{1,32})(-?\d{1,9})? ?|\\'([0-9a-fA-F]{2})|\\([^a-z])|([{}])|([^\\{}\r\n]+)"
)
_BREAKS = {b"par": "\n", b"line": "\n", b"row": "\n", b"sect": "\n", b"page": "\n"}
_SIGNS = {
    **_BREAKS,
    b"tab": "\t", b"cell": "\t", b"emdash": "—", b"endash": "–", b"bullet": "•",
    b"lquote": "‘", b"rquote": "’", b"ldblquote": "“", b"rdblquote": "”",
}  # fmt: skip
_UNSEEN = frozenset(
    b"fonttbl colortbl stylesheet info pict object header footer headerl headerr footerl footerr"
    b" listtable listoverridetable filetbl revtbl fldinst themedata datastore".split()
)
"""Groups of which no reader sees the words; what begins with “\\*” is another."""

_DEEPEST = 1_000


def unpacked(packed: bytes) -> bytes:
    """The rich text; of a long one, or one that is cut off, the beginning."""
    if len(packed) < 16:
        return b""
    (size,) = struct.unpack_from("<I", packed, 4)
    if packed[8:12] == _PLAIN:
        return packed[16 : 16 + min(size, _LARGEST)]
    return _inflated(packed, min(size, _LARGEST)) if packed[8:12] == _COMPRESSED else b""


def _inflated(packed: bytes, size: int) -> bytes:
    """Eight steps under each byte of signs: a letter, or a place in what was said before."""
    said = bytearray(_KNOWN_BEFORE)
    position = 16
    enough = len(_KNOWN_BEFORE) + size
    while position < len(packed) and len(said) < enough:
        signs = packed[position]
        position += 1
        for bit in range(8):
            step = packed[position : position + 2]
            if not signs >> bit & 1:
                said += step[:1]
                position += 1
                continue
            place = int.from_bytes(step, "big")
            # Its own place, where nothing was said yet, means the end.
            if len(step) < 2 or place >> 4 == len(said) % _WINDOW:
                return bytes(said[len(_KNOWN_BEFORE) :])
            _say_again(said, place >> 4, (place & 15) + 2)
            position += 2
    return bytes(said[len(_KNOWN_BEFORE) : enough])


def _say_again(said: bytearray, place: int, length: int) -> None:
    back = (len(said) - place) % _WINDOW
    start = len(said) - back
    for number in range(start, start + length):
        # Before the window began there was nothing but noughts.
        said.append(said[number] if number >= 0 else 0)


def text(source: bytes) -> str:
    """The words, each paragraph on its line; “” for what is no rich text."""
    return _Words().read(source) if source.startswith(rb"{\rtf") else ""


class _Words:
    """Reads once from the beginning to the end."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self._bytes = bytearray()
        self._charset = "cp1252"
        self._unseen = False
        self._for_old = 1
        """Letters for programs without Unicode that follow a character in it."""
        self._skip = 0
        self._groups: list[tuple[bool, int]] = []

    def read(self, source: bytes) -> str:
        for found in _TOKEN.finditer(source):
            word, number, octet, sign, brace, letters = found.groups()
            if brace:
                self._group(brace)
            elif word:
                self._word(word, int(number) if number else None)
            elif octet:
                self._letters(bytes.fromhex(octet.decode()))
            elif sign:
                self._sign(sign)
            elif letters:
                self._letters(letters)
        self._flush()
        return "".join(self._said)

    def _group(self, brace: bytes) -> None:
        self._skip = 0
        if brace == b"{" and len(self._groups) < _DEEPEST:
            self._groups.append((self._unseen, self._for_old))
        elif brace == b"}" and self._groups:
            self._unseen, self._for_old = self._groups.pop()

    def _word(self, word: bytes, number: int | None) -> None:
        if word in _UNSEEN:
            self._unseen = True
        elif word == b"ansicpg" and number:
            self._charset = f"cp{number}"
        elif word == b"uc" and number is not None:
            self._for_old = min(max(number, 0), 10)
        elif word == b"u" and number is not None:
            self._say(chr(number % 0x10000))
            self._skip = self._for_old
        elif word in _SIGNS:
            self._say(_SIGNS[word])

    def _sign(self, sign: bytes) -> None:
        if sign == b"*":
            self._unseen = True
        elif sign in b"\\{}":
            self._letters(sign)
        elif sign == b"~":
            self._say(" ")
        elif sign in b"\r\n":
            self._say("\n")

    def _letters(self, letters: bytes) -> None:
        skipped = min(self._skip, len(letters))
        self._skip -= skipped
        if not self._unseen:
            self._bytes += letters[skipped:]

    def _say(self, words: str) -> None:
        if not self._unseen:
            self._flush()
            self._said.append(words)

    def _flush(self) -> None:
        if self._bytes:
            self._said.append(decode(bytes(self._bytes), self._charset))
            self._bytes.clear()
