"""The classifier that serves: the champion of the bundle table, reloaded when it changes."""

from collections.abc import Sequence
from pathlib import Path

import structlog

from classifier import bundles
from classifier.predict import Classifier
from classifier.text import Text, language
from models.errors import Permanent
from models.store import Store
from models.store.queue import Unlabelled
from models.ticket import Label, Labels
from models.training import Taxonomy

_log = structlog.stdlib.get_logger(__name__)

_MANNERS = {"live": "chat", "mail": "mail"}
"""Lane to the manner of writing that bundles have learnt."""


class Serving:
    """Classifies with the champion; a bundle that is refused leaves the last good one."""

    def __init__(self, store: Store, cache: Path, taxonomy: Taxonomy) -> None:
        """``cache`` is where this host unpacks bundles."""
        self._store = store
        self._cache = cache
        self._taxonomy = taxonomy
        self._classifier: Classifier | None = None
        self._serves: str | None = None

    async def refresh(self) -> None:
        """Loads the champion if it is another one than before; between two batches.

        Raises:
            Temporary: the database is out of reach.
        """
        champion = await self._store.bundles.champion()
        if champion is None or champion == self._serves:
            return
        folder = self._cache / champion
        content = None if folder.is_dir() else await self._store.bundles.content(champion)
        self._serves = champion
        try:
            if content is not None:
                folder = bundles.unpack(content, self._cache)
            classifier = Classifier.load(folder, self._taxonomy)
            # The first call pages the arrays in and loads the dictionary: not on a customer.
            classifier.classify([Text("您好，请问订单什么时候发货？")])
            self._classifier = classifier
        except Permanent as error:
            _log.error("bundle refused", bundle=champion, error=str(error))
        else:
            _log.info("bundle serves", bundle=champion)

    def classify(self, tickets: Sequence[Unlabelled]) -> list[tuple[Labels, str]]:
        """Labels and language of each ticket. Without a bundle, everything goes to people."""
        texts = [
            Text(t.text, t.subject, _MANNERS.get(t.lane, "")) if not t.troubled else Text("")
            for t in tickets
        ]
        found = self._labels(texts)
        languages = [language(f"{t.subject} {t.text}") for t in tickets]
        return list(zip(found, languages, strict=True))

    def _labels(self, texts: Sequence[Text]) -> list[Labels]:
        if self._classifier is None:
            return [self._nothing() for _ in texts]
        try:
            return self._classifier.classify(texts)
        except Exception:  # noqa: BLE001  one text that breaks it must not hold up all the others
            if len(texts) > 1:
                return [labels for text in texts for labels in self._labels([text])]
            _log.exception("classifier failed")
            return [self._nothing()]

    def _nothing(self) -> Labels:
        unknown = {
            name: Label(value=list(facet.classes)[-1], confidence=0.0, accepted=False)
            for name, facet in self._taxonomy.facets.items()
        }
        return Labels(facets=unknown, bundle="")
