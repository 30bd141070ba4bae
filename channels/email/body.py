"""What a reader sees of a mail, and what is a file: its parts sorted, read and described."""

import hashlib
import html
import re
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import NamedTuple

from channels.email import (
    cleaning,
    forward,
    invitation,
    lost,
    markup,
    quote,
    rtf,
    smime,
    tnef,
    uuencode,
)
from channels.email.charset import decode
from channels.email.filenames import content_id, file_name, safe_name
from channels.email.headers import Headers, Value, addresses, clean_text
from channels.email.parts import DEPTH_LIMIT, Budget, Part, parse
from models.errors import Permanent
from models.filetypes import sniffed
from models.message import Attachment, Envelope

LONGEST_TEXT = 500_000
"""Characters of text that are shown; the whole is kept as an attachment."""

_PART_COST = 5_000
"""Characters of room that a text part takes at least, so that 100 are read."""

_TEXT_BYTES = 2 * 1024 * 1024
"""Bytes of one text part that are decoded."""

_BODY_TYPES = frozenset({"text/plain", "text/html"})
_FILE_TEXTS = frozenset({"text/calendar", "text/vcard", "text/x-vcard", "text/csv", "text/rtf"})
_ENRICHED = frozenset({"text/enriched", "text/richtext"})
_OTHER_FORMS = frozenset({"text/x-amp-html", "text/watch-html"}) | _ENRICHED
"""What a mail says in plain text or HTML as well."""

_RICH = frozenset({"text/rtf", "application/rtf", "application/x-rtf"})
_ENRICHED_TAG = re.compile(
    r"<param>[^<]{0,500}</param>|</?[A-Za-z][A-Za-z0-9-]{0,60}>|(<)<|\n(\n*)", re.IGNORECASE
)
"""Commands of text/enriched, the sign “<” written twice, and line ends, of which one is a space
(RFC 1896)."""

_ENTITY = re.compile(r"&(?:nbsp|lt|gt|amp|quot|#\d{2,5});")
_LONGEST_EXCUSE = 300
"""Characters of a plain form that only says that the HTML should be read."""

_WEB_ADDRESS = re.compile(r"<?https?://[^\s>]{1,2000}>?")
_LONGEST_POINTER = 20
"""Characters beside the address: “View in browser”, “查看网页版”, and no question about it."""

_META_CHARSET = re.compile(
    rb"<meta[^>]{0,200}charset=[\"' ]{0,2}([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE
)
_META_WITHIN = 4_096
_MAC_LOOKS = "application/applefile"
_PACKED = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_MOST_PACKED = 3
"""Files of Outlook's that are looked through for the text; it packs one."""

_MAILS = frozenset({"message/rfc822", "message/global"})
_SIGNED = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_ENCRYPTED = _SIGNED | {"application/pgp-encrypted"}
_ENCRYPTED_NAMES = (".p7m", ".pgp", ".gpg")
_PROTECTED = "application/x-microsoft-rpmsg-message"
"""What Microsoft's servers show only to whom they know; the text beside it says how."""

_ENCRYPTED_TEXT = re.compile(r"^-----BEGIN PGP MESSAGE-----\s*$", re.MULTILINE)
_MOST_MAILS = 3
"""Attached mails that are read; further ones are files and nothing else."""

_MOST_SIGNED = 3
"""Signatures around signatures: signed, encrypted and signed again is as much as anybody does."""


class Text(NamedTuple):
    """A text, and the ranges of it that HTML marks as quotations and as signatures."""

    text: str
    quoted: tuple[tuple[int, int], ...] = ()
    signed: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True)
class _Shown:
    """One piece of what a reader sees, in the forms that the mail gives it."""

    plain: str = ""
    markup: str = ""


@dataclass(slots=True)
class Body:
    """Sorts the parts of a mail into what is read and what is a file."""

    budget: Budget
    shown: list[_Shown] = field(default_factory=list)
    files: list[tuple[Part, str | None]] = field(default_factory=list)
    """Parts that are files, with a name where the part has none."""
    packed: list[bytes] = field(default_factory=list)
    """Files of Outlook's, which may hold the text as well."""
    depth: int = 0
    signatures: int = 0
    """Around what is being read."""
    shortened: bool = False
    simple: bool = True
    hands_on: bool = True
    """Whether mails that are attached are yet to be read."""
    room: int = LONGEST_TEXT
    """Characters of text or markup that are still read."""

    def collect(self, root: Part) -> None:
        self._visit(root)
        if not self._says_anything():
            self._show_packed()
        if not self._says_anything():
            self._show_something(root)
        elif not self._has_words():
            # Outlook sends an empty page with an invitation in which nobody wrote a word.
            events = filter(None, (self._as_event(part) for part, _ in self.files))
            self.shown += next(events, [])
        self.shortened = self.shortened or self.budget.passed

    def _says_anything(self) -> bool:
        return any(piece.plain.strip() or piece.markup for piece in self.shown)

    def _has_words(self) -> bool:
        """Asked of invitations only, as the HTML has to be read for it."""
        invites = any(part.type.main == "text/calendar" for part, _ in self.files)
        return not invites or any(self._read_piece(piece).text.strip() for piece in self.shown)

    def _visit(self, part: Part) -> None:
        kind = part.type.main
        if kind == "multipart/alternative" and part.children:
            self._alternative(part)
        elif part.children:
            for child in part.children:
                # Of a file from a Mac its icon and its place on the screen, under its own name.
                if not (kind == "multipart/appledouble" and child.type.main == _MAC_LOOKS):
                    self._visit(child)
        elif self._is_body(part):
            self.shown.append(self._read(self._without_files(part)))
        elif (content := self._signed_content(part)) is not None:
            self.signatures += 1
            self._visit(parse(content, self.budget, self.depth + self.signatures))
            self.signatures -= 1
        elif part.size or file_name(part):
            self.files += self._unpacked(part) or [(part, None)]

    def _signed_content(self, part: Part) -> bytes | None:
        """The mail within a signature around it, which most programs call “smime.p7m”."""
        named = file_name(part).lower().endswith(".p7m")
        if self.signatures >= _MOST_SIGNED or not (named or part.type.main in _SIGNED):
            return None
        return smime.signed_content(part.content())

    def _without_files(self, part: Part) -> Part:
        """A text without the files that programs of old write into it, which become files."""
        encoded = part.headers.word("content-transfer-encoding") == "base64"
        if not encoded and part.raw.find(b"begin ", part.start, part.end) < 0:
            return part
        text, packed = uuencode.unpacked(part.content())
        if not packed:
            return part
        charset = part.type.parameters.get("charset")
        self.files += [
            (self._as_file(decode(name, charset), content), None) for name, content in packed
        ]
        return Part(text, Headers([]), part.type, 0, len(text))

    def _as_file(self, name: str, content: bytes) -> Part:
        self.budget.take_part()
        kind = Value("application/octet-stream", {"name": name})
        return Part(content, Headers([]), kind, 0, len(content))

    def _unpacked(self, part: Part) -> list[tuple[Part, str | None]]:
        """What Outlook packed into one file, each as a file of its own."""
        if part.type.main not in _PACKED and file_name(part).lower() != "winmail.dat":
            return []
        content = part.content()
        self.packed.append(content)
        return [(self._as_file(*file), None) for file in tnef.files(content)]

    def _is_body(self, part: Part) -> bool:
        if part.disposition.main == "attachment" or file_name(part):
            return False
        # A multipart without its boundary is text that lost its frame; so is “text/text”.
        kind = part.type.main
        return (
            kind in _BODY_TYPES
            or kind.startswith("multipart/")
            or (kind.startswith("text/") and kind not in _FILE_TEXTS)
        )

    def _alternative(self, part: Part) -> None:
        """One piece in several forms; what is neither (a calendar entry) is a file."""
        merged = _Shown()
        known = any(child.type.main in _BODY_TYPES for child in part.children)
        for child in part.children:
            if known and child.type.main in _OTHER_FORMS:
                continue
            before = len(self.shown)
            self._visit(child)
            piece = _together(self.shown[before:])
            merged.plain = merged.plain or piece.plain
            merged.markup = merged.markup or piece.markup
            del self.shown[before:]
        self.shown.append(merged)

    def _read(self, part: Part) -> _Shown:
        text = self._text_of(part)
        kind = part.type.main
        # Who sends code in plain text asks something about it below.
        document = kind != "text/plain" or text.rstrip().lower().endswith(("</html>", "</body>"))
        if kind == "text/html" or (document and _looks_like_html(text)):
            return _Shown(markup=cleaning.visible(text))
        if kind in _ENRICHED:
            text = _ENRICHED_TAG.sub(_plainly, text)
        if part.type.parameters.get("format", "").lower() == "flowed":
            text = _unflowed(text, part.type.parameters.get("delsp", "").lower() == "yes")
        return _Shown(plain=text)

    def _text_of(self, part: Part) -> str:
        """The text of a part as far as there is room; what is cut is kept as a file."""
        markup_too = part.type.main == "text/html"
        text = ""
        if self.room:
            data = lost.again(part.content(_TEXT_BYTES)[:_TEXT_BYTES])
            declared = part.type.parameters.get("charset")
            text = clean_text(
                decode(data, declared or (_charset_within(data) if markup_too else None))
            )
        text = cleaning.without_data(text) if markup_too else text
        if markup_too and len(text) > self.room:
            text = cleaning.without_idle_tags(text)
        if len(text) > self.room or part.size > 2 * _TEXT_BYTES or not self.room:
            self.shortened = True
            self.files.append((part, "body.html" if markup_too else "body.txt"))
        text = text[: self.room]
        # However little it holds, reading a part costs as much as some text.
        self.room = max(0, self.room - max(len(text), _PART_COST))
        return text

    def _show_packed(self) -> None:
        """Outlook has packed the text with the files."""
        for content in self.packed[:_MOST_PACKED]:
            words = tnef.words(content)
            plain, source = words.plain[: self.room], words.html[: self.room]
            if plain.strip() or source.strip():
                self.shown.append(_Shown(plain, cleaning.visible(cleaning.without_data(source))))
                return

    def _show_something(self, root: Part) -> None:
        """No part says that it is the text: takes what a mail program would show anyway."""
        for read in (self._as_body, self._as_event, self._as_rich, self._as_status):
            for part, _ in self.files:
                if shown := read(part):
                    self.shown = shown
                    return
        if mails := list(self._mails()):
            self.hands_on = False
            for headers, inner in mails:
                self.shown += [_Shown(plain=forward.head(headers)), *inner.shown]
            return
        readable = root.type.main in _BODY_TYPES or root.type.main.startswith("multipart/")
        if readable and any(part is root for part, _ in self.files):
            self.shown.append(self._read(root))

    def _as_body(self, part: Part) -> list[_Shown]:
        # What has no name is nobody's file, whatever the program calls it.
        marked = part.disposition.main == "attachment" and file_name(part)
        return [self._read(part)] if part.type.main in _BODY_TYPES and not marked else []

    def _as_event(self, part: Part) -> list[_Shown]:
        if part.type.main != "text/calendar":
            return []
        words = invitation.words(self._text_of(part))
        return [_Shown(plain=words)] if words else []

    def _as_rich(self, part: Part) -> list[_Shown]:
        if part.type.main not in _RICH:
            return []
        words = clean_text(rtf.text(part.content(_TEXT_BYTES)).strip())[: self.room]
        return [_Shown(plain=words)] if words else []

    def _as_status(self, part: Part) -> list[_Shown]:
        # A bare delivery status is read as text where nothing explains it.
        status = part.type.main in ("message/delivery-status", "application/plain")
        return [_Shown(plain=self._text_of(part))] if status else []

    def _mails(self) -> Iterator[tuple[Headers, "Body"]]:
        """Yields the headers and the bodies of mails that are attached.

        What passes a limit, or is no mail, is left to whoever opens the file.
        """
        mails = [part for part, _ in self.files if _is_mail(part)]
        # Three in each of three in each would be thousands.
        most = _MOST_MAILS if not self.depth else int(self.depth < DEPTH_LIMIT)
        for part in mails[:most]:
            inner = Body(self.budget, depth=self.depth + 1, room=self.room)
            try:
                root = parse(part.content(), self.budget, inner.depth)
                inner.collect(root)
            except Permanent:
                self.shortened = True
                continue
            self.room = inner.room
            self.shortened = self.shortened or inner.shortened
            if forward.head(root.headers):
                yield root.headers, inner

    def handed_on(self, own: AbstractSet[str]) -> list[str]:
        """What mails say that are attached to one with words of its own, below their heads.

        Those from ``own``, addresses in lower case, are ours to know already.
        """
        within: Iterable[tuple[Headers, Body]] = self._mails() if self.hands_on else ()
        return [
            f"{forward.head(headers)}\n\n{inner.text().text}".strip()
            for headers, inner in within
            if own.isdisjoint(each.email.lower() for each in addresses(headers, "from"))
        ]

    def is_encrypted(self, new: str) -> bool:
        """Whether what is ``new`` in the mail leaves the rest, or all, to a key.

        OpenPGP in a mail (RFC 3156 §4) or in its text (RFC 9580 §6.2), S/MIME (RFC 8551 §3.3).
        """
        if any(part.type.main == _PROTECTED for part, _ in self.files):
            return True
        if new.strip() and not quote.says_nothing(new):
            return _ENCRYPTED_TEXT.search(new) is not None
        return any(
            part.type.main in _ENCRYPTED or file_name(part).lower().endswith(_ENCRYPTED_NAMES)
            for part, _ in self.files
        )

    def text(self) -> Text:
        """All text, and what its HTML marks in it."""
        pieces: list[str] = []
        quoted: list[tuple[int, int]] = []
        signed: list[tuple[int, int]] = []
        length = 0
        for piece in self.shown:
            text, *marked = self._read_piece(piece)
            lead = len(text) - len(text.lstrip("\n"))
            text = text.strip("\n")
            if not text.strip():
                continue
            if pieces:
                pieces.append("\n\n")
                length += 2
            for known, ranges in zip((quoted, signed), marked, strict=True):
                known += [
                    (max(0, start - lead) + length, min(len(text), end - lead) + length)
                    for start, end in ranges
                ]
            pieces.append(text)
            length += len(text)
        return Text("".join(pieces)[:LONGEST_TEXT], tuple(quoted), tuple(signed))

    def _read_piece(self, piece: _Shown) -> Text:
        plain = bool(piece.plain.strip()) and not _says_less(piece.plain)
        pointer = _pointer(piece.plain) if plain and piece.markup else ""
        if not piece.markup or (plain and not pointer and markup.needs_no_reading(piece.markup)):
            return Text(piece.plain)
        reading = markup.read(piece.markup)
        # The HTML has the link, too, and whatever it says beyond that.
        plain = plain and not (
            pointer and len(reading.text) >= 2 * len(pointer) + _LONGEST_POINTER
        )
        self.simple = self.simple and reading.simple
        # Where the HTML marks its quotation it is read instead of the plain form.
        if reading.quoted or reading.signed or (not plain and reading.text.strip()):
            return Text(reading.text, reading.quoted, reading.signed)
        return Text(piece.plain)

    def html(self) -> str | None:
        """Sanitised HTML of everything shown; None if there is none, or it is unreasonable."""
        if not self.simple or not any(piece.markup for piece in self.shown):
            return None
        return cleaning.sanitised("\n".join(map(_as_markup, self.shown)))

    def attachments(self, envelope: Envelope) -> tuple[tuple[Attachment, ...], dict[str, bytes]]:
        """The files, described, and their contents by SHA-256."""
        contents: dict[str, bytes] = {}
        described = []
        for number, (part, name) in enumerate(self.files, 1):
            content = part.content()
            sha256 = hashlib.sha256(content).hexdigest()
            contents[sha256] = content
            mime = sniffed(content, part.type.main)
            described.append(
                Attachment(
                    id=derived_id(envelope, str(number)),
                    name=name or safe_name(file_name(part), part, mime, number),
                    mime=mime,
                    size=len(content),
                    sha256=sha256,
                    inline_cid=content_id(part),
                )
            )
        return tuple(described), contents


def _is_mail(part: Part) -> bool:
    return part.type.main in _MAILS or file_name(part).lower().endswith(".eml")


def _together(pieces: Sequence[_Shown]) -> _Shown:
    """Pieces that stand one below the other as one."""
    if len(pieces) == 1:
        return pieces[0]
    rich = any(piece.markup for piece in pieces)
    return _Shown(
        plain="\n\n".join(filter(None, (piece.plain for piece in pieces))),
        markup="\n".join(map(_as_markup, pieces)) if rich else "",
    )


def _as_markup(piece: _Shown) -> str:
    return piece.markup or f"<pre>{html.escape(piece.plain)}</pre>"


def _says_less(plain: str) -> bool:
    """Whether the plain form is worse than the HTML beside it.

    QQ leaves entities in it; others write that one needs a program that shows HTML.
    """
    return _ENTITY.search(plain) is not None or (
        len(plain) <= _LONGEST_EXCUSE and "html" in plain.lower()
    )


def _pointer(plain: str) -> str:
    """A word or two beside an address in the web, which are all of the plain form; or “”."""
    if len(plain) > _LONGEST_EXCUSE or "://" not in plain:
        return ""
    words = _WEB_ADDRESS.sub("", plain).strip()
    return words or plain if len(words) <= _LONGEST_POINTER else ""


def _charset_within(data: bytes) -> str | None:
    """What HTML says of its own charset, where the mail says nothing."""
    found = _META_CHARSET.search(data[:_META_WITHIN])
    return found[1].decode("ascii") if found else None


def _plainly(found: re.Match[str]) -> str:
    if found[0].startswith("\n"):
        return found[2] or " "
    return found[1] or ""


def _looks_like_html(text: str) -> bool:
    return re.match(r"\s*(?:<!doctype html|<html|<body)", text[:500], re.IGNORECASE) is not None


def _unflowed(text: str, delsp: bool) -> str:
    """Paragraphs of format=flowed on one line each, and quoted ones as well (RFC 3676 §4)."""
    paragraphs: list[list[str]] = []
    flows_on: str | None = None
    for line in text.split("\n"):
        signs = line[: len(line) - len(line.lstrip(">"))]
        words = line[len(signs) :].removeprefix(" ")
        soft = words.endswith(" ") and words != "-- "
        # Where signs stand behind a space, too, programs have quoted what did not flow.
        nested = bool(signs) and words.startswith(">")
        if soft and delsp:
            words = words[:-1]
        if signs == flows_on and not nested:
            paragraphs[-1].append(words)
        else:
            paragraphs.append([signs, " " if signs and words else "", words])
        flows_on = signs if soft and not nested else None
    return "\n".join(map("".join, paragraphs))


def derived_id(envelope: Envelope, part: str) -> str:
    """A UUIDv7 whose random bits come from the envelope: twice the same work, the same id."""
    seed = hashlib.sha256(f"{envelope.id}\0{part}".encode()).digest()
    value = (int(envelope.received_at * 1000) & (1 << 48) - 1) << 80
    value |= 0x7 << 76 | 0b10 << 62 | int.from_bytes(seed[:9], "big") & (1 << 62) - 1
    value |= (int.from_bytes(seed[9:11], "big") & 0xFFF) << 64
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
