"""Retraining as it runs: a job of a worker, whose training process dies while customers write.

``RETRAIN_KILLS`` random moments (3; ``make campaign``: 20) a database. Of three deaths two are of
the training process and one is of the worker that it belongs to. Then the disk is full for it, the
new champion is corrupt, and it is of another taxonomy: the champion labels every message,
whatever happens, and each run says in one sentence why it failed.
"""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
from sqlalchemy import select

from classifier import bundles
from classifier.examples import Example
from classifier.text import Text
from classifier.train import train
from config.settings import load
from models.store import Store
from models.tables import ticket
from models.training import ClassSpec, FacetSpec, Taxonomy
from tests import smaller
from tests.flow.clients import Agent, Visitor, at_the_desk, until
from tests.flow.conftest import running
from tests.flow.system import Prepared, System, distributed, embedded
from tests.services import PostgresServer, valkey_server
from workers.assembly.wiring import make_store

FEW = 3
KILLS = int(os.environ.get("RETRAIN_KILLS", FEW))
"""With few, each whole training is done on one database only: it takes half a minute."""

SEED = int(os.environ.get("RETRAIN_SEED", "20261126"))
RUN_SECONDS = 180.0
LABEL_SECONDS = 60.0
"""What a worker had in hand when it was killed waits 30 s for its lease to run out."""

FULL = "disk-is-full"
"""A file of this name in the system's folder keeps the training process from writing 1 MB."""

_PLANTED = """
import os, resource, signal, sys
ours = "workers.learning.retrain_child" in sys.orig_argv
if ours and os.path.exists(os.environ["RETRAIN_FULL"]):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
"""


@pytest.fixture(params=["embedded", "distributed"])
def system(request: pytest.FixtureRequest, prepared: Prepared, home: Path) -> Iterator[System]:
    """``shouli run`` on SQLite; or PostgreSQL and roles of which a worker that dies comes back."""
    planted = home / "planted"
    planted.mkdir(parents=True)
    (planted / "sitecustomize.py").write_text(smaller.SITECUSTOMIZE + _PLANTED)
    settings = {"PYTHONPATH": str(planted), "RETRAIN_FULL": str(home / FULL)}
    if request.param == "embedded":
        yield from running(embedded(home, prepared, settings))
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    database = postgres.create_database()
    with valkey_server() as valkey:
        services = {"SHOULI_DATABASE_URL": postgres.url(database), "SHOULI_REDIS_URL": valkey.url}
        yield from running(distributed(home, prepared, services, settings))
    postgres.drop_database(database)


class Customers:
    """They write one after the other, all the time; each message is remembered."""

    def __init__(self, system: System, http: aiohttp.ClientSession, store: Store) -> None:
        self._system = system
        self._http = http
        self._store = store
        self.written = 0

    async def write(self) -> None:
        """One new customer with one message, until it is labelled."""
        self.written += 1
        async with Visitor(self._system, self._http) as visitor:
            await visitor.say(f"包裹破损要退货，第{self.written}位", seconds=LABEL_SECONDS)
            await until("a ticket number", lambda: visitor.ticket, LABEL_SECONDS)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """While this lasts, one customer is always on the way."""
        over = asyncio.Event()

        async def go_on() -> None:
            while not over.is_set():
                await self.write()
                await asyncio.sleep(0.2)

        task = asyncio.create_task(go_on())
        try:
            yield
        finally:
            over.set()
            await task

    async def labelled_by(self) -> list[str]:
        """The bundle of every ticket, as soon as all are labelled: one a customer."""

        async def all_of_them() -> list[str] | None:
            async with self._store.db.read() as connection:
                rows = (await connection.execute(select(ticket.c.labels))).scalars().all()
            done = [labels["bundle"] for labels in rows if labels]
            return done if len(done) == len(rows) >= self.written else None

        return list(await until("every message is labelled", all_of_them, LABEL_SECONDS))


class Training:
    """What an admin sees of it, and the process that does it."""

    def __init__(self, system: System, admin: Agent) -> None:
        self._system = system
        self._admin = admin

    async def begin(self) -> str:
        return str((await self._admin.must("POST", "retrainings", {}))["id"])

    async def latest(self) -> dict[str, Any]:
        return dict((await self._admin.must("GET", "retrainings"))["retrainings"][0])

    async def ended(self, run_id: str) -> dict[str, Any]:
        async def over() -> dict[str, Any] | None:
            run = await self.latest()
            return run if run["id"] == run_id and run["state"] not in _GOING else None

        return dict(await until("the run is over", over, RUN_SECONDS))

    async def reaches(self, share: float) -> None:
        """Waits until that much of it is done, or it is over."""

        async def far_enough() -> bool:
            run = await self.latest()
            return run["state"] not in _GOING or run["share"] >= share

        await until(f"{share:.0%} of the training", far_enough, RUN_SECONDS)

    def processes(self) -> list[psutil.Process]:
        found = []
        for pid, line in self._system.left_behind().items():
            if "workers.learning.retrain_child" in line and "tether" not in line:
                with contextlib.suppress(psutil.Error):
                    found.append(psutil.Process(pid))
        return found

    async def process(self) -> psutil.Process:
        (process, *_) = await until("a training process", self.processes, RUN_SECONDS)
        return process


_GOING = ("waiting", "running")


def _order(dice: random.Random) -> list[str]:
    """Who dies, in order."""
    order: list[str] = []
    while len(order) < KILLS:
        block = ["training", "training", "worker"]
        dice.shuffle(block)
        order += block
    return order[:KILLS]


async def _kill(dice: random.Random, system: System, training: Training, victim: str) -> None:
    """Kills the training process or its worker at a random moment of the way."""
    run_id = await training.begin()
    await training.reaches(dice.uniform(0.0, 0.5))
    # The only wait for time: a death between two steps is not to be met by design.
    await asyncio.sleep(dice.uniform(0.0, 1.0))
    process = await training.process()
    pid = process.pid if victim == "training" else process.ppid()
    os.kill(pid, signal.SIGKILL)
    await until("the training process is gone", lambda: not training.processes())
    ours = [name for name, started in system.started.items() if started == pid]
    if ours:  # else “shouli run” starts another
        # Seen dead first: what still seems to live is not started again.
        await until("the worker is gone", lambda: not system.lives(ours[0]))
        await asyncio.to_thread(system.start, wait=False)
    run = await training.ended(run_id)
    assert run["state"] == "failed", f"{victim} killed, and the run ended as {run['state']}"
    assert set(run["error"]) == {"zh", "en"}


async def test_the_champion_serves_whatever_befalls_a_retraining(
    system: System, http: aiohttp.ClientSession
) -> None:
    dice = random.Random(SEED)
    store = make_store(load(environ=system.environ))
    customers = Customers(system, http, store)
    try:
        champion = await store.bundles.champion()
        assert champion is not None
        async with at_the_desk(system, "admin") as (admin,):
            training = Training(system, admin)
            async with customers.writing():
                for number, victim in enumerate(_order(dice), 1):
                    started = time.monotonic()
                    await _kill(dice, system, training, victim)
                    took = time.monotonic() - started
                    print(f"kill {number}/{KILLS}: {victim}, {took:.0f} s", flush=True)
                    assert await store.bundles.champion() == champion
                if "run" in system.commands or KILLS > FEW:
                    await _full_disk(system, training)
                for bundle_id, content in (("f" * 32, b"PK no zip"), _of_another_taxonomy(system)):
                    await _refused(system, store, bundle_id, content)
            by = await customers.labelled_by()
            print(f"{len(by)} messages labelled meanwhile", flush=True)
            assert set(by) == {champion}
            assert len(by) == customers.written
            await store.bundles.promote(champion, None, "again")
            if "run" in system.commands and KILLS <= FEW:
                return
            run = await training.ended(await training.begin())
            assert (run["state"], run["error"]) == ("done", None)
            assert await store.bundles.champion() == champion
    finally:
        await store.close()


async def _full_disk(system: System, training: Training) -> None:
    (system.home / FULL).touch()
    run = await training.ended(await training.begin())
    (system.home / FULL).unlink()
    assert run["state"] == "failed"
    assert "新模型写不下" in run["error"]["zh"]
    assert "could not be written" in run["error"]["en"]


def _of_another_taxonomy(system: System) -> tuple[str, bytes]:
    classes = {name: ClassSpec(zh=name, en=name) for name in ("猫", "狗")}
    other = Taxonomy(version="x", facets={"animal": FacetSpec(zh="动物", en="x", classes=classes)})
    texts = [(f"{name}第{number}只", name) for number in range(8) for name in classes]
    data = [Example(Text(text), {"animal": name}) for text, name in texts]
    path = bundles.save(train(data, other, now=0.0), system.home / "foreign")
    return path.name, bundles.pack(path)


async def _refused(system: System, store: Store, bundle_id: str, content: bytes) -> None:
    """Promoted past every check: each worker refuses it, once, and says why."""
    await store.bundles.add(bundle_id, {"id": bundle_id}, content)
    await store.bundles.promote(bundle_id, None)

    def said() -> list[dict[str, Any]]:
        log = system.log()
        return [e for e in log if e["event"] == "bundle refused" and e["bundle"] == bundle_id]

    await until("the bundle is refused", said)
    assert all(entry["error"] for entry in said())
