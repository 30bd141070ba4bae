"""Clocks without a database: words that press, and what had waited before it was seen."""

from typing import Any

import pytest

from classifier.pressing import is_pressing
from models.clocks import Case, ClockKind, ClockPolicy, ClockTarget, Facts
from router.clocks import Timekeeper
from router.sla import Calendar, Calendars

K = ClockKind
FACTS = Facts("email", "a", "mail", "standard", "", "", "一般")


def keeper(**changed: Any) -> Timekeeper:
    values: dict[str, Any] = {
        "targets": tuple(ClockTarget(clock=kind, seconds=3600.0) for kind in K),
        "warn_at": 0.5,
        "escalate_at": (1.0,),
        "escalating": frozenset(K),
        "pausing": {},
        "press_after": {"mail": 600.0},
        "press_levels": (2,),
    }
    return Timekeeper(ClockPolicy(**values | changed), Calendars(Calendar.of("UTC", {})))


def case(**changed: Any) -> Case:
    return Case("t", "1", None, "c", FACTS, 0.0, changed.get("routing_due"), 0, 0)


# -- what is told by words -------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["催一下", "怎么还没处理", "请尽快处理！", "等了很久了", "没人理我", "怎麼還沒回覆",
     "any update?", "I am still waiting for this"],
)  # fmt: skip
def test_words_that_press(text: str) -> None:
    assert is_pressing(text)


@pytest.mark.parametrize(
    "text", ["包裹什么时候到", "催收部门打电话给我", "How do I wait for a refund", "谢谢", ""]
)
def test_words_that_do_not(text: str) -> None:
    assert not is_pressing(text)


def test_what_arrived_earlier_was_waited_for_since_then() -> None:
    """A message that waited in our own queues: the customer does not mind whose queue it was."""
    time, ticket = keeper(), case()
    time.placed(ticket, 600.0, FACTS)
    assert {run.started_at for run in ticket.runs} == {0.0}
    time.told(ticket, 700.0, "li")
    time.asked(ticket, 5000.0, 4000.0, pressing=False)
    (answer,) = ticket.open(K.NEXT_ANSWER)
    assert answer.started_at == 4000.0


def test_a_second_line_is_no_pressing_but_a_second_word_is() -> None:
    time, ticket = keeper(), case()
    time.placed(ticket, 0.0, FACTS)
    for at, pressed in ((30.0, 0), (620.0, 0), (1300.0, 1), (1310.0, 1), (2000.0, 2)):
        time.asked(ticket, at, at, pressing=False)
        assert ticket.pressed == pressed
    assert ticket.escalation == 1


def test_helpers_and_waiting_never_pause_whatever_the_customer_waits_for() -> None:
    time, ticket = keeper(pausing={K.RESOLUTION: frozenset({"pending"})}), case()
    time.placed(ticket, 0.0, FACTS)
    for at, state in ((60.0, "active"), (120.0, "helping"), (180.0, "waiting")):
        time.moved(ticket, at, state)
    time.moved(ticket, 240.0, "pending")
    (resolution,) = ticket.open(K.RESOLUTION)
    assert (resolution.elapsed, resolution.since) == (240.0, None)


def test_the_rules_deadline_does_not_move_back_once_it_is_anothers() -> None:
    """After the ticket came back to the queue, the router's deadline is of that wait."""
    time, ticket = keeper(), case(routing_due=60.0)
    time.placed(ticket, 0.0, FACTS)
    ticket.routing_due = None
    time.placed(ticket, 30.0, FACTS)
    (first,) = ticket.open(K.FIRST_ANSWER)
    assert first.target == 60.0
