"""Labelled messages, and which of them are so alike that they must stay together."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from classifier.text import Text, normalize

ALIKE = 0.6
"""Jaccard similarity of character 3-grams from which two texts are near-duplicates."""


_BLOCK = 4_000_000
"""Pairs compared at once: some 50 MB."""


@dataclass(frozen=True, slots=True)
class Example:
    """A message with its right labels: facet to class. A facet may be missing.

    Examples with the same non-empty ``group`` (a conversation) are never split apart.
    """

    item: Text
    labels: Mapping[str, str]
    group: str = ""


def fingerprint(examples: Sequence[Example]) -> str:
    """SHA-256 (hex) over all that is learnt from, in order."""
    digest = hashlib.sha256()
    for example in examples:
        item = example.item
        fields = [item.text, item.subject, item.channel, example.group]
        line = json.dumps([*fields, sorted(example.labels.items())], ensure_ascii=False)
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def _shingles(item: Text) -> frozenset[str]:
    text = normalize(f"{item.subject} {item.text}")
    return frozenset(text[at : at + 3] for at in range(max(1, len(text) - 2)))


def alike_pairs(items: Sequence[Text]) -> list[tuple[int, int]]:
    """Pairs of near-duplicates (first index smaller), found exactly.

    Shared shingles of all pairs are counted at once, as the product of the text-by-shingle
    matrix with itself, in blocks of rows that bound the memory.
    """
    sets = [_shingles(item) for item in items]
    columns: dict[str, int] = {}
    indices = [columns.setdefault(each, len(columns)) for shingles in sets for each in shingles]
    sizes = np.array([len(shingles) for shingles in sets], np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    ones = np.ones(len(indices), np.int32)
    matrix = csr_matrix((ones, indices, starts), shape=(len(sets), len(columns)))
    pairs: list[tuple[int, int]] = []
    height = max(1, _BLOCK // max(1, len(sets)))
    for top in range(0, len(sets), height):
        shared = (matrix[top : top + height] @ matrix[: top + height].T).tocoo()
        rows, others = shared.row + top, shared.col
        union = sizes[rows] + sizes[others] - shared.data
        alike = (shared.data >= ALIKE * union) & (others < rows)
        pairs += zip(others[alike].tolist(), rows[alike].tolist(), strict=True)
    return sorted(pairs)


def groups(examples: Sequence[Example]) -> list[int]:
    """For each example the number of its group: same conversation or near-duplicate."""
    parent = list(range(len(examples)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first_of: dict[str, int] = {}
    for index, example in enumerate(examples):
        if example.group:
            parent[root(index)] = root(first_of.setdefault(example.group, index))
    for one, other in alike_pairs([example.item for example in examples]):
        parent[root(other)] = root(one)
    return [root(index) for index in range(len(examples))]


def folds(examples: Sequence[Example], count: int) -> list[int]:
    """A fold number for each example: groups whole, every class spread evenly.

    Groups go one by one, large first, to the fold that so far has least of their labels.
    Depends on the content only, never on chance or order of a hash.
    """
    members: dict[int, list[int]] = {}
    for index, group in enumerate(groups(examples)):
        members.setdefault(group, []).append(index)

    def content(group: int) -> tuple[int, str]:
        text = examples[group].item.text
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
