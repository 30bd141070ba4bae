"""``shouli compact``: the file becomes as small as what is in it, and never under a process."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import delete
from typer.testing import CliRunner

from models.search_terms import question
from models.store import Store
from models.store.tickets.search_index import INDEXING
from models.tables import envelope as envelopes
from tests.contract.store.makers import envelope, follow, owned
from tests.contract.workers.data_folder import within
from workers.commands import compact
from workers.commands.app import app

_LARGE = 200_000


async def _filled_and_emptied(store: Store) -> str:
    ticket_id, _ = await owned(store, text="电视机坏了")
    many = [envelope(f"large-{n}", bytes([n]) * _LARGE) for n in range(20)]
    await store.envelopes.accept(many)
    async with store.db.write() as tx:
        gone = envelopes.c.id.in_([one.id for one in many])
        await tx.conn.execute(delete(envelopes).where(gone))
    await follow(store, INDEXING)
    await store.search_index.fill(10)
    return ticket_id


async def _found(store: Store) -> list[str]:
    asked = question("电视机")
    return [one.ticket_id for one in await store.search.candidates(asked, None, 10)]


async def _beats(store: Store) -> None:
    await store.processes.beat("1", "intake", "here", 1, "0.1.0")


def test_the_file_is_made_smaller_and_all_is_there(data: Path) -> None:
    ticket_id = within(data, _filled_and_emptied)
    file = data / "shouli.db"
    before = file.stat().st_size
    done = CliRunner().invoke(app, ["compact"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert file.stat().st_size < before - 15 * _LARGE
    assert f"{before / 1e6:,.1f} → {file.stat().st_size / 1e6:,.1f} MB" in done.output
    assert within(data, _found) == [ticket_id]


def test_under_a_process_that_lives_it_is_refused(data: Path) -> None:
    within(data, _beats)
    done = CliRunner().invoke(app, ["compact"])
    assert done.exit_code == 1
    assert "intake" in str(done.exception)


def test_without_room_for_it_nothing_is_begun(
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    monkeypatch.setattr(compact, "write_anew", None)
    done = CliRunner().invoke(app, ["compact"])
    assert done.exit_code == 1
    assert "MB" in str(done.exception)


def test_postgresql_is_told_from_it(
    data: Path, monkeypatch: pytest.MonkeyPatch, migrated_postgres_url: str
) -> None:
    monkeypatch.setenv("SHOULI_DATABASE_URL", migrated_postgres_url)
    done = CliRunner().invoke(app, ["compact"])
    assert done.exit_code == 1
    assert "autovacuum" in str(done.exception)
