"""The same suite over SQLite and a real PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from models.store import Store, open_store
from tests.databases import migrated_sqlite
from tests.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database with today's schema."""
    if request.param == "sqlite":
        return migrated_sqlite(tmp_path)
    return str(request.getfixturevalue("migrated_postgres_url"))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database without any."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/empty.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def store(url: str, clock: FakeClock, tmp_path: Path) -> AsyncIterator[Store]:
    blob_dir = tmp_path / "blobs" if url.startswith("sqlite") else None
    made = open_store(
        url,
        master_key=b"m" * 32,
        blob_dir=blob_dir,
        zone=ZoneInfo("Asia/Shanghai"),
        clock=clock,
        pool_size=4,
    )
    yield made
    await made.close()
