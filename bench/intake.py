"""Durable SMTP intake beside aiosmtpd's stock class that throws everything away.

    python -m bench.intake [--rounds 5] [--seconds 2] [--json FILE]

Ours is the door as it is shipped, all hardening on, and each 250 is said after the commit
(SQLite, synchronous=FULL). The stock class has a handler that does nothing, so that it pays for
the protocol alone. Postfix's smtp-sink, which is written in C and keeps nothing either, is
printed beside where it is installed. Each server is a process of its own; the client is this
one, and says the same bytes to each. Rounds alternate; the ratios are of the medians. Exit
status 1 if a bar is missed, or if the database does not hold each mail that was acknowledged.
"""

import argparse
import asyncio
import json
import os
import selectors
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import psutil
from aiohttp import web
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP

from bench import durable
from channels.email import create
from models.migrations import migrate
from models.ports import Door
from models.store import open_store
from workers.messages.intake import Intake, disk_watermark

ROOT = Path(__file__).resolve().parent.parent
CORES = 2
CONNECTIONS = 20
"""What Postfix opens to one destination (default_destination_concurrency_limit)."""

MAILBOX = "support@example.com"
_COMMIT_GROUP = 128
_WATERMARK_MB = 256
_READY_SECONDS = 60.0
_WARM_UP_SECONDS = 0.5
_NOBODY = 65534
_RECEIVE = 1 << 16


class Case(NamedTuple):
    """A way of handing mails over, and how many times the stock class ours must be."""

    name: str
    kilobytes: int
    kept: bool
    bar: float


CASES = (
    Case("4 KB, a connection a mail", 4, kept=False, bar=1.4),
    Case("4 KB, kept connections", 4, kept=True, bar=2.0),
    Case("100 KB, kept connections", 100, kept=True, bar=3.0),
)


# -- the servers -----------------------------------------------------------------------


class _Silent:
    """A doorbell that nobody hears: work after the commit is not measured here."""

    async def ring(self, _work: str) -> None:
        return


class _NoBus:
    """The bus that a mail door never uses."""

    async def publish(self, _topic: str) -> None:
        return

    @asynccontextmanager
    async def subscribe(self, *topics: str) -> AsyncIterator[AsyncIterator[str]]:
        raise NotImplementedError(topics)
        yield


async def _serve_ours(folder: Path) -> None:
    store = open_store(
        f"sqlite+aiosqlite:///{folder / 'shouli.db'}",
        master_key=b"k" * 32,
        blob_dir=folder / "blobs",
        zone=ZoneInfo("Asia/Shanghai"),
    )
    await migrate(store.db)
    room = disk_watermark(folder, _WATERMARK_MB)
    intake = Intake(store.envelopes, _Silent(), group=_COMMIT_GROUP, check_room=room)
    options = {"port": 0, "mailboxes": [{"address": MAILBOX}]}
    channel = create(options, b"bench")
    await channel.open(Door(intake.accept, web.Application(), store, _NoBus(), time.time))
    await _until_told(channel.port)
    await channel.close()
    await store.close()


async def _serve_stock(_folder: Path) -> None:
    loop = asyncio.get_running_loop()
    factory = partial(SMTP, Sink(), hostname="example.com", loop=loop)  # type: ignore[no-untyped-call]
    server = await loop.create_server(factory, "127.0.0.1", 0)
    await _until_told(server.sockets[0].getsockname()[1])
    server.close()


async def _until_told(port: int) -> None:
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    print(port, flush=True)
    await told.wait()


SERVERS = {"shouli": _serve_ours, "stock": _serve_stock}


class Server(NamedTuple):
    """A server in a process of its own."""

    name: str
    port: int
    pid: int

    def cpu(self) -> float:
        """Seconds of CPU that it has used."""
        used = psutil.Process(self.pid).cpu_times()
        return float(used.user + used.system)


@contextmanager
def _python_server(name: str, folder: Path) -> Iterator[Server]:
    line = [sys.executable, "-m", "bench.intake", "--serve", name, "--folder", str(folder)]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Server(name, int(process.stdout.readline()), process.pid)
        finally:
            process.terminate()


@contextmanager
def _smtp_sink(program: str) -> Iterator[Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    identity: dict[str, Any] = {"user": _NOBODY, "group": _NOBODY} if os.geteuid() == 0 else {}
    line = [program, f"127.0.0.1:{port}", "256"]
    with subprocess.Popen(line, cwd="/", **identity) as process:
        try:
            _wait_for(port)
            yield Server("smtp-sink", port, process.pid)
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


# -- the client ------------------------------------------------------------------------

_ENVELOPE = (
    (b"MAIL FROM:<wang@sender.example.net>\r\n", b"250"),
    (f"RCPT TO:<{MAILBOX}>\r\n".encode(), b"250"),
    (b"DATA\r\n", b"354"),
)


class Letters:
    """Mails of one size, all different, with 76 characters a line as base64 has them."""

    def __init__(self, kilobytes: int, salt: str) -> None:
        self._salt = salt
        self._count = 0
        lines = (os.urandom(38).hex().encode() + b"\r\n" for _ in range(kilobytes * 1024 // 78))
        self._rest = (
            b"From: wang@sender.example.net\r\nTo: support@example.com\r\n"
            b"Subject: =?utf-8?b?5oqV6K+J77ya5YyF6KO55rKh5pyJ6YCB5Yiw?=\r\nMIME-Version: 1.0\r\n"
            b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + b"".join(lines)
            + b".\r\n"
        )

    def next(self) -> bytes:
        self._count += 1
        return f"Message-ID: <{self._salt}.{self._count}@x>\r\n".encode() + self._rest


class Client:
    """Several connections at once that hand over mail after mail, each answer awaited."""

    def __init__(self, port: int, letters: Letters, *, kept: bool) -> None:
        self.taken = 0
        self._port = port
        self._letters = letters
        self._kept = kept
        self._over = False
        self._selector = selectors.DefaultSelector()

    def run(self, seconds: float) -> float:
        """Mails taken a second within ``seconds``; those under way then are seen to their end.

        Raises:
            RuntimeError: the server refused something.
        """
        self._over = False
        before, started = self.taken, time.perf_counter()
        rate = 0.0
        for _ in range(CONNECTIONS):
            self._connect()
        while self._selector.get_map():
            for key, _ in self._selector.select(0.1):
                self._hear(key.data)
            took = time.perf_counter() - started
            if not self._over and took >= seconds:
                self._over = True
                rate = (self.taken - before) / took
        return rate

    def _connect(self) -> None:
        line = socket.create_connection(("127.0.0.1", self._port), 30)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session = _Session(line, self._talk(line))
        self._selector.register(line, selectors.EVENT_READ, session)

    def _hear(self, session: "_Session") -> None:
        if session.heard():
            return
        self._selector.unregister(session.line)
        session.line.close()
        if not self._over:
            self._connect()

    def _talk(self, line: socket.socket) -> Iterator[bytes]:
        """What the client says; yields the code that the answer must have."""
        yield b"220"
        line.sendall(b"EHLO sender.example.net\r\n")
        yield b"250"
        while True:
            for words, code in _ENVELOPE:
                line.sendall(words)
                yield code
            line.sendall(self._letters.next())
            yield b"250"
            self.taken += 1
            if self._over or not self._kept:
                break
        line.sendall(b"QUIT\r\n")
        yield b"221"


class _Session:
    """One connection and its place in the talk."""

    def __init__(self, line: socket.socket, talk: Iterator[bytes]) -> None:
        self.line = line
        self._talk = talk
        self._expected = next(talk)
        self._answer = b""

    def heard(self) -> bool:
        """Goes on after what has come; False when the talk is over."""
        received = self.line.recv(_RECEIVE)
        self._answer += received
        last = self._answer[:-2].rpartition(b"\r\n")[2]
        if received and (not self._answer.endswith(b"\r\n") or last[3:4] == b"-"):
            return True
        if not last.startswith(self._expected):
            raise RuntimeError(f"expected {self._expected.decode()}, heard {self._answer!r}")
        self._answer = b""
        self._expected = next(self._talk, b"")
        return bool(self._expected)


# -- the measurement -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Measured:
    """One server in one round of one case."""

    case: str
    server: str
    mails_per_second: float
    cpu_microseconds_a_mail: float
    fdatasync: durable.Sync


def _measure(case: Case, server: Server, seconds: float, folder: Path) -> tuple[Measured, int]:
    """The figures, and how many mails the server took in all."""
    sync = durable.fdatasync(folder)
    client = Client(server.port, Letters(case.kilobytes, os.urandom(8).hex()), kept=case.kept)
    client.run(_WARM_UP_SECONDS)
    before, cpu = client.taken, server.cpu()
    rate = client.run(seconds)
    cost = (server.cpu() - cpu) / max(client.taken - before, 1) * 1e6
    return Measured(case.name, server.name, rate, cost, sync), client.taken


def run(rounds: int, seconds: float, folder: Path) -> tuple[list[Measured], list[str]]:
    """All rounds of all cases, each round in the other order; and what is wrong."""
    done: list[Measured] = []
    stored = 0
    with ExitStack() as running:
        servers = [running.enter_context(_python_server(name, folder)) for name in SERVERS]
        sink = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if sink:
            servers.append(running.enter_context(_smtp_sink(sink)))
        for number in range(rounds):
            for case in CASES:
                for server in servers if number % 2 == 0 else servers[::-1]:
                    measured, taken = _measure(case, server, seconds, folder)
                    done.append(measured)
                    stored += taken if server.name == "shouli" else 0
                    _show(number, measured)
    with closing(sqlite3.connect(folder / "shouli.db")) as database:
        (rows,) = database.execute("SELECT count(*) FROM envelope").fetchone()
    faults = [] if rows == stored else [f"{stored} mails acknowledged, {rows} in the database"]
    return done, faults


def _show(number: int, m: Measured) -> None:
    print(
        f"{number + 1}  {m.case:26} {m.server:9} {m.mails_per_second:7.0f} mails/s "
        f"{m.cpu_microseconds_a_mail:7.0f} µs CPU a mail   {m.fdatasync}",
        flush=True,
    )


def summary(done: Sequence[Measured]) -> list[dict[str, Any]]:
    """For each case the medians by server, and whether its bar is met."""
    found = []
    for case in CASES:
        mine = [m for m in done if m.case == case.name]
        rates = {
            name: median(m.mails_per_second for m in mine if m.server == name)
            for name in dict.fromkeys(m.server for m in mine)
        }
        ratio = rates["shouli"] / rates["stock"]
        found.append(
            {
                "case": case.name,
                "mails_per_second": rates,
                "ratio": ratio,
                "bar": case.bar,
                "met": ratio >= case.bar,
            }
        )
    return found


def _conclude(found: Sequence[dict[str, Any]], faults: Sequence[str]) -> None:
    for case in found:
        rates = ", ".join(f"{k} {v:.0f}/s" for k, v in case["mails_per_second"].items())
        verdict = "met" if case["met"] else "MISSED"
        print(f"{case['case']:26} {rates}: {case['ratio']:.2f}x (bar {case['bar']:g}x) {verdict}")
    for fault in faults:
        print(f"FAULT: {fault}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of one measurement")
    parser.add_argument("--json", type=Path, help="also writes everything to this file")
    parser.add_argument("--serve", choices=SERVERS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        asyncio.run(SERVERS[asked.serve](asked.folder))
        return
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])  # and all that we start
    build = ROOT / "build" / "bench"  # the disk that data would be on, not one in memory
    build.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build, prefix="intake-") as folder:
        done, faults = run(asked.rounds, asked.seconds, Path(folder))
    found = summary(done)
    _conclude(found, faults)
    if asked.json:
        rounds = [asdict(m) | {"fdatasync": m.fdatasync._asdict()} for m in done]
        text = json.dumps({"cases": found, "faults": faults, "rounds": rounds}, indent=2)
        asked.json.write_text(text)
    sys.exit(0 if all(case["met"] for case in found) and not faults else 1)


if __name__ == "__main__":
    main()
