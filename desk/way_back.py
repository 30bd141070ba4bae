"""Whether an answer can still arrive: told before it is written."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from desk.services import DeskServices, Words
from desk.shapes import Json
from models.masking import masked
from models.store.dialogue.recipients import Copied
from models.store.dialogue.ways_back import WayBack

_SOON_SECONDS = 7200.0
"""An end that is nearer is worth a word."""

_FEW = 2


def cc_json(way: WayBack) -> list[Json]:
    """Who may get an answer besides the customer, and whether they had the last one.

    Nobody who is written to anyway.
    """
    to = way.route.address.lower()
    return [
        {"number": one.number, "chosen": one.chosen} | shown_as(one)
        for one in way.cc
        if one.current and one.address.lower() != to
    ]


def shown_as(one: Copied) -> Json:
    """As an agent may know them: the name that the customer has for them says little alone."""
    return {"name": one.name, "address": masked(one.address)}


def names_in_copy(known: Sequence[Copied]) -> dict[int, str]:
    """By number, for the lines of a conversation."""
    return {one.number: one.name or masked(one.address) for one in known}


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
