"""A whole Shouli for one demonstration: folder, ports and mail relay of its own, gone after it."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

from config.origins import PREFIX
from config.settings import Settings, load
from models.errors import ShouliError
from workers.processes import tether
from workers.processes.environ import without_settings
from workers.processes.heartbeat import ROLES

_START_SECONDS = 180.0
"""The first start trains a classifier: half a minute or so of one core."""

_STOP_SECONDS = 25.0
_LOG_LINES = 20


class SandboxError(ShouliError):
    """The system of the demonstration did not come up; the sentence ends with its log."""

    code = "trial"


class Relay:
    """A mail server that keeps what it is given: where the customers' mailboxes would be."""

    def __init__(self) -> None:
        self._letters: list[EmailMessage] = []
        self._came = asyncio.Condition()
        self.port = 0

    async def handle_DATA(  # noqa: N802  aiosmtpd's name for it
        self, _server: SMTP, _session: Any, envelope: Any
    ) -> str:
        async with self._came:
            self._letters.append(message_from_bytes(envelope.content, policy=policy.default))
            self._came.notify_all()
        return "250 2.0.0 OK"

    async def answer_to(self, message_id: str, seconds: float) -> EmailMessage:
        """The letter that answers ``message_id``. Raises ``TimeoutError``."""

        def found() -> EmailMessage | None:
            answers = (x for x in self._letters if x["In-Reply-To"] == message_id)
            return next(answers, None)

        async with asyncio.timeout(seconds), self._came:
            letter = await self._came.wait_for(found)
        assert letter is not None
        return letter

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(self, loop=loop), "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            await server.wait_closed()


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running system and the relay that its answers go to."""

    settings: Settings
    relay: Relay


@asynccontextmanager
async def sandbox() -> AsyncIterator[Sandbox]:
    """``shouli run`` in an empty folder; when the block ends nothing of it is left.

    Raises:
        SandboxError: it did not start.
    """
    relay = Relay()
    with tempfile.TemporaryDirectory(prefix="shouli-demo-") as name:
        folder = Path(name)
        async with relay.open():
            environ = _environ(relay.port)
            async with _running(folder, environ):
                yield Sandbox(load(environ=environ, folder=folder), relay)


def _environ(relay_port: int) -> dict[str, str]:
    """Our environment without the operator's settings: a trial touches nobody's data."""
    with _free_ports(3) as (intake, desk, smtp):
        own = {
            "INTAKE__PORT": intake,
            "DESK__PORT": desk,
            "CHANNELS__EMAIL__PORT": smtp,
            "CHANNELS__EMAIL__RELAY": (
                f'{{host = "127.0.0.1", port = {relay_port}, security = "none"}}'
            ),
        }
    return {**without_settings()} | {PREFIX + name: str(value) for name, value in own.items()}


@contextmanager
def _free_ports(count: int) -> Iterator[list[int]]:
    """Loopback ports that nobody listens on, each another one."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        yield [probe.getsockname()[1] for probe in probes]


@asynccontextmanager
async def _running(folder: Path, environ: dict[str, str]) -> AsyncIterator[None]:
    log = folder / "run.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", tether.__file__, str(os.getpid())),
            *(sys.executable, "-m", "workers", "run"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            cwd=folder,
            env=environ,
            # Ctrl-C is for us: we stop it in order.
            start_new_session=True,
        )
    try:
        await _until_open(process, lambda: log.read_text("utf-8", "replace"))
        yield
    finally:
        await _stop(process)


async def _until_open(process: asyncio.subprocess.Process, log: Callable[[], str]) -> None:
    """Waits for the word of every role, which comes when its door is open."""
    deadline = time.monotonic() + _START_SECONDS
    while not all(f"{role} open" in (said := log()) for role in ROLES):
        if process.returncode is not None or time.monotonic() > deadline:
            last = "\n".join(said.splitlines()[-_LOG_LINES:])
            raise SandboxError(
                "演示用的系统没有启动起来，日志末尾如下。"
                f" / The system for the demonstration did not start; the end of its log:\n{last}"
            )
        await asyncio.sleep(0.1)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
