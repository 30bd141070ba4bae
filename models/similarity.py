"""How alike two complaints are: a few weighted features each, hashed, and their cosine.

What is kept of a text is numbers from which nobody reads it back: it may outlive the text.
"""

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Fingerprint = Mapping[int, float]
"""Hashed feature to weight; of length one, or empty."""

MOST_OF_TEXT, MOST_OF_CENTROID = 64, 256
"""Features that are kept, the heaviest: of one text, and of the centroid of several."""

_PAIR = struct.Struct("<If")


def feature(name: str) -> int:
    """The number that stands for a feature: 32 bits of its BLAKE2b."""
    return int.from_bytes(hashlib.blake2b(name.encode(errors="replace"), digest_size=4).digest())


def fingerprint(weights: Mapping[int, float], most: int = MOST_OF_TEXT) -> Fingerprint:
    """The ``most`` heaviest features, brought to length one."""
    heaviest = sorted([(-weight, key) for key, weight in weights.items()])[:most]
    length = sum([weight * weight for weight, _ in heaviest]) ** 0.5
    return {key: -weight / length for weight, key in heaviest} if length else {}


def dump(fingerprint: Fingerprint) -> bytes:
    """Eight bytes a feature."""
    return b"".join(_PAIR.pack(key, weight) for key, weight in fingerprint.items())


def load(content: bytes) -> Fingerprint:
    return dict(_PAIR.iter_unpack(content))


def cosine(one: Fingerprint, other: Fingerprint) -> float:
    """From 0, nothing in common, to 1."""
    if len(one) > len(other):
        one, other = other, one
    return sum(weight * other.get(key, 0.0) for key, weight in one.items())


def centroid(of: Iterable[Fingerprint]) -> Fingerprint:
    """The mean of several: what they have in common stands out in it."""
    return fingerprint(_sum(of), MOST_OF_CENTROID)


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint that belongs to no incident yet. ``at`` is in seconds since the epoch."""

    ticket_id: str
    customer_id: str
    at: float
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class Alarm:
    """When many complaints are one incident.

    ``at_least`` customers within ``window`` seconds, each of whose complaints has a cosine of
    ``similarity`` or more with the centroid of the others.
    """

    at_least: int
    window: float
    similarity: float


_NEAR = 0.5
"""Of ``similarity``: what two complaints about one matter may have in common at least. Each is
farther from another one than from the centroid of many, in which what only one says is faint."""

_MOST_ROUNDS = 4
"""Looks for the matter around the centroid of what was found before; it seldom takes three."""


class Window:
    """The complaints of a window, compared all at once: arrays of their features.

    NumPy is loaded by who compares, which is the clock: no other process needs it here.
    """

    def __init__(self, complaints: Sequence[Complaint]) -> None:
        import numpy as np

        self._np = np
        self._of = list(complaints)
        self._at = np.array([each.at for each in self._of], dtype=float)
        self._customer = _codes(each.customer_id for each in self._of)
        self._place = {each.ticket_id: n for n, each in enumerate(self._of)}
        self._there = np.ones(len(self._of), dtype=bool)
        features = [each.fingerprint for each in self._of]
        sizes = np.array([len(each) for each in features], dtype=np.intp)
        self._row = np.repeat(np.arange(len(features)), sizes)
        keys = np.fromiter((key for each in features for key in each), dtype=np.int64)
        names, self._column = np.unique(keys, return_inverse=True)
        self._columns = len(names)
        values = (weight for each in features for weight in each.values())
        self._value = np.fromiter(values, dtype=float)
        self._own = np.bincount(self._row, self._value**2, minlength=len(self._of))

    def drop(self, ticket_ids: Iterable[str]) -> None:
        """These belong to an incident now."""
        for ticket_id in ticket_ids:
            self._there[self._place[ticket_id]] = False

    def same_matter(self, new: Complaint, alarm: Alarm) -> list[Complaint]:
        """The complaints about the matter of ``new``, which is one of them; none where too few.

        Those near to ``new`` give a first centroid, those near to that another one, and so on.
        """
        np, mine = self._np, self._place[new.ticket_id]
        within = self._there & (np.abs(self._at - new.at) <= alarm.window)
        if len(np.unique(self._customer[within])) < alarm.at_least:
            return []
        alone = np.zeros(len(self._of), dtype=bool)
        alone[mine] = True
        found = within & (self._dot_products(self._total(alone)) >= _NEAR * alarm.similarity)
        found[mine] = True
        if found.sum() == 1:
            return []
        for _ in range(_MOST_ROUNDS):
            before, found = found, self._around(found, within, alarm.similarity)
            if (found == before).all():
                break
        near = [self._of[n] for n in np.flatnonzero(found)]
        near = _together(near, new.at, alarm.window)
        return near if new in near and _customers(near) >= alarm.at_least else []

    def _around(self, found: Any, within: Any, similarity: float) -> Any:
        """Everybody who is near to the centroid of those found, nobody counting for themselves."""
        total = self._total(found)
        # Not “@”: BLAS would wake threads, and while they spin everybody waits to write.
        square, dots = float((total * total).sum()), self._dot_products(total)
        rest = self._np.where(found, square - 2 * dots + self._own, square)
        dots = dots - self._np.where(found, self._own, 0.0)
        near = dots >= similarity * self._np.sqrt(self._np.maximum(rest, 0.0))
        return within & near & (rest > _EPSILON)

    def _total(self, chosen: Any) -> Any:
        """The sum of those chosen, by feature."""
        weights = self._value * chosen[self._row]
        return self._np.bincount(self._column, weights, minlength=self._columns)

    def _dot_products(self, total: Any) -> Any:
        """What each has in common with ``total``."""
        weights = self._value * total[self._column]
        return self._np.bincount(self._row, weights, minlength=len(self._of))


_EPSILON = 1e-9
"""What rounding leaves where nobody else is left."""


def _codes(names: Iterable[str]) -> Any:
    import numpy as np

    return np.unique(list(names), return_inverse=True)[1]


def _together(found: Sequence[Complaint], at: float, window: float) -> list[Complaint]:
    """Those of the one window around ``at`` that holds most customers."""
    starts = sorted({each.at for each in found if each.at <= at})
    spans = [[each for each in found if start <= each.at <= start + window] for start in starts]
    return max(spans, key=_customers, default=[])


def _customers(complaints: Iterable[Complaint]) -> int:
    """One customer who writes ten times is no crisis."""
    return len({each.customer_id for each in complaints})


def _sum(of: Iterable[Fingerprint]) -> dict[int, float]:
    sums: dict[int, float] = {}
    for each in of:
        for key, weight in each.items():
            sums[key] = sums.get(key, 0.0) + weight
    return sums
