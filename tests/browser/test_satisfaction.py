"""What a customer says of a ticket: entered at the desk, and seen there."""

from playwright.async_api import Page, Response, expect

from models.ticket import TicketState
from tests.browser.kit import pictured, sign_in
from tests.contract.desk.world import World
from tests.contract.store import makers


async def test_a_rating_is_entered_and_nothing_is_asked_for_in_vain(
    page: Page, url: str, house: World
) -> None:
    me = await house.person("li")
    ticket = await house.ticket(labels=makers.labels(type="咨询"))
    await house.give(ticket, me)
    refused: list[str] = []

    def note(response: Response) -> None:
        if response.status >= 400 and not response.url.endswith("/me"):  # asked before the login
            refused.append(response.url)

    page.on("response", note)
    await sign_in(page, url)
    await page.locator(".card").click()
    card = page.locator("section[aria-labelledby=fact-satisfaction]")
    await expect(page.locator("section[aria-labelledby=fact-notes]")).to_be_visible()
    await expect(card).to_have_count(0)
    await house.store.tickets.move(ticket, me, TicketState.RESOLVED)
    await expect(card).to_contain_text("还没有评价")
    await card.locator("[data-satisfaction=enter]").click()
    await page.get_by_label("是否已解决").select_option("no")
    await page.get_by_label("满意度").select_option("2")
    await page.get_by_label("客户原话").fill("等太久")
    await page.get_by_role("dialog").get_by_role("button", name="录入评价").click()
    await expect(card).to_contain_text("不满意 · 未解决")
    await expect(card).to_contain_text("等太久")
    await card.scroll_into_view_if_needed()
    await pictured(page, "satisfaction-zh")
    await page.get_by_role("button", name="English").click()
    await expect(card).to_contain_text("Dissatisfied · Not solved")
    assert refused == []
