"""The widget in a real browser, against a real server and store."""

import asyncio
import re
from collections.abc import Sequence

import pytest
from playwright.async_api import FilePayload, Page, Route, expect

from channels.webchat import attendance
from models.agent import Presence
from models.errors import Temporary
from models.message import Envelope, Receipt
from tests.browser.kit import key_of, write
from tests.contract.desk.makers import picture
from tests.contract.store import makers
from tests.contract.webchat.site import Site


@pytest.fixture
def page(visitor: Page) -> Page:
    """A visitor's: no desk is open here."""
    return visitor


async def test_type_acknowledged_answered_reloaded(page: Page, door: Site) -> None:
    await page.goto(door.url)
    await write(page, "我的快递三天没有动静了")
    mine = page.locator(".mine")
    await expect(mine.locator(".mark")).to_have_text("✓ 已收到")
    await door.work()
    number = await door.queue_ticket(await key_of(door))
    await expect(page.locator(".number")).to_have_text(f"工单号 {number}")
    await expect(page.locator(".news")).to_have_text(f"已受理，工单号 {number}")
    await door.answer(await key_of(door), "您好，已为您催促")
    await expect(page.locator(".us .text")).to_have_text("您好，已为您催促")
    await expect(page.get_by_role("log")).to_have_attribute("aria-live", "polite")
    await page.get_by_label("请输入消息").fill("还没写完")

    await page.reload()
    await expect(page.locator(".text")).to_have_text(
        ["我的快递三天没有动静了", "您好，已为您催促"]
    )
    await expect(page.get_by_label("请输入消息")).to_have_value("还没写完")
    await expect(page.locator(".number")).to_have_text(f"工单号 {number}")
    await write(page, "谢谢")
    await expect(page.locator(".mine .mark")).to_have_text(["✓ 已收到", "✓ 已收到"])
    await door.work()
    await expect(page.locator("[data-seq]")).to_have_count(3)
    await expect(page.locator(".text")).to_have_count(3)
    assert len(door.accepted) == 2
    await until_delivered(door, 2)


async def test_a_chat_is_ended_once_and_by_writing_it_goes_on(page: Page, door: Site) -> None:
    await page.goto(door.url)
    await write(page, "谢谢，问题解决了")
    await door.work()
    end = page.get_by_role("button", name="结束对话")
    await end.click()
    await expect(page.locator(".note").last).to_have_text("对话已结束，再发消息即可继续。")
    await expect(end).to_be_hidden()
    await write(page, "还有一件事")
    await door.work()
    await expect(end).to_be_visible()


async def until_delivered(door: Site, seq: int) -> None:
    key = await key_of(door)
    async with asyncio.timeout(5):
        while True:
            talk = await door.store.conversations.find("webchat", "web", key)
            if talk is not None and talk.read_seq >= seq:
                return
            await asyncio.sleep(0.05)


async def test_unsent_survives_a_reload_and_is_sent_once(page: Page, door: Site) -> None:
    async def fail(_: Sequence[Envelope]) -> list[Receipt]:
        raise Temporary("down")

    await page.goto(door.url)
    await expect(page.locator(".state")).to_have_text("已连接")
    door.accepting = fail
    await write(page, "数据库停了")
    await expect(page.locator(".mine .mark")).to_have_text("等待重发…")
    door.accepting = None
    await page.reload()
    await expect(page.locator(".mine .mark")).to_have_text("✓ 已收到")
    await page.reload()
    await expect(page.locator(".mine .mark")).to_have_text("✓ 已收到")
    await door.work()
    await expect(page.locator("[data-seq] .text")).to_have_text(["数据库停了"])
    await expect(page.locator(".mine")).to_have_count(1)
    assert len({e.dedupe_key for e in door.accepted}) == 1


async def test_a_dropped_connection_comes_back_by_itself(page: Page, door: Site) -> None:
    await page.goto(door.url)
    await write(page, "第一句")
    await expect(page.locator(".mine .mark")).to_have_text("✓ 已收到")
    await door.work()
    await expect(page.locator("[data-seq]")).to_have_count(1)
    await door.channel._sockets.close()  # type: ignore[attr-defined]
    await expect(page.locator(".state")).to_have_text("连接中断，正在重连…")
    await door.answer(await key_of(door), "断开时的回答")
    await expect(page.locator(".us .text")).to_have_text("断开时的回答", timeout=10_000)
    await expect(page.locator(".state")).to_have_text("已连接")
    await expect(page.locator("[data-seq]")).to_have_count(2)


async def test_long_polling_where_sockets_do_not_pass(page: Page, door: Site) -> None:
    await page.add_init_script("window.WebSocket = class { constructor() { throw new Error(); } }")
    await page.goto(door.url)
    await expect(page.locator(".state")).to_have_text("已连接", timeout=20_000)
    await write(page, "公司网络只放行 HTTP")
    await expect(page.locator(".mine .mark")).to_have_text("✓ 已收到")
    await door.work()
    await expect(page.locator("[data-seq]")).to_have_count(1)
    await door.answer(await key_of(door), "也能收到")
    await expect(page.locator(".us .text")).to_have_text("也能收到")
    await until_delivered(door, 2)
    number = await door.queue_ticket(await key_of(door))
    await expect(page.locator(".number")).to_have_text(f"工单号 {number}")


async def test_keyboard_and_names_for_screen_readers(page: Page, door: Site) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(f"{door.url}/?lang=en")
    launcher = page.get_by_role("button", name="Open the chat")
    await expect(page.locator(".panel")).to_be_hidden()
    await launcher.focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Chat with us")
    await expect(dialog).to_be_visible()
    await expect(dialog.get_by_role("textbox", name="Write a message")).to_be_focused()
    await page.keyboard.type("one")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("two")
    await page.keyboard.press("Enter")
    await expect(page.locator(".mine .mark")).to_have_text("✓ Received")
    await expect(page.locator(".mine .text")).to_have_text("one\ntwo", use_inner_text=True)
    await page.keyboard.press("Escape")
    await expect(launcher).to_be_focused()
    await door.work()
    await door.answer(await key_of(door), "three")
    await expect(page.get_by_role("button", name="Open the chat, 1 unread")).to_be_visible()
    box = await page.locator(".launcher").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 390


async def test_two_tabs_show_the_same(page: Page, door: Site) -> None:
    await page.goto(door.url)
    await write(page, "从第一个窗口")
    await expect(page.locator(".mine .mark")).to_have_text("✓ 已收到")
    other = await page.context.new_page()
    await other.goto(door.url)
    await expect(other.locator(".state")).to_have_text("已连接")
    await door.work()
    for tab in (page, other):
        await expect(tab.locator("[data-seq] .text")).to_have_text(["从第一个窗口"])
        await expect(tab.locator(".mine")).to_have_count(1)


async def test_a_session_of_another_server_begins_anew(page: Page, door: Site) -> None:
    await page.goto(door.url)
    await expect(page.locator(".state")).to_have_text("已连接")
    await page.evaluate(
        "() => { const key = Object.keys(localStorage).find((k) => k.endsWith(' token'));"
        " localStorage.setItem(key, 'A'.repeat(64)); }"
    )
    await page.reload()
    await write(page, "换了服务器")
    await expect(page.locator(".mine .mark")).to_have_text("✓ 已收到", timeout=15_000)


async def test_too_long_a_text_is_not_swallowed(page: Page, door: Site) -> None:
    await page.goto(door.url)
    await expect(page.locator(".state")).to_have_text("已连接")
    await write(page, "长" * 4001)
    await expect(page.get_by_role("alert")).to_have_text("最多 4000 字，请分几条发送")
    assert len(await page.locator("textarea").input_value()) == 4001


async def test_files_that_cannot_go_along_say_why(page: Page, door: Site) -> None:
    await page.goto(door.url)
    await expect(page.locator(".state")).to_have_text("已连接")
    files: list[FilePayload] = [
        {"name": f"{number}.txt", "mimeType": "text/plain", "buffer": b"x" * min(number, 1)}
        for number in range(7)
    ]
    picker = page.locator("input[type=file]")
    alert = page.get_by_role("alert")
    await picker.set_input_files(files[:1])
    await expect(alert).to_have_text("0.txt 是空文件")
    await picker.set_input_files(files[1:])
    await expect(alert).to_have_text("一次最多 5 个文件")
    await expect(page.get_by_role("button", name="去掉")).to_have_count(5)
    await page.get_by_role("button", name="去掉 5.txt").click()

    arrives = asyncio.Event()

    async def hold(route: Route) -> None:
        await arrives.wait()
        await route.continue_()

    await page.route("**/files?*", hold)
    await picker.set_input_files(files[6])
    await write(page, "见附件")
    await expect(alert).to_have_text("文件还在上传，请稍候再发送")
    arrives.set()
    await expect(page.get_by_role("button", name="去掉 6.txt")).to_be_visible()
    await page.locator(".write textarea").press("Enter")
    await expect(page.locator(".mine .mark")).to_have_text("✓ 已收到")
    await expect(alert).to_be_hidden()


async def test_a_file_is_sent_and_seen(page: Page, door: Site) -> None:
    await page.goto(door.url)
    await expect(page.locator(".state")).to_have_text("已连接")
    content = picture("PNG", (600, 400))
    await page.locator("input[type=file]").set_input_files(
        {"name": "发票.png", "mimeType": "image/png", "buffer": content}
    )
    await expect(page.get_by_role("button", name="去掉 发票.png")).to_be_visible()
    await page.locator(".write textarea").press("Enter")
    await expect(page.locator(".mine .mark")).to_have_text("✓ 已收到")
    await door.work()
    shown = page.get_by_role("img", name="发票.png")
    await expect(shown).to_have_js_property("naturalWidth", 600)
    at_end = "log => log.scrollHeight - log.scrollTop - log.clientHeight < 2"
    assert await page.get_by_role("log").evaluate(at_end)
    async with page.expect_download() as download:
        await shown.click()
    assert (await download.value).suggested_filename == "发票.png"
    talk = await door.store.conversations.find("webchat", "web", await key_of(door))
    assert talk is not None
    await expect(page.locator(".away")).to_be_visible()
    await door.store.conversations.seen(talk.id, 1)
    await door.bus.publish("events")
    await expect(page.locator(".mine .mark")).to_have_text("✓ 已读")
    await expect(page.locator(".away")).to_be_hidden()  # somebody is there, and has read it

    async def forbid(route: Route) -> None:
        await route.abort()

    await page.route("**/webchat/files/*", forbid)
    await page.reload()
    await expect(page.get_by_role("link", name="发票.png")).to_have_text(re.compile("KB$"))
    await expect(page.get_by_role("img", name="发票.png")).to_have_count(0)


async def test_a_number_is_left_where_nobody_is_there(page: Page, door: Site) -> None:
    await page.set_viewport_size({"width": 375, "height": 720})
    await page.goto(f"{door.url}/?lang=en")
    await page.locator(".launcher").click()
    await page.get_by_role("button", name="Leave your contact details").click()
    field = page.get_by_label("Telephone")
    await expect(field).to_be_focused()
    await page.get_by_role("button", name="Submit").click()
    await expect(page.get_by_role("alert")).to_have_text("Give a telephone number")
    await field.fill("my number")
    await page.get_by_role("button", name="Submit").click()
    await expect(page.get_by_role("alert")).to_have_text("Please check the format: Telephone")
    await expect(field).to_be_focused()
    await expect(field).to_have_attribute("aria-invalid", "true")
    await field.fill("138 0000 0000")
    await page.get_by_label("Your question").fill("Wrong invoice")
    await page.get_by_role("button", name="Submit").click()
    await expect(page.get_by_text("Noted. We will get back to you.")).to_be_visible()
    assert b"138 0000 0000" in door.accepted[-1].body
    await expect(page.get_by_role("textbox", name="Write a message")).to_be_focused()
    await door.work()
    await expect(page.locator(".mine")).to_contain_text("Wrong invoice")
    await expect(page.locator(".mine + .note")).to_contain_text("Noted.")  # below what it is about


async def test_an_open_chat_hears_that_somebody_came_and_went(
    page: Page, door: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attendance, "AWAY_SECONDS", 0.0)
    monkeypatch.setattr(attendance, "PAUSE_SECONDS", 0.01)
    await page.goto(door.url)
    away = page.locator(".away")
    await expect(away).to_be_visible()
    li = await makers.agent(door.store)
    await door.bus.publish("events")
    await expect(away).to_be_hidden()
    await door.store.agents.present(li, Presence.MEAL)
    await door.bus.publish("events")
    await expect(away).to_be_visible()
