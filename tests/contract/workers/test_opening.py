"""A role that starts while its database is away waits for it, and is not started again and again.

Some databases are there and are none of ours, or do not let us in: these a person has to mend.
"""

import asyncio
import base64
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url
from structlog.testing import capture_logs

from config.settings import Settings, load
from models import migrations
from models.errors import ShouliError, Temporary
from tests.mute import Proxy
from workers.assembly import wiring


def _settings(url: URL, folder: Path) -> Settings:
    environ = {
        "SHOULI_DATA_DIR": str(folder),
        "SHOULI_DATABASE_URL": url.render_as_string(hide_password=False),
        "SHOULI_REDIS_URL": "redis://127.0.0.1:1/0",
        "SHOULI_MASTER_KEY": base64.b64encode(b"m" * 32).decode(),
    }
    return load(environ=environ, folder=folder)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(wiring, "_LOOK_SECONDS", 0.01)


async def test_who_starts_before_its_database_waits_for_it(
    migrated_postgres_url: str, tmp_path: Path
) -> None:
    url = make_url(migrated_postgres_url)
    async with asyncio.timeout(60.0), Proxy().before(url.port or 0) as proxy:
        proxy.mute = True
        with capture_logs() as logs:
            opening = asyncio.create_task(_opened(_settings(url.set(port=proxy.port), tmp_path)))
            while not any(line["event"] == "waiting for the database" for line in logs):
                await asyncio.sleep(0.01)
                assert not opening.done()
            proxy.mute = False
            assert await opening == 0


async def _opened(settings: Settings) -> int:
    """The newest event's number, read as a role would."""
    async with wiring.opened(settings) as base:
        return await base.store.events.last()


async def test_who_is_told_to_stop_waits_no_longer(
    migrated_postgres_url: str, tmp_path: Path
) -> None:
    url = make_url(migrated_postgres_url)
    async with asyncio.timeout(60.0), Proxy().before(url.port or 0) as proxy:
        proxy.mute = True
        settings = _settings(url.set(port=proxy.port), tmp_path)
        with pytest.raises(Temporary):
            async with wiring.opened(settings, stopping=lambda: True):
                pass


async def test_a_database_that_is_not_there_is_told_at_once(
    migrated_postgres_url: str, tmp_path: Path
) -> None:
    nowhere = make_url(migrated_postgres_url).set(database="nowhere")
    await _is_refused(nowhere, tmp_path, "check its URL and rights")


async def test_a_database_without_our_tables_is_told_at_once(
    postgres_url: str, tmp_path: Path
) -> None:
    await _is_refused(make_url(postgres_url), tmp_path, "shouli migrate")


async def _is_refused(url: URL, folder: Path, why: str) -> None:
    async with asyncio.timeout(30.0):
        with pytest.raises(ShouliError, match=why):
            await _opened(_settings(url, folder))
