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


class _Read(NamedTuple):
    """What a person reads for a feature: nothing, a word, several cue words."""

    kind: str
    texts: Sequence[str]


class _Grouped(NamedTuple):
    """Features by what a person reads for them: “投诉” as word, characters and cue is one.

    ``parts`` says which feature (a position in ``features``) belongs to which text, and with what
    share: one that reads as several texts is divided among them. ``worth`` is what a person gets
    from reading a text, 0 to 1.

    Plain lists: of the few dozen that are looked at, numpy would take longer to hear.
    """

    texts: list[str]
    kinds: list[str]
    worth: list[float]
    features: list[int]
    parts: list[tuple[int, int, float]]

    def sums(self, weights: Floats) -> list[float]:
        """The weight of each text."""
        sums = [0.0] * len(self.texts)
        spoken = weights[self.features].tolist()
        for feature, text, share in self.parts:
            sums[text] += spoken[feature] * share
        return sums

    def contribution(self, at: int, sums: Sequence[float]) -> Contribution:
        return Contribution(self.kinds[at], self.texts[at], sums[at])


class Explanation:
    """One message's features and what each says for the decided class of every head."""

    def __init__(
        self,
        reader: "_Reader",
        analysis: Analysis,
        columns: Integers,
        weights: Mapping[str, Floats],
    ) -> None:
        """``weights``: by facet, what each feature adds to the decided class above the mean.

        Together with the intercepts' share these sum up to slope · score above the mean, which
        is the log-odds before the calibration bends them.
        """
        self.weights = weights
        self._reader = reader
        self._analysis = analysis
        self._columns = columns

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
        rank = [
            (each if each > 0 else -0.5 * each) * worth
            for each, worth in zip(sums, grouped.worth, strict=True)
        ]
        order = sorted(range(len(rank)), key=rank.__getitem__, reverse=True)[:count]
        return [grouped.contribution(at, sums) for at in order]

    @cached_property
    def _strongest(self) -> _Grouped:
        """The features that weigh most in any facet: read once, though every facet asks."""
        if len(self._columns) <= _CANDIDATES:
            return self._grouped(range(len(self._columns)))
        strongest: set[int] = set()
        for weights in self.weights.values():
            strongest.update(np.abs(weights).argpartition(-_CANDIDATES)[-_CANDIDATES:].tolist())
        return self._grouped(sorted(strongest))

    def _grouped(self, features: Iterable[int]) -> _Grouped:
        chosen = list(features)
        words = f"{_BETWEEN}{_BETWEEN.join(self._analysis.words)}{_BETWEEN}"
        groups: dict[str, int] = {}
        kinds: list[str] = []
        parts: list[tuple[int, int, float]] = []
        for at, column in enumerate(self._columns[chosen].tolist()):
            kind, texts = self._reader(column, self._analysis, words)
            for text in texts:
                group = groups.setdefault(text, len(groups))
                if group == len(kinds):
                    kinds.append(kind)
                elif _RANKS[kind] < _RANKS[kinds[group]]:
                    kinds[group] = kind
                parts.append((at, group, 1.0 / len(texts)))
        texts = list(groups)
        worth = [_worth(kind, text) for kind, text in zip(kinds, texts, strict=True)]
        return _Grouped(texts, kinds, worth, chosen, parts)


class _Reader:
    """Reads features for people. What does not depend on the message is read once."""

    def __init__(self, names: Sequence[tuple[str, str]]) -> None:
        """``names``: block and name of every column."""
        self._names = names
        self._known: dict[int, _Read] = {}

    def __call__(self, column: int, analysis: Analysis, words: str) -> _Read:
        """``words`` are those of ``analysis``, with ``_BETWEEN`` around each."""
        known = self._known.get(column)
        if known is not None:
            return known
        block, name = self._names[column]
        if block == "cue":
            return _Read("cue", list(dict.fromkeys(analysis.cues[name])))
        if block == "char" and _LETTER.search(name):
            return _read_characters(name.strip(), words)
        known = self._known[column] = _read(block, name)
        return known


class Explainer:
    """Makes explanations over one bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self._reader = _Reader(bundle.vocabulary.names())
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
            yield Explanation(self._reader, analysis, rows.columns[span], parts)


@lru_cache(maxsize=1 << 16)
def shown(text: str) -> str:
    """``text`` with its stand-ins spelt out: “退〔金额〕”."""
    return _STAND_IN.sub(lambda found: f"〔{STAND_INS[found.group()][0]}〕", text)


def _read(block: str, name: str) -> _Read:
    """What reads alike in every message."""
    if block == "shape":
        return _Read("shape", [_read_shape(name)])
    if not _LETTER.search(name):
        return _Read("word", [])
    if block == "skip":
        return _Read("word", [shown(name.replace(" ", "…"))])
    latin = any("a" <= character <= "z" for character in name)
    return _Read("word", [shown(name if latin else name.replace(" ", ""))])


def _read_characters(piece: str, words: str) -> _Read:
    """A run of characters is read as the word it lies in; across words, as it stands."""
    at = words.find(piece)
    if at >= 0:
        word = words[words.rindex(_BETWEEN, 0, at) + 1 : words.index(_BETWEEN, at)]
        return _Read("word", [shown(word)])
    return _Read("chars", [shown(piece)] if len(piece) > 1 else [])


def _read_shape(name: str) -> str:
    if name.startswith("channel:"):
        return f"渠道 channel {name.removeprefix('channel:')}"
    return " ".join(SHAPES[name])


_WORTH = {"cue": 1.0, "word": 1.0, "chars": 0.5, "shape": 0.3}


def _worth(kind: str, text: str) -> float:
    """How much a person gets from reading it, 0 to 1: decides the order of those shown."""
    enough = 4 if text.isascii() else 2
    return _WORTH[kind] * (0.2 if len(text) < enough else 1.0)
