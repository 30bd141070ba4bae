"""Why a label: the features that spoke for and against it, as data for a desk or a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from classifier.bundle import Bundle
from classifier.features import Analysis, Rows
from classifier.keys import Floats, Integers
from classifier.readings import KINDS, Reader

_CANDIDATES = 20
"""Features looked at for the few reasons shown."""

_DIGITS = 4
"""Of a reason's weight."""


class Contribution(NamedTuple):
    """What reads alike, and its part in a decision: log-odds against the mean of all classes."""

    kind: str
    text: str
    weight: float


class Explained(NamedTuple):
    """One facet of one message: every class's probability, and why the decided one.

    ``score`` is the log-odds of ``value`` against the mean of all classes, before calibration
    bends them: ``base``, which it has whatever is said, all contributions, and ``rest``, the
    part of features that nobody could read (punctuation, characters alone).
    """

    value: str
    probabilities: dict[str, float]
    contributions: list[Contribution]
    score: float
    base: float
    rest: float


class Explainer:
    """Says what spoke for the classes that one bundle decides."""

    def __init__(self, bundle: Bundle) -> None:
        self._read = Reader(bundle.vocabulary)
        self._heads = bundle.heads
        self._slopes = np.asarray(bundle.slopes)
        # Not “@”: in a worker BLAS would wake threads for nothing.
        self._means = np.stack(
            [
                np.einsum("ij,j->i", bundle.weights[:, head.columns], self._slopes[head.columns])
                / len(head.classes)
                for head in bundle.heads
            ],
            axis=1,
        )

    def spoken(self, rows: Rows, weights: Floats, decided: Mapping[str, Integers]) -> Floats:
        """What each feature adds to the decided class above the mean, a row a facet.

        ``weights`` are by feature of ``rows``, classes by facet. Together with the intercepts'
        share the features of a message sum up to slope · score above the mean, which is the
        log-odds before the calibration bends them.
        """
        every = np.arange(len(weights))
        means = self._means.take(rows.columns, axis=0)
        spoken = np.empty((len(self._heads), len(weights)))
        for number, head in enumerate(self._heads):
            chosen = head.start + np.repeat(decided[head.facet], np.diff(rows.starts))
            of_class = weights[every, chosen] * self._slopes[chosen]
            spoken[number] = (of_class - means[:, number]) * rows.values
        return spoken

    def all(self, analysis: Analysis, rows: Rows, spoken: Floats) -> list[list[Contribution]]:
        """For each facet every contribution of the one message of ``rows``, large first."""
        messages = np.zeros(len(rows.columns), np.int64)
        read = self._read(rows.columns, messages, [analysis])
        kinds = [KINDS[kind] for kind in read.kinds.tolist()]
        by_facet = [
            map(Contribution, kinds, read.texts, read.sums(each).tolist()) for each in spoken
        ]
        return [sorted(each, key=lambda part: (-abs(part.weight), part.text)) for each in by_facet]

    def strongest(
        self, analyses: Sequence[Analysis], rows: Rows, spoken: Floats, count: int
    ) -> Iterator[list[list[dict[str, object]]]]:
        """Of each message, for each facet the ``count`` contributions that a person should see.

        They are as ``models.ticket.Reason`` has them, strongest first. Whole words go before
        pieces of words, pieces before single characters.
        """
        looked_at = np.flatnonzero(_candidates(rows, spoken))
        messages = np.searchsorted(rows.starts, looked_at, side="right") - 1
        read = self._read(rows.columns[looked_at], messages, analyses)
        sums = np.stack([read.sums(each) for each in spoken.take(looked_at, axis=1)])
        starts = np.searchsorted(read.messages, np.arange(len(analyses) + 1))
        rank = np.where(sums > 0, sums, -0.5 * sums) * read.worth
        order = _first_of_each(rank, read.messages, starts, count)
        weights, kinds = sums.round(_DIGITS).tolist(), [KINDS[at] for at in read.kinds.tolist()]
        for message, (first, last) in enumerate(pairwise(starts.tolist())):
            yield [
                [
                    {"kind": kinds[at], "text": read.texts[at], "weight": of_facet[at]}
                    for at in places[message][: last - first]
                ]
                for of_facet, places in zip(weights, order, strict=True)
            ]


def _candidates(rows: Rows, spoken: Floats) -> np.ndarray:
    """Which features weigh most in some facet of their message."""
    candidates = np.zeros(len(rows.columns), np.bool_)
    strength = np.abs(spoken)
    for first, last in pairwise(rows.starts.tolist()):
        least = last - first - _CANDIDATES
        if least > 0:
            strongest = strength[:, first:last].argpartition(least, axis=1)[:, least:]
            candidates[first + strongest.ravel()] = True
        else:
            candidates[first:last] = True
    return candidates


def _first_of_each(
    rank: Floats, messages: Integers, starts: Integers, count: int
) -> list[list[list[int]]]:
    """By facet and message the places in ``rank`` that are first in it, equal ones in order.

    Where a message has fewer than ``count``, what follows is none of its.
    """
    sizes = np.diff(starts)
    width = int(sizes.max(initial=0))
    padded = np.full((len(rank), len(sizes), width), np.inf)
    padded[:, messages, np.arange(len(messages)) - starts[messages]] = -rank
    places = padded.argsort(axis=2, kind="stable")[:, :, :count] + starts[:-1, None]
    ordered: list[list[list[int]]] = places.tolist()
    return ordered
