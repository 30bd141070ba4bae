"""What a decision costs the database when 100 tickets wait, and when 100,000 do.

    python -m bench.queue_depth [--decisions 40] [--json]

One decision is what the dispatcher does for one freed unit: the online agents, the heads of the
classes that somebody free may take, and the claim. SQLite, in a folder of its own; times are the
median over the decisions.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select

from models.agent import Presence, Role
from models.migrations import migrate
from models.routing import Rules
from models.store import Store, open_store
from models.store.tickets.waiting import dump_needs
from models.tables import conversation, customer, identity, skill_class, ticket
from models.ticket import TicketState
from router.needs import needs
from router.sla import Calendar, Calendars
from workers.messages.dispatch import Dispatcher
from workers.rules.active_rules import ActiveRules

RULES = Rules(version="depth", required_facets=("domain",), targets={}, units={})
CLASSES = [needs({"domain": f"d{n}"}, True, "zh", RULES) for n in range(36)]
_PART = 5000


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--decisions", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = {n: await measured(n, options.decisions) for n in (100, 100_000)}
    ratio = figures[100_000] / figures[100]
    if options.json:
        print(json.dumps({"ms": figures, "ratio": ratio}))
        return
    for n, milliseconds in figures.items():
        print(f"{n:>7} waiting: {milliseconds:.2f} ms a decision")
    print(f"ratio {ratio:.2f}")


async def measured(depth: int, decisions: int) -> float:
    """Milliseconds of one decision while ``depth`` tickets wait."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(
            f"sqlite+aiosqlite:///{folder}/shouli.db",
            master_key=b"m" * 32,
            blob_dir=Path(folder) / "blobs",
            zone=ZoneInfo("UTC"),
        )
        try:
            await migrate(store.db)
            await _fill(store, depth)
            return await _decide(store, decisions)
        finally:
            await store.close()


async def _decide(store: Store, decisions: int) -> float:
    skills = {f"domain:d{n}": 1 for n in range(36)}
    person = await store.agents.add("one", "One", Role.AGENT, "x", skills, 1)
    await store.agents.present(person, Presence.READY)
    active_rules = ActiveRules(store, RULES, Calendars(Calendar.of("UTC", {})))
    dispatcher = Dispatcher(store, active_rules)
    # The share of recent work is read once a minute, and is not the decision's.
    await dispatcher.run()
    times = []
    for _ in range(decisions):
        (held,) = await store.tickets.of_owner(person)
        await store.tickets.move(held.id, person, TicketState.RESOLVED)
        began = time.perf_counter()
        given = await dispatcher.run()
        times.append(time.perf_counter() - began)
        assert given == 1
    return statistics.median(times) * 1000


async def _fill(store: Store, depth: int) -> None:
    now = time.time()
    async with store.db.write() as tx:
        classes = [{"name": c.skill_class, "needs": dump_needs(c)} for c in CLASSES]
        await tx.conn.execute(insert(skill_class), classes)
        await tx.conn.execute(insert(customer), [{"id": "c", "created_at": now}])
        one = {"id": "i", "customer_id": "c", "channel": "x", "lookup": "l", "sealed": b""}
        await tx.conn.execute(insert(identity), [one | {"created_at": now}])
    for start in range(0, depth, _PART):
        numbers = range(start, min(start + _PART, depth))
        async with store.db.write() as tx:
            talks = [
                {"id": f"v{n}", "channel": "x", "account": "a", "key": f"k{n}"}
                | {"identity_id": "i", "created_at": now}
                for n in numbers
            ]
            await tx.conn.execute(insert(conversation), talks)
            await tx.conn.execute(insert(ticket), [_row(n, now) for n in numbers])
    async with store.db.read() as conn:
        assert len((await conn.execute(select(ticket.c.id))).all()) == depth


def _row(n: int, now: float) -> dict[str, Any]:
    since = now - (n * 7919 % 100_000) / 10
    return {
        "id": f"t{n:06}", "number": str(n), "conversation_id": f"v{n}", "customer_id": "c",
        "channel": "x", "lane": "live", "state": "waiting", "created_at": since,
        "updated_at": since, "skill_class": CLASSES[n % 36].skill_class,
        "sort_key": since + 300.0, "target": 300.0, "late": False, "relax_step": n % 3,
        "units": 1, "queued_at": since, "clock_at": since, "next_step_at": now + 9e9,
        "epoch": 1,
    }  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main())
