"""The pace of a queue is that of the agents, never that of the customers."""

import random

import pytest

from models.wait_estimates import FEWEST, Departure, Pace, pace


def test_only_times_count_in_which_somebody_waited() -> None:
    # Three leave while the next is there already; then the queue is empty for 900 s.
    left = [Departure(0, 10), Departure(0, 20), Departure(5, 30), Departure(930, 930)]
    assert pace(left, None, 2000) == Pace(2, 20)


def test_a_later_ticket_that_overtakes_does_not_hide_that_others_waited() -> None:
    left = [Departure(0, 10), Departure(15, 20), Departure(5, 30)]
    assert pace(left, None, 30) == Pace(2, 20)


def test_what_waits_still_counts_and_a_queue_that_stands_still_slows_down() -> None:
    left = [Departure(0, 10.0 * n) for n in range(1, 11)]
    assert pace(left, None, 100) == Pace(9, 90)
    assert pace(left, 50, 100) == Pace(9, 90)
    assert pace(left, 50, 200) == Pace(9, 190)
    # Who came only after the last departure says nothing of it.
    assert pace(left, 150, 200) == Pace(9, 90)


def test_too_little_is_unknown() -> None:
    assert pace([], 0, 100).wait(1) is None
    left = [Departure(0, float(n)) for n in range(1, FEWEST + 1)]
    assert pace(left, None, 10.0).wait(1) is None
    assert pace([*left, Departure(0, FEWEST + 1.0)], None, 10.0).wait(3) == pytest.approx(3.0)


def test_the_measured_pace_is_that_of_the_agents_however_rarely_customers_come() -> None:
    """Two agents of 60 s each, loaded to two thirds: a rate by all times would say 1/45."""
    chance = random.Random("pace")
    now, free, left = 0.0, [0.0, 0.0], []
    for _ in range(8_000):
        now += chance.expovariate(1 / 45)
        begins = max(now, min(free))
        free[free.index(min(free))] = begins + chance.expovariate(1 / 60)
        left.append(Departure(now, begins))
    measured = pace(left, None, now).rate
    assert measured == pytest.approx(2 / 60, rel=0.05)
