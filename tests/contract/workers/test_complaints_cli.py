"""``shouli complaints ledger``: the sheet of a month, from the command line."""

from pathlib import Path

import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner

from models.complaint import Filing
from models.store import Store
from tests.contract.store.makers import envelope, routed, thread
from tests.contract.workers.data_folder import within
from workers.commands.app import app


async def _filed(store: Store) -> None:
    at = await store.db.now()
    await thread(store, envelope("k1", now=at), text="没收到货，电话13900002222")
    (new,) = await store.queue.unlabelled(10)
    await store.queue.route([routed(new, filing=Filing("物流", "物流部", new.text, 0.0))])


async def _month(store: Store) -> str:
    (entry,) = await store.ledger.entries(0.0, 1e11)
    from datetime import datetime
    from zoneinfo import ZoneInfo

    return f"{datetime.fromtimestamp(entry.complained_at, ZoneInfo('Asia/Shanghai')):%Y-%m}"


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_a_month_is_written(data: Path, suffix: str) -> None:
    within(data, _filed)
    month, out = within(data, _month), data / f"ledger.{suffix}"
    done = CliRunner().invoke(app, ["complaints", "ledger", "--month", month, "--out", str(out)])
    assert done.exit_code == 0, done.output
    if suffix == "csv":
        text = out.read_text(encoding="utf-8-sig")
    else:
        sheet = load_workbook(out).worksheets[0]
        text = str(list(sheet.iter_rows(values_only=True)))
    assert "物流部" in text
    assert "139****2222" in text
    assert "13900002222" not in text


@pytest.mark.parametrize(
    "asked", [["--month", "2026-13", "--out", "a.csv"], ["--month", "2026-11", "--out", "a.pdf"]]
)
def test_what_it_cannot_write_is_refused(data: Path, asked: list[str]) -> None:
    done = CliRunner().invoke(app, ["complaints", "ledger", *asked])
    assert done.exit_code == 2
