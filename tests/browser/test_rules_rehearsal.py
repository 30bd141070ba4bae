"""A version is rehearsed at the desk before it is published: what would have gone elsewhere."""

import asyncio
from typing import Any

from aiohttp import web
from playwright.async_api import Page, expect

from desk.services import SERVICES
from models.agent import Presence, Role
from models.routing import Line
from tests.browser.kit import nothing_pale, pictured, sign_in
from tests.contract.desk.world import RULES, World

EVERYTHING = {"triage": 3, "domain:物流": 3, "domain:发票": 3, "domain:支付": 3}


async def _versions(house: World) -> None:
    """Version 1 is in force; under version 2 one ticket is more than anybody can hold."""
    await house.person("root", Role.ADMIN, name="周管理", presence=Presence.OFFLINE)
    await house.person("li", name="李雷", skills=EVERYTHING)
    await house.store.rules.first(RULES.model_dump(mode="json"), "routing.toml")
    heavy = RULES.model_copy(update={"units": {"live": 90, "mail": 90}})
    await house.store.rules.draft(heavy.model_dump(mode="json"), None, "一张抵九十张", 1)


async def _open(page: Page, url: str) -> Any:
    await sign_in(page, url, "root")
    await page.locator("nav.ways").get_by_role("button", name="分单规则").click()
    view = page.get_by_role("dialog", name="分单规则")
    await expect(view.get_by_role("heading", name="第 2 版")).to_be_visible()
    return view


async def test_what_would_go_elsewhere_is_seen_before_it_is_published(
    page: Page, url: str, house: World
) -> None:
    await _versions(house)
    number = (await house.store.tickets.get(await house.ticket())).number
    await asyncio.sleep(0.01)
    view = await _open(page, url)
    await view.get_by_role("button", name="演练").click()
    asked = page.locator("dialog.ask")
    await expect(asked).to_contain_text("不动任何工单")
    await pictured(page, "rules-rehearse-ask-zh")
    await asked.get_by_label("用哪些工单").select_option("100")
    await asked.get_by_role("button", name="演练").click()
    await expect(view.get_by_role("status")).to_contain_text("最近 100 张工单")
    await expect(view).to_contain_text("1 张换人", timeout=60_000)
    await view.get_by_text("会分给别人的工单（1）").click()
    row = view.get_by_role("region").locator("tbody tr")
    await expect(row.get_by_role("rowheader")).to_have_text(number)
    await expect(row.get_by_role("cell").nth(0)).to_have_text("李雷")
    await expect(row.get_by_role("cell").nth(1)).to_have_text("没有人")
    await view.get_by_text("各人分到多少").click()
    await nothing_pale(page)
    await pictured(page, "rules-rehearsal-zh")
    await page.set_viewport_size({"width": 390, "height": 844})
    await pictured(page, "rules-rehearsal-zh-390")
    assert (await house.store.rules.get(2)).rehearsal is not None


async def test_a_rehearsal_is_cancelled_and_the_page_goes_on(
    page: Page, url: str, house: World, app: web.Application
) -> None:
    await _versions(house)
    view = await _open(page, url)
    await view.get_by_role("button", name="演练").click()
    ask = page.locator("dialog.ask")
    # Where nothing came there is nothing to play, and it says so.
    await ask.get_by_role("button", name="演练").click()
    await expect(page.locator(".notice.bad")).to_contain_text("没有工单可以演练")
    await expect(view.get_by_role("status")).to_have_count(0)
    ended = asyncio.Event()

    async def rehearse(_number: int, _line: Line, _tickets: int) -> dict[str, Any]:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    object.__setattr__(app[SERVICES], "rehearse", rehearse)
    await view.get_by_role("button", name="演练").click()
    await ask.get_by_role("button", name="演练").click()
    await expect(view.get_by_role("button", name="演练")).to_be_disabled()
    await pictured(page, "rules-rehearsing-zh")
    await view.get_by_role("button", name="取消").click()
    await expect(view.get_by_role("button", name="演练")).to_be_enabled()
    await expect(page.locator(".notice.bad")).to_have_count(1)
    async with asyncio.timeout(5):
        await ended.wait()
