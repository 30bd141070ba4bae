"""How alike two complaints are: a few weighted features each, hashed, and their cosine.

What is kept of a text is numbers from which nobody reads it back: it may outlive the text.
"""

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Likeness = Mapping[int, float]
"""Hashed feature to weight; of length one, or empty."""

MOST_OF_TEXT, MOST_OF_MIDDLE = 64, 256
"""Features that are kept, the heaviest: of one text, and of the middle of several."""

_PAIR = struct.Struct("<If")


def feature(name: str) -> int:
    """The number that stands for a feature: 32 bits of its BLAKE2b."""
    return int.from_bytes(hashlib.blake2b(name.encode(errors="replace"), digest_size=4).digest())


def likeness(weights: Mapping[int, float], most: int = MOST_OF_TEXT) -> Likeness:
    """The ``most`` heaviest features, brought to length one."""
    heaviest = sorted(weights.items(), key=lambda item: (-item[1], item[0]))[:most]
    length = sum(weight * weight for _, weight in heaviest) ** 0.5
    return {key: weight / length for key, weight in heaviest} if length else {}


def dump(alike: Likeness) -> bytes:
    """Eight bytes a feature."""
    return b"".join(_PAIR.pack(key, weight) for key, weight in alike.items())


def load(content: bytes) -> Likeness:
    return dict(_PAIR.iter_unpack(content))


def cosine(one: Likeness, other: Likeness) -> float:
    """From 0, nothing in common, to 1."""
    if len(one) > len(other):
        one, other = other, one
    return sum(weight * other.get(key, 0.0) for key, weight in one.items())


def middle(of: Iterable[Likeness]) -> Likeness:
    """The mean of several: what they have in common stands out in it."""
    return likeness(_sum(of), MOST_OF_MIDDLE)


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint that belongs to no incident yet. ``at`` is in seconds since the epoch."""

    ticket_id: str
    customer_id: str
    at: float
    alike: Likeness


@dataclass(frozen=True, slots=True)
class Alarm:
    """When many complaints are one incident.

    ``at_least`` customers within ``window`` seconds, each of whose complaints has a cosine of
    ``similarity`` or more with the middle of the others.
    """

    at_least: int
    window: float
    similarity: float


_NEAR = 0.5
"""Of ``similarity``: what two complaints about one matter may have in common at least. Each is
farther from another one than from the middle of many, in which what only one says is faint."""

_ROUNDS = 4
"""Looks for the matter around the middle of what was found before; it seldom takes three."""


def same_matter(new: Complaint, others: Sequence[Complaint], alarm: Alarm) -> list[Complaint]:
    """The complaints about the matter of ``new``, itself included; none where they are too few.

    Those near to ``new`` give a first middle, those near to that another one, and so on.
    """
    around = [each for each in others if abs(each.at - new.at) <= alarm.window]
    within = [new, *(each for each in around if each.ticket_id != new.ticket_id)]
    if _customers(within) < alarm.at_least:
        return []
    found = [e for e in within if cosine(new.alike, e.alike) >= _NEAR * alarm.similarity]
    for _ in range(_ROUNDS):
        before, found = found, _around(found, within, alarm.similarity)
        if found == before:
            break
    found = _together(found, new.at, alarm.window)
    return found if new in found and _customers(found) >= alarm.at_least else []


def _around(
    found: Sequence[Complaint], within: Sequence[Complaint], similarity: float
) -> list[Complaint]:
    """Everybody who is near to the middle of those found, of whom nobody counts for themselves."""
    total = _sum(each.alike for each in found)
    square = sum(weight * weight for weight in total.values())
    inside = {each.ticket_id for each in found}
    near = []
    for each in within:
        dot, rest = sum(w * total.get(key, 0.0) for key, w in each.alike.items()), square
        if each.ticket_id in inside:
            own = sum(weight * weight for weight in each.alike.values())
            dot, rest = dot - own, square - 2 * dot + own
        if rest > 0 and dot >= similarity * rest**0.5:
            near.append(each)
    return near


def _together(found: Sequence[Complaint], at: float, window: float) -> list[Complaint]:
    """Those of the one window around ``at`` that holds most customers."""
    starts = sorted({each.at for each in found if each.at <= at})
    spans = [[each for each in found if start <= each.at <= start + window] for start in starts]
    return max(spans, key=_customers, default=[])


def _customers(complaints: Iterable[Complaint]) -> int:
    """One customer who writes ten times is no crisis."""
    return len({each.customer_id for each in complaints})


def _sum(of: Iterable[Likeness]) -> dict[int, float]:
    sums: dict[int, float] = {}
    for each in of:
        for key, weight in each.items():
            sums[key] = sums.get(key, 0.0) + weight
    return sums
