"""The whole system as real processes, started, waited for, killed and stopped by tests.

A start is ready when its doors answer and its workers say so: nothing here waits a fixed time.
Everything that a system starts carries a mark in its environment, by which ``left_behind`` finds
what outlived it.
"""

import asyncio
import base64
import contextlib
import copy
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Self

import psutil

from config.settings import load
from models import migrations as schema
from tests.flow import trained, undertaker
from tests.services import free_port
from workers.assembly.wiring import make_store

SHOULI = str(Path(sys.executable).with_name("shouli"))
MARK = "FLOW_TEST_HOME"

ROLES = ("intake", "work", "desk", "clock")

READY_SECONDS = 60.0
STOP_SECONDS = 30.0
"""``shouli run`` gives its children 10 s, and its Valkey 10 s more."""

_POLL = 0.02
_ROOT = Path(__file__).parents[2]

ALWAYS_OPEN = (
    "{monday=['00:00-24:00'],tuesday=['00:00-24:00'],wednesday=['00:00-24:00'],"
    "thursday=['00:00-24:00'],friday=['00:00-24:00'],saturday=['00:00-24:00'],"
    "sunday=['00:00-24:00']}"
)
"""Tests must not depend on the day on which they run."""

_ORDINARY = re.compile(r'"level": ?"(debug|info)"')
_ACCOUNT = re.compile(r"│\s*(\w+)\s*│.*│.*│\s*(\S+)\s*│")


def until(what: str, true: Callable[[], Any], seconds: float = READY_SECONDS) -> Any:
    """Waits for a condition and returns its value; for threads without an event loop."""
    deadline = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(_POLL)
    return value


def clean_environ(extra: Mapping[str, str]) -> dict[str, str]:
    """Ours without settings of the machine that runs the tests."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("SHOULI_")}
    return {**inherited, **extra}


def migrate(home: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """Runs ``shouli migrate``; returns the passwords that it printed, by login."""
    home.mkdir(parents=True, exist_ok=True)
    environ = clean_environ({"COLUMNS": "120", "SHOULI_DATA_DIR": str(home / "data"), **extra})
    done = subprocess.run(
        [SHOULI, "migrate"], env=environ, cwd=home, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {
        found[1]: found[2]
        for line in done.stdout.splitlines()
        if (found := _ACCOUNT.match(line.strip()))
    }


class System:
    """One installation: its folder, its doors, and the processes that serve them."""

    made: ClassVar[list["System"]] = []
    """All of this test run, for who explains a failure."""

    def __init__(
        self,
        home: Path,
        commands: Mapping[str, Sequence[str]],
        passwords: Mapping[str, str],
        settings: Mapping[str, str],
    ) -> None:
        """``commands`` are started side by side, ``settings`` are environment variables."""
        self.home = home
        self.commands = commands
        self.passwords = passwords
        self.intake_port, self.desk_port, self.smtp_port = (free_port() for _ in range(3))
        self.environ = clean_environ(
            {
                "SHOULI_DATA_DIR": str(home / "data"),
                "SHOULI_INTAKE__PORT": str(self.intake_port),
                "SHOULI_DESK__PORT": str(self.desk_port),
                # All customers of the tests have one address, and their receivers are here.
                "SHOULI_CHANNELS__WEBCHAT__VISITORS_PER_HOUR": "1000000",
                "SHOULI_DESK__WEBHOOK_NETWORKS": '["127.0.0.0/8"]',
                "SHOULI_CHANNELS__EMAIL__PORT": str(self.smtp_port),
                "SHOULI_HOURS__PERIODS": ALWAYS_OPEN,
                "SHOULI_LOG__FORMAT": "json",
                # Each takes seconds of CPU to start; where two matter, a test asks for them.
                "SHOULI_PIPELINE__PROCESSES": "1",
                MARK: str(home),
                **settings,
            }
        )
        self._log = home / "log"
        self._top: dict[str, subprocess.Popen[bytes]] = {}
        self._read_from = 0
        self._undertaker: subprocess.Popen[bytes] | None = None
        self.made.append(self)

    @property
    def intake(self) -> str:
        return f"http://127.0.0.1:{self.intake_port}"

    @property
    def desk(self) -> str:
        return f"http://127.0.0.1:{self.desk_port}"

    def through(self, *, intake_port: int, desk_port: int, smtp_port: int) -> Self:
        """The same installation, seen through other doors of it."""
        other = copy.copy(self)
        other.intake_port, other.desk_port, other.smtp_port = intake_port, desk_port, smtp_port
        return other

    # -- life --------------------------------------------------------------------------

    def start(self, *, wait: bool = True) -> None:
        """Starts every command that does not run, and waits until all is ready."""
        self._read_from = self._log.stat().st_size if self._log.exists() else 0
        if self._undertaker is None:
            self._undertaker = subprocess.Popen(
                [sys.executable, "-m", undertaker.__name__, MARK, str(self.home)],
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                start_new_session=True,
            )
        dead = {name: line for name, line in self.commands.items() if not self.lives(name)}
        for name, line in dead.items():
            with self._log.open("ab") as log:
                self._top[name] = subprocess.Popen(
                    line,
                    env=self.environ,
                    cwd=self.home,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        # Doors show by themselves that they are open; the other roles say it.
        wanted = {
            f"{role} open": sum(role in line or "run" in line for line in dead.values())
            for role in ("work", "clock")
        }
        if wait:
            until("everything is ready", lambda: self._ready(wanted))

    def _ready(self, wanted: Mapping[str, int]) -> bool:
        for name in self.commands:
            assert self.lives(name), f"{name} ended by itself\n{self.tail()}"
        said = [entry.get("event") for entry in self.log(self._read_from)]
        return all(said.count(word) >= count for word, count in wanted.items()) and self.answers()

    def answers(self) -> bool:
        """Whether all three doors answer now."""
        return (
            _http(f"{self.intake}/readyz") == 200
            and _http(f"{self.desk}/healthz") == 200
            and _greets(self.smtp_port)
        )

    def stop(self) -> None:
        """SIGTERM as an operator would, and no process may be left."""
        for process in self._top.values():
            if process.poll() is None:
                process.terminate()
        for name, process in self._top.items():
            try:
                code = process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.destroy()
                raise AssertionError(f"{name} did not stop\n{self.tail()}") from None
            # A process that was still starting has no handler yet: the signal itself ends it.
            assert code in (0, -signal.SIGTERM), f"{name} ended with {code}\n{self.tail()}"
        assert not self.left_behind(), f"left behind: {self.left_behind()}"

    def kill(self, *names: str) -> None:
        """SIGKILL to these commands, or all; the kernel and the next start see to the rest."""
        for name in names or self._top:
            self._top[name].kill()
            self._top[name].wait()

    def destroy(self) -> None:
        """Ends whatever is left after a failed test, without asking."""
        self.kill()
        undertaker.bury(MARK, str(self.home))
        if self._undertaker is not None:
            self._undertaker.communicate()
            self._undertaker = None

    def lives(self, name: str) -> bool:
        """Whether a command still runs in the process that it was started in."""
        return name in self._top and self._top[name].poll() is None

    # -- processes ---------------------------------------------------------------------

    @property
    def started(self) -> dict[str, int]:
        """The process id of each command."""
        return {name: process.pid for name, process in self._top.items()}

    def pids(self, role: str) -> list[int]:
        """The processes of a role (or “valkey”) as they run now."""
        return [process.pid for name, process in self.processes() if name == role]

    def processes(self) -> Iterator[tuple[str, psutil.Process]]:
        """Every process that its commands have started, as they run now, with what it is.

        That is a role, “run”, “valkey”, or “child” for what those start for themselves.
        """
        for top in self._top.values():
            if top.poll() is None:
                with contextlib.suppress(psutil.Error):
                    process = psutil.Process(top.pid)
                    for one in (process, *process.children(recursive=True)):
                        with contextlib.suppress(psutil.Error):
                            yield _what(one.cmdline()), one

    def left_behind(self) -> dict[int, str]:
        """Running processes that carry this installation's mark, with their commands."""
        return undertaker.marked(MARK, str(self.home))

    # -- what it said ------------------------------------------------------------------

    def log(self, start: int = 0) -> list[dict[str, Any]]:
        """Log entries from a byte offset on; what is no JSON line is left out."""
        entries = []
        with self._log.open("rb") as file:
            file.seek(start)
            for line in file:
                with contextlib.suppress(ValueError):
                    entry = json.loads(line)
                    if isinstance(entry, dict):
                        entries.append(entry)
        return entries

    def tail(self, lines: int = 25) -> str:
        """The end of the log, for messages of failed assertions."""
        return "\n".join(self._lines()[-lines:])

    def troubles(self, lines: int = 40) -> str:
        """The last lines that are no ordinary entries: warnings, errors, what is no JSON."""
        troubles = [line for line in self._lines() if not _ORDINARY.search(line)]
        return "\n".join(troubles[-lines:])

    def wrote_since(self, moment: float) -> bool:
        """Whether a process of it has said something since (seconds since the epoch)."""
        return self._log.exists() and self._log.stat().st_mtime >= moment

    def _lines(self) -> list[str]:
        if not self._log.exists():
            return []
        return self._log.read_text(errors="replace").splitlines()


class Prepared:
    """A data folder after the first start, copied for every system; trained where nobody has yet.

    Whoever comes second to ``home``, another process too, waits for the first and takes its.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        told = home / "passwords.json"
        with (home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not told.exists():
                kept = trained.place()
                passwords = migrate(home, _learnt(kept) if kept.exists() else {})
                if not kept.exists():
                    trained.keep(next((home / "data" / "bundles").iterdir()), kept)
                assert set(passwords) >= {"lilei", "hanmeimei", "wangfang", "chen", "admin"}
                told.write_text(json.dumps(passwords))
        self.passwords: dict[str, str] = json.loads(told.read_text())

    def learnt(self) -> dict[str, str]:
        """An environment in which a first start need not train (``learnt/sitecustomize.py``)."""
        return _learnt(self.home / "data" / "bundles")


def _learnt(bundles: Path) -> dict[str, str]:
    (bundle,) = bundles.iterdir()
    path = [str(Path(__file__).parent / "learnt"), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, path)), "LEARNT": str(bundle)}


def embedded(home: Path, prepared: Prepared, settings: Mapping[str, str] | None = None) -> System:
    """``shouli run`` over a copy of the prepared data folder."""
    shutil.copytree(prepared.home / "data", home / "data")
    return System(home, {"run": [SHOULI, "run"]}, prepared.passwords, settings or {})


def distributed(
    home: Path,
    prepared: Prepared,
    services: Mapping[str, str],
    settings: Mapping[str, str] | None = None,
    commands: Mapping[str, Sequence[str]] | None = None,
) -> System:
    """The roles as processes of their own, two of them workers, over PostgreSQL and a Valkey.

    ``services`` are the settings that name both; ``commands`` replace the roles.
    """
    key = base64.b64encode(os.urandom(32)).decode()
    shared = {**services, "SHOULI_MASTER_KEY": key}
    with ThreadPoolExecutor(1) as outside:  # a loop may already run in this thread
        outside.submit(asyncio.run, _give_bundle(prepared, shared)).result()
    passwords = migrate(home, shared)
    if commands is None:
        names = {"intake": "intake", "work-1": "work", "work-2": "work"}
        names |= {"desk": "desk", "clock": "clock"}
        commands = {name: [SHOULI, role] for name, role in names.items()}
    return System(home, commands, passwords, {**shared, **(settings or {})})


def planted() -> dict[str, str]:
    """An environment in which the bug named PLANTED_BUG is in the roles, if there is one."""
    if not (bug := os.environ.get("PLANTED_BUG", "")):
        return {}
    path = [str(Path(__file__).parent / "planted"), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, path)), "PLANTED_BUG": bug}


async def _give_bundle(prepared: Prepared, shared: Mapping[str, str]) -> None:
    """Puts the trained classifier into a database, so that it need not be trained again."""
    trained = make_store(load(environ={"SHOULI_DATA_DIR": str(prepared.home / "data")}))
    store = make_store(load(environ=shared))
    try:
        await schema.migrate(store.db)
        name = await trained.bundles.champion()
        assert name is not None
        (card,) = await trained.bundles.cards()
        await store.bundles.add(name, card["card"], await trained.bundles.content(name))
        await store.bundles.promote(name, None)
    finally:
        await trained.close()
        await store.close()


def _what(line: Sequence[str]) -> str:
    if line and "valkey-server" in line[0]:  # it writes its address there, too
        return "valkey"
    if not any(word in ("workers", SHOULI) for word in line):
        return "child"
    return next((role for role in (*ROLES, "run") if role in line[1:]), "child")


def _http(url: str) -> int | None:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return None


def _greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as connection:
            connection.settimeout(2)
            return connection.recv(3) == b"220"
    except OSError:
        return False
