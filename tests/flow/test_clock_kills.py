"""Processes that keep the clocks are killed at random moments, and the clock jumps meanwhile.

However often, and through jumps of an hour to and fro and a stop of a day: whatever was due is
noted once, with the time at which it was due. ``CLOCK_KILLS`` asks for more (make campaign: 20).
"""

import asyncio
import os
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from config.settings import load
from models.clocks import ClockKind
from models.store import Store, open_store
from models.store.database import Event
from tests.contract.store.makers import envelope, labels, routed, thread
from tests.databases import migrated_sqlite
from workers.effects import make_effects, make_followers

KILLS = int(os.environ.get("CLOCK_KILLS", "3"))
TICKETS = 30 + 15 * KILLS
TARGET = 600.0
"""Of the router: the first answer is due then, and warned of at 0.8 of it."""
HOUR, DAY = 3600.0, 86400.0
JUMPS = (0.8, 1.0, 1.6, 2.1)
"""Of the target: where the next step of escalation is due."""


async def _life(url: str, folder: Path, ahead: float, seconds: float) -> list[str]:
    """One process from its start to its violent end; what it complained of."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.flow.clock_child", url, str(folder), str(ahead),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    assert await child.stdout.readline() == b"ready\n"
    await asyncio.sleep(seconds)
    child.kill()
    rest = (await child.stdout.read()).decode().splitlines()
    await child.wait()
    return rest


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
        troubles += await _life(url, tmp_path, ahead[0] + jump, random.random() * 0.4)
        kinds = Counter(event.kind for event in await _events(store))
        print(kill, {kind: kinds[kind] for kind in ("clock.warned", "clock.breached")})
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
    await store.close()


async def _ticket(store: Store, number: int) -> str:
    """A mail that nobody answers."""
    key = f"k{number}"
    now = await store.db.now()
    await thread(store, envelope(key, now=now), conversation_key=key)
    (due,) = await store.queue.unlabelled(10)
    found = replace(routed(due), target=TARGET, labels=labels(type="咨询"), clock_at=now)
    await store.queue.route([found])
    return due.ticket_id


async def _settle(store: Store, folder: Path) -> None:
    """The last life, in this process: everything that is due until now."""
    settings = load(environ={}, folder=folder)
    effects = make_effects(settings)
    for _ in range(4):
        await store.followers.catch_up(make_followers(settings), await store.events.last())
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
