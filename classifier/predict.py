"""Labels for messages: one feature pass and one sparse product over the fitted arrays.

Needs no scikit-learn and no scipy: a worker loads in a fraction of a second and shares the
memory-mapped arrays with its neighbours.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier import bundles
from classifier.bundle import Bundle, BundleRefused, Head, learned_part
from classifier.explain import Contribution, Explained, Explainer
from classifier.features import Analyser, Analysis, Extractor, Rows
from classifier.keys import Floats, Integers
from classifier.rules import Floor, Floors, at_least, cheapest, costs
from classifier.text import Text, default_cut
from models.ticket import Label, Labels, Reason
from models.training import BundleCard, Taxonomy

_CHUNK = 64
"""Messages a feature pass."""

_FEATURES = 16_384
"""Features a product, unless one message has more: their weights, 2.5 MB, stay in the cache."""

_ALTERNATIVES = 3
_REASONS = 5


class Batch(NamedTuple):
    """Messages taken apart, their features with the weights of each, and the scores.

    ``weights`` has a row a feature of ``rows``, ``scores`` a row a message; both have a column
    a class, heads side by side.
    """

    analyses: list[Analysis]
    rows: Rows
    weights: Floats
    scores: Floats


class Classifier:
    """A bundle at work. Safe to share between threads: nothing in it changes."""

    def __init__(self, bundle: Bundle, taxonomy: Taxonomy | None = None) -> None:
        """Decides as ``bundle`` has learnt.

        ``taxonomy``, when given, brings newer thresholds, costs, names and floors than those
        the bundle was trained with.

        Raises:
            BundleRefused: its classes or cue words are others than those learnt.
        """
        self._taxonomy = taxonomy or bundle.taxonomy
        if learned_part(self._taxonomy) != bundle.card.taxonomy:
            raise BundleRefused(
                f"Bundle {bundle.card.id} was trained for other classes or cue words than those "
                "of the taxonomy: train again."
            )
        self._bundle = bundle
        self.analyse = Analyser(bundle.taxonomy, default_cut(), bundle.config)
        self._intercepts = np.asarray(bundle.intercepts)
        self._weights = np.asarray(bundle.weights).view(np.ndarray)
        self._extract = Extractor(bundle.vocabulary, bundle.config)
        self._floors = Floors(self._taxonomy)
        self._explainer = Explainer(bundle)
        self._costs = {
            head.facet: costs(self._taxonomy.facets[head.facet], head.classes)
            for head in bundle.heads
        }

    @classmethod
    def load(cls, directory: Path, taxonomy: Taxonomy | None = None) -> "Classifier":
        """The classifier of the bundle in ``directory``.

        Raises:
            BundleRefused: damaged, foreign, or not of this taxonomy.
        """
        return cls(bundles.load(directory), taxonomy)

    @property
    def bundle(self) -> Bundle:
        """What it has learnt."""
        return self._bundle

    @property
    def card(self) -> BundleCard:
        return self._bundle.card

    @property
    def taxonomy(self) -> Taxonomy:
        """What it decides by: costs, thresholds and floors."""
        return self._taxonomy

    @property
    def heads(self) -> tuple[Head, ...]:
        return self._bundle.heads

    def classify(self, items: Sequence[Text]) -> list[Labels]:
        """Labels for each message, in order. An empty one is left to a person."""
        labels: list[Labels] = []
        for batch in self.batches(items):
            labels.extend(self.labels(batch))
        return labels

    def explain(self, item: Text) -> dict[str, Explained]:
        """By facet, what the model alone makes of ``item`` and everything that spoke in it.

        Floors are not in it: they speak in the reasons of ``classify``.
        """
        batch = next(self.batches([item]))
        by_facet = self.probabilities(batch.scores)
        decided = self._decide(by_facet)
        every = self._explainer.spoken(batch.rows, batch.weights, decided)
        said = self._explainer.all(batch.analyses[0], batch.rows, every)
        return {
            head.facet: self._explained(
                head, by_facet[head.facet][0], int(decided[head.facet][0]), spoken, contributions
            )
            for head, spoken, contributions in zip(self.heads, every, said, strict=True)
        }

    def _explained(
        self,
        head: Head,
        probabilities: Floats,
        at: int,
        by_feature: Floats,
        contributions: list[Contribution],
    ) -> Explained:
        silent = (self._intercepts * self._bundle.slopes)[head.columns]
        base = float(silent[at] - silent.mean())
        spoken = float(by_feature.sum())
        return Explained(
            head.classes[at],
            dict(zip(head.classes, probabilities.tolist(), strict=True)),
            contributions,
            score=base + spoken,
            base=base,
            rest=spoken - sum(part.weight for part in contributions),
        )

    def unknown(self, items: Sequence[Text]) -> list[float | None]:
        """The share of each message's words that were not learnt; None where it has no words."""
        return self._extract.unknown([self.analyse(item) for item in items])

    def batches(self, items: Sequence[Text]) -> Iterator[Batch]:
        """The messages with their features and scores, some at a time, in order."""
        for start in range(0, len(items), _CHUNK):
            analyses = [self.analyse(item) for item in items[start : start + _CHUNK]]
            rows = self._extract(analyses)
            for first, last in _spans(rows.starts):
                yield self._scored(analyses[first:last], rows.part(first, last))

    def _scored(self, analyses: list[Analysis], rows: Rows) -> Batch:
        weights = self._weights.take(rows.columns, axis=0)
        return Batch(analyses, rows, weights, _sums(rows, weights) + self._intercepts)

    def probabilities(self, scores: Floats) -> dict[str, Floats]:
        """Calibrated probabilities by facet, a row a message, a column a class."""
        bundle = self._bundle
        logits = bent(scores, bundle.bends) * bundle.slopes + bundle.offsets
        return {head.facet: softmax(logits[:, head.columns]) for head in self._bundle.heads}

    def _decide(self, by_facet: Mapping[str, Floats]) -> dict[str, Integers]:
        return {
            facet: cheapest(probabilities, self._costs[facet])
            for facet, probabilities in by_facet.items()
        }

    def familiar(self, scores: Floats) -> dict[str, NDArray[np.bool_]]:
        """By facet, which messages are like any of its classes at all."""
        return {
            head.facet: scores[:, head.columns].max(axis=1) >= head.least
            for head in self._bundle.heads
        }

    def labels(self, batch: Batch) -> Iterator[Labels]:
        """Labels for each message of a batch, in order."""
        by_facet = self.probabilities(batch.scores)
        decided = self._decide(by_facet)
        spoken = self._explainer.spoken(batch.rows, batch.weights, decided)
        said = self._explainer.strongest(batch.analyses, batch.rows, spoken, _REASONS)
        told = [self._told(head, by_facet[head.facet], decided[head.facet]) for head in self.heads]
        for analysis, reasons, *each in zip(batch.analyses, said, *told, strict=True):
            readable = bool(analysis.words)
            for label, of_facet in zip(each, reasons, strict=True):
                if readable:
                    label["reasons"] = of_facet
                else:
                    # Nothing was said, so nothing is known: a guess by length would mislead.
                    label |= {"confidence": 0.0, "accepted": False, "alternatives": ()}
            # All at once: model by model the checks would cost as much as all that went before.
            labels = Labels.model_validate(
                {
                    "facets": {
                        head.facet: label for head, label in zip(self.heads, each, strict=True)
                    },
                    "bundle": self.card.id,
                }
            )
            floors = self._floors.find(analysis.normal)
            yield self._with_floors(labels, floors) if floors else labels

    def _told(
        self, head: Head, probabilities: Floats, decided: Integers
    ) -> Iterator[dict[str, object]]:
        """Of each message what a label says, but for its reasons."""
        threshold = self._taxonomy.facets[head.facet].threshold
        ranking = np.argsort(-probabilities, axis=1, kind="stable")[:, : _ALTERNATIVES + 1]
        for at, shares, ranked in zip(
            # Of a dozen numbers numpy would take longer to hear than Python.
            decided.tolist(),
            probabilities.tolist(),
            ranking.tolist(),
            strict=True,
        ):
            others = [other for other in ranked if other != at][:_ALTERNATIVES]
            yield {
                "value": head.classes[at],
                "confidence": shares[at],
                "accepted": shares[at] >= threshold,
                "alternatives": [(head.classes[other], shares[other]) for other in others],
            }

    def _with_floors(self, labels: Labels, floors: Sequence[Floor]) -> Labels:
        facets = {
            facet: self._with_floors_of(facet, label, floors)
            for facet, label in labels.facets.items()
        }
        return Labels(facets=facets, bundle=labels.bundle)

    def _with_floors_of(self, facet: str, label: Label, floors: Sequence[Floor]) -> Label:
        spec = self._taxonomy.facets[facet]
        for floor in floors:
            least = floor.spec.sets.get(facet)
            if least is None:
                continue
            reason = Reason(kind="floor", text=floor.spec.says(floor.phrase), weight=1.0)
            changes: dict[str, object] = {"reasons": (reason, *label.reasons), "accepted": True}
            if not at_least(spec, label.value, least):
                changes |= {
                    "value": least,
                    "by": "floor",
                    "confidence": 1.0,
                    "alternatives": _alternatives(label, least),
                    "reasons": (reason,),
                }
            label = label.model_copy(update=changes)
        return label


def _alternatives(label: Label, decided: str) -> tuple[tuple[str, float], ...]:
    """What the model thought, its own first choice included, without what was decided."""
    thought = ((label.value, label.confidence), *label.alternatives)
    return tuple(pair for pair in thought if pair[0] != decided)[:_ALTERNATIVES]


def _spans(starts: Integers) -> Iterator[tuple[int, int]]:
    """First and last row (excluded) of each run of rows with few enough features."""
    first = 0
    while first < len(starts) - 1:
        last = int(np.searchsorted(starts, starts[first] + _FEATURES, side="right")) - 1
        last = max(last, first + 1)
        yield first, last
        first = last


def _sums(rows: Rows, weights: Floats) -> Floats:
    """For each row the sum of its features' weights times their values.

    Row by row, so that a message alone scores exactly as it does among others; and not by “@”,
    since BLAS would wake threads for a product this small.
    """
    bounds = rows.starts.tolist()
    sums = np.empty((len(bounds) - 1, weights.shape[1]))
    for row, (first, last) in enumerate(pairwise(bounds)):
        np.einsum("i,ij->j", rows.values[first:last], weights[first:last], out=sums[row])
    return sums


_MOST_POWER = 50.0
"""Keeps an exponential finite, however negative a score is."""


def bent(scores: Floats, bend: Floats | float) -> Floats:
    """(1 − e^(−bend · score)) / bend: rises with the score, ever more slowly.

    About the score itself near 0. ``bend`` is above 0.
    """
    bowed: Floats = -bend * scores
    np.exp(np.minimum(bowed, _MOST_POWER, out=bowed), out=bowed)
    np.subtract(1.0, bowed, out=bowed)
    bowed /= bend
    return bowed


def softmax(logits: Floats) -> Floats:
    """Probabilities by row, safe for any finite logits."""
    shares: Floats = logits - logits.max(axis=1, keepdims=True)
    np.exp(shares, out=shares)
    shares /= shares.sum(axis=1, keepdims=True)
    return shares
