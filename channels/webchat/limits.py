"""How much one visitor, and one network address, may ask of us."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from channels.webchat.protocol import Refused
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

    def take(self, key: str) -> None:
        """Takes one.

        Raises:
            Refused: ``rate``, with the seconds after which there is one again.
        """
        now = self._clock()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = self._make(now)
        # A clock that was set back must not empty a bucket.
        bucket.level = min(self._burst, bucket.level + max(0.0, now - bucket.at) * self._rate)
        bucket.at = now
        if bucket.level < 1.0:
            raise Refused("rate", retry_after=(1.0 - bucket.level) / self._rate)
        bucket.level -= 1.0

    def _make(self, now: float) -> _Bucket:
        self._made += 1
        if self._made >= _PRUNE_EVERY:
            self._made = 0
            full = self._burst / self._rate
            self._buckets = {k: b for k, b in self._buckets.items() if now - b.at < full}
        return _Bucket(self._burst, now)

    def __len__(self) -> int:
        return len(self._buckets)


class Seats:
    """Open connections, in all and by address."""

    def __init__(self, total: int, per_address: int) -> None:
        self._total = total
        self._per_address = per_address
        self._taken: Counter[str] = Counter()

    def take(self, address: str) -> None:
        """Raises ``Refused`` (``connections``) when there is no seat left."""
        if self._taken[address] >= self._per_address or self._taken.total() >= self._total:
            raise Refused("connections", retry_after=30.0)
        self._taken[address] += 1

    def leave(self, address: str) -> None:
        self._taken[address] -= 1
        if self._taken[address] <= 0:
            del self._taken[address]


def visitor_address(
    peer: str, forwarded: Sequence[str], proxies: Sequence[IPv4Network | IPv6Network]
) -> str:
    """The address that limits count by: the last one that no trusted proxy has.

    ``forwarded`` is X-Forwarded-For, of which everything left of the first untrusted address
    may be invented. An IPv6 address counts by its /64, which one host owns whole (RFC 6177).
    """
    address = peer
    for hop in reversed(forwarded):
        if not _trusted(address, proxies):
            break
        address = hop.strip()
    return _bundle(address)


def _trusted(address: str, proxies: Sequence[IPv4Network | IPv6Network]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed.version == network.version and parsed in network for network in proxies)


def _bundle(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed) >> 64 << 64, 64)))


def whole_seconds(seconds: float) -> str:
    """For Retry-After, which knows no fractions (RFC 9110 §10.2.3)."""
    return str(max(1, math.ceil(seconds)))
