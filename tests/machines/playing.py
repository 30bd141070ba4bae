"""Playing a state machine as often as is asked for, and not looking for a smaller example."""

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test


def play(
    machine: type[RuleBasedStateMachine], histories: int, steps: int, begin: int | None = None
) -> None:
    """Few histories are always the same ones; many are new each time, or those of ``begin``."""
    if begin is not None:
        seed(begin)(machine)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=histories,
            stateful_step_count=steps,
            deadline=None,
            derandomize=begin is None and histories <= 20,
            phases=[Phase.generate],
            database=None,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        ),
    )
