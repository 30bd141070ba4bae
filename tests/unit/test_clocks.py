"""Clocks without a database: words that press, and what had waited before it was seen."""

from typing import Any

import pytest

from classifier.pressing import is_pressing
from models.clocks import Case, ClockKind, ClockPolicy, ClockTarget, Facts
from models.routing import Line
from router.clocks import Timekeeper
from router.sla import WEEKDAYS, Calendar, Calendars

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


# -- histories: what was noted of each clock, and when it was so (docs/clocks.md) -------

POLICY: dict[str, Any] = {
    "warn_at": 0.8,
    "escalate_at": (1.0, 1.5, 2.0),
    "escalating": frozenset({K.RESOLUTION, K.NEXT_ANSWER}),
    "pausing": {K.RESOLUTION: frozenset({"pending"})},
    "press_after": {"mail": 60.0},
    "press_levels": (2, 3),
}
URGENT = Facts("email", "a", "mail", "standard", "", "", "紧急")
PARCELS = Facts("email", "a", "mail", "standard", "物流", "", "一般")


def history(clocks: str, *steps: str, due: float | None = None, **changed: Any) -> list[str]:
    """What was noted after ``steps`` (“30 asked”), for clocks like “resolution=100”."""
    return told_of(lived(clocks, *steps, due=due, **changed)[1])


def lived(
    clocks: str, *steps: str, due: float | None = None, **changed: Any
) -> tuple[Timekeeper, Case]:
    targets = []
    for name, seconds in (clock.split("=") for clock in clocks.split()):
        kind, _, urgency = name.partition(":")
        hours = "business" if seconds.endswith("h") else "natural"
        targets.append(
            ClockTarget(
                clock=K(kind), seconds=float(seconds.rstrip("h")), hours=hours,
                urgencies=(urgency,) if urgency else (),
            )
        )  # fmt: skip
    hours = Calendars(Calendar.of("UTC", dict.fromkeys(WEEKDAYS, ("01:00-02:00",))))
    time = Timekeeper(ClockPolicy(tuple(targets), **POLICY | changed), hours)
    ticket = case(routing_due=due)
    for step in steps:
        happens(time, ticket, *step.split())
    return time, ticket


def happens(time: Timekeeper, ticket: Case, when: str, what: str, *more: str) -> None:
    at = float(when)
    if what == "placed":
        facts = {"urgent": URGENT, "parcels": PARCELS}
        time.placed(ticket, at, facts[more[0]] if more else FACTS)
    elif what == "asked":
        received = next((float(word) for word in more if word != "pressing"), at)
        time.asked(ticket, at, received, pressing="pressing" in more)
    elif what == "told":
        time.told(ticket, at, more[0] if more else None)
    elif what == "passed":
        time.advance(ticket, at)
    else:
        time.moved(ticket, at, what, more[0] if more else None)


def told_of(ticket: Case) -> list[str]:
    told = []
    for mark in ticket.marks:
        words = [f"{mark.at:g}", mark.what]
        words += [f"{mark.run.kind}", f"{mark.elapsed:g}"] if mark.run else []
        words += [f"level {mark.level}"] if mark.level else []
        words += [mark.run.outcome or ""] if mark.what == "stopped" and mark.run else []
        told.append(" ".join(words))
    return told


def outcomes(ticket: Case) -> dict[str, str | None]:
    return {run.kind.value: run.outcome for run in ticket.runs}


@pytest.mark.parametrize(
    ("steps", "noted"),
    [
        (("0 placed", "79 passed"), []),
        (("0 placed", "80 passed"), ["80 warned resolution 80"]),
        (("0 placed", "99 resolved li"),
         ["80 warned resolution 80", "99 stopped resolution 99 met"]),
        # At the target it is breached, and each level has its own multiple of it.
        (("0 placed", "100 passed"),
         ["80 warned resolution 80", "100 breached resolution 100",
          "100 escalated resolution 100 level 1"]),
        # While nobody looked: noted with the time at which it was so, once, before what happens.
        (("0 placed", "500 resolved li", "900 passed"),
         ["80 warned resolution 80", "100 breached resolution 100",
          "100 escalated resolution 100 level 1", "150 escalated resolution 150 level 2",
          "200 escalated resolution 200 level 3", "500 stopped resolution 500 missed"]),
        (("0 placed", "85 passed", "120 passed", "170 passed", "999 passed", "999 passed"),
         ["80 warned resolution 80", "100 breached resolution 100",
          "100 escalated resolution 100 level 1", "150 escalated resolution 150 level 2",
          "200 escalated resolution 200 level 3"]),
        # Waiting for the customer does not count; helpers and our own queue do.
        (("0 placed", "30 pending", "1000 passed", "1030 active", "1050 helping", "1060 waiting",
          "1080 passed"),
         ["30 paused resolution 30", "1030 resumed resolution 30", "1080 warned resolution 80"]),
        (("0 placed", "30 pending", "40 pending", "1000 resolved"),
         ["30 paused resolution 30", "1000 stopped resolution 30 met"]),
        (("0 placed", "90 pending", "1000 active", "1010 passed"),
         ["80 warned resolution 80", "90 paused resolution 90", "1000 resumed resolution 90",
          "1010 breached resolution 100", "1010 escalated resolution 100 level 1"]),
        # Ended otherwise: nobody waits for it any more. What was missed stays missed.
        (("0 placed", "50 returned"), ["50 stopped resolution 50 ended"]),
        (("0 placed", "50 invalid"), ["50 stopped resolution 50 void"]),
        (("0 placed", "120 returned"),
         ["80 warned resolution 80", "100 breached resolution 100",
          "100 escalated resolution 100 level 1", "120 stopped resolution 120 missed"]),
        (("0 placed", "120 invalid"),
         ["80 warned resolution 80", "100 breached resolution 100",
          "100 escalated resolution 100 level 1", "120 stopped resolution 120 void"]),
        # Anew after reopening; a pardon begins them again, from the arrival.
        (("0 placed", "50 resolved", "200 active", "280 passed"),
         ["50 stopped resolution 50 met", "280 warned resolution 80"]),
        (("0 placed", "50 invalid", "60 waiting", "70 placed", "80 passed"),
         ["50 stopped resolution 50 void", "80 warned resolution 80"]),
        (("0 placed", "50 resolved", "60 placed", "500 passed"), ["50 stopped resolution 50 met"]),
        # A clock of the machine that was put back makes nothing negative.
        (("60 placed", "50 invalid"), ["50 stopped resolution 50 void"]),
        (("0 placed", "50 resolved", "200 active", "190 resolved"),
         ["50 stopped resolution 50 met", "200 stopped resolution 0 met"]),
    ],
)  # fmt: skip
def test_the_resolution(steps: tuple[str, ...], noted: list[str]) -> None:
    assert history("resolution=100", *steps) == noted


def test_only_its_own_clocks_escalate() -> None:
    noted = history("first_answer=28 resolution=30", "0 placed", "31 passed")
    assert noted == [
        "22.4 warned first_answer 22.4", "24 warned resolution 24", "28 breached first_answer 28",
        "30 breached resolution 30", "30 escalated resolution 30 level 1",
    ]  # fmt: skip


def test_the_level_is_raised_by_whoever_comes_first_and_never_sinks() -> None:
    """A second clock that reaches the same level tells nothing; in order of time across clocks."""
    noted = history(
        "resolution=100 next_answer=30", "0 placed", "60 asked", "500 resolved",
        escalate_at=(1.0, 2.0),
    )  # fmt: skip
    assert [mark for mark in noted if "escalated" in mark] == [
        "90 escalated next_answer 30 level 1", "120 escalated next_answer 60 level 2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ("told", {"acknowledgement": "met", "first_answer": None}),
        ("told li", {"acknowledgement": "met", "first_answer": "met"}),
        ("resolved li", {"acknowledgement": "ended", "first_answer": "ended"}),
        ("invalid li", {"acknowledgement": "void", "first_answer": "void"}),
        ("active li", {"acknowledgement": None, "first_answer": None}),
    ],
)
def test_who_tells_the_customer_something(steps: str, outcome: dict[str, str | None]) -> None:
    _, ticket = lived("acknowledgement=100 first_answer=100", "0 placed", f"10 {steps}")
    assert outcomes(ticket) == outcome
    by = {run.agent_id for run in ticket.runs}
    assert by == ({"li"} if "li" in steps and "active" not in steps else {None})


@pytest.mark.parametrize(
    ("clocks", "due", "target", "hours"),
    [
        ("first_answer=100", None, 100, "natural"),
        ("first_answer=100", 60.0, 60, "natural"),
        ("first_answer=100", 100.0, 100, "natural"),
        ("first_answer=100", 160.0, 100, "natural"),
        ("first_answer=100h", 3700.0, 100, "business"),
        ("first_answer=100h", 3699.0, 3699, "natural"),
        ("", 60.0, 60, "natural"),
        ("", 0.2, 1, "natural"),
    ],
)
def test_the_routers_deadline_is_one_as_well(
    clocks: str, due: float | None, target: float, hours: str
) -> None:
    """Whichever of the two comes first; the teams of these tests open from one to two."""
    _, ticket = lived(clocks, "0 placed", due=due)
    (first,) = ticket.runs
    assert (first.kind, first.target, first.hours) == (K.FIRST_ANSWER, target, hours)


def test_the_routers_deadline_is_no_other_clocks() -> None:
    _, ticket = lived("acknowledgement=100 resolution=100", "0 placed", due=60.0)
    assert {run.kind: run.target for run in ticket.runs} == {
        K.ACKNOWLEDGEMENT: 100, K.RESOLUTION: 100, K.FIRST_ANSWER: 60,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "noted"),
    [
        (("0 placed", "10 told li", "50 asked", "55 told", "60 told wu"),
         ["10 stopped first_answer 10 met", "60 stopped next_answer 10 met"]),
        # Who writes on while they wait begins nothing anew.
        (("0 placed", "10 told li", "50 asked", "70 asked", "80 told li"),
         ["10 stopped first_answer 10 met", "74 warned next_answer 24",
          "80 breached next_answer 30", "80 escalated next_answer 30 level 1",
          "80 stopped next_answer 30 missed"]),
        (("0 placed", "20 asked", "60 told li"), ["60 stopped first_answer 60 met"]),
        # Read late: it waited since it came.
        (("0 placed", "10 told li", "100 asked 75"),
         ["10 stopped first_answer 10 met", "99 warned next_answer 24"]),
        # Ended without an answer and reopened: it is owed again, from then on, and once.
        (("0 placed", "10 resolved li", "50 waiting", "55 active", "60 asked", "70 told li"),
         ["10 stopped first_answer 10 ended", "70 stopped first_answer 20 met"]),
        (("0 placed", "5 told li", "10 asked", "20 resolved li", "50 waiting", "60 told li"),
         ["5 stopped first_answer 5 met", "20 stopped next_answer 10 ended",
          "60 stopped next_answer 10 met"]),
        (("0 placed", "10 told li", "20 resolved li", "50 waiting", "500 passed"),
         ["10 stopped first_answer 10 met"]),
        # So is what was late already, and never came; not what came late.
        (("0 placed", "120 resolved li", "150 waiting", "170 told li"),
         ["80 warned first_answer 80", "100 breached first_answer 100",
          "120 stopped first_answer 120 missed", "170 stopped first_answer 20 met"]),
        (("0 placed", "120 told li", "130 resolved li", "150 waiting", "500 passed"),
         ["80 warned first_answer 80", "100 breached first_answer 100",
          "120 stopped first_answer 120 missed"]),
        # Without labels yet: the clocks will begin with the arrival.
        (("20 asked", "30 placed", "40 told li"), ["40 stopped first_answer 40 met"]),
    ],
)  # fmt: skip
def test_answers(steps: tuple[str, ...], noted: list[str]) -> None:
    assert history("first_answer=100 next_answer=30", *steps) == noted


@pytest.mark.parametrize(
    ("steps", "pressed", "level"),
    [
        (("10 asked",), 0, 0),
        (("10 asked pressing",), 1, 0),
        (("59 asked",), 0, 0),
        (("60 asked",), 1, 0),
        (("59 asked", "118 asked", "178 asked"), 1, 0),  # since the last one, each time
        (("100 asked 59",), 0, 0),  # by when it came, not by when it was read
        (("60 asked", "61 asked 30", "119 asked"), 1, 0),  # read in another order
        (("60 asked pressing",), 1, 0),
        (("60 asked", "120 asked"), 2, 1),
        (("60 asked", "120 asked", "180 asked"), 3, 2),
        (("60 asked", "120 asked", "180 asked", "240 asked"), 4, 2),
        (("10 told li", "100 asked"), 0, 0),  # nobody had kept them waiting
        (("10 told li", "100 asked", "160 asked"), 1, 0),
    ],
)
def test_pressing(steps: tuple[str, ...], pressed: int, level: int) -> None:
    _, ticket = lived("first_answer=9999 next_answer=9999", "0 placed", *steps)
    assert (ticket.pressed, ticket.escalation) == (pressed, level)
    marks = [mark for mark in ticket.marks if mark.what == "pressed"]
    assert [mark.times for mark in marks] == list(range(1, pressed + 1))


def test_where_no_pause_is_set_only_words_press() -> None:
    _, ticket = lived("first_answer=99", "0 placed", "90 asked", press_after={"live": 60.0})
    assert ticket.pressed == 0


@pytest.mark.parametrize(
    ("steps", "noted"),
    [
        # Turns of 10 and 49 s: less than 30 on average. The first begins with the arrival.
        (("0 placed", "10 told li", "100 asked", "149 told li", "200 resolved"),
         ["200 stopped average_answer 59 met"]),
        (("0 placed", "10 told li", "100 asked", "150 told li", "200 resolved"),
         ["150 warned average_answer 30", "200 stopped average_answer 60 met"]),
        (("0 placed", "10 told li", "100 asked", "151 told li", "200 resolved"),
         ["150 warned average_answer 30", "200 breached average_answer 30.5",
          "200 stopped average_answer 61 missed"]),
        # A later turn makes good for this one; an automatic text ends none, nor do more words.
        (("0 placed", "50 told li", "100 asked", "103 told", "104 asked", "105 told li",
          "200 resolved"),
         ["30 warned average_answer 30", "200 stopped average_answer 55 met"]),
        # Between turns nothing passes; the one that runs at the end is one as well.
        (("0 placed", "10 told li", "20 told li", "999 passed", "1000 asked", "1049 returned"),
         ["1049 stopped average_answer 59 met"]),
        (("0 placed", "10 told li", "100 asked", "120 invalid"),
         ["120 stopped average_answer 30 void"]),
    ],
)  # fmt: skip
def test_the_average_is_judged_at_the_end(steps: tuple[str, ...], noted: list[str]) -> None:
    assert history("average_answer=30", *steps) == noted


def test_an_average_of_no_turn_is_none() -> None:
    pausing = {K.AVERAGE_ANSWER: frozenset({"pending"})}
    noted = history("average_answer=30", "0 placed", "10 pending", "99 resolved", pausing=pausing)
    assert noted == ["10 paused average_answer 10", "99 stopped average_answer 10 ended"]


def test_a_chat_that_is_reopened_has_an_average_of_its_own() -> None:
    time, ticket = lived(
        "average_answer=30 next_answer=99", "0 placed", "10 told li", "20 resolved", "40 active",
        "50 asked", "55 told li", "60 passed",
    )  # fmt: skip
    (average,) = ticket.open(K.AVERAGE_ANSWER)
    assert (average.started_at, time.elapsed(average, 60.0)) == (50.0, 5.0)


@pytest.mark.parametrize(
    ("steps", "noted"),
    [
        # What has passed has passed, only what is left may change.
        (("0 placed", "30 placed urgent", "50 passed"),
         ["30 retargeted resolution 30", "40 warned resolution 40", "50 breached resolution 50",
          "50 escalated resolution 50 level 1"]),
        (("0 placed", "70 placed urgent", "75 passed"),
         ["70 retargeted resolution 70", "70 warned resolution 70", "70 breached resolution 70",
          "70 escalated resolution 70 level 1", "75 escalated resolution 75 level 2"]),
        (("0 placed urgent", "45 placed", "80 passed"),
         ["40 warned resolution 40", "45 retargeted resolution 45"]),
        (("0 placed", "20 pending", "30 placed urgent", "1000 active", "1020 passed"),
         ["20 paused resolution 20", "30 retargeted resolution 20", "1000 resumed resolution 20",
          "1020 warned resolution 40"]),
        (("0 placed", "30 placed", "40 placed parcels", "80 passed"),
         ["80 warned resolution 80"]),
    ],
)  # fmt: skip
def test_other_labels(steps: tuple[str, ...], noted: list[str]) -> None:
    assert history("resolution:紧急=50 resolution=100", *steps) == noted


def test_other_labels_change_the_first_answer_while_the_router_still_waits_for_it() -> None:
    clocks, steps = "first_answer:紧急=50 first_answer=100", ("0 placed", "10 placed urgent")
    assert history(clocks, *steps, due=999.0) == ["10 retargeted first_answer 10"]
    assert history(clocks, *steps, due=30.0) == [], "its own deadline comes first, as before"
    assert history(clocks, *steps, due=70.0) == ["10 retargeted first_answer 10"]


def test_a_run_is_of_the_labels_it_was_judged_by() -> None:
    """The figures sum up by domain: a correction counts, though the target is the same."""
    _, ticket = lived("resolution=100", "0 placed", "30 placed parcels")
    assert [(run.facts.domain, run.elapsed) for run in ticket.runs] == [("物流", 30.0)]


def test_labels_without_a_target_leave_what_runs_as_it_is() -> None:
    _, ticket = lived("resolution:紧急=50", "0 placed urgent", "10 placed")
    assert [(run.target, run.facts) for run in ticket.runs] == [(50, URGENT)]
    assert lived("resolution:紧急=50", "0 placed")[1].runs == []


def test_business_hours_are_those_of_the_ticket() -> None:
    """These teams are there from one to two o'clock, every day."""
    steps = ("0 placed", "4000 pending", "5000 active", "91000 passed")
    assert history("resolution=2000h", *steps) == [
        "4000 paused resolution 400", "5000 resumed resolution 400",
        "6200 warned resolution 1600", "6600 breached resolution 2000",
        "6600 escalated resolution 2000 level 1", "90400 escalated resolution 3000 level 2",
    ]  # fmt: skip


def test_each_team_has_its_own_hours() -> None:
    def daily(hours: str) -> Calendar:
        return Calendar.of("UTC", dict.fromkeys(WEEKDAYS, (hours,)))

    line = Line(channels=("email",), accounts=("a",), domains=("物流",))
    targets = (ClockTarget(clock=K.RESOLUTION, seconds=60.0, hours="business"),)
    hours = Calendars(daily("01:00-02:00"), ((line, daily("03:00-04:00")),))
    time = Timekeeper(ClockPolicy(targets, **POLICY), hours)
    due = {}
    for facts in (FACTS, PARCELS):
        ticket = case()
        time.placed(ticket, 0.0, facts)
        due[facts.domain] = time.due_at(ticket.runs[0])
    assert due == {"": 3660.0, "物流": 3 * 3600 + 60.0}


def test_when_they_have_to_be_looked_at_again() -> None:
    time, ticket = lived("resolution=100 acknowledgement=50", "0 placed")
    looks = []
    while (moment := time.next_moment(ticket)) is not None:
        looks.append(moment)
        time.advance(ticket, moment)
    assert looks == [40, 50, 80, 100, 150, 200]
    assert [time.due_at(run) for run in ticket.runs] == [50, 100]
    time.moved(ticket, 300.0, "pending")
    assert [time.due_at(run) for run in ticket.runs] == [50, None]
    assert [time.elapsed(run, 999.0) for run in ticket.runs] == [999, 300]


def test_what_was_changed_is_written() -> None:
    """The store writes what says so, and nothing else."""
    steps = ["0 placed", "30 pending", "40 active", "80 passed", "90 passed", "95 placed urgent",
             "96 asked", "96.5 asked", "97 told", "98 told li", "99 resolved"]  # fmt: skip
    time, ticket = lived("resolution:紧急=200 resolution=90 next_answer=50 average_answer=9")
    changed = {}
    for step in steps:
        happens(time, ticket, *step.split())
        changed[step] = sorted(run.kind.value for run in ticket.runs if run.changed or run.new)
        for run in ticket.runs:
            run.changed = run.new = False
    assert changed == {
        "0 placed": ["average_answer", "resolution"],
        "30 pending": ["average_answer", "resolution"],
        "40 active": ["resolution"],
        "80 passed": [],
        "90 passed": ["resolution"],
        "95 placed urgent": ["average_answer", "resolution"],
        "96 asked": ["next_answer"],
        "96.5 asked": ["next_answer"],
        "97 told": [],
        "98 told li": ["average_answer", "next_answer"],
        "99 resolved": ["average_answer", "resolution"],
    }
