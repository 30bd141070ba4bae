"""What a part no longer says of itself: gateways lose MIME headers, and bodies stay as they were.

Believed only where the whole body fits: who asks about a line of base64, or quotes a mail with
its parts, writes something beside it.
"""

import binascii
import re
from collections.abc import Iterable

from channels.email.headers import BASE64, base64_bytes

_SAMPLE = 65_536
_LARGEST = 2 * 1024 * 1024
"""Bytes of a body that is tried."""

_SHORTEST = {"utf-8": 24, "gb2312": 60}
"""Letters of base64 that mean something by accident hardly ever."""

_FRAME = re.compile(
    rb"(?:\A|\n)--([^\s][^\r\n]{0,100}?)[ \t]*\r?\n(?=content-[a-z-]{1,40}:)", re.IGNORECASE
)
_KIND = re.compile(rb"\n--[^\n]{1,110}\ncontent-type:\s?([a-z/+.-]{1,60})", re.IGNORECASE)
_FORMS = [b"text/plain", b"text/html"]
_LONGEST_PREAMBLE = 300
_BASE64_LINE = re.compile(rb"\s{0,20}[A-Za-z0-9+/]{8,}={0,2}[ \t]*(?:\r?\n|\Z)")
_NOTHING_ENCODED = (b"", b"7bit", b"8bit", b"binary")
_ESCAPES = re.compile(rb"=[0-9A-F]{2}")
_SOFT_LINE = re.compile(rb"[^\n]{60,75}=\r?\n")
_LINE_ENDS = b" \t\r\n"
_ESCAPED = re.compile(rb"(?:=[89A-F][0-9A-F]){3}|=3D[\"']")
_NOT_ESCAPED = re.compile(rb"=(?![0-9A-F]{2}|[ \t]{0,80}\r?\n|\Z)")


def fields(
    known: Iterable[tuple[str, bytes]], raw: bytes, start: int, end: int
) -> list[tuple[str, bytes]]:
    """The fields that a part without them must have had; ``start`` and ``end`` are its body's."""
    said = dict(known)
    kind = said.get("content-type", b"").strip().lower()
    declared = said.get("content-transfer-encoding", b"").strip().lower()
    if declared not in _NOTHING_ENCODED or "content-disposition" in said:
        return []
    if kind and not kind.startswith(b"text"):
        return []
    if not kind and (boundary := _boundary(raw, start, end)):
        kinds = [found[1].lower() for found in _KIND.finditer(b"\n" + raw[start:end][:_SAMPLE])]
        multipart = b"alternative" if kinds == _FORMS else b"mixed"
        return [("content-type", b'multipart/%b; boundary="%b"' % (multipart, boundary))]
    encoding = _encoding(raw[start:end]) if 0 < end - start <= _LARGEST else b""
    if declared and encoding == b"quoted-printable" and not _is_wrapped(raw[start:end]):
        return []
    return [("content-transfer-encoding", encoding)] if encoding else []


def again(content: bytes) -> bytes:
    """The text in a body that was encoded twice: a gateway took what it sent on for plain text."""
    encoding = _encoding(content) if len(content) <= _LARGEST else b""
    if encoding == b"base64":
        return base64_bytes(content)
    wrapped = encoding == b"quoted-printable" and _is_wrapped(content)
    return binascii.a2b_qp(content) if wrapped else content


def _boundary(raw: bytes, start: int, end: int) -> bytes:
    """What stands between the parts of a body that begins with one."""
    body = raw[start : min(end, start + _LONGEST_PREAMBLE + 200)]
    frame = _FRAME.search(body)
    if frame is None:
        return b""
    preamble = body[: frame.start()].strip()
    fits = len(preamble) <= _LONGEST_PREAMBLE and (not preamble or b"mime" in preamble.lower())
    return frame[1] if fits and b'"' not in frame[1] else b""


def _encoding(body: bytes) -> bytes:
    if _BASE64_LINE.match(body):
        letters = body.translate(None, _LINE_ENDS)
        whole = len(letters) % 4 == 0 and not letters.translate(None, BASE64)
        return b"base64" if whole and _says_something(base64_bytes(letters), len(letters)) else b""
    if _ESCAPED.search(body[:_SAMPLE]) and body.isascii() and not _NOT_ESCAPED.search(body):
        meant = _says_something(binascii.a2b_qp(body), len(body))
        return b"quoted-printable" if meant else b""
    return b""


def _is_wrapped(body: bytes) -> bool:
    """Whether encoders wrote it, and no person who shows an escape or two: by all its length."""
    dense = 6 * len(_ESCAPES.findall(body, 0, _SAMPLE)) > len(body[:_SAMPLE])
    return dense or _SOFT_LINE.search(body, 0, _SAMPLE) is not None


def _says_something(content: bytes, letters: int) -> bool:
    """Whether it is text in a charset that shows when it is not."""
    for charset, shortest in _SHORTEST.items():
        try:
            text = content.decode(charset)
        except UnicodeDecodeError:
            continue
        words = " " in text.strip() or not text.isascii()
        return words and letters >= shortest and "".join(text.split()).isprintable()
    return False
