"""How much one sender may ask of a door: token buckets, kept by the process with the door."""

import math
from dataclasses import dataclass

from models.ports import Clock

_PRUNE_EVERY = 4096
"""Buckets made between two looks for full ones, which need not be remembered."""


@dataclass(slots=True)
class _Bucket:
    level: float
    at: float


class Buckets:
    """A token bucket a key: ``burst`` at once, refilled with ``per_minute``."""

    def __init__(self, clock: Clock, per_minute: float, burst: float) -> None:
        self._clock = clock
        self._rate = per_minute / 60.0
        self._burst = burst
        self._buckets: dict[str, _Bucket] = {}
        self._made = 0

    def wait(self, key: str) -> float:
        """Takes one and returns 0, or takes none and returns the seconds until there is one."""
        now = self._clock()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = self._make(now)
        # A clock that was set back must not empty a bucket.
        bucket.level = min(self._burst, bucket.level + max(0.0, now - bucket.at) * self._rate)
        bucket.at = now
        if bucket.level < 1.0:
            return (1.0 - bucket.level) / self._rate
        bucket.level -= 1.0
        return 0.0

    def _make(self, now: float) -> _Bucket:
        self._made += 1
        if self._made >= _PRUNE_EVERY:
            self._made = 0
            full = self._burst / self._rate
            self._buckets = {k: b for k, b in self._buckets.items() if now - b.at < full}
        return _Bucket(self._burst, now)

    def __len__(self) -> int:
        return len(self._buckets)


def whole_seconds(seconds: float) -> str:
    """For Retry-After, which knows no fractions (RFC 9110 §10.2.3)."""
    return str(max(1, math.ceil(seconds)))
