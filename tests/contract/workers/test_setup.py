"""A start leaves a classifier that serves, after an upgrade too."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text

from classifier import bundles, train
from classifier.train import TrainingRefused
from config.settings import Settings, load, load_taxonomy
from models.errors import Permanent
from models.migrations import head
from models.routing import TRIAGE
from models.store import Store
from models.store.ground.sealing import check_key
from models.tables import process
from tests.contract.classifier.packing import packed_as_before
from tests.contract.store.upgrading import schema_at
from tests.contract.workers.small_bundle import TAXONOMY, small_bundle
from tests.databases import migrated_sqlite
from workers.assembly.wiring import make_store
from workers.commands import setup
from workers.commands.running import is_prepared
from workers.commands.setup import first_bundle, first_people, prepare, until_one_serves
from workers.learning.serving import Serving
from workers.processes.home import SetupError, master_key


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where the seed was trained to; a bundle that is trained in a moment stands for it."""
    folders: list[Path] = []

    def quick(folder: Path, _taxonomy: object) -> str:
        folders.append(folder)
        return bundles.save(small_bundle(), folder).name

    monkeypatch.setattr(train, "train_seed", quick)
    return folders


async def _start(store: Store, folder: Path) -> list[str]:
    said: list[str] = []
    settings = load(environ={"SHOULI_DATA_DIR": str(folder)}, folder=folder)
    await first_bundle(settings, store, TAXONOMY, said.append)
    return said


async def test_the_one_who_the_readme_logs_in_as_may_take_whatever_comes(store: Store) -> None:
    """Nobody else is ready in the first half hour, and a ticket that nobody may take waits."""
    await first_people(store)
    found = await store.agents.by_login("chen")
    assert found is not None
    domains = load_taxonomy(load(environ={})).facets["domain"].classes
    assert found[0].skills.keys() >= {f"domain:{name}" for name in domains} | {"lang:en", TRIAGE}


async def test_passwords_that_are_told_once_have_no_sign_that_is_taken_for_another(
    store: Store,
) -> None:
    told = [one.password for one in await first_people(store)]
    assert len(told) == 5
    assert not set("".join(told)) & set("0O1lIio_")


async def test_only_a_start_without_a_classifier_trains(
    store: Store, tmp_path: Path, trained: list[Path]
) -> None:
    assert len(await _start(store, tmp_path)) == 1
    assert await _start(store, tmp_path) == []
    assert len(trained) == 1


async def test_of_two_first_starts_at_once_the_second_finds_the_same_classifier(
    store: Store, tmp_path: Path, trained: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    add = store.bundles.add

    async def both(bundle_id: str, card: Mapping[str, Any], content: bytes) -> None:
        await add(bundle_id, card, content)
        await store.bundles.promote(bundle_id, None)  # the other one, meanwhile

    monkeypatch.setattr(store.bundles, "add", both)
    await _start(store, tmp_path)
    assert await store.bundles.champion() is not None


async def test_a_champion_that_no_longer_fits_is_followed_by_the_seeds(
    store: Store, tmp_path: Path, trained: list[Path]
) -> None:
    await store.bundles.add("f" * 32, {}, b"of an older format")
    await store.bundles.promote("f" * 32, None)
    first, _ = await _start(store, tmp_path)
    assert "不符" in first
    champion = await store.bundles.champion()
    assert champion is not None
    assert champion != "f" * 32
    assert bundles.load(tmp_path / "bundles" / champion).card.id == champion


@pytest.fixture
async def upgraded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Settings, Store]]:
    """A data folder whose champion is of an older format, and its store."""
    monkeypatch.setattr(setup, "load_taxonomy", lambda _settings: TAXONOMY)
    migrated_sqlite(tmp_path)
    key = b64encode(b"m" * 32).decode()
    environ = {"SHOULI_DATA_DIR": str(tmp_path), "SHOULI_MASTER_KEY": key}
    settings = load(environ=environ, folder=tmp_path)
    store = make_store(settings)
    await store.bundles.add("f" * 32, {}, b"of an older format")
    await store.bundles.promote("f" * 32, None)
    yield settings, store
    await store.close()


async def test_an_upgrade_keeps_no_door_shut_for_its_training(
    upgraded: tuple[Settings, Store], trained: list[Path]
) -> None:
    settings, store = upgraded
    await prepare(settings, print)
    assert trained == []
    await prepare(settings, print, train=True)
    assert len(trained) == 1
    assert await store.bundles.champion() != "f" * 32


async def test_of_all_workers_one_trains_and_the_others_wait_for_it(
    upgraded: tuple[Settings, Store], trained: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, _ = upgraded
    monkeypatch.setattr(setup, "_LOOK_SECONDS", 0.01)
    begun, go = asyncio.Event(), asyncio.Event()

    async def train_now() -> None:
        begun.set()
        await go.wait()
        await prepare(settings, print, train=True)

    waiting = [asyncio.ensure_future(until_one_serves(settings, train_now)) for _ in range(3)]
    await begun.wait()
    done, _ = await asyncio.wait(waiting, timeout=0.2)
    assert done == set()
    go.set()
    await asyncio.gather(*waiting)
    assert len(trained) == 1
    await until_one_serves(settings, train_now)
    assert len(trained) == 1


async def test_a_training_that_fails_keeps_nobody_waiting(
    upgraded: tuple[Settings, Store],
) -> None:
    settings, store = upgraded
    tried: list[int] = []

    async def fail() -> None:
        tried.append(1)

    await until_one_serves(settings, fail)
    assert tried == [1]
    assert await store.bundles.champion() == "f" * 32


async def test_a_champion_of_the_format_before_serves_on_and_keeps_its_history(
    store: Store, tmp_path: Path, trained: list[Path]
) -> None:
    """After an upgrade nothing is trained, and what was learnt from corrections is not lost."""
    bundle = small_bundle()
    content = packed_as_before(bundle)
    older = bundles.unpack(content, tmp_path / "before").name
    another = replace(bundle, offsets=bundle.offsets + 0.5)
    first = bundles.save(another, tmp_path / "first")
    await store.bundles.add(first.name, {}, bundles.pack(first))
    await store.bundles.promote(first.name, None)
    await store.bundles.add(older, {}, content)
    await store.bundles.promote(older, None)
    assert await _start(store, tmp_path) == []
    serving = Serving(store, tmp_path / "bundles", TAXONOMY)
    await serving.refresh()
    assert serving.bundle == older
    assert trained == []
    await store.bundles.rollback(None)
    await serving.refresh()
    assert serving.bundle == first.name


async def test_a_taxonomy_that_the_seed_does_not_know_stops_no_later_start(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_folder: Path, _taxonomy: object) -> str:
        raise TrainingRefused("no example of 故障")

    monkeypatch.setattr(train, "train_seed", refuse)
    with pytest.raises(TrainingRefused):
        await _start(store, tmp_path)
    await store.bundles.add("f" * 32, {}, b"of an older format")
    await store.bundles.promote("f" * 32, None)
    await _start(store, tmp_path)
    assert await store.bundles.champion() == "f" * 32


async def test_a_database_that_was_restored_without_its_key_gets_no_new_one(
    tmp_path: Path,
) -> None:
    migrated_sqlite(tmp_path)
    settings = load(environ={"SHOULI_DATA_DIR": str(tmp_path)}, folder=tmp_path)
    with pytest.raises(SetupError, match=r"put .*master\.key back"):
        master_key(settings)
    assert not (tmp_path / "keys").exists()


async def test_a_key_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    settings = load(environ={"SHOULI_DATA_DIR": str(tmp_path)}, folder=tmp_path)
    assert len(master_key(settings)) == 32
    (tmp_path / "keys" / "master.key").write_bytes(b"half")
    with pytest.raises(SetupError, match="4 bytes"):
        master_key(settings)


async def test_a_start_with_another_key_changes_nothing_but_the_schema(tmp_path: Path) -> None:
    migrated_sqlite(tmp_path)
    for byte in b"ab":
        key = b64encode(bytes([byte]) * 32).decode()
        environ = {"SHOULI_DATA_DIR": str(tmp_path), "SHOULI_MASTER_KEY": key}
        settings = load(environ=environ, folder=tmp_path)
        if byte == ord("a"):
            store = make_store(settings)
            await check_key(store.db, store.vault)
            await store.close()
    with pytest.raises(Permanent, match="another master key"):
        await prepare(settings, print)
    store = make_store(settings)
    assert await store.agents.all() == []
    await store.close()


async def _first_start(folder: Path) -> Settings:
    settings = load(environ={"SHOULI_DATA_DIR": str(folder)}, folder=folder)
    assert await is_prepared(settings) is False  # nor is a database left behind
    await prepare(settings, print)
    return settings


async def test_a_start_after_the_first_has_nothing_to_prepare(
    tmp_path: Path, trained: list[Path]
) -> None:
    settings = await _first_start(tmp_path)
    assert await is_prepared(settings) is True


@pytest.mark.parametrize(
    "missing",
    [
        "UPDATE alembic_version SET version_num = '0001'",
        "UPDATE bundle SET promoted_at = NULL",
        "DELETE FROM agent",
    ],
)
async def test_a_start_prepares_whatever_is_not_there(
    tmp_path: Path, trained: list[Path], missing: str
) -> None:
    settings = await _first_start(tmp_path)
    store = make_store(settings)
    async with store.db.write() as tx:
        await tx.conn.execute(text(missing))
    await store.close()
    assert await is_prepared(settings) is False


async def test_a_start_prepares_where_the_rules_file_is_another(
    tmp_path: Path, trained: list[Path]
) -> None:
    await _first_start(tmp_path)
    shipped = Path(__file__).parents[3] / "config/routing.toml"
    mine = tmp_path / "routing.toml"
    mine.write_text(shipped.read_text().replace("preferred_level = 2", "preferred_level = 3"))
    environ = {"SHOULI_DATA_DIR": str(tmp_path), "SHOULI_ROUTING": str(mine)}
    another = load(environ=environ, folder=tmp_path)
    assert await is_prepared(another) is False
    await prepare(another, print)  # a draft
    assert await is_prepared(another) is True


async def test_what_stops_a_start_is_left_to_who_prepares_to_say(
    tmp_path: Path, trained: list[Path]
) -> None:
    await _first_start(tmp_path)
    key = b64encode(b"x" * 32).decode()
    environ = {"SHOULI_DATA_DIR": str(tmp_path), "SHOULI_MASTER_KEY": key}
    assert await is_prepared(load(environ=environ, folder=tmp_path)) is False


@pytest.mark.parametrize(("revision", "told"), [("0022", 0), ("0033", 1), (None, 0)])
async def test_an_upgrade_tells_who_still_runs_the_program_of_before(
    tmp_path: Path, trained: list[Path], revision: str | None, told: int
) -> None:
    """From before 0023 nobody says that they live; today's schema is not upgraded."""
    settings = load(environ={"SHOULI_DATA_DIR": str(tmp_path)}, folder=tmp_path)
    store = make_store(settings, new=True)
    await schema_at(store.db, revision or head())
    if revision != "0022":
        async with store.db.write() as tx:
            row = {"role": "work", "version": "0.0.9", "started_at": tx.now}
            for pid, silent in ((7, 1.0), (8, 31.0)):
                seen = {"id": str(pid), "host": "shop", "pid": pid, "seen_at": tx.now - silent}
                await tx.conn.execute(insert(process).values(**row, **seen))
    await store.close()
    said: list[str] = []
    await prepare(settings, said.append)
    found = [words for words in said if "0.0.9" in words]
    assert len(found) == told
    assert all("work shop pid 7 (0.0.9)" in words and "pid 8" not in words for words in found)


async def test_a_data_folder_that_cannot_be_used_is_told_with_its_name(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file")
    for folder in (taken, taken / "below"):
        settings = load(environ={"SHOULI_DATA_DIR": str(folder)}, folder=tmp_path)
        with pytest.raises(SetupError, match=f"data folder {folder} cannot be written to"):
            master_key(settings)
    key = tmp_path / "keys" / "master.key"
    key.mkdir(parents=True)
    settings = load(environ={"SHOULI_DATA_DIR": str(tmp_path)}, folder=tmp_path)
    with pytest.raises(SetupError, match=f"master key {key} cannot be read"):
        master_key(settings)
