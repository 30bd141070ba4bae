"""What a person reads for features, a whole batch of messages at a time.

“投诉” as word, as characters and as cue is one thing to read. A run of characters is read as the
word of the message in which it lies, so that depends on the message; the rest is read once.
"""

import re
from collections.abc import Sequence
from itertools import chain
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier.features import SHAPES, Analysis
from classifier.keys import Columns, Floats, Integers
from classifier.text import STAND_INS
from classifier.vocabulary import Vocabulary

KINDS = ("cue", "word", "chars", "shape")
"""What a feature can read as. Where several read alike, the first kind of these names them."""

_CUE, _WORD, _CHARS, _SHAPE = range(len(KINDS))

_WORTH = np.array([[0.2 * worth, worth] for worth in (1.0, 1.0, 0.5, 0.3)])
"""By kind, of a text that tells little and of one that tells something."""

_STAND_IN = re.compile(f"[{''.join(STAND_INS)}]")
_LETTER = re.compile(r"[^\W_]")

_BETWEEN = "\0"
"""Stands between two words and in none."""

Kinds = NDArray[np.int8]


class _Reading(NamedTuple):
    """What a person reads for a feature, as far as that is so in every message.

    ``text`` is empty where nothing is read. A run of characters has a ``piece``: it is read as
    the word of the message in which it lies.
    """

    kind: int
    text: str
    piece: str = ""


class Readings(NamedTuple):
    """What some features of some messages read as, each text of a message once.

    ``parts`` are the features, as positions among those asked for, once for each text they read
    as: ``of`` is that text, ``shares`` what falls to it. ``messages``, ``kinds`` and ``worth``
    (what a person gets from reading it, 0 to 1) are by text, message by message, in the order in
    which features read so.
    """

    parts: Integers
    of: Integers
    shares: Floats
    texts: list[str]
    messages: Integers
    kinds: Kinds
    worth: Floats

    def sums(self, weights: Floats) -> Floats:
        """The weight of each text, from the ``weights`` of the features asked for."""
        by_part = weights[self.parts] * self.shares
        return np.bincount(self.of, by_part, minlength=len(self.texts)).astype(np.float64)


class _Texts(NamedTuple):
    """What each asked feature reads as: ``parts``, ``numbers`` and ``kinds`` go together.

    ``own`` are the texts of these messages alone, whose numbers follow those of all others.
    """

    parts: Integers
    numbers: Integers
    kinds: Kinds
    shares: Floats
    own: list[str]


class Reader:
    """Reads features for people. Safe to share between threads."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        size = vocabulary.size
        self._vocabulary = vocabulary
        self._cues = size - len(vocabulary.cues) - len(vocabulary.shapes)
        self._shapes = size - len(vocabulary.shapes)
        self._lock = Lock()
        # By column, as far as it has been asked for: hardly a tenth ever is.
        self._known = np.zeros(size, np.bool_)
        self._kinds = np.zeros(size, np.int8)
        self._numbers = np.zeros(size, np.int64)
        self._runs = np.zeros(size, np.bool_)
        self._pieces: dict[int, str] = {}
        # By number: the first text is the empty one, which nobody reads.
        self._texts = [""]
        self._number_of = {"": 0}
        self._own_from = size + 1

    def __call__(
        self, columns: Integers | Columns, messages: Integers, analyses: Sequence[Analysis]
    ) -> Readings:
        """What ``columns`` read as, each in the message of ``analyses`` that it is a feature of.

        ``messages`` must not fall.
        """
        self._learn(columns)
        found = self._found(columns, messages, analyses)
        width = self._own_from + len(found.own)
        cells: dict[int, int] = {}
        of_parts = (messages[found.parts] * width + found.numbers).tolist()
        of = np.array([cells.setdefault(cell, len(cells)) for cell in of_parts], np.int64)
        of_message, numbers = np.divmod(np.array(list(cells), np.int64), width)
        kinds = np.full(len(cells), len(KINDS), np.int8)
        np.minimum.at(kinds, of, found.kinds)
        texts = self._texts_of(numbers, found.own)
        worth = _WORTH[kinds, _telling(texts)]
        return Readings(found.parts, of, found.shares, texts, of_message, kinds, worth)

    def _texts_of(self, numbers: Integers, own: Sequence[str]) -> list[str]:
        known, own_from = self._texts, self._own_from
        return [
            known[number] if number < own_from else own[number - own_from]
            for number in numbers.tolist()
        ]

    def _learn(self, columns: Integers | Columns) -> None:
        """Reads those of ``columns`` that it has not met before."""
        new = columns[~self._known[columns]]
        if not len(new):
            return
        with self._lock:
            for column in set(new.tolist()):
                reading = _read(*self._vocabulary.name(column))
                number = self._number_of.setdefault(reading.text, len(self._texts))
                if number == len(self._texts):
                    self._texts.append(reading.text)
                self._kinds[column] = reading.kind
                self._numbers[column] = number
                if reading.piece:
                    self._pieces[column] = reading.piece
                    self._runs[column] = True
                self._known[column] = True

    def _found(
        self, columns: Integers | Columns, messages: Integers, analyses: Sequence[Analysis]
    ) -> _Texts:
        numbers = self._numbers[columns]
        kinds = self._kinds[columns]
        own: dict[str, int] = {}

        def number(text: str) -> int:
            # What is found to be their own stays so, whatever another thread learns meanwhile.
            known = own.get(text) or self._number_of.get(text)
            return own.setdefault(text, self._own_from + len(own)) if known is None else known

        words = list(chain.from_iterable(each.words for each in analyses))
        runs, around = self._words_around(columns, messages, analyses, words)
        numbers[runs] = [number(words[at]) for at in around.tolist()]
        kinds[runs] = _WORD
        times = (numbers > 0).astype(np.int64)
        cues = (columns >= self._cues) & (columns < self._shapes)
        said = [self._said(columns[at], analyses[messages[at]]) for at in np.flatnonzero(cues)]
        times[cues] = [len(each) for each in said]
        parts = np.repeat(np.arange(len(columns)), times)
        of_parts = numbers[parts]
        of_parts[cues[parts]] = [number(text) for text in chain.from_iterable(said)]
        return _Texts(parts, of_parts, kinds[parts], 1.0 / times[parts], list(own))

    def _said(self, column: int, analysis: Analysis) -> list[str]:
        """The words of a cue group that occur in a message, each once."""
        group = self._vocabulary.cues[column - self._cues]
        return list(dict.fromkeys(analysis.cues[group]))

    def _words_around(
        self,
        columns: Integers | Columns,
        messages: Integers,
        analyses: Sequence[Analysis],
        words: Sequence[str],
    ) -> tuple[Integers, Integers]:
        """Which of ``columns`` are runs of characters in a word of their message, and in which.

        Most features are runs, so what they take is what reasons cost.
        """
        runs = np.flatnonzero(self._runs[columns])
        pieces = map(self._pieces.__getitem__, columns[runs].tolist())
        begins = np.cumsum([0, *map(len, words)])
        begins += np.arange(len(begins))  # one character stands between
        bounds = begins[np.cumsum([0, *(len(each.words) for each in analyses)])]
        of_runs = messages[runs]
        find = _BETWEEN.join(words).find
        between = bounds[of_runs].tolist(), bounds[of_runs + 1].tolist()
        at = np.fromiter(map(find, pieces, *between), np.int64, len(runs))
        lies = at >= 0
        return runs[lies], np.searchsorted(begins, at[lies], side="right") - 1


def shown(text: str) -> str:
    """``text`` with its stand-ins spelt out: “退〔金额〕”."""
    return _STAND_IN.sub(lambda found: f"〔{STAND_INS[found.group()][0]}〕", text)


def _read(block: str, name: str) -> _Reading:
    if block == "cue":
        return _Reading(_CUE, "")
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


_MANNERS = {
    "chat": ("聊天", "chat"),
    "form": ("表单", "form"),
    "mail": ("邮件", "mail"),
    "phone": ("电话", "telephone"),
}
"""Manners of writing that the seed has; another one that was learnt is called as it is."""


def _read_shape(name: str) -> str:
    if name.startswith("channel:"):
        channel = name.removeprefix("channel:")
        zh, en = _MANNERS.get(channel, (channel, channel))
        return f"渠道：{zh} / channel: {en}"
    return " / ".join(SHAPES[name])


def _telling(texts: Sequence[str]) -> Integers:
    """1 for what says something to who reads it: four letters, or two Chinese characters."""
    return np.array(
        [len(text) >= 4 or (len(text) >= 2 and not text.isascii()) for text in texts], np.int64
    )
