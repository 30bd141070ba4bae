"""From a stored message of WeCom to a message of ours."""

import base64
import binascii
import hashlib
import json
import secrets
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from channels.wecom.refusals import undelivered
from models.errors import Permanent
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

ANSWERS, ANSWERABLE = 5, timedelta(hours=48)
"""How many messages may follow one of the customer's, and for how long."""

_CUSTOMER = 3
"""``origin`` of what customers write; 4 is WeCom itself, 5 somebody of the company's."""

_LATEST = 253_402_300_799
"""Seconds since the epoch: the end of the year 9999."""

_MEDIA = {
    "image": ("image.jpg", "image/jpeg"),
    "voice": ("voice.amr", "audio/amr"),
    "video": ("video.mp4", "video/mp4"),
    "file": ("file", "application/octet-stream"),
}
"""Until it is fetched WeCom does not tell what a file is called."""

_SHOWN = {
    "miniprogram": ("小程序 / Mini program", "title", "pagepath"),
    "channels": ("视频号 / Channels", "nickname", "title"),
    "channels_shop_product": ("商品 / Product", "title", "product_id", "shop_nickname"),
    "channels_shop_order": (
        "订单 / Order", "order_id", "product_titles", "price_wording", "state", "shop_nickname",
    ),
    "business_card": ("名片 / Business card", "userid"),
}  # fmt: skip
"""What is no text and has words: what it is, and the fields that say which.

They are those of WeCom's page “接收消息和事件”.
"""

_ID_CHARACTERS = 22
"""Of an answer's id in Base64, without its padding."""


class Told(NamedTuple):
    """What every message says of itself; ``inner`` is the part that its kind names."""

    number: str
    customer: str
    kind: str
    sent: int
    origin: int
    inner: Mapping[str, Any]


def read(envelope: Envelope) -> list[Normalized]:
    """The message in an envelope.

    Raises:
        Permanent: it is none of WeCom's.
    """
    told = _told(envelope)
    if told.kind == "event":
        return _event(envelope, told)
    if told.origin != _CUSTOMER:
        # Somebody answers in WeCom itself: nothing that a customer said.
        return [_happened(envelope, told, f"said by {told.origin}")]
    if not told.customer:
        raise Permanent("not a message of WeCom: external_userid is missing")
    files = _files(told)
    message = InboundMessage(
        **_common(envelope, told),
        text=_text(told),
        text_full=_text(told),
        attachments=tuple(files.values()),
        reply_route=ReplyRoute(
            adapter=envelope.channel,
            address=told.customer,
            expires_at=_at(told) + ANSWERABLE,
            quota_left=ANSWERS,
        ),
        meta=_meta(told, files),
    )
    return [Normalized(message, {})]


def number_of(outbound_id: str) -> str:
    """A number for one message of an answer: at most 32 of ``[0-9A-Za-z_-]``, as WeCom wants.

    It tells the answer again (``answer_of``), and is another one each time: whether WeCom takes
    a number twice is not documented.
    """
    known = base64.urlsafe_b64encode(uuid.UUID(outbound_id).bytes).decode().rstrip("=")
    return known + secrets.token_hex(4)


def answer_of(number: str) -> str | None:
    """The id of the answer that a number is of, or None."""
    try:
        known = base64.urlsafe_b64decode(number[:_ID_CHARACTERS] + "==")
        return str(uuid.UUID(bytes=known))
    except (binascii.Error, ValueError):
        return None


def _told(envelope: Envelope) -> Told:
    try:
        found = json.loads(envelope.body)
    except (ValueError, RecursionError) as error:
        raise Permanent(f"not a message of WeCom: {type(error).__name__}") from error
    kind = found.get("msgtype") if isinstance(found, dict) else None
    if not isinstance(kind, str) or not kind:
        raise Permanent("not a message of WeCom: msgtype is missing")
    inner = found.get(kind)
    inner = inner if isinstance(inner, dict) else {}
    sent = found.get("send_time")
    return Told(
        number=_word(found, "msgid") or envelope.dedupe_key,
        customer=_word(found, "external_userid") or _word(inner, "external_userid"),
        kind=kind,
        sent=sent if type(sent) is int and 0 < sent < _LATEST else int(envelope.received_at),
        origin=found["origin"] if type(found.get("origin")) is int else _CUSTOMER,
        inner=inner,
    )


def _word(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) else ""


def _at(told: Told) -> datetime:
    return datetime.fromtimestamp(told.sent, UTC)


def _common(envelope: Envelope, told: Told) -> dict[str, Any]:
    return {
        "id": uuid7(envelope.received_at),
        "channel": envelope.channel,
        "account": envelope.account,
        "external_id": told.number,
        "dedupe_key": envelope.dedupe_key,
        "conversation_key": told.customer or f"event:{told.number}",
        "sender": Sender(external_id=told.customer or "wecom"),
        "trust": Trust(level="platform", method="wecom", evidence=told.customer),
        "sent_at": _at(told),
        "received_at": datetime.fromtimestamp(envelope.received_at, UTC),
        "order_key": f"{told.sent:012}",
        "raw_ref": envelope.id,
    }


def _event(envelope: Envelope, told: Told) -> list[Normalized]:
    kind = _word(told.inner, "event_type")
    if kind == "user_recall_msg" and (number := _word(told.inner, "recall_msgid")):
        common = {**_common(envelope, told), "external_id": number}
        gone = InboundMessage(**common, kind="delete", text="", text_full="")
        return [Normalized(gone, {})]
    if kind == "msg_send_fail" and (answer := answer_of(_word(told.inner, "fail_msgid"))):
        failed = InboundMessage(
            **_common(envelope, told),
            kind="status",
            reply_to_external_id=answer,
            text="",
            text_full="",
            meta={"state": "failed", "error": undelivered(told.inner.get("fail_type"))},
        )
        return [Normalized(failed, {})]
    return [_happened(envelope, told, kind)]


def _happened(envelope: Envelope, told: Told, what: str) -> Normalized:
    """Noted, and no message of a customer's: a talk that was opened, taken over, ended."""
    meta = {"event": what[:64]}
    noted = InboundMessage(
        **_common(envelope, told), kind="event", text="", text_full="", meta=meta
    )
    return Normalized(noted, {})


def _text(told: Told) -> str:
    """What was said; a place or a link as words, and of what we do not know that it was there."""
    inner, kind = told.inner, told.kind
    if kind == "text":
        return _word(inner, "content")
    if kind == "location":
        place = ", ".join(str(inner[one]) for one in ("latitude", "longitude") if one in inner)
        where = " ".join(filter(None, (_word(inner, "name"), _word(inner, "address"))))
        return f"位置 / Location: {where} ({place})"
    if kind == "link":
        return _lines(inner, "title", "desc", "url")
    if kind in _SHOWN:
        called, *names = _SHOWN[kind]
        return f"{called}: {_lines(inner, *names)}"
    if kind == "merged_msg":
        return _merged(inner)
    if kind in _MEDIA:
        return ""
    return (
        f"[这类微信消息（{kind[:32]}）读不出内容，请在企业微信里查看"
        f" / A kind of message ({kind[:32]}) that cannot be read here: see it in WeCom]"
    )


def _lines(inner: Mapping[str, Any], *names: str) -> str:
    return "\n".join(filter(None, (_word(inner, name) for name in names)))


def _merged(inner: Mapping[str, Any]) -> str:
    """A chat record that was forwarded: who said what, as far as it is text."""
    lines = [_word(inner, "title")]
    items = inner.get("item")
    for item in items if isinstance(items, list) else ():
        if not isinstance(item, dict):
            continue
        try:
            said = json.loads(_word(item, "msg_content"))
        except (ValueError, RecursionError):
            said = None
        text = said.get("text") if isinstance(said, dict) else None
        words = _word(text, "content") if isinstance(text, dict) else ""
        lines.append(
            f"{_word(item, 'sender_name')}: {words or '[' + _word(item, 'msgtype') + ']'}"
        )
    return "\n".join(filter(None, lines))


def _files(told: Told) -> dict[str, Attachment]:
    """Media id to attachment."""
    media = _word(told.inner, "media_id")
    if told.kind not in _MEDIA or not media:
        return {}
    name, mime = _MEDIA[told.kind]
    known = hashlib.sha256(media.encode(errors="replace")).hexdigest()[:16]
    return {media: Attachment(id=known, name=name, mime=mime, size=0, state="pending")}


def _meta(told: Told, files: Mapping[str, Attachment]) -> dict[str, Any]:
    meta: dict[str, Any] = {}
    if files:
        ref = {"named": True} if told.kind == "file" else {}
        meta["files"] = {one.id: {"media_id": media, **ref} for media, one in files.items()}
    if choice := _word(told.inner, "menu_id"):
        meta["choice"] = choice
    return meta
