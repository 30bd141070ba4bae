"""From a stored request to messages."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from channels.ingest.body import Body, Call, File, Writer, parse
from channels.ingest.options import Source
from models.errors import Permanent, Rejected
from models.ids import uuid7
from models.message import (
    Attachment,
    Envelope,
    InboundMessage,
    Normalized,
    ReplyRoute,
    Sender,
    Trust,
)

_SPEAKERS = {"customer": "客户 / Customer", "agent": "坐席 / Agent"}


def read(envelope: Envelope, source: Source | None) -> list[Normalized]:
    """What a request holds; ``source`` is what its account is set to now, if it still is.

    Raises:
        Permanent: it cannot be read (the door would have refused it).
    """
    try:
        body = parse(envelope.body)
    except Rejected as error:
        raise Permanent(str(error)) from error
    if body.call is not None:
        return _call(envelope, source, body, body.call)
    return [_message(envelope, source, body)]


def name(body: Body, key: str) -> str:
    """What the message of a request is told from all others by; “” where it shows none.

    Of several with one name (an id and a revision of it) only the first is ever shown. The events
    of a call are facts that may be told twice, and a withdrawal takes back whatever there was.
    """
    if body.call is not None:
        if body.call.event != "transcript":
            return ""
        return f"{body.revision}:{_transcript_id(body.call)}"
    return "" if body.kind == "delete" else f"{body.revision}:{body.id or key}"


def _transcript_id(call: Call) -> str:
    return f"{call.id}#transcript"


def _message(envelope: Envelope, source: Source | None, body: Body, **changes: Any) -> Normalized:
    files = [(hashlib.sha256(file.data).hexdigest(), file) for file in body.attachments]
    text = "\n".join([*filter(None, [body.text]), *(f"{k}：{v}" for k, v in body.fields.items())])
    at = body.sent_at or datetime.fromtimestamp(envelope.received_at, UTC)
    values: dict[str, Any] = {
        "id": uuid7(envelope.received_at),
        "kind": body.kind,
        "channel": envelope.channel,
        "account": envelope.account,
        "external_id": body.id or envelope.dedupe_key,
        "revision": body.revision,
        "dedupe_key": envelope.dedupe_key,
        "conversation_key": body.conversation or f"sender:{body.sender.id}",
        "reply_to_external_id": body.reply_to,
        "sender": _sender(body.sender),
        "trust": _trust(body.sender, envelope.account),
        "subject": body.subject,
        "text": text,
        "text_full": text,
        "attachments": tuple(
            _attachment(number, sha256, file) for number, (sha256, file) in enumerate(files)
        ),
        "sent_at": body.sent_at,
        "received_at": datetime.fromtimestamp(envelope.received_at, UTC),
        "order_key": f"{at.timestamp():017.6f}",
        "reply_route": _route(envelope, source, body.sender),
        "raw_ref": envelope.id,
        # Nobody would get an automatic answer of ours where there is no way back.
        "meta": {} if source and source.webhook else {"no_auto": True},
    }
    message = InboundMessage(**values | changes)
    return Normalized(message, {sha256: file.data for sha256, file in files})


def _sender(writer: Writer) -> Sender:
    return Sender(external_id=writer.id, name=writer.name, email=writer.email, phone=writer.phone)


def _trust(writer: Writer, account: str) -> Trust:
    """The signature proves the sending system; of the customer we know what that one vouches."""
    if writer.verified:
        return Trust(
            level="verified",
            method="host",
            evidence=", ".join(writer.verified),
            proves=writer.verified,
        )
    return Trust(level="platform", method="hmac", evidence=account)


def _attachment(number: int, sha256: str, file: File) -> Attachment:
    name = f"{number}-{sha256[:16]}"  # two files may have one content
    return Attachment(id=name, name=file.name, mime=file.type, size=len(file.data), sha256=sha256)


def _route(envelope: Envelope, source: Source | None, writer: Writer) -> ReplyRoute | None:
    if source is None or source.webhook is None:
        return None
    return ReplyRoute(adapter=envelope.channel, address=writer.phone or writer.id)


def _call(envelope: Envelope, source: Source | None, body: Body, call: Call) -> list[Normalized]:
    """The event itself, to be counted; and of some events what a person has to do or to read."""
    told = {
        "id": call.id,
        "event": call.event,
        "at": call.at.timestamp(),
        "rings": call.rings,
    }
    event = _message(
        envelope, source, body, kind="event",
        external_id=f"{call.id}#{call.event}", meta={"call": told},
    )  # fmt: skip
    found = [event]
    order = f"{call.at.timestamp():017.6f}"
    if call.event == "missed":
        text = _missed(call)
        callback = _message(
            envelope, source, body, kind="message", external_id=f"{call.id}#callback",
            conversation_key=f"callback:{body.sender.id}", order_key=order,
            subject="回拨任务：未接来电 / Callback: a missed call", text=text, text_full=text,
        )  # fmt: skip
        found.append(callback)
    if call.event == "transcript":
        said = [turn.text for turn in call.turns if turn.speaker == "customer"] or [body.text]
        full = "\n".join(f"{_SPEAKERS[turn.speaker]}：{turn.text}" for turn in call.turns)
        transcript = _message(
            envelope, source, body, kind="message", external_id=_transcript_id(call),
            order_key=order, subject=body.subject or "通话记录 / Call transcript",
            text="\n".join(said), text_full=full or body.text,
        )  # fmt: skip
        found.append(transcript)
    return found


def _missed(call: Call) -> str:
    rings = "" if call.rings is None else f"，响铃 {call.rings} 声"
    rang = "" if call.rings is None else f", it rang {call.rings} times"
    return (
        f"客户来电未接（{call.at:%Y-%m-%d %H:%M %z}{rings}），请回拨。\n"
        f"A call was missed ({call.at:%Y-%m-%d %H:%M %z}{rang}): please call back."
    )
