"""Why a label: the features that spoke for and against it, as data for a desk or a terminal."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
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


class _Grouped(NamedTuple):
    """Features by what a person reads for them: “投诉” as word, characters and cue is one.

    ``features``, ``groups`` and ``shares`` belong together: a feature that reads as several
    texts is divided among them. ``worth`` is what a person gets from reading a text, 0 to 1.
    """

    texts: list[str]
    kinds: list[str]
    features: Integers
    groups: Integers
    shares: Floats
    worth: Floats

    def sums(self, weights: Floats) -> Floats:
        """The weight of each text."""
        parts = weights[self.features] * self.shares
        return np.bincount(self.groups, parts, minlength=len(self.texts)).astype(np.float64)

    def contribution(self, at: int, sums: Floats) -> Contribution:
        return Contribution(self.kinds[at], self.texts[at], float(sums[at]))


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

        Together with the intercepts' share these sum up to slope · score above the mean, which
        is the log-odds before the calibration bends them.
        """
        self.weights = weights
        self._names = names
        self._analysis = analysis
        self._columns = columns.tolist()

    def all(self, facet: str) -> list[Contribution]:
        """Every contribution to the decided class, merged by what a person reads, large first."""
        grouped = self._grouped(range(len(self._columns)))
        sums = grouped.sums(self.weights[facet])
        merged = [grouped.contribution(at, sums) for at in range(len(sums))]
        return sorted(merged, key=lambda part: (-abs(part.weight), part.text))

    def top(self, facet: str, count: int) -> list[Contribution]:
        """The ``count`` contributions that a person should see, strongest first.

        Whole words go before pieces of words, pieces before single characters.
        """
        grouped = self._strongest
        sums = grouped.sums(self.weights[facet])
        rank = np.abs(sums) * grouped.worth * np.where(sums > 0, 1.0, 0.5)
        order = np.argsort(-rank, kind="stable")[:count].tolist()
        return [grouped.contribution(at, sums) for at in order]

    @cached_property
    def _strongest(self) -> _Grouped:
        """The features that weigh most in any facet: read once, though every facet asks."""
        sizes = np.abs(np.stack(list(self.weights.values())))
        if len(self._columns) <= _CANDIDATES:
            return self._grouped(range(len(self._columns)))
        large = np.argpartition(sizes, -_CANDIDATES, axis=1)[:, -_CANDIDATES:]
        return self._grouped(np.unique(large).tolist())

    def _grouped(self, features: Iterable[int]) -> _Grouped:
        words = f"{_BETWEEN}{_BETWEEN.join(self._analysis.words)}{_BETWEEN}"
        groups: dict[str, int] = {}
        kinds: list[str] = []
        entries: list[tuple[int, int, float]] = []
        for feature in features:
            block, name = self._names[self._columns[feature]]
            kind, texts = _read(block, name, self._analysis, words)
            for text in texts:
                group = groups.setdefault(text, len(groups))
                if group == len(kinds):
                    kinds.append(kind)
                elif _RANKS[kind] < _RANKS[kinds[group]]:
                    kinds[group] = kind
                entries.append((feature, group, 1.0 / len(texts)))
        texts = list(groups)
        table = np.array(entries, np.float64).reshape(-1, 3)
        return _Grouped(
            texts,
            kinds,
            table[:, 0].astype(np.int64),
            table[:, 1].astype(np.int64),
            table[:, 2],
            np.array([_worth(kind, text) for kind, text in zip(kinds, texts, strict=True)]),
        )


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


@lru_cache(maxsize=1 << 16)
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
    if block == "skip":
        return "word", [shown(name.replace(" ", "…"))]
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


def _worth(kind: str, text: str) -> float:
    """How much a person gets from reading it, 0 to 1: decides the order of those shown."""
    enough = 4 if text.isascii() else 2
    return _WORTH[kind] * (0.2 if len(text) < enough else 1.0)
