"""What the desk must not lose while a day goes on: what is half written, the place, the focus."""

import asyncio

import pytest
from playwright.async_api import Locator, Page, Route, expect

from models.agent import Presence
from tests.browser.kit import pictured, sign_in
from tests.contract.desk.world import PASSWORD, World


async def test_an_answer_half_written_outlives_a_reload_and_the_session(
    page: Page, url: str, house: World
) -> None:
    me = await house.person("li", presence=Presence.READY)
    await house.person("wu", presence=Presence.READY)
    ticket = await house.ticket()
    await house.give(ticket, me)
    await sign_in(page, url)
    await page.locator(".card").click()
    answer = page.get_by_label("答复客户")
    await answer.fill("您好，正在")
    await page.reload()
    await expect(answer).to_have_value("您好，正在")
    await _in_two_tabs(page, answer)
    await page.context.clear_cookies()
    await page.evaluate("document.querySelector('[data-do=pend]')?.click()")
    await expect(page.get_by_role("alert")).to_contain_text("没写完的答复和表单还在")
    await expect(page.get_by_label("账号")).to_have_value("li")
    await page.get_by_label("密码").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(answer).to_have_value("您好，正在")
    # What one began is nobody else's.
    await page.get_by_role("button", name="退出").click()
    await page.get_by_label("账号").fill("wu")
    await page.get_by_label("密码").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator(".lamp")).to_have_text("已连接")
    assert "您好" not in await page.evaluate("JSON.stringify({...localStorage})")


async def _in_two_tabs(page: Page, answer: Locator) -> None:
    """One draft in both, and what is sent from one is not there to be sent from the other."""
    second = await page.context.new_page()
    await second.goto(page.url)
    theirs = second.get_by_label("答复客户")
    await expect(theirs).to_have_value("您好，正在")
    await theirs.fill("您好，正在查")
    await expect(answer).to_have_value("您好，正在查")
    await theirs.press("Control+Enter")
    await expect(answer).to_have_value("")
    await answer.fill("您好，正在")
    await expect(theirs).to_have_value("您好，正在")
    await second.close()


async def test_a_form_half_written_outlives_the_session_and_escape(
    page: Page, url: str, house: World
) -> None:
    me = await house.person("li", presence=Presence.READY)
    await house.give(await house.ticket(), me)
    await sign_in(page, url)
    await page.locator(".card").click()
    helping = page.locator(".moves").get_by_role("button", name="协办")
    form = page.get_by_role("dialog")
    note = form.get_by_label("需要什么")
    begun = form.get_by_text("上次没写完的已放回")
    await helping.click()
    await expect(begun).to_be_hidden()
    await note.fill("请仓库核对第二次称重")
    await page.context.clear_cookies()
    await form.get_by_role("button", name="协办").click()
    await page.get_by_label("密码").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await helping.click()
    await expect(note).to_have_value("请仓库核对第二次称重")
    await expect(begun).to_be_visible()
    await page.keyboard.press("Escape")
    await helping.click()
    await expect(note).to_have_value("请仓库核对第二次称重")
    await form.get_by_role("button", name="取消").click()
    await helping.click()
    await expect(note).to_have_value("")
    await expect(begun).to_be_hidden()


async def test_back_forward_and_a_reload_find_their_place(
    page: Page, url: str, house: World
) -> None:
    me = await house.person("li", presence=Presence.READY)
    for key, subject in (("k1", "第一件"), ("k2", "第二件")):
        await house.give(await house.ticket(key, subject=subject), me)
    await page.set_viewport_size({"width": 390, "height": 844})
    await sign_in(page, url)
    heading = page.get_by_role("heading", level=1)
    await page.locator(".card", has_text="第一件").click()
    await page.get_by_role("button", name="信息").click()
    await page.go_back()
    await expect(heading).to_have_text("第一件")
    await page.get_by_role("button", name="返回列表").click()
    await page.locator(".card", has_text="第二件").click()
    await page.reload()
    await expect(heading).to_have_text("第二件")
    await page.get_by_role("button", name="看板").click()
    await expect(heading).to_have_text("排队看板")
    await page.go_back()
    await expect(heading).to_have_text("第二件")
    await page.go_back()
    await expect(page.locator(".card")).to_have_count(2)
    await page.go_forward()
    await expect(heading).to_have_text("第二件")


async def test_a_list_that_changes_takes_neither_focus_nor_click(
    page: Page, url: str, house: World
) -> None:
    me = await house.person("li", presence=Presence.READY)
    await house.give(await house.ticket("k1", subject="第一件"), me)
    await sign_in(page, url)
    card = page.locator(".card", has_text="第一件")
    await card.focus()
    await card.hover()
    await page.mouse.down()
    await house.give(await house.ticket("k2", subject="第二件"), me)
    await expect(page.locator(".card")).to_have_count(2)
    await expect(card).to_be_focused()
    await page.mouse.up()
    await expect(page.get_by_role("heading", level=1)).to_have_text("第一件")


async def test_a_form_that_cannot_be_sent_keeps_what_is_in_it(
    page: Page, url: str, house: World
) -> None:
    me = await house.person("li", presence=Presence.READY)
    await house.give(await house.ticket(), me)
    await sign_in(page, url)
    await page.locator(".card").click()
    await page.route("**/help", lambda route: route.abort())
    await page.get_by_role("button", name="协办", exact=True).click()
    form = page.get_by_role("dialog")
    note = form.get_by_role("textbox")
    await note.fill("请查日志")
    await form.get_by_role("button", name="协办").click()
    await expect(form.get_by_role("alert")).to_contain_text("连不上服务器")
    await expect(note).to_have_value("请查日志")
    await page.unroute("**/help")
    await form.get_by_role("button", name="协办").click()
    await expect(form).to_have_count(0)
    await expect(page.locator(".head .tag")).to_have_text("协办中")


async def _noting(house: World, page: Page, url: str) -> tuple[str, Locator]:
    """Li has a ticket open: it, and the box for a note on it."""
    li, ticket = await house.person("li"), await house.ticket()
    await house.give(ticket, li)
    await sign_in(page, url, "li")
    await page.locator(".card").first.click()
    return ticket, page.locator(".note-form textarea")


async def test_a_note_whose_answer_was_lost_is_not_written_twice(
    house: World, page: Page, url: str
) -> None:
    ticket, text = await _noting(house, page, url)
    write = page.locator(".note-form button[type=submit]")

    async def write_in_vain(said: str) -> None:
        await page.evaluate(_LOSES_THE_NEXT_ANSWER, "/notes")
        await text.fill(said)
        await write.click()
        await asyncio.wait_for(page.evaluate("() => window.lost"), 15)

    await write_in_vain("仓库说明天发")
    await write.click()
    await expect(text).to_have_value("")
    assert [note.text for note in await house.store.notes.of(ticket)] == ["仓库说明天发"]
    # Written anew after another loss, it is another one, and the writer is told so first.
    await write_in_vain("运费我们出")
    await text.fill("运费客户出")
    await write.click()
    await expect(page.get_by_text("先前那次其实已经存下").first).to_be_visible()
    await write.click()
    await expect(text).to_have_value("")
    assert [note.text for note in await house.store.notes.of(ticket)] == [
        "仓库说明天发", "运费我们出", "运费客户出",
    ]  # fmt: skip


async def test_the_next_note_does_not_wait_for_the_ticket_to_be_read_again(
    house: World, page: Page, url: str
) -> None:
    _, text = await _noting(house, page, url)
    await expect(text).to_be_visible()
    both = asyncio.Event()

    async def slow(route: Route) -> None:
        await asyncio.wait_for(both.wait(), 15)
        await route.continue_()

    await page.route("**/helping", slow)
    for said in ("仓库说明天发", "运费我们出"):
        await text.fill(said)
        await page.locator(".note-form button[type=submit]").click()
        await expect(text).to_have_value("")
    both.set()
    await expect(page.locator(".note p")).to_have_text(["仓库说明天发", "运费我们出"])


_LOSES_THE_NEXT_ANSWER = """
(end) => {
  const real = window.fetch;
  let told;
  window.lost = new Promise((resolve) => { told = resolve; });
  window.fetch = async (...asked) => {
    const answer = await real(...asked);
    if (!asked[0].endsWith(end)) return answer;
    window.fetch = real;
    setTimeout(told, 50);
    throw new TypeError("the line went down");
  };
}
"""


@pytest.mark.parametrize("width", [1280, 390])
async def test_a_ticket_that_is_slow_to_come_says_so_and_is_not_forced_on_who_went_back(
    page: Page, url: str, house: World, width: int
) -> None:
    me = await house.person("li", presence=Presence.READY)
    await house.give(await house.ticket(subject="包裹没有收到"), me)
    await page.set_viewport_size({"width": width, "height": 844})
    await sign_in(page, url)
    go_on = asyncio.Event()

    async def slowly(route: Route) -> None:
        await go_on.wait()
        await route.continue_()

    await page.route("**/api/v1/tickets/*", slowly)
    await page.locator(".card").click()
    talk = page.get_by_role("region", name="对话")
    await expect(talk.get_by_role("heading", name="包裹没有收到")).to_be_visible()
    await expect(talk.get_by_role("status")).to_have_text("正在读取…")
    await pictured(page, f"talk-slow-zh-{width}")
    if width == 390:
        await talk.get_by_role("button", name="返回").click()
    async with page.expect_response("**/api/v1/tickets/*"):
        go_on.set()
    if width == 390:
        await expect(page.locator(".card")).to_be_visible()
        await expect(talk).to_be_hidden()
        await page.locator(".card").click()
    await expect(talk.get_by_role("status")).to_have_count(0)
    await expect(talk.get_by_role("heading", name="包裹没有收到")).to_be_focused()


async def test_a_ticket_that_cannot_be_read_says_so(page: Page, url: str, house: World) -> None:
    me = await house.person("li", presence=Presence.READY)
    await house.give(await house.ticket(), me)
    await sign_in(page, url)
    await page.route("**/api/v1/tickets/*", lambda route: route.abort())
    await page.locator(".card").click()
    talk = page.get_by_role("region", name="对话")
    await expect(talk.get_by_role("status")).to_contain_text("没能读取这张工单")
    await page.unroute("**/api/v1/tickets/*")
    await page.locator(".card").click()
    await expect(page.get_by_label("答复客户")).to_be_visible()
