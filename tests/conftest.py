"""Fixtures that every suite may ask for: the real services, started once, when first wanted."""

import asyncio
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.services import PostgresServer, ValkeyServer, postgres_server, valkey_server
from workers.processes import heap

if TYPE_CHECKING:
    from tests.databases import PostgresCopies

# What an example takes says more of what else the machine does than of the code. Few examples on
# each day; the campaign asks for many (--hypothesis-profile=campaign).
settings.register_profile("daily", deadline=None, max_examples=40)
settings.register_profile("campaign", deadline=None, max_examples=5_000)
settings.load_profile("daily")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays: looking through it took a third of the unit tests' time."""
    with heap.loading():
        collected = yield
    heap.settle()
    return collected


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The session's PostgreSQL."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """The SQLAlchemy URL of an empty database of this test's own."""
    # A thread of its own: an async test's loop may already run in this one.
    with ThreadPoolExecutor(1) as outside:
        name = outside.submit(postgres.create_database).result()
        yield postgres.url(name)
        outside.submit(postgres.drop_database, name).result()


@pytest.fixture(scope="session")
def postgres_copies(postgres: PostgresServer) -> "PostgresCopies":
    """The session's databases with today's schema."""
    from tests.databases import PostgresCopies  # with all of Alembic, which few suites need

    return PostgresCopies(postgres)


@pytest.fixture
def migrated_postgres_url(
    request: pytest.FixtureRequest, postgres: PostgresServer, postgres_copies: "PostgresCopies"
) -> Iterator[str]:
    """As ``postgres_url``, with today's schema; never used before for ``unused_database``."""
    unused = request.node.get_closest_marker("unused_database") is not None
    with ThreadPoolExecutor(1) as outside:
        name = outside.submit(asyncio.run, postgres_copies.lend(unused=unused)).result()
        yield postgres.url(name)
        outside.submit(asyncio.run, postgres_copies.take_back(name)).result()


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    """The session's Valkey. A test that kills servers starts one of its own instead."""
    with valkey_server() as server:
        yield server


@pytest.fixture
def redis_url(valkey: ValkeyServer) -> str:
    """The URL of a Valkey that holds nothing yet."""
    valkey.flush()
    return valkey.url
