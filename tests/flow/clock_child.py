"""A process that keeps the clocks of a database until it is killed: URL, folder, seconds ahead.

It follows events and fires timers as the clock role does, by the settings that come along, on
a clock that is so many seconds ahead of the machine's. It holds no lease: what must keep two
of them apart here is the database alone.

What it does is witnessed: each firing of a timer and each event that is read leaves a line of its
own in the audit, in the same transaction. Most effects would look at the clock a second time and
find nothing to do; a line is written as often as it happens. Just before it is committed it is
also printed, so that whoever kills this process can meet it at work.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from config.settings import Settings, load
from models.errors import Temporary
from models.events import KINDS
from models.store import open_store
from models.store.effects.followers import Follower
from models.store.effects.timers import Effect, Timer
from models.store.ground.database import Event, Tx
from models.store.ground.sealing import Vault
from workers.assembly.automation import make_effects, make_followers

FIRED, READ = "witness.fired", "witness.read"

ONCE = "witness.once"
"""A kind of timer that brings about nothing but its firing, and is not set again by it."""


def _silent(_what: str) -> None:
    """Nobody waits for it."""


def witnessed(
    settings: Settings, tell: Callable[[str], None] = _silent
) -> tuple[Mapping[str, Effect], Sequence[Follower]]:
    """The effects and followers of the clock role, with a witness of both."""

    def seen(effect: Effect) -> Effect:
        async def fire(tx: Tx, timer: Timer) -> None:
            await effect(tx, timer)
            await tx.audit(None, FIRED, f"{timer.kind} {timer.subject}", due=timer.due_at)
            tell(FIRED)

        return fire

    async def read(tx: Tx, events: Sequence[Event]) -> None:
        for event in events:
            await tx.audit(None, READ, str(event.seq))
        tell(READ)

    async def once(_tx: Tx, _timer: Timer) -> None:
        """Nothing more."""

    real = {**make_effects(settings, Vault(b"m" * 32)), ONCE: once}
    effects = {kind: seen(effect) for kind, effect in real.items()}
    return effects, (*make_followers(settings), Follower("witness", frozenset(KINDS), read))


async def main(url: str, folder: Path, ahead: float) -> None:
    store = open_store(
        url,
        master_key=b"m" * 32,
        blob_dir=folder,
        zone=ZoneInfo("UTC"),
        clock=lambda: time.time() + ahead,
    )
    effects, followers = witnessed(load(environ={}, folder=folder), partial(print, flush=True))
    print("ready", flush=True)
    while True:
        try:
            await store.followers.catch_up(followers, await store.events.last())
            for trouble in await store.timers.fire_due(effects):
                print(trouble, flush=True)
        except Temporary:  # somebody who was killed holds the database for a moment
            pass
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])))
