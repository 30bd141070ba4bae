"""The histories over a real database can fail: a bug is planted in the store or the dispatcher.

The policy's own are in test_planted.py.
"""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis.errors import Flaky

from models.store import custody, moves, tickets
from models.store.custody import load
from tests.machines.house import House
from tests.machines.playing import play
from workers.dispatch import Dispatcher

Patch = pytest.MonkeyPatch


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


def restless(patch: Patch) -> None:
    kept = Dispatcher.run

    async def touching(self: Dispatcher) -> int:
        given = await kept(self)
        for head in await self._store.queue.heads(5):
            await self._store.queue.forgive(head.ticket_id, head.epoch, 0.0)
        return given

    patch.setattr(Dispatcher, "run", touching)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("plant", "broken"),
    [
        (no_limit, "I2"),
        (never_freed, "I7"),
        (two_entries, "I1"),
        (lazy, "I3|I5"),
        (restless, "I8"),
    ],
)
def test_a_planted_bug_is_found(
    house: type[House], plant: Callable[[Patch], None], broken: str, monkeypatch: Patch
) -> None:
    plant(monkeypatch)
    with pytest.raises((AssertionError, Flaky)):
        play(house, 20, 20)
    assert re.search(broken, house.broken[0])
