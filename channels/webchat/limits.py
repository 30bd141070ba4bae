"""How much one visitor, and one network address, may ask of us."""

from collections import Counter
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from channels.webchat.protocol import Refused
from models import buckets


class Buckets(buckets.Buckets):
    """Buckets whose emptiness the visitor is told."""

    def take(self, key: str) -> None:
        """Takes one.

        Raises:
            Refused: ``rate``, with the seconds after which there is one again.
        """
        wait = self.wait(key)
        if wait:
            raise Refused("rate", retry_after=wait)


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
