"""How customers rate us: on the page behind a link, and by the buttons in the chat."""

import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page, expect

from desk.rating import Links, RatingPage
from models.message import Choice
from models.satisfaction import SCORE_NAMES
from models.store.dialogue.surveys import Terms, ask
from models.ticket import TicketState
from tests.browser.kit import key_of, nothing_pale, pictured, write
from tests.contract.desk.world import World
from tests.contract.webchat.site import Site

_DAY = 86400.0


@pytest.fixture
async def link(house: World) -> AsyncIterator[str]:
    """The address that a customer got after their ticket was resolved."""
    me = await house.person("li")
    ticket = await house.ticket()
    await house.give(ticket, me)
    await house.store.tickets.move(ticket, me, TicketState.RESOLVED)
    async with house.store.db.write() as tx:
        asked = await ask(tx, ticket, Terms(_DAY, 7 * _DAY, {}), by_mail=False)
    assert asked is not None
    app = web.Application()
    links = Links(b"s" * 32, "")
    app.add_routes(RatingPage(house.store, links, time.time, _DAY).routes())
    async with TestServer(app) as server:
        yield str(server.make_url(links.address(asked.survey.id)))


async def test_the_page_behind_a_link(link: str, house: World, browser: Browser) -> None:
    context = await browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN")
    page = await context.new_page()
    await page.goto(link)
    await expect(page.locator("h1")).to_have_text("请评价我们的服务")
    await pictured(page, "rating-zh")
    await page.get_by_role("button", name="提交").click()
    await expect(page.get_by_role("alert")).to_have_text("请选择满意程度。")
    await page.get_by_label("不满意", exact=True).check()
    await page.get_by_label("未解决").check()
    await page.get_by_label("想对我们说的话").fill("等太久")
    await page.get_by_role("button", name="提交").click()
    await expect(page.locator("h1")).to_have_text("感谢您的评价！")
    await page.get_by_role("link", name="修改评价").click()
    await page.get_by_role("link", name="English").click()
    await expect(page.locator("h1")).to_have_text("Please rate our service")
    await expect(page.get_by_label("Dissatisfied", exact=True)).to_be_checked()
    await pictured(page, "rating-en")
    await page.get_by_label("Satisfied", exact=True).check()
    await page.get_by_role("button", name="Submit").click()
    await expect(page.locator("h1")).to_have_text("Thank you for your rating!")
    await context.close()
    (ticket,) = await house.store.tickets.page(limit=2)
    (survey,) = await house.store.surveys.of_ticket(ticket.id)
    assert (survey.score, survey.solved, survey.words) == (4, False, "等太久")
    assert (survey.via, survey.changes) == ("link", 1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_is_legible_by_day_and_by_night(link: str, browser: Browser, scheme: str) -> None:
    context = await browser.new_context(color_scheme=scheme)  # type: ignore[arg-type]
    page = await context.new_page()
    await page.goto(link)
    await page.get_by_role("button").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.locator(".choice input").first.check()
    await pictured(page, f"rating-{scheme}")
    await nothing_pale(page)
    dark = "rgb(16, 22, 29)"
    ground = await page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (ground == dark) == (scheme == "dark")
    await context.close()


async def test_the_buttons_in_the_chat(visitor: Page, door: Site) -> None:
    await visitor.goto(door.url)
    await write(visitor, "我的快递三天没有动静了")
    await door.work()
    scores = [Choice(value=f"rate:{score}", label=zh) for score, (zh, _) in SCORE_NAMES.items()]
    await door.answer(await key_of(door), "这次服务您满意吗？", choices=scores)
    await expect(visitor.locator(".us .text")).to_have_text("这次服务您满意吗？")
    buttons = visitor.get_by_role("group", name="请选择").get_by_role("button")
    await expect(buttons).to_have_count(5)
    await pictured(visitor, "chat-choices-zh")
    await buttons.nth(1).click()
    await expect(visitor.locator(".mine .text").last).to_have_text("满意")
    await expect(buttons).to_have_count(0)
    await expect(visitor.locator(".mine .mark").last).to_have_text("✓ 已收到")
    assert b'"rate:4"' in door.accepted[-1].body, door.accepted[-1]
