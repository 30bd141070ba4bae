"""A raw mail to the one schema. Pure: the same envelope always gives the same message.

Runs in the parser child. Everything here takes linear time, and limits come first: beyond them
``Permanent`` is raised, and the mail becomes a triage ticket with the original attached.
"""

import hashlib
import html
import mimetypes
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from channels.email import markup, quote, report
from channels.email.charset import decode
from channels.email.guard import automatic_kind, no_automatic_answer
from channels.email.headers import (
    Address,
    Headers,
    addresses,
    clean_line,
    clean_text,
    message_ids,
    valid_address,
)
from channels.email.options import Options
from channels.email.parts import Budget, Part, parse
from channels.email.thread import Threads, plain_mailbox
from channels.email.trust import trust_of
from models.errors import Permanent
from models.filetypes import sniffed
from models.masking import masked
from models.message import (
    Attachment,
    Envelope,
    InboundMessage,
    Normalized,
    ReplyRoute,
    Sender,
    Trust,
)

LARGEST_RAW = 64 * 1024 * 1024
"""Bytes: beyond this even slicing would pass the child's memory limit of 256 MB."""

LONGEST_TEXT = 500_000
"""Characters of text that are shown; the whole is kept as an attachment."""

_PART_COST = 5_000
"""Characters of room that a text part takes at least, so that 100 are read."""

_TEXT_BYTES = 2 * 1024 * 1024
"""Bytes of one text part that are decoded."""

_BODY_TYPES = frozenset({"text/plain", "text/html"})
_NAME_LIMIT = 200
_REFERRED = 10
"""Earlier mails that a mail may go on from, nearest first."""
_ADDRESS_LIKE = re.compile("\\S[@\uff20\ufe6b]\\S")
_BAD_IN_NAME = re.compile(r'[/\\:*?"<>|\x00]+')


class Reader:
    """Reads mails for one installation."""

    def __init__(self, options: Options, threads: Threads) -> None:
        self._options = options
        self._threads = threads
        self._own = frozenset(mailbox.address for mailbox in options.mailboxes)

    def read(self, envelope: Envelope) -> Normalized:
        """The message in an envelope.

        Raises:
            Permanent: it passes a limit.
        """
        if len(envelope.body) > LARGEST_RAW:
            raise Permanent(
                f"邮件超过 {LARGEST_RAW >> 20} MB，未解析，请查看原件"
                f" / The mail is over {LARGEST_RAW >> 20} MB; read the original",
                code="mail_too_large",
            )
        budget = Budget()
        root = parse(envelope.body, budget)
        body = _Body(budget)
        body.collect(root)
        return self._message(envelope, root, body)

    def _message(self, envelope: Envelope, root: Part, body: "_Body") -> Normalized:
        headers = root.headers
        full, quoted = body.text()
        cut = quote.split(full, quoted)
        sender = _sender(headers, envelope.transport)
        trust = trust_of(
            sender.email,
            headers,
            envelope.transport,
            self._options.verifying_peers,
            self._options.authserv_id,
        )
        auto, fact = automatic_kind(
            headers,
            root.type,
            sender.email.lower(),
            envelope.transport,
            own=self._own,
            loop_mark=self._threads.loop_mark(),
        )
        own_id = next(iter(message_ids(headers, "message-id")), "")
        digest = hashlib.sha256(envelope.body).hexdigest()
        references = message_ids(headers, "in-reply-to") + message_ids(headers, "references")[::-1]
        key, proof = self._conversation(envelope, headers, digest, references)
        no_auto = no_automatic_answer(
            headers, root.type, fact, sender.email.lower(), trust.level, envelope.transport
        )
        reply_to, elsewhere = self._way_back(headers, sender.email, trust)
        meta = _meta(headers, own_id, proof, no_auto, cut, body.shortened) | elsewhere
        if not proof and auto in ("none", "list"):
            meta |= _continuing(references)
        attachments, files = body.attachments(envelope)
        received = datetime.fromtimestamp(envelope.received_at, UTC)
        message = InboundMessage(
            id=_derived_id(envelope, ""),
            channel=envelope.channel,
            account=envelope.account,
            external_id=f"{own_id}#{digest[:32]}",
            dedupe_key=envelope.dedupe_key,
            conversation_key=key,
            reply_to_external_id=next(iter(message_ids(headers, "in-reply-to")), None),
            sender=Sender(
                # Mails without a sender are not all from one person.
                external_id=sender.email.lower() or f"unknown:{digest[:32]}",
                name=sender.name,
                email=sender.email or None,
                is_bot=auto in ("auto_reply", "bounce", "self"),
            ),
            trust=trust,
            subject=headers.text("subject"),
            text=full[cut.start : cut.end].strip(),
            text_full=full,
            html=body.html(),
            attachments=attachments,
            lang=_language(full[cut.start : cut.end] or headers.text("subject")),
            sent_at=_date(headers),
            received_at=received,
            auto=auto,
            reply_route=ReplyRoute(adapter="email", address=reply_to) if reply_to else None,
            raw_ref=envelope.id,
            meta=meta,
        )
        return self._as_report(root, message) or Normalized(message, files)

    def _way_back(self, headers: Headers, sender: str, trust: Trust) -> tuple[str, dict[str, str]]:
        """Where answers go, and a note where somebody unproven wants them away from From.

        Anybody can write “From: customer, Reply-To: me”. Of a sender who is proven Reply-To is
        followed; of one who is proven to be another it is not; of all others the note decides:
        it changes no way back that a conversation has, and the agent sees it.
        """
        wanted = self._reply_to(headers)
        if not wanted or wanted.lower() == sender.lower() or trust.level == "verified":
            return wanted or sender, {}
        note = {"answers_elsewhere": masked(wanted)}
        return (sender if trust.level == "failed" else wanted), note

    def _reply_to(self, headers: Headers) -> str:
        """Where the sender wants answers; “” for nowhere, and for one of our own addresses.

        Groups and forms put ours there, and the answer would come back to us.
        """
        wanted = (address.email for address in addresses(headers, "reply-to"))
        others = (one for one in wanted if not {one.lower(), plain_mailbox(one)} & self._own)
        return next(filter(None, others), "")

    def _as_report(self, root: Part, message: InboundMessage) -> Normalized | None:
        """A bounce of one of our answers: news of that answer, and no message of anybody's."""
        found = report.read(root, self._threads) if message.auto == "bounce" else None
        if found is None:
            return None
        error = f"对方邮件系统退回 / Returned by the recipient's mail system: {found.error}"
        meta = message.meta | {"state": found.state, "error": error}
        changes = {"kind": "status", "reply_to_external_id": found.message_id, "meta": meta}
        return Normalized(message.model_copy(update=changes), {})

    def _conversation(
        self, envelope: Envelope, headers: Headers, digest: str, references: Sequence[str]
    ) -> tuple[str, str]:
        recipients: list[str] = [*envelope.transport.get("rcpt_tos", ())]
        for name in ("delivered-to", "x-original-to", "to", "cc"):
            recipients += [address.email for address in addresses(headers, name)]
        found = self._threads.find(recipients, references)
        return found or (self._threads.new_key(envelope.account, digest), "")


def _sender(headers: Headers, transport: Mapping[str, Any]) -> Address:
    """Who wrote: From, else Sender, else the envelope's sender."""
    nameless = Address("", "")
    for name in ("from", "sender", "reply-to"):
        for address in addresses(headers, name, 5):
            if address.email:
                # A name that is another's address would be shown in place of this one.
                said = address.name or nameless.name
                return address._replace(name="" if _ADDRESS_LIKE.search(said) else said)
            nameless = nameless if nameless.name else address
    return Address(nameless.name, valid_address(str(transport.get("mail_from") or "")))


def _meta(
    headers: Headers, own_id: str, proof: str, no_auto: str, cut: quote.Cut, shortened: bool
) -> dict[str, Any]:
    """What has no field of its own; absent keys mean the ordinary."""
    facts: dict[str, Any] = {
        "message_id": own_id,
        "references": message_ids(headers, "references", 20),
        "to": [address.email for address in addresses(headers, "to", 20) if address.email],
        "cc": [address.email for address in addresses(headers, "cc", 20) if address.email],
        "threaded_by": proof,
        "no_auto": no_auto,
        "text_shortened": shortened,
    }
    kept = {name: value for name, value in facts.items() if value}
    return {**kept, "cut": [cut.start, cut.end]}


def _continuing(references: Sequence[str]) -> dict[str, list[str]]:
    """What nobody signed: it may lead to an earlier mail of the same sender, and to no other."""
    nearest = [*dict.fromkeys(references)][:_REFERRED]
    return {"continues": nearest} if nearest else {}


def _date(headers: Headers) -> datetime | None:
    raw = headers.text("date")[:100]
    try:
        sent = parsedate_to_datetime(raw)
        # “-0000” means UTC without a word about the place (RFC 5322 §3.3).
        return sent.replace(tzinfo=UTC) if sent.tzinfo is None else sent.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _derived_id(envelope: Envelope, part: str) -> str:
    """A UUIDv7 whose random bits come from the envelope: twice the same work, the same id."""
    seed = hashlib.sha256(f"{envelope.id}\0{part}".encode()).digest()
    value = (int(envelope.received_at * 1000) & (1 << 48) - 1) << 80
    value |= 0x7 << 76 | 0b10 << 62 | int.from_bytes(seed[:9], "big") & (1 << 62) - 1
    value |= (int.from_bytes(seed[9:11], "big") & 0xFFF) << 64
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


_CHINESE = re.compile("[\u4e00-\u9fff]")
_KANA = re.compile("[\u3040-\u30ff]")
_HANGUL = re.compile("[\uac00-\ud7af]")
_LATIN = re.compile("[A-Za-z]")
_ENGLISH = re.compile(r"\b(?:the|you|your|to|is|and|for|have|please|not|my|we|i)\b", re.IGNORECASE)
_LANGUAGE_SAMPLE = 500
"""Characters that the guess looks at."""


def _language(text: str) -> str:
    """A cheap guess by script, and for Latin letters by the commonest English words."""
    sample = text[:_LANGUAGE_SAMPLE]
    chinese, kana, hangul, latin = (
        len(script.findall(sample)) for script in (_CHINESE, _KANA, _HANGUL, _LATIN)
    )
    east = chinese + kana + hangul
    if east and east * 5 >= latin:
        # A tenth of kana makes Chinese characters Japanese.
        if kana * 10 >= east:
            return "ja"
        return "ko" if hangul * 2 >= east else "zh"
    english = len(_ENGLISH.findall(sample))
    return "en" if english and english * 10 >= len(sample.split()) else "und"


@dataclass(slots=True)
class _Shown:
    """One piece of what a reader sees, in the forms that the mail gives it."""

    plain: str = ""
    markup: str = ""


@dataclass(slots=True)
class _Body:
    """Sorts the parts of a mail into what is read and what is a file."""

    budget: Budget
    shown: list[_Shown] = field(default_factory=list)
    files: list[tuple[Part, str | None]] = field(default_factory=list)
    """Parts that are files, with a name where the part has none."""
    depth: int = 0
    shortened: bool = False
    simple: bool = True
    room: int = LONGEST_TEXT
    """Characters of text or markup that are still read."""

    def collect(self, root: Part) -> None:
        self._visit(root)
        if not any(piece.plain.strip() or piece.markup for piece in self.shown):
            self._show_something(root)

    def _visit(self, part: Part) -> None:
        kind = part.type.main
        if kind == "multipart/alternative" and part.children:
            self._alternative(part)
        elif part.children:
            for child in part.children:
                self._visit(child)
        elif self._is_body(part):
            self.shown.append(self._read(part))
        elif part.size or _file_name(part):
            self.files.append((part, None))

    def _is_body(self, part: Part) -> bool:
        if part.disposition.main == "attachment" or _file_name(part):
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
        for child in part.children:
            if self._is_body(child) and not child.children:
                piece = self._read(child)
                merged.plain = merged.plain or piece.plain
                merged.markup = merged.markup or piece.markup
            else:
                before = len(self.shown)
                self._visit(child)
                for piece in self.shown[before:]:
                    merged.plain = merged.plain or piece.plain
                    merged.markup = merged.markup or piece.markup
                del self.shown[before:]
        self.shown.append(merged)

    def _read(self, part: Part) -> _Shown:
        text = self._text_of(part)
        if part.type.main == "text/html" or (
            part.type.main != "text/plain" and _looks_like_html(text)
        ):
            return _Shown(markup=text)
        if part.type.parameters.get("format", "").lower() == "flowed":
            text = _unflowed(text, part.type.parameters.get("delsp", "").lower() == "yes")
        return _Shown(plain=text)

    def _text_of(self, part: Part) -> str:
        """The text of a part as far as there is room; what is cut is kept as a file."""
        markup_too = part.type.main == "text/html"
        text = ""
        if self.room:
            data = part.content(_TEXT_BYTES)[:_TEXT_BYTES]
            text = clean_text(decode(data, part.type.parameters.get("charset")))
        text = markup.without_data(text) if markup_too else text
        if len(text) > self.room or part.size > 2 * _TEXT_BYTES or not self.room:
            self.shortened = True
            self.files.append((part, "body.html" if markup_too else "body.txt"))
        text = text[: self.room]
        # However little it holds, reading a part costs as much as some text.
        self.room = max(0, self.room - max(len(text), _PART_COST))
        return text

    def _show_something(self, root: Part) -> None:
        """No part says that it is the text: takes what a mail program would show anyway."""
        for part, _ in self.files:
            if part.type.main in _BODY_TYPES and part.disposition.main != "attachment":
                self.shown.append(self._read(part))
                return
        for part, _ in self.files:
            # A bare delivery status is read as text where nothing explains it.
            if part.type.main in ("message/delivery-status", "application/plain"):
                self.shown.append(_Shown(plain=self._text_of(part)))
                return
        for part, _ in self.files:
            if part.type.main == "message/rfc822":
                inner = _Body(self.budget, depth=self.depth + 1)
                inner.collect(parse(part.content(), self.budget, inner.depth))
                self.shown = inner.shown
                return
        if root.type.main.startswith("multipart/") and not root.children and root.size:
            self.shown.append(_Shown(plain=self._text_of(root)))

    def text(self) -> tuple[str, tuple[tuple[int, int], ...]]:
        """All text, and the ranges of it that are quotations by their HTML anchors."""
        pieces: list[str] = []
        quoted: list[tuple[int, int]] = []
        length = 0
        for piece in self.shown:
            text, ranges = self._read_piece(piece)
            lead = len(text) - len(text.lstrip("\n"))
            text = text.strip("\n")
            if not text.strip():
                continue
            if pieces:
                pieces.append("\n\n")
                length += 2
            quoted += [
                (max(0, start - lead) + length, min(len(text), end - lead) + length)
                for start, end in ranges
            ]
            pieces.append(text)
            length += len(text)
        return "".join(pieces)[:LONGEST_TEXT], tuple(quoted)

    def _read_piece(self, piece: _Shown) -> tuple[str, tuple[tuple[int, int], ...]]:
        plain = bool(piece.plain.strip())
        if not piece.markup or (plain and markup.needs_no_reading(piece.markup)):
            return piece.plain, ()
        reading = markup.read(piece.markup)
        self.simple = self.simple and reading.simple
        # Where the HTML marks its quotation it is read instead of the plain form.
        if reading.quoted or not plain:
            return reading.text, reading.quoted
        return piece.plain, ()

    def html(self) -> str | None:
        """Sanitised HTML of everything shown; None if there is none, or it is unreasonable."""
        if not self.simple or not any(piece.markup for piece in self.shown):
            return None
        source = "\n".join(
            piece.markup or f"<pre>{html.escape(piece.plain)}</pre>" for piece in self.shown
        )
        return markup.sanitised(source)

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
                    id=_derived_id(envelope, str(number)),
                    name=name or _safe_name(_file_name(part), part, mime, number),
                    mime=mime,
                    size=len(content),
                    sha256=sha256,
                    inline_cid=_content_id(part),
                )
            )
        return tuple(described), contents


_FILE_TEXTS = frozenset({"text/calendar", "text/vcard", "text/x-vcard", "text/csv", "text/rtf"})


def _looks_like_html(text: str) -> bool:
    return re.match(r"\s*(?:<!doctype html|<html|<body)", text[:500], re.IGNORECASE) is not None


def _unflowed(text: str, delsp: bool) -> str:
    """Paragraphs of format=flowed on one line each (RFC 3676 §4)."""
    paragraphs: list[list[str]] = []
    open_paragraph = False
    for line in text.split("\n"):
        line = line[1:] if line.startswith(" ") else line
        soft = line.endswith(" ") and line != "-- "
        if soft and delsp:
            line = line[:-1]
        if open_paragraph and not line.startswith(">"):
            paragraphs[-1].append(line)
        else:
            paragraphs.append([line])
        open_paragraph = soft and not line.startswith(">")
    return "\n".join(map("".join, paragraphs))


def _file_name(part: Part) -> str:
    return part.disposition.parameters.get("filename") or part.type.parameters.get("name", "")


def _content_id(part: Part) -> str | None:
    raw = part.headers.text("content-id").strip("<> ")[:_NAME_LIMIT]
    return raw or None


def _safe_name(name: str, part: Part, mime: str, number: int) -> str:
    """A file name without a path, and with an extension where the mail gives none."""
    name = clean_line(_BAD_IN_NAME.sub("_", name.replace("\\", "/").rpartition("/")[2]))
    if not name and mime == "message/rfc822":
        name = clean_line(_BAD_IN_NAME.sub("_", _inner_subject(part)), 80)
        return f"{name or 'mail'}.eml"
    if not name:
        extension = mimetypes.guess_extension(mime) or ".bin"
        return f"attachment-{number}{extension}"
    stem, dot, extension = name.rpartition(".")
    if len(name) <= _NAME_LIMIT:
        return name
    return f"{stem[:150]}{dot}{extension[:20]}" if stem else name[:_NAME_LIMIT]


def _inner_subject(part: Part) -> str:
    head = part.content(8_192)[:8_192]
    match = re.search(rb"^subject:([^\n]*(?:\n[ \t][^\n]*)*)", head, re.MULTILINE | re.IGNORECASE)
    return Headers([("subject", match[1])]).text("subject") if match else ""
