"""Hours of an ordinary day: what a process holds does not grow with what it has done.

``SOAK_MINUTES`` of customers and agents in ``shouli run``, and in separate roles on PostgreSQL: a
quarter of a minute when it is not set, an hour each in the campaign. Visitors come, write once
and go for good; an agent's page is opened anew again and again. Memory, open files and threads of
every process, and SQLite's log of what is not yet in its file, are looked at all the while.
To see that it can fail:

    PLANTED_BUG=hoarding pytest tests/flow/test_soak.py
"""

import asyncio
import os
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from statistics import median

import aiohttp
import psutil

from config.settings import load as load_settings
from models.store import Store
from tests.flow.clients import Agent, Visitor, at_the_desk, until
from tests.flow.conftest import Laden
from tests.flow.load import PATIENT_SECONDS, Load, findings, unprocessed
from tests.flow.system import System
from workers.assembly.wiring import make_store

SECONDS = float(os.environ.get("SOAK_MINUTES", "0.25")) * 60
SEED = int(os.environ.get("SOAK_SEED", "20261127"))

LOOKS = 20
"""At the processes, over the whole time."""

_RELOAD_SECONDS = 0.5

MORE_FILES, MORE_THREADS = 12, 4
"""Between the quiet middle and the end: a burst may stand open just then, a leak is far more."""

MORE_MEMORY = 0.05, 12 << 20
"""A twentieth and 12 MiB: caches fill for a while, each up to its bound. Of an hour, not of half
a minute, in which every process is still coming up."""

PAGE_CACHES = 5 * 32 << 20
"""What the connections of a process to SQLite may keep of a database that grows meanwhile; with
PostgreSQL the pages are its own affair, and nothing hides what we hold."""

_SETTLED_SECONDS = 600.0

WAL_BYTES = 64 << 20
"""Readers that never let go would keep SQLite from taking its log in, and it would grow."""


@dataclass(frozen=True)
class Look:
    """What one process holds."""

    memory: int
    """Bytes that are its own alone."""

    files: int
    threads: int


async def test_what_processes_hold_does_not_grow_with_what_they_do(
    laden: Laden, http: aiohttp.ClientSession
) -> None:
    soaking = laden.system
    store = make_store(load_settings(environ=soaking.environ))
    load = Load(soaking, SEED, mails=4.0, chats=3.0)
    dice = random.Random(SEED)
    looks: defaultdict[str, list[Look]] = defaultdict(list)
    longest_wal = 0
    try:
        await asyncio.to_thread(soaking.start)
        async with at_the_desk(soaking, "lilei", "hanmeimei", "wangfang", "chen") as agents:
            await load.start(agents, http)
            passing = [
                asyncio.create_task(_passers_by(soaking, http, load, dice)),
                asyncio.create_task(_reloading(soaking, agents[0])),
            ]
            for _ in range(LOOKS):
                await asyncio.sleep(SECONDS / LOOKS)
                for name, look in _look(soaking).items():
                    looks[name].append(look)
                longest_wal = max(longest_wal, _wal(soaking))
            for task in passing:
                task.cancel()
            ended = await asyncio.gather(*passing, return_exceptions=True)
            await load.finish()
            await until("everything is processed", lambda: _nothing_left(store), 60.0)
        _tell(looks, longest_wal, len(load.ledger.sent))
        assert [type(end) for end in ended] == [asyncio.CancelledError] * len(passing)
        assert _grown(looks, embedded="run" in soaking.commands) == {}
        assert longest_wal <= WAL_BYTES
        assert await findings(store, load.ledger) == {}
        await asyncio.to_thread(soaking.stop)
    finally:
        await load.leave()
        await store.close()


async def _passers_by(
    system: System, http: aiohttp.ClientSession, load: Load, dice: random.Random
) -> None:
    """New visitors one after the other, each with a line and a token of their own."""
    while True:
        await asyncio.sleep(dice.expovariate(2.0))
        marker = load.ledger.new("pass")
        async with Visitor(system, http) as visitor:
            said = await visitor.say(f"请问发票在哪里开？{marker}", seconds=PATIENT_SECONDS)
        load.ledger.acknowledged[marker] = said


async def _reloading(system: System, agent: Agent) -> None:
    """A page of an agent that is opened, reads where things stand, and is closed again."""
    url, headers = f"{system.desk}/api/v1/ws", {"Origin": system.desk}
    while True:
        async with agent.http.ws_connect(url, headers=headers) as line:
            await line.send_json({"type": "hello", "last_seq": 0})
            await line.receive_json()
        await asyncio.sleep(_RELOAD_SECONDS)


async def _nothing_left(store: Store) -> bool:
    return not await unprocessed(store)


# -- what they hold --------------------------------------------------------------------


def _look(system: System) -> dict[str, Look]:
    """Every process that runs now, by what it is and its number."""
    seen = {}
    for name, process in system.processes():
        with suppress(psutil.Error), process.oneshot():
            memory = process.memory_full_info().uss
            seen[f"{name} {process.pid}"] = Look(memory, process.num_fds(), process.num_threads())
    return seen


def _wal(system: System) -> int:
    return sum(path.stat().st_size for path in (system.home / "data").glob("*-wal"))


def _grown(looks: Mapping[str, Sequence[Look]], *, embedded: bool) -> dict[str, str]:
    """Who held clearly more at the end than in the middle, of those who lived all the while."""
    third = LOOKS // 3
    grown = {}
    for name, seen in looks.items():
        if len(seen) < LOOKS:
            continue
        middle, end = _typical(seen[third : 2 * third]), _typical(seen[-third:])
        factor, spare = MORE_MEMORY
        spare += PAGE_CACHES * embedded
        if (
            end.files > middle.files + MORE_FILES
            or end.threads > middle.threads + MORE_THREADS
            or (SECONDS >= _SETTLED_SECONDS and end.memory > middle.memory * (1 + factor) + spare)
        ):
            grown[name] = f"{middle} → {end}"
    return grown


def _typical(seen: Sequence[Look]) -> Look:
    return Look(
        int(median(look.memory for look in seen)),
        int(median(look.files for look in seen)),
        int(median(look.threads for look in seen)),
    )


def _tell(looks: Mapping[str, Sequence[Look]], wal: int, sent: int) -> None:
    print(f"\n{SECONDS / 60:.1f} minutes, {sent} messages, longest WAL {wal / 2**20:.1f} MiB")
    for name, seen in sorted(looks.items()):
        steps = [seen[place] for place in range(0, len(seen), max(1, len(seen) // 6))]
        print(
            f"{name:>22}: {' '.join(f'{look.memory / 2**20:.0f}' for look in steps)} MiB, "
            f"{seen[0].files} → {seen[-1].files} files, "
            f"{seen[0].threads} → {seen[-1].threads} threads"
        )
