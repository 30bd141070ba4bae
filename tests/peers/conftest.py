"""Real mail programs against a real door: an SMTP server over a store on disk.

Nothing here runs as a system's service, and a missing program is a failure, never a skip.
"""

import asyncio
import contextlib
import email
import email.policy
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from sqlalchemy import select

from channels.email import EmailChannel, create
from models.message import Envelope
from models.ports import Door
from models.store import Store, open_store
from models.tables import envelope
from tests.databases import migrated_sqlite
from tests.services import NOBODY, free_port
from workers.messages.intake import Intake

SECONDS = 60.0
MAILBOXES = [
    {"address": "support@example.com", "account": "support"},
    {"address": "sales@example.com", "account": "sales"},
]

_PLACES = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


def program(name: str) -> str:
    """Where a program is; a test without it fails."""
    found = shutil.which(name, path=_PLACES)
    if found is None:
        pytest.fail(f"{name} is not installed: run “make test-peers”")
    return found


@dataclass(frozen=True)
class Done:
    """How a program ended, and all that it said."""

    code: int
    said: str


async def run(name: str, *words: object) -> Done:
    """Runs a program to its end, with nothing on its standard input."""
    process = await asyncio.create_subprocess_exec(
        program(name),
        *map(str, words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(SECONDS):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Done(process.returncode, said.decode(errors="replace"))


class _Silent:
    """A doorbell that nobody hears: these tests end at the commit."""

    async def ring(self, _work: str) -> None:
        return


class _NoBus:
    """The bus that a mail door never uses."""

    async def publish(self, _topic: str) -> None:
        raise AssertionError("a mail door publishes nothing")

    def subscribe(self, *_topics: str) -> AbstractAsyncContextManager[AsyncIterator[str]]:
        raise AssertionError("a mail door subscribes to nothing")


@dataclass(frozen=True)
class Listening:
    """An open door, and what it has stored."""

    channel: EmailChannel
    store: Store

    @property
    def port(self) -> int:
        return self.channel.port

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def stored(self) -> list[Envelope]:
        """Every envelope in the database, oldest first."""
        async with self.store.db.read() as conn:
            ids = (await conn.execute(select(envelope.c.id).order_by(envelope.c.id))).scalars()
            found = list(ids)
        return [await self.store.envelopes.get(one) for one in found]


@asynccontextmanager
async def listening(folder: Path, **options: Any) -> AsyncIterator[Listening]:
    """The e-mail channel over SQLite, as ``shouli intake`` opens it."""
    store = open_store(
        migrated_sqlite(folder),
        master_key=b"k" * 32,
        blob_dir=folder / "blobs",
        zone=ZoneInfo("Asia/Shanghai"),
    )
    intake = Intake(store.envelopes, _Silent(), group=128, check_room=lambda: None)
    channel = create({"port": 0, "mailboxes": MAILBOXES, **options}, b"peers")
    await channel.open(Door(intake.accept, web.Application(), store, _NoBus(), time.time))
    try:
        yield Listening(channel, store)
    finally:
        await channel.close()
        await store.close()


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Listening]:
    """A door with the settings that it is shipped with."""
    async with listening(tmp_path) as opened:
        yield opened


class Sink:
    """A running smtp-sink and the folder in which it keeps what it takes."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self._folder = folder

    def taken(self) -> list[EmailMessage]:
        """The mails, each with the envelope in X-Mail-Args and X-Rcpt-Args."""
        return [
            email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            for path in sorted(self._folder.iterdir())
        ]


StartSink = Callable[..., AbstractAsyncContextManager[Sink]]


@pytest.fixture
def sink_folder() -> Iterator[Path]:
    """A folder of the unprivileged user under which smtp-sink runs."""
    with tempfile.TemporaryDirectory(prefix="shouli-sink-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        yield folder


@pytest.fixture
def sink(sink_folder: Path) -> StartSink:
    """Starts Postfix's smtp-sink with the given options, and ends it with the block."""

    @asynccontextmanager
    async def start(*options: str) -> AsyncIterator[Sink]:
        port = free_port()
        identity: dict[str, Any] = {"user": NOBODY, "group": NOBODY} if os.geteuid() == 0 else {}
        process = await asyncio.create_subprocess_exec(
            program("smtp-sink"), *_dumping(options), f"127.0.0.1:{port}", "64",
            cwd=sink_folder, stdin=asyncio.subprocess.DEVNULL, **identity,
        )  # fmt: skip
        try:
            await _until_it_listens(port, process)
            yield Sink(port, sink_folder)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()

    return start


def _dumping(options: Sequence[str]) -> list[str]:
    return ["-d", "mail.", *options]


async def _until_it_listens(port: int, process: asyncio.subprocess.Process) -> None:
    """Looks into the kernel's table instead of connecting: smtp-sink would count a session."""
    wanted = f":{port:04X} 00000000:0000 0A"
    async with asyncio.timeout(SECONDS):
        while wanted not in Path("/proc/net/tcp").read_text():
            assert process.returncode is None, f"smtp-sink ended with {process.returncode}"
            await asyncio.sleep(0.01)
