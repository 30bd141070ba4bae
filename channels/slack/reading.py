"""From an event to messages."""

import html
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from channels.slack.receiving import PRESSED
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

_SAID = frozenset({None, "file_share", "thread_broadcast", "me_message"})
"""Subtypes of messages in which somebody says something."""

_DIRECT = frozenset({"im", "mpim"})

_MARK = re.compile(r"<([@#!]?)([^|<>]*)(?:\|([^<>]*))?>")

_STONE = "tombstone"
"""What stands where a message was that others have answered (subtype), or a file (mode)."""

_GONE = frozenset({_STONE, "hidden_by_limit", "external"})
"""Modes of files that cannot be fetched."""


def read(envelope: Envelope, *, mentions_only: bool) -> list[Normalized]:
    """What an event says: nothing, a message, an edit or a deletion.

    Raises:
        Permanent: it is no event.
    """
    try:
        body = json.loads(envelope.body)
        if body.get("type") == PRESSED:
            body = _as_event(body)
        event = body["event"]
        kind = event["type"]
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise Permanent(f"not an event of Slack: {type(error).__name__}") from error
    if kind not in {"message", "app_mention"}:
        return []
    listening = mentions_only and kind == "message" and "choice" not in event
    reader = _Reader(envelope, body, event, listening)
    if reader.overheard and not reader.in_thread:
        return []
    return list(reader.messages())


def _as_event(pressed: Mapping[str, Any]) -> dict[str, Any]:
    """A button that was pressed, as the message that its label would be, in the same thread.

    Raises:
        KeyError, IndexError: nothing was pressed.
    """
    action, place = pressed["actions"][0], pressed["channel"]["id"]
    shown = pressed.get("message") or {}
    # Who is asked outside a thread answers outside it; what opened a thread is its name.
    thread = shown.get("thread_ts")
    event = {
        "type": "message",
        "channel": place,
        "channel_type": "im" if place.startswith("D") else "channel",
        "user": pressed["user"]["id"],
        "text": html.escape(str(action["text"]["text"]), quote=False),
        "ts": str(action["action_ts"]),
        "choice": str(action["value"]),
        **({"thread_ts": thread} if thread else {}),
    }
    return {"team_id": (pressed.get("team") or {}).get("id", ""), "event": event}


class _Reader:
    """One event of kind “message” or “app_mention”."""

    def __init__(
        self,
        envelope: Envelope,
        body: Mapping[str, Any],
        event: Mapping[str, Any],
        mentions_only: bool,
    ) -> None:
        self._envelope = envelope
        self._body = body
        self._event = event
        self._place = str(event.get("channel", ""))
        self.direct = event.get("channel_type") in _DIRECT or self._place.startswith("D")

        self._own = {
            str(one.get("user_id"))
            for one in body.get("authorizations") or ()
            if one.get("is_bot")
        }
        self.overheard = mentions_only and not self._meant

    @property
    def _said(self) -> Mapping[str, Any]:
        """The message that the event is about: of a change, the changed one."""
        now, before = self._event.get("message"), self._event.get("previous_message")
        return (before if _stone(now) else now) or before or self._event

    @property
    def _meant(self) -> bool:
        """Whether the app is spoken to: directly, or by mention in the words as they are now.

        A mention is an event of its own; its plain event is then nothing new.
        """
        words = str(self._said.get("text") or "")
        return self.direct or any(f"<@{own}" in words for own in self._own)

    @property
    def in_thread(self) -> bool:
        """Whether it is a later line of a thread, whose first may have been for us."""
        said = self._said
        return str(said.get("thread_ts") or "") not in {"", str(said.get("ts", ""))}

    def messages(self) -> Iterator[Normalized]:
        event, subtype = self._event, self._event.get("subtype")
        if subtype == "message_deleted":
            before = event.get("previous_message") or {}
            if not _by_bot(before):
                yield self._normalized("delete", {**before, "ts": event.get("deleted_ts")}, 0)
        elif subtype == "message_changed":
            now, before = event.get("message") or {}, event.get("previous_message") or {}
            if _stone(now):
                # So Slack tells that what opened a thread was deleted: others have answered it.
                if before and not _stone(before) and not _by_bot(before):
                    yield self._normalized("delete", before, 0)
            # Slack also “changes” a message when it unfurls a link in it.
            elif not _by_bot(now) and now.get("edited"):
                yield self._normalized("edit", now, _revision(now))
        elif subtype in _SAID and not _by_bot(event) and event.get("user"):
            yield self._normalized("message", event, 0)
            if self._body.get("from_history") and event.get("edited"):
                # In a history the words are the last ones: they may be news to us.
                yield self._normalized("edit", event, _revision(event))

    def _normalized(self, kind: Any, said: Mapping[str, Any], revision: int) -> Normalized:
        ts, writer = str(said.get("ts", "")), str(said.get("user") or "unknown")
        team = str(self._body.get("team_id", ""))
        thread = str(said.get("thread_ts") or ("" if self.direct else ts))
        text, files = ("", []) if kind == "delete" else (self._words(said), _files(said))
        envelope = self._envelope
        parent = str(said.get("thread_ts") or "")
        at = _time(ts)
        message = InboundMessage(
            id=uuid7(envelope.received_at),
            kind=kind,
            channel=envelope.channel,
            account=envelope.account,
            external_id=f"{team}:{self._place}:{ts}",
            revision=revision,
            dedupe_key=envelope.dedupe_key,
            conversation_key=f"{self._place}:{thread}" if thread else self._place,
            reply_to_external_id=(
                f"{team}:{self._place}:{parent}" if parent and parent != ts else None
            ),
            sender=Sender(external_id=writer, name=_name(said)),
            trust=Trust(level="platform", method="slack", evidence=f"{team}/{writer}"),
            text=text,
            text_full=text,
            attachments=tuple(one for one, _ in files),
            sent_at=at,
            received_at=datetime.fromtimestamp(envelope.received_at, UTC),
            order_key=ts,
            reply_route=ReplyRoute(
                adapter=envelope.channel,
                address=f"{self._place}/{thread}" if thread else self._place,
            ),
            raw_ref=envelope.id,
            meta=self._meta(files),
        )
        return Normalized(message, {})

    def _meta(self, files: list[tuple[Attachment, str]]) -> dict[str, Any]:
        meta: dict[str, Any] = {}
        refs = {one.id: {"url": url} for one, url in files if one.state == "pending"}
        if refs:
            meta["files"] = refs
        if "choice" in self._event:
            meta["choice"] = self._event["choice"]
        if not self.direct:
            meta["shared"] = True  # colleagues may join a thread: they are no strangers
        if self.overheard:
            meta["overheard"] = True
        return meta

    def _words(self, said: Mapping[str, Any]) -> str:
        """What is said, and below it the messages that it forwards."""
        words = [self._text(str(said.get("text") or ""))]
        for one in _forwards(said):
            who = str(one.get("author_name") or "")
            told = self._text(str(one.get("text") or ""))
            words.append(f"[转发 / Forwarded] {who}: {told}".strip())
        return "\n".join(filter(None, words))

    def _text(self, text: str) -> str:
        """Plain text, without the mention of the app itself."""

        def plain(mark: re.Match[str]) -> str:
            sign, target, label = mark[1], mark[2], mark[3]
            if sign == "@":
                return "" if target in self._own else f"@{label or target}"
            if sign == "#":
                return f"#{label or target}"
            if sign == "!":
                return str(label or f"@{target.partition('^')[0]}")
            address = target.removeprefix("mailto:")
            return f"{label} ({address})" if label and label != address else address

        return html.unescape(_MARK.sub(plain, text)).strip()


def _stone(said: Mapping[str, Any] | None) -> bool:
    return said is not None and said.get("subtype") == _STONE


def _forwards(said: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Messages that were forwarded with this one; other attachments are previews of links.

    Slack documents the attachments of apps only: ``is_share`` is what events were seen to have.
    """
    return (one for one in said.get("attachments") or () if one.get("is_share"))


def _files(said: Mapping[str, Any]) -> list[tuple[Attachment, str]]:
    """Its own, and those of what it forwards."""
    holders = [said, *_forwards(said)]
    return [_file(one) for holder in holders for one in holder.get("files") or ()]


def _by_bot(said: Mapping[str, Any]) -> bool:
    """Ours included: two programs that answer each other never stop."""
    return bool(said.get("bot_id")) or said.get("subtype") == "bot_message"


def _revision(said: Mapping[str, Any]) -> int:
    """Milliseconds from a message to its edit: grows with each, and is the same for the same."""
    edited, ts = float(said["edited"].get("ts", 0)), float(said.get("ts", 0))
    return max(1, round((edited - ts) * 1000))


def _name(said: Mapping[str, Any]) -> str:
    profile = said.get("user_profile") or {}
    return str(profile.get("real_name") or profile.get("display_name") or "")


def _time(ts: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(ts), UTC)
    except (ValueError, OverflowError):
        return None


def _file(found: Mapping[str, Any]) -> tuple[Attachment, str]:
    url = str(found.get("url_private_download") or found.get("url_private") or "")
    lost = found.get("mode") in _GONE or not url
    attachment = Attachment(
        id=str(found.get("id", "")),
        name=str(found.get("name") or found.get("title") or "file"),
        mime=str(found.get("mimetype") or "application/octet-stream"),
        size=int(found.get("size") or 0),
        state="refused" if lost else "pending",
    )
    return attachment, url
