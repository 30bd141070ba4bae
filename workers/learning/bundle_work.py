"""What admins do with bundles: look whether one can serve, compare two, promote, roll back."""

import asyncio
from pathlib import Path
from typing import Any

from classifier.predict import Classifier
from models.errors import Permanent, Rejected
from models.store import Store
from models.training import Taxonomy
from workers.learning.serving import opened, sweep


class CannotServe(Rejected):
    """The bundle is damaged, foreign or of another taxonomy: the champion stays."""

    code = "bundle_refused"


class BundleWork:
    """The same from the desk and from the command line."""

    def __init__(self, store: Store, cache: Path, taxonomy: Taxonomy) -> None:
        """``cache`` is where this host unpacks bundles."""
        self._store = store
        self._cache = cache
        self._taxonomy = taxonomy

    async def promote(
        self, bundle_id: str, by: str | None, why: str, *, against_gate: bool = False
    ) -> None:
        """Looks whether the bundle can serve here, then moves the pointer.

        Raises:
            NotFound: no such bundle.
            CannotServe: it is damaged, foreign or of another taxonomy.
            Conflict: its gate did not pass, and ``against_gate`` is not said; or it is not kept.
        """
        await self._classifier(bundle_id)
        await self._store.bundles.promote(bundle_id, by, why, against_gate=against_gate)

    async def shadow(self, bundle_id: str, by: str | None) -> None:
        """Looks whether the bundle can serve here, then lets it label beside the champion.

        Raises:
            NotFound: no such bundle.
            CannotServe: it is damaged, foreign or of another taxonomy.
            Conflict: it is the champion, or not kept any more.
        """
        await self._classifier(bundle_id)
        await self._store.shadows.begin(bundle_id, by)

    async def compare(self, one: str, other: str) -> dict[str, Any]:
        """Both on the golden set, by facet; ``one`` stands as the champion.

        Raises:
            NotFound: no such bundle.
            CannotServe: one of them cannot be loaded here.
            Conflict: one of them is not kept any more.
        """
        first, second = await self._classifier(one), await self._classifier(other)
        return await asyncio.to_thread(_compared, self._taxonomy, first, second)

    async def _classifier(self, bundle_id: str) -> Classifier:
        await sweep(self._store, self._cache)
        try:
            _, bundle = await opened(self._store, self._cache, bundle_id)
            return await asyncio.to_thread(Classifier, bundle, self._taxonomy)
        except Permanent as error:
            raise CannotServe(str(error)) from error


def _compared(taxonomy: Taxonomy, one: Classifier, other: Classifier) -> dict[str, Any]:
    # Loads scipy, which the desk otherwise does without.
    from classifier import seed, splits
    from classifier.retrain import judge

    _learnt, golden = splits.golden(seed.load(taxonomy))
    return judge(golden, taxonomy, one, other)
