"""From a stored post to a message."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from channels.tencent.fields import fields
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

_TIME, _NUMBER = re.compile("[0-9]{1,11}"), re.compile("[0-9]{1,20}")

_MEDIA = {
    "image": ("image.jpg", "image/jpeg"),
    "voice": ("voice.amr", "audio/amr"),
    "video": ("video.mp4", "video/mp4"),
    "shortvideo": ("video.mp4", "video/mp4"),
}

_FORMATS = {"speex": ("voice.speex", "audio/x-speex"), "mp3": ("voice.mp3", "audio/mpeg")}
"""Of voices, where it is not AMR."""


class Post(NamedTuple):
    """What every post has. ``number`` is WeChat's of a message: “” where it gives none."""

    openid: str
    created: int
    kind: str
    number: str
    told: Mapping[str, str]

    @property
    def key(self) -> str:
        """What WeChat tells a repetition by: the number, else who and when (and what)."""
        if self.number:
            return self.number
        what = self.told.get("Event", self.kind)
        more = self.told.get("EventKey", "") + self.told.get("Content", "")
        digest = hashlib.sha256(more.encode()).hexdigest()[:16]
        return f"{self.openid}:{self.created}:{what}:{digest}"[:255]


def post(body: bytes) -> Post:
    """What a body says of itself.

    Raises:
        Permanent: it is no message of WeChat.
    """
    told = fields(body)
    openid, kind = told.get("FromUserName", ""), told.get("MsgType", "")
    created = told.get("CreateTime", "").strip()
    if not openid or not kind or not _TIME.fullmatch(created):
        raise Permanent("not a message of WeChat: FromUserName, MsgType or CreateTime is missing")
    # An event may name a message of ours (MsgID), which is not its own number.
    number = "" if kind == "event" else told.get("MsgId", told.get("MsgID", "")).strip()
    if not _NUMBER.fullmatch(number):
        number = ""
    return Post(openid[:128], int(created), kind, number, told)


def read(envelope: Envelope) -> list[Normalized]:
    """The message of a post.

    Raises:
        Permanent: it is none.
    """
    found = post(envelope.body)
    text, files = _text(found), _files(found)
    at = datetime.fromtimestamp(found.created, UTC)
    event = found.kind == "event"
    message = InboundMessage(
        id=uuid7(envelope.received_at),
        kind="event" if event else "message",
        channel=envelope.channel,
        account=envelope.account,
        external_id=found.key,
        dedupe_key=envelope.dedupe_key,
        conversation_key=found.openid,
        # WeChat tells no name any more: the OpenID is all that is known of a customer.
        sender=Sender(external_id=found.openid),
        trust=Trust(level="platform", method="wechat", evidence=found.openid),
        text=text,
        text_full=text,
        attachments=tuple(files.values()),
        sent_at=at,
        received_at=datetime.fromtimestamp(envelope.received_at, UTC),
        order_key=f"{found.created:012}:{found.number:0>20}",
        reply_route=None if event else _route(envelope.channel, found.openid, at),
        raw_ref=envelope.id,
        meta=_meta(found, files),
    )
    return [Normalized(message, {})]


def _route(channel: str, openid: str, at: datetime) -> ReplyRoute:
    return ReplyRoute(
        adapter=channel, address=openid, expires_at=at + ANSWERABLE, quota_left=ANSWERS
    )


def _text(found: Post) -> str:
    """What was said; a place or a link as words, and of what we do not know that it was there."""
    told, kind = found.told, found.kind
    if kind in {"text", "voice"}:
        return told.get("Content", "") if kind == "text" else told.get("Recognition", "")
    if kind == "location":
        place = ", ".join(filter(None, (told.get("Location_X"), told.get("Location_Y"))))
        return f"位置 / Location: {told.get('Label', '')} ({place})"
    if kind == "link":
        parts = (told.get("Title"), told.get("Description"), told.get("Url"))
        return "\n".join(filter(None, parts))
    if kind in _MEDIA or kind == "event":
        return ""
    return (
        f"[这类微信消息（{kind[:32]}）读不出内容，请在公众号后台查看"
        f" / A kind of message ({kind[:32]}) that cannot be read here: see the account's own page]"
    )


def _files(found: Post) -> dict[str, Attachment]:
    """Media id to attachment. PicUrl is an address like any other: it is not asked for."""
    media = found.told.get("MediaId", "")
    if found.kind not in _MEDIA or not media:
        return {}
    name, mime = _MEDIA[found.kind]
    if found.kind == "voice":
        name, mime = _FORMATS.get(found.told.get("Format", "").lower(), (name, mime))
    known = hashlib.sha256(media.encode()).hexdigest()[:16]
    return {media: Attachment(id=known, name=name, mime=mime, size=0, state="pending")}


def _meta(found: Post, files: Mapping[str, Attachment]) -> dict[str, Any]:
    meta: dict[str, Any] = {}
    if files:
        meta["files"] = {one.id: {"media_id": media} for media, one in files.items()}
    if found.kind == "event":
        meta["event"] = found.told.get("Event", "")[:64]
        meta["key"] = found.told.get("EventKey", "")[:128]
    return meta
