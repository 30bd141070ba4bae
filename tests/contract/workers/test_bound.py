"""The bound, against sums that can be done by hand."""

import pytest

from models.routing import Needs
from workers.rules.bound import Group, bound

GOODS, MONEY = (Needs(required=((f"domain:{name}", 1),)) for name in ("物流", "支付"))
ENGLISH = Needs(required=(("domain:支付", 1), ("lang:en", 1)), never_drop=frozenset({"lang:en"}))
LI = Group(("li",), {"domain:物流": 3}, 3600.0)
WU = Group(("wu",), {"domain:支付": 3}, 3600.0)
BOTH = Group(("he",), {"domain:物流": 3, "domain:支付": 3}, 3600.0)


def test_two_who_cannot_help_each_other_are_as_good_as_the_busier_one() -> None:
    found = bound({GOODS: 2700.0, MONEY: 900.0}, [LI, WU], 2)
    assert found.occupancy == pytest.approx(0.75)
    assert found.bottleneck == ("li",)
    assert found.prices == pytest.approx({"domain:物流:1": 1.0})


def test_one_who_can_both_shares_the_load() -> None:
    found = bound({GOODS: 3600.0, MONEY: 3600.0}, [LI, WU, BOTH], 2)
    assert found.occupancy == pytest.approx(2 / 3)
    assert set(found.bottleneck) == {"li", "wu", "he"}
    assert found.training == ()


def test_the_skill_to_train_is_the_one_that_relieves_the_bottleneck() -> None:
    found = bound({GOODS: 3600.0, MONEY: 900.0}, [LI, WU], 2)
    (best, *_) = found.training
    assert (best.agent_id, best.skill, best.level) == ("wu", "domain:物流", 1)
    assert best.occupancy == pytest.approx(4500 / 7200)


def test_more_than_everybody_can_do_is_said() -> None:
    report = bound({GOODS: 5400.0}, [LI, WU], 2).report()
    assert report["occupancy"] == pytest.approx(1.5)
    assert report["carries"] is False
    assert bound({GOODS: 1800.0}, [LI], 2).report()["carries"] is True


def test_what_nobody_can_serve_is_named_and_left_out() -> None:
    report = bound({GOODS: 1800.0, ENGLISH: 60.0}, [LI, WU], 2).report()
    assert report["uncovered"] == (ENGLISH.skill_class,)
    assert report["occupancy"] == pytest.approx(0.5)
    assert report["carries"] is False
    assert bound({ENGLISH: 60.0}, [LI], 2).occupancy is None


def test_a_level_that_is_relaxed_counts_and_one_that_is_never_dropped_does_not() -> None:
    senior = Needs(required=(("domain:物流", 4),))
    assert bound({senior: 1800.0}, [LI], 2).occupancy == pytest.approx(0.5)
    fixed = Needs(required=(("domain:物流", 4),), never_drop=frozenset({"domain:物流"}))
    assert bound({fixed: 1800.0}, [LI], 2).occupancy is None


def test_the_overflow_group_helps_out() -> None:
    asked = Needs(required=(("domain:发票", 1),), overflow="domain:支付")
    assert bound({asked: 1800.0}, [LI, WU], 2).occupancy == pytest.approx(0.5)


def test_agents_alike_are_one_group_and_one_of_them_learns() -> None:
    pair = Group(("wu", "xu"), {"domain:支付": 3}, 7200.0)
    found = bound({GOODS: 3600.0, MONEY: 3600.0}, [LI, pair], 2)
    assert found.occupancy == pytest.approx(1.0)
    best = found.training[0]
    assert best.agent_id == "wu"
    assert best.occupancy == pytest.approx(7200 / 10800)
