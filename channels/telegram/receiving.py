"""An update as an envelope, whichever way it came."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

from channels.telegram.options import Options
from models.errors import Rejected
from models.ids import uuid7
from models.message import Envelope, Lane
from models.ports import Door

PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before the next attempt to reach Telegram; the last one again and again."""

DEAF = (
    "问不到 Telegram，收不到消息（{0}）：检查 channels.telegram 的设置和网络"
    " / Telegram does not answer, nothing is heard ({0}): check channels.telegram, and the"
    " network"
)


def envelope(options: Options, raw: bytes, now: float) -> Envelope:
    """Reads nothing but the update's number, by which Telegram tells updates apart.

    Raises:
        Rejected: it has none.
    """
    try:
        number = int(json.loads(raw)["update_id"])
    except (ValueError, TypeError, KeyError) as error:
        raise Rejected("no update_id in it") from error
    return Envelope(
        id=uuid7(now),
        channel="telegram",
        account=options.account,
        dedupe_key=str(number),
        body=raw,
        received_at=now,
        lane=Lane.LIVE,
    )


async def store(door: Door, envelopes: Sequence[Envelope]) -> None:
    """Stores updates; returns when they are committed.

    Telegram uses numbers again after a quiet week: another update under a known number is
    stored under one of its own, and where it is the same after all its message is known.

    Raises:
        Temporary: nothing, or not all, was stored.
    """
    receipts = await door.accept(envelopes)
    pairs = zip(envelopes, receipts, strict=True)
    others = [_renamed(made) for made, receipt in pairs if receipt.outcome == "conflict"]
    if others:
        await door.accept(others)


def _renamed(made: Envelope) -> Envelope:
    digest = hashlib.sha256(made.body).hexdigest()[:32]
    return replace(made, dedupe_key=f"{made.dedupe_key}:{digest}")
