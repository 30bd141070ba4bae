"""An event as an envelope, whichever way it came."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from channels.slack.options import Options
from models.ids import uuid7
from models.message import Envelope, Lane

PRESSED = "block_actions"
"""The type of what Slack tells when a button is pressed."""


def envelope(options: Options, body: Mapping[str, Any], raw: bytes, now: float) -> Envelope:
    """``raw`` are the bytes as they came, ``body`` the same read."""
    return Envelope(
        id=uuid7(now),
        channel="slack",
        account=options.account,
        dedupe_key=str(body.get("event_id") or hashlib.sha256(raw).hexdigest())[:255],
        body=raw,
        received_at=now,
        lane=Lane.LIVE,
    )


def from_history(
    options: Options,
    who: tuple[str, str],
    place: Mapping[str, Any],
    message: Mapping[str, Any],
    now: float,
) -> Envelope:
    """A message that was read from a channel's history, as if its event had come.

    ``who``: our workspace, and the user that we are there.
    """
    team, user = who
    kind = "im" if place.get("is_im") else "channel"
    event = {**message, "type": "message", "channel": place["id"], "channel_type": kind}
    edited = message.get("edited", {}).get("ts", "")
    body = {
        "type": "event_callback",
        "team_id": team,
        "event_id": f"history:{place['id']}:{message['ts']}:{edited}",
        "authorizations": [{"team_id": team, "user_id": user, "is_bot": True}],
        "event": event,
        "from_history": True,
    }
    raw = json.dumps(body, ensure_ascii=False, sort_keys=True).encode()
    return envelope(options, body, raw, now)
