"""What the flow tests share: the trained data folder, and systems over both databases."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.flow.clients import Relay, relay_settings
from tests.flow.system import Prepared, System, distributed, embedded
from tests.services import PostgresServer, free_port, valkey_server

PROVEN = {
    # Our test customers write from this machine: their domains count as proven.
    "SHOULI_CHANNELS__EMAIL__VERIFYING_PEERS": '["127.0.0.0/8"]',
    "SHOULI_ACKNOWLEDGEMENT__LANES__MAIL": "true",
}
QUICK = {"SHOULI_PIPELINE__GREETING_HOLD_SECONDS": "4"}


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """The first start, once a session: it trains the classifier."""
    return Prepared(tmp_path_factory.mktemp("prepared"))


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


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """For visitors: no cookies, a connection for each."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short path: the sockets in a data folder have a limit."""
    return tmp_path_factory.mktemp("flow")
