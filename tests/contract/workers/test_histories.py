"""Random histories of a whole house: two routing workers, people and the clock at once.

``HISTORIES`` asks for more than make test has time for (make campaign: 2,000 of 50 steps).
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis.errors import Flaky

from models.store import custody, moves, open_store, tickets
from models.store.custody import load
from tests.contract.store.conftest import FakeClock
from tests.machines.house import House
from tests.machines.playing import play
from workers.dispatch import Dispatcher

HISTORIES = int(os.environ.get("HISTORIES", "20"))
STEPS = 50 if HISTORIES > 20 else 12
Patch = pytest.MonkeyPatch


@pytest.fixture
def house(url: str, tmp_path: Path) -> Iterator[type[House]]:
    """The machine over one database, on a loop of its own."""
    clock = FakeClock()
    with asyncio.Runner() as runner:

        async def opened() -> tuple:
            return tuple(
                open_store(
                    url,
                    master_key=b"m" * 32,
                    blob_dir=tmp_path / "blobs" if url.startswith("sqlite") else None,
                    zone=ZoneInfo("UTC"),
                    clock=clock,
                    pool_size=4,
                )
                for _ in (1, 2)
            )

        stores = runner.run(opened())
        yield type(
            "ThisHouse",
            (House,),
            {"stores": stores, "run": staticmethod(runner.run), "clock": clock, "broken": []},
        )
        for store in stores:
            runner.run(store.close())


def test_the_invariants_hold_over_histories(house: type[House]) -> None:
    play(house, HISTORIES, STEPS)


def no_limit(patch: Patch) -> None:
    async def greedy(tx, agent_id, units, **_options):
        await load(tx, agent_id, units, forced=True)

    patch.setattr(custody, "load", greedy)
    kept = Dispatcher._agents

    async def roomy(self: Dispatcher):
        return [replace(a, capacity=a.capacity + 4) for a in await kept(self)]

    patch.setattr(Dispatcher, "_agents", roomy)


def never_freed(patch: Patch) -> None:
    async def forgetful(*_args: object) -> None: ...

    patch.setattr(custody, "unload", forgetful)
    patch.setattr(moves, "unload", forgetful)
    patch.setattr(tickets, "unload", forgetful)


def two_entries(patch: Patch) -> None:
    async def forgetful(*_args: object) -> None: ...

    patch.setattr(custody, "end_assignment", forgetful)
    patch.setattr(moves, "end_assignment", forgetful)
    patch.setattr(tickets, "end_assignment", forgetful)


def lazy(patch: Patch) -> None:
    async def idle(_self: Dispatcher) -> int:
        return 0

    patch.setattr(Dispatcher, "_give_away", idle)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("plant", "broken"),
    [(no_limit, "I2"), (never_freed, "I7"), (two_entries, "I1"), (lazy, "I3")],
)
def test_a_planted_bug_is_found(
    house: type[House], plant: Callable[[Patch], None], broken: str, monkeypatch: Patch
) -> None:
    plant(monkeypatch)
    with pytest.raises((AssertionError, Flaky)):
        play(house, 20, 20)
    assert broken in house.broken[0]
