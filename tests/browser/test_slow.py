"""Over a slow line: what was pressed says so at once, and nobody presses twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, Route, expect

from models.agent import Presence, Role
from tests.browser.kit import sign_in
from tests.contract.desk.world import World


@asynccontextmanager
async def held(page: Page, path: str) -> AsyncIterator[None]:
    """What is asked of a path is answered when this ends."""
    go_on = asyncio.Event()

    async def slowly(route: Route) -> None:
        await go_on.wait()
        await route.continue_()

    await page.route(path, slowly)
    try:
        yield
    finally:
        go_on.set()


@pytest.mark.parametrize(
    ("way", "path", "then"),
    [("回访", "**/follow-ups?*", "没有回访任务"), ("分单规则", "**/api/v1/rules", "分单规则")],
)
async def test_a_view_stands_at_once_and_says_that_it_reads(
    page: Page, url: str, house: World, way: str, path: str, then: str
) -> None:
    await house.person("li", Role.SUPERVISOR)
    await sign_in(page, url)
    view = page.get_by_role("dialog")
    async with held(page, path):
        await page.get_by_role("button", name=way, exact=True).click()
        await expect(view.get_by_role("heading", name=way)).to_be_visible()
        await expect(view.get_by_role("status")).to_have_text("正在读取…")
    await expect(view).to_contain_text(then)
    await expect(view.get_by_role("status")).to_have_count(0)


async def test_a_view_that_cannot_be_read_goes_again(page: Page, url: str, house: World) -> None:
    await house.person("li")
    await sign_in(page, url)
    await page.route("**/follow-ups?*", lambda route: route.abort())
    await page.get_by_role("button", name="回访", exact=True).click()
    await expect(page.locator(".notice.bad")).to_contain_text("连不上服务器")
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_a_move_that_takes_its_time_is_seen_at_its_button(
    page: Page, url: str, house: World
) -> None:
    ticket = await house.ticket()
    await house.give(ticket, await house.person("li", presence=Presence.READY))
    await sign_in(page, url)
    await page.locator(".card").click()
    move = page.locator("[data-do=pend]")
    async with held(page, "**/pend"):
        await move.click()
        await expect(move).to_have_attribute("aria-busy", "true")
    await expect(page.locator(".notice")).to_contain_text("待客户回复")
    await expect(page.locator("[aria-busy=true]")).to_have_count(0)
