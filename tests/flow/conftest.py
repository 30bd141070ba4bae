"""What the flow tests share: the trained data folder, and systems over both databases."""

import time
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest

from tests.flow.clients import Relay, relay_settings
from tests.flow.load import UNLIMITED
from tests.flow.system import Prepared, System, distributed, embedded, planted
from tests.services import PostgresServer, ValkeyServer, free_port, valkey_server

PROVEN = {
    # Our test customers write from this machine: their domains count as proven.
    "SHOULI_CHANNELS__EMAIL__VERIFYING_PEERS": '["127.0.0.0/8"]',
    "SHOULI_ACKNOWLEDGEMENT__LANES__MAIL": "true",
}
QUICK = {"SHOULI_PIPELINE__GREETING_HOLD_SECONDS": "4"}


LONG = (
    "readme", "crash", "retraining", "a_day", "every_move", "main_way",
)  # fmt: skip
"""Modules that take longest, in that order; they begin first, so that no worker ends alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files go to whichever worker is free, in this order."""
    begin = {f"test_{name}": place for place, name in enumerate(LONG)}
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    here.sort(key=lambda item: begin.get(item.path.stem, len(LONG)))
    items[:] = [item for item in items if item not in here] + here


_began = pytest.StashKey[float]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[_began] = time.time()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows what the processes said meanwhile, which is where the reason stands."""
    report = yield
    for system in System.made if report.failed else ():
        if _began in item.stash and system.wrote_since(item.stash[_began]):
            name = f"{item.name}, {report.when}: {system.home}"
            report.sections.append((f"warnings of {name}", system.troubles()))
            report.sections.append((f"end of the log of {name}", system.tail()))
    return report


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Prepared:
    """The first start, once for all workers; it trains the classifier if no run before it has."""
    mine = tmp_path_factory.getbasetemp()
    return Prepared((mine if worker_id == "master" else mine.parent) / "prepared")


@pytest.fixture(scope="module")
def relay() -> Iterator[Relay]:
    """The module's mail server for answers."""
    with Relay(free_port()) as relay:
        yield relay


@pytest.fixture(scope="module", params=["embedded", "distributed"])
def system(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    prepared: Prepared,
    relay: Relay,
) -> Iterator[System]:
    """A running system: ``shouli run``; and PostgreSQL, Valkey and two workers."""
    relay.letters.clear()  # those of the module's other system are nobody's here
    home = tmp_path_factory.mktemp(request.param)
    settings = {**PROVEN, **QUICK, **relay_settings(relay.port)}
    if request.param == "embedded":
        yield from running(embedded(home, prepared, settings))
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    with valkey_server() as valkey:
        database = postgres.create_database()
        services = {
            "SHOULI_DATABASE_URL": postgres.url(database),
            "SHOULI_REDIS_URL": valkey.url,
        }
        yield from running(distributed(home, prepared, services, settings))
        postgres.drop_database(database)


def running(system: System) -> Iterator[System]:
    """Starts a system, lends it, stops it, and sees that nothing of it is left."""
    try:
        system.start()
        yield system
        system.stop()
    finally:
        system.destroy()


class Laden(NamedTuple):
    """A system for the load of ``load.py``, not yet started, that takes a bug if one is named."""

    system: System
    valkey: ValkeyServer | None
    """Beside the roles; ``shouli run`` has its own."""


@pytest.fixture(params=["embedded", "distributed"])
def laden(
    request: pytest.FixtureRequest, prepared: Prepared, home: Path, relay: Relay
) -> Iterator[Laden]:
    """``shouli run``; and PostgreSQL, Valkey and two workers."""
    settings = {**UNLIMITED, **relay_settings(relay.port), **planted()}
    if request.param == "embedded":
        yield from _destroyed(Laden(embedded(home, prepared, settings), None))
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    database = postgres.create_database()
    with valkey_server() as valkey:
        services = {"SHOULI_DATABASE_URL": postgres.url(database), "SHOULI_REDIS_URL": valkey.url}
        yield from _destroyed(Laden(distributed(home, prepared, services, settings), valkey))
    postgres.drop_database(database)


def _destroyed(laden: Laden) -> Iterator[Laden]:
    try:
        yield laden
    finally:
        laden.system.destroy()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """For visitors: no cookies, a connection for each."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short path: the sockets in a data folder have a limit."""
    return tmp_path_factory.mktemp("flow")
