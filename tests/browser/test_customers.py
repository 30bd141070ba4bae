"""The same customer elsewhere, as an agent reads it."""

import pytest
from playwright.async_api import Page, expect

from desk import paging
from models.ticket import TicketState
from tests.browser.kit import nothing_pale, pictured, sign_in
from tests.contract.desk.makers import PROVEN, by_mail
from tests.contract.desk.world import World


async def test_a_long_talk_elsewhere_is_read_to_its_end(
    page: Page, url: str, house: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "_MOST_LINES", 2)
    ticket = await house.ticket(**PROVEN)
    await house.give(ticket, await house.person("li"))
    texts = [f"第 {n} 封" for n in range(5)]
    for number, text in enumerate(texts):
        await by_mail(house, text, f"m{number}")
    await sign_in(page, url)
    await page.locator(".queue .card").click()
    await page.get_by_role("button", name="查看其他渠道的往来").click()
    await page.get_by_role("button", name="查看", exact=True).click()
    await expect(page.locator(".elsewhere .bubble")).to_have_text(texts)


async def test_what_else_is_open_of_the_customer_is_in_sight(
    page: Page, url: str, house: World
) -> None:
    me = await house.person("li")
    first = await house.ticket("k1", mail=True, subject="退款没到")
    again = await house.ticket("k2", mail=True, subject="补充一下上封信")
    for ticket in (first, again):
        await house.give(ticket, me)
    await sign_in(page, url)
    await page.locator(f'.card[data-ticket="{again}"]').click()
    beside = page.locator(".fact", has_text="这位客户的其他未结工单")
    await expect(beside).to_contain_text("退款没到")
    await pictured(page, "same.zh")
    await nothing_pale(page)
    await beside.get_by_role("button").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("退款没到")
    await house.store.tickets.move(again, me, TicketState.RESOLVED)
    await expect(beside).to_have_count(0)
