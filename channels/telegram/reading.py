"""From an update to messages."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from telegram import CallbackQuery, Message, Update, Venue

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

_FILES = ("document", "voice", "audio", "video", "video_note", "animation", "sticker")

_KINDS = frozenset({"message", "edited_message", "callback_query"})

_START = re.compile(r"/start(?:@\w+)?(?:\s|$)")


def read(envelope: Envelope, username: str) -> list[Normalized]:
    """The message of an update: none where the bot is not meant, or the update is of another kind.

    ``username`` is the bot's, by which groups speak to it.

    Raises:
        Permanent: it is no update.
    """
    try:
        told = json.loads(envelope.body)
        if not _KINDS & told.keys() and "update_id" in told:
            return []
        if "callback_query" in told:
            return _pressed(envelope, told["callback_query"])
        update = Update.de_json(told, None)
    except Exception as error:  # the library's own parser, on what a stranger may have made
        raise Permanent(f"not an update of Telegram: {type(error).__name__}") from error
    message = update.message or update.edited_message
    if message is None or not _meant(message, username):
        return []
    revision = _revision(update, message) if update.edited_message else 0
    found = _normalized(envelope, message, revision)
    # Joining, pinning and the like say nothing.
    return [found] if found.message.text or found.message.attachments else []


def _pressed(envelope: Envelope, told: dict[str, Any]) -> list[Normalized]:
    """A button that was pressed, as the message that its label would be.

    Telegram gives it no number of a message; the query has an id of its own.
    """
    query = CallbackQuery.de_json(told, None)
    shown = query.message
    if shown is None or not query.data:
        return []
    rows = (told["message"].get("reply_markup") or {}).get("inline_keyboard") or ()
    labels = {b.get("callback_data"): str(b["text"]) for row in rows for b in row}
    label = labels.get(query.data, query.data)
    at = datetime.fromtimestamp(envelope.received_at, UTC)
    who, where = query.from_user, shown.chat
    said = Message(
        message_id=shown.message_id,
        date=at,
        chat=where,
        from_user=who,
        text=label,
        message_thread_id=getattr(shown, "message_thread_id", None),
        is_topic_message=getattr(shown, "is_topic_message", None),
    )
    found = _normalized(envelope, said, 0)
    named = {
        "external_id": f"{shown.chat.id}:press:{query.id}",
        "order_key": f"{shown.message_id:020}:{query.id}"[:64],
        "meta": found.message.meta | {"choice": query.data},
    }
    return [Normalized(found.message.model_copy(update=named), {})]


def _revision(update: Update, message: Message) -> int:
    """Grows with each edit: by its second and, within one, by the update's number."""
    seconds = (message.edit_date - message.date).total_seconds() if message.edit_date else 0.0
    return int(seconds) * 1000 + update.update_id % 1000 + 1


def _meant(message: Message, username: str) -> bool:
    """In private always; in a group by mention, by command, or in reply to the bot."""
    if message.from_user is None or message.from_user.is_bot:
        return False
    if message.chat.type == "private":
        return True
    if not username:
        return False
    wanted = f"@{username}".lower()
    replied = _replied(message)
    answered = replied.from_user.name.lower() if replied and replied.from_user else ""
    return answered == wanted or any(name.lower().endswith(wanted) for name in _named(message))


def _replied(message: Message) -> Message | None:
    """What is answered.

    In a topic of a forum, what answers nothing answers the line that says the topic was opened.
    """
    replied = message.reply_to_message
    return None if replied is None or replied.forum_topic_created else replied


def _quoted(message: Message) -> str:
    """The words that are answered, as a quotation: of others' in a group the bot hears none."""
    replied = _replied(message)
    if replied is None or replied.from_user is None or replied.from_user.is_bot:
        return ""
    words = message.quote.text if message.quote else replied.text or replied.caption or ""
    return "\n".join(f"> {line}" for line in words.splitlines())


def _address(message: Message) -> str:
    """Of a group: its number, the message, and the topic that it is in.

    What is no topic may have a thread's number, which nothing can be sent to.
    """
    where = f"{message.chat.id}/{message.message_id}"
    return f"{where}/{message.message_thread_id}" if message.is_topic_message else where


def _named(message: Message) -> Iterator[str]:
    """What is mentioned or commanded; entities count in UTF-16 units, which the library knows."""
    kinds: list[str | None] = ["mention", "bot_command"]
    yield from message.parse_entities(kinds).values()
    yield from message.parse_caption_entities(kinds).values()


def _normalized(envelope: Envelope, message: Message, revision: int) -> Normalized:
    chat, writer = message.chat, message.from_user
    assert writer is not None
    files = dict(_files(message))
    text = _text(message) or ("" if files else _shown(message))
    group = chat.type != "private"
    # In a group each person has a conversation of their own with the bot.
    key = f"{chat.id}:{writer.id}" if group else str(chat.id)
    replied = _replied(message)
    at = message.edit_date or message.date
    return Normalized(
        InboundMessage(
            id=uuid7(envelope.received_at),
            kind="edit" if revision else "message",
            channel=envelope.channel,
            account=envelope.account,
            external_id=f"{chat.id}:{message.message_id}",
            revision=revision,
            dedupe_key=envelope.dedupe_key,
            conversation_key=key,
            reply_to_external_id=f"{chat.id}:{replied.message_id}" if replied else None,
            sender=Sender(external_id=str(writer.id), name=writer.full_name, is_bot=writer.is_bot),
            trust=Trust(level="platform", method="telegram", evidence=str(writer.id)),
            text=text,
            text_full="\n\n".join(filter(None, (text, _quoted(message)))) if group else text,
            attachments=tuple(files.values()),
            lang=writer.language_code or "und",
            sent_at=at,
            received_at=datetime.fromtimestamp(envelope.received_at, UTC),
            order_key=f"{message.message_id:020}",
            reply_route=ReplyRoute(
                adapter=envelope.channel,
                address=_address(message) if group else str(chat.id),
            ),
            raw_ref=envelope.id,
            meta=_meta(message, files),
        ),
        {},
    )


def _text(message: Message) -> str:
    """Text or caption; what has none says what it is. “/start” is a greeting."""
    text = message.text or message.caption or ""
    if started := _START.match(text):
        return text[started.end() :].strip() or "你好"
    if text:
        return text
    if message.location is not None:
        at, venue = message.location, message.venue
        place = f"{at.latitude}, {at.longitude}"
        return f"位置 / Location: {_named_place(venue, place)}"
    if message.contact is not None:
        known = message.contact
        return f"名片 / Contact: {known.first_name} {known.phone_number}"
    return ""


def _named_place(venue: Venue | None, place: str) -> str:
    return f"{venue.title} {venue.address} ({place})" if venue else place


def _shown(message: Message) -> str:
    """A line that says what it is: a poll, a story, a game. Joining and the like show nothing."""
    kind = message.effective_attachment
    if kind is None:
        return ""
    return f"[{type(kind).__name__}，请在 Telegram 里查看 / see it in Telegram]"


def _files(message: Message) -> Iterator[tuple[str, Attachment]]:
    """File id to attachment; of a picture the largest size."""
    if message.photo:
        largest = max(message.photo, key=lambda size: size.width * size.height)
        yield largest.file_id, _pending(largest, "photo.jpg", "image/jpeg")
    for kind in _FILES:
        found: Any = getattr(message, kind)
        if found is None or (kind == "document" and message.animation is not None):
            continue  # an animation comes with a document that is the same file
        name = getattr(found, "file_name", None) or kind
        yield found.file_id, _pending(found, name, getattr(found, "mime_type", None) or "")


def _pending(found: Any, name: str, mime: str) -> Attachment:
    return Attachment(
        id=found.file_unique_id,
        name=name,
        mime=mime or "application/octet-stream",
        size=found.file_size or 0,
        state="pending",
    )


def _meta(message: Message, files: dict[str, Attachment]) -> dict[str, Any]:
    meta: dict[str, Any] = {}
    if files:
        meta["files"] = {one.id: {"file_id": file_id} for file_id, one in files.items()}
    if message.media_group_id:
        meta["album"] = message.media_group_id
    return meta
