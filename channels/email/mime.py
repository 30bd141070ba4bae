"""A raw mail to the one schema. Pure: the same envelope always gives the same message.

Runs in the parser child. Everything here takes linear time, and limits come first: beyond them
``Permanent`` is raised, and the mail becomes a triage ticket with the original attached.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from channels.email import quote, report
from channels.email.body import Body, derived_id
from channels.email.forward import with_attached, with_what_it_hands_on
from channels.email.guard import automatic_kind, is_nobody, no_automatic_answer
from channels.email.headers import (
    Address,
    Headers,
    addresses,
    mailbox,
    message_ids,
    valid_address,
)
from channels.email.options import Options
from channels.email.parts import Budget, Part, parse
from channels.email.thread import Threads, plain_mailbox
from channels.email.trust import trust_of
from models.errors import Permanent
from models.masking import masked
from models.message import (
    Envelope,
    InboundMessage,
    Normalized,
    Recipient,
    ReplyRoute,
    Sender,
    Trust,
)

LARGEST_RAW = 64 * 1024 * 1024
"""Bytes: beyond this even slicing would pass the child's memory limit of 256 MB."""

_REFERRED = 10
"""Earlier mails that a mail may go on from, nearest first."""

_RECIPIENTS = 21
"""Of each header, that are read."""

_MOST_IN_COPY = 20
"""A mail to more people is no talk in which each hears the answer."""

_ADDRESS_LIKE = re.compile("\\S[@\uff20\ufe6b]\\S")


class Reader:
    """Reads mails for one installation."""

    def __init__(self, options: Options, threads: Threads) -> None:
        self._options = options
        self._threads = threads
        self._own = options.own_addresses

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
        body = Body(budget)
        body.collect(root)
        return self._message(envelope, root, body)

    def _message(self, envelope: Envelope, root: Part, body: Body) -> Normalized:
        headers = root.headers
        full, quoted, signed = body.text()
        subject = headers.text("subject")
        cut = quote.split(full, quoted, signed)
        written = full[cut.start : cut.end]
        cut = with_what_it_hands_on(full, cut, subject)
        shown = _sender(headers, envelope.transport)
        trust = trust_of(
            shown.email,
            headers,
            envelope.transport,
            self._options.verifying_peers,
            self._options.authserv_id,
        )
        sender = self._author(headers, shown)
        if sender is not shown and trust.level == "verified":
            # The group is proven, and nobody who writes to it.
            trust = Trust(level="claimed", evidence=trust.evidence)
        auto, fact = automatic_kind(
            headers,
            root.type,
            sender.email.lower(),
            envelope.transport,
            own=self._own,
            loop_mark=self._threads.loop_mark(),
            parts=(part.type for part in root.walk()),
            text=written,
        )
        encrypted = body.is_encrypted(written)
        if auto == "none":
            full, cut = with_attached(full, cut, body.handed_on(self._own))
        own_id = next(iter(message_ids(headers, "message-id")), "")
        digest = hashlib.sha256(envelope.body).hexdigest()
        references = message_ids(headers, "in-reply-to") + message_ids(headers, "references")[::-1]
        key, proof = self._conversation(envelope, headers, digest, references)
        no_auto = no_automatic_answer(
            headers, root.type, fact, sender.email.lower(), trust.level, envelope.transport
        )
        reply_to, elsewhere = self._way_back(headers, sender.email, trust)
        meta = _meta(headers, own_id, proof, no_auto, cut, body.shortened) | elsewhere
        others, addressed = self._others(headers, sender.email, envelope.transport)
        if others:
            meta["also_to"] = [one.name or masked(one.email) for one in others]
        asked = auto == "none" and trust.level != "failed" and addressed
        if encrypted:
            meta["encrypted"] = True
        if not proof and auto in ("none", "list"):
            meta |= _continuing(references)
        attachments, files = body.attachments(envelope)
        received = datetime.fromtimestamp(envelope.received_at, UTC)
        message = InboundMessage(
            id=derived_id(envelope, ""),
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
            subject=subject,
            text=full[cut.start : cut.end].strip(),
            text_full=full,
            html=body.html(),
            attachments=attachments,
            lang=_language(full[cut.start : cut.end] or subject),
            sent_at=_date(headers),
            received_at=received,
            auto=auto,
            reply_route=ReplyRoute(adapter="email", address=reply_to) if reply_to else None,
            cc=_in_copy(others) if asked else (),
            raw_ref=envelope.id,
            meta=meta,
        )
        return self._as_report(root, message) or Normalized(message, files)

    def _author(self, headers: Headers, shown: Address) -> Address:
        """Who wrote what Google Groups sends on as “王芳 via Support” under our own address.

        It does so where the author's domain lets nobody else send in its name. Of groups that are
        not ours ``shown`` stays: with one of their own, others could write as anybody.
        """
        group = headers.text("mailing-list").lower().replace(";", " ").split()
        if shown.email.lower() not in self._own.intersection(group):
            return shown
        authors = (each for each in addresses(headers, "x-original-from", 1) if each.email)
        return next((_named(each, each.name) for each in authors), shown)

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

    def _others(
        self, headers: Headers, sender: str, transport: Mapping[str, Any]
    ) -> tuple[Sequence[Address], bool]:
        """Who else has the mail, and whether one of ours is named beside them.

        Where none is it came by an alias that nobody told us of, as a rule the one in To: then
        only Cc is read.
        """
        to, cc = (addresses(headers, name, _RECIPIENTS) for name in ("to", "cc"))
        ours = {*self._own, *map(str.lower, transport.get("rcpt_tos", ())), sender.lower()}
        for name in ("delivered-to", "x-original-to"):
            ours |= {address.email.lower() for address in addresses(headers, name)}

        def is_ours(one: Address) -> bool:
            return bool({one.email.lower(), plain_mailbox(one.email)} & ours)

        addressed = any(map(is_ours, [*to, *cc]))
        others = {
            one.email.lower(): _named(one, one.name)
            for one in ([*to, *cc] if addressed else cc)
            if one.email and not is_ours(one)
        }
        return [*others.values()], addressed

    def _as_report(self, root: Part, message: InboundMessage) -> Normalized | None:
        """A bounce of one of our answers: news of that answer, and no message of anybody's."""
        found = report.read(root, self._threads) if message.auto == "bounce" else None
        if found is None:
            return None
        error = f"对方邮件系统退回 / Returned by the recipient's mail system: {found.error}"
        fates = [one._asdict() for one in found.fates]
        meta = message.meta | {"state": found.state, "error": error, "fates": fates}
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


def _in_copy(others: Sequence[Address]) -> tuple[Recipient, ...]:
    """Of those who also have a person's mail, whom an answer may go to: people, no programs."""
    if len(others) > _MOST_IN_COPY:
        return ()
    people = (one for one in others if not is_nobody(one.email))
    return tuple(Recipient(address=one.email, name=one.name) for one in people)


def _sender(headers: Headers, transport: Mapping[str, Any]) -> Address:
    """Who wrote: From, else Sender, else the envelope's sender."""
    nameless = Address("", "")
    for name in ("from", "sender", "reply-to"):
        for address in addresses(headers, name, 5):
            if address.email:
                return _named(address, address.name or nameless.name)
            nameless = nameless if nameless.name else address
    # Some programs encode the whole mailbox, its address as well. No server checks that one: it
    # counts where there is no envelope, over IMAP, and nobody could be answered without.
    whole = mailbox(nameless.name)
    envelope = transport.get("mail_from")
    email = whole.email if envelope is None else valid_address(str(envelope))
    return _named(Address("", email), whole.name)


def _named(address: Address, name: str) -> Address:
    """With this name, unless it is another's address, which would be shown in place of its own."""
    return address._replace(name="" if _ADDRESS_LIKE.search(name) else name)


def _meta(
    headers: Headers, own_id: str, proof: str, no_auto: str, cut: quote.Cut, shortened: bool
) -> dict[str, Any]:
    """What has no field of its own; absent keys mean the ordinary."""
    facts: dict[str, Any] = {
        "message_id": own_id,
        "references": message_ids(headers, "references", 20),
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


_ISO_DATE = re.compile(
    r"\D{0,10}(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?[T ]\s?(\d{1,2}):(\d{2})(?::(\d{2}))?"
    r"(?:\.\d{1,9})?\s?(Z|[+-]\d{2}:?\d{2})?"
)
_ZONE_WORD = re.compile(r"\b(?:GMT|UTC)([+-]\d{2}):?(\d{2})\b")


def _date(headers: Headers) -> datetime | None:
    raw = headers.text("date")[:100]
    try:
        sent = _iso_date(raw) or parsedate_to_datetime(_ZONE_WORD.sub(r"\1\2", raw))
        # “-0000” means UTC without a word about the place (RFC 5322 §3.3).
        return sent.replace(tzinfo=UTC) if sent.tzinfo is None else sent.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _iso_date(raw: str) -> datetime | None:
    """“2024-01-01 12:00:00 +0800”, as programs write that do not know RFC 5322."""
    found = _ISO_DATE.match(raw)
    if found is None:
        return None
    *numbers, zone = found.groups("0")
    year, month, day, hour, minute, second = map(int, numbers)
    sent = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    if zone[0] not in "+-":
        return sent
    return datetime.fromisoformat(f"{sent.replace(tzinfo=None).isoformat()}{zone}")


_CHINESE = re.compile("[\u4e00-\u9fff]+")
_KANA = re.compile("[\u3040-\u30ff]+")
_HANGUL = re.compile("[\uac00-\ud7af]+")
_LATIN = re.compile("[A-Za-z]+")
_ENGLISH = re.compile(r"\b(?:the|you|your|to|is|and|for|have|please|not|my|we|i)\b", re.IGNORECASE)
_LANGUAGE_SAMPLE = 500
"""Characters that the guess looks at."""


def _language(text: str) -> str:
    """A cheap guess by script, and for Latin letters by the commonest English words."""
    sample = text[:_LANGUAGE_SAMPLE]
    chinese, kana, hangul, latin = (
        len("".join(script.findall(sample))) for script in (_CHINESE, _KANA, _HANGUL, _LATIN)
    )
    east = chinese + kana + hangul
    if east and east * 5 >= latin:
        # A tenth of kana makes Chinese characters Japanese.
        if kana * 10 >= east:
            return "ja"
        return "ko" if hangul * 2 >= east else "zh"
    english = len(_ENGLISH.findall(sample))
    return "en" if english and english * 10 >= len(sample.split()) else "und"
