"""Counts what the classifier says, beside the way of the messages: labelling waits for nothing."""

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from classifier.drift import tenth
from models.store import Store
from models.store.learning.watching import Cell, day_of
from models.store.routing.unlabelled import Unlabelled
from models.ticket import Labels, TicketState
from workers.learning.serving import Serving, text_of
from workers.learning.shadowing import Seen, Shadowing

FLUSH_SECONDS = 1.0
"""Between two looks at what was labelled."""

_MOST_SEEN = 4096
"""Tickets that are remembered between two looks; in a flood older ones are not counted."""


class Watching:
    """Remembers what was labelled; ``flush`` counts it and shows some to the challenger."""

    def __init__(
        self, store: Store, serving: Serving, shadowing: Shadowing, zone: ZoneInfo, texts: int
    ) -> None:
        """Words are looked up in ``texts`` texts a flush at most; days are those of ``zone``."""
        self._store = store
        self._serving = serving
        self._shadowing = shadowing
        self._zone = zone
        self._texts = texts
        self._seen: deque[tuple[Unlabelled, Labels]] = deque(maxlen=_MOST_SEEN)
        self._unshown: deque[tuple[Unlabelled, Labels]] = deque(maxlen=_MOST_SEEN)
        self._owed: Counter[Cell] = Counter()

    def note(self, tickets: Sequence[Unlabelled], found: Sequence[tuple[Labels, str]], /) -> None:
        """Remembers a batch that the classifier has labelled; costs next to nothing."""
        self._seen.extend(
            (ticket, labels)
            for ticket, (labels, _lang) in zip(tickets, found, strict=True)
            if labels.bundle
        )

    async def flush(self) -> None:
        """Counts what was noted since, in one write, and lets the challenger see its share.

        Raises:
            Temporary: the database is out of reach; the counts are kept for the next time.
        """
        # First: it may raise, and what was taken out before would be counted nowhere.
        day = day_of(await self._store.db.now(), self._zone)
        seen, self._seen = list(self._seen), deque(maxlen=_MOST_SEEN)
        if seen:
            # What follows up on a ticket is labelled again: each is counted once, as it began.
            new = [each for each in seen if each[0].state == TicketState.NEW]
            self._owed += counted(new, day)
            self._owed += await asyncio.to_thread(self._unknown, new, day)
            self._unshown.extend(seen)
        if self._owed:
            await self._store.watching.add(self._owed)
            self._owed = Counter()
        if self._unshown:
            await self._shadowing.compare(list(self._unshown))
            self._unshown.clear()

    def _unknown(self, seen: Seen, day: int) -> Counter[Cell]:
        some = [each for each in seen if not each[0].troubled][: self._texts]
        bundle, shares = self._serving.unknown([text_of(ticket) for ticket, _ in some])
        return Counter(
            Cell(bundle, day, ticket.channel, "", "unknown", tenth(share))
            for (ticket, labels), share in zip(some, shares, strict=True)
            if share is not None and labels.bundle == bundle
        )


def counted(seen: Seen, day: int) -> Counter[Cell]:
    """Each facet's label, and the tenth that its confidence lies in."""
    counts: Counter[Cell] = Counter()
    for ticket, labels in seen:
        for facet, label in labels.facets.items():
            where = (labels.bundle, day, ticket.channel, facet)
            counts[Cell(*where, "label", label.value)] += 1
            counts[Cell(*where, "confidence", tenth(label.confidence))] += 1
    return counts
