"""The opening hours, on the desk's page."""

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from playwright.async_api import Page, expect

from config.sections import TeamHours
from config.settings import load
from desk.app import create_app
from models.agent import Role
from tests.browser.kit import nothing_pale, pictured, sign_in
from tests.contract.desk.world import World
from workers.rules.hours import openings

_EVE = datetime(2026, 9, 30, 20, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()


@pytest.fixture
async def app(house: World, tmp_path: Path) -> web.Application:
    """A centre in China on the eve of National Day, with a team in London."""
    team = TeamHours(accounts=("uk@shop.example",), time_zone="Europe/London", country="GB")
    hours = load(environ={}, folder=tmp_path).hours.model_copy(
        update={"holidays": (date(2026, 12, 31),), "teams": {"overseas": team}}
    )
    return create_app(replace(house.services, openings=lambda _now: openings(hours, _EVE)))


async def test_the_hours_are_shown_with_holidays_and_the_days_worked_for_them(
    page: Page, url: str, house: World
) -> None:
    await house.person("chen", Role.SUPERVISOR)
    await sign_in(page, url, "chen")
    await page.get_by_role("button", name="营业时间").click()
    view = page.locator("#hours")
    await expect(view.locator(".card.current")).to_contain_text("未营业下次营业 10/8周四 09:00")
    await expect(view.locator("[data-day='2026-10-01']")).to_contain_text("2026年10月7日")
    await expect(view.locator("[data-day='2026-10-01']")).to_contain_text("休息")
    await expect(view.locator("[data-day='2026-10-10']")).to_contain_text("上班 09:00–18:00")
    await expect(view.locator("[data-day='2026-12-31']")).to_contain_text("设置里写的")
    await expect(view).to_contain_text("发受理回执的渠道：邮件。")
    await expect(view.locator("p.words")).to_contain_text("10月8日")
    await nothing_pale(page)
    await pictured(page, "hours-zh")
    await view.locator("[data-id='overseas']").click()
    await expect(view.locator("h3")).to_have_text("overseas")
    await expect(view.locator(".rules-detail")).to_contain_text("uk@shop.example")
    await expect(view.locator(".rules-detail")).to_contain_text("营业中")
    await page.set_viewport_size({"width": 390, "height": 844})
    await pictured(page, "hours-narrow")
