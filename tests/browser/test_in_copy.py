"""Whom the customer put in copy, beside the answer that an agent writes."""

from playwright.async_api import Page, expect

from models.message import Lane, Recipient
from tests.browser.kit import nothing_pale, pictured, sign_in
from tests.contract.desk.world import World
from tests.contract.store import makers

LI = Recipient(address="li@firm.example", name="李四")
BO = Recipient(address="bo.finance@firm.example")


async def mail_comes(house: World, key: str, *cc: Recipient) -> None:
    account = {"channel": "email", "account": "help@example.com", "lane": Lane.MAIL}
    e = makers.envelope(key, now=await house.store.db.now(), **account)
    await makers.thread(house.store, e, conversation_key="talk-k1", cc=cc, text="再补充一点")


async def test_nobody_gets_a_copy_until_ticked_and_the_choice_stands(
    page: Page, url: str, house: World
) -> None:
    me = await house.person("li")
    ticket = await house.ticket("k1", mail=True, cc=(LI, BO), meta={"also_to": ["李四"]})
    await house.give(ticket, me)
    await sign_in(page, url)
    await page.locator(".card").click()
    group = page.get_by_role("group", name="同时抄送")
    li, bo = page.locator('.cc input[value="1"]'), page.locator('.cc input[value="2"]')
    await expect(group.get_by_label("b***@firm.example")).to_have_count(1)
    await expect(li).not_to_be_checked()
    await expect(bo).not_to_be_checked()
    await li.check()
    await expect(li).to_be_focused()
    # What comes meanwhile takes nothing of it away, nor a look at another page.
    await mail_comes(house, "k2", LI, BO)
    await expect(page.locator(".message")).to_have_count(2)
    await expect(li).to_be_checked()
    await pictured(page, "in-copy.zh")
    await nothing_pale(page)
    await page.locator("#reply-text").fill("您好，已为您处理。")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".message.ours")).to_contain_text("抄送 李四")
    await expect(li).to_be_checked()
    await expect(bo).not_to_be_checked()
    await group.get_by_role("button", name="全选").click()
    await expect(bo).to_be_checked()
    await page.get_by_role("button", name="English").click()
    await expect(page.get_by_role("group", name="Send a copy to")).to_be_visible()
    await pictured(page, "in-copy.en")
    await page.set_viewport_size({"width": 390, "height": 800})
    await pictured(page, "in-copy.phone")
    # The customer's next mail names one of them no more.
    await mail_comes(house, "k3", LI)
    await expect(bo).to_have_count(0)
    await mail_comes(house, "k4")
    await expect(li).to_be_hidden()
    assert (await house.store.tickets.get(ticket)).owner_id == me


async def test_those_in_copy_of_a_merged_part_are_offered_with_its_answer(
    page: Page, url: str, house: World
) -> None:
    me = await house.person("li")
    kept = await house.ticket("k1", mail=True)
    gone = await house.ticket("k2", mail=True, cc=(LI, BO), meta={"also_to": ["李四"]})
    for ticket in (kept, gone):
        await house.give(ticket, me)
    await house.store.merging.merge(gone, kept, me)
    await sign_in(page, url)
    await page.locator(f'[data-ticket="{kept}"]').click()
    await expect(page.get_by_role("group", name="同时抄送")).to_be_hidden()
    await page.locator("details.part > summary").click()
    await page.get_by_role("button", name="在那边的会话里答复").click()
    dialog = page.get_by_role("dialog")
    li = dialog.get_by_role("group", name="同时抄送").get_by_label("李四")
    await expect(li).not_to_be_checked()
    await li.check()
    await dialog.get_by_role("textbox").fill("两件一起办")
    await pictured(page, "in-copy.part")
    await dialog.get_by_role("button", name="发送").click()
    await expect(page.locator(".part-log")).to_contain_text("抄送 李四")
    sending = await house.store.outbound.lease(10, 30.0)
    assert sending is not None
    assert [list(one.cc) for one in sending.messages] == [["li@firm.example"]]


async def test_a_ticket_without_others_has_no_such_row(page: Page, url: str, house: World) -> None:
    me = await house.person("li")
    await house.give(await house.ticket("k1"), me)
    await sign_in(page, url)
    await page.locator(".card").click()
    await expect(page.locator("#reply-text")).to_be_visible()
    await expect(page.locator(".cc")).to_be_hidden()
