"""What closes a complaint, and when two are of one matter."""

from dataclasses import replace

import pytest

from models.complaint import (
    GAP_NAMES,
    Gap,
    Matter,
    Settlement,
    Word,
    alike,
    gaps,
    same_matter,
)

_HANDLER, _SUPERVISOR, _OTHER = "handler", "supervisor", "other"

_WHOLE = Settlement(
    department="物流部",
    outcome="已补发",
    responsibility="承运商",
    customer_word=Word.ACCEPTED,
    reviewed_by=_SUPERVISOR,
    review_passed=True,
    called_back_by=_OTHER,
    reached=True,
)


def test_a_settled_complaint_lacks_nothing() -> None:
    assert gaps(_WHOLE, {_HANDLER}) == ()


@pytest.mark.parametrize(
    ("undone", "missing"),
    [
        ({"department": ""}, Gap.DEPARTMENT),
        ({"outcome": ""}, Gap.OUTCOME),
        ({"outcome": "  \n"}, Gap.OUTCOME),
        ({"responsibility": ""}, Gap.RESPONSIBILITY),
        ({"open_tasks": 1}, Gap.TASKS),
        ({"customer_word": None}, Gap.CUSTOMER_WORD),
        ({"called_back_by": None}, Gap.CALL_BACK),
        ({"reached": False}, Gap.CALL_BACK),
        ({"called_back_by": _HANDLER}, Gap.CALL_BACK),
        ({"reviewed_by": None}, Gap.REVIEW),
        ({"review_passed": None}, Gap.REVIEW),
        ({"review_passed": False}, Gap.REVIEW),
        ({"reviewed_by": _HANDLER}, Gap.REVIEW),
    ],
)
def test_each_condition_is_asked_for(undone: dict[str, object], missing: Gap) -> None:
    assert gaps(replace(_WHOLE, **undone), {_HANDLER}) == (missing,)  # type: ignore[arg-type]


def test_who_handed_it_on_may_not_call_back_either() -> None:
    assert gaps(_WHOLE, {_HANDLER, _OTHER}) == (Gap.CALL_BACK,)


def test_a_rejecting_customer_has_spoken() -> None:
    assert gaps(replace(_WHOLE, customer_word=Word.REJECTED), {_HANDLER}) == ()


def test_at_the_beginning_everything_is_missing_but_tasks() -> None:
    assert set(gaps(Settlement(), ())) == set(Gap) - {Gap.TASKS}


def test_every_gap_has_a_name_in_both_languages() -> None:
    assert set(GAP_NAMES) == set(Gap)
    assert all(zh and en for zh, en in GAP_NAMES.values())


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Matter("物流", "一直没收到货"), Matter("物流", "你们到底管不管"), True),
        (Matter("物流", "订单 20261101001 没到"), Matter("物流", "20261101002 破损"), False),
        (Matter("物流", "订单 20261101001 没到"), Matter("支付", "20261101001 退款"), True),
        (Matter("物流", "快递十天没有收到"), Matter("", "快递十天还没有收到！"), True),
        (Matter("物流", "快递十天没有收到"), Matter("账户", "登录不上"), False),
        (Matter("", ""), Matter("", ""), False),
    ],
)
def test_two_of_one_matter(one: Matter, other: Matter, same: bool) -> None:
    assert same_matter(one, other) is same
    assert same_matter(other, one) is same


def test_likeness_passes_over_marks_and_case() -> None:
    assert alike("Refund ME!", "refund, me") == 1.0
    assert alike("", "退款") == 0.0
