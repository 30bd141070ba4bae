"""How much one visitor, and one network address, may ask of us."""

from collections import Counter

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
