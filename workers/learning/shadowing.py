"""A challenger that labels some of the live tickets after the champion has, and is compared."""

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path

import structlog

from classifier.predict import Classifier
from models.errors import Permanent, Rejected
from models.store import Store
from models.store.learning.shadows import ShadowRun, Verdict
from models.store.routing.unlabelled import Unlabelled
from models.ticket import Labels
from models.training import Taxonomy
from workers.learning.serving import opened, ready, text_of

_log = structlog.stdlib.get_logger(__name__)

Seen = Sequence[tuple[Unlabelled, Labels]]
"""Tickets with what the champion alone made of them."""


class Shadowing:
    """Loads the challenger that SQL says is in shadow. Whatever befalls it, labels stay."""

    def __init__(
        self, store: Store, cache: Path, taxonomy: Taxonomy, share: float, most: int
    ) -> None:
        """``share`` of the tickets are compared, up to ``most`` for one challenger."""
        self._store = store
        self._cache = cache
        self._taxonomy = taxonomy
        self._share = share
        self._most = most
        self._challenger: Classifier | None = None
        self._seen: ShadowRun | None = None

    async def refresh(self) -> None:
        """Takes up the challenger in shadow, or puts it down once it has seen enough.

        Raises:
            Temporary: the database is out of reach.
        """
        sitting = await self._store.shadows.sitting()
        if sitting is None or sitting.tickets >= self._most:
            self._challenger, self._seen = None, None
        elif self._seen is None or self._seen.bundle_id != sitting.bundle_id:
            self._challenger = await self._loaded(sitting.bundle_id)
            self._seen = sitting

    async def compare(self, seen: Seen) -> int:
        """Asks the challenger about its share of ``seen``, and keeps what both said.

        Returns how many tickets it was asked about.

        Raises:
            Temporary: the database is out of reach.
        """
        challenger = self._challenger
        if challenger is None:
            return 0
        mine = [(ticket, labels) for ticket, labels in seen if self._is_sampled(ticket)]
        if not mine:
            return 0
        try:
            said = await asyncio.to_thread(challenger.classify, [text_of(t) for t, _ in mine])
        except Exception:  # noqa: BLE001  a challenger that breaks has shown what it is worth
            _log.exception("challenger in shadow failed", bundle=challenger.card.id)
            self._challenger = None
            return 0
        await self._store.shadows.add(
            verdict
            for (ticket, champion), labels in zip(mine, said, strict=True)
            for verdict in _verdicts(ticket.ticket_id, champion, labels)
        )
        return len(mine)

    def _is_sampled(self, ticket: Unlabelled) -> bool:
        """The same tickets in every process, and whenever their text grows."""
        digest = hashlib.sha256(ticket.ticket_id.encode()).digest()
        return int.from_bytes(digest[:4], "big") < self._share * (1 << 32)

    async def _loaded(self, bundle_id: str) -> Classifier | None:
        try:
            _, bundle = await opened(self._store, self._cache, bundle_id)
            loaded = await asyncio.to_thread(ready, bundle, self._taxonomy)
        except (Permanent, Rejected) as error:
            _log.error("challenger in shadow refused", bundle=bundle_id, error=str(error))
            return None
        _log.info("challenger in shadow", bundle=bundle_id)
        return loaded


def _verdicts(ticket_id: str, champion: Labels, challenger: Labels) -> list[Verdict]:
    return [
        Verdict(
            bundle_id=challenger.bundle,
            ticket_id=ticket_id,
            facet=facet,
            champion_id=champion.bundle,
            champion=label.value,
            challenger=other.value,
            champion_confidence=label.confidence,
            challenger_confidence=other.confidence,
        )
        for facet, label in champion.facets.items()
        if (other := challenger.facets.get(facet)) is not None
    ]
