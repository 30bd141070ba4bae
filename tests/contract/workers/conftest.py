"""The workers over both databases, with the store's own fixtures."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from models.routing import Decision, Rules, Waiting
from models.store import Store, open_store
from router.roster import Roster
from tests.contract.store.conftest import clock, store, url
from tests.contract.workers.data_folder import data
from tests.contract.workers.system import System
from tests.fakes import FakeClock
from tests.machines.house import House
from tests.machines.invariants import judged
from workers.messages import dispatch

__all__ = ["clock", "data", "house", "store", "url"]


@pytest.fixture
async def system(store: Store) -> System:
    return System(store)


@pytest.fixture
def house(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[House]]:
    """The machine over one database, on a loop of its own, and every decision judged."""
    moves, decided = FakeClock(), deque[Decision](maxlen=50)

    def watched(
        heads: Sequence[Waiting], roster: Roster, now: float, rules: Rules
    ) -> list[Decision]:
        decisions = judged(heads, roster, now, rules)
        decided.extend(decisions)
        return decisions

    monkeypatch.setattr(dispatch, "assign", watched)
    with asyncio.Runner() as runner:

        async def opened() -> tuple:
            return tuple(
                open_store(
                    url,
                    master_key=b"m" * 32,
                    blob_dir=tmp_path / "blobs" if url.startswith("sqlite") else None,
                    zone=ZoneInfo("UTC"),
                    clock=moves,
                    pool_size=4,
                )
                for _ in (1, 2)
            )

        stores = runner.run(opened())
        yield type(
            "ThisHouse",
            (House,),
            {
                "stores": stores, "run": staticmethod(runner.run), "clock": moves,
                "broken": [], "decided": decided, "length": 12, "steps": [], "given": [],
            },
        )  # fmt: skip
        for one in stores:
            runner.run(one.close())
