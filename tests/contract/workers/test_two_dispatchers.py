"""Two routing workers who are woken at once share the work instead of claiming it twice."""

import asyncio
from pathlib import Path

import pytest

from models.routing import Decision
from models.store import Store
from tests.contract.store.makers import agent, opened, waiting
from tests.fakes import FakeClock
from tests.machines.house import HOURS, RULES
from workers.messages.dispatch import Dispatcher
from workers.rules.active_rules import ActiveRules

TICKETS = 24


class Claims:
    """Counts what is tried, and lets the other worker run between two claims."""

    def __init__(self, store: Store, patch: pytest.MonkeyPatch) -> None:
        self.tried: list[str] = []
        real = store.queue.claim

        async def claim(decision: Decision, *rest: object) -> bool:
            self.tried.append(decision.ticket_id)
            await asyncio.sleep(0.002)
            return await real(decision, *rest)  # type: ignore[arg-type]

        patch.setattr(type(store.queue), "claim", lambda _self, *args: claim(*args))


async def test_they_share_the_work(
    store: Store, url: str, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(TICKETS):
        await agent(store, f"a{n}", capacity=2)
    ids = [await waiting(store, f"k{n}") for n in range(TICKETS)]
    claims = Claims(store, monkeypatch)
    other = opened(url, blob_dir=tmp_path / "b", clock=clock)
    workers = [Dispatcher(one, ActiveRules(one, RULES, HOURS), clock) for one in (store, other)]
    given = await asyncio.gather(*(worker.run() for worker in workers))
    await other.close()
    assert sum(given) == TICKETS
    assert min(given) > 0
    for ticket_id in ids:
        told = [e.kind for e in await store.events.of_ticket(ticket_id)]
        assert told.count("ticket.assigned") == 1
    assert await store.maintenance.recount() == []
    lost = len(claims.tried) - TICKETS
    assert lost <= TICKETS // 2, "one alone would have lost nothing, each doing all loses as much"
