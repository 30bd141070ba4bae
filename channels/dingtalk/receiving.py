"""What both ways in have in common: a robot message as it came, under DingTalk's name for it."""

import hashlib
import json
from typing import Any

from models.ids import uuid7
from models.message import Envelope, Lane


def envelope(account: str, raw: bytes, now: float) -> Envelope:
    """Under the message's own ``msgId``: a push has a number of its own, and may be repeated.

    DingTalk vouches for what we cannot read, too: it is kept under its hash.
    """
    number = read(raw).get("msgId")
    known = number if isinstance(number, str) and number else hashlib.sha256(raw).hexdigest()
    return Envelope(
        id=uuid7(now),
        channel="dingtalk",
        account=account,
        dedupe_key=known[:255],
        body=raw,
        received_at=now,
        lane=Lane.LIVE,
    )


def read(raw: bytes | str) -> dict[str, Any]:
    """The JSON object that it is; an empty one where it is none."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
