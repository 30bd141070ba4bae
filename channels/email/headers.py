"""Header fields of a mail, read without trusting them.

The standard library's structured parser needs seconds for some real headers and raises on
others, so that fields are kept as bytes here, and each question is answered by a small function
that takes linear time and always has an answer.
"""

import binascii
import re
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from channels.email.charset import decode

_ENCODED_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*(?:\?(?!=)[^?]*){0,8})\?=")
"""RFC 2047 §2, with the spaces and stray question marks that real senders leave inside."""

_CUT_WORD = re.compile(r"=\?[A-Za-z0-9_.:-]{2,40}\?[bBqQ]\?[^?\s]+\Z")
"""An encoded word at the end whose own end was cut off."""

_ESCAPED = re.compile(r"\\(.)")
_SPACES = re.compile(r"\s+")
_SPACED_SLASH = re.compile(r"\s?/\s?")
_WORD_END = re.compile(r"[;(\s]")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_ALWAYS_LITTER = (
    r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\xad\u034f\u180e\u200b\u2060\ufeff"
    # They turn letters around that have a direction: “exe.fdp” is shown as “pdf.exe”.
    r"\u202d\u202e"
)
_MAYBE_LITTER = re.compile(rf"[{_ALWAYS_LITTER}\u200c\u200d]")
"""Asked first: most texts have none, and the pattern below takes eight times as long to say so."""

_LITTER = re.compile(
    rf"[{_ALWAYS_LITTER}]"
    # They join letters and emoji; before a space they only fill previews, and no Chinese has any.
    r"|[\u200c\u200d](?=[\s\u200c\u200d]|\Z)|(?<=[\u2e80-\u9fff])[\u200c\u200d]"
)
"""Controls, and signs without width that say nothing: text is searched and shown without."""

_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f]")
_ADDRESS = re.compile(r"[^\s@<>(),;:\"\[\]\\]{1,128}@[^\s@<>(),;:\"\\]{1,255}")
_GROUP = re.compile(r'\A\s*[^\s":<>@()][^":<>@()]{0,100}(?<!\d):(?!//)\s*;?')
"""“Customers: ” before its first member, or nobody (RFC 5322 §3.4)."""

_ADDRESS_BEGINS = re.compile('[@<:;"\uff20\ufe6b]')
_MESSAGE_ID = re.compile(r"<([^<>\s]{1,250})>")

_LONGEST_VALUE = 16_384
"""Bytes of one field that are looked at."""

_MOST_PARAMETERS = 64
_MOST_MAILBOXES = 50


class Value(NamedTuple):
    """A field like Content-Type: its first word in lower case, and its parameters."""

    main: str
    parameters: Mapping[str, str]


class Address(NamedTuple):
    """A mailbox: what it calls itself, and its address (“” where it has none)."""

    name: str
    email: str


@dataclass
class Headers:
    """Header fields in their order; names in lower case, values as they came.

    What was read once is kept: a mail is asked four times who wrote it, and thrice its subject.
    """

    fields: Sequence[tuple[str, bytes]]
    charset: str | None = field(default=None, compare=False)
    """What raw 8-bit values are probably in: the charset of the body, set once it is known."""

    _texts: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)
    _mailboxes: dict[str, list[Address]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @cached_property
    def _values(self) -> Mapping[str, list[bytes]]:
        """Unfolded, by name: each mail is asked after two dozen fields, and has half of them."""
        values: dict[str, list[bytes]] = {}
        for name, value in self.fields:
            values.setdefault(name, []).append(_unfolded(value))
        return values

    def raws(self, name: str) -> Sequence[bytes]:
        """Every field of this name, unfolded."""
        return self._values.get(name, ())

    def raw(self, name: str) -> bytes | None:
        """The first field of this name, unfolded."""
        return next(iter(self.raws(name)), None)

    def text(self, name: str) -> str:
        """The field as a person reads it, on one line; “” when absent."""
        text = self._texts.get(name)
        if text is None:
            text = self._texts[name] = decoded(self.raw(name) or b"", self.charset)
        return text

    def all(self, name: str) -> list[str]:
        """Every field of this name, as a person reads it."""
        return [decoded(raw, self.charset) for raw in self.raws(name)]

    def mailboxes(self, name: str) -> Sequence[Address]:
        """The first mailboxes of all fields of this name: 50 at most."""
        found = self._mailboxes.get(name)
        if found is None:
            pieces = chain.from_iterable(
                _whole(_split(decode(raw, self.charset), ",")) for raw in self.raws(name)
            )
            named = (each for each in map(mailbox, pieces) if each.email or each.name)
            found = self._mailboxes[name] = list(islice(named, _MOST_MAILBOXES))
        return found

    def word(self, name: str) -> str:
        """The field's first token in lower case, without parameters or comments."""
        raw = (self.raw(name) or b"").decode("ascii", "replace")
        return _WORD_END.split(raw.strip(), maxsplit=1)[0].strip("\"'").lower()

    def value(self, name: str) -> Value:
        """The field with its parameters (RFC 2045 §5.1, RFC 2231)."""
        raw = self.raw(name)
        return parse_value(raw, self.charset) if raw else Value("", {})

    def has(self, *names: str) -> bool:
        return any(name in self._values for name in names)


def _unfolded(value: bytes) -> bytes:
    value = value[:_LONGEST_VALUE].strip()
    return _FOLD.sub(b"", value) if b"\n" in value else value


def clean_line(text: str, limit: int = 998) -> str:
    """Text that can stand on one line anywhere: no line ends, controls or direction marks."""
    if text.isprintable():  # as nearly all are: then there is nothing to take out
        return text.strip()[:limit]
    text = " ".join(text.replace("\x00", "").splitlines())
    return _BIDI.sub("", without_litter(text)).replace("\t", " ").strip()[:limit]


def clean_text(text: str) -> str:
    """Text with Unix line ends and without what neither screen nor database can hold."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n")
    return without_litter(text)


def without_litter(text: str) -> str:
    """Text without controls and without what has no width and no meaning."""
    text = text.replace("\u2029", "\n")
    return _LITTER.sub("", text) if _MAYBE_LITTER.search(text) else text


def decoded(raw: bytes, charset: str | None = None) -> str:
    """An unstructured value with its encoded words read (RFC 2047), on one line."""
    if not raw:
        return ""
    text = decode(raw, charset)
    for _ in range(2):  # some systems encode what is encoded
        if "=?" in text:
            text = _join_words(text)
    return clean_line(text)


def _join_words(text: str) -> str:
    """Reads encoded words; neighbours in one charset are joined first.

    Senders cut between the bytes of one character although RFC 2047 §5 forbids it.
    """
    if _CUT_WORD.search(text):
        text += "?="
    pieces: list[str] = []
    pending: list[tuple[str, str]] = []
    pending_charset = ""
    position = 0
    for word in _ENCODED_WORD.finditer(text):
        between = text[position : word.start()]
        charset = word[1].partition("*")[0].lower()
        if pending and (between.strip() or charset != pending_charset):
            pieces.append(decode(_words_bytes(pending), pending_charset))
            pending = []
        if between.strip() or not position:
            pieces.append(between)
        pending.append((word[2].lower(), word[3]))
        pending_charset = charset
        position = word.end()
    if pending:
        pieces.append(decode(_words_bytes(pending), pending_charset))
    return "".join(pieces) + text[position:]


def _words_bytes(words: Iterable[tuple[str, str]]) -> bytes:
    """What neighbouring words encode, each in its way.

    Some senders cut what is one base64 in places where no byte ends.
    """
    read = b""
    letters = b""
    for encoding, payload in words:
        data = payload.encode("utf-8", "replace")
        if encoding == "q":
            read += base64_bytes(letters) + binascii.a2b_qp(data, header=True)
            letters = b""
            continue
        letters += b"".join(data.split())
        if len(letters) % 4 == 0 or letters.endswith(b"="):
            read += base64_bytes(letters)
            letters = b""
    return read + base64_bytes(letters)


def base64_bytes(data: bytes) -> bytes:
    """Whatever can be read of base64, padded or not."""
    data = _above_footer(data)
    padding = data.find(b"=")
    if 0 <= padding < len(data.rstrip()) - 2 and data.count(b"=") < _MOST_PADDING:
        pieces = b"".join(_base64_pieces(data))
        if pieces:
            return pieces
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        cleaned = data.translate(None, _NOT_BASE64)
        # One character more than a multiple of four carries no whole byte.
        cleaned = cleaned[: len(cleaned) - (len(cleaned) % 4 == 1)]
        return binascii.a2b_base64(cleaned + b"=" * (-len(cleaned) % 4))


def _above_footer(data: bytes) -> bytes:
    """Without what a list or a scanner put below, which no base64 has.

    Padding would show where that begins, but a third of all bodies needs none.
    """
    found = _FOOTER.search(data, max(0, len(data) - _LONGEST_FOOTER))
    if found is None or len(data[: found.start()].translate(None, b" \t\r\n")) % 4:
        return data
    return data[: found.start()]


def _base64_pieces(data: bytes) -> Iterator[bytes]:
    """Pieces that were encoded one by one, up to what is none: a footer put under them."""
    for found in _PADDED.finditer(data):
        letters = b"".join(found[0].split())
        if len(letters) % 4 or not _ALL_BASE64.fullmatch(letters):
            return
        yield binascii.a2b_base64(letters)


_MOST_PADDING = 200_000
"""Signs of it in the middle of a body; only an attack has more."""

_FOOTER = re.compile(rb"\n[ \t\r]{0,80}\n(?=[^\n]{0,998}[^\sA-Za-z0-9+/=])")
_LONGEST_FOOTER = 4_096
"""Bytes."""

_PADDED = re.compile(rb"[^=]+(?:=+\s*)?")
_ALL_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
BASE64 = string.ascii_letters.encode() + b"0123456789+/="
_NOT_BASE64 = bytes(set(range(256)) - set(BASE64[:-1]))


def parse_value(raw: bytes, charset: str | None = None) -> Value:
    """The main word and the parameters of a structured value."""
    text = decode(raw, charset)
    pieces = _split(text, ";")
    main, parameter = _main_word(next(pieces, ""))
    pieces = chain([parameter], pieces)
    plain: dict[str, str] = {}
    sections: dict[str, list[tuple[int, bool, str]]] = {}
    for _, piece in zip(range(_MOST_PARAMETERS), filter(str.strip, pieces), strict=False):
        name, equals, value = piece.partition("=")
        if not equals:
            continue
        _keep_parameter(name.strip().lower(), _unquote(value), plain, sections)
    for name, parts in sections.items():
        plain[name] = _continued(parts)
    return Value(main, {name: clean_line(value) for name, value in plain.items()})


def _main_word(piece: str) -> tuple[str, str]:
    """“text / html” in one, and a parameter whose semicolon is missing: text/plain charset=gbk."""
    main = piece.strip().strip("\"'").lower()
    if not _SPACES.search(main):
        return main, ""
    main, *parameter = _SPACES.split(_SPACED_SLASH.sub("/", piece.strip()), maxsplit=1)
    return main.strip("\"'").lower(), "".join(parameter)


def _keep_parameter(
    name: str,
    value: str,
    plain: dict[str, str],
    sections: dict[str, list[tuple[int, bool, str]]],
) -> None:
    base, star, rest = name.partition("*")
    if not star:
        plain.setdefault(name, _join_words(value) if "=?" in value else value)
        return
    extended = not rest or rest.endswith("*")
    number = rest.rstrip("*")
    if not number or (number.isascii() and number.isdigit() and len(number) <= 3):
        sections.setdefault(base, []).append((int(number or 0), extended, value))


def _continued(parts: Iterable[tuple[int, bool, str]]) -> str:
    """A parameter in sections, each percent-encoded or not (RFC 2231 §3 and §4)."""
    charset: str | None = None
    written = []
    for place, (_, extended, value) in enumerate(sorted(parts, key=lambda part: part[0])):
        if extended and place == 0 and value.count("'") >= 2:
            charset, _, value = value.split("'", 2)
        written.append(value if extended else quote(value.encode("utf-8", "replace")))
    # At once: some programs cut a character in half, or even its “%E4”.
    text = decode(unquote_to_bytes("".join(written)), charset)
    return _join_words(text) if "=?" in text else text


def _unquote(value: str) -> str:
    value = value.strip()
    if value.startswith('"'):
        value = value[1:]
        value = value[:-1] if value.endswith('"') and not value.endswith('\\"') else value
        return _ESCAPED.sub(r"\1", value) if "\\" in value else value
    return value.strip("'") if value.startswith("'") else value


def _split(text: str, separator: str) -> Iterator[str]:
    """Pieces between separators that stand outside quotes, angle brackets and comments."""
    if separator not in text:
        yield text
        return
    start = 0
    quoted = False
    angled = 0
    for found in re.finditer(rf'["<>{separator}]|\\.', text):
        sign = found[0]
        if sign == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif sign == "<":
            angled = separator == ","
        elif sign == ">":
            angled = False
        elif sign == separator and not angled:
            yield text[start : found.start()]
            start = found.end()
    yield text[start:]


def _whole(pieces: Iterator[str]) -> Iterator[str]:
    """Mailboxes whose names were cut at a comma that nobody quoted: Zhang, San <z@x.example>."""
    for piece in pieces:
        following = ""
        if not piece.isspace() and not _ADDRESS_BEGINS.search(piece):
            following = next(pieces, "")
        if "<" in following.lstrip()[1:]:
            yield f"{piece.strip()}, {following.strip()}"
        else:
            yield piece
            if following:
                yield following


def addresses(headers: Headers, name: str, limit: int = _MOST_MAILBOXES) -> Sequence[Address]:
    """The mailboxes of every field of this name, at most ``limit``."""
    return headers.mailboxes(name)[:limit]


def mailbox(text: str) -> Address:
    """One mailbox: “name <a@b>”, “a@b (name)”, “a@b”, or what is left of one."""
    before, opened, rest = text.rpartition("<")
    if opened:
        # “mailto:”, or the way that it should take (RFC 5322 §4.4).
        email = valid_address(rest.partition(">")[0].rpartition(":")[2])
        name = _GROUP.sub("", before)
    else:
        text = _GROUP.sub("", text)
        match = _ADDRESS.search(text)
        email = match[0] if match else ""
        name = text.partition("(")[2].rpartition(")")[0] if email else text
        if match and not name:
            # “张三 z@x.example”; “客服: z@x.example” is the first of a group.
            name = text[: match.start()] if ":" not in text else ""
    name = _unquote(name.strip().rstrip(";"))
    name = clean_line(_join_words(name) if "=?" in name else name, 200).strip("\"' ")
    return Address("" if name == email else name, email)


def valid_address(text: str) -> str:
    """The address, if it is one that mail can be sent to without quoting; else “”."""
    text = text.strip()
    plausible = len(text) <= 320 and text.isprintable()
    return text if plausible and _ADDRESS.fullmatch(text) else ""


def message_ids(headers: Headers, name: str, limit: int = 50) -> list[str]:
    """Message-IDs in a field, without brackets, in their order; the last ``limit``."""
    raw = (headers.raw(name) or b"").decode("utf-8", "replace")
    found = [clean_line(match[1]) for match in _MESSAGE_ID.finditer(raw)]
    if not found and name == "message-id":
        bare = clean_line(raw.strip("<> "), 250)
        found = [bare] if bare and " " not in bare else []
    return found[-limit:]
