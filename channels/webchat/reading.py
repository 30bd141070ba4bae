"""From a stored envelope to the message in it."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from channels.webchat.protocol import Contact, Msg, Refused, parse
from channels.webchat.reception import CHANNEL, clean, message_key
from models.errors import Permanent
from models.message import (
    Attachment,
    Envelope,
    InboundMessage,
    Normalized,
    ReplyRoute,
    Sender,
    Trust,
)

_WORDS = {
    "zh": {
        "call": "请回电：{phone}",
        "subject": "网站留言",
    },
    "en": {
        "call": "Please call back: {phone}",
        "subject": "Message left on the website",
    },
}


def normalize(envelope: Envelope) -> list[Normalized]:
    """The one message of a webchat envelope.

    Raises:
        Permanent: the body is no webchat message.
    """
    try:
        frame = parse(envelope.body)
    except Refused as error:
        raise Permanent(str(error)) from error
    key = envelope.transport.get("conversation")
    if not isinstance(frame, Msg | Contact) or not isinstance(key, str):
        raise Permanent("the envelope holds no message of a webchat conversation")
    text = _text(frame, envelope.transport)
    mail = envelope.transport.get("mail")
    if isinstance(frame, Contact) and frame.email and isinstance(mail, list):
        place = _by_mail(frame.email, key, mail, envelope.transport)
    else:
        place = _in_the_chat(key, envelope)
    meta = {name: envelope.transport[name] for name in ("page",) if name in envelope.transport}
    if isinstance(frame, Msg) and frame.choice:
        meta["choice"] = frame.choice
    if isinstance(frame, Contact) and frame.phone:
        meta["callback"] = {"phone": frame.phone}
    message = InboundMessage(
        id=_message_id(envelope.id),
        external_id=message_key(key, frame.client_id),
        dedupe_key=envelope.dedupe_key,
        text=text,
        text_full=text,
        attachments=_attachments(envelope.transport),
        received_at=datetime.fromtimestamp(envelope.received_at, UTC),
        order_key=f"{envelope.received_at:017.6f}",
        raw_ref=envelope.id,
        meta=meta,
        **place,
    )
    return [Normalized(message, {})]


def _words(facts: Mapping[str, Any]) -> dict[str, str]:
    return _WORDS["en" if str(facts.get("lang")).lower().startswith("en") else "zh"]


def _text(frame: Msg | Contact, facts: Mapping[str, Any]) -> str:
    text = clean(frame.text)
    if isinstance(frame, Contact) and frame.phone:
        return f"{_words(facts)['call'].format(phone=frame.phone)}\n{text}".strip()
    return text


def _in_the_chat(key: str, envelope: Envelope) -> dict[str, Any]:
    facts = envelope.transport
    return {
        "channel": envelope.channel,
        "account": envelope.account,
        "conversation_key": key,
        "sender": _sender(key, envelope.account, facts),
        "trust": _trust(facts),
        "reply_route": ReplyRoute(adapter=CHANNEL, address=key),
    }


def _sender(key: str, account: str, facts: Mapping[str, Any]) -> Sender:
    who = facts.get("visitor")
    if not isinstance(who, Mapping):
        return Sender(external_id=key)  # without a name: the desk calls them in its own language
    return Sender(
        external_id=f"{account}:{who['sub']}",
        name=who["name"],
        email=who["email"],
        phone=who["phone"],
    )


def _trust(facts: Mapping[str, Any]) -> Trust:
    who = facts.get("visitor")
    if not isinstance(who, Mapping):
        return Trust(level="platform", method="session token")
    proven = tuple(who["proven"])
    return Trust(level="verified", method="visitor token", evidence=who["sub"], proves=proven)


def _by_mail(address: str, key: str, mail: list[str], facts: Mapping[str, Any]) -> dict[str, Any]:
    """A conversation by mail, with somebody who only claims to have this address."""
    mark = hashlib.sha256(address.lower().encode()).hexdigest()[:16]
    words = _words(facts)
    return {
        "channel": mail[0],
        "account": mail[1],
        "conversation_key": f"chat:{key}:{mark}",
        "sender": Sender(external_id=f"chat:{key}:{mark}", email=address),
        "trust": Trust(level="claimed", method="typed in the chat"),
        "subject": words["subject"],
        "reply_route": ReplyRoute(adapter=mail[0], address=address),
    }


def _attachments(facts: Mapping[str, Any]) -> tuple[Attachment, ...]:
    return tuple(
        Attachment(
            id=f"{number}-{file['sha256'][:16]}",
            name=file["name"],
            mime=file["mime"],
            size=file["size"],
            sha256=file["sha256"],
        )
        for number, file in enumerate(facts.get("files", ()))
    )


def _message_id(envelope_id: str) -> str:
    """A UUIDv7 of its own with the envelope's time, the same at every run."""
    tail = hashlib.sha256(f"{CHANNEL}\0{envelope_id}".encode()).hexdigest()
    return f"{envelope_id[:14]}7{tail[:3]}-8{tail[3:6]}-{tail[6:18]}"
