"""What stands under a rehearsal: true in every case, and in words that a supervisor knows."""

from collections.abc import Mapping
from typing import Any

from workers.rules.picture import bound_sentences, short


def side(occupancy: float | None, **more: Any) -> dict[str, Any]:
    return {"occupancy": occupancy, "uncovered": (), "training": (), **more}


def told(whole: Mapping[str, Any], busiest: Mapping[str, Any] | None = None) -> list[str]:
    return [text for text, _ in bound_sentences({"bound": whole, "busiest": busiest})]


def test_a_centre_with_hands_to_spare_is_not_told_that_people_are_short() -> None:
    whole, last = told(side(0.08))
    assert "8.0 % of the capacity" in whole
    assert "技能够用" in last
    assert "缺的是人手" not in last


def test_hands_are_short_where_no_skill_would_help() -> None:
    *_, last = told(side(0.8), side(1.02, hour=14))
    assert "缺的是人手" in last
    busy = told(side(0.8), side(1.02, hour=14))[1]
    assert "14:00–15:00" in busy


def test_what_nobody_can_serve_is_listed_briefly_and_is_no_reason_to_train_nobody() -> None:
    """One more skill is just what helps there."""
    classes = [f"domain:d{i}:1+lang:en:1!|type:{kind}:2" for i in range(8) for kind in "ab"]
    first, *rest = told(side(0.5, uncovered=tuple(classes)))
    assert "等 8 类" in first
    assert "d0+en、d1+en" in first
    assert not any("培训" in text or "技能" in text for text in rest)


def test_a_class_is_called_what_people_call_it() -> None:
    assert short("domain:物流:1+lang:en:1!|type:咨询:2") == "物流+en · 咨询 ≥2"
    assert short("triage:1") == "triage"


def test_whom_to_train_is_told_with_the_level() -> None:
    training = ({"agent_id": "li", "skill": "domain:支付", "level": 2, "occupancy": 0.7},)
    assert told(side(0.9, training=training))[-1].startswith("先培训 train first: li · 支付（2 级")
