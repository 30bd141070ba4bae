"""A data folder with a database in it, as commands of ``shouli`` find one."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from config.settings import load
from models.store import Store
from tests.databases import migrated_house
from workers.assembly.wiring import make_store

T = TypeVar("T")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a database in it, named by the settings."""
    migrated_house(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOULI_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv(
        "SHOULI_CHANNELS__INGEST__SOURCES", '{form = {secrets = ["0123456789abcdef"]}}'
    )
    return tmp_path


def within(data: Path, work: Callable[[Store], Awaitable[T]]) -> T:
    """What ``work`` gives, done with the store of a data folder."""

    async def run() -> T:
        store = make_store(load(environ={"SHOULI_DATA_DIR": str(data)}, folder=data))
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())
