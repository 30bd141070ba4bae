"""Runs of symbols as 64-bit keys, and tables that find a key's column a whole batch at a time."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Columns = NDArray[np.int32]
Symbols = NDArray[np.uint32] | Keys
"""Characters by their code points, words by their hashes."""

_STEP = np.uint64(0x9E37_79B9_7F4A_7C15)
_SPREAD = np.uint64(0xD6E8_FEB8_6659_FD93)
_ROOM = 4
"""Buckets a key: most looks end at an empty bucket."""


class Runs(NamedTuple):
    """Keys of runs, and where in the symbols each begins."""

    keys: Keys
    starts: Integers


def runs(symbols: Symbols, pieces: Integers, most: Integers) -> Runs:
    """Each run of symbols that lies within one piece: at most ``most`` from where it begins.

    ``pieces`` has the number of each symbol's piece. The key of a run is a polynomial of its
    symbols modulo 2⁶⁴: of the hundred thousand runs that a bundle knows, two share a key with
    a probability below 10⁻⁹.
    """
    steps = symbols.astype(np.uint64) + np.uint64(1)
    starts = np.arange(len(symbols))
    found = [Runs(steps, starts)]
    keys = steps
    for size in range(2, _largest(most) + 1):
        goes_on = starts + size <= len(symbols)
        starts, keys = starts[goes_on], keys[goes_on]
        ends = starts + size - 1
        within = (pieces[starts] == pieces[ends]) & (most[starts] >= size)
        starts, ends = starts[within], ends[within]
        keys = keys[within] * _STEP + steps[ends]
        found.append(Runs(keys, starts))
    return _joined(found)


def pairs(symbols: Symbols, pieces: Integers, gaps: Sequence[int]) -> Runs:
    """Each two symbols of a piece that stand so far apart: 2 is with one between them."""
    steps = symbols.astype(np.uint64) + np.uint64(1)
    found = [Runs(steps[:0], np.zeros(0, np.int64))]
    for gap in gaps:
        starts = np.flatnonzero(pieces[:-gap] == pieces[gap:])
        found.append(Runs(steps[starts] * _STEP + steps[starts + gap], starts))
    return _joined(found)


def _largest(numbers: Integers) -> int:
    return max(numbers.tolist(), default=0)


def _joined(found: Sequence[Runs]) -> Runs:
    return Runs(
        np.concatenate([each.keys for each in found]),
        np.concatenate([each.starts for each in found]),
    )


def of_runs(symbols: Symbols, lengths: Integers) -> Keys:
    """The keys of whole runs, which stand in ``symbols`` one after the other."""
    steps = symbols.astype(np.uint64) + np.uint64(1)
    starts = np.cumsum(lengths) - lengths
    keys = np.zeros(len(lengths), np.uint64)
    for at in range(_largest(lengths)):
        longer = np.flatnonzero(lengths > at)
        keys[longer] = keys[longer] * _STEP + steps[starts[longer] + at]
    return keys


class KeyTable:
    """Finds the column of each key, ``-1`` where it has none."""

    def __init__(self, keys: Keys, columns: Columns) -> None:
        """Both as another table holds them, perhaps mapped from a file: nothing is copied.

        Raises:
            ValueError: they are not what ``made`` has put in order.
        """
        spread = keys * _SPREAD
        if len(keys) != len(columns) or (spread[1:] < spread[:-1]).any():
            raise ValueError("the keys are not in the order of a table")
        self.keys, self.columns = keys, columns
        bits = max(1, int(len(keys) * _ROOM).bit_length())
        self._shift = np.uint64(64 - bits)
        buckets = (spread >> self._shift).astype(np.int64)
        self._starts = np.zeros((1 << bits) + 1, np.int32)
        np.cumsum(np.bincount(buckets, minlength=1 << bits), out=self._starts[1:])

    @classmethod
    def made(cls, keys: Keys, columns: Integers) -> "KeyTable":
        """The table of ``keys`` in any order, with the column of each."""
        order = np.argsort(keys * _SPREAD, kind="stable")
        return cls(keys[order], columns[order].astype(np.int32))

    def find(self, keys: Keys) -> Integers:
        """The column of each of ``keys``."""
        buckets = keys * _SPREAD >> self._shift
        at, end = self._starts[buckets], self._starts[buckets + np.uint64(1)]
        found = np.full(len(keys), -1, np.int64)
        open_ = np.flatnonzero(at < end)
        at, end, keys = at[open_], end[open_], keys[open_]
        while len(open_):
            same = self.keys[at] == keys
            found[open_[same]] = self.columns[at[same]]
            at += 1
            left = np.flatnonzero(~same & (at < end))
            open_, at, end, keys = open_[left], at[left], end[left], keys[left]
        return found
