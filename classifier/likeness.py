"""What of a text is kept to find others about the same matter: its rarest words and characters.

The features are the classifier's own (``classifier.features``): words, and pairs of Chinese
characters, weighted by how rare they were in training. What training never saw weighs most: the
name of what has just broken down is what tells an incident from everyday complaints.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from classifier.bundles import Bundle
from classifier.features import Analyser, Analysis, is_han
from classifier.text import STAND_INS, Text, default_cut
from models.likeness import Likeness, feature, likeness

_WORD_WEIGHT = 0.7
"""Of a word, to 1 of a pair of characters: words are cut differently in different sentences."""


class Signer:
    """Signs texts as the bundle weighs their features. Immutable."""

    def __init__(self, bundle: Bundle) -> None:
        self._analyse = Analyser(bundle.taxonomy, default_cut())
        vocabulary = bundle.vocabulary
        weighted = vocabulary.names()[: len(vocabulary.idf)]
        self._idf = {
            _name(block, term): float(idf)
            for (block, term), idf in zip(weighted, vocabulary.idf, strict=True)
            if _counts(block, term)
        }
        self._rarest = max(self._idf.values(), default=1.0)

    def __call__(self, items: Sequence[Text]) -> list[Likeness]:
        return [self._sign(self._analyse(item)) for item in items]

    def _sign(self, analysis: Analysis) -> Likeness:
        weights = {
            feature(name): (1.0 + math.log(count)) * self._weight(name)
            for name, count in Counter(_names(analysis)).items()
        }
        return likeness(weights)

    def _weight(self, name: str) -> float:
        idf = self._idf.get(name, self._rarest)
        return idf * (_WORD_WEIGHT if name.startswith("word") else 1.0)


def _names(analysis: Analysis) -> Iterator[str]:
    for word in analysis.words:
        if _counts("word", word):
            yield _name("word", word)
    for piece in analysis.letters.split():
        for at in range(len(piece) - 1):
            pair = piece[at : at + 2]
            if _counts("char", pair):
                yield _name("char", pair)


def _name(block: str, term: str) -> str:
    return f"{block}:{term}"


def _counts(block: str, term: str) -> bool:
    """Whole words, and pairs of Chinese characters; no stand-in: every complaint has a number."""
    if block == "word":
        return " " not in term and term not in STAND_INS
    return block == "char" and len(term) == 2 and all(map(is_han, term))
