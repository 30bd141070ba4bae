"""Finding many fixed phrases in one pass."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from classifier.text import normalize


class Hit(NamedTuple):
    """A phrase where it stands in a normalised text."""

    phrase: str
    start: int
    end: int


class Phrases:
    """A set of phrases, normalised as the text is in which they are looked for.

    A phrase that begins or ends with a Latin letter or digit matches whole words only:
    “ship” is not in “membership”, “12315” not in an order number.
    """

    def __init__(self, phrases: Iterable[str]) -> None:
        by_first: dict[str, set[str]] = {}
        for phrase in map(normalize, phrases):
            if phrase:
                by_first.setdefault(phrase[0], set()).add(phrase)
        self._by_first = {
            first: sorted(group, key=lambda phrase: (-len(phrase), phrase))
            for first, group in by_first.items()
        }

    def find(self, normal: str) -> Iterator[Hit]:
        """Hits from left to right: the longest at each place, none inside another.

        So “不满意” hides “满意”, while “一直没收到” gives both “一直没” and “没收到”.
        """
        covered = 0
        for start, first in enumerate(normal):
            for phrase in self._by_first.get(first, ()):
                end = start + len(phrase)
                if normal.startswith(phrase, start) and _whole(normal, start, end):
                    if end > covered:
                        yield Hit(phrase, start, end)
                        covered = end
                    break


def _alphanumeric(character: str) -> bool:
    return character.isascii() and character.isalnum()


def _whole(normal: str, start: int, end: int) -> bool:
    cut_before = start > 0 and _alphanumeric(normal[start]) and _alphanumeric(normal[start - 1])
    cut_after = end < len(normal) and _alphanumeric(normal[end - 1]) and _alphanumeric(normal[end])
    return not cut_before and not cut_after
