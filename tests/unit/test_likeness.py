"""What makes many complaints one matter, and what does not."""

from models.likeness import (
    MOST_OF_TEXT,
    Alarm,
    Complaint,
    cosine,
    dump,
    feature,
    likeness,
    load,
    middle,
    same_matter,
)

ALARM = Alarm(at_least=4, window=600.0, similarity=0.2)


def _said(name: str, *words: str, at: float = 0.0, customer: str = "") -> Complaint:
    alike = likeness({feature(word): 1.0 for word in words})
    return Complaint(name, customer or name, at, alike)


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
