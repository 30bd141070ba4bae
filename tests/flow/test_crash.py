"""Random SIGKILLs under load: nothing acknowledged is lost, doubled, parked or miscounted.

``CRASH_KILLS`` kills (10, the campaign does 100) from ``CRASH_SEED``. To see that it can fail:

    PLANTED_BUG=ack_before_commit pytest tests/flow/test_crash.py
    PLANTED_BUG=dedupe_off pytest tests/flow/test_crash.py

plants a bug into the roles of the system under test (``planted/sitecustomize.py``).
"""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import aiohttp

from config.settings import load as load_settings
from tests.flow.clients import Relay, at_the_desk, relay_settings, until
from tests.flow.load import UNLIMITED, Load, findings, unprocessed
from tests.flow.system import ROLES, Prepared, System, embedded
from workers.wiring import make_store

KILLS = int(os.environ.get("CRASH_KILLS", "10"))
SEED = int(os.environ.get("CRASH_SEED", "20261122"))
BUG = os.environ.get("PLANTED_BUG", "")

SETTLE_SECONDS = 60.0
"""After the last kill everything is processed within this."""

_VICTIMS = (*ROLES, "valkey")
_ALL_OF_IT = 5
"""In each so many kills, one takes ``shouli run`` with everything below it."""

_AGENTS = ("lilei", "hanmeimei", "wangfang", "chen")


def _planted() -> dict[str, str]:
    if not BUG:
        return {}
    return {"PYTHONPATH": str(Path(__file__).parent / "planted"), "PLANTED_BUG": BUG}


def _victims(dice: random.Random) -> list[str]:
    """Who dies, in order; each of the processes within the first few."""
    order: list[str] = []
    while len(order) < KILLS:
        block = dice.sample(_VICTIMS, _ALL_OF_IT - 1)
        block.insert(dice.randrange(_ALL_OF_IT), "everything")
        order += block
    return order[:KILLS]


async def _kill(system: System, victim: str) -> None:
    if victim == "everything":
        await asyncio.to_thread(system.kill)
        await asyncio.to_thread(system.start)
        return
    # One that is only just coming back is waited for, and then dies again.
    (pid, *_) = await until(f"{victim} lives", lambda: system.pids(victim), 30)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


async def test_kills_lose_nothing_double_nothing_and_park_nothing(
    prepared: Prepared,
    home: Path,
    relay: Relay,
    http: aiohttp.ClientSession,
) -> None:
    dice = random.Random(SEED)
    system = embedded(home, prepared, {**UNLIMITED, **relay_settings(relay.port), **_planted()})
    store = make_store(load_settings(environ=system.environ))
    load = Load(system, dice.randrange(2**32), mails=12.0, chats=4.0)
    try:
        await asyncio.to_thread(system.start)
        async with at_the_desk(system, *_AGENTS) as agents:
            await load.start(agents, http)
            for number, victim in enumerate(_victims(dice), 1):
                await asyncio.sleep(dice.uniform(0.3, 3.0))
                await _kill(system, victim)
                print(f"kill {number}/{KILLS}: {victim}, {len(load.ledger.sent)} sent", flush=True)
            last_kill = time.monotonic()
            await load.finish()

            async def nothing_left() -> bool:
                return not await unprocessed(store)

            await until("everything is processed", nothing_left, SETTLE_SECONDS)
            settled = time.monotonic() - last_kill
            for visitor in load.visitors:
                await until("the whole chat", lambda v=visitor: _whole(v.lines))
        wrong = await findings(store, load.ledger)
        print(
            f"{len(load.ledger.acknowledged)} acknowledged of {len(load.ledger.sent)} sent, "
            f"{len(relay.letters)} answers by mail, settled in {settled:.1f} s"
        )
        assert wrong == {}
        assert settled <= SETTLE_SECONDS
        assert load.ledger.acknowledged.keys() == load.ledger.sent
        # Nothing is resent blindly, and no line of a chat is shown twice.
        ids = Counter(str(sent.message["Message-ID"]) for sent in relay.letters)
        assert [one for one, times in ids.items() if times > 1] == []
        assert [v.repeated for v in load.visitors if v.repeated] == []
        await asyncio.to_thread(system.stop)
    finally:
        await load.leave()
        await store.close()
        await asyncio.to_thread(system.destroy)


def _whole(lines: dict[int, dict[str, object]]) -> bool:
    """Whether a visitor has every line from the first to the last."""
    return sorted(lines) == list(range(1, len(lines) + 1))
