"""What is decided from probabilities: the cheapest class, and the floors beneath it."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from classifier.keys import Floats, Integers
from classifier.phrases import Hit, Phrases
from classifier.text import normalized
from models.training import FacetSpec, FloorSpec, Taxonomy

_REACH = 12
"""How many characters before a phrase a denial may stand."""

# A denial or a supposition right before the phrase, with at most a few filler words between.
# “是不是盗刷” and “有没有被盗刷” are suspicions, not denials, and count.
_DENIED = re.compile(
    r"(?:(?<!是)不是|(?<!有)没有?|并非|并未|不存在|不涉及|不属于|未曾|未发生|未被|未|无|不会|不要|不想"
    r"|不打算|不至于|防止|预防|避免|以免|防范|谨防|杜绝|如果|万一|要是|假如|假设|倘若|若)"
    r"(?:真的|真|会|被|有|是|发生|出现|存在|造成|导致|遭到|遭遇|收到|任何|什么|人|我的|我|个人|客户|用户"
    r"|银行卡|卡片|卡|账号|账户|去|再|说|怕){0,3}$"
    r"|\b(?:not|no|never|without|isn't|wasn't|aren't|weren't|hasn't|haven't|if|avoid|prevent|nor)"
    r"(?: (?:a|an|any|the|been|being|be|was|is|it's|it|there|my|yet|getting|really"
    r"|of|from|our)){0,3} ?$"
)
_RHETORICAL = re.compile(
    r"(?:这|那|难道|明明)[^,。.;!?]{0,4}不是$|难道[^,。.;!?]{0,6}$|isn't (?:this|that|it) ?$"
)
_ASKS = re.compile(r"[^,。.;!]{0,6}(?:吗|么|嘛|\?)")


class Floor(NamedTuple):
    """A floor that a text has hit, by which of its phrases."""

    spec: FloorSpec
    phrase: str


class Floors:
    """The taxonomy's floors, looked for in normalised texts."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._spec_of: dict[str, FloorSpec] = {}
        harmless: list[str] = []
        for spec in taxonomy.floors.values():
            harmless += normalized(spec.but)
            for phrase in normalized(spec.words):
                self._spec_of.setdefault(phrase, spec)
        # Found like the others, they hide the words in them.
        self._phrases = Phrases([*self._spec_of, *harmless])

    def find(self, normal: str) -> list[Floor]:
        """Each floor that holds, once, in the order of the text."""
        found: dict[str, Floor] = {}
        for hit in self._phrases.find(normal):
            spec = self._spec_of.get(hit.phrase)
            if spec and spec.zh not in found and not _denied(normal, hit):
                found[spec.zh] = Floor(spec, hit.phrase)
        return list(found.values())


def _denied(normal: str, hit: Hit) -> bool:
    before = normal[max(0, hit.start - _REACH) : hit.start]
    if not _DENIED.search(before):
        return False
    asked_back = _RHETORICAL.search(before) and _ASKS.match(normal, hit.end)
    return not asked_back


def at_least(facet: FacetSpec, decided: str, floor: str) -> bool:
    """Whether ``decided`` already satisfies a floor at ``floor``."""
    if not facet.ordinal:
        return decided == floor
    order = list(facet.classes)
    return order.index(decided) <= order.index(floor)


def costs(facet: FacetSpec, classes: Sequence[str]) -> Floats:
    """What it costs to decide class j (column) where class i (row) is true.

    A miss costs what the taxonomy says of the true class. Where classes are ordered, each
    step too low costs that much and each step too high costs 1.
    """
    size = len(classes)
    table = np.zeros((size, size))
    for true in range(size):
        price = facet.classes[classes[true]].cost
        for decided in range(size):
            steps = decided - true
            if not facet.ordinal:
                table[true, decided] = price * (steps != 0)
            else:
                table[true, decided] = price * steps if steps > 0 else -steps
    return table


def cheapest(probabilities: Floats, table: Floats) -> Integers:
    """For each row the class whose expected cost is least."""
    # Not “@”: for a product this small BLAS would wake threads for nothing.
    expected = np.einsum("ij,jk->ik", probabilities, table)
    chosen: Integers = expected.argmin(axis=1)
    return chosen
