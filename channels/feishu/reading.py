"""From an event to messages."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from channels.feishu.content import Content, content
from models.errors import Permanent
from models.ids import uuid7
from models.message import (
    Envelope,
    InboundMessage,
    Normalized,
    ReplyRoute,
    Sender,
    Trust,
)

_RECEIVED, _UPDATED = "im.message.receive_v1", "im.message.updated_v1"
_RECALLED = "im.message.recalled_v1"
_PRESSED = "card.action.trigger"

_PROGRAMS = frozenset({"app", "bot"})
"""Senders that nobody answers: two programs that answer each other never stop."""


def read(envelope: Envelope, bot_name: str) -> list[Normalized]:
    """What an event says: nothing, a message, an edit or a deletion.

    ``bot_name`` is the name of our own bot, whose mention is no part of what is said.

    Raises:
        Permanent: it is no event, or one that cannot be read.
    """
    try:
        body = json.loads(envelope.body)
        header, event = body["header"], body["event"]
        kind = str(header["event_type"])
        if kind == _RECALLED:
            return [_recalled(envelope, event)]
        if kind == _PRESSED:
            return _pressed(envelope, str(header["event_id"]), event)
        if kind not in {_RECEIVED, _UPDATED}:
            return []
        if (event.get("sender") or {}).get("sender_type") in _PROGRAMS:
            return []
        return [_said(envelope, event, kind == _UPDATED, bot_name)]
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as e:
        raise Permanent(f"not an event of Feishu: {type(e).__name__}") from e


def _said(envelope: Envelope, event: Mapping[str, Any], edited: bool, bot_name: str) -> Normalized:
    message, sender = event["message"], event.get("sender") or {}
    writer = str((sender.get("sender_id") or {}).get("open_id") or "unknown")
    read = content(message, bot_name)
    direct = message.get("chat_type") == "p2p"
    chat, name = str(message["chat_id"]), str(message["message_id"])
    thread = str(message.get("thread_id") or "")
    created = int(message.get("create_time") or 0)
    shown = InboundMessage(
        id=uuid7(envelope.received_at),
        kind="edit" if edited else "message",
        channel=envelope.channel,
        account=envelope.account,
        external_id=name,
        revision=_revision(envelope, message, created) if edited else 0,
        dedupe_key=envelope.dedupe_key,
        # A topic is a conversation; whatever else is said in a group belongs together.
        conversation_key=f"{chat}:{thread}" if thread else chat,
        reply_to_external_id=str(message.get("parent_id") or "") or None,
        sender=Sender(external_id=writer),
        trust=Trust(
            level="platform", method="feishu", evidence=f"{sender.get('tenant_key', '')}/{writer}"
        ),
        text=read.text,
        text_full=read.text,
        attachments=tuple(read.files),
        sent_at=datetime.fromtimestamp(created / 1000, UTC) if created else None,
        received_at=datetime.fromtimestamp(envelope.received_at, UTC),
        order_key=_order(envelope, created),
        reply_route=ReplyRoute(
            # In a group, others see what is answered.
            adapter=envelope.channel,
            address=chat if direct else f"{chat}/{name}",
        ),
        raw_ref=envelope.id,
        meta=_meta(name, read, direct),
    )
    return Normalized(shown, {})


def _recalled(envelope: Envelope, event: Mapping[str, Any]) -> Normalized:
    """A deletion. The event says neither who wrote it nor who took it back."""
    gone = InboundMessage(
        id=uuid7(envelope.received_at),
        kind="delete",
        channel=envelope.channel,
        account=envelope.account,
        external_id=str(event["message_id"]),
        dedupe_key=envelope.dedupe_key,
        conversation_key=str(event["chat_id"]),
        sender=Sender(external_id="unknown"),
        trust=Trust(level="platform", method="feishu"),
        text="",
        text_full="",
        received_at=datetime.fromtimestamp(envelope.received_at, UTC),
        order_key=_order(envelope, int(event.get("recall_time") or 0)),
        raw_ref=envelope.id,
    )
    return Normalized(gone, {})


def _pressed(envelope: Envelope, name: str, event: Mapping[str, Any]) -> list[Normalized]:
    """A button that was pressed, as the message that its label would be (``writing.card``)."""
    held, who = event["action"].get("value"), event["operator"]
    if not isinstance(held, dict) or not held.keys() >= {"choice", "label", "key", "address"}:
        return []  # of a card that is not ours
    writer, text, address = str(who["open_id"]), str(held["label"]), str(held["address"])
    pressed = InboundMessage(
        id=uuid7(envelope.received_at),
        channel=envelope.channel,
        account=envelope.account,
        external_id=f"press:{name}",
        dedupe_key=envelope.dedupe_key,
        conversation_key=str(held["key"]),
        sender=Sender(external_id=writer),
        trust=Trust(
            level="platform", method="feishu", evidence=f"{who.get('tenant_key', '')}/{writer}"
        ),
        text=text,
        text_full=text,
        received_at=datetime.fromtimestamp(envelope.received_at, UTC),
        order_key=_order(envelope, 0),
        reply_route=ReplyRoute(adapter=envelope.channel, address=address),
        raw_ref=envelope.id,
        meta={"choice": str(held["choice"]), **({"shared": True} if "/" in address else {})},
    )
    return [Normalized(pressed, {})]


def _order(envelope: Envelope, created: int) -> str:
    return f"{created or round(envelope.received_at * 1000):020}"


def _revision(envelope: Envelope, message: Mapping[str, Any], created: int) -> int:
    """Grows with each edit, and is the same for the same: milliseconds since the message."""
    updated = int(message.get("update_time") or 0) or round(envelope.received_at * 1000)
    return max(1, updated - created)


def _meta(message_id: str, read: Content, direct: bool) -> dict[str, Any]:
    meta: dict[str, Any] = {}
    if read.kinds:
        meta["files"] = {
            key: {"message": message_id, "key": key, "type": kind}
            for key, kind in read.kinds.items()
        }
    if not direct:
        meta["shared"] = True  # several people talk there: they are no strangers
    return meta
