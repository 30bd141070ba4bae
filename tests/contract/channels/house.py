"""One channel over a real store, its doors on a free port, the worker's part played in-process."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from aiohttp import ClientSession, web
from sqlalchemy import select

from models.bodies import Bodies
from models.errors import Temporary
from models.message import Envelope, Lane, Receipt
from models.ports import Channel, Door
from models.store import Store, open_store
from models.store.dialogue.incoming import Incoming
from models.tables import message
from tests.databases import migrated_sqlite


class SilentBus:
    """A bus on which nothing is ever said: whoever needs it looks into SQL."""

    async def publish(self, topic: str, /) -> None: ...

    @asynccontextmanager
    async def subscribe(self, *topics: str) -> AsyncIterator[AsyncIterator[str]]:
        async def wakes() -> AsyncIterator[str]:
            for topic in topics:
                yield topic
            await asyncio.Event().wait()

        yield wakes()


class Clock:
    """Time that the test moves; by default the real one, for platforms that sign with it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        import time

        return time.time() + self.ahead


@dataclass
class House:
    """What the channel is lent, and what a test may do to it."""

    store: Store
    channel: Channel
    clock: Clock
    http: ClientSession
    url: str = ""
    failing: bool = False
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    accepted: list[Envelope] = field(default_factory=list)
    bodies: Bodies = field(default_factory=Bodies)

    async def accept(self, envelopes: Sequence[Envelope], /) -> list[Receipt]:
        """Stores when the gate is open, and fails when it is told to."""
        self.entered.set()
        await self.gate.wait()
        if self.failing:
            raise Temporary("the database is away")
        receipts = await self.store.envelopes.accept(envelopes)
        self.accepted.extend(envelopes)
        return receipts

    async def work(self) -> None:
        """What a worker does with envelopes: reads and threads them."""
        for lane in Lane:
            while leased := await self.store.envelopes.lease(lane, 128, 60.0):
                found = [(e, n) for e in leased.envelopes for n in self.channel.normalize(e)]
                for _, normalized in found:
                    await self.store.blobs.put(normalized.files)
                incoming = [
                    Incoming.of(e, n.message, hollow=False, trouble=None) for e, n in found
                ]
                async with self.store.db.write() as tx:
                    ids = [e.id for e in leased.envelopes]
                    await self.store.threads.thread(tx, leased.token, ids, incoming)

    async def said(self) -> list[tuple[str, str]]:
        """(external id, text) of every message that was threaded, in the order of their keys."""
        m = message.c
        query = select(m.external_id, m.text).order_by(m.order_key, m.received_at, m.id)
        async with self.store.db.read() as conn:
            return [(row.external_id, row.text) for row in await conn.execute(query)]


@asynccontextmanager
async def house(
    folder: Path, channel: Channel, bodies: Bodies | None = None
) -> AsyncIterator[House]:
    """Everything up; the gate of the store is open."""
    store = open_store(
        migrated_sqlite(folder),
        master_key=b"m" * 32,
        blob_dir=folder / "blobs",
        zone=ZoneInfo("Asia/Shanghai"),
    )
    app = web.Application(client_max_size=1024 * 1024)
    async with ClientSession() as http:
        made = House(store, channel, Clock(), http, bodies=bodies or Bodies())
        made.gate.set()
        runner = web.AppRunner(app, shutdown_timeout=1.0)
        lent = Door(made.accept, app, store, SilentBus(), made.clock, bodies=made.bodies)
        await channel.open(lent)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield made
        finally:
            made.gate.set()
            await channel.close()
            await runner.cleanup()
            await store.close()
