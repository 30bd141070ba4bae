"""What of a message the linear heads see, for training and prediction alike.

Six blocks: words (one, or two in a row), pairs of words with one or two between them, and
characters in a row of subject and body; words of the subject alone; the taxonomy's cue-word
groups; and the message's shape. The first four are TF-IDF weighted with a length of their own
each; the last two are fixed small numbers.

Characters are looked for within pieces: a run of Chinese, or a word of another script. Two
Chinese characters are as long as a word, of letters it takes four.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier import keys
from classifier.faces import with_emoji
from classifier.keys import Columns, Floats, Integers, Keys
from classifier.manners import without_manners
from classifier.phrases import Phrases
from classifier.pleasantries import without_pleasantries
from classifier.text import (
    HAN,
    MONEY,
    ORDER,
    PHONE,
    STAND_INS,
    URL,
    Cut,
    Text,
    code_points,
    is_greeting,
    language_of,
    normalize,
    normalized,
    with_words,
)
from classifier.text import words as cut_words
from classifier.vocabulary import SALTS, WEIGHTED, Vocabulary, symbols_of
from models.training import Taxonomy

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
    """How much of each thing is looked at. Part of the bundle: use must equal training.

    ``pleasantries``: greetings and thanks around the matter are read, as bundles made before
    they were left out have learnt. ``manners``: so is the rest of ``classifier.manners``, a face
    sent by name is a word like others, and a subject that only greets is one.
    """

    word_n: int = 2
    han_n: int = 2
    letter_n: int = 4
    min_count: int = 2
    word_weight: float = 0.7
    skip_weight: float = 0.3
    char_weight: float = 1.0
    subject_weight: float = 0.5
    cue_weight: float = 0.2
    shape_weight: float = 0.2
    pleasantries: bool = False
    manners: bool = False


class Analysis(NamedTuple):
    """A message taken apart, before anything learnt is applied to it.

    ``letters`` is what characters are looked for in: pieces with a space before and after each.
    """

    normal: str
    letters: str
    words: list[str]
    subject_words: list[str]
    cues: dict[str, list[str]]
    shapes: list[str]


class Counts(NamedTuple):
    """How often which column occurs: row ``i`` is ``starts[i]:starts[i + 1]`` of the others."""

    columns: Integers | Columns
    counts: Integers | Columns
    starts: Integers

    @property
    def rows(self) -> Integers:
        """The row of each entry."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


class Rows(NamedTuple):
    """A sparse matrix by rows: row ``i`` is ``starts[i]:starts[i + 1]`` of the other two."""

    columns: Integers | Columns
    values: Floats
    starts: Integers

    def part(self, first: int, last: int) -> "Rows":
        """Rows ``first`` up to ``last``, that one excluded."""
        span = slice(self.starts[first], self.starts[last])
        starts = self.starts[first : last + 1] - self.starts[first]
        return Rows(self.columns[span], self.values[span], starts)


def cue_group(facet: str, value: str) -> str:
    """The name of the feature that says: a cue word of this class occurs."""
    return f"{facet}:{value}"


def terms(analysis: Analysis, config: FeatureConfig) -> dict[str, list[str]]:
    """By block of ``WEIGHTED``, everything that a vocabulary could hold of a message."""
    words = analysis.words
    return {
        "word": _in_a_row(words, config.word_n),
        "skip": [
            f"{words[at]} {words[at + gap]}" for gap in _GAPS for at in range(len(words) - gap)
        ],
        "char": [
            piece[at : at + size]
            for piece in _PADDED.findall(analysis.letters)
            for size in range(1, (config.han_n if is_han(piece[1]) else config.letter_n) + 1)
            for at in range(len(piece) - size + 1)
        ],
        "subject": analysis.subject_words,
    }


_GAPS = (2, 3)
"""How far apart two words of a pair are."""


def _in_a_row(words: Sequence[str], most: int) -> list[str]:
    """Each run of one to ``most`` words, joined by a space."""
    grams = list(words)
    for size in range(2, most + 1):
        grams += [" ".join(words[at : at + size]) for at in range(len(words) - size + 1)]
    return grams


_PADDED = re.compile(" [^ ]+ ")
_PIECE = re.compile(f"[{HAN}]+|[^{HAN}\\W_]+|[{''.join(STAND_INS)}]")


def pieces(normal: str) -> str:
    """What characters are looked for in: see ``Analysis``."""
    return "".join(f" {piece} " for piece in _PIECE.findall(normal))


def is_han(character: str) -> bool:
    return _HAN_BEGINS <= ord(character) <= _HAN_ENDS


_DIGIT = re.compile("[0-9]")
_LATIN = re.compile("[a-z]")


def _shapes(channel: str, subject: str, normal: str) -> list[str]:
    size = len(normal)
    guess = language_of(normal)
    told = {
        "question": "?" in normal,
        "exclamation": "!" in normal,
        "insistent": any(pair in normal for pair in ("??", "!!", "?!", "!?")),
        "tiny": size <= _TINY,
        "short": _TINY < size <= _SHORT,
        "long": _LONG < size <= _HUGE,
        "huge": size > _HUGE,
        "digits": _DIGIT.search(normal) is not None,
        "order": ORDER in normal,
        "phone": PHONE in normal,
        "money": MONEY in normal,
        "link": URL in normal,
        "english": guess == "en",
        "mixed": guess == "zh" and _LATIN.search(normal) is not None,
        "subject": bool(subject.strip()),
    }
    found = [name for name, holds in told.items() if holds]
    return [*found, f"channel:{channel}"] if channel else found


_RECENT = 256
_LONGEST_RECENT = 2_000
"""Characters of a text that is remembered: so all together take few megabytes."""


class Analyser:
    """Takes messages apart: everything that needs the taxonomy's cues but no training.

    Remembers the last ones: who labels a batch signs it next, and then counts its words.
    """

    def __init__(self, taxonomy: Taxonomy, cut: Cut, config: FeatureConfig | None = None) -> None:
        """``config`` says what is left out."""
        self._config = config or FeatureConfig()
        self._recent = lru_cache(maxsize=_RECENT)(self._take_apart)
        self._cut = with_words(cut, normalized(taxonomy.words))
        self._groups: dict[str, list[str]] = {}
        for facet, spec in taxonomy.facets.items():
            for value, class_spec in spec.classes.items():
                for cue in set(normalized(class_spec.cues)):
                    self._groups.setdefault(cue, []).append(cue_group(facet, value))
        self._phrases = Phrases(self._groups)

    def __call__(self, item: Text) -> Analysis:
        if len(item.text) + len(item.subject) > _LONGEST_RECENT:
            return self._take_apart(item)
        return self._recent(item)

    def words(self, normal: str) -> list[str]:
        """The words of a normalised text, those of the taxonomy uncut."""
        return cut_words(normal, self._cut)

    def _take_apart(self, item: Text) -> Analysis:
        subject = self._subject(item.subject)
        body = self._matter(item.text)
        normal = f"{subject} . {body}" if subject else body
        words = self.words(normal)
        subject_words = self.words(subject) if subject else []
        cues: dict[str, list[str]] = {}
        for hit in self._phrases.find(normal):
            for group in self._groups[hit.phrase]:
                cues.setdefault(group, []).append(hit.phrase)
        shapes = _shapes(item.channel, subject, normal)
        return Analysis(normal, pieces(normal), words, subject_words, cues, shapes)

    def _subject(self, text: str) -> str:
        if not text or (is_greeting(text) and not self._config.manners):
            return ""
        return normalize(text)

    def _matter(self, text: str) -> str:
        if self._config.pleasantries:
            return normalize(text)
        if self._config.manners:
            return without_pleasantries(normalize(text))
        return without_manners(normalize(with_emoji(text)))


class Weighing:
    """Counts to values: sublinear TF-IDF, each weighted block brought to its length."""

    def __init__(self, vocabulary: Vocabulary, config: FeatureConfig) -> None:
        fixed = vocabulary.size - len(vocabulary.idf)
        self._factors = np.concatenate([vocabulary.idf, np.ones(fixed)])
        self._block_of = np.repeat(np.arange(len(vocabulary.sizes)), vocabulary.sizes)
        self._scales = np.array(
            [
                config.word_weight,
                config.skip_weight,
                config.char_weight,
                config.subject_weight,
                config.cue_weight,
                config.shape_weight,
            ]
        )

    def __call__(self, found: Counts) -> Rows:
        values = self._factors[found.columns] * (1.0 + np.log(found.counts))
        blocks = len(self._scales)
        height = len(found.starts) - 1
        at = found.rows * blocks + self._block_of[found.columns]
        squares = np.bincount(at, values * values, minlength=height * blocks)
        lengths = np.sqrt(squares).reshape(height, blocks)
        lengths[:, len(WEIGHTED) :] = 1.0
        scaling = np.zeros_like(lengths)
        np.divide(self._scales, lengths, out=scaling, where=lengths > 0)
        return Rows(found.columns, values * scaling.ravel()[at], found.starts)


_SPACE, _HAN_BEGINS, _HAN_ENDS = 0x20, 0x3400, 0x9FFF


class Extractor:
    """Analyses to rows over a fixed vocabulary, a whole batch at a time.

    Within the weighted blocks the values are sublinear TF-IDF of length one, exactly as of
    scikit-learn's ``TfidfVectorizer``, times the block's weight. Immutable.
    """

    def __init__(self, vocabulary: Vocabulary, config: FeatureConfig) -> None:
        self._config = config
        self._size = vocabulary.size
        starts = np.cumsum([0, *vocabulary.sizes])
        self._table = vocabulary.table
        self._cues = {name: at for at, name in enumerate(vocabulary.cues, int(starts[-3]))}
        self._shapes = {name: at for at, name in enumerate(vocabulary.shapes, int(starts[-2]))}
        self._weigh = Weighing(vocabulary, config)

    def __call__(self, analyses: Sequence[Analysis]) -> Rows:
        return self._weigh(self.count(analyses))

    def count(self, analyses: Sequence[Analysis]) -> Counts:
        """How often each column occurs in each message."""
        cells = np.concatenate([self._weighted(analyses), self._fixed(analyses)])
        cells.sort()
        firsts = np.flatnonzero(np.diff(cells, prepend=-1))
        counts = np.diff(firsts, append=len(cells))
        cells = cells[firsts]
        starts = np.searchsorted(cells, np.arange(len(analyses) + 1) * self._size)
        rows = np.repeat(np.arange(len(analyses)), np.diff(starts))
        return Counts(cells - rows * self._size, counts, starts)

    def unknown(self, analyses: Sequence[Analysis]) -> list[float | None]:
        """The share of each message's words that no term has; None where it has no words."""
        symbols, rows = _words_of([each.words for each in analyses])
        keys_ = keys.of_runs(symbols, np.ones(len(symbols), np.int64)) ^ SALTS["word"]
        strange = np.bincount(rows[self._table.find(keys_) < 0], minlength=len(analyses))
        return [
            count / len(each.words) if each.words else None
            for count, each in zip(strange.tolist(), analyses, strict=True)
        ]

    def _weighted(self, analyses: Sequence[Analysis]) -> Integers:
        """Row times width plus column of every known term, as often as it occurs."""
        symbols, rows = _words_of([each.words for each in analyses])
        subjects, subject_rows = _words_of([each.subject_words for each in analyses])
        letters = [analysis.letters for analysis in analyses]
        most = np.full(len(symbols), self._config.word_n)
        found = {
            "word": (keys.runs(symbols, rows, most), rows),
            "skip": (keys.pairs(symbols, rows, _GAPS), rows),
            "char": (self._runs_of_characters(code_points("".join(letters))), _rows(letters)),
            "subject": (keys.runs(subjects, subject_rows, subject_rows * 0), subject_rows),
        }
        columns = self._table.find(
            np.concatenate([runs.keys ^ SALTS[block] for block, (runs, _) in found.items()])
        )
        of_rows = np.concatenate([each[runs.starts] for runs, each in found.values()])
        known = columns >= 0
        cells: Integers = of_rows[known] * self._size + columns[known]
        return cells

    def _runs_of_characters(self, codes: NDArray[np.uint32]) -> keys.Runs:
        begins = (codes == _SPACE) & (np.append(_SPACE, codes[:-1]) == _SPACE)
        pieces = np.cumsum(begins) - 1
        first = np.minimum(np.flatnonzero(begins) + 1, len(codes) - 1)
        most = np.where(codes[first] >= _HAN_BEGINS, self._config.han_n, self._config.letter_n)
        most[codes[first] > _HAN_ENDS] = self._config.letter_n
        return keys.runs(codes, pieces, most[pieces])

    def _fixed(self, analyses: Sequence[Analysis]) -> Integers:
        """The same of cue groups, as often as one of their words occurs, and of shapes."""
        cells: list[int] = []
        for row, analysis in enumerate(analyses):
            first = row * self._size
            for group, hits in analysis.cues.items():
                if group in self._cues:
                    cells += [first + self._cues[group]] * len(hits)
            cells += [
                first + self._shapes[shape] for shape in analysis.shapes if shape in self._shapes
            ]
        return np.array(cells, np.int64)


def _rows(texts: Sequence[Sequence[object]]) -> Integers:
    """For each symbol of ``texts``, joined, the number of its text."""
    return np.repeat(np.arange(len(texts)), [len(text) for text in texts])


def _words_of(texts: Sequence[list[str]]) -> tuple[Keys, Integers]:
    """The symbols of all words, and the row of each."""
    return symbols_of([word for words in texts for word in words]), _rows(texts)
