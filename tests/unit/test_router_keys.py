"""Where a ticket stands in its queue, at each second on which that changes, in figures.

What must hold for all tickets (I6, I10) is in ``test_router_policy.py``; here a change of any
factor or boundary of the key shows. The figures are worked out by hand from decisions 0008, 0017
and 0018: S̄ = 480 s, m = 4, a ticket in time competes for 1.12 targets, a late one for
0.94 · 4 targets + 0.45 S̄, one that is late twice for 5,600 s.
"""

from dataclasses import replace

import pytest

from models.routing import LATE_TWICE_STEP, Needs, Position, Rules, Targets, Waiting
from router.keys import deadlines_missed, position, rekeyed, retargeted, scarcity_offset

RULES = Rules(
    version="test",
    required_facets=("domain",),
    targets={"live": Targets(by_urgency={}, default=300)},
    units={"live": 2},
)
CREATED = 1000.0


def waiting(target: float, late: bool = False, twice_late: bool = False, step: int = 0) -> Waiting:
    return Waiting(
        ticket_id="t",
        epoch=1,
        needs=Needs(),
        created_at=CREATED,
        target=target,
        late=late,
        twice_late=twice_late,
        units=1,
        relax_step=step,
    )


@pytest.mark.parametrize(
    ("age", "stands"),
    [
        (0, Position(0, False, 1448.0, 1100.0)),
        (99, Position(0, False, 1448.0, 1100.0)),
        (100, Position(1, False, 1448.0, 1200.0)),
        (200, Position(2, False, 1448.0, 1400.0)),
        (399, Position(2, False, 1448.0, 1400.0)),
        (400, Position(2, True, 2720.0, 2600.0)),
        (1599, Position(2, True, 2720.0, 2600.0)),
        (1600, Position(LATE_TWICE_STEP, True, 6600.0, None)),
    ],
)
def test_a_position_changes_on_the_second_and_names_the_next(age: int, stands: Position) -> None:
    assert position(waiting(400), CREATED + age, RULES) == stands


def test_what_may_interrupt_others_is_never_put_behind_them() -> None:
    """With the third deadline, somebody in danger who waited 4 min was to wait 93 more."""
    urgent = replace(waiting(60), interrupts=True)
    long_ago = 60 * 60.0
    assert position(urgent, CREATED + 239, RULES) == Position(2, True, 1441.6, 1240.0)
    assert position(urgent, CREATED + long_ago, RULES) == Position(2, True, 1441.6, None)
    fell_behind = replace(urgent, relax_step=LATE_TWICE_STEP, twice_late=True, late=True)
    assert position(fell_behind, CREATED + long_ago, RULES).sort_key == 1441.6
    assert position(waiting(60), CREATED + long_ago, RULES).sort_key == CREATED + 5600


def test_a_target_longer_than_the_last_deadline_is_not_cut_to_it() -> None:
    assert position(waiting(2000), CREATED + 8000, RULES).sort_key == CREATED + 8000


def test_who_was_late_stays_late_and_what_was_relaxed_stays_relaxed() -> None:
    assert position(waiting(400, late=True), CREATED, RULES) == Position(0, True, 2720.0, 1100.0)
    assert position(waiting(400, twice_late=True), CREATED, RULES).relax_step == LATE_TWICE_STEP
    assert deadlines_missed(waiting(400, late=True), CREATED, RULES) == 1
    assert position(waiting(400, step=2), CREATED, RULES).relax_step == 2
    left_the_last_stage = waiting(400, late=True, step=LATE_TWICE_STEP)
    assert position(left_the_last_stage, CREATED, RULES).relax_step == LATE_TWICE_STEP - 1


@pytest.mark.parametrize(
    ("age", "asked", "target", "missed"),
    [
        (50, 100, 100, 0),
        # The shorter target has just passed: it counts from now.
        (100, 100, 200, 0),
        (200, 100, 300, 0),
        # Counted from now it would end after the old one, which stays.
        (350, 100, 400, 0),
        (450, 300, 300, 1),
        (500, 100, 150, 1),
        # From the last stage back to the one before, but only where the key, less what
        # scarcity weighs in the last one (2,800 s), is smaller.
        (2600, 100, 675, 1),
        (2700, 100, 400, 2),
    ],
)
def test_a_raise_counts_from_the_beginning_else_from_now_else_not(
    age: int, asked: float, target: float, missed: int
) -> None:
    raised = retargeted(waiting(400), asked, CREATED + age, RULES)
    assert (raised.target, raised.late, raised.twice_late, raised.epoch) == (
        target,
        missed > 0,
        missed > 1,
        2,
    )


def test_a_longer_target_keeps_what_the_shorter_one_brought() -> None:
    lowered = retargeted(waiting(100), 400, CREATED + 60, RULES)
    assert (lowered.target, lowered.late, lowered.relax_step) == (400, False, 2)
    lowered = retargeted(waiting(100), 400, CREATED + 100, RULES)
    assert (lowered.target, lowered.late, lowered.twice_late) == (400, True, False)


def test_a_changed_ticket_is_placed_by_its_new_target() -> None:
    target, stands = rekeyed(waiting(400), 100, CREATED + 50, RULES)
    assert (target, stands) == (100, Position(2, False, 1112.0, 1100.0))


def test_the_fewer_can_serve_a_class_the_more_it_goes_ahead_by_more_than_in_proportion() -> None:
    plain = RULES.model_copy(update={"scarcity_of_few": 0.0})
    assert scarcity_offset(2, plain) - scarcity_offset(4, plain) == 2 * 480 * 0.25
    assert scarcity_offset(2, RULES) == 2 * 480 / 2 * (1 + 4 / 2)
    assert scarcity_offset(20, RULES) == 2 * 480 / 20 * (1 + 4 / 20)
    assert scarcity_offset(2, RULES, 1) == scarcity_offset(2, RULES)
    assert scarcity_offset(20, RULES, 2) == 8 * 2 * 480 / 20, "late twice, it counts eightfold"


@pytest.mark.parametrize("missed", [0, 1, 2])
def test_what_one_person_has_to_themselves_does_not_take_them_from_all_else(missed: int) -> None:
    assert scarcity_offset(0, RULES, missed) == scarcity_offset(1, RULES, missed) == 5600 / 2
    by_strength = [scarcity_offset(n, RULES, missed) for n in range(1, 41)]
    assert by_strength == sorted(by_strength, reverse=True), "the bound of a raise (I10)"
