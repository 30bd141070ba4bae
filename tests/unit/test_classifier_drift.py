"""Drift is told from chance."""

import random
from collections import Counter

import pytest

from classifier.drift import drift, mean_of_tenths, risen, tenth

USUAL = {"咨询": 500, "投诉": 300, "其他": 200}


def test_the_same_shares_have_not_drifted() -> None:
    found = drift(USUAL, {"咨询": 50, "投诉": 30, "其他": 20})
    assert found is not None
    assert found.psi == pytest.approx(0.0)
    assert found.cases == 100
    assert not found.beyond(0.0)


def test_psi_is_as_by_hand() -> None:
    found = drift({"a": 50, "b": 50}, {"a": 80, "b": 20})
    assert found is not None
    # (0.8 - 0.5) ln(0.8/0.5) + (0.2 - 0.5) ln(0.2/0.5)
    assert found.psi == pytest.approx(0.41589, abs=1e-5)
    assert found.beyond(0.25)


def test_a_class_that_was_never_there_counts_and_nothing_is_none() -> None:
    found = drift(USUAL, {"新业务": 100})
    assert found is not None
    assert found.beyond(0.25)
    assert drift({}, USUAL) is None
    assert drift(USUAL, {}) is None


def test_a_small_day_of_the_same_kind_hardly_ever_alarms() -> None:
    chance = random.Random(1)
    names, weights = list(USUAL), list(USUAL.values())
    alarms = 0
    for _ in range(500):
        day = Counter(chance.choices(names, weights, k=20))
        found = drift(USUAL, day)
        assert found is not None
        alarms += found.beyond(0.0)
    assert alarms <= 5


def test_shares_are_counted_by_tenth() -> None:
    assert [tenth(share) for share in (0.0, 0.09, 0.1, 0.99, 1.0)] == ["0", "0", "1", "9", "9"]
    assert mean_of_tenths({"0": 1, "9": 1}) == pytest.approx(0.5)
    assert mean_of_tenths({}) is None


def test_a_share_has_risen_only_where_chance_would_not_have_it() -> None:
    assert risen((10, 1_000), (40, 1_000))
    assert not risen((40, 1_000), (10, 1_000))
    assert not risen((1, 50), (4, 50))
    assert not risen((0, 0), (5, 50))
    assert not risen((5, 50), (0, 0))
    assert not risen((0, 50), (0, 50))
    assert not risen((50, 50), (50, 50))
    # 0.10 to 0.20 of 200 each: z is 2.80, of 300 each 3.43; the line is 3.09.
    assert not risen((20, 200), (40, 200))
    assert risen((30, 300), (60, 300))
