"""``shouli classifier shadow|watch|status``: what an operator types and reads."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from config.settings import load
from models.store.learning.bundles import Keep
from models.store.learning.shadows import Verdict
from models.store.learning.watching import Cell, day_of
from tests.contract.store import makers
from tests.contract.workers.watching import ZONE
from tests.databases import migrated_house
from workers.assembly.wiring import make_store
from workers.commands.app import app


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a champion that has labelled, and a challenger that disagreed once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOULI_DATA_DIR", str(tmp_path))
    migrated_house(tmp_path)

    async def prepare() -> None:
        store = make_store(load(None, environ={"SHOULI_DATA_DIR": str(tmp_path)}))
        for name in ("b1old", "b2new"):
            await store.bundles.add(name, {"id": name}, b"x")
        await store.bundles.promote("b1old", None)
        await store.shadows.begin("b2new", None)
        ticket_id = await makers.waiting(store)
        said = Verdict("b2new", ticket_id, "type", "b1old", "投诉", "咨询", 0.9, 0.6)
        await store.shadows.add([said])
        today = day_of(await store.db.now(), ZONE)
        await store.watching.add({Cell("b1old", today, "email", "type", "label", "投诉"): 7})
        await store.close()

    asyncio.run(prepare())
    return tmp_path


def shouli(*words: str) -> Result:
    return CliRunner().invoke(app, ["classifier", *words])


def test_the_shadow_is_read_and_ended(house: Path) -> None:
    told = json.loads(shouli("shadow", "--json").stdout)
    assert (told["bundle"], told["tickets"]) == ("b2new", 1)
    assert told["facets"][0]["pairs"] == [{"champion": "投诉", "challenger": "咨询", "count": 1}]
    for words in (("shadow",), ("status",)):
        page = shouli(*words)
        assert page.exit_code == 0, page.output
        assert "投诉 → 咨询: 1" in page.stdout
    ended = shouli("shadow", "--end")
    assert "没有影子模型" in ended.stdout
    assert json.loads(shouli("shadow", "--json").stdout) is None


def test_a_bundle_that_cannot_be_loaded_stays_out_of_the_shadow(house: Path) -> None:
    assert shouli("shadow", "b1old").exit_code != 0
    assert json.loads(shouli("shadow", "--json").stdout)["bundle"] == "b2new"


def test_the_watch_is_read(house: Path) -> None:
    told = json.loads(shouli("watch", "--json", "--days", "7").stdout)
    whole = next(each for each in told["series"] if not each["channel"])
    assert whole["points"][0]["shares"] == {"投诉": 1.0}
    page = shouli("watch")
    assert page.exit_code == 0, page.output
    assert "b1old" in page.stdout
    assert "left alone" in page.stdout
    assert "7 (0)" in page.stdout  # complaints of these four weeks, and of the four before


def test_drift_is_told_with_how_few_messages_it_rests_on(house: Path) -> None:
    async def a_first_week() -> None:
        store = make_store(load(None, environ={"SHOULI_DATA_DIR": str(house)}))
        day = day_of(await store.db.now(), ZONE) - 8
        await store.watching.add({Cell("b1old", day, "email", "type", "label", "咨询"): 100})
        await store.close()

    asyncio.run(a_first_week())
    told = json.loads(shouli("watch", "--json").stdout)
    today = next(each for each in told["series"] if not each["channel"])["points"][-1]
    assert (today["cases"], today["psi"] > 1.0) == (7, True)
    assert f"{today['psi']:.3f} (7)" in shouli("watch").stdout


def test_what_is_pinned_and_what_is_kept_stands_in_the_list(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shouli("pin", "b2").stdout.strip() == "b2new"
    assert "固定 pinned" in shouli("list").stdout
    assert shouli("unpin", "b2").stdout.strip() == "b2new"
    assert "固定" not in shouli("list").stdout

    async def drop() -> None:
        store = make_store(load(None, environ={"SHOULI_DATA_DIR": str(house)}))
        await store.shadows.end(None)
        assert await store.bundles.drop(Keep(1.0, 0, 1)) == ["b2new"]
        await store.close()

    asyncio.run(drop())
    assert "dropped" in shouli("list").stdout
    assert shouli("pin", "b2").exit_code != 0
    told = json.loads(shouli("list", "--json").stdout)["bundles"]
    assert {one["id"]: one["dropped_at"] is None for one in told} == {
        "b1old": True,
        "b2new": False,
    }


def serving(house: Path) -> str | None:
    champion = json.loads(shouli("list", "--json").stdout)["champion"]
    assert champion is None or isinstance(champion, str)
    return champion


def promoted(house: Path, *names: str) -> None:
    async def promote() -> None:
        store = make_store(load(None, environ={"SHOULI_DATA_DIR": str(house)}))
        for name in names:
            await store.bundles.promote(name, None)
        await store.close()

    asyncio.run(promote())


def test_who_rolls_back_is_told_which_goes_and_which_comes(house: Path) -> None:
    promoted(house, "b2new")
    told = shouli("rollback", "--why", "投诉多了")
    assert told.stdout.splitlines() == ["退下 off: b2new", "现役 champion: b1old"]
    assert serving(house) == "b1old"
    nothing = shouli("rollback")
    assert nothing.exit_code != 0
    assert "nothing served before" in str(nothing.exception)
    assert serving(house) == "b1old"


def test_another_champion_than_the_one_that_was_seen_stays(house: Path) -> None:
    promoted(house, "b2new")
    refused = shouli("rollback", "b1", "--why", "投诉多了")
    assert refused.exit_code != 0
    assert "b1old was to go, and b2new serves by now" in str(refused.exception)
    assert serving(house) == "b2new"
    assert shouli("rollback", "b2", "--why", "投诉多了").exit_code == 0
    assert serving(house) == "b1old"
