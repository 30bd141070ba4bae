"""The same customer elsewhere, as an agent reads it."""

import pytest
from playwright.async_api import Page, expect

from desk import paging
from tests.browser.kit import sign_in
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
