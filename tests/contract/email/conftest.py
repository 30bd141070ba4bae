"""A listening SMTP server with an accept of our own, and a raw client."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from channels.email.options import Options
from channels.email.smtp import Server
from channels.email.throttle import Throttle
from models.message import Envelope, Receipt
from tests.fakes import FakeClock

MAILBOXES = [
    {"address": "support@example.com", "account": "support"},
    {"address": "help@example.com", "account": "support"},
    {"address": "sales@example.com", "account": "sales"},
]


class Store:
    """An accept that remembers; it can fail, or wait until it is let go."""

    def __init__(self) -> None:
        self.calls: list[list[Envelope]] = []
        self.failure: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, envelopes: Sequence[Envelope]) -> list[Receipt]:
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        self.calls.append([*envelopes])
        return [Receipt(envelope.id, "new") for envelope in envelopes]

    @property
    def bodies(self) -> list[bytes]:
        return [call[0].body for call in self.calls]


class Told:
    """Hears how many mails were put off; may be out of reach."""

    def __init__(self) -> None:
        self.counts: list[int] = []
        self.failure: Exception | None = None

    async def __call__(self, count: int) -> None:
        if self.failure is not None:
            raise self.failure
        self.counts.append(count)


class Client:
    """Sends exactly the bytes it is given."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def reply(self) -> str:
        lines = []
        while line := await asyncio.wait_for(self.reader.readline(), 5):
            lines.append(line.decode().rstrip("\r\n"))
            if line[3:4] != b"-":
                break
        return "\n".join(lines)

    async def say(self, text: str | bytes) -> str:
        self.writer.write(text if isinstance(text, bytes) else text.encode() + b"\r\n")
        return await self.reply()

    async def begin(self, recipient: str = "support@example.com") -> None:
        assert (await self.say("EHLO client.example")).startswith("250")
        assert (await self.say("MAIL FROM:<c@customer.example>")).startswith("250")
        assert (await self.say(f"RCPT TO:<{recipient}>")).startswith("250")
        assert (await self.say("DATA")).startswith("354")

    async def rest(self) -> bytes:
        return await asyncio.wait_for(self.reader.read(), 5)


class Listening:
    """One server and the clients connected to it."""

    def __init__(self, server: Server, store: Store, clock: FakeClock, told: Told) -> None:
        self.server, self.store, self.clock, self.told = server, store, clock, told
        self.clients: list[Client] = []

    async def connect(self, greet: bool = True) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.server.port))
        self.clients.append(client)
        if greet:
            assert (await client.reply()).startswith("220")
        return client


@pytest.fixture
async def listen() -> AsyncIterator[Callable[..., Any]]:
    opened: list[Listening] = []

    async def start(**options: Any) -> Listening:
        store = Store()
        settings = Options.model_validate({"port": 0, "mailboxes": MAILBOXES, **options})
        clock, told = FakeClock(), Told()
        server = Server(settings, store, clock, Throttle(settings, clock, told))
        await server.start()
        opened.append(Listening(server, store, clock, told))
        return opened[-1]

    yield start
    for listening in opened:
        for client in listening.clients:
            client.writer.close()
        listening.store.gate.set()
        await listening.server.stop()
