"""Labels for messages: one feature pass and one sparse product over the fitted arrays.

Needs no scikit-learn and no scipy: a worker loads in a fraction of a second and shares the
memory-mapped arrays with its neighbours.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from classifier import bundles
from classifier.bundles import Bundle, BundleRefused, Head
from classifier.explain import Contribution, Explained, Explainer
from classifier.features import Analyser, Analysis, Extractor, Floats, Integers, Rows
from classifier.rules import Floor, Floors, at_least, cheapest, costs
from classifier.text import Text, default_cut
from models.ticket import Label, Labels, Reason
from models.training import BundleCard, Taxonomy

_CHUNK = 64
"""Messages a product: bounds the memory that a batch of long mails takes."""

_ALTERNATIVES = 3
_REASONS = 5


class Batch(NamedTuple):
    """Messages taken apart, their features, and each feature's part in every score."""

    analyses: list[Analysis]
    rows: Rows
    parts: Floats
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
        if bundles.learned_part(self._taxonomy) != bundle.card.taxonomy:
            raise BundleRefused(
                f"Bundle {bundle.card.id} was trained for other classes or cue words than those "
                "of the taxonomy: train again."
            )
        self._bundle = bundle
        self._analyse = Analyser(bundle.taxonomy, bundle.config, default_cut())
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
    def card(self) -> BundleCard:
        return self._bundle.card

    @property
    def heads(self) -> tuple[Head, ...]:
        return self._bundle.heads

    def classify(self, items: Sequence[Text]) -> list[Labels]:
        """Labels for each message, in order. An empty one is left to a person."""
        labels: list[Labels] = []
        for batch in self.batches(items):
            labels.extend(self._label(batch))
        return labels

    def explain(self, item: Text) -> dict[str, Explained]:
        """By facet, what the model alone makes of ``item`` and everything that spoke in it.

        Floors are not in it: they speak in the reasons of ``classify``.
        """
        batch = next(self.batches([item]))
        explanation = self._explainer.of(batch.rows, batch.parts, 0, batch.analyses[0])
        explained: dict[str, Explained] = {}
        for head in self._bundle.heads:
            probabilities = self.probabilities(batch.scores)[head.facet]
            at = int(cheapest(probabilities, self._costs[head.facet])[0])
            explained[head.facet] = Explained(
                head.classes[at],
                dict(zip(head.classes, probabilities[0].tolist(), strict=True)),
                explanation.all(head, at),
            )
        return explained

    def batches(self, items: Sequence[Text]) -> Iterator[Batch]:
        """The messages in chunks with their scores: a column a class, heads side by side."""
        for start in range(0, len(items), _CHUNK):
            analyses = [self._analyse(item) for item in items[start : start + _CHUNK]]
            rows = self._extract(analyses)
            parts = self._bundle.weights[rows.columns] * rows.values[:, None]
            yield Batch(analyses, rows, parts, _sums(parts, rows.starts) + self._bundle.intercepts)

    def probabilities(self, scores: Floats) -> dict[str, Floats]:
        """Calibrated probabilities by facet, a row a message, a column a class."""
        logits = scores * self._bundle.slopes + self._bundle.offsets
        return {head.facet: softmax(logits[:, head.columns]) for head in self._bundle.heads}

    def _label(self, batch: Batch) -> Iterator[Labels]:
        by_facet = self.probabilities(batch.scores)
        decided = {
            facet: cheapest(probabilities, self._costs[facet])
            for facet, probabilities in by_facet.items()
        }
        for row, analysis in enumerate(batch.analyses):
            explain = self._explainer.of(batch.rows, batch.parts, row, analysis)
            floors = self._floors.find(analysis.normal)
            labels = {
                head.facet: self._with_floors(
                    self._by_model(
                        head,
                        by_facet[head.facet][row],
                        int(decided[head.facet][row]),
                        explain.top(head, int(decided[head.facet][row]), _REASONS),
                        readable=bool(analysis.words),
                    ),
                    head.facet,
                    floors,
                )
                for head in self._bundle.heads
            }
            yield Labels(facets=labels, bundle=self._bundle.card.id)

    def _by_model(
        self,
        head: Head,
        probabilities: Floats,
        at: int,
        contributions: Sequence[Contribution],
        *,
        readable: bool,
    ) -> Label:
        if not readable:
            # Nothing was said, so nothing is known: a guess by length alone would mislead.
            return Label(value=head.classes[at], confidence=0.0, accepted=False)
        confidence = float(probabilities[at])
        others = [other for other in np.argsort(-probabilities, kind="stable") if other != at]
        return Label(
            value=head.classes[at],
            confidence=confidence,
            accepted=confidence >= self._taxonomy.facets[head.facet].threshold,
            alternatives=tuple(
                (head.classes[other], float(probabilities[other]))
                for other in others[:_ALTERNATIVES]
            ),
            reasons=tuple(
                Reason(kind=part.kind, text=part.text, weight=round(part.weight, 4))
                for part in contributions
            ),
        )

    def _with_floors(self, label: Label, facet: str, floors: Sequence[Floor]) -> Label:
        spec = self._taxonomy.facets[facet]
        for floor in floors:
            least = floor.spec.sets.get(facet)
            if least is None:
                continue
            reason = Reason(
                kind="floor",
                text=f"{floor.spec.zh} {floor.spec.en}：{floor.phrase}",
                weight=1.0,
            )
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


def _sums(parts: Floats, starts: Integers) -> Floats:
    """Sums of ``parts`` by row; a row without features is zero."""
    sums = np.zeros((len(starts) - 1, parts.shape[1]))
    filled = np.flatnonzero(np.diff(starts))
    if len(filled):
        sums[filled] = np.add.reduceat(parts, starts[filled], axis=0)
    return sums


def softmax(logits: Floats) -> Floats:
    """Probabilities by row, safe for any finite logits."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares
