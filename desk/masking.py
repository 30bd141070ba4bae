"""What customers write: telephone, bank card and ID numbers masked until somebody asks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from models.masking import masked
from models.store.dialogue.conversations import Entry

FindSpans = Callable[[str], Sequence[tuple[str, int, int]]]
"""Key information in a text: kind, start, end (excluded), from left to right."""

_MASKED = frozenset({"phone", "card", "identity"})
"""Enough to steal with, and nothing that a ticket is found by, as an order number is."""
_LONGEST_NUMBER = 64
_MOST_SHORTENED = 4
"""A bank card with a space behind each digit is 37 characters, and masked 11."""

_MOST_KEYS = 20
"""Of one message: a long list is no key information."""


def hidden(text: str, find: FindSpans) -> str:
    """``text`` with the numbers masked that are nobody's business: 138****5678."""
    parts, at = [], 0
    for start, end, mask in _masks(text, find):
        parts += [text[at:start], mask]
        at = end
    return "".join([*parts, text[at:]])


def _masks(text: str, find: FindSpans) -> Iterator[tuple[int, int, str]]:
    """What is masked of a text, from left to right: from where, up to where, and by what."""
    for kind, start, end in find(text):
        if kind in _MASKED:
            yield start, end, _masked(text[start:end])


class Excerpt(NamedTuple):
    """A place in a text, with a little of what stands before and after it."""

    before: str
    hit: str
    after: str


_BEFORE, _AFTER = 24, 56
"""Characters of an excerpt: two lines of a list."""


def excerpt(text: str, start: int, end: int, find: FindSpans) -> Excerpt:
    """From ``start`` up to ``end`` and around it, masked; a number that it is in is all hit."""
    grown = 0
    for low, high, mask in _masks(text, find):
        if low >= end:
            break
        if start < high:
            start, end = min(start, low), max(end, high)
            end += len(mask) - (high - low)
        else:
            grown += len(mask) - (high - low)
    start, end, masked_text = start + grown, end + grown, hidden(text, find)
    return Excerpt(
        masked_text[max(start - _BEFORE, 0) : start],
        masked_text[start:end],
        masked_text[end : end + _AFTER],
    )


def beginning(text: str, find: FindSpans, length: int) -> str:
    """The first characters of ``text``, masked; of a long text the rest is not read."""
    return hidden(text[: read_for(length)], find)[:length]


def read_for(length: int) -> int:
    """How many characters ``beginning`` reads of a text, to give so many."""
    return _MOST_SHORTENED * length + _LONGEST_NUMBER


def _masked(number: str) -> str:
    """Without what parts its groups: the last four are digits."""
    return masked(number.replace(" ", "").replace("-", ""))


def shown(entry: Entry, find: FindSpans) -> Entry:
    """A line of the conversation as it is displayed. What we wrote is shown as it is."""
    if entry.side == "us":
        return entry
    text = hidden(entry.text, find)
    whole = text if entry.text_full == entry.text else hidden(entry.text_full, find)
    return replace(
        entry,
        text=text,
        text_full=whole,
        versions=[version | {"text": hidden(version["text"], find)} for version in _each(entry)],
    )


def _each(entry: Entry) -> Iterator[dict[str, Any]]:
    return (dict(version) for version in entry.versions)


def keys_of(entry: Entry, find: FindSpans, *, revealed: bool = False) -> list[dict[str, Any]]:
    """The key information of a customer's message, each once; ``revealed``: nothing masked."""
    if entry.side == "us" or entry.withdrawn_at is not None:
        return []
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for kind, start, end in find(entry.text):
        text, hide = entry.text[start:end], kind in _MASKED and not revealed
        told = _masked(text) if hide else text
        found.setdefault((kind, text), {"kind": kind, "text": told, "masked": hide})
    return list(found.values())[:_MOST_KEYS]


def hides_something(entry: Entry, find: FindSpans) -> bool:
    """Whether what is displayed of a message is less than what was written."""
    return shown(entry, find) != replace(entry, versions=list(_each(entry)))
