"""A ticket takes two keys, or two clicks, besides its words: who answers all day counts them."""

import os

from playwright.async_api import Page, expect

from tests.browser.kit import sign_in
from tests.contract.desk.world import World

_PAIRS = int(os.environ.get("COUNTED_PAIRS", "2"))
"""Of a mail, which is in one's hands, and a chat, which is offered first."""


async def _shift(house: World) -> list[str]:
    """Mails and chats in one agent's hands, in turn."""
    me = await house.person("li")
    await house.store.agents.change(me, None, capacity=100)
    tickets = []
    for n in range(_PAIRS):
        for mail in (True, False):
            ticket = await house.ticket(f"{n}{mail}", text=f"第 {n} 个问题", mail=mail)
            await house.give(ticket, me, offer=None if mail else 600.0)
            tickets.append(ticket)
    return tickets


async def _done(house: World, tickets: list[str]) -> None:
    for ticket in tickets:
        assert (await house.store.tickets.get(ticket)).state == "resolved"


async def _open(page: Page, house: World, left: set[str]) -> bool:
    """Waits for one of ``left`` to be open, and takes it out; whether it is only offered."""
    heading = page.locator(".talk h1")
    await expect(heading).to_be_focused()
    ticket = page.url.rpartition("/")[2]
    left.remove(ticket)
    return (await house.store.tickets.get(ticket)).state == "offered"


async def test_a_ticket_takes_two_keys(page: Page, url: str, house: World) -> None:
    tickets = await _shift(house)
    left = set(tickets)
    await sign_in(page, url)
    await expect(page.locator(".card")).to_have_count(len(tickets))
    await page.keyboard.press("n")
    while left:
        offered = await _open(page, house, left)
        await page.keyboard.press("a" if offered else "r")
        await expect(page.locator("#reply-text")).to_be_focused()
        await page.keyboard.type("您好，已经处理。")
        await page.keyboard.press("Control+Shift+Enter")
        await expect(page.locator(".card")).to_have_count(len(left))
    await _done(house, tickets)


async def test_a_ticket_takes_two_clicks(page: Page, url: str, house: World) -> None:
    tickets = await _shift(house)
    left = set(tickets)
    await sign_in(page, url)
    await expect(page.locator(".card")).to_have_count(len(tickets))
    await page.locator(".card").first.click()
    while left:
        offered = await _open(page, house, left)
        begin = (
            page.get_by_role("button", name="接单", exact=True)
            if offered
            else page.locator("#reply-text")
        )
        await begin.click()
        await expect(page.locator("#reply-text")).to_be_focused()
        await page.keyboard.type("您好，已经处理。")
        await page.get_by_role("button", name="发送并解决").click()
        await expect(page.locator(".card")).to_have_count(len(left))
    await _done(house, tickets)
