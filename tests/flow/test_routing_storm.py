"""Many agents on WebSockets, many chats, two routing workers: the invariants I1–I10 live.

Who has a ticket, and how full everybody is, is read from the numbered events, which are in the
order of the commits. How soon freed capacity is used again is printed, not asserted: it says
more of the machine that runs the tests than of the rule.

``STORM_AGENTS`` and ``STORM_TICKETS`` ask for more than make test has time for (make campaign:
200 and 5,000).
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from config.settings import load as load_settings
from config.settings import load_taxonomy
from models.agent import Role
from models.store import Store
from tests.flow.conftest import running
from tests.flow.load import UNLIMITED, Ledger, findings
from tests.flow.storm import (
    CAPACITY,
    Costs,
    History,
    Person,
    Watch,
    arrivals,
    quantile,
    resolved,
)
from tests.flow.system import Prepared, System, distributed
from tests.services import PostgresServer, valkey_server
from workers.assembly.wiring import make_active_rules, make_store

AGENTS = int(os.environ.get("STORM_AGENTS", "20"))
TICKETS = int(os.environ.get("STORM_TICKETS", "500"))

ARRIVALS_A_SECOND = 5.0
"""On two slow cores ten are all that the processes can do."""

HANDLING_SECONDS = 0.9 * AGENTS * (CAPACITY // 2) / ARRIVALS_A_SECOND
"""With their pauses it is a little more than they can do: whoever has room finds work waiting."""

PATIENCE = 60.0 + TICKETS / 5
BESIDE_SECONDS = 5.0
"""A ticket may wait that long beside a free agent who may take it: a sweep."""

RULES = Path(__file__).parents[2] / "config" / "routing.toml"


@pytest.fixture
def system(prepared: Prepared, postgres: PostgresServer, home: Path) -> Iterator[System]:
    """Two routing workers; chats are offered, for three seconds."""
    rules = home / "routing.toml"
    text = RULES.read_text("utf-8").replace("[offer_seconds]", "[offer_seconds]\nlive = 3.0")
    rules.write_text(text, "utf-8")
    with valkey_server() as valkey:
        database = postgres.create_database()
        services = {
            "SHOULI_DATABASE_URL": postgres.url(database),
            "SHOULI_REDIS_URL": valkey.url,
            "SHOULI_ROUTING": str(rules),
        }
        yield from running(distributed(home, prepared, services, UNLIMITED))
        postgres.drop_database(database)


@pytest.fixture
async def store(system: System) -> AsyncIterator[Store]:
    store = make_store(load_settings(environ=system.environ))
    yield store
    await store.close()


async def people(
    system: System, store: Store, http: aiohttp.ClientSession, seen: Counter[str]
) -> list[Person]:
    """Everybody can do everything but one domain, in turn."""
    facets = load_taxonomy(load_settings(environ=system.environ)).facets
    domains = [f"domain:{value}" for value in facets["domain"].classes]
    others = {"triage": 2} | {f"type:{value}": 2 for value in facets["type"].classes}
    hired = []
    for n in range(AGENTS):
        skills = {name: 1 + n % 5 for name in domains if name != domains[n % len(domains)]}
        login = f"storm{n}"
        agent_id = await store.agents.add(login, login, Role.AGENT, "x", others | skills, CAPACITY)
        chance = random.Random(login)
        hired.append(Person(agent_id, system, store, http, chance, HANDLING_SECONDS, seen))
    return hired


async def test_a_storm_breaks_no_invariant(
    system: System, store: Store, http: aiohttp.ClientSession
) -> None:
    seen: Counter[str] = Counter()
    ledger = Ledger()
    active_rules = make_active_rules(load_settings(environ=system.environ), store)
    await active_rules.refresh()
    watch = Watch(store, active_rules.book.general, BESIDE_SECONDS)
    costs = Costs(system.started)
    async with asyncio.TaskGroup() as tasks:
        storm = [person.work() for person in await people(system, store, http, seen)]
        running = [tasks.create_task(work) for work in (*storm, watch.run(), costs.run())]
        began = asyncio.get_running_loop().time()
        await arrivals(system, http, ledger, TICKETS, TICKETS / ARRIVALS_A_SECOND)
        await resolved(store, TICKETS, PATIENCE)
        took = asyncio.get_running_loop().time() - began
        for task in running:
            task.cancel()
    history = await History.read(store)
    p50, p95 = (quantile(history.waits, share) for share in (0.5, 0.95))
    late = [f"{quantile(costs.lags, share):.3f} s" for share in (0.5, 0.95)]
    rounds = [entry for entry in system.log() if entry.get("event") == "assigned"]
    claims = {name: sum(entry[name] for entry in rounds) for name in ("won", "lost")}
    print(f"\n{len(rounds)} rounds of the two dispatchers, claims {claims}")
    print(f"CPU seconds: {costs.spent()}; the simulator's own loop is late by p50, p95 {late}")
    print(
        f"\n{TICKETS} tickets, {AGENTS} agents, {took:.1f} s, {watch.looks} looks, {dict(seen)};"
        f" freed capacity to next offer: n={len(history.waits)} p50 {p50:.3f} s p95 {p95:.3f} s"
    )
    assert watch.found == []
    assert history.wrong == []
    assert await findings(store, ledger) == {}
    assert len(ledger.acknowledged) == TICKETS
    for what in ("declined", "passed", "not responding", "lines lost", "signed in again"):
        assert seen[what] > 0, what
