"""Random histories of a whole house: two routing workers, people and the clock at once.

``HISTORIES`` asks for more than make test has time for (make campaign: 2,000 of 50 steps). They
come in parts, so that several processes share them; ``HISTORIES_SEED`` plays those of a seed.
"""

import gc
import os
import secrets

import pytest

from tests.machines.house import House
from tests.machines.playing import play

HISTORIES = int(os.environ.get("HISTORIES", "20"))
MANY = HISTORIES > 20
STEPS = 50 if MANY else 12
PARTS = max(HISTORIES // 100, 1)
SEED = int(os.environ.get("HISTORIES_SEED", secrets.randbelow(10**6)))


# A worker that is killed leaves its connection behind, as a dead process does.
@pytest.mark.filterwarnings("ignore:.*non-checked-in connection:sqlalchemy.exc.SAWarning")
@pytest.mark.parametrize("part", range(PARTS))
def test_the_invariants_hold_over_histories(house: type[House], part: int) -> None:
    house.length = STEPS
    play(house, HISTORIES // PARTS, 1, SEED + part if MANY else None)
    gc.collect()
    whole = sum(steps == STEPS for steps in house.steps)
    assert whole >= HISTORIES // PARTS
    print(f"part {part} of seed {SEED}: {whole} of {STEPS} steps, {sum(house.given)} times given")
