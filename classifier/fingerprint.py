"""What of a text is kept to find others about the same matter: its rarest words and characters.

The features are the classifier's own (``classifier.features``): words, and pairs of Chinese
characters, weighted by how rare they were in training. What training never saw weighs most: the
name of what has just broken down is what tells an incident from everyday complaints.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from itertools import chain
from operator import add

from classifier.bundle import Bundle
from classifier.features import Analyser, is_han, pieces
from classifier.stop_phrases import without_stop_phrases
from classifier.text import STAND_INS, Text
from models.similarity import Fingerprint, feature, fingerprint

_BLOCK_WEIGHT = {"word": 0.7, "char": 1.0}
"""Words weigh less than pairs of characters: they are cut differently in different sentences."""

_REMEMBERED = 1 << 16
"""Terms whose feature is kept: a hash costs more than everything else that is done with one."""


class Fingerprinter:
    """Takes fingerprints of texts, their features weighed as the bundle does."""

    def __init__(self, bundle: Bundle, analyse: Analyser) -> None:
        """``analyse`` takes texts apart as for ``bundle``; best the one that did so just now."""
        self._analyse = analyse
        vocabulary = bundle.vocabulary
        weighted = vocabulary.names()[: len(vocabulary.idf)]
        self._idf = {
            term: float(idf)
            for term, idf in zip(weighted, vocabulary.idf, strict=True)
            if _counts(*term)
        }
        self._rarest = max(self._idf.values(), default=1.0)
        self._weighed = {
            block: lru_cache(maxsize=_REMEMBERED)(partial(self._weigh, block))
            for block in _BLOCK_WEIGHT
        }

    def __call__(self, items: Sequence[Text]) -> list[Fingerprint]:
        return [self._fingerprint(*self._matter(item)) for item in items]

    def _matter(self, item: Text) -> tuple[list[str], str]:
        """Words and letters of what a text is about: the set phrases go, the rest was read before.

        Who labels a batch signs it next, and of a text apart only that would be read anew.
        """
        analysis = self._analyse(item)
        matter = without_stop_phrases(analysis.normal)
        if matter == analysis.normal:
            return analysis.words, analysis.letters
        return self._analyse.words(matter), pieces(matter)

    def _fingerprint(self, words: Sequence[str], letters: str) -> Fingerprint:
        weights: dict[int, float] = {}
        matter = [word for word in words if word not in STAND_INS]
        for block, terms in (("word", matter), ("char", _pairs(letters))):
            weighed, counts = self._weighed[block], Counter(terms)
            weights |= map(weighed, counts)
            for term in [term for term, count in counts.items() if count > 1]:
                key, weight = weighed(term)
                weights[key] = (1.0 + math.log(counts[term])) * weight
        return fingerprint(weights)

    def _weigh(self, block: str, term: str) -> tuple[int, float]:
        """The number that stands for a term, and what it weighs where it occurs once."""
        weight = self._idf.get((block, term), self._rarest) * _BLOCK_WEIGHT[block]
        return feature(f"{block}:{term}"), weight


def _pairs(letters: str) -> Iterator[str]:
    """Of Chinese characters; a piece is of one script."""
    han = [piece for piece in letters.split() if is_han(piece[0])]
    return chain.from_iterable(map(add, piece, piece[1:]) for piece in han)


def _counts(block: str, name: str) -> bool:
    """Whole words, and pairs of Chinese characters; no stand-in: every complaint has a number."""
    if block == "word":
        return " " not in name and name not in STAND_INS
    return block == "char" and len(name) == 2 and all(map(is_han, name))
