"""What befalls a bundle while a worker takes it up or serves it: no ticket is without labels."""

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from classifier import bundles
from classifier.bundle import Bundle
from classifier.text import Text
from models.errors import Conflict, Temporary
from models.store import Store
from models.store.learning.bundles import Keep
from models.training import Taxonomy
from tests.contract.workers.watching import TAXONOMY, House, champion, opposite, questions
from tests.contract.workers.watching import stored as stored_
from workers.learning import serving
from workers.learning import suggesting as suggesting_module
from workers.learning.bundle_work import BundleWork, CannotServe
from workers.learning.suggesting import Suggesting, SuggestOptions


@pytest.fixture
async def house(store: Store, tmp_path: Path) -> House:
    made = House(store, tmp_path / "cache")
    await store.bundles.promote(await stored_(store, champion(), tmp_path / "made"), None)
    await made.serving.refresh()
    return made


async def test_a_folder_that_goes_under_a_worker_is_missed_by_nobody(
    house: House, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "cache")
    assert house.serving.bundle is not None
    await house.bring(questions(3))
    labels = house.serving.classify([])
    assert labels == []
    share = house.serving.unknown([Text(questions(1)[0])])[1]
    assert share == [0.0]
    # Another worker of this host fetches it anew.
    other = serving.Serving(house.store, tmp_path / "cache", TAXONOMY)
    await other.refresh()
    assert other.bundle == house.serving.bundle


async def test_a_folder_that_goes_while_it_is_read_is_fetched_again(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, gone = bundles.load, []

    def late(folder: Path) -> Bundle:
        if not gone:
            gone.append(shutil.rmtree(folder))
        return load(folder)

    monkeypatch.setattr(bundles, "load", late)
    other = serving.Serving(house.store, tmp_path / "cache", TAXONOMY)
    await other.refresh()
    assert gone
    assert other.bundle == house.serving.bundle


async def test_what_is_dropped_leaves_the_disk_under_whoever_reads_it(
    house: House, tmp_path: Path
) -> None:
    first, cache = house.serving.bundle, tmp_path / "cache"
    assert first is not None
    await house.store.bundles.promote(
        await stored_(house.store, opposite(), tmp_path / "made"), None
    )
    assert await house.store.bundles.drop(Keep(-1.0, 0, 0)) == [first]
    other = serving.Serving(house.store, cache, TAXONOMY)
    await other.refresh()
    assert [path.name for path in cache.iterdir()] == [other.bundle]
    # Whoever has not looked yet goes on with what it has mapped.
    assert house.serving.unknown([Text(questions(1)[0])]) == (first, [0.0])
    work = BundleWork(house.store, cache, TAXONOMY)
    with pytest.raises(Conflict, match="not kept"):
        await work.promote(first, None, "back")


async def test_a_rollback_while_a_worker_loads_is_followed(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes up what it began with; its next look, within two seconds, leads it back."""
    first = house.serving.bundle
    challenger = await stored_(house.store, opposite(), tmp_path / "made")
    await house.store.bundles.promote(challenger, None)
    ready, loading, go_on = serving.ready, asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slowly(bundle: Bundle, taxonomy: Taxonomy) -> object:
        loop.call_soon_threadsafe(loading.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(10)
        return ready(bundle, taxonomy)

    monkeypatch.setattr(serving, "ready", slowly)
    taking = asyncio.create_task(house.serving.refresh())
    await loading.wait()
    assert house.serving.bundle == first  # and labels meanwhile
    await house.store.bundles.rollback(None, off=challenger)
    go_on.set()
    await taking
    assert house.serving.bundle == challenger
    await house.serving.refresh()
    assert house.serving.bundle == first


async def test_a_full_disk_holds_up_a_promotion_and_no_longer(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = house.serving.bundle
    challenger = await stored_(house.store, opposite(), tmp_path / "made")
    await house.store.bundles.promote(challenger, None)
    options = SuggestOptions(tickets=9, offered=3, least=0.1)
    suggesting = Suggesting(house.store, tmp_path / "cache", lambda: 1.0, options)

    def full(_content: bytes, _root: Path) -> Path:
        raise Temporary("No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(bundles, "unpack", full)
        with pytest.raises(Temporary):
            await house.serving.refresh()
        with pytest.raises(Temporary):
            await suggesting.suggest("t", None)
    assert house.serving.bundle == first
    await house.serving.refresh()
    assert house.serving.bundle == challenger
    await suggesting.suggest("t", None)
    assert suggesting._vectors is not None


async def test_a_promotion_in_the_middle_of_a_question_leaves_no_other_bundles_index(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.bring(questions(1))
    (ticket,) = await house.store.tickets.page()
    options = SuggestOptions(tickets=9, offered=3, least=0.1)
    suggesting = Suggesting(house.store, tmp_path / "cache", lambda: 1.0, options)
    indexed: list[object] = []
    index, asked = suggesting_module._canned_index, type(house.store.examples).questions

    def noted(vectors: Any, answers: Any) -> Any:
        indexed.append(vectors)
        return index(vectors, answers)

    waits, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(self: Any, ids: Any) -> Any:
        found = await asked(self, ids)
        if not waits.is_set():
            waits.set()
            await go_on.wait()
        return found

    monkeypatch.setattr(suggesting_module, "_canned_index", noted)
    monkeypatch.setattr(type(house.store.examples), "questions", slowly)
    before = asyncio.create_task(suggesting.suggest(ticket.id, None))
    await waits.wait()
    challenger = await stored_(house.store, opposite(), tmp_path / "made")
    await house.store.bundles.promote(challenger, None)
    await suggesting.suggest(ticket.id, None)
    go_on.set()
    await before
    await suggesting.suggest(ticket.id, None)
    assert [each is suggesting._vectors for each in indexed] == [True, False, True]


@pytest.mark.parametrize("edit", ["renamed", "retired", "merged"])
async def test_a_challenger_of_the_taxonomy_before_is_refused_and_the_champion_serves(
    store: Store, tmp_path: Path, edit: str
) -> None:
    """The taxonomy was edited while it was trained: another host has the new one already."""
    kinds = TAXONOMY.facets["type"]
    one, other = kinds.classes.values()
    classes = {
        "renamed": {"询问": one.model_copy(update={"was": ("咨询",)}), "投诉": other},
        "retired": {"咨询": one, "新类": other},
        "merged": {"咨询": one, "投诉": other, "合并": one.model_copy(update={"was": ("旧",)})},
    }[edit]
    edited = TAXONOMY.model_copy(
        update={"facets": {"type": kinds.model_copy(update={"classes": classes})}}
    )
    name = await stored_(store, replace(champion(), taxonomy=TAXONOMY), tmp_path / "made")
    work = BundleWork(store, tmp_path / "cache", edited)
    with pytest.raises(CannotServe, match="train again"):
        await work.promote(name, None, "")
    assert await store.bundles.champion() is None
