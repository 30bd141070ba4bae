"""Finding many fixed phrases in one pass."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from operator import add
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier.text import code_points

_SIEVE = 1 << 16
_SHORT = 160
"""Characters up to which a look at each takes less time than numpy takes to hear of them."""


class Hit(NamedTuple):
    """A phrase where it stands in a normalised text."""

    phrase: str
    start: int
    end: int


class Phrases:
    """A set of phrases, given as normalised as the text is in which they are looked for.

    A phrase that begins or ends with a Latin letter or digit matches whole words only:
    “ship” is not in “membership”, “12315” not in an order number.
    """

    def __init__(self, phrases: Iterable[str]) -> None:
        self._by_pair: dict[str, list[str]] = {}
        self._single: set[str] = set()
        for phrase in sorted({*phrases} - {""}, key=lambda p: (-len(p), p)):
            if len(phrase) == 1:
                self._single.add(phrase)
            else:
                self._by_pair.setdefault(phrase[:2], []).append(phrase)
        self._of_words = {
            phrase
            for phrase in [*self._single, *chain.from_iterable(self._by_pair.values())]
            if _alphanumeric(phrase[0]) or _alphanumeric(phrase[-1])
        }
        self._sieve = np.zeros(_SIEVE, np.bool_)
        pairs = [*self._by_pair, *(f"{one}{chr(0)}" for one in self._single)]
        self._sieve[_marks("".join(pairs))[::2]] = True

    def find(self, normal: str) -> Iterator[Hit]:
        """Hits from left to right: the longest at each place, none inside another.

        So “不满意” hides “满意”, while “一直没收到” gives both “一直没” and “没收到”.
        """
        covered = 0
        for start in self._candidates(normal):
            for phrase in self._at(normal[start], normal[start : start + 2]):
                end = start + len(phrase)
                if normal.startswith(phrase, start) and (
                    phrase not in self._of_words or _whole(normal, start, end)
                ):
                    if end > covered:
                        yield Hit(phrase, start, end)
                        covered = end
                    break

    def _candidates(self, normal: str) -> list[int]:
        """Where a phrase may begin, and now and then where none does."""
        if len(normal) <= _SHORT:
            pairs = map(add, normal, f"{normal[1:]}\0")
            begins = [at for at, pair in enumerate(pairs) if pair in self._by_pair]
            if not self._single:
                return begins
            alone = (at for at, first in enumerate(normal) if first in self._single)
            return sorted({*begins, *alone})
        codes = code_points(f"{normal}\0")
        may = self._sieve.take(_mark(codes[:-1], codes[1:]))
        if self._single:
            may |= self._sieve.take(_mark(codes[:-1], np.uint32(0)))
        return np.flatnonzero(may).tolist()

    def _at(self, first: str, pair: str) -> Sequence[str]:
        """What may stand where a text goes on like this, longest first.

        By two characters, because with some (“不”) dozens of phrases begin.
        """
        longer = self._by_pair.get(pair, ())
        return (*longer, first) if first in self._single else longer


def _marks(text: str) -> NDArray[np.uint32]:
    """For each character of ``text`` a small number of it and the next one."""
    codes = code_points(text + "\0")
    return _mark(codes[:-1], codes[1:])


def _mark(first: NDArray[np.uint32], second: NDArray[np.uint32] | np.uint32) -> NDArray[np.uint32]:
    marks: NDArray[np.uint32] = (first * np.uint32(40_503) ^ second) & np.uint32(_SIEVE - 1)
    return marks


def _alphanumeric(character: str) -> bool:
    return character.isascii() and character.isalnum()


def _whole(normal: str, start: int, end: int) -> bool:
    cut_before = start > 0 and _alphanumeric(normal[start]) and _alphanumeric(normal[start - 1])
    cut_after = end < len(normal) and _alphanumeric(normal[end - 1]) and _alphanumeric(normal[end])
    return not cut_before and not cut_after
