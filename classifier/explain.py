"""Why a label: the features that spoke for and against it, as data for a desk or a terminal."""

import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from classifier.bundles import Bundle, Head
from classifier.features import SHAPES, Analysis, Floats, Integers, Rows
from classifier.text import STAND_INS

_CANDIDATES = 24
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
    """One message's features and their parts in every head's scores."""

    def __init__(
        self,
        names: list[tuple[str, str]],
        slopes: Floats,
        analysis: Analysis,
        columns: Integers,
        parts: Floats,
    ) -> None:
        self._names = names
        self._slopes = slopes
        self._analysis = analysis
        self._columns = columns
        self._parts = parts
        self._words = f"{_BETWEEN}{_BETWEEN.join(analysis.words)}{_BETWEEN}"
        self._readings: dict[int, tuple[str, list[str]]] = {}

    def weights(self, head: Head, at: int) -> Floats:
        """For each feature of the message, what it adds to class ``at`` above the mean.

        Together with the intercepts' and offsets' share these sum up to the log-odds.
        """
        parts = self._parts[:, head.columns] * self._slopes[head.columns]
        weights: Floats = parts[:, at] - parts.mean(axis=1)
        return weights

    def all(self, head: Head, at: int) -> list[Contribution]:
        """Every contribution to class ``at``, merged by what a person reads, large first."""
        weights = self.weights(head, at)
        return self._merged(range(len(weights)), weights)

    def top(self, head: Head, at: int, count: int) -> list[Contribution]:
        """The ``count`` contributions that a person should see, strongest first.

        Whole words go before pieces of words, pieces before single characters.
        """
        weights = self.weights(head, at)
        strongest = np.argsort(-np.abs(weights), kind="stable")[:_CANDIDATES].tolist()
        merged = self._merged(strongest, weights)
        merged.sort(key=lambda part: -abs(part.weight) * _worth(part))
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
        merged = [Contribution(kinds[text], text, weight) for text, weight in sums.items()]
        return sorted(merged, key=lambda part: (-abs(part.weight), part.text))

    def _read(self, feature: int) -> tuple[str, list[str]]:
        """Each feature is read once, though every facet asks for it."""
        if feature not in self._readings:
            block, name = self._names[self._columns[feature]]
            self._readings[feature] = _read(block, name, self._analysis, self._words)
        return self._readings[feature]


class Explainer:
    """Makes explanations over one bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self._names = bundle.vocabulary.names()
        self._slopes = np.asarray(bundle.slopes)

    def of(self, rows: Rows, parts: Floats, row: int, analysis: Analysis) -> Explanation:
        """The explanation of one row of a batch."""
        span = slice(rows.starts[row], rows.starts[row + 1])
        return Explanation(self._names, self._slopes, analysis, rows.columns[span], parts[span])


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
