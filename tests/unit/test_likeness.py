"""What makes many complaints one matter, and what does not."""

import random
from collections.abc import Sequence

import pytest

from models import likeness as likenesses
from models.likeness import (
    MOST_OF_TEXT,
    Alarm,
    Complaint,
    Window,
    cosine,
    dump,
    feature,
    likeness,
    load,
    middle,
)

ALARM = Alarm(at_least=4, window=600.0, similarity=0.2)


def _said(name: str, *words: str, at: float = 0.0, customer: str = "") -> Complaint:
    alike = likeness({feature(word): 1.0 for word in words})
    return Complaint(name, customer or name, at, alike)


def same_matter(new: Complaint, others: Sequence[Complaint], alarm: Alarm) -> list[Complaint]:
    """Among these and itself."""
    known = {each.ticket_id: each for each in (*others, new)}
    return Window(list(known.values())).same_matter(new, alarm)


def _names(found: list[Complaint]) -> set[str]:
    return {each.ticket_id for each in found}


METRO = [
    _said(f"m{n}", "三号线", "停运", *words, at=60.0 * n)
    for n, words in enumerate(
        [("迟到",), ("投诉", "站台"), ("赔偿",), ("广播", "故障"), ("接驳",)]
    )
]
OTHERS = [_said(f"o{n}", f"thing{n % 11}", f"word{n}", at=20.0 * n) for n in range(30)]


def test_it_is_as_alike_as_it_is_and_survives_storing() -> None:
    one = likeness({feature("a"): 3.0, feature("b"): 4.0})
    assert cosine(one, one) == 1.0
    assert cosine(one, likeness({feature("c"): 1.0})) == 0.0
    assert cosine(one, likeness({feature("b"): 1.0})) == 0.8
    stored = load(dump(one))
    assert stored.keys() == one.keys()
    assert abs(cosine(stored, one) - 1.0) < 1e-6
    assert len(likeness({feature(str(n)): 1.0 for n in range(500)})) == MOST_OF_TEXT
    assert likeness({}) == {}


def test_one_matter_is_found_among_many_complaints() -> None:
    found = same_matter(METRO[-1], [*METRO, *OTHERS], ALARM)
    assert _names(found) == {"m0", "m1", "m2", "m3", "m4"}
    assert cosine(middle(each.alike for each in found), METRO[0].alike) > 0.7


def test_complaints_about_this_and_that_are_none() -> None:
    assert not any(same_matter(each, OTHERS, ALARM) for each in OTHERS)


def test_too_few_customers_are_none() -> None:
    assert same_matter(METRO[2], METRO[:3], ALARM) == []
    same = [_said(f"m{n}", "三号线", "停运", customer="wang") for n in range(9)]
    assert same_matter(same[0], same, ALARM) == []


def test_they_lie_within_one_window_whatever_their_order() -> None:
    spread = [_said(f"s{n}", "三号线", "停运", at=250.0 * n) for n in range(9)]
    assert same_matter(spread[4], spread, ALARM) == []
    late = _said("late", "三号线", "停运", at=10_000.0)
    assert "late" not in _names(same_matter(METRO[0], [late, *reversed(METRO)], ALARM))
    early = same_matter(METRO[0], [late, *reversed(METRO)], ALARM)
    assert _names(early) == {"m0", "m1", "m2", "m3", "m4"}


def one_by_one(new: Complaint, others: Sequence[Complaint], alarm: Alarm) -> list[Complaint]:
    """``Window.same_matter``, with dictionaries: what it has to agree with."""
    around = [each for each in others if abs(each.at - new.at) <= alarm.window]
    within = [new, *(each for each in around if each.ticket_id != new.ticket_id)]
    if likenesses._customers(within) < alarm.at_least:
        return []
    found = [
        e for e in within if cosine(new.alike, e.alike) >= likenesses._NEAR * alarm.similarity
    ]
    for _ in range(likenesses._ROUNDS):
        before, found = found, around_one_by_one(found, within, alarm.similarity)
        if found == before:
            break
    found = likenesses._together(found, new.at, alarm.window)
    return found if new in found and likenesses._customers(found) >= alarm.at_least else []


def around_one_by_one(
    found: Sequence[Complaint], within: Sequence[Complaint], similarity: float
) -> list[Complaint]:
    total = likenesses._sum(each.alike for each in found)
    square = sum(weight * weight for weight in total.values())
    inside = {each.ticket_id for each in found}
    near = []
    for each in within:
        dot, rest = sum(w * total.get(key, 0.0) for key, w in each.alike.items()), square
        if each.ticket_id in inside:
            own = sum(weight * weight for weight in each.alike.values())
            dot, rest = dot - own, square - 2 * dot + own
        if rest > 0 and dot >= similarity * rest**0.5:
            near.append(each)
    return near


@pytest.mark.parametrize("seed", range(6))
def test_all_at_once_is_as_one_by_one(seed: int) -> None:
    draw = random.Random(seed)
    words = [f"词{n}" for n in range(40)]
    said = []
    for n in range(60):
        about = draw.choice(["停运", "涨价", ""])
        chosen = draw.sample(words, draw.randrange(0, 6)) + [about] * bool(about)
        at, customer = draw.uniform(0, 1500), f"c{draw.randrange(25)}"
        said.append(_said(f"t{n}", *chosen, at=at, customer=customer))
    window, gone = Window(said), set()
    found_any = False
    for each in draw.sample(said, 40):
        if each.ticket_id in gone:
            continue
        left = [other for other in said if other.ticket_id not in gone]
        alike = draw.choice([0.1, 0.2, 0.35])
        alarm = Alarm(at_least=draw.choice([2, 4]), window=600.0, similarity=alike)
        found = window.same_matter(each, alarm)
        assert _names(found) == _names(one_by_one(each, left, alarm))
        found_any = found_any or bool(found)
        if found and draw.random() < 0.3:
            window.drop(_names(found))
            gone |= _names(found)
    assert found_any
