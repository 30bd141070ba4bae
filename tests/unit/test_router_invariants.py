"""The routing rule over long histories: I1–I6, I9 and I10 hold (docs/routing.md)."""

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machines.centre import Centre


@pytest.mark.hypothesis  # as Hypothesis itself marks what is @given
def test_the_invariants_hold_over_histories() -> None:
    run_state_machine_as_test(
        Centre,
        settings=settings(
            max_examples=settings().max_examples // 3,
            stateful_step_count=25,
            deadline=None,
            phases=[Phase.generate],
            database=None,
        ),
    )
