"""Processes that keep the clocks are killed at random moments, and the clock jumps meanwhile.

However often, and through jumps of an hour to and fro and a stop of a day: whatever was due is
noted once, with the time at which it was due. ``CLOCK_KILLS`` asks for more (make campaign: 20).
To see that it can fail, plant a bug into the processes that die (``planted/sitecustomize.py``):

    PYTHONPATH=tests/flow/planted PLANTED_BUG=effect_apart pytest tests/flow/test_clock_kills.py
"""

import asyncio
import os
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy import select

from config.settings import load
from models.clocks import ClockKind
from models.store import Store, open_store
from models.store.effects.timers import set_timer
from models.store.ground.database import Event
from models.tables import audit
from tests.contract.store.makers import envelope, labels, routed, thread
from tests.databases import migrated_sqlite
from tests.flow.clock_child import FIRED, ONCE, READ, witnessed

KILLS = int(os.environ.get("CLOCK_KILLS", "6"))
TICKETS = 30 + 15 * KILLS
TARGET = 600.0
"""Of the router: the first answer is due then, and warned of at 0.8 of it."""
HOUR, DAY = 3600.0, 86400.0
JUMPS = (0.8, 1.0, 1.6, 2.1)
"""Of the target: where the next step of escalation is due."""


IDLE_SECONDS = 3.0
"""A process that says nothing for so long has nothing to do."""


async def _life(url: str, folder: Path, ahead: float, random: Random) -> list[str]:
    """One process from its start to its violent end at work; what it complained of."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.flow.clock_child", url, str(folder), str(ahead),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out = child.stdout
    assert out is not None
    assert await out.readline() == b"ready\n"
    # It says so shortly before the commit; what follows is as long.
    what = random.choice([FIRED, FIRED, READ])
    times = random.randint(1, TICKETS // 2) if what == FIRED else 1
    said: list[str] = []
    with suppress(TimeoutError):
        while said.count(what) < times:
            async with asyncio.timeout(IDLE_SECONDS):
                said.append((await out.readline()).decode().strip())
    await asyncio.sleep(random.random() * 0.01)
    child.kill()
    said += (await out.read()).decode().splitlines()
    await child.wait()
    print(f"{said.count(FIRED)} firings, {said.count(READ)} readings, killed at {what}")
    return [line for line in said if line not in {FIRED, READ}]


async def test_each_fires_once_through_kills_jumps_and_a_stop(tmp_path: Path) -> None:
    random, ahead = Random(KILLS), [0.0]
    url = migrated_sqlite(tmp_path)
    store = open_store(
        url,
        master_key=b"m" * 32,
        blob_dir=tmp_path,
        zone=ZoneInfo("UTC"),
        clock=lambda: time.time() + ahead[0],
    )
    tickets = {await _ticket(store, number) for number in range(TICKETS)}
    troubles: list[str] = []
    for kill in range(KILLS):
        # Everything of one step falls due at once; then it goes an hour on, and an hour back.
        ahead[0] = TARGET * JUMPS[min(kill * len(JUMPS) // KILLS, 3)]
        jump = (0.0, HOUR, -HOUR)[kill % 3] if kill > KILLS // 2 else 0.0
        troubles += await _life(url, tmp_path, ahead[0] + jump, random)
    ahead[0] = 2 * HOUR
    await _settle(store, tmp_path)
    ahead[0] += DAY  # nothing has run for a day
    await _settle(store, tmp_path)
    assert troubles == []
    for ticket_id in tickets:
        await _as_it_was(store, ticket_id)
    told = Counter(
        (event.kind, event.ticket_id, event.data["clock"], event.data.get("level"))
        for event in await _events(store)
        if event.kind in {"clock.warned", "clock.breached", "ticket.escalated"}
    )
    assert set(told.values()) == {1}
    assert len({ticket for _, ticket, _, _ in told}) == TICKETS
    fired, read = await _witnessed(store, FIRED), await _witnessed(store, READ)
    print(f"{fired.total()} firings, {read.total()} events read")
    assert [what for what, times in (fired + read).items() if times > 1] == []
    assert sum(what.startswith(ONCE) for what in fired) == len(JUMPS) * TICKETS
    assert read.keys() == {str(event.seq) for event in await _events(store)}
    await store.close()


async def _witnessed(store: Store, what: str) -> Counter[str]:
    """What happened how often, by those who made it happen."""
    async with store.db.read() as conn:
        columns = select(audit.c.subject, audit.c.detail).where(audit.c.action == what)
        rows = await conn.execute(columns)
        return Counter(f"{row.subject} {row.detail.get('due', '')}".strip() for row in rows)


async def _ticket(store: Store, number: int) -> str:
    """A mail that nobody answers."""
    key = f"k{number}"
    now = await store.db.now()
    await thread(store, envelope(key, now=now), conversation_key=key)
    (due,) = await store.queue.unlabelled(10)
    found = replace(routed(due), target=TARGET, labels=labels(type="咨询"), clock_at=now)
    await store.queue.route([found])
    async with store.db.write() as tx:
        for step, jump in enumerate(JUMPS):
            await set_timer(tx, ONCE, f"{key} {step}", now + TARGET * jump)
    return due.ticket_id


async def _settle(store: Store, folder: Path) -> None:
    """The last life, in this process: everything that is due until now."""
    effects, followers = witnessed(load(environ={}, folder=folder))
    for _ in range(4):
        await store.followers.catch_up(followers, await store.events.last())
        while await store.timers.due(effects, 1):
            assert await store.timers.fire_due(effects) == []


async def _as_it_was(store: Store, ticket_id: str) -> None:
    runs = await store.clocks.of(ticket_id)
    assert Counter(run.kind for run in runs) == Counter(
        {kind: 1 for kind in ClockKind if kind != ClockKind.NEXT_ANSWER}
    )
    (first,) = (run for run in runs if run.kind == ClockKind.FIRST_ANSWER)
    lines = [
        (line.what, round(line.at - first.started_at, 3), line.level)
        for line in await store.clocks.history(ticket_id)
        if line.clock == ClockKind.FIRST_ANSWER
    ]
    due = round(first.target, 3)
    assert lines == [
        ("started", 0.0, 0),
        ("warned", round(0.8 * first.target, 3), 0),
        ("breached", due, 0),
        ("escalated", due, 1),
        ("escalated", round(1.5 * first.target, 3), 2),
        ("escalated", round(2.0 * first.target, 3), 3),
    ]
    assert (await store.tickets.get(ticket_id)).escalation == 3


async def _events(store: Store) -> list[Event]:
    found: list[Event] = []
    after = 0
    while page := await store.events.after(after, 1000):
        found += page
        after = page[-1].seq
    return found
