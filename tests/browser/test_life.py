"""The moves of a ticket's life, by their buttons."""

import re

from playwright.async_api import Page, expect

from models.agent import Role
from models.message import Attachment, SendResult
from tests.browser.kit import customer_says, pictured, sign_in
from tests.contract.desk.world import World
from tests.contract.store import makers


async def more(page: Page, name: str) -> None:
    await page.locator("details.more > summary").click()
    await page.locator(".menu").get_by_role("button", name=name, exact=True).click()


async def test_a_transfer_is_offered_withdrawn_and_taken_over(
    page: Page, url: str, house: World
) -> None:
    me, other = await house.person("li"), await house.person("wang", name="小王")
    ticket = await house.ticket()
    await house.give(ticket, me)
    await sign_in(page, url)
    await page.locator(".card").click()
    await page.get_by_role("button", name="转派").click()
    await page.get_by_label("转给").select_option(f"agent/{other}")
    await page.get_by_label("给对方的说明").fill("请跟进")
    await page.get_by_role("dialog").get_by_role("button", name="转派").click()
    await expect(page.locator(".bar")).to_contain_text("已转给小王")
    await page.get_by_role("button", name="撤回转派").click()
    await expect(page.get_by_role("button", name="转派", exact=True)).to_be_visible()
    await house.store.transfers.offer(ticket, me, 600.0, to=other, note="请跟进")
    await page.get_by_role("button", name="退出").click()
    await expect(page.get_by_role("heading", name="登录坐席台")).to_be_visible()
    await sign_in(page, url, "wang")
    await page.locator(".card").click()
    await expect(page.locator(".bar")).to_contain_text("「请跟进」")
    await page.get_by_role("button", name="接受").click()
    await expect(page.locator("#reply-text")).to_be_visible()
    assert (await house.store.tickets.get(ticket)).owner_id == other


async def test_helpers_return_and_the_way_back(page: Page, url: str, house: World) -> None:
    me = await house.person("li", Role.SUPERVISOR)
    ticket = await house.ticket(labels=makers.labels(type="咨询"))
    await house.give(ticket, me)
    await sign_in(page, url)
    await page.locator(".card").click()
    await page.get_by_role("button", name="协办").click()
    await page.get_by_role("dialog").get_by_role("button", name="协办").click()
    await expect(page.locator(".head .tag")).to_have_text("协办中")
    await page.get_by_role("button", name="继续处理").click()
    await expect(page.locator(".head .tag")).to_have_text("处理中")
    await more(page, "退回")
    await page.get_by_label("原因").fill("不归我们管")
    await page.get_by_role("dialog").get_by_role("button", name="退回").click()
    await expect(page.locator(".head .tag")).to_have_text("已退回")
    await more(page, "重开")
    await page.get_by_label("原因").fill("查过了")
    await page.get_by_role("dialog").get_by_role("button", name="重开").click()
    await expect(page.locator(".head .tag")).to_have_text("待分配")
    await page.get_by_role("button", name="解决", exact=True).click()
    await page.get_by_role("dialog").get_by_role("button", name="解决").click()
    await expect(page.locator(".head .tag")).to_have_text("已解决")
    await more(page, "关闭工单")
    await page.get_by_role("dialog").get_by_role("button", name="关闭工单").click()
    await expect(page.locator(".head .tag")).to_have_text("已关闭")


async def test_two_tickets_become_one_and_one_becomes_two(
    page: Page, url: str, house: World
) -> None:
    me = await house.person("li")
    kept, gone = await house.ticket(), await house.ticket("k2", text="快递在哪")
    for ticket in (kept, gone):
        await house.give(ticket, me)
    await makers.thread(
        house.store, makers.envelope("b"), conversation_key="talk-k1", text="发票抬头错了"
    )
    await sign_in(page, url)
    await page.locator(f'[data-ticket="{gone}"]').click()
    await more(page, "合并")
    number = (await house.store.tickets.get(kept)).number
    # The other one of the same customer; it stands beside the ticket as well.
    await page.get_by_role("dialog").get_by_role("button", name=number).click()
    await expect(page.get_by_label("留下的工单号")).to_have_value(number)
    await pictured(page, "merge")
    await page.get_by_role("dialog").get_by_role("button", name="合并").click()
    await page.locator(f'[data-ticket="{kept}"]').click()
    await page.locator("details.part > summary").click()
    await expect(page.locator(".part-log")).to_contain_text("快递在哪")
    await page.get_by_role("button", name="在那边的会话里答复").click()
    await page.get_by_role("dialog").get_by_role("textbox").fill("明天到")
    await page.get_by_role("dialog").get_by_role("button", name="发送").click()
    await expect(page.locator(".part-log")).to_contain_text("明天到")
    await page.locator(".part").get_by_role("button", name="撤销合并").click()
    await expect(page.locator(".part")).to_have_count(0)
    assert (await house.store.tickets.get(gone)).state == "waiting"
    await more(page, "拆分")
    await page.get_by_role("checkbox", name=re.compile("发票抬头错了")).check()
    await page.get_by_role("dialog").get_by_role("button", name="拆分").click()
    await expect(page.get_by_text(re.compile("已拆出工单"))).to_be_visible()
    (off,) = await house.store.tickets.page(states=["new"])
    await page.locator(".facts").get_by_role("button", name=re.compile(off.number)).click()
    await expect(page.locator(".bar, .head")).to_contain_text([off.number])
    await expect(
        page.locator(".facts").get_by_role("button", name=re.compile(number))
    ).to_have_count(1)


async def test_what_is_said_in_a_merged_conversation_stands_open_and_is_read(
    page: Page, url: str, house: World
) -> None:
    """Until it is folded away by hand, and then again with the next word."""
    me = await house.person("li")
    kept, gone = await house.ticket(), await house.ticket("k2", text="快递在哪")
    for ticket in (kept, gone):
        await house.give(ticket, me)
    await house.store.merging.merge(gone, kept, me)
    await house.store.tickets.reply(kept, me, "您好", "c-1", "active")
    await sign_in(page, url)
    await page.locator(f'[data-ticket="{kept}"]').click()
    part, log = page.locator("details.part"), page.locator(".part-log")
    await expect(part).to_have_count(1)
    await expect(log).to_be_hidden()
    for key, said in (("b", "还要发票"), ("c", "抬头写公司")):
        await makers.thread(
            house.store, makers.envelope(key), conversation_key="talk-k2", text=said
        )
        await expect(log).to_contain_text(said)
        await expect(log).to_be_visible()
        if key == "b":
            await part.locator("summary").click()
            await expect(log).to_be_hidden()
    await page.get_by_role("button", name="解决", exact=True).click()
    await expect(page.locator(".notice")).to_contain_text("已解决")
    assert (await house.store.tickets.get(kept)).state == "resolved"


async def test_without_an_answer_resolving_asks_first_and_says_which_it_was(
    page: Page, url: str, house: World
) -> None:
    me = await house.person("li")
    first, second = await house.ticket(), await house.ticket("k2")
    for ticket in (first, second):
        await house.give(ticket, me)
    await sign_in(page, url)
    await page.locator(f'[data-ticket="{first}"]').click()
    await page.get_by_role("button", name="解决", exact=True).click()
    question = page.get_by_role("dialog", name="不答复就解决？")
    await question.get_by_role("button", name="取消").click()
    assert (await house.store.tickets.get(first)).state == "active"
    await page.get_by_role("button", name="解决", exact=True).click()
    await question.get_by_role("button", name="解决").click()
    number = (await house.store.tickets.get(first)).number
    await expect(page.locator(".notice")).to_contain_text(f"已解决：工单 {number}")
    await expect(page.locator(f'[data-ticket="{second}"].current')).to_be_visible()
    assert (await house.store.tickets.get(first)).state == "resolved"
    await page.locator("#reply-text").fill("明天到")
    await page.locator("#reply-text").press("Control+Enter")
    await expect(page.locator(".message.ours")).to_contain_text("明天到")
    await page.get_by_role("button", name="解决", exact=True).click()
    await expect(page.locator(".bar")).to_contain_text("这张工单已解决")


async def test_in_the_list_a_talk_is_called_as_it_is_when_open(
    page: Page, url: str, house: World
) -> None:
    me = await house.person("li")
    ticket = await house.ticket(channel="webchat", subject="", text="快递三天没动静")
    await customer_says(house, "later", "进度")
    await house.give(ticket, me)
    await sign_in(page, url)
    await expect(page.locator(".card-title")).to_have_text("快递三天没动静")
    await expect(page.locator(".card-said")).to_contain_text("· 进度")
    await page.locator(".card").click()
    await expect(page.locator(".head h1")).to_have_text("快递三天没动静")


async def test_from_a_merged_part_one_gets_to_its_ticket_and_back(
    page: Page, url: str, house: World
) -> None:
    """Its files, its labels and its history stand there only."""
    me = await house.person("li")
    kept, gone = await house.ticket(), await house.ticket("k2", text="快递在哪")
    for ticket in (kept, gone):
        await house.give(ticket, me)
    await house.store.merging.merge(gone, kept, me)
    await sign_in(page, url)
    await page.locator(f'[data-ticket="{kept}"]').click()
    await page.locator("details.part > summary").click()
    await page.get_by_role("button", name="查看原工单").click()
    await expect(page.locator(".head .tag")).to_have_text("已合并")
    await expect(page.locator(".message.theirs")).to_contain_text("快递在哪")
    number = (await house.store.tickets.get(kept)).number
    # Named once: not among the other tickets of the customer as well.
    await page.get_by_role("button", name=re.compile(number)).click()
    await expect(page.locator(".head .tag")).to_have_text("处理中")


async def test_of_a_merged_part_that_sent_files_alone_the_files_are_shown(
    page: Page, url: str, house: World
) -> None:
    me = await house.person("li")
    file = Attachment(id="a1", name="发票.txt", mime="text/plain", size=3, sha256="0" * 64)
    kept = await house.ticket()
    gone = await house.ticket("k2", text="", text_full="", attachments=(file,))
    for ticket in (kept, gone):
        await house.give(ticket, me)
    await house.store.merging.merge(gone, kept, me)
    await house.ticket("k3", subject="上门两次都没有修好，" * 9)
    await sign_in(page, url)
    await page.locator(f'[data-ticket="{kept}"]').click()
    await page.locator("details.part > summary").click()
    link = page.locator(".part-log").get_by_role("link", name="发票.txt")
    await expect(link).to_have_attribute("href", re.compile(gone))
    await expect(page.locator(".part-log .bubble")).to_have_count(0)
    # A name that is longer than its pane is wide is read to its end.
    other = page.locator(".facts .related", has_text="上门两次")
    assert await other.evaluate("(link) => link.scrollWidth <= link.clientWidth")


async def test_an_answer_behind_one_that_is_tried_again_says_what_it_waits_for(
    page: Page, url: str, house: World
) -> None:
    me, store = await house.person("li"), house.store
    ticket = await house.ticket()
    await house.give(ticket, me)
    for n in (1, 2):
        await store.tickets.reply(ticket, me, f"第 {n} 条", f"client-{n}", "active")
    await sign_in(page, url)
    await page.locator(".card").click()
    second = page.locator(".message.ours").last
    await expect(second.locator(".mark")).to_have_text("待发送")
    await expect(second.locator(".why-waits")).to_have_count(0)
    sending = await store.outbound.lease(9, 60.0)
    assert sending is not None
    (first,) = sending.messages
    late = SendResult("retry", error="服务器繁忙 / The server is busy", retry_after=600.0)
    assert await store.outbound.finish(sending.token, first.id, late)
    await expect(second.locator(".why-waits")).to_contain_text("上一条还没发出")
    await expect(page.locator(".message.ours").first).to_contain_text("服务器繁忙")
    await store.outbound.again(first.id, (), me)
    await expect(second.locator(".why-waits")).to_have_count(0)
