"""Whether an answer can still arrive: told before it is written."""

from collections.abc import Iterator
from datetime import datetime

from desk.services import DeskServices, Words
from models.store.dialogue.conversations import WayBack

_SOON_SECONDS = 7200.0
"""An end that is nearer is worth a word."""

_FEW = 2


def reply_doubt(services: DeskServices, channel: str, way: WayBack) -> str | None:
    """Why an answer may not arrive, or will soon no longer (a sentence), or None."""
    said = services.doubt(channel, way.route.address)
    limits = list(_limits(services, channel, way))
    told = " / ".join(("；".join(w.zh for w in limits), "; ".join(w.en for w in limits)))
    return said or (told if limits else None)


def _limits(services: DeskServices, channel: str, way: WayBack) -> Iterator[Words]:
    """What the platform's rules leave: until when, and how many messages."""
    ends, most = way.route.expires_at, way.route.quota_left
    seconds = None if ends is None else ends.timestamp() - services.clock()
    at = (
        ""
        if ends is None
        else f"{datetime.fromtimestamp(ends.timestamp(), services.zone):%m-%d %H:%M}"
    )
    if seconds is not None and seconds <= 0:
        yield Words(
            f"可答复的时间已过（{at} 止），客户再发来消息后才能答复",
            f"The time for answers ended at {at}: they go again once the customer writes",
        )
        return
    left = None
    if most is not None:
        left = most - sum(services.takes(channel, text, files) for text, files in way.since)
    if left is not None and left <= 0:
        yield Words(
            "可发的条数已用完，客户再发来消息后才能答复",
            "No message is left: answers go again once the customer writes",
        )
        return
    if left is not None and left <= _FEW:
        yield Words(
            f"客户再发来消息之前，只能再发 {left} 条",
            f"Until the customer writes again, {left} more can be sent",
        )
    if seconds is not None and seconds < _SOON_SECONDS:
        yield Words(f"{at} 之后不能再答复", f"No answer goes after {at}")
