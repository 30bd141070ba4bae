"""Which examples are for learning and which for judging, so that neither knows the other.

The golden part of the seed corpus is pinned: chosen by the content of each text alone, the
same in every installation and at every time, and no bundle that is to serve learns from it.
Of the corrections that the champion has not seen, a part is kept fresh for judging.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from classifier import examples
from classifier.examples import Example
from classifier.text import Text

GOLDEN_PERCENT = 10
"""Of the seed corpus, kept for judging."""

FRESH_PERCENT = 25
"""Of the corrections that the champion has not learnt from, kept for judging."""


@dataclass(frozen=True, slots=True)
class Split:
    """Indices into the seed and into the corrected examples.

    ``dropped`` are so like a golden text, or one that is judged with, that learning
    them would be telling the answers. ``groups`` is what ``examples.groups`` says of the seed
    and then of the corrected examples.
    """

    seed: list[int]
    golden: list[int]
    corrected: list[int]
    fresh: list[int]
    dropped: list[int]
    groups: list[int]

    @property
    def learnt_groups(self) -> list[int]:
        """The groups of what is learnt: of the seed's part and then of the corrected."""
        first = len(self.seed) + len(self.golden)
        return [self.groups[at] for at in (*self.seed, *(first + at for at in self.corrected))]


def golden(seed: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """The seed without its golden part, and the golden part."""
    kept = split(seed, [], [])
    return [seed[at] for at in kept.seed], [seed[at] for at in kept.golden]


def split(seed: Sequence[Example], corrected: Sequence[Example], unseen: Sequence[bool]) -> Split:
    """Splits both, conversations and near-duplicates whole.

    ``unseen`` tells of each corrected example whether it is newer than what the champion learnt
    from.
    A text is golden by its own hash, or because it is like one that is.
    """
    group_of = examples.groups([*seed, *corrected])
    of_seed, of_corrected = group_of[: len(seed)], group_of[len(seed) :]
    # Groups of the seed alone: what agents write must not move the golden part.
    alone = examples.groups(seed) if corrected else of_seed
    chosen = {alone[at] for at, each in enumerate(seed) if _percent(each.item) < GOLDEN_PERCENT}
    gold = [at for at in range(len(seed)) if alone[at] in chosen]
    learn = [at for at in range(len(seed)) if alone[at] not in chosen]
    golden_groups = {of_seed[at] for at in gold}
    known = {of_seed[at] for at in learn}
    known |= {of_corrected[at] for at, new in enumerate(unseen) if not new}
    fresh, kept, dropped = _fresh(corrected, of_corrected, golden_groups, known)
    return Split(learn, gold, kept, fresh, dropped, group_of)


def _fresh(
    corrected: Sequence[Example], group_of: Sequence[int], golden_groups: set[int], known: set[int]
) -> tuple[list[int], list[int], list[int]]:
    """Indices for judging, for learning, and for neither. A group goes by its first example."""
    first: dict[int, int] = {}
    fresh: list[int] = []
    kept: list[int] = []
    dropped: list[int] = []
    for at, group in enumerate(group_of):
        leader = corrected[first.setdefault(group, at)].item
        if group in golden_groups:
            dropped.append(at)
        elif group not in known and _percent(leader) < FRESH_PERCENT:
            fresh.append(at)
        else:
            kept.append(at)
    return fresh, kept, dropped


def _percent(item: Text) -> int:
    """0 to 99, by the text alone."""
    text = f"{item.subject}\n{item.text}"
    return int.from_bytes(hashlib.sha256(text.encode(errors="replace")).digest()[:4]) % 100
