"""The histories over a real database can fail: a bug is planted in the store or the dispatcher.

The policy's own are in test_planted.py.
"""

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis.errors import Flaky
from sqlalchemy.exc import IntegrityError

from models.errors import Conflict
from models.routing import Decision, Position
from models.store.routing import queue
from models.store.routing.maintenance import Maintenance
from models.store.routing.queue import Queue
from models.store.tickets import handling, moves, ownership
from models.store.tickets.ownership import load
from tests.machines.house import House
from tests.machines.playing import play
from workers.messages.dispatch import Dispatcher

Patch = pytest.MonkeyPatch


def no_limit(patch: Patch) -> None:
    async def greedy(tx, agent_id, units, **_options):
        await load(tx, agent_id, units, forced=True)

    patch.setattr(ownership, "load", greedy)
    kept = Dispatcher._agents

    async def roomy(self: Dispatcher):
        return [replace(a, capacity=a.capacity + 4) for a in await kept(self)]

    patch.setattr(Dispatcher, "_agents", roomy)


def never_freed(patch: Patch) -> None:
    async def forgetful(*_args: object) -> None: ...

    patch.setattr(ownership, "unload", forgetful)
    patch.setattr(moves, "unload", forgetful)
    patch.setattr(handling, "unload", forgetful)


def two_entries(patch: Patch) -> None:
    async def forgetful(*_args: object) -> None: ...

    patch.setattr(ownership, "end_assignment", forgetful)
    patch.setattr(moves, "end_assignment", forgetful)
    patch.setattr(handling, "end_assignment", forgetful)


def lazy(patch: Patch) -> None:
    async def idle(_self: Dispatcher) -> int:
        return 0

    patch.setattr(Dispatcher, "_give_away", idle)


def newest_first(patch: Patch) -> None:
    kept = queue.head_rows

    async def upside_down(conn, names, depth):
        rows = await kept(conn, names, 1000)
        groups: defaultdict[tuple[str, int], list] = defaultdict(list)
        for row in sorted(rows, key=lambda row: -row["clock_at"] - row["target"]):
            groups[row["skill_class"], row["relax_step"]].append(row)
        return [row for group in groups.values() for row in group[:depth]]

    patch.setattr(queue, "head_rows", upside_down)


def never_woken(patch: Patch) -> None:
    async def asleep(_self: Maintenance) -> int:
        return 0

    patch.setattr(Maintenance, "wake", asleep)


def tightened_again(patch: Patch) -> None:
    kept = Maintenance.step

    async def strict(self: Maintenance, position: Callable[..., Position]) -> int:
        return await kept(self, lambda *args: position(*args)._replace(relax_step=0))

    patch.setattr(Maintenance, "step", strict)


def in_two_halves(patch: Patch) -> None:
    """Whoever dies between the two transactions of a claim leaves one of them."""
    kept = Queue.claim
    both = ownership.take

    async def claim(self: Queue, decision: Decision, *rest) -> bool:
        who, units = decision.agent_id, decision.units
        try:
            await self._db.transact(lambda tx: load(tx, who, units))
        except Conflict:
            return False
        won = await kept(self, decision, *rest)
        if not won:
            await self._db.transact(lambda tx: ownership.unload(tx, who, units))
        return won

    async def loaded(*_args: object) -> None: ...

    async def take(*args) -> None:
        with pytest.MonkeyPatch.context() as within:
            within.setattr(ownership, "load", loaded)
            await both(*args)

    patch.setattr(queue, "take", take)
    patch.setattr(Queue, "claim", claim)


def restless(patch: Patch) -> None:
    """What changes is whom a ticket may go to: whoever declined it and is free is next (I3)."""
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
        (two_entries, r"I1|assignment\.ticket_id"),
        (lazy, "I3|I5"),
        (newest_first, "I4"),
        (never_woken, "I5"),
        (tightened_again, "I6"),
        (in_two_halves, "I8: a crash"),
        (restless, "I3|I8"),
    ],
)
def test_a_planted_bug_is_found(
    house: type[House], plant: Callable[[Patch], None], broken: str, monkeypatch: Patch
) -> None:
    plant(monkeypatch)
    house.length = 20
    with pytest.raises((AssertionError, IntegrityError, Flaky)):
        play(house, 20, 1)
    assert re.search(broken, house.broken[0])
