"""How much one visitor, and one network address, may ask of us."""

from collections import Counter, OrderedDict

from channels.webchat.protocol import Refused
from models import rate_limit
from models.ports import Clock

_MOST_REMEMBERED = 50_000
"""Visitors who need not ask again whether they may write; others only count once more."""


class Buckets(rate_limit.Buckets):
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
        self._left = total
        self._per_address = per_address
        self._taken: Counter[str] = Counter()

    def take(self, address: str) -> None:
        """Raises ``Refused`` (``connections``) when there is no seat left."""
        if self._taken[address] >= self._per_address or not self._left:
            raise Refused("connections", retry_after=30.0)
        self._taken[address] += 1
        self._left -= 1

    def leave(self, address: str) -> None:
        self._left += 1
        self._taken[address] -= 1
        if self._taken[address] <= 0:
            del self._taken[address]


class Newcomers:
    """How many different visitors may begin to write from one address.

    A session costs nothing: without this, one machine makes tickets as fast as it may ask.
    """

    def __init__(self, clock: Clock, per_hour: int) -> None:
        self._arrivals = Buckets(clock, per_hour / 60.0, per_hour)
        self._known: OrderedDict[str, None] = OrderedDict()

    def admit(self, key: str, address: str) -> None:
        """Raises ``Refused`` (``rate``) for one more than may come."""
        if key not in self._known:
            self._arrivals.take(address)
        self._known[key] = None
        self._known.move_to_end(key)
        if len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)
