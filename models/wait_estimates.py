"""How long a wait will be: from how fast a queue was seen to move, or nothing at all."""

from collections.abc import Sequence
from typing import NamedTuple

FEWEST = 5
"""Departures that a rate is measured from; with fewer it says more of chance than of the queue."""


class Departure(NamedTuple):
    """A ticket that left its queue for an agent. Times in seconds since the epoch."""

    queued_at: float
    at: float


class Pace(NamedTuple):
    """How many left a queue in how many seconds, of those in which somebody waited in it."""

    departures: int
    seconds: float

    @property
    def rate(self) -> float | None:
        """Departures a second, or None where too little was seen."""
        if self.departures < FEWEST or self.seconds <= 0:
            return None
        return self.departures / self.seconds

    def wait(self, position: int) -> float | None:
        """Seconds until the one at ``position`` (1 is the first) leaves; None is unknown."""
        return None if self.rate is None else position / self.rate


def pace(departures: Sequence[Departure], oldest: float | None, now: float) -> Pace:
    """How fast a queue moves that has to move.

    Only times count in which somebody waited throughout: between two departures of an empty
    queue customers were missing, not agents, and the rate would be that of the customers.
    ``oldest`` is since when the longest waiting ticket waits now, None where none does. What has
    passed since the last departure counts without one, so that a queue that stands still is
    seen to.
    """
    left = sorted(departures, key=lambda d: d.at)
    waiting_since = now if oldest is None else oldest
    seconds, count = 0.0, 0
    if left and waiting_since <= left[-1].at:
        seconds = now - left[-1].at
    for before, after in zip(reversed(left[:-1]), reversed(left[1:]), strict=True):
        waiting_since = min(waiting_since, after.queued_at)
        if waiting_since <= before.at:
            seconds += after.at - before.at
            count += 1
    return Pace(count, seconds)
