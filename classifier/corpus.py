"""The messages of a training run, counted once for all the vocabularies fitted on them."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import compress

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from classifier.features import (
    SHAPES,
    Analysis,
    Counts,
    Extractor,
    FeatureConfig,
    Weighing,
    cue_group,
    terms,
)
from classifier.keys import Floats, Integers
from classifier.vocabulary import WEIGHTED, Vocabulary
from models.training import Taxonomy


class Corpus:
    """Analysed messages; makes the vocabulary of any part of them, and all rows over it."""

    def __init__(
        self, analyses: Sequence[Analysis], taxonomy: Taxonomy, config: FeatureConfig
    ) -> None:
        self._config = config
        self._widest = _widest(analyses, taxonomy, config)
        self._counts = _counted(Extractor(self._widest, config), analyses)
        self._latest: tuple[NDArray[np.bool_], tuple[Vocabulary, csr_matrix]] | None = None

    def seen_in(self, part: NDArray[np.bool_]) -> tuple[Vocabulary, csr_matrix]:
        """The vocabulary that the messages of ``part`` give, and every message over it.

        A term belongs to it that ``min_count`` of those messages have; its inverse document
        frequency is ln((1 + messages) / (1 + messages with it)) + 1, as scikit-learn has it.
        What was asked for last is at hand.
        """
        if self._latest is None or not np.array_equal(self._latest[0], part):
            self._latest = None
            self._latest = part, self._weighed(part)
        return self._latest[1]

    def _weighed(self, part: NDArray[np.bool_]) -> tuple[Vocabulary, csr_matrix]:
        weighted = len(self._widest.idf)
        columns = self._counts.columns[np.repeat(part, np.diff(self._counts.starts))]
        messages_with = np.bincount(columns, minlength=self._widest.size)[:weighted]
        kept = messages_with >= self._config.min_count
        idf = np.log((1 + int(part.sum())) / (1 + messages_with[kept])) + 1
        vocabulary = _narrowed(self._widest, kept, idf)
        counts = _only(self._counts, np.append(kept, np.ones(self._widest.size - weighted, bool)))
        weigh = Weighing(vocabulary, self._config)
        values = np.concatenate([weigh(some).values for some in _some_at_a_time(counts)])
        shape = (len(part), vocabulary.size)
        return vocabulary, csr_matrix((values, counts.columns, counts.starts), shape=shape)


_AT_ONCE = 256
"""Messages whose features are looked up or weighed at once: of fifty thousand letters all that
lies beside the result for a moment would be many times the result."""

_CHARACTERS, _COUNTS = 50_000, 400_000
"""Of messages taken at once, since 256 may be letters of many pages each."""


def _counted(extract: Extractor, analyses: Sequence[Analysis]) -> Counts:
    """As ``extract.count``, in half the bytes: a training run has a hundred million counts."""
    parts = _parts([len(analysis.normal) for analysis in analyses], _CHARACTERS)
    found = [extract.count(analyses[first:last]) for first, last in parts]
    sizes = np.concatenate([np.diff(each.starts) for each in found])
    return Counts(
        np.concatenate([each.columns.astype(np.int32) for each in found]),
        np.concatenate([each.counts.astype(np.int32) for each in found]),
        np.append(0, np.cumsum(sizes)),
    )


def _some_at_a_time(counts: Counts) -> Iterator[Counts]:
    for first, last in _parts(np.diff(counts.starts).tolist(), _COUNTS):
        starts = counts.starts[first : last + 1]
        span = slice(starts[0], starts[-1])
        yield Counts(counts.columns[span], counts.counts[span], starts - starts[0])


def _parts(sizes: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """First and last message (excluded) of each part that is taken at once: one at least."""
    first = together = 0
    for at, size in enumerate(sizes):
        if at - first == _AT_ONCE or (at > first and together + size > most):
            yield first, at
            first, together = at, 0
        together += size
    yield first, len(sizes)


_SIEVED = 2_000_000
"""Characters from which terms are sieved before they are counted by name: most of those of long
letters occur once, and each takes a hundred bytes or two."""

_SLOTS = 1 << 26
_APART = _SLOTS // len(WEIGHTED)


def _recurring(
    analyses: Sequence[Analysis], config: FeatureConfig
) -> Callable[[str, set[str]], Iterable[str]]:
    """Lets through each term of a block that ``min_count`` messages have, and few others.

    Counted by a hash, so that what shares its slot with others may pass, too. Which those are
    differs from process to process: they have to be counted again by name.
    """
    if sum(len(analysis.normal) for analysis in analyses) < _SIEVED:
        return lambda _block, found: found
    least = min(config.min_count, np.iinfo(np.uint8).max)
    times = np.zeros(_SLOTS, np.uint8)
    for analysis in analyses:
        for block, found in terms(analysis, config).items():
            slots = np.unique(_slots(block, set(found)))
            times[slots] += times[slots] < least

    def sieve(block: str, found: set[str]) -> Iterable[str]:
        once = list(found)
        return compress(once, (times[_slots(block, once)] >= least).tolist())

    return sieve


def _slots(block: str, found: Collection[str]) -> Integers:
    hashes = np.fromiter(map(hash, found), np.int64, len(found))
    slots: Integers = (hashes + WEIGHTED.index(block) * _APART) % _SLOTS
    return slots


def _widest(analyses: Sequence[Analysis], taxonomy: Taxonomy, config: FeatureConfig) -> Vocabulary:
    """Every term that any part of the messages could give."""
    messages_with: dict[str, Counter[str]] = {block: Counter() for block in WEIGHTED}
    recurring = _recurring(analyses, config)
    for analysis in analyses:
        for block, found in terms(analysis, config).items():
            messages_with[block].update(recurring(block, set(found)))
    frequent = {
        block: tuple(sorted(term for term, count in each.items() if count >= config.min_count))
        for block, each in messages_with.items()
    }
    channels = {shape for analysis in analyses for shape in analysis.shapes if shape not in SHAPES}
    return Vocabulary(
        terms=frequent,
        cues=tuple(
            cue_group(facet, value)
            for facet, spec in taxonomy.facets.items()
            for value in spec.classes
        ),
        shapes=(*SHAPES, *sorted(channels)),
        idf=np.ones(sum(map(len, frequent.values()))),
    )


def _narrowed(widest: Vocabulary, kept: NDArray[np.bool_], idf: Floats) -> Vocabulary:
    narrowed: dict[str, tuple[str, ...]] = {}
    start = 0
    for block in WEIGHTED:
        names = widest.terms[block]
        at = np.flatnonzero(kept[start : start + len(names)]).tolist()
        narrowed[block] = tuple(names[index] for index in at)
        start += len(names)
    return Vocabulary(narrowed, widest.cues, widest.shapes, idf)


def _only(found: Counts, kept: NDArray[np.bool_]) -> Counts:
    """The counts of the kept columns, which move together."""
    moved = (np.cumsum(kept) - 1).astype(np.int32)
    stays = kept[found.columns]
    starts = np.append(0, np.cumsum(stays))[found.starts]
    return Counts(moved[found.columns[stays]], found.counts[stays], starts)
