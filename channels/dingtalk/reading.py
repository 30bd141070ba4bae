"""From a robot message to one of ours."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from channels.dingtalk.content import Content, content, quoted
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

GROUP, USER = "group", "user"
"""How an answer's address begins; the conversation's or the person's own id follows a slash."""

_DIRECT = "1"


def read(envelope: Envelope, bot_name: str) -> list[Normalized]:
    """What a message says; nothing, where our own robot says it.

    ``bot_name`` is the robot's name, whose mention is no part of what is said.

    Raises:
        Permanent: it is no message of DingTalk, or one that cannot be read.
    """
    try:
        told = json.loads(envelope.body)
        if told.get("senderId") and told["senderId"] == told.get("chatbotUserId"):
            return []
        return [_said(envelope, told, bot_name)]
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as e:
        raise Permanent(f"not a message of DingTalk: {type(e).__name__}") from e


def _said(envelope: Envelope, told: Mapping[str, Any], bot_name: str) -> Normalized:
    number, chat = _needed(told, "msgId"), _needed(told, "conversationId")
    staff = str(told.get("senderStaffId") or "")
    # Who is not of this company has no number there, and one of DingTalk's alone.
    writer = staff or str(told.get("senderId") or "unknown")
    direct = str(told.get("conversationType")) == _DIRECT
    found, created = content(told, bot_name), int(told.get("createAt") or 0)
    answered, words = quoted(told)
    said = InboundMessage(
        id=uuid7(envelope.received_at),
        channel=envelope.channel,
        account=envelope.account,
        external_id=number,
        dedupe_key=envelope.dedupe_key,
        conversation_key=chat,
        reply_to_external_id=answered or None,
        sender=Sender(external_id=writer, name=str(told.get("senderNick") or "")),
        trust=Trust(
            level="platform",
            method="dingtalk",
            evidence=f"{told.get('senderCorpId') or ''}/{writer}",
        ),
        text=found.text,
        # A robot hears only what calls it: the words that are quoted it has not heard before.
        text_full="\n\n".join(filter(None, (found.text, _as_quotation(words)))),
        attachments=tuple(found.files),
        sent_at=datetime.fromtimestamp(created / 1000, UTC) if created else None,
        received_at=datetime.fromtimestamp(envelope.received_at, UTC),
        order_key=f"{created or round(envelope.received_at * 1000):020}",
        reply_route=_route(envelope.channel, chat, staff, direct),
        raw_ref=envelope.id,
        meta=_meta(found, direct),
    )
    return Normalized(said, {})


def _needed(told: Mapping[str, Any], key: str) -> str:
    found = told[key]
    if not isinstance(found, str) or not found:
        raise TypeError(key)
    return found


def _route(channel: str, chat: str, staff: str, direct: bool) -> ReplyRoute | None:
    """Into the group, or to the person, who is known by a number that only colleagues have."""
    if not direct:
        return ReplyRoute(adapter=channel, address=f"{GROUP}/{chat}")
    return ReplyRoute(adapter=channel, address=f"{USER}/{staff}") if staff else None


def _as_quotation(words: str) -> str:
    return "\n".join(f"> {line}" for line in words.strip().split("\n")) if words.strip() else ""


def _meta(found: Content, direct: bool) -> dict[str, Any]:
    meta: dict[str, Any] = {}
    if found.codes:
        meta["files"] = {known: {"code": code} for known, code in found.codes.items()}
    if not direct:
        meta["shared"] = True  # several people talk there: they are no strangers
    return meta
