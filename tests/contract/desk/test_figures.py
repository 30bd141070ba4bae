"""The figures as programs and spreadsheets get them."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook

from desk.figures import Every, first_days, midnight
from models.agent import Role
from models.figures import FIGURES
from models.store.figures.steps import KEEPING
from models.ticket import TicketState
from tests.contract.desk.conftest import Visit
from tests.contract.desk.world import World
from tests.contract.store.makers import follow

SHANGHAI = ZoneInfo("Asia/Shanghai")


async def one_ticket(house: World) -> str:
    """Taken, answered and resolved by 小李."""
    me = await house.person("li", name="小李")
    await house.person("wang", Role.SUPERVISOR)
    ticket = await house.ticket()
    await house.give(ticket, me)
    await house.store.tickets.reply(ticket, me, "您好", "client-1", TicketState.RESOLVED)
    await follow(house.store, KEEPING)
    return me


async def today(house: World) -> date:
    return datetime.fromtimestamp(await house.store.db.now(), UTC).astimezone(SHANGHAI).date()


async def test_figures_by_group_and_period(house: World, visit: Visit) -> None:
    me = await one_ticket(house)
    last = await today(house)
    first = last - timedelta(days=2)
    desk = await visit("wang")
    asked = f"/figures?first={first}&last={last}"
    (whole,) = (await desk.get(asked)).json["rows"]
    assert whole["values"]["volume"] == 1
    assert whole["values"]["resolution_rate"] == 1.0
    assert whole["values"]["complaint_rate"] == 1.0  # by its label
    assert whole["values"]["repeat_rate"] == 0.0
    assert whole["values"]["kept_resolution"] is None
    daily = (await desk.get(f"{asked}&every=day")).json
    assert [row["values"]["resolved"] for row in daily["rows"]] == [0, 0, 1]
    assert daily["starts"] == [f"{first + timedelta(days=n)}" for n in range(3)]
    # Without dates: up to today, where the house is.
    lately = (await desk.get("/figures?days=3&every=day")).json
    assert (lately["starts"], lately["last"]) == (daily["starts"], f"{last}")
    assert lately["rows"] == daily["rows"]
    assert lately["dimensions"] == ["channel", "domain", "agent", "team", "tier"]
    (tier,) = (await desk.get(f"{asked}&by=tier")).json["rows"]
    assert (tier["group"], tier["values"]["volume"]) == ("standard", 1)
    (mine,) = (await desk.get(f"{asked}&by=agent")).json["rows"]
    assert (mine["group"], mine["name"], mine["values"]["handled"]) == (me, "小李", 1)


async def test_who_may_ask_for_what(house: World, visit: Visit) -> None:
    await one_ticket(house)
    assert (
        await (await visit("li")).get("/figures?first=2026-01-01&last=2026-01-02")
    ).status == 403
    assert (await (await visit("li")).get("/figures/month?month=2026-01")).status == 403
    desk = await visit("wang")
    for bad in (
        "first=2026-01-02&last=2026-01-01",
        "first=2026-01-01&last=2026-12-31&every=day",
        "first=yesterday&last=2026-01-01",
        "last=9999-12-31",
        "last=0001-01-01",
        "first=0001-01-01&last=2026-01-01&every=day",
        "first=2026-01-01&last=2026-01-02&by=name",
    ):
        assert (await desk.get(f"/figures?{bad}")).status == 422
    assert (await desk.get("/figures/month?month=2026-13")).status == 422


async def test_a_months_file(house: World, visit: Visit) -> None:
    await one_ticket(house)
    month = f"{await today(house):%Y-%m}"
    desk = await visit("wang")
    answer = await desk.get(f"/figures/month?month={month}")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="figures-{month}.xlsx"'
    book = load_workbook(io.BytesIO(answer.raw))
    # The whole, day by day, and by each dimension; this taxonomy has no region.
    assert len(book.worksheets) == 7
    tiers = book["客户等级 Tier"]
    assert tiers["A2"].value == "standard"
    heads = [cell.value for cell in book.worksheets[0][1]]
    row = dict(zip(heads, [cell.value for cell in book.worksheets[0][2]], strict=True))
    assert row["受理量 Volume"] == 1
    assert heads[1:] == [f"{figure.zh} {figure.en}" for figure in FIGURES.values()]
    people = book["坐席 Agent"]
    assert people["A2"].value == "小李"
    shares = [cell.number_format for cell in book.worksheets[0][2]]
    assert shares[1 + list(FIGURES).index("resolution_rate")] == "0.0%"
    flat = (await desk.get(f"/figures/month?month={month}&format=csv")).raw
    lines = list(csv.reader(io.StringIO(flat.decode("utf-8-sig"))))
    assert lines[1][:3] == ["总览 Whole", month, "1"]
    days_of = [line for line in lines if line[0].startswith("按日")]
    assert len(days_of) in {28, 29, 30, 31}
    audited = await house.store.tickets.history(month)
    assert [line["action"] for line in audited] == ["figures.month", "figures.month"]


@pytest.mark.parametrize(
    ("every", "starts"),
    [
        ("whole", ["2026-10-30"]),
        ("day", ["2026-10-30", "2026-10-31", "2026-11-01", "2026-11-02"]),
        ("week", ["2026-10-30", "2026-11-02"]),
        ("month", ["2026-10-30", "2026-11-01"]),
    ],
)
def test_periods_are_of_the_calendar(every: Every, starts: list[str]) -> None:
    found = first_days(date(2026, 10, 30), date(2026, 11, 2), every)
    assert [f"{day}" for day in found] == starts


def test_a_day_may_have_25_hours() -> None:
    zone = ZoneInfo("America/New_York")
    begins, ends = midnight(date(2026, 11, 1), zone), midnight(date(2026, 11, 2), zone)
    assert ends - begins == 25 * 3600
