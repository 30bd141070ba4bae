"""Why a label: the features that spoke for and against it, as data for a desk or a terminal."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from classifier.bundles import Bundle
from classifier.features import SHAPES, Analysis, Floats, Rows
from classifier.keys import Integers
from classifier.text import STAND_INS

_CANDIDATES = 20
"""Features looked at for the few reasons shown."""


_STAND_IN = re.compile(f"[{''.join(STAND_INS)}]")
_LETTER = re.compile(r"[^\W_]")

_RANKS = {"cue": 0, "word": 1, "chars": 2, "shape": 3}
"""Where several features read alike, the kind with the smallest rank names them."""

_BETWEEN = "\0"
"""Stands between two words and in none."""


class Contribution(NamedTuple):
    """A feature's part in a decision, in log-odds against the mean of all classes."""

    kind: str
    text: str
    weight: float


class Explained(NamedTuple):
    """One facet of one message: every class's probability, and why the decided one."""

    value: str
    probabilities: dict[str, float]
    contributions: list[Contribution]


class Explanation:
    """One message's features and what each says for the decided class of every head."""

    def __init__(
        self,
        names: list[tuple[str, str]],
        analysis: Analysis,
        columns: Integers,
        weights: Mapping[str, Floats],
    ) -> None:
        """``weights``: by facet, what each feature adds to the decided class above the mean.

        Together with the intercepts' and offsets' share these sum up to its log-odds.
        """
        self.weights = weights
        self._names = names
        self._analysis = analysis
        self._columns = columns.tolist()
        self._words = f"{_BETWEEN}{_BETWEEN.join(analysis.words)}{_BETWEEN}"
        self._readings: dict[int, tuple[str, list[str]]] = {}

    def all(self, facet: str) -> list[Contribution]:
        """Every contribution to the decided class, merged by what a person reads, large first."""
        weights = self.weights[facet]
        merged = self._merged(range(len(weights)), weights)
        return sorted(merged, key=lambda part: (-abs(part.weight), part.text))

    def top(self, facet: str, count: int) -> list[Contribution]:
        """The ``count`` contributions that a person should see, strongest first.

        Whole words go before pieces of words, pieces before single characters.
        """
        weights = self.weights[facet]
        merged = self._merged(_strongest(weights), weights)
        merged.sort(key=lambda part: (-abs(part.weight) * _worth(part), part.text))
        return merged[:count]

    def _merged(self, features: Iterable[int], weights: Floats) -> list[Contribution]:
        """Features that read alike are one: “投诉” as word, as characters and as cue word."""
        kinds: dict[str, str] = {}
        sums: dict[str, float] = {}
        for feature in features:
            kind, texts = self._read(feature)
            for text in texts:
                sums[text] = sums.get(text, 0.0) + float(weights[feature]) / len(texts)
                if text not in kinds or _RANKS[kind] < _RANKS[kinds[text]]:
                    kinds[text] = kind
        return [Contribution(kinds[text], text, weight) for text, weight in sums.items()]

    def _read(self, feature: int) -> tuple[str, list[str]]:
        """Each feature is read once, though every facet asks for it."""
        if feature not in self._readings:
            block, name = self._names[self._columns[feature]]
            self._readings[feature] = _read(block, name, self._analysis, self._words)
        return self._readings[feature]


def _strongest(weights: Floats) -> list[int]:
    """The features with the largest weights; of equal ones the first."""
    sizes = np.abs(weights)
    if len(sizes) > _CANDIDATES:
        least = np.partition(sizes, len(sizes) - _CANDIDATES)[len(sizes) - _CANDIDATES]
        large = np.flatnonzero(sizes >= least)
    else:
        large = np.arange(len(sizes))
    order = np.argsort(-sizes[large], kind="stable")[:_CANDIDATES]
    strongest: list[int] = large[order].tolist()
    return strongest


class Explainer:
    """Makes explanations over one bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self._names = bundle.vocabulary.names()
        self._heads = bundle.heads
        self._slopes = np.asarray(bundle.slopes)
        self._means = np.stack(
            [
                np.mean(bundle.weights[:, head.columns] * self._slopes[head.columns], axis=1)
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
        spoken: dict[str, Floats] = {}
        for number, head in enumerate(self._heads):
            chosen = head.start + np.repeat(decided[head.facet], np.diff(rows.starts))
            of_class = weights[every, chosen] * self._slopes[chosen]
            raised = of_class - self._means[number].take(rows.columns)
            spoken[head.facet] = raised * rows.values
        for row, analysis in enumerate(analyses):
            span = slice(rows.starts[row], rows.starts[row + 1])
            parts = {facet: values[span] for facet, values in spoken.items()}
            yield Explanation(self._names, analysis, rows.columns[span], parts)


def shown(text: str) -> str:
    """``text`` with its stand-ins spelt out: “退〔金额〕”."""
    return _STAND_IN.sub(lambda found: f"〔{STAND_INS[found.group()][0]}〕", text)


def _read(block: str, name: str, analysis: Analysis, words: str) -> tuple[str, list[str]]:
    """A feature's kind and what a person reads for it: nothing, a word, several cue words."""
    if block == "cue":
        return "cue", list(dict.fromkeys(analysis.cues[name]))
    if block == "shape":
        return "shape", [_read_shape(name)]
    if not _LETTER.search(name):
        return "word", []
    if block == "char":
        return _read_characters(name.strip(), words)
    latin = any("a" <= character <= "z" for character in name)
    return "word", [shown(name if latin else name.replace(" ", ""))]


def _read_characters(piece: str, words: str) -> tuple[str, list[str]]:
    """A run of characters is read as the word it lies in; across words, as it stands."""
    at = words.find(piece)
    if at >= 0:
        word = words[words.rindex(_BETWEEN, 0, at) + 1 : words.index(_BETWEEN, at)]
        return "word", [shown(word)]
    return "chars", [shown(piece)] if len(piece) > 1 else []


def _read_shape(name: str) -> str:
    if name.startswith("channel:"):
        return f"渠道 channel {name.removeprefix('channel:')}"
    return " ".join(SHAPES[name])


_WORTH = {"cue": 1.0, "word": 1.0, "chars": 0.5, "shape": 0.3}


def _worth(part: Contribution) -> float:
    """How much a person gets from reading it, 0 to 1: decides the order of those shown."""
    worth = _WORTH[part.kind]
    enough = 4 if part.text.isascii() else 2
    if len(part.text) < enough:
        worth *= 0.2
    return worth if part.weight > 0 else worth * 0.5
