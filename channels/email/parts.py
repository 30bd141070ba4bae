"""The tree of a mail: where each part's header and body lie in the raw bytes.

The parser of the standard library reads line by line (a 25 MB mail costs it seconds) and knows
no limits. This one finds boundaries with the machine's own search, copies nothing until a part
is wanted, and counts what it finds, so that every mail ends in linear time or in ``Permanent``.
"""

import binascii
import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from channels.email import lost, uuencode
from channels.email.charset import of_header
from channels.email.headers import BASE64, Headers, Value, base64_bytes
from models.errors import Permanent

HEADER_LIMIT = 524_288
"""Bytes of one header; the largest in 15,230 real mails is 24 KB, but a To of ten thousand
addresses is no attack."""

PART_LIMIT = 1_000
"""Parts that are read; further ones are left to whoever opens the original."""

DEPTH_LIMIT = 50
"""Multiparts within multiparts that are split; what is deeper is shown as it came."""

_WINDOW = 65_536
"""Bytes in which undeclared boundaries, and the end of empty lines, are looked for."""

_FALSE_BOUNDARIES = 100_000
"""Lines that begin like a boundary and are none, before a mail counts as an attack."""

_HEADERS_LIMIT = 1_048_576
"""Bytes of all headers of all parts together."""

_LONGEST_BOUNDARY_LINE = 1_000

_BLANK = re.compile(rb"\r?\n\r?\n")
_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")
_LINE_END = re.compile(rb"\r?\n(?![ \t])")
_SOFT_BREAK = re.compile(rb"=[ \t]{1,80}(\r?\n)")
"""Quoted-printable with spaces that a gateway put at the ends of lines (RFC 2045 §6.7)."""

_FRAME = re.compile(
    rb"\n--([^\s][^\r\n]{0,100}?)[ \t]*\r?\n(?=content-[a-z-]{1,40}:)", re.IGNORECASE
)
_MBOX = re.compile(rb"\A>?From [^\r\n]*\r?\n")


@dataclass(slots=True)
class Budget:
    """What one mail may still use up."""

    parts: int = PART_LIMIT
    headers: int = _HEADERS_LIMIT
    false_boundaries: int = _FALSE_BOUNDARIES
    passed: bool = False
    """Whether parts were left unread."""

    def has_parts(self) -> bool:
        """Whether another part may be taken; it is noted that one was not."""
        self.passed = self.passed or self.parts <= 0
        return self.parts > 0

    def take_part(self) -> None:
        self.parts -= 1
        if self.parts < 0:
            raise Permanent(
                f"邮件超过 {PART_LIMIT} 个部分，未解析，请查看原件"
                f" / The mail has more than {PART_LIMIT} parts; read the original",
                code="mail_too_many_parts",
            )

    def take_header(self, size: int) -> None:
        self.headers -= size
        if size > HEADER_LIMIT or self.headers < 0:
            raise Permanent(
                f"邮件头超过 {HEADER_LIMIT // 1024} KB，未解析，请查看原件"
                f" / The mail's header is over {HEADER_LIMIT // 1024} KB; read the original",
                code="mail_header_too_large",
            )

    def take_false_boundary(self) -> None:
        self.false_boundaries -= 1
        if self.false_boundaries < 0:
            raise Permanent(
                "邮件的分隔行异常，未解析，请查看原件"
                " / The mail is full of broken boundaries; read the original",
                code="mail_broken_boundaries",
            )


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its fields, and its body as a range of ``raw``."""

    raw: bytes
    headers: Headers
    type: Value
    start: int
    end: int
    children: Sequence["Part"] = ()
    disposition: Value = field(default_factory=lambda: Value("", {}))

    @property
    def size(self) -> int:
        """Bytes of the body as it was sent."""
        return self.end - self.start

    def content(self, limit: int | None = None) -> bytes:
        """The body without its transfer encoding; of long ones about the first ``limit``."""
        end = self.end if limit is None else min(self.end, self.start + 2 * limit)
        return _decoded(self.raw[self.start : end], self.headers.word("content-transfer-encoding"))

    def walk(self) -> Iterator["Part"]:
        """Yields the part and all below it, in reading order."""
        yield self
        for child in self.children:
            yield from child.walk()


def parse(raw: bytes, budget: Budget | None = None, depth: int = 0) -> Part:
    """The tree of a whole mail.

    Raises:
        Permanent: it passes a limit.
    """
    raw = _with_line_ends(raw)
    mbox = _MBOX.match(raw[:1_000])
    return _part(raw, mbox.end() if mbox else 0, len(raw), budget or Budget(), depth)


def _with_line_ends(raw: bytes) -> bytes:
    """The mail as it was before its line ends were spoilt, or a mark put before it."""
    raw = raw.removeprefix(codecs.BOM_UTF8)
    if b"\n" not in raw:
        return raw.replace(b"\r", b"\n")
    return raw.replace(b"\r\r\n", b"\r\n") if b"\r\r\n" in raw[:1_000] else raw


def _part(
    raw: bytes, start: int, end: int, budget: Budget, depth: int, default: str = "text/plain"
) -> Part:
    budget.take_part()
    fields, body = _header(raw, start, end, budget)
    fields = lost.fields(fields, raw, body, end) + fields
    headers = Headers(fields)
    kind = headers.value("content-type")
    if "/" not in kind.main:
        kind = Value(_repaired(kind.main, default), kind.parameters)
    headers.charset = of_header(kind.parameters.get("charset"))
    children: tuple[Part, ...] = ()
    if kind.main.startswith("multipart/") and depth < DEPTH_LIMIT:
        inner = "message/rfc822" if kind.main == "multipart/digest" else "text/plain"
        boundary = kind.parameters.get("boundary")
        ranges = list(_split(raw, body, end, boundary, budget))
        if not ranges:
            ranges = list(_split(raw, body, end, _boundary_in_use(raw, body, end), budget))
        children = tuple(
            _part(raw, first, last, budget, depth + 1, inner)
            for first, last in ranges
            if budget.has_parts()
        )
        charsets = (child.headers.charset for child in children)
        headers.charset = headers.charset or next(filter(None, charsets), None)
    return Part(raw, headers, kind, body, end, children, headers.value("content-disposition"))


def _boundary_in_use(raw: bytes, start: int, end: int) -> str | None:
    """What stands between the parts of a multipart whose header names another boundary."""
    frame = _FRAME.search(raw, max(0, start - 1), min(end, start + _WINDOW))
    return frame[1].decode("ascii", "replace") if frame else None


def _repaired(main: str, default: str) -> str:
    """What a Content-Type without a slash, or none at all, stands for (RFC 2045 §5.2)."""
    return {"html": "text/html", "plain": "text/plain", "text": "text/plain"}.get(main, default)


def _header(
    raw: bytes, start: int, end: int, budget: Budget
) -> tuple[list[tuple[str, bytes]], int]:
    """The fields, and where the body begins."""
    start = _skip_blank_lines(raw, start, end) if start == 0 else start
    if raw.startswith((b"\n", b"\r\n"), start):
        return [], min(end, start + (1 if raw[start] == 10 else 2))
    if not _FIELD.match(raw, start, end):
        return [], start
    blank = _BLANK.search(raw, start, min(end, start + HEADER_LIMIT + 4))
    last = blank.start() if blank else end
    budget.take_header(last - start)
    return _fields(raw[start:last], start, min(end, blank.end()) if blank else end)


def _skip_blank_lines(raw: bytes, start: int, end: int) -> int:
    while start < min(end, _WINDOW) and raw[start] in b"\r\n\t ":
        start += 1
    return start


def _fields(block: bytes, start: int, body: int) -> tuple[list[tuple[str, bytes]], int]:
    """Reads the lines of a header.

    A line that is no field is dropped when fields follow it, and begins the body (whose
    separating empty line was forgotten) when none do.
    """
    fields: list[tuple[str, bytes]] = []
    stray: int | None = None
    position = 0
    for line in _lines(block):
        match = _FIELD.match(line)
        if match is None:
            stray = position if stray is None else stray
        else:
            stray = None
            fields.append((match[1].decode("ascii").lower(), line[match.end() :]))
        position += len(line)
    return fields, body if stray is None or not block[stray:].strip() else start + stray


def _lines(block: bytes) -> Iterator[bytes]:
    """Logical lines: continuations belong to the line before."""
    start = 0
    for found in _LINE_END.finditer(block):
        yield block[start : found.end()]
        start = found.end()
    if start < len(block):
        yield block[start:]


def _split(
    raw: bytes, start: int, end: int, boundary: str | None, budget: Budget
) -> Iterator[tuple[int, int]]:
    """The ranges of the parts of a multipart; none if the boundary never occurs."""
    if not boundary:
        return
    delimiter = b"--" + boundary.encode("utf-8", "replace")
    opened: int | None = None
    for line_start, line_end, closing in _delimiters(raw, start, end, delimiter, budget):
        if opened is not None:
            yield opened, max(opened, line_start)
        opened = None if closing else line_end
    if opened is not None and raw[opened:end].strip():
        yield opened, end


def _delimiters(
    raw: bytes, start: int, end: int, delimiter: bytes, budget: Budget
) -> Iterator[tuple[int, int, bool]]:
    """Boundary lines: where the text before ends, where the next begins, whether it is the last.

    The line end before a boundary belongs to it (RFC 2046 §5.1.1).
    """
    # A body begins behind a line end, except that of a mail without any header.
    needle = b"\n" + delimiter
    if start == 0 and raw.startswith(delimiter):
        found = -1
    else:
        found = _find(raw, needle, max(0, start - 1), end)
    while found < end:
        position = found + len(needle)
        line_end = _find(raw, b"\n", position, min(end, position + _LONGEST_BOUNDARY_LINE)) + 1
        rest = raw[position:line_end].strip()
        if rest in (b"", b"--"):
            before = found - (found > 0 and raw[found - 1] == 13)
            yield max(start, before), min(line_end, end), rest == b"--"
        else:
            budget.take_false_boundary()
        found = _find(raw, needle, position - 1, end)


def _find(raw: bytes, what: bytes, start: int, end: int) -> int:
    """Where it is, or the end."""
    found = raw.find(what, start, end)
    return end if found < 0 else found


def _decoded(body: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        return body if _is_plain(body) else base64_bytes(body)
    if encoding in ("quoted-printable", "quotedprintable"):
        return binascii.a2b_qp(_SOFT_BREAK.sub(rb"=\1", body) if b"= " in body else body)
    if encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
        return uuencode.decoded(body)
    return body


def _is_plain(body: bytes) -> bool:
    """Whether a body that is declared as base64 was never encoded, by its first line."""
    line = body[:_LONGEST_BOUNDARY_LINE].strip().partition(b"\n")[0].strip()
    foreign = len(line.translate(None, BASE64))
    return foreign > 3 and foreign * 10 > len(line)
