"""The two systems under measurement, each as processes of its own that end with the block."""

import os
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import psutil

from classifier import seed
from classifier.examples import fingerprint
from config.settings import load, load_taxonomy
from workers.processes import embedded

ROOT = Path(__file__).resolve().parent.parent
LOGIN = "bench"
CORES = 2
"""What the bars are measured on, everything included."""

_READY_SECONDS = 120.0


class Row(NamedTuple):
    """A mail's end, in the columns that both systems have."""

    message_id: str
    type: str
    domain: str
    urgency: str
    queue: str


@dataclass(frozen=True, slots=True)
class System:
    """A running system: where it listens, and how its database is read."""

    name: str
    smtp_port: int
    database: Path
    processes: Sequence[psutil.Process]
    _done: str
    _rows: str

    def cpu_seconds(self) -> float:
        """CPU time of all its processes so far; on a busy machine a fairer figure than time."""
        family = [p for top in self.processes for p in (top, *top.children(recursive=True))]
        return sum(times.user + times.system for times in (p.cpu_times() for p in family))

    def owed(self) -> int:
        """How many events those who act on them have still to read."""
        return 0

    def finished(self) -> int:
        """How many mails are routed or in triage."""
        with closing(self._open()) as db:
            return int(db.execute(self._done).fetchone()[0])

    def rows(self) -> list[Row]:
        """The end of every mail."""
        with closing(self._open()) as db:
            return [Row(*row) for row in db.execute(self._rows)]

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)


@dataclass(frozen=True, slots=True)
class Shouli(System):
    """Shouli's other doors."""

    chat_url: str
    desk_url: str
    password: str

    def owed(self) -> int:
        with closing(self._open()) as db:
            return int(db.execute(_SHOULI_OWED).fetchone()[0])

    def conversation(self, envelope_id: str) -> str:
        """The conversation that an envelope went to; empty while it is not processed."""
        query = "SELECT conversation_id FROM message WHERE envelope_id = ?"
        with closing(self._open()) as db:
            row = db.execute(query, (envelope_id,)).fetchone()
        return str(row[0]) if row else ""


def use_cores(count: int) -> None:
    """Keeps this process, and all that it starts from now on, to so many cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


# -- Shouli ----------------------------------------------------------------------------

_SHOULI_DONE = "SELECT count(*) FROM ticket WHERE state <> 'new' AND channel = 'email'"

_SHOULI_OWED = """
SELECT (SELECT value FROM counter WHERE name = 'event') - min(CAST(value AS INTEGER))
FROM cursor WHERE channel = 'follower'
"""

_SHOULI_ROWS = """
SELECT '<' || substr(m.external_id, 1, instr(m.external_id, '#') - 1) || '>',
       json_extract(t.labels, '$.facets.type.value'),
       json_extract(t.labels, '$.facets.domain.value'),
       json_extract(t.labels, '$.facets.urgency.value'),
       CASE WHEN t.skill_class LIKE '%triage:%' THEN 'triage'
            ELSE json_extract(t.labels, '$.facets.domain.value') END
FROM message AS m JOIN ticket AS t ON t.id = m.ticket_id WHERE m.channel = 'email'
"""


@contextmanager
def shouli(
    home: Path,
    skills: Mapping[str, int],
    capacity: int,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Shouli]:
    """``shouli run`` with its defaults, and one agent, who has ``skills`` and ``capacity``.

    ``settings`` are environment variables, for a bench that cannot do with the defaults. What
    the first start prepares (schema, classifier, accounts) is copied for the next round.
    """
    password = secrets.token_urlsafe(12)
    smtp, chat, desk = free_ports(3)
    data = home / "shouli"
    shutil.rmtree(data, ignore_errors=True)
    environ = {
        **os.environ,
        "SHOULI_DATA_DIR": str(data),
        "SHOULI_CHANNELS__EMAIL__PORT": str(smtp),
        "SHOULI_INTAKE__PORT": str(chat),
        "SHOULI_DESK__PORT": str(desk),
        # Each message is a visitor of its own, and all have one address.
        "SHOULI_CHANNELS__WEBCHAT__VISITORS_PER_HOUR": str(10**6),
        **settings,
    }
    # Not kept from run to run: schema, corpus and training may have changed.
    prepared = home / f"prepared-{os.getpid()}"
    if not prepared.exists():
        for old in home.glob("prepared-*"):
            shutil.rmtree(old)
        _run(["migrate"], environ | {"SHOULI_DATA_DIR": str(prepared)})
    shutil.copytree(prepared, data)
    options = [word for name, level in skills.items() for word in ("--skill", f"{name}={level}")]
    person = ["--name", "压测", "--capacity", str(capacity), *options]
    _run(["agents", "add", LOGIN, *person], environ | {"SHOULI_NEW_PASSWORD": password})
    line = [sys.executable, "-m", "workers", "run"]
    with _process(line, environ, home / "shouli.log") as process:
        _wait_for(lambda: all(_listens(port) for port in (smtp, chat, desk)), "Shouli")
        yield Shouli(
            name="shouli",
            smtp_port=smtp,
            database=data / "shouli.db",
            processes=[process],
            _done=_SHOULI_DONE,
            _rows=_SHOULI_ROWS,
            chat_url=f"http://127.0.0.1:{chat}",
            desk_url=f"http://127.0.0.1:{desk}",
            password=password,
        )


def _run(words: Sequence[str], environ: Mapping[str, str]) -> None:
    line = [sys.executable, "-m", "workers", *words]
    subprocess.run(line, env=environ, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


# -- the naive path --------------------------------------------------------------------

_NAIVE_DONE = "SELECT count(*) FROM ticket"
_NAIVE_ROWS = "SELECT message_id, type, domain, urgency, queue FROM ticket"


@contextmanager
def naive(home: Path) -> Iterator[System]:
    """aiosmtpd, dramatiq with its defaults, and a real Valkey. See ``bench.naive``."""
    taxonomy = load_taxonomy(load(None, environ={}))
    corpus = fingerprint(seed.load(taxonomy))[:12]
    data, models = home / "naive", home / f"naive-{corpus}.joblib"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    (port,) = free_ports(1)
    valkey = embedded.valkey(data)
    environ = {
        **os.environ,
        "NAIVE_DB": str(data / "naive.db"),
        "NAIVE_REDIS": valkey.url,
        "NAIVE_MODELS": str(models),
    }
    python = [sys.executable, "-m"]
    if not models.exists():
        part = models.with_suffix(".part")
        subprocess.run([*python, "bench.naive.train", str(part)], cwd=ROOT, check=True)
        part.rename(models)
    log = home / "naive.log"
    workers = [*python, "dramatiq", "bench.naive.tasks"]
    with (
        _process(valkey.command.line, environ, log) as broker,
        _process([*python, "bench.naive.receive", str(port)], environ, log) as receiver,
        _process(workers, environ, log) as worker,
    ):
        _wait_for(lambda: _listens(port), "the naive path")
        yield System(
            name="naive",
            smtp_port=port,
            database=data / "naive.db",
            processes=[broker, receiver, worker],
            _done=_NAIVE_DONE,
            _rows=_NAIVE_ROWS,
        )


# -- processes -------------------------------------------------------------------------


@contextmanager
def _process(
    line: Sequence[str], environ: Mapping[str, str], log: Path
) -> Iterator[psutil.Process]:
    with log.open("ab") as out:
        process = psutil.Popen(
            line, env=environ, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait()


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on now."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _wait_for(ready: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} was not ready within {_READY_SECONDS:g} s")
        time.sleep(0.05)
