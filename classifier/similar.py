"""Messages like a message: the cosine of their features, as a bundle sees them.

A few thousand short rows are compared in milliseconds by looking at all of them; nothing is
approximated.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from classifier.bundle import Bundle
from classifier.features import Analyser, Extractor, Rows
from classifier.keys import Floats, Integers
from classifier.text import Text, default_cut


class Vectors:
    """Messages as rows of length one over a bundle's vocabulary.

    Shapes are left out: that both ask a question does not make two messages alike.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._analyse = Analyser(bundle.taxonomy, default_cut(), bundle.config)
        self._extract = Extractor(bundle.vocabulary, bundle.config)
        self._width = bundle.vocabulary.size
        self._spoken = bundle.vocabulary.size - len(bundle.vocabulary.shapes)

    @property
    def width(self) -> int:
        """Columns of a row."""
        return self._width

    def __call__(self, items: Sequence[Text]) -> Rows:
        rows = self._extract([self._analyse(item) for item in items])
        spoken = rows.columns < self._spoken
        kept = np.add.accumulate(np.append(0, spoken))
        columns, values, starts = rows.columns[spoken], rows.values[spoken], kept[rows.starts]
        lengths = np.sqrt(_sums(values * values, starts))
        lengths[lengths == 0] = 1.0
        return Rows(columns, values / np.repeat(lengths, np.diff(starts)), starts)


@dataclass(frozen=True, slots=True)
class Found:
    """A message that is like the one asked for: its key, and the cosine, 0 to 1."""

    key: str
    score: float


class Index:
    """Keys with their rows, to be searched as a whole. Never changed: made anew."""

    def __init__(self, keys: Sequence[str], rows: Rows, width: int) -> None:
        """A key may stand for several rows: the most similar one counts."""
        self.keys = tuple(keys)
        self.rows = rows
        self._width = width

    def joined(self, other: "Index", keep: frozenset[str]) -> "Index":
        """The rows of this one whose keys are in ``keep``, and all of the other's."""
        kept = [at for at, key in enumerate(self.keys) if key in keep]
        starts = self.rows.starts
        parts = [np.arange(starts[at], starts[at + 1]) for at in kept]
        picked = np.concatenate([np.zeros(0, np.int64), *parts])
        sizes = [len(part) for part in parts]
        more = other.rows
        rows = Rows(
            np.concatenate([self.rows.columns[picked], more.columns]),
            np.concatenate([self.rows.values[picked], more.values]),
            np.cumsum([0, *sizes, *np.diff(more.starts).tolist()]),
        )
        return Index([*(self.keys[at] for at in kept), *other.keys], rows, self._width)

    def search(
        self, query: Rows, most: int, least: float, among: frozenset[str] | None = None
    ) -> list[Found]:
        """At most ``most`` keys, best first, that score ``least`` or more; of ``among`` only."""
        dense = np.zeros(self._width)
        dense[query.columns] = query.values
        scores = _sums(dense[self.rows.columns] * self.rows.values, self.rows.starts)
        best: dict[str, float] = {}
        for at in np.argsort(-scores, kind="stable").tolist():
            score = float(scores[at])
            if score < least or len(best) == most:
                break
            key = self.keys[at]
            if key not in best and (among is None or key in among):
                best[key] = score
        return [Found(key, min(score, 1.0)) for key, score in best.items()]


def _sums(values: Floats, starts: Integers) -> Floats:
    """The sum of each row; an empty one's is 0."""
    totals = np.append(0.0, np.cumsum(values))
    sums: Floats = totals[starts[1:]] - totals[starts[:-1]]
    return sums
