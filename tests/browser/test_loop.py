"""From one ticket to the next: by keys, without losing words or the place."""

import pytest
from aiohttp import web
from playwright.async_api import Page, expect

from desk.push import HUB
from models.agent import Presence
from models.store.dialogue.conversations import end
from models.ticket import TicketState
from tests.browser.kit import customer_says, sign_in
from tests.contract.desk.world import World


async def test_a_round_by_keys_alone(
    page: Page, url: str, house: World, app: web.Application
) -> None:
    me = await house.person("li", presence=Presence.READY)
    first = await house.ticket("k1", subject="第一件", text="第一句\n" + "很长\n" * 200)
    second = await house.ticket("k2", subject="第二件")
    await house.give(first, me)
    await house.give(second, me, offer=600)
    await sign_in(page, url)
    heading = page.get_by_role("heading", level=1)
    await expect(page.locator(".card")).to_have_count(2)
    await page.keyboard.press("n")
    await expect(heading).to_have_text("第二件")  # what is offered is before what is in hand
    await page.keyboard.press("a")
    await expect(page.get_by_label("答复客户")).to_be_focused()  # what is typed now is the answer
    await page.keyboard.press("Escape")
    await page.keyboard.press("n")
    await expect(heading).to_have_text("第一件")
    await expect(page.locator(".byline").first).to_be_in_viewport()
    talk = (await house.store.tickets.get(first)).conversation_id
    for line in app[HUB]._lines:
        line.tell_typing(talk)
    await expect(page.locator(".writes")).to_have_text("客户正在输入…")
    await page.keyboard.press("r")
    await page.keyboard.type("n 已查询 Ea")
    await page.keyboard.press("Escape")
    await page.keyboard.press("n")
    await expect(heading).to_have_text("第二件")
    await expect(page.locator(".card", has_text="第一件")).to_contain_text("草稿")
    await page.keyboard.press("n")
    await page.keyboard.press("r")
    await expect(page.get_by_label("答复客户")).to_be_focused()
    await page.keyboard.press("Control+Shift+Enter")
    await expect(heading).to_have_text("第二件")
    assert (await house.store.tickets.get(first)).state == TicketState.RESOLVED
    assert (await house.store.tickets.get(second)).state == TicketState.ACTIVE
    # A slip: the next one is open already, and the way back is where the slip is told.
    await page.locator(".notice").get_by_role("button", name="收回工单").click()
    await expect(heading).to_have_text("第一件")
    await expect(page.get_by_label("答复客户")).to_be_visible()
    await page.get_by_role("button", name="解决", exact=True).click()
    await expect(heading).to_have_text("第二件")
    await page.evaluate(f"location.hash = '#ticket/{first}'")
    await page.locator(".bar").get_by_role("button", name="收回，继续处理").click()
    await expect(page.get_by_label("答复客户")).to_be_visible()


async def test_what_was_ended_today_is_found_again(page: Page, url: str, house: World) -> None:
    me = await house.person("li", presence=Presence.READY)
    ticket = await house.ticket("k1", subject="早上那张")
    await house.give(ticket, me)
    await sign_in(page, url)
    await page.keyboard.press("3")
    await expect(page.locator(".queue")).to_contain_text("今天还没有办结的工单。")
    await house.store.tickets.move(ticket, me, TicketState.RESOLVED)
    await expect(page.locator(".queue .told")).to_have_text("今天办结 1 张")
    await expect(page.locator(".card")).to_contain_text("已解决")
    await page.keyboard.press("j")
    await page.locator(".bar").get_by_role("button", name="收回，继续处理").click()
    await expect(page.locator(".queue")).to_contain_text("今天还没有办结的工单。")


async def test_who_waits_for_the_next_answer_comes_before_others(
    page: Page, url: str, house: World
) -> None:
    me = await house.person("li", presence=Presence.READY)
    tickets = [await house.ticket(f"k{n}", subject=f"第{n}件") for n in (1, 2, 3)]
    for n, ticket in enumerate(tickets):
        await house.give(ticket, me)
        await house.store.tickets.reply(ticket, me, "您好", f"answer-{n}", TicketState.ACTIVE)
    await sign_in(page, url)
    await page.locator(f'[data-ticket="{tickets[2]}"]').click()
    await customer_says(house, "k9", "还没好吗")
    waits = page.locator(f'[data-ticket="{tickets[0]}"] .due')
    await expect(waits).to_contain_text("客户已等")
    await expect(page.locator(".card .due")).to_have_count(1)
    # Looked at, it is not new any more, and is owed an answer all the same.
    await page.locator(f'[data-ticket="{tickets[0]}"]').click()
    await page.locator(f'[data-ticket="{tickets[1]}"]').click()
    await expect(page.locator(".card .dot")).to_have_count(0)
    await page.keyboard.press("n")
    await expect(page.get_by_role("heading", level=1)).to_have_text("第1件")
    await page.get_by_label("答复客户").fill("马上就好")
    await page.keyboard.press("Control+Enter")
    await expect(waits).to_have_count(0)


@pytest.mark.parametrize(("silent", "told"), [(False, "客户结束了对话"), (True, "客户久无回音")])
async def test_a_chat_that_has_ended_is_told(
    page: Page, url: str, house: World, silent: bool, told: str
) -> None:
    me = await house.person("li", presence=Presence.READY)
    ticket = await house.ticket("k1", subject="第一件")
    await house.give(ticket, me)
    await sign_in(page, url)
    await expect(page.locator(".card")).to_have_count(1)
    talk = (await house.store.tickets.get(ticket)).conversation_id
    async with house.store.db.write() as tx:
        assert await end(tx, talk, silent=silent)
    await expect(page.locator(".notice")).to_contain_text(told)
    await expect(page.locator(".notice")).to_contain_text("第一件")


async def test_who_is_set_aside_is_told(page: Page, url: str, house: World) -> None:
    me = await house.person("li", presence=Presence.READY)
    await sign_in(page, url)
    choice = page.get_by_label("我的状态")
    notices = page.locator(".notice")
    await expect(choice).to_have_value("ready")
    for presence, name in ((Presence.OFFLINE, "离线"), (Presence.NOT_RESPONDING, "未响应")):
        await house.store.agents.present(me, presence)
        await expect(notices.last).to_contain_text(f"您现在是“{name}”，不会派来新工单")
        await expect(choice).to_have_value(presence)
    told = await notices.count()
    await choice.select_option("ready")
    await choice.select_option("offline")
    await house.ticket()
    await expect(page.get_by_role("button", name="等待中1")).to_be_visible()
    assert (await house.store.agents.get(me)).presence == Presence.OFFLINE
    assert await notices.count() <= told, "their own wish is no news"


async def test_a_form_that_is_refused_keeps_its_words(page: Page, url: str, house: World) -> None:
    me = await house.person("li", presence=Presence.READY)
    ticket = await house.ticket("k1", subject="第一件")
    await house.give(ticket, me, offer=600)
    await sign_in(page, url)
    await page.route("**/decline", lambda route: route.abort())
    await page.locator(".card").click()
    await page.get_by_role("button", name="拒接").click()
    form = page.locator("dialog.ask")
    await form.get_by_label("原因").fill("不熟悉该业务")
    await form.get_by_role("button", name="拒接").click()
    await expect(form.get_by_role("alert")).to_contain_text("连不上服务器")
    await expect(form.get_by_label("原因")).to_have_value("不熟悉该业务")
    await page.unroute("**/decline")
    await form.get_by_role("button", name="拒接").click()
    await expect(form).to_have_count(0)
    assert (await house.store.tickets.get(ticket)).owner_id is None
