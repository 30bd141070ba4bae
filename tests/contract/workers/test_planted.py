"""Each invariant's test can fail: a bug is planted in the policy, and the machine finds it."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from models.routing import Decision, Needs, Waiting
from router import keys, needs, policy, roster
from tests.machines.centre import Centre

Patch = pytest.MonkeyPatch


def given_twice(patch: Patch) -> None:
    kept = policy.assign
    patch.setattr(policy, "assign", lambda *args: [d for d in kept(*args) for _ in (1, 2)])


def stale(patch: Patch) -> None:
    _each(patch, lambda d, *_: replace(d, epoch=d.epoch - 1))


def over_capacity(patch: Patch) -> None:
    patch.setattr(policy._Room, "take", lambda *_args: None)


def lazy(patch: Patch) -> None:
    kept = policy.assign
    patch.setattr(policy, "assign", lambda *args: kept(*args)[:-1])


def newest_first(patch: Patch) -> None:
    patch.setattr(policy, "_identity", lambda t: (-t.created_at, t.ticket_id, -t.epoch))
    kept = policy._place

    def turned(ticket: Waiting, *args: Any) -> Any:
        place = kept(ticket, *args)
        return place._replace(key=-place.key)

    patch.setattr(policy, "_place", turned)
    stands = policy.standing
    patch.setattr(policy, "standing", lambda *a: stands(*a)._replace(key=-stands(*a).key))


def starving(patch: Patch) -> None:
    kept = policy.assign

    def unfair(heads: Any, *args: Any) -> list[Decision]:
        return kept([h for h in heads if not h.needs.overflow], *args)

    patch.setattr(policy, "assign", unfair)


def never_is_dropped(patch: Patch) -> None:
    kept = needs.ladder

    def forgetful(asked: Needs, steps: int) -> tuple[Needs, ...]:
        return kept(replace(asked, never_drop=frozenset()), steps)

    patch.setattr(roster, "ladder", forgetful)


def tightened_again(patch: Patch) -> None:
    kept = keys.position
    patch.setattr(keys, "position", lambda *args: kept(*args)._replace(relax_step=0))


def by_chance(patch: Patch) -> None:
    turn = count()
    _each(patch, lambda d, *_: replace(d, key=d.key + next(turn)))


def raised_and_moved_back(patch: Patch) -> None:
    def naive(ticket: Waiting, target: float, *_: Any) -> Waiting:
        return replace(ticket, target=target, epoch=ticket.epoch + 1)

    patch.setattr(keys, "retargeted", naive)


def age_lost(patch: Patch) -> None:
    kept = policy.standing

    def punished(ticket: Waiting, *args: Any) -> Any:
        found = kept(ticket, *args)
        return found._replace(key=found.key + 10 * len(ticket.excluded))

    patch.setattr(policy, "standing", punished)


def _each(patch: Patch, change: Callable[..., Decision]) -> None:
    kept = policy.assign
    patch.setattr(policy, "assign", lambda *args: [change(d) for d in kept(*args)])


@pytest.mark.parametrize(
    ("plant", "broken"),
    [
        (given_twice, "I1"),
        (stale, "I1"),
        (over_capacity, "I2"),
        (lazy, "I3|I5"),
        (newest_first, "I4"),
        (starving, "I5|I3"),
        (never_is_dropped, "I6"),
        (tightened_again, "I6"),
        (by_chance, "I9"),
        (raised_and_moved_back, "I10"),
        (age_lost, "I10"),
    ],
)
def test_a_planted_bug_is_found(
    plant: Callable[[Patch], None], broken: str, monkeypatch: Patch
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=broken):
        run_state_machine_as_test(
            Centre,
            settings=settings(
                max_examples=300,
                stateful_step_count=40,
                deadline=None,
                derandomize=True,
                phases=[Phase.generate],
                database=None,
            ),
        )
