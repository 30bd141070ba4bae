"""A running webchat door over a real store, with the worker's part played in-process."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import ClientSession, ClientWebSocketResponse, web

from channels import webchat
from models.errors import StorageFull
from models.event_tail import EVENTS
from models.message import Attachment, Choice, Envelope, Lane, Receipt
from models.ports import Channel, Door
from models.store import Store, open_store
from models.store.dialogue.conversations import append
from models.store.dialogue.incoming import Incoming
from tests.databases import migrated_sqlite
from tests.fakes import FakeBus, FakeClock

SECRET = b"s" * 32


Accepting = Callable[[Sequence[Envelope]], Awaitable[list[Receipt]]]


@dataclass
class Site:
    """The door, what is behind it, and hands to play the worker and the agent."""

    store: Store
    bus: FakeBus
    clock: FakeClock
    channel: Channel
    http: ClientSession
    url: str
    accepting: Accepting | None = None
    full: bool = False
    """Whether the disk is at its watermark."""
    accepted: list[Envelope] = field(default_factory=list)

    @property
    def origin(self) -> dict[str, str]:
        return {"Origin": self.url}

    async def accept(self, envelopes: Sequence[Envelope], /) -> list[Receipt]:
        if self.accepting is not None:
            return await self.accepting(envelopes)
        receipts = await self.store.envelopes.accept(envelopes)
        self.accepted.extend(envelopes)
        return receipts

    def check_room(self) -> None:
        if self.full:
            raise StorageFull("full")

    async def work(self) -> None:
        """What a worker does with the envelopes: threads them, and wakes everybody."""
        for lane in Lane:
            await self._work(lane)
        await self.bus.publish(EVENTS)

    async def _work(self, lane: Lane) -> None:
        while leased := await self.store.envelopes.lease(lane, 128, 60.0):
            incoming = [
                Incoming(e.id, n.message, e.lane)
                for e in leased.envelopes
                for n in self.channel.normalize(e)
            ]
            async with self.store.db.write() as tx:
                ids = [e.id for e in leased.envelopes]
                await self.store.threads.thread(tx, leased.token, ids, incoming)

    async def answer(
        self,
        conversation_key: str,
        text: str,
        client_id: str = "",
        files: Sequence[Attachment] = (),
        choices: Sequence[Choice] = (),
    ) -> None:
        """What an agent's answer does, or a question with ``choices``."""
        talk = await self.store.conversations.find("webchat", "web", conversation_key)
        assert talk is not None
        ticket = (await self.store.conversations.log(talk.id))[0].ticket_id
        async with self.store.db.write() as tx:
            await append(
                tx,
                conversation_id=talk.id,
                ticket_id=ticket,
                kind="reply",
                text=text,
                client_id=client_id or str(uuid.uuid4()),
                agent_id=None,
                attachments=files,
                choices=choices,
            )
        await self.bus.publish(EVENTS)

    async def queue_ticket(self, conversation_key: str) -> str:
        """What the routing of a ticket tells."""
        talk = await self.store.conversations.find("webchat", "web", conversation_key)
        assert talk is not None
        number = (await self.store.tickets.of_conversation(talk.id))[-1].number
        async with self.store.db.write() as tx:
            tx.emit("ticket.queued", conversation=talk.id, number=number)
        await self.bus.publish(EVENTS)
        return number

    @asynccontextmanager
    async def socket(self, **headers: str) -> AsyncIterator[ClientWebSocketResponse]:
        url = f"{self.url}/webchat/ws"
        async with self.http.ws_connect(url, headers=self.origin | headers) as ws:
            yield ws


def say(text: str, client_id: str = "") -> dict[str, Any]:
    return {"type": "msg", "client_id": client_id or str(uuid.uuid4()), "text": text}


async def hear(ws: ClientWebSocketResponse) -> dict[str, Any]:
    frame: dict[str, Any] = await ws.receive_json(timeout=10)
    return frame


async def hello(ws: ClientWebSocketResponse, **fields: Any) -> dict[str, Any]:
    await ws.send_json({"type": "hello", **fields})
    return await hear(ws)


@asynccontextmanager
async def site(
    folder: Path, clock: FakeClock | None = None, **options: Any
) -> AsyncIterator[Site]:
    """Everything up, on a free port."""
    clock = clock or FakeClock()
    store = open_store(
        migrated_sqlite(folder),
        master_key=b"m" * 32,
        blob_dir=folder / "blobs",
        zone=ZoneInfo("Asia/Shanghai"),
        clock=clock,
    )
    app = web.Application()
    channel = webchat.create(options, SECRET)
    async with ClientSession() as http:
        made = Site(store, FakeBus(), clock, channel, http, "")
        await channel.open(Door(made.accept, app, store, made.bus, clock, made.check_room))
        runner = web.AppRunner(app, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield made
        finally:
            await channel.close()
            await runner.cleanup()
            await store.close()
