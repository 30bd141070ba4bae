"""Random lives of tickets, and bugs planted in them that are found.

``LIVES`` asks for more walks than make test has time for (make campaign: 500). Each is of 50
steps, and then every ticket is brought to its end.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis.errors import Flaky
from sqlalchemy import update

from models import ticket as table
from models.store import open_store
from models.store.routing import offboarding
from models.store.tickets import ending, moves, transfers
from models.tables import assignment
from models.ticket import WAYS, TicketState
from tests.fakes import FakeClock
from tests.machines.life import STEPS, Life
from tests.machines.playing import play

LIVES = int(os.environ.get("LIVES", "4"))
Patch = pytest.MonkeyPatch
sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


@pytest.fixture
def life(url: str, tmp_path: Path) -> Iterator[type[Life]]:
    """The machine over one database, on a loop of its own."""
    clock = FakeClock()
    with asyncio.Runner() as runner:

        async def opened():
            return open_store(
                url,
                master_key=b"m" * 32,
                blob_dir=tmp_path / "blobs" if url.startswith("sqlite") else None,
                zone=ZoneInfo("UTC"),
                clock=clock,
                pool_size=4,
            )

        store = runner.run(opened())
        yield type(
            "ThisLife",
            (Life,),
            {
                "store": store,
                "run": staticmethod(runner.run),
                "clock": clock,
                "broken": [],
                "taken": Counter(),
                "serial": 0,
            },
        )
        runner.run(store.close())


def test_no_walk_leads_astray(life: type[Life]) -> None:
    try:
        play(life, LIVES, 1)
    finally:
        print(life.broken[:1])
    moves = sum(life.taken.values())
    print(
        f"{LIVES} walks of {STEPS} steps, {moves} moves; never: {WAYS.keys() - life.taken.keys()}"
    )
    # That walks go nowhere must be seen; that each move can be taken is tested at the desk's door.
    assert len(life.taken) > len(WAYS) // 3


def dead_end(patch: Patch) -> None:
    patch.setitem(table.MOVES, TicketState.RETURNED, frozenset())


def forgotten_by_who_leaves(patch: Patch) -> None:
    patch.setattr(offboarding, "OPEN_STATES", {TicketState.OFFERED, TicketState.HELPING})


def charged_twice(patch: Patch) -> None:
    async def forgetful(*_args: object) -> None: ...

    patch.setattr(transfers, "unload", forgetful)


def still_on_offer(patch: Patch) -> None:
    async def ended(tx, row, outcome):
        s = assignment.c
        live = update(assignment).where(s.ticket_id == row["id"], s.ended_at.is_(None))
        await tx.conn.execute(live.values(ended_at=tx.now, outcome=outcome))

    patch.setattr(moves, "end_assignment", ended)


def closed_in_silence(patch: Patch) -> None:
    async def content(*_args: object) -> tuple[()]:
        return ()

    patch.setattr(ending, "closing_gaps", content)


def untold(patch: Patch) -> None:
    patch.setattr(moves, "tell", lambda *_args, **_data: None)


@sqlite
@pytest.mark.parametrize(
    ("plant", "broken"),
    [
        (dead_end, "L1"),
        (forgotten_by_who_leaves, "L2"),
        (charged_twice, "L3"),
        (still_on_offer, "L3"),
        (closed_in_silence, "L4"),
        (untold, "L5"),
    ],
)
def test_a_planted_bug_is_found(
    life: type[Life], plant: Callable[[Patch], None], broken: str, monkeypatch: Patch
) -> None:
    plant(monkeypatch)
    with pytest.raises((AssertionError, Flaky)):
        play(life, 20, 1)
    assert broken in life.broken[0]
