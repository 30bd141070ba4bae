"""Labelled messages, and which of them are so alike that they must stay together."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from classifier.keys import Integers
from classifier.text import Text, code_points, normalize
from models.training import Taxonomy

ALIKE = 0.6
"""Jaccard similarity of character 3-grams from which two texts are near-duplicates."""

_BANDS, _VALUES = 80, 4
"""Of MinHash values: a pair of similarity s becomes a candidate with 1 − (1 − s⁴)⁸⁰."""

_MIX = np.uint64(0x9E3779B97F4A7C15)
"""An odd constant that spreads a band's values over 64 bits (Knuth, TAOCP 6.4)."""

_AT_ONCE = 8_000_000
"""Shingles of candidate pairs that are compared at once: of letters of many pages, two hundred
thousand pairs are gigabytes."""

_CROWD, _NEAR = 400, 16
"""Of more texts than a crowd that agree in a band, each is compared with the next few only: a
form letter that twenty thousand people sent would be two hundred million pairs."""

_PENDING = 4_000_000
"""Candidates kept before those that were found twice are dropped."""

Shingles = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Example:
    """A message with its right labels: facet to class. A facet may be missing.

    Examples with the same non-empty ``group`` (a conversation) are never split apart.
    """

    item: Text
    labels: Mapping[str, str]
    group: str = ""


def up_to_date(data: Sequence[Example], taxonomy: Taxonomy) -> list[Example]:
    """The same with every label as it is called now: renamed and merged classes (“was”)."""
    facets = taxonomy.facets
    return [
        replace(
            each,
            labels={
                name: facets[name].now(label) if name in facets else label
                for name, label in each.labels.items()
            },
        )
        for each in data
    ]


def fingerprint(examples: Sequence[Example]) -> str:
    """SHA-256 (hex) over all that is learnt from, in order."""
    digest = hashlib.sha256()
    for example in examples:
        item = example.item
        fields = [item.text, item.subject, item.channel, example.group]
        line = json.dumps([*fields, sorted(example.labels.items())], ensure_ascii=False)
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def _shingles(item: Text) -> Shingles:
    """The characters of each run of three as one number, each once; a short text is one run."""
    codes = code_points(normalize(f"{item.subject} {item.text}")).astype(np.uint64)
    first, second, third = np.append(codes, np.zeros(max(0, 3 - len(codes)), np.uint64))[
        np.arange(max(1, len(codes) - 2)) + np.arange(3)[:, None]
    ]
    return np.unique((first << _TWO) | (second << _ONE) | third)


_ONE, _TWO = np.uint64(21), np.uint64(42)
"""Bits of one character and of two."""


def _alike(shingles: Sequence[Shingles]) -> list[tuple[int, int]]:
    """Pairs of near-duplicates (first index smaller).

    Candidates are those that agree in a band of MinHash values (Broder 1997; banding as in
    Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, 3.4), which costs little more than
    a look at each text; whether they are alike is then computed exactly. A pair at the very
    threshold is missed once in 67,000 times, one that is more alike hardly ever. Of a crowd
    (more than 400 texts that agree in a band) only enough pairs are given to join it.
    """
    sets = _matrix(shingles)
    one, other = _candidates(sets)
    sizes = np.diff(sets.indptr)
    pairs: list[tuple[int, int]] = []
    cuts = np.flatnonzero(np.diff(np.cumsum(sizes[one] + sizes[other]) // _AT_ONCE)) + 1
    for left, right in zip(np.split(one, cuts), np.split(other, cuts), strict=True):
        shared = np.asarray(sets[left].multiply(sets[right]).sum(axis=1)).ravel()
        alike = shared >= ALIKE * (sizes[left] + sizes[right] - shared)
        pairs += zip(left[alike].tolist(), right[alike].tolist(), strict=True)
    return sorted(pairs)


def _links(shingles: Sequence[Shingles]) -> list[tuple[int, int]]:
    """As ``_alike``, but what reads the same is compared once and tied to its first.

    A thousand times “查询订单” with different numbers would be half a million pairs.
    """
    first: dict[bytes, int] = {}
    twins: list[tuple[int, int]] = []
    for index, each in enumerate(shingles):
        earlier = first.setdefault(each.tobytes(), index)
        if earlier != index:
            twins.append((earlier, index))
    once = list(first.values())
    pairs = _alike([shingles[index] for index in once])
    return sorted([*twins, *((once[one], once[other]) for one, other in pairs)])


def _matrix(sets: Sequence[Shingles]) -> csr_matrix:
    """A row a set, a column a shingle, in the order in which they first occur."""
    every = np.concatenate([np.empty(0, np.uint64), *sets])
    _, first, number = np.unique(every, return_index=True, return_inverse=True)
    column = np.empty(len(first), np.int64)
    column[np.argsort(first)] = np.arange(len(first))
    starts = np.concatenate([[0], np.cumsum([len(shingles) for shingles in sets])])
    ones = np.ones(len(every), np.int32)
    matrix = csr_matrix((ones, column[number], starts), shape=(len(sets), len(first)))
    matrix.sort_indices()
    return matrix


def _candidates(sets: csr_matrix) -> tuple[Integers, Integers]:
    """Pairs of rows (first smaller) whose MinHash values agree in at least one band."""
    random = np.random.default_rng(0)
    starts, seen = sets.indptr[:-1], [np.empty(0, np.int64)]
    count = sets.shape[0]
    for _ in range(_BANDS if count else 0):
        keys = np.zeros(count, np.uint64)
        for _ in range(_VALUES):
            drawn = random.integers(0, 1 << 32, sets.shape[1], np.uint32)
            keys = keys * _MIX + np.minimum.reduceat(drawn[sets.indices], starts)
        seen.append(_pairs_of_equal(keys, count))
        if sum(map(len, seen[1:])) > _PENDING:
            seen = [np.unique(np.concatenate(seen))]
    pairs = np.unique(np.concatenate(seen))
    return pairs // max(count, 1), pairs % max(count, 1)


def _pairs_of_equal(keys: NDArray[np.uint64], count: int) -> Integers:
    """Pairs of positions with the same key, as first · count + second: all but of a crowd."""
    order = np.argsort(keys, kind="stable")
    _, of_key, sizes = np.unique(keys[order], return_inverse=True, return_counts=True)
    few = sizes[of_key] <= _CROWD
    found = [np.empty(0, np.int64)]
    left = np.arange(count)
    gap = 0
    while len(left):
        gap += 1
        left = left[left < count - gap]
        left = left[of_key[left] == of_key[left + gap]]
        if gap > _NEAR:
            left = left[few[left]]
        found.append(order[left] * count + order[left + gap])
    return np.concatenate(found)


def groups(examples: Sequence[Example]) -> list[int]:
    """For each example the number of its group: same conversation or near-duplicate."""
    parent = list(range(len(examples)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first_of: dict[str, int] = {}
    first_said: dict[tuple[str, str], int] = {}
    for index, example in enumerate(examples):
        if example.group:
            parent[root(index)] = root(first_of.setdefault(example.group, index))
        said = (example.item.subject, example.item.text)
        parent[root(index)] = root(first_said.setdefault(said, index))
    once = list(first_said.values())
    for one, other in _links([_shingles(examples[index].item) for index in once]):
        parent[root(once[other])] = root(once[one])
    return [root(index) for index in range(len(examples))]


def repeated(asked: Sequence[Example], known: Sequence[Example]) -> list[bool]:
    """Which of ``asked`` are in a group with one of ``known``, so that it gives them away."""
    group_of = groups([*known, *asked])
    learnt = set(group_of[: len(known)])
    return [group in learnt for group in group_of[len(known) :]]


def contradicted(examples: Sequence[Example], facet: str) -> int:
    """How many carry another label of ``facet`` than one with the very same text."""
    said: dict[tuple[str, str], Counter[str]] = {}
    for each in examples:
        if facet in each.labels:
            key = (each.item.subject, each.item.text)
            said.setdefault(key, Counter())[each.labels[facet]] += 1
    return sum(labels.total() for labels in said.values() if len(labels) > 1)


def folds(
    examples: Sequence[Example], count: int, group_of: Sequence[int] | None = None
) -> list[int]:
    """A fold number for each example: groups whole, every class spread evenly.

    Groups go one by one, large first, to the fold that so far has least of their labels.
    Depends on the content only, never on chance or order of a hash. ``group_of`` is what
    ``groups`` gives, or gave of more examples, where that is known already.
    """
    members: dict[int, list[int]] = {}
    for index, group in enumerate(groups(examples) if group_of is None else group_of):
        members.setdefault(group, []).append(index)

    def content(group: int) -> tuple[int, str]:
        text = examples[members[group][0]].item.text
        return -len(members[group]), hashlib.sha256(text.encode(errors="replace")).hexdigest()

    held = [Counter[tuple[str, str]]() for _ in range(count)]
    sizes = [0] * count
    fold_of = [0] * len(examples)
    for group in sorted(members, key=content):
        labels = [label for index in members[group] for label in examples[index].labels.items()]
        fold = min(
            range(count),
            key=lambda fold: (sum(held[fold][label] for label in labels), sizes[fold], fold),
        )
        held[fold].update(labels)
        sizes[fold] += len(members[group])
        for index in members[group]:
            fold_of[index] = fold
    return fold_of
