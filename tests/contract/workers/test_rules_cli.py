"""``shouli rules`` and ``shouli simulate`` over a real store: what an operator types and reads."""

import asyncio
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.testing import CliRunner, Result

from config.settings import load, load_taxonomy
from models.store import Store
from models.ticket import TicketState
from tests.contract.store.makers import ALWAYS, agent, decision, waiting
from tests.databases import migrated_house
from tests.fakes import FakeClock
from workers.assembly.wiring import make_store
from workers.commands.app import app
from workers.rules.first_version import first_rules
from workers.rules.hours import gaps
from workers.rules.traffic import recorded

EXAMPLE = Path(__file__).resolve().parents[3] / "docs/examples/centre.toml"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with the first rules and one agent who can take everything."""
    migrated_house(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOULI_DATA_DIR", str(tmp_path / "data"))

    async def prepare() -> None:
        settings = load(None, environ={"SHOULI_DATA_DIR": str(tmp_path / "data")})
        store = make_store(settings, new=True)
        await first_rules(settings, store)
        values = list(load_taxonomy(settings).facets["domain"].classes)
        await agent(store, skills={"triage": 3} | {f"domain:{v}": 3 for v in values})
        await store.close()

    asyncio.run(prepare())
    return tmp_path


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """The commands say where logs go, for the whole process."""
    before = structlog.get_config()
    handlers = logging.getLogger().handlers[:]
    yield
    logging.getLogger().handlers[:] = handlers
    structlog.configure(**before)


def shouli(*words: str) -> Result:
    return CliRunner().invoke(app, words, catch_exceptions=True)


def told(*words: str) -> str:
    result = shouli(*words)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def in_force() -> set[str]:
    """The numbers that the list shows as in force for all."""
    rows = [line.split("│") for line in told("rules", "list").splitlines() if "│" in line]
    return {cells[1].strip() for cells in rows if "全部 all" in cells[3]}


def edited(folder: Path, **options: Any) -> Path:
    content = json.loads(told("rules", "show", "1")) | options
    file = folder / "rules.json"
    file.write_text(json.dumps(content, ensure_ascii=False))
    return file


def test_from_a_draft_to_one_line_to_all_and_back(house: Path) -> None:
    file = edited(house, late_factor=3.0)
    assert "草案 2" in told("rules", "draft", str(file), "--why", "a try", "--from", "1")
    assert "超时排序系数：4 → 3" in told("rules", "diff", "1", "2")
    assert "可以发布" in told("rules", "validate", "2")
    alone = shouli("rules", "publish", "2", "--why", "x", "--domain", "物流")
    assert alone.exit_code == 1
    assert str(alone.exception).startswith("超时排序系数决定")
    nobody = shouli("rules", "publish", "2", "--why", "x", "--by", "nobody")
    assert "nobody" in str(nobody.exception)
    told("rules", "publish", "2", "--why", "all of them", "--by", "li")
    assert in_force() == {"2"}
    assert "1 (全部 all)" in told("rules", "rollback", "--why", "no")


def test_errors_keep_a_version_from_being_published(house: Path) -> None:
    file = edited(house, relax_at=[0.5, 0.25])
    told("rules", "draft", str(file), "--why", "typing mistake")
    checked = shouli("rules", "validate", "2")
    assert checked.exit_code == 1
    assert "relax_at" in checked.output
    refused = shouli("rules", "publish", "2", "--why", "no")
    assert refused.exit_code == 1
    assert "放宽的时点：" in str(refused.exception)
    told("rules", "publish", "2", "--why", "I know", "--despite-errors")
    assert in_force() == {"2"}


def test_what_is_no_rules_is_refused_with_the_key(house: Path) -> None:
    file = edited(house, late_factr=3.0)
    result = shouli("rules", "draft", str(file), "--why", "typing mistake")
    assert result.exit_code == 1
    assert "late_factor" in str(result.exception), "the nearest key is suggested"


def test_a_list_is_no_rules_and_no_reason_is_none(house: Path) -> None:
    file = house / "list.json"
    file.write_text("[1, 2]")
    assert "list.json" in str(shouli("rules", "validate", str(file)).exception)
    silent = shouli("rules", "draft", str(edited(house)), "--why", " ")
    assert (silent.exit_code, "请写明原因" in silent.output) == (2, True)
    assert "草案 draft" not in told("rules", "list")


def test_a_slip_in_a_domain_is_published_to_nobody(house: Path) -> None:
    slip = shouli("rules", "publish", "1", "--why", "x", "--domain", "物溜")
    assert "物溜" in str(slip.exception)
    assert "物溜" not in told("rules", "list")


def test_the_example_of_the_documents_is_played(house: Path, tmp_path: Path) -> None:
    small = tmp_path / "centre.toml"
    small.write_text(EXAMPLE.read_text("utf-8").replace("tickets = 20000", "tickets = 200"))
    picture = tmp_path / "picture.svg"
    report = json.loads(told("rules", "rehearse", "1", "--traffic", str(small), "--json"))
    assert report["tickets"] == 200
    assert report["live"] == report["draft"]
    more = ("--skill", "tech-1:domain:支付=3", "--picture", str(picture))
    again = told("simulate", "--traffic", str(small), *more)
    assert "达标" in again
    assert "描述的来量" in again
    assert picture.read_text("utf-8").startswith("<svg")
    assert "tech-1" in picture.read_text("utf-8")


def test_wrong_descriptions_are_explained(house: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(EXAMPLE.read_text("utf-8").replace("days = 7", "dais = 7"))
    result = shouli("simulate", "--traffic", str(bad))
    assert result.exit_code == 1
    assert "days" in str(result.exception)
    nobody = shouli("simulate", "--traffic", str(EXAMPLE), "--skill", "nobody:domain:支付=3")
    assert "nobody had no shift in that time" in str(nobody.exception)
    slip = shouli("simulate", "--traffic", str(EXAMPLE), "--skill", "tech-1:domain:支忖=3")
    assert "没有工单需要技能 domain:支忖" in str(slip.exception)
    nowhere = shouli("simulate", "--traffic", str(EXAMPLE), "--picture", "/nowhere/at/all.svg")
    assert (nowhere.exit_code, "写不了" in nowhere.output) == (2, True)


def test_nothing_recorded_is_said(house: Path) -> None:
    result = shouli("simulate", "--days", "1")
    assert result.exit_code == 1
    assert "--traffic" in str(result.exception)


async def test_what_happened_is_read_back(store: Store, clock: FakeClock) -> None:
    begun = clock.now
    li = await agent(store)
    clock.pass_(100)
    done, held = await waiting(store, "a"), await waiting(store, "b")
    for ticket_id in (done, held):
        assert await store.queue.claim(await decision(store, ticket_id, li), None)
    clock.pass_(240)
    await store.tickets.move(done, li, TicketState.RESOLVED)
    clock.pass_(60)
    traffic = await recorded(store, begun - 1, clock.now, ALWAYS)
    assert [(a.at - begun, a.handle, a.recorded_agent) for a in traffic.arrivals] == [
        (100, 240, "li"),
        (100, 240, "li"),
    ]
    assert traffic.estimated == 1
    (shift,) = traffic.shifts
    assert (shift.agent_id, shift.begins - begun, shift.ends - begun) == ("li", 0, 400)


def test_the_check_tells_of_missing_holidays_a_line_each(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    december = datetime(2099, 12, 2, tzinfo=UTC).timestamp()
    monkeypatch.setattr("workers.commands.app.time.time", lambda: december)
    missing = gaps(load(None, environ={}).hours, december)
    assert [gap.year for gap in missing] == [2099, 2100]
    lines = told("check").splitlines()
    assert lines[:2] == [f"注意 warning {gap}" for gap in missing]
