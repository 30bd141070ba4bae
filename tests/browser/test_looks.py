"""What pictures of every screen showed: legible in light and dark, named, and kept in place."""

import hashlib
import re

import pytest
from playwright.async_api import Browser, Page, expect

from models.agent import Presence, Role
from models.event_tail import EVENTS
from models.message import Attachment, Sender
from tests.browser.kit import nothing_pale, pictured, sign_in, well_headed, write
from tests.contract.desk.makers import picture
from tests.contract.desk.world import World
from tests.contract.store import makers
from tests.contract.store.searching import index
from tests.contract.webchat.site import Site

_VISITOR = "9c45ab77e0d24d6f"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_all_text_is_legible(page: Page, url: str, house: World, scheme: str) -> None:
    me = await house.person("li", Role.ADMIN)
    ticket = await house.ticket("k1", text="订单号 DD-2026-110100017 没有动静", mail=True)
    await house.give(ticket, me)
    await house.ticket("k2")
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    await sign_in(page, url)
    await page.get_by_role("button", name="全部").click()
    await page.locator(f'[data-ticket="{ticket}"]').click()
    await expect(page.locator(".keys")).to_be_visible()
    await expect(page.get_by_placeholder("写给同事的备注")).to_be_visible()
    await nothing_pale(page)
    for name in ("看板", "报表", "模型", "收发", "审计", "投诉台账"):
        await page.get_by_role("button", name=name, exact=True).click()
        await expect(page.locator("main .panel").first).to_be_visible()
        await nothing_pale(page)


async def test_a_menu_gives_the_focus_back(page: Page, url: str, house: World) -> None:
    me = await house.person("li", presence=Presence.READY)
    await house.give(await house.ticket(), me)
    await sign_in(page, url)
    await page.locator(".card").click()
    menu = page.locator("details.more summary")
    for leave in ("menu", "dialog"):
        await menu.focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        if leave == "dialog":
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("dialog")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await expect(menu).to_be_focused()
        await expect(page.locator("details.more[open]")).to_have_count(0)


async def test_the_way_past_the_list_leaves_the_ticket_open(
    page: Page, url: str, house: World
) -> None:
    me = await house.person("li", presence=Presence.READY)
    await house.give(await house.ticket(), me)
    await sign_in(page, url)
    await page.locator(".card").click()
    heading = page.get_by_role("heading", level=1)
    place = page.url
    await page.get_by_role("link", name="跳到对话").focus()
    await page.keyboard.press("Enter")
    await expect(heading).to_be_focused()
    assert page.url == place


async def test_a_line_that_is_cut_is_told_at_once(page: Page, url: str, house: World) -> None:
    await house.person("li")
    await sign_in(page, url)
    await page.context.set_offline(True)
    await expect(page.locator(".lamp")).to_have_text("重新连接中…")
    await page.context.set_offline(False)
    await expect(page.locator(".lamp")).to_have_text("已连接")


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_phone_without_a_line_keeps_its_header_and_names_no_keys(
    browser: Browser, url: str, house: World, language: str
) -> None:
    await house.give(await house.ticket(), await house.person("li", Role.ADMIN))
    context = await browser.new_context(
        viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True
    )
    page = await context.new_page()
    await sign_in(page, url)
    if language == "en":
        await page.get_by_role("button", name="English").click()
    await page.locator(".card").click()
    assert "Ctrl" not in str(await page.locator("#reply-text").get_attribute("placeholder"))
    # One's name has no room, and is the way to a new password elsewhere.
    await expect(page.locator(".ways .own")).to_be_visible()
    header, lamp = page.locator(".top"), page.locator(".lamp")
    before = await header.bounding_box()
    await context.set_offline(True)
    await expect(lamp).to_have_text({"zh": "重新连接中…", "en": "Reconnecting…"}[language])
    assert await header.bounding_box() == before
    box = await lamp.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 390
    await context.close()


_SMALL = """
() => [...document.querySelectorAll("button, select, input, textarea, summary, label.check")]
  .filter((each) => each.checkVisibility() && !each.matches(".unseen, .number"))
  .filter((each) => each.getBoundingClientRect().height < 39.5)
  .map((each) => `${each.className} ${each.textContent}`)
"""


async def test_a_thumb_hits_whatever_there_is_to_press_on_a_phone(
    page: Page, url: str, house: World
) -> None:
    """40 px high; a ticket's number, which stands in a line of text, has 24 (WCAG 2.2, 2.5.8)."""
    me = await house.person("li", Role.ADMIN)
    ticket = await house.ticket("k1", text="订单号 DD-2026-110100017 没有动静", mail=True)
    await house.give(ticket, me)
    await house.ticket("k2")
    await page.set_viewport_size({"width": 390, "height": 844})
    await sign_in(page, url)
    assert await page.evaluate(_SMALL) == []
    await page.locator(".card").click()
    await expect(page.locator("#reply-text")).to_be_visible()
    assert await page.evaluate(_SMALL) == []
    await page.get_by_role("button", name="信息", exact=True).click()
    await expect(page.get_by_placeholder("写给同事的备注")).to_be_visible()
    assert await page.evaluate(_SMALL) == []
    for name in ("看板", "报表", "模型", "收发", "审计"):
        await page.get_by_role("button", name=name, exact=True).click()
        await expect(page.locator("main .panel").first).to_be_visible()
        assert await page.evaluate(_SMALL) == []


async def test_who_left_no_name_is_called_so_in_the_readers_language(
    page: Page, url: str, house: World
) -> None:
    await house.give(
        await house.ticket(sender=Sender(external_id=_VISITOR)), await house.person("li")
    )
    await sign_in(page, url)
    card = page.locator(".card")
    await expect(card).to_contain_text("未留名的客户")
    await page.get_by_role("button", name="English").click()
    await expect(card).to_contain_text("Unnamed customer")


async def test_who_is_ready_in_vain_is_told_that_others_wait(
    page: Page, url: str, house: World
) -> None:
    await house.person("li", presence=Presence.READY)
    await house.ticket()
    await sign_in(page, url)
    await expect(page.locator(".queue .empty")).to_contain_text("等待中有 1 张")


async def test_a_list_that_was_not_read_is_not_said_to_be_empty(
    page: Page, url: str, house: World
) -> None:
    me = await house.person("wang", Role.SUPERVISOR)
    await house.give(await house.ticket(), me)
    await sign_in(page, url, "wang")
    await expect(page.locator(".queue .card")).to_have_count(1)
    await page.context.set_offline(True)
    await expect(page.locator(".lamp")).to_have_text("重新连接中…")
    await page.get_by_role("button", name="全部").click()
    await expect(page.locator(".queue .empty")).to_contain_text("列表暂时读不到")
    await page.get_by_role("button", name="报表").click()
    await expect(page.locator("main .empty")).to_contain_text("连不上服务器")
    await page.context.set_offline(False)
    await expect(page.locator("main .figures")).to_be_visible()
    await page.get_by_role("button", name="回到工单").click()
    await expect(page.locator(".queue .card")).to_have_count(1)


async def test_a_long_file_name_stays_in_a_narrow_page(page: Page, url: str, house: World) -> None:
    me = await house.person("li")
    name = "破损照片_2026年11月20日_拍摄于小区门口快递柜旁边_第一张_原图.png"
    sent = picture("PNG", (400, 300))
    digest = hashlib.sha256(sent).hexdigest()
    await house.store.blobs.put({digest: sent})
    file = Attachment(id="p1", name=name, mime="image/png", size=len(sent), sha256=digest)
    await house.give(await house.ticket(attachments=(file,)), me)
    await page.set_viewport_size({"width": 390, "height": 844})
    await sign_in(page, url)
    await page.locator(".card").click()
    link = page.locator("a.file")
    await expect(link).to_contain_text("KB")
    box = await link.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 390


async def test_how_many_were_found_and_the_way_back(page: Page, url: str, house: World) -> None:
    me = await house.person("li")
    for n in range(2):
        await house.give(await house.ticket(f"k{n}", text=f"耳机没有声音 {n}"), me)
    await index(house.store)
    await sign_in(page, url)
    box = page.get_by_role("searchbox", name="查找工单")
    await box.fill("没有声音")
    await box.press("Enter")
    await expect(page.locator(".told")).to_contain_text("找到 2 张")
    await expect(page.locator("#spoken")).to_have_text("找到 2 张")
    await page.get_by_role("button", name="返回列表").click()
    await expect(page.locator(".told")).to_have_count(0)
    await expect(box).to_have_value("")
    await expect(box).to_be_focused()
    await expect(page.locator(".queue .card")).to_have_count(2)


async def test_figures_are_named_in_the_readers_language(
    page: Page, url: str, house: World
) -> None:
    await house.person("wang", Role.SUPERVISOR)
    ticket = await house.ticket()
    await sign_in(page, url, "wang")
    await page.get_by_role("button", name="English").click()
    await page.get_by_role("button", name="Figures").click()
    by = page.get_by_label("By", exact=True)
    await by.select_option("domain")
    labels = (await house.store.tickets.get(ticket)).labels
    assert labels is not None
    assert labels.facets["domain"].value == "物流"
    group = page.get_by_role("table", name="Groups").locator("tbody th")
    await expect(group).to_have_text("Delivery")
    await by.select_option("tier")
    await expect(group).to_have_text("Standard")
    first = page.locator(".figures-table tbody td").first
    await expect(first).to_have_css("text-align", "right")
    await expect(first).to_have_css("font-weight", "400")


async def test_a_shelf_of_bundles_says_when_and_hides_no_button(
    page: Page, url: str, house: World
) -> None:
    await house.person("root", Role.ADMIN)
    times = {"created_at": 1.0, "promoted_at": 1.0, "card": {}}
    dropped = {"id": "0123456789abcdef", "pinned_at": None, "dropped_at": 1_790_000_000.0} | times
    kept = {"id": "fedcba9876543210", "pinned_at": 1.0, "dropped_at": None} | times
    answer = {
        "champion": None,
        "corrections": {"given": 0, "new": 0, "excluded": 0},
        "bundles": [dropped, kept],
    }
    await page.route("**/api/v1/bundles", lambda route: route.fulfill(json=answer))
    await sign_in(page, url, "root")
    await page.set_viewport_size({"width": 1280, "height": 800})
    # All that an admin may open is in sight.
    hidden = "(ways) => ways.scrollWidth - ways.clientWidth"
    assert await page.locator(".ways").evaluate(hidden) <= 0
    await page.get_by_role("button", name="模型").click()
    shelf = page.locator(".shelf")
    await expect(shelf.first).to_contain_text("内容清除于")
    await expect(shelf.first).not_to_contain_text("object")
    panel = await page.locator(".panel", has=shelf).bounding_box()
    assert panel is not None
    for name in ("取消固定", "影子运行", "启用"):
        button = await shelf.last.get_by_role("button", name=name).bounding_box()
        assert button is not None
        assert button["x"] + button["width"] < panel["x"] + panel["width"]


async def test_rules_that_replaced_none_cannot_be_taken_back(
    page: Page, url: str, house: World
) -> None:
    await house.person("root", Role.ADMIN)
    await house.store.rules.first({"version": "1"}, "routing.toml")
    await sign_in(page, url, "root")
    await page.get_by_role("button", name="分单规则").click()
    view = page.get_by_role("dialog", name="分单规则")
    await expect(view.get_by_role("button", name="发布", exact=True)).to_be_visible()
    await expect(view.get_by_role("button", name="退回")).to_have_count(0)


async def test_a_member_is_taken_out_only_after_a_word_of_what_it_means(
    page: Page, url: str, house: World
) -> None:
    await house.person("wang", Role.SUPERVISOR)
    await sign_in(page, url, "wang")
    await page.get_by_role("button", name="事件").click()
    view = page.get_by_role("dialog", name="事件")
    await expect(view).to_contain_text("没有事件")
    await view.get_by_role("button", name="演练").click()
    form = page.get_by_role("dialog").last
    await form.get_by_label("名称").fill("支付中断")
    await form.get_by_role("button", name="演练").click()
    await expect(view.locator(".card")).to_contain_text("支付中断")
    await view.get_by_role("button", name="结束事件").click()
    await expect(page.get_by_role("dialog").last).to_contain_text("不再有新成员加入")


async def test_nobody_is_next_while_nobody_is_there(visitor: Page, door: Site) -> None:
    await visitor.goto(door.url)
    await write(visitor, "我的快递三天没有动静了")
    await expect(visitor.locator(".mine .mark")).to_have_text("✓ 已收到")
    await door.work()
    queue = door.store.queue
    await queue.route([makers.routed(new) for new in await queue.unlabelled(9)])
    await door.bus.publish(EVENTS)
    await expect(visitor.get_by_text("现在没有客服在线")).to_be_visible()
    await expect(visitor.locator(".queue")).to_have_text("下一位就是您，暂时无法预计等待时间")
    await expect(visitor.locator(".queue")).to_be_hidden()


async def test_a_visitor_who_is_cut_off_sees_it(visitor: Page, door: Site) -> None:
    await visitor.goto(door.url)
    state = visitor.locator(".state")
    await expect(state).to_have_text("已连接")
    await visitor.context.set_offline(True)
    await expect(state).to_contain_text("连接中断")
    await visitor.context.set_offline(False)
    await expect(state).to_have_text("已连接")


async def test_the_focus_is_seen_on_every_ground(browser: Browser, door: Site) -> None:
    """WCAG 2.2, 1.4.11: an outline of 3:1 at least; the old yellow had 1.7 on white."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    opened = await context.new_page()
    await opened.goto(door.url)
    await opened.keyboard.press("Tab")
    link = opened.locator("a").first
    await expect(link).to_be_focused()
    await expect(link).to_have_css("outline-color", "rgb(11, 107, 95)")
    await context.close()


async def test_every_page_has_its_heading_and_skips_no_level(
    page: Page, url: str, house: World
) -> None:
    ticket = await house.ticket()
    await house.give(ticket, await house.person("li", Role.ADMIN))
    await page.goto(url)
    await expect(page.get_by_role("heading", level=1)).to_have_count(1)
    await sign_in(page, url)
    await well_headed(page)
    ways = page.locator("nav.ways .way:not(.own)")
    for name in await ways.all_text_contents():
        await ways.filter(has_text=re.compile(f"^{name}$")).click()
        opened = page.get_by_role("dialog")
        await expect(page.locator("main .empty, main .panel, dialog[open]").first).to_be_visible()
        await well_headed(page)
        if await opened.count():
            await page.keyboard.press("Escape")
    await page.get_by_role("button", name="回到工单").click()
    await page.locator(f'[data-ticket="{ticket}"]').click()
    await expect(page.get_by_placeholder("写给同事的备注")).to_be_visible()
    await well_headed(page)


async def test_only_its_panes_scroll_and_not_the_page(page: Page, url: str, house: World) -> None:
    await house.give(await house.ticket(), await house.person("li"))
    await page.set_viewport_size({"width": 1280, "height": 600})
    await sign_in(page, url)
    await page.locator(".card").click()
    last = page.locator(".facts .reason").last
    await last.evaluate("(each) => each.scrollIntoView({block: 'start'})")
    await expect(last).to_be_in_viewport()
    assert await page.evaluate("[scrollY, document.scrollingElement.scrollHeight]") == [0, 600]


async def test_the_facts_of_a_narrow_page_say_whose_they_are(
    page: Page, url: str, house: World
) -> None:
    await house.give(await house.ticket(subject="包裹没有收到"), await house.person("li"))
    await page.set_viewport_size({"width": 390, "height": 844})
    await sign_in(page, url)
    await page.locator(".card").click()
    await page.get_by_role("button", name="信息", exact=True).click()
    heading = page.get_by_role("heading", level=1, name="包裹没有收到")
    await expect(heading).to_be_focused()
    await well_headed(page)
    await pictured(page, "facts-narrow-zh")
    await page.set_viewport_size({"width": 1280, "height": 844})
    await expect(heading).to_have_count(1)
