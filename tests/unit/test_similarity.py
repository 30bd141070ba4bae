"""What makes many complaints one matter, and what does not."""

import random
from collections.abc import Sequence

import pytest

from models import similarity
from models.similarity import (
    MOST_OF_TEXT,
    Alarm,
    Complaint,
    Window,
    centroid,
    cosine,
    dump,
    feature,
    fingerprint,
    load,
)

ALARM = Alarm(at_least=4, window=600.0, similarity=0.2)


def _said(name: str, *words: str, at: float = 0.0, customer: str = "") -> Complaint:
    return Complaint(
        name, customer or name, at, fingerprint({feature(word): 1.0 for word in words})
    )


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
    one = fingerprint({feature("a"): 3.0, feature("b"): 4.0})
    assert cosine(one, one) == 1.0
    assert cosine(one, fingerprint({feature("c"): 1.0})) == 0.0
    assert cosine(one, fingerprint({feature("b"): 1.0})) == 0.8
    stored = load(dump(one))
    assert stored.keys() == one.keys()
    assert abs(cosine(stored, one) - 1.0) < 1e-6
    assert len(fingerprint({feature(str(n)): 1.0 for n in range(500)})) == MOST_OF_TEXT
    assert fingerprint({}) == {}


def test_one_matter_is_found_among_many_complaints() -> None:
    found = same_matter(METRO[-1], [*METRO, *OTHERS], ALARM)
    assert _names(found) == {"m0", "m1", "m2", "m3", "m4"}
    assert cosine(centroid(each.fingerprint for each in found), METRO[0].fingerprint) > 0.7


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
    if similarity._customers(within) < alarm.at_least:
        return []
    found = [
        e
        for e in within
        if cosine(new.fingerprint, e.fingerprint) >= similarity._NEAR * alarm.similarity
    ]
    for _ in range(similarity._MOST_ROUNDS):
        before, found = found, around_one_by_one(found, within, alarm.similarity)
        if found == before:
            break
    found = similarity._together(found, new.at, alarm.window)
    return found if new in found and similarity._customers(found) >= alarm.at_least else []


def around_one_by_one(
    found: Sequence[Complaint], within: Sequence[Complaint], least: float
) -> list[Complaint]:
    total = similarity._sum(each.fingerprint for each in found)
    square = sum(weight * weight for weight in total.values())
    inside = {each.ticket_id for each in found}
    near = []
    for each in within:
        dot, rest = sum(w * total.get(key, 0.0) for key, w in each.fingerprint.items()), square
        if each.ticket_id in inside:
            own = sum(weight * weight for weight in each.fingerprint.values())
            dot, rest = dot - own, square - 2 * dot + own
        if rest > 0 and dot >= least * rest**0.5:
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
        least = draw.choice([0.1, 0.2, 0.35])
        alarm = Alarm(at_least=draw.choice([2, 4]), window=600.0, similarity=least)
        found = window.same_matter(each, alarm)
        assert _names(found) == _names(one_by_one(each, left, alarm))
        found_any = found_any or bool(found)
        if found and draw.random() < 0.3:
            window.drop(_names(found))
            gone |= _names(found)
    assert found_any


def test_what_was_stored_years_ago_is_read_today() -> None:
    """By b2sum -l 32; eight bytes a feature, least significant first: number, then weight."""
    assert feature("停运") == 0x9E2081A7
    assert feature("\ud800") == feature("?"), "half a character is no reason to fail"
    kept = {1: 0.5, 2**32 - 1: -1.0}
    stored = bytes.fromhex("010000000000003fffffffff000080bf")
    assert dump(kept) == stored
    assert load(stored) == kept


def test_the_heaviest_features_are_kept() -> None:
    assert fingerprint({1: 3.0, 2: 4.0, 3: 1.0}, most=2) == pytest.approx({2: 0.8, 1: 0.6})
    assert fingerprint({7: 1.0, 5: 1.0, 6: 1.0}, most=1) == {5: 1.0}
    assert fingerprint({1: 0.0}) == {}
    many = [fingerprint({n: 1.0, 1000 + n: 1.0}) for n in range(200)]
    assert len(centroid(many)) == 256
    assert centroid([fingerprint({1: 1.0, 2: 1.0}), fingerprint({1: 1.0})])[1] > 0.9
    assert centroid([]) == {}


@pytest.mark.parametrize(
    ("times", "customers", "found"),
    [
        ((0, 200, 400, 600), "abcd", 4),  # from the first to the last: just one window
        ((0, 200, 400, 600.1), "abcd", 0),
        ((0, 200, 400), "abc", 0),  # four customers, not four complaints
        ((0, 200, 400, 600), "abca", 0),
        ((0, 200, 300, 400, 600), "abaca", 0),
        ((0, 200, 300, 400, 600), "abcad", 5),
        # Of two windows around the last the one that holds more customers; of equals the first.
        ((0, 200, 250, 300, 700, 750), "abcdef", 5),
        ((600, 0, 200, 400), "dabc", 4),
    ],
)
def test_four_customers_within_ten_minutes(
    times: Sequence[float], customers: str, found: int
) -> None:
    """``at_least`` and ``window`` of the alarm, to the second."""
    told = [
        _said(f"t{n}", "三号线", "停运", at=at, customer=customer)
        for n, (at, customer) in enumerate(zip(times, customers, strict=True))
    ]
    assert len(same_matter(told[3 if len(told) > 3 else 0], told, ALARM)) == found


def test_what_belongs_to_an_incident_already_makes_no_other() -> None:
    window = Window(METRO)
    window.drop(["m0", "m1"])
    assert window.same_matter(METRO[2], ALARM) == []
    assert _names(Window(METRO).same_matter(METRO[2], ALARM)) == {"m0", "m1", "m2", "m3", "m4"}


def test_who_is_alone_is_no_matter_however_few_are_enough() -> None:
    alone = Alarm(at_least=1, window=600.0, similarity=0.2)
    assert same_matter(_said("x", "独一无二"), OTHERS, alone) == []
