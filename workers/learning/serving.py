"""The classifier that serves: the champion of the bundle table, reloaded when it changes."""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

import structlog

from classifier import bundles
from classifier.bundle import Bundle, BundleRefused
from classifier.corrections import CHANNEL_OF_LANE
from classifier.fingerprint import Fingerprinter
from classifier.predict import Classifier
from classifier.text import Text, language
from models.errors import Permanent, Rejected
from models.similarity import Fingerprint
from models.store import Store
from models.store.routing.unlabelled import Unlabelled
from models.ticket import Label, Labels
from models.training import Taxonomy
from workers.processes import heap

_log = structlog.stdlib.get_logger(__name__)

RELOAD_SECONDS = 2.0
"""How often each worker looks whether another bundle serves: one row by an index."""


class Serving:
    """Classifies with the champion; a bundle that is refused leaves the last good one."""

    def __init__(self, store: Store, cache: Path, taxonomy: Taxonomy) -> None:
        """``cache`` is where this host unpacks bundles."""
        self._store = store
        self._cache = cache
        self._taxonomy = taxonomy
        self._classifier: Classifier | None = None
        self._fingerprinter: tuple[Classifier, Fingerprinter] | None = None
        self._seen: str | None = None

    @property
    def bundle(self) -> str | None:
        """The id of the bundle that labels now."""
        return None if self._classifier is None else self._classifier.card.id

    async def refresh(self) -> None:
        """Loads the champion if it is another one than before; between two batches.

        A batch that is being labelled is finished by the bundle that it began with. One that
        is refused is told once, and the last good one serves: that of this process, or when
        it has just started, the last promoted one that can be served.

        Raises:
            Temporary: the database is out of reach.
        """
        champion = await self._store.bundles.champion()
        if champion is None or champion == self._seen:
            return
        ids = [champion] if self._classifier else await self._store.bundles.promoted()
        for bundle_id in ids:
            try:
                _, bundle = await opened(self._store, self._cache, bundle_id)
                # In a thread: chats that are being read meanwhile must not wait for it.
                self._classifier = await asyncio.to_thread(ready, bundle, self._taxonomy)
            except (Permanent, Rejected) as error:
                _log.error("bundle refused", bundle=bundle_id, error=str(error))
            else:
                _log.info("bundle serves", bundle=bundle_id)
                break
        self._seen = champion
        await sweep(self._store, self._cache)

    def classify(self, tickets: Sequence[Unlabelled]) -> list[tuple[Labels, str]]:
        """Labels and language of each ticket. Without a bundle, everything goes to people."""
        found = self._labels([text_of(ticket) for ticket in tickets])
        languages = [language(f"{t.subject} {said_in(t)}") for t in tickets]
        return list(zip(found, languages, strict=True))

    def unknown(self, texts: Sequence[Text]) -> tuple[str, list[float | None]]:
        """The bundle that labels now, and which share of each text's words it has not learnt."""
        classifier = self._classifier
        if classifier is None:
            return "", [None for _ in texts]
        return classifier.card.id, classifier.unknown(texts)

    def fingerprints(self, tickets: Sequence[Unlabelled]) -> list[Fingerprint]:
        """What others about the same matter are found by; without a bundle, nothing is."""
        classifier = self._classifier
        if classifier is None:
            return [{} for _ in tickets]
        if self._fingerprinter is None or self._fingerprinter[0] is not classifier:
            self._fingerprinter = classifier, Fingerprinter(classifier.bundle, classifier.analyse)
        return self._fingerprinter[1]([text_of(ticket) for ticket in tickets])

    def _labels(self, texts: Sequence[Text]) -> list[Labels]:
        if self._classifier is None:
            return [self._nothing() for _ in texts]
        classifier = self._classifier
        try:
            return classifier.classify(texts)
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


def text_of(ticket: Unlabelled) -> Text:
    """What the classifier is given of a ticket."""
    if ticket.troubled:
        return Text("")
    return Text(said_in(ticket), ticket.subject, CHANNEL_OF_LANE.get(ticket.lane, ""))


_NOTED = re.compile(r"^\[[^\[\]\n]{1,60} / [^\[\]\n]{1,60}\]", re.MULTILINE)
"""“[表情 / Sticker]”: what a channel writes for what has no words, in both languages."""


def said_in(ticket: Unlabelled) -> str:
    """What the customer wrote, without what a channel wrote for them."""
    return _NOTED.sub("", ticket.text).strip()


def ready(bundle: Bundle, taxonomy: Taxonomy) -> Classifier:
    """The classifier of a bundle, ready for its first customer.

    Raises:
        BundleRefused: it is not of this taxonomy.
    """
    classifier = Classifier(bundle, taxonomy)
    # The first call pages the arrays in and loads the dictionary: not on a customer.
    classifier.classify([Text("您好，请问订单什么时候发货？")])
    heap.settle()
    return classifier


async def opened(store: Store, cache: Path, bundle_id: str) -> tuple[Path, Bundle]:
    """The folder of a bundle below ``cache`` and what is in it, fetched from the store if need be.

    One that is damaged on this disk, or goes while it is read, is fetched again; once it is
    open, nobody needs the folder any more.

    Raises:
        BundleRefused: the store's own copy is damaged.
        NotFound: no such bundle.
        Conflict: it is not kept any more, and this disk has none.
        Temporary: the database is out of reach, or the disk full.
    """
    folder = cache / bundle_id
    if folder.is_dir():
        try:
            return folder, await asyncio.to_thread(bundles.load, folder)
        except BundleRefused as error:
            _log.warning("bundle is fetched again", bundle=bundle_id, error=str(error))
    content = await store.bundles.content(bundle_id)
    found = await asyncio.to_thread(bundles.unpack, content, cache)
    if found.name != bundle_id:
        raise BundleRefused(f"The bundle stored as {bundle_id} is {found.name}.")
    return found, await asyncio.to_thread(bundles.load, found)


async def sweep(store: Store, cache: Path) -> None:
    """Takes the files of bundles that are not kept off this disk; who has one open still reads it.

    Raises:
        Temporary: the database is out of reach.
    """
    for bundle_id in await store.bundles.dropped():
        await asyncio.to_thread(bundles.remove, cache / bundle_id)


async def serviceable(store: Store, cache: Path, taxonomy: Taxonomy) -> tuple[str, Path] | None:
    """The last promoted bundle that can be served, and its folder."""
    for bundle_id in await store.bundles.promoted():
        try:
            folder, bundle = await opened(store, cache, bundle_id)
            await asyncio.to_thread(Classifier, bundle, taxonomy)
        except (Permanent, Rejected) as error:
            _log.error("bundle refused", bundle=bundle_id, error=str(error))
        else:
            return bundle_id, folder
    return None
