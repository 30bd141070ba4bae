"""A process that keeps the clocks of a database until it is killed: URL, folder, seconds ahead.

It follows events and fires timers as the clock role does, by the settings that come along, on
a clock that is so many seconds ahead of the machine's. It holds no lease: what must keep two
of them apart here is the database alone.
"""

import asyncio
import sys
import time
from pathlib import Path
from zoneinfo import ZoneInfo

from config.settings import load
from models.errors import Temporary
from models.store import open_store
from workers.effects import make_effects, make_followers


async def main(url: str, folder: Path, ahead: float) -> None:
    store = open_store(
        url,
        master_key=b"m" * 32,
        blob_dir=folder,
        zone=ZoneInfo("UTC"),
        clock=lambda: time.time() + ahead,
    )
    settings = load(environ={}, folder=folder)
    effects, followers = make_effects(settings), make_followers(settings)
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
