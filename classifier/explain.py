"""Why a label: the features that spoke for and against it, as data for a desk or a terminal."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from classifier.bundle import Bundle
from classifier.features import SHAPES, Analysis, Rows
from classifier.keys import Columns, Floats, Integers
from classifier.text import STAND_INS
from classifier.vocabulary import Vocabulary

_CANDIDATES = 20
"""Features looked at for the few reasons shown."""


_STAND_IN = re.compile(f"[{''.join(STAND_INS)}]")
_LETTER = re.compile(r"[^\W_]")

_KINDS = ("cue", "word", "chars", "shape")
"""What a feature can read as. Where several read alike, the first kind of these names them."""

_CUE, _WORD, _CHARS, _SHAPE = range(len(_KINDS))

_BETWEEN = "\0"
"""Stands between two words and in none."""


class Contribution(NamedTuple):
    """A feature's part in a decision, in log-odds against the mean of all classes."""

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


class _Reading(NamedTuple):
    """What a person reads for a feature, as far as that is so in every message.

    ``text`` is empty where nothing is read. A run of characters has a ``piece``: it is read as
    the word of the message in which it lies. A cue ``group`` is read as its words that occur.
    """

    kind: int
    text: str
    piece: str = ""
    group: str = ""


class _Grouped(NamedTuple):
    """Features by what a person reads for them: “投诉” as word, characters and cue is one.

    ``parts`` says which feature (a position in ``features``) belongs to which text, and with what
    share: one that reads as several texts is divided among them. ``worth`` is what a person gets
    from reading a text, 0 to 1. ``spoken`` has a row a facet: what each of ``features`` weighs.

    Plain lists: of the few dozen that are looked at, numpy would take longer to hear.
    """

    texts: list[str]
    kinds: list[int]
    worth: list[float]
    features: list[int]
    parts: list[tuple[int, int, float]]
    spoken: list[list[float]]

    def sums(self, facet: int) -> list[float]:
        """The weight of each text."""
        sums = [0.0] * len(self.texts)
        spoken = self.spoken[facet]
        for feature, text, share in self.parts:
            sums[text] += spoken[feature] * share
        return sums

    def contribution(self, at: int, sums: Sequence[float]) -> Contribution:
        return Contribution(_KINDS[self.kinds[at]], self.texts[at], sums[at])


class Explanation:
    """One message's features and what each says for the decided class of every head."""

    def __init__(
        self,
        reader: "_Reader",
        analysis: Analysis,
        columns: Integers | Columns,
        spoken: Floats,
        facets: Mapping[str, int],
    ) -> None:
        """``spoken``: what each feature adds to the decided class above the mean, a row a facet.

        Together with the intercepts' share a row sums up to slope · score above the mean, which
        is the log-odds before the calibration bends them. ``facets`` says which row is whose.
        """
        self._reader = reader
        self._analysis = analysis
        self._columns = columns
        self._spoken = spoken
        self._facets = facets

    def weights(self, facet: str) -> Floats:
        """What each feature adds to the class decided for ``facet``."""
        weights: Floats = self._spoken[self._facets[facet]]
        return weights

    def all(self, facet: str) -> list[Contribution]:
        """Every contribution to the decided class, merged by what a person reads, large first."""
        grouped = self._grouped(list(range(len(self._columns))))
        sums = grouped.sums(self._facets[facet])
        merged = [grouped.contribution(at, sums) for at in range(len(sums))]
        return sorted(merged, key=lambda part: (-abs(part.weight), part.text))

    def top(self, facet: str, count: int) -> list[Contribution]:
        """The ``count`` contributions that a person should see, strongest first.

        Whole words go before pieces of words, pieces before single characters.
        """
        grouped = self.strongest
        sums = grouped.sums(self._facets[facet])
        rank = [
            (each if each > 0 else -0.5 * each) * worth
            for each, worth in zip(sums, grouped.worth, strict=True)
        ]
        order = sorted(range(len(rank)), key=rank.__getitem__, reverse=True)[:count]
        return [grouped.contribution(at, sums) for at in order]

    @cached_property
    def strongest(self) -> _Grouped:
        """The features that weigh most in any facet: read once, though every facet asks."""
        count = len(self._columns)
        if count <= _CANDIDATES:
            return self._grouped(list(range(count)))
        least = count - _CANDIDATES
        strongest = np.abs(self._spoken).argpartition(least, axis=1)[:, least:]
        return self._grouped(sorted(set(strongest.ravel().tolist())))

    def _grouped(self, features: list[int]) -> _Grouped:
        groups: dict[str, int] = {}
        kinds: list[int] = []
        parts: list[tuple[int, int, float]] = []
        columns = self._columns[features].tolist()
        for at, (kind, texts) in enumerate(self._reader(columns, self._analysis)):
            for text in texts:
                group = groups.setdefault(text, len(groups))
                if group == len(kinds):
                    kinds.append(kind)
                elif kind < kinds[group]:
                    kinds[group] = kind
                parts.append((at, group, 1.0 / len(texts)))
        worth = [_worth(kind, text) for kind, text in zip(kinds, groups, strict=True)]
        spoken = self._spoken.take(features, axis=1).tolist()
        return _Grouped(list(groups), kinds, worth, features, parts, spoken)


class _Reader:
    """Reads features for people. What does not depend on the message is read once."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._known: dict[int, _Reading] = {}

    def __call__(
        self, columns: Sequence[int], analysis: Analysis
    ) -> Iterator[tuple[int, Sequence[str]]]:
        """For each of ``columns`` its kind, and what it reads as: nothing, one text or more."""
        known = self._known
        words = f"{_BETWEEN}{_BETWEEN.join(analysis.words)}{_BETWEEN}"
        for column in columns:
            reading = known.get(column)
            if reading is None:
                reading = known[column] = _read(*self._vocabulary.name(column))
            kind, text, piece, group = reading
            if piece:
                # Most features are runs of characters, so what they take is what reasons cost.
                at = words.find(piece)
                if at >= 0:
                    kind = _WORD
                    text = words[words.rfind(_BETWEEN, 0, at) + 1 : words.find(_BETWEEN, at)]
                yield kind, (text,) if text else ()
            elif group:
                yield kind, list(dict.fromkeys(analysis.cues[group]))
            else:
                yield kind, (text,) if text else ()


class Explainer:
    """Makes explanations over one bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self._reader = _Reader(bundle.vocabulary)
        self._heads = bundle.heads
        self._facets = {head.facet: number for number, head in enumerate(bundle.heads)}
        self._slopes = np.asarray(bundle.slopes)
        # Not “@”: in a worker BLAS would wake threads for nothing.
        self._means = np.stack(
            [
                np.einsum("ij,j->i", bundle.weights[:, head.columns], self._slopes[head.columns])
                / len(head.classes)
                for head in bundle.heads
            ]
        )

    def of(
        self,
        analyses: Sequence[Analysis],
        rows: Rows,
        weights: Floats,
        decided: Mapping[str, Integers],
    ) -> Iterator[Explanation]:
        """The explanations of a batch: ``weights`` by feature of ``rows``, classes by facet."""
        every = np.arange(len(weights))
        spoken = np.empty((len(self._heads), len(weights)))
        for number, head in enumerate(self._heads):
            chosen = head.start + np.repeat(decided[head.facet], np.diff(rows.starts))
            of_class = weights[every, chosen] * self._slopes[chosen]
            spoken[number] = (of_class - self._means[number].take(rows.columns)) * rows.values
        for analysis, (first, last) in zip(analyses, pairwise(rows.starts.tolist()), strict=True):
            columns = rows.columns[first:last]
            yield Explanation(self._reader, analysis, columns, spoken[:, first:last], self._facets)


def shown(text: str) -> str:
    """``text`` with its stand-ins spelt out: “退〔金额〕”."""
    return _STAND_IN.sub(lambda found: f"〔{STAND_INS[found.group()][0]}〕", text)


def _read(block: str, name: str) -> _Reading:
    """What a feature reads as, as far as that is so in every message."""
    if block == "cue":
        return _Reading(_CUE, "", group=name)
    if block == "shape":
        return _Reading(_SHAPE, _read_shape(name))
    if not _LETTER.search(name):
        return _Reading(_WORD, "")
    if block == "char":
        piece = name.strip()
        # Where it lies across words it is read as it stands; alone, a character says nothing.
        return _Reading(_CHARS, shown(piece) if len(piece) > 1 else "", piece=piece)
    if block == "skip":
        return _Reading(_WORD, shown(name.replace(" ", "…")))
    latin = any("a" <= character <= "z" for character in name)
    return _Reading(_WORD, shown(name if latin else name.replace(" ", "")))


def _read_shape(name: str) -> str:
    if name.startswith("channel:"):
        channel = name.removeprefix("channel:")
        return f"渠道 {channel} / channel {channel}"
    return " / ".join(SHAPES[name])


_WORTH = (1.0, 1.0, 0.5, 0.3)
"""Of each kind."""


def _worth(kind: int, text: str) -> float:
    """How much a person gets from reading it, 0 to 1: decides the order of those shown."""
    if len(text) >= 4 or (len(text) >= 2 and not text.isascii()):
        return _WORTH[kind]
    return 0.2 * _WORTH[kind]
