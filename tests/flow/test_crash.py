"""Random SIGKILLs under load: nothing acknowledged is lost, doubled, parked or miscounted.

``CRASH_KILLS`` kills in ``shouli run`` and as many in separate roles on PostgreSQL (10 and 5
when it is not set, 100 in the campaign), from ``CRASH_SEED``. To see that it can fail:

    PLANTED_BUG=ack_before_commit pytest tests/flow/test_crash.py
    PLANTED_BUG=dedupe_off pytest tests/flow/test_crash.py

    PLANTED_BUG=told_before_sent pytest tests/flow/test_crash.py
    PLANTED_BUG=out_of_turn pytest tests/flow/test_crash.py

plants a bug into the roles of the system under test (``planted/sitecustomize.py``).

Meanwhile a webhook's receiver answers 500, hangs, drops the line, and takes what it then fails
to acknowledge: it gets every event at least once, in order per ticket, under one id.
"""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp
import pytest

from config.settings import load as load_settings
from models.store import Store
from tests.flow.clients import Relay, at_the_desk, until
from tests.flow.conftest import Laden
from tests.flow.load import Load, findings, unprocessed
from tests.flow.system import ROLES, System
from tests.receiver import Receiver
from tests.services import ValkeyServer
from workers.assembly.wiring import make_store

KILLS = {
    "embedded": int(os.environ.get("CRASH_KILLS", "10")),
    "distributed": int(os.environ.get("CRASH_KILLS", "5")),
}
SEED = int(os.environ.get("CRASH_SEED", "20261122"))

SETTLE_SECONDS = 60.0
"""After the last kill everything is processed within this."""
TOLD_SECONDS = 240.0
"""And outsiders have heard of it: what they refused five times rests for 80 s before it is sent
again, and a sender's lease lasts for 60."""

_EVERY = 5
"""In each so many kills, one takes everything, ``shouli run`` or every role at once."""

_AGENTS = ("lilei", "hanmeimei", "wangfang", "chen")


@dataclass(frozen=True)
class Killing:
    """A system, how often who may die in it, and what kills them and brings them back."""

    system: System
    times: int
    victims: Sequence[str]
    kill: Callable[[str], Awaitable[None]]


@pytest.fixture
def killing(laden: Laden) -> Killing:
    """``shouli run``, which brings back what dies; or roles that the test starts again."""
    if laden.valkey is None:
        return _embedded(laden.system)
    return _distributed(laden.system, laden.valkey)


def _embedded(system: System) -> Killing:
    async def kill(victim: str) -> None:
        if victim == "everything":
            await asyncio.to_thread(system.kill)
            await asyncio.to_thread(system.start)
            return
        # One that is only just coming back is waited for, and then dies again.
        (pid, *_) = await until(f"{victim} lives", lambda: system.pids(victim))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    return Killing(system, KILLS["embedded"], (*ROLES, "valkey"), kill)


def _distributed(system: System, valkey: ValkeyServer) -> Killing:
    async def kill(victim: str) -> None:
        if victim in {"valkey", "everything"}:
            await asyncio.to_thread(valkey.kill)
        if victim != "valkey":
            await asyncio.to_thread(system.kill, *[victim] * (victim != "everything"))
        if victim in {"valkey", "everything"}:
            await asyncio.to_thread(valkey.start)
        await asyncio.to_thread(system.start, wait=victim == "everything")

    return Killing(system, KILLS["distributed"], (*system.commands, "valkey"), kill)


def _order(dice: random.Random, killing: Killing) -> list[str]:
    """Who dies, in order."""
    order: list[str] = []
    while len(order) < killing.times:
        block = dice.sample(killing.victims, _EVERY - 1)
        block.insert(dice.randrange(_EVERY), "everything")
        order += block
    return order[: killing.times]


async def test_kills_lose_nothing_double_nothing_and_park_nothing(
    killing: Killing, relay: Relay, http: aiohttp.ClientSession
) -> None:
    dice = random.Random(SEED)
    system = killing.system
    store = make_store(load_settings(environ=system.environ))
    load = Load(system, dice.randrange(2**32), mails=6.0, chats=3.0)

    async def nothing_left() -> bool:
        return not await unprocessed(store)

    try:
        await asyncio.to_thread(system.start)
        async with (
            Receiver(dice, trouble=0.2) as receiver,
            at_the_desk(system, "admin", *_AGENTS) as (admin, *agents),
        ):
            hook = await admin.must("POST", "webhooks", {"url": receiver.url})
            receiver.secret, since = hook["secret"], await store.events.last()
            await load.start(agents, http)
            for number, victim in enumerate(_order(dice, killing), 1):
                # The only wait for time: the moment of a death is not to be met by design.
                await asyncio.sleep(dice.uniform(0.3, 3.0))
                await killing.kill(victim)
                sent = len(load.ledger.sent)
                print(f"kill {number}/{killing.times}: {victim}, {sent} sent", flush=True)
            last_kill = time.monotonic()
            await load.finish()
            await until("everything is processed", nothing_left, SETTLE_SECONDS)
            settled = time.monotonic() - last_kill
            for visitor in load.visitors:
                await until("the whole chat", partial(_whole, visitor.lines))
            receiver.trouble = 0.0
            await until("every event is told", partial(_all_told, store), TOLD_SECONDS)
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
        await _outsiders_heard(store, receiver, since)
        await asyncio.to_thread(system.stop)
    finally:
        await load.leave()
        await store.close()


async def _outsiders_heard(store: Store, receiver: Receiver, since: int) -> None:
    """Of everything that the log holds, whatever the outbox says; in the order of each ticket."""
    happened: list[int] = []
    while page := await store.events.after(happened[-1] if happened else since, 1000):
        happened += [event.seq for event in page]
    print(
        f"webhook: {len(happened)} events, {len(receiver.taken)} taken, "
        f"{receiver.doubled()} of them more than once; it did {dict(receiver.done)}"
    )
    heard = set(receiver.ids())
    assert [seq for seq in happened if seq not in heard] == []
    assert (receiver.wrong, receiver.changed(), list(receiver.out_of_order())) == ([], [], [])


async def _all_told(store: Store) -> bool:
    last = await store.events.last()
    (webhook,) = await store.webhooks.all()
    (newest,) = await store.webhooks.log(webhook.id, limit=1)
    return newest["seq"] == last and not webhook.due and not webhook.failed


def _whole(lines: dict[int, dict[str, Any]]) -> bool:
    """Whether a visitor has every line from the first to the last."""
    return sorted(lines) == list(range(1, len(lines) + 1))
