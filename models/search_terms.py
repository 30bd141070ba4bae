"""What tickets are found by: the terms of what was said, and the facts of who said it.

Chinese has no spaces, and whoever searches cuts words as no dictionary does: a run of Chinese
characters is found by its pairs of characters, a code with digits in it (an order number) by its
fours, so that any part of it will do, and other words whole, English ones in any form
(``stem``). Pairs in another order make other words, so who finds a ticket by its terms looks into
the text itself before it counts (``Part.within``).

All of it is kept as hashes with a key (``Hashing``): what an index leaves behind of a text that
was withdrawn is read by nobody, and a customer's name stays as sealed as it is elsewhere.
"""

import functools
import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from models.contacts import normal
from models.message import Sender

FactKind = Literal["email", "phone", "handle", "name"]

Fact = tuple[FactKind, str]
"""What is known of a customer, in the one spelling that equal values have."""

MOST_PARTS = 8
"""Words of one question; more find nothing that fewer do not."""

_CJK = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff"
"""Scripts that are written without spaces, and Hangul, whose endings grow on its words."""

_RUN = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+")
_IS_CJK = re.compile(rf"[{_CJK}]")
_JOINT = re.compile(r"(?<=[0-9])[ -](?=[0-9])|(?<=[a-z])-(?=[0-9])|(?<=[0-9])-(?=[a-z])")
"""What parts the groups of a number: 138 0013 8000 and DD-2026-17 are written without as well."""

_PAIR, _FOUR = 2, 4
_LONGEST = 64
"""Characters of one word or code: beyond, it is a picture or a key that somebody pasted."""


class _Fold(dict[int, int]):
    """Half width, small and simplified, each character where it was; worked out once each."""

    def __missing__(self, code: int) -> int:
        plain = unicodedata.normalize("NFKC", chr(code)).lower()
        folded = ord(plain) if len(plain) == 1 else code
        self[code] = folded = _simplified().get(folded, folded)
        return folded


_FOLD = _Fold()


@functools.cache
def _simplified() -> dict[int, int]:
    """Traditional characters to the simplified ones, each by itself."""
    import opencc

    traditional = "".join(map(chr, range(0x3400, 0xA000)))
    simple = opencc.OpenCC("t2s").convert(traditional)
    pairs = zip(traditional, simple, strict=True)
    return {ord(one): ord(other) for one, other in pairs if one != other}


def folded(text: str) -> str:
    """``text`` as it is compared, of the same length."""
    return text.lower() if text.isascii() else text.translate(_FOLD)


def terms_of(text: str) -> set[str]:
    """By what a text is found, not hashed yet."""
    found: set[str] = set()
    for run in _RUN.findall(_JOINT.sub("", folded(text))):
        found.update(_terms(run))
    return found


def _terms(run: str) -> Iterable[str]:
    if _IS_CJK.match(run):
        return _grams(run, _PAIR)
    run = run[:_LONGEST]
    if len(run) >= _FOUR and any(map(str.isdigit, run)):
        return _grams(run, _FOUR)
    return (stem(run),) if len(run) > 1 else ()


_VOWEL = re.compile("[aeiouy]")
_DOUBLE = re.compile(r"([^aeiou])\1$")
_LEAST = 4
"""Letters of a word that has an ending; “fees” has, “fee” and “bus” have not."""


def stem(word: str) -> str:
    """What an English word has in common with its plural and its other forms; others are kept.

    Step 1 of M. F. Porter, An algorithm for suffix stripping (Program 14, 1980), and then the
    last e and a doubled consonant go, so that charge is with charging and cancel with cancelled.
    It is no word, and the two forms of a question and of a text only have to meet in it.
    """
    if not (word.isascii() and word.isalpha()):
        return word
    if len(word) >= _LEAST and word[-1] == "s" and not word.endswith(("ss", "us")):
        word = word[:-1]
    for ending in ("ed", "ing"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= _LEAST - 1 and _VOWEL.search(rest):
            word = rest
            break
    if len(word) < _LEAST:
        return word
    word = word.removesuffix("e")
    if word[-1] == "y":
        return f"{word[:-1]}i"
    return _DOUBLE.sub(r"\1", word)


def _grams(run: str, size: int) -> list[str]:
    return [run[at : at + size] for at in range(len(run) - size + 1)]


# -- who said it -----------------------------------------------------------------------


def facts_of(sender: Sender) -> set[Fact]:
    """What is known of who wrote; a name also by each of its words."""
    facts: set[Fact] = {("handle", _handle(sender.external_id))}
    if sender.email:
        facts.add(("email", normal("email", sender.email)))
    if sender.phone:
        facts.add(("phone", normal("phone", sender.phone)))
    name = folded(sender.name)
    runs = [run for run in _RUN.findall(name) if len(run) > 1]
    facts.update(("name", run) for run in [*runs, _joined(name)])
    return {(kind, value) for kind, value in facts if value}


_LEAST_DIGITS = 5
"""Of a telephone number: the service numbers of mainland China have five."""


def _asked(text: str) -> Iterator[Fact]:
    """What a question may be, where it is all of somebody's address or name."""
    yield "handle", _handle(text)
    if "@" in text:
        yield "email", normal("email", text)
    if re.fullmatch(r"[0-9 ()+-]+", text) and sum(map(str.isdigit, text)) >= _LEAST_DIGITS:
        yield "phone", normal("phone", text)
    if name := _joined(folded(text)):
        yield "name", name


def _handle(text: str) -> str:
    return folded(text).strip().removeprefix("@")


def _joined(name: str) -> str:
    return "".join(_RUN.findall(name))


# -- asking ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """One word of a question: what a ticket must have, in its text or in who wrote."""

    text: str
    terms: frozenset[str]
    facts: frozenset[Fact]

    def within(self, text: str) -> tuple[int, int] | None:
        """Where ``text`` has it, or another form of it: from where up to where (excluded)."""
        plain = folded(text)
        found = _pattern(self.text).search(plain) or self._other_form(plain)
        return found.span() if found else None

    def _other_form(self, plain: str) -> re.Match[str] | None:
        if not (self.text.isascii() and self.text.isalpha()):
            return None
        mine = stem(self.text)
        return next((run for run in _RUN.finditer(plain) if stem(run[0]) == mine), None)


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody looks for: all of the parts, or the whole as one fact."""

    parts: Sequence[Part]
    facts: frozenset[Fact]

    @property
    def finds(self) -> bool:
        """Whether there is anything to look up: one character of Chinese alone is too little."""
        return any(part.terms for part in self.parts)


def question(text: str) -> Question:
    """What is asked by ``text``: words apart by spaces, or one address, number or name."""
    plain = _JOINT.sub("", folded(text))
    words = list(dict.fromkeys(plain.split()))[:MOST_PARTS]
    parts = [Part(word, frozenset(terms_of(word)), frozenset(_asked(word))) for word in words]
    return Question(parts, frozenset(_asked(text.strip())))


@functools.lru_cache(maxsize=256)
def _pattern(plain: str) -> re.Pattern[str]:
    """``plain`` as people write it: numbers with or without what parts their groups."""
    pieces = [re.escape(plain[0])]
    for before, after in pairwise(plain):
        code = before.isascii() and after.isascii() and before.isalnum() and after.isalnum()
        if code and (before.isdigit() or after.isdigit()):
            pieces.append("[ -]?" if before.isdigit() and after.isdigit() else "-?")
        pieces.append(re.escape(after))
    return re.compile("".join(pieces))


# -- hashing ---------------------------------------------------------------------------

_TERM_BYTES, _FACT_BYTES = 3, 10
"""Two terms may share a hash, for whoever finds one looks into the text; two facts must not."""


class Hashing:
    """Terms and facts as an index holds them: equal ones equal, and nothing to be read."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """By each of ``keys`` in turn: of the first master key, and of those after it."""
        self._keys = keys

    def terms(self, terms: Collection[str]) -> list[str]:
        return sorted({self._hash(term, _TERM_BYTES) for term in terms})

    def fact(self, fact: Fact) -> str:
        return self._hash("\0".join(fact), _FACT_BYTES)

    def _hash(self, text: str, size: int) -> str:
        for key in self._keys:
            text = hashlib.blake2b(text.encode(), key=key, digest_size=size).hexdigest()
        return text

    def once_more(self, hashes: Collection[str]) -> list[str]:
        """What the keys before the last one left, hashed by that one."""
        last = Hashing(self._keys[-1:])
        return sorted({last._hash(one, len(one) // 2) for one in hashes})
