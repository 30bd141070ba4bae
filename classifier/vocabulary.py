"""The columns of a bundle: their names for people, and the keys by which they are found."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from hashlib import blake2b
from itertools import chain
from typing import overload

import numpy as np

from classifier import keys
from classifier.keys import Floats, Integers, Keys, KeyTable
from classifier.text import code_points

WEIGHTED = ("word", "skip", "char", "subject")
"""The blocks whose features are learnt from the data and TF-IDF weighted."""

SALTS = {block: np.uint64(number << 62) for number, block in enumerate(WEIGHTED)}
"""Keeps the keys of equal runs in different blocks apart."""

_OF_WORDS = {"word": None, "skip": 2, "subject": 1}
"""The blocks of words, and how many words a term of each has; None: that differs."""

_REMEMBERED = 1 << 15
"""Words whose symbol is kept: most of what people write are the same few thousand."""

_END = ord("\n")
"""Stands behind each term and in none: a normalised text has no line ends."""


class Terms(Sequence[str]):
    """Names as they stand in a file: deciding needs none, so each is read when it is asked for."""

    def __init__(self, lines: bytes | memoryview) -> None:
        """``lines`` are in UTF-8, each with its end."""
        self._lines = memoryview(lines)
        self._codes = np.frombuffer(lines, np.uint8) if len(lines) else np.zeros(0, np.uint8)
        self._size = int(np.count_nonzero(self._codes == _END))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[str]:
        return iter(_text(self._lines).split("\n")[:-1])

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...

    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return list(self)[index]
        at = range(self._size)[index]
        begin = int(self._ends[at - 1]) + 1 if at else 0
        return _text(self._lines[begin : int(self._ends[at])])

    @cached_property
    def _ends(self) -> Integers:
        return np.flatnonzero(self._codes == _END)


def _text(content: memoryview) -> str:
    return str(content, "utf-8", "replace")


def as_lines(terms: Iterable[str]) -> bytes:
    """What ``Terms`` reads."""
    return "".join(f"{term}\n" for term in terms).encode()


@dataclass(frozen=True)
class Vocabulary:
    """The columns: one sequence of names a block, in the order of ``WEIGHTED``, cues, shapes.

    ``idf`` covers the weighted blocks only. ``stored`` is their table, where a file has it.
    """

    terms: Mapping[str, Sequence[str]]
    cues: tuple[str, ...]
    shapes: tuple[str, ...]
    idf: Floats
    stored: KeyTable | None = field(default=None, repr=False, compare=False)

    @cached_property
    def table(self) -> KeyTable:
        """Finds the columns of the weighted blocks, by keys with the block's salt."""
        return self.stored or _table(self.terms)

    @property
    def size(self) -> int:
        return len(self.idf) + len(self.cues) + len(self.shapes)

    @property
    def sizes(self) -> list[int]:
        """Columns of each block."""
        weighted = [len(self.terms[block]) for block in WEIGHTED]
        return [*weighted, len(self.cues), len(self.shapes)]

    def names(self) -> list[tuple[str, str]]:
        """Block and name of every column."""
        weighted = [(block, term) for block in WEIGHTED for term in self.terms[block]]
        cues = [("cue", group) for group in self.cues]
        return weighted + cues + [("shape", shape) for shape in self.shapes]

    def name(self, column: int) -> tuple[str, str]:
        """Block and name of a column."""
        blocks = [*((block, self.terms[block]) for block in WEIGHTED), ("cue", self.cues)]
        for block, names in blocks:
            if column < len(names):
                return block, names[column]
            column -= len(names)
        return "shape", self.shapes[column]


def symbols_of(words: Sequence[str]) -> Keys:
    """A number for each word, the same in every process; two share one once in 2⁶⁴ pairs."""
    return np.fromiter(map(_symbol, words), np.uint64, len(words))


@lru_cache(maxsize=_REMEMBERED)
def _symbol(word: str) -> int:
    return _hash(word)


def _hash(word: str) -> int:
    return int.from_bytes(blake2b(word.encode(), digest_size=8).digest())


def _table(terms: Mapping[str, Sequence[str]]) -> KeyTable:
    words = {block: _apart(terms[block], size) for block, size in _OF_WORDS.items()}
    symbol_of = {word: _hash(word) for word in set(chain(*(found for found, _ in words.values())))}

    def keys_of(block: str) -> Keys:
        if block not in words:
            return _keys_of_characters(terms[block])
        found, sizes = words[block]
        symbols = np.fromiter(map(symbol_of.__getitem__, found), np.uint64, len(found))
        return keys.of_runs(symbols, sizes)

    found = np.concatenate([SALTS[block] ^ keys_of(block) for block in WEIGHTED])
    return KeyTable.made(found, np.arange(len(found)))


def _apart(terms: Sequence[str], size: int | None) -> tuple[list[str], Integers]:
    """The words of all ``terms``, and how many each has. One split, for there are thousands."""
    words = " ".join(terms).split(" ") if terms else []
    if size is not None:
        return words, np.full(len(terms), size)
    return words, np.fromiter((term.count(" ") + 1 for term in terms), np.int64, len(terms))


def _keys_of_characters(terms: Sequence[str]) -> Keys:
    sizes = np.fromiter(map(len, terms), np.int64, len(terms))
    return keys.of_runs(code_points("".join(terms)), sizes)
