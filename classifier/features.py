"""What of a message the linear heads see, for training and prediction alike.

Five blocks: words (1–2 in a row) and characters (1–3 in a row) of subject and body, words of
the subject alone, the taxonomy's cue-word groups, and the message's shape. The first three
are TF-IDF weighted with a length of one each; the last two are fixed small numbers.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from classifier.phrases import Phrases
from classifier.text import MONEY, ORDER, PHONE, STAND_INS, URL, Cut, Text, language, normalize
from classifier.text import words as cut_words
from models.training import Taxonomy

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

WEIGHTED = ("word", "char", "subject")
"""The blocks whose features are learnt from the data and TF-IDF weighted."""

SHAPES: dict[str, tuple[str, str]] = {
    "question": ("有问号", "has a question mark"),
    "exclamation": ("有感叹号", "has an exclamation mark"),
    "insistent": ("连用问号或感叹号", "repeats ? or !"),
    "tiny": ("极短（8 字以内）", "very short (up to 8 characters)"),
    "short": ("较短（9–25 字）", "short (9–25 characters)"),
    "long": ("较长（81–240 字）", "long (81–240 characters)"),
    "huge": ("很长（超过 240 字）", "very long (over 240 characters)"),
    "digits": ("含数字", "has digits"),
    "order": ("含单号", "has an order number"),
    "phone": ("含电话号码", "has a phone number"),
    "money": ("含金额", "has an amount"),
    "link": ("含网址", "has a link"),
    "english": ("英文", "in English"),
    "mixed": ("中英混写", "mixes Chinese and English"),
    "subject": ("有主题", "has a subject"),
}
"""Shape features and their names. A channel that was learnt is one too: “channel:mail”."""

_TINY, _SHORT, _LONG, _HUGE = 8, 25, 80, 240


@dataclass(frozen=True, slots=True)
class FeatureConfig:
    """How much of each thing is looked at. Part of the bundle: use must equal training."""

    word_n: int = 2
    char_n: int = 3
    min_count: int = 2
    cue_weight: float = 0.2
    shape_weight: float = 0.2
    subject_weight: float = 0.5


class Analysis(NamedTuple):
    """A message taken apart, before anything learnt is applied to it."""

    normal: str
    words: list[str]
    grams: dict[str, list[str]]
    cues: dict[str, list[str]]
    shapes: list[str]


class Rows(NamedTuple):
    """A sparse matrix by rows: row ``i`` is ``starts[i]:starts[i + 1]`` of the other two."""

    columns: Integers
    values: Floats
    starts: Integers


def cue_group(facet: str, value: str) -> str:
    """The name of the feature that says: a cue word of this class occurs."""
    return f"{facet}:{value}"


def in_a_row(words: Sequence[str], most: int) -> list[str]:
    """Each run of one to ``most`` words, joined by a space."""
    grams = list(words)
    for size in range(2, most + 1):
        grams += [" ".join(words[at : at + size]) for at in range(len(words) - size + 1)]
    return grams


def character_runs(normal: str, most: int) -> list[str]:
    """Each run of one to ``most`` characters; whatever is no letter counts as one space."""
    text = _only_letters(normal)
    return [
        text[at : at + size] for size in range(1, most + 1) for at in range(len(text) - size + 1)
    ]


_NO_LETTER = re.compile(f"[^\\w{''.join(STAND_INS)}]|_")


def _only_letters(normal: str) -> str:
    kept = _NO_LETTER.sub(" ", normal)
    return f" {' '.join(kept.split())} "


def _shapes(item: Text, normal: str) -> list[str]:
    size = len(normal)
    guess = language(normal)
    has_latin = any("a" <= character <= "z" for character in normal)
    told = {
        "question": "?" in normal,
        "exclamation": "!" in normal,
        "insistent": any(pair in normal for pair in ("??", "!!", "?!", "!?")),
        "tiny": size <= _TINY,
        "short": _TINY < size <= _SHORT,
        "long": _LONG < size <= _HUGE,
        "huge": size > _HUGE,
        "digits": any("0" <= character <= "9" for character in normal),
        "order": ORDER in normal,
        "phone": PHONE in normal,
        "money": MONEY in normal,
        "link": URL in normal,
        "english": guess == "en",
        "mixed": guess == "zh" and has_latin,
        "subject": bool(item.subject.strip()),
    }
    found = [name for name, holds in told.items() if holds]
    return [*found, f"channel:{item.channel}"] if item.channel else found


class Analyser:
    """Takes messages apart: everything that needs the taxonomy's cues but no training."""

    def __init__(self, taxonomy: Taxonomy, config: FeatureConfig, cut: Cut) -> None:
        self._config = config
        self._cut = cut
        self._groups: dict[str, list[str]] = {}
        for facet, spec in taxonomy.facets.items():
            for value, class_spec in spec.classes.items():
                for cue in set(map(normalize, class_spec.cues)):
                    self._groups.setdefault(cue, []).append(cue_group(facet, value))
        self._phrases = Phrases(self._groups)

    def __call__(self, item: Text) -> Analysis:
        subject = normalize(item.subject)
        body = normalize(item.text)
        normal = f"{subject} . {body}" if subject else body
        words = cut_words(normal, self._cut)
        subject_words = cut_words(subject, self._cut) if subject else []
        cues: dict[str, list[str]] = {}
        for hit in self._phrases.find(normal):
            for group in self._groups[hit.phrase]:
                cues.setdefault(group, []).append(hit.phrase)
        grams = {
            "word": in_a_row(words, self._config.word_n),
            "char": character_runs(normal, self._config.char_n),
            "subject": subject_words,
        }
        return Analysis(normal, words, grams, cues, _shapes(item, normal))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The columns: one tuple of names a block, in the order of ``WEIGHTED``, cues, shapes.

    ``idf`` covers the weighted blocks only.
    """

    terms: Mapping[str, tuple[str, ...]]
    cues: tuple[str, ...]
    shapes: tuple[str, ...]
    idf: Floats

    @property
    def size(self) -> int:
        return len(self.idf) + len(self.cues) + len(self.shapes)

    def names(self) -> list[tuple[str, str]]:
        """Block and name of every column."""
        weighted = [(block, term) for block in WEIGHTED for term in self.terms[block]]
        cues = [("cue", group) for group in self.cues]
        return weighted + cues + [("shape", shape) for shape in self.shapes]


class Extractor:
    """Analyses to rows over a fixed vocabulary, a whole batch at a time."""

    def __init__(self, vocabulary: Vocabulary, config: FeatureConfig) -> None:
        self._idf = vocabulary.idf
        self._scales = {"word": 1.0, "char": 1.0, "subject": config.subject_weight}
        self._columns: dict[str, dict[str, int]] = {}
        start = 0
        for block in WEIGHTED:
            terms = vocabulary.terms[block]
            self._columns[block] = dict(zip(terms, range(start, start + len(terms)), strict=True))
            start += len(terms)
        self._cues = {name: start + at for at, name in enumerate(vocabulary.cues)}
        start += len(vocabulary.cues)
        self._shapes = {name: start + at for at, name in enumerate(vocabulary.shapes)}
        self._cue_weight = config.cue_weight
        self._shape_weight = config.shape_weight

    def __call__(self, analyses: Sequence[Analysis]) -> Rows:
        blocks = [self._weighted(block, analyses) for block in WEIGHTED]
        blocks.append(self._fixed(analyses))
        columns, values, rows = (
            np.concatenate([block[part] for block in blocks]) for part in range(3)
        )
        order = np.argsort(rows, kind="stable")
        starts = np.zeros(len(analyses) + 1, np.int64)
        np.cumsum(np.bincount(rows, minlength=len(analyses)), out=starts[1:])
        return Rows(columns[order].astype(np.int64), values[order], starts)

    def _weighted(
        self, block: str, analyses: Sequence[Analysis]
    ) -> tuple[Integers, Floats, Integers]:
        """Sublinear TF-IDF of length one, exactly as scikit-learn's ``TfidfVectorizer``."""
        column_of = self._columns[block]
        columns: list[int] = []
        counts: list[int] = []
        sizes: list[int] = []
        for analysis in analyses:
            found = _count(column_of, analysis.grams[block])
            columns.extend(found)
            counts.extend(found.values())
            sizes.append(len(found))
        at = np.array(columns, np.int64)
        rows = np.repeat(np.arange(len(analyses)), sizes)
        values = (1.0 + np.log(np.array(counts, np.float64))) * self._idf[at]
        lengths = np.sqrt(np.bincount(rows, values * values, minlength=len(analyses)))
        return at, self._scales[block] * values / lengths[rows], rows

    def _fixed(self, analyses: Sequence[Analysis]) -> tuple[Integers, Floats, Integers]:
        columns: list[int] = []
        values: list[float] = []
        rows: list[int] = []
        for row, analysis in enumerate(analyses):
            for group, found in analysis.cues.items():
                if group in self._cues:
                    columns.append(self._cues[group])
                    values.append(self._cue_weight * (1.0 + np.log(len(found))))
                    rows.append(row)
            for shape in analysis.shapes:
                if shape in self._shapes:
                    columns.append(self._shapes[shape])
                    values.append(self._shape_weight)
                    rows.append(row)
        return np.array(columns, np.int64), np.array(values, np.float64), np.array(rows, np.int64)


def _count(column_of: Mapping[str, int], grams: Iterable[str]) -> Mapping[int, int]:
    counts: Counter[int | None] = Counter(map(column_of.get, grams))
    del counts[None]
    return cast("Counter[int]", counts)
