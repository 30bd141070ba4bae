"""What came in and could not be processed, what did not arrive, and who outside is told."""

import pytest
from playwright.async_api import Page, expect

from models.agent import Role
from models.event_tail import EVENTS
from models.message import SendResult
from models.store.effects.webhooks import Attempt
from tests.browser.kit import nothing_pale, pictured, sign_in
from tests.contract.desk.makers import answered, many_parked, parked_envelope
from tests.contract.desk.world import World
from tests.receiver import Receiver


async def test_what_was_parked_says_why_and_is_replayed(
    page: Page, url: str, house: World
) -> None:
    await house.person("root", Role.ADMIN)
    await sign_in(page, url, "root")
    await page.get_by_role("button", name="收发").click()
    panel = page.get_by_role("region", name="停放的来件")
    await expect(panel).to_contain_text("没有停放的来件")
    e = await parked_envelope(house, "KeyError: '<b>subject</b>'")
    await house.services.bus.publish(EVENTS)
    await expect(page.locator(".notice.bad")).to_contain_text("请到“收发”页查看")
    await expect(panel).to_contain_text("程序处理它时出错（KeyError），试了 1 次")
    await panel.get_by_text("技术信息", exact=True).click()
    await expect(panel.locator("pre")).to_have_text("KeyError: '<b>subject</b>'")
    await pictured(page, "parked-zh")
    async with page.expect_download() as started:
        await panel.get_by_role("link", name="下载原文").click()
    assert (await (await started.value).path()).read_bytes() == e.body
    await panel.get_by_role("button", name="重新处理").click()
    await expect(panel).to_contain_text("没有停放的来件")
    await expect(page.locator(".notice").last).to_contain_text("1 件已放回")
    assert await house.store.envelopes.parked() == []
    # The one button is gone: whoever goes by keys is not thrown back to the top of the page.
    await expect(panel.get_by_role("heading")).to_be_focused()


async def test_many_that_are_parked_are_shown_bit_by_bit_and_replayed_at_once(
    page: Page, url: str, house: World
) -> None:
    await house.person("root", Role.ADMIN)
    await many_parked(house, 130)
    await sign_in(page, url, "root")
    await page.get_by_role("button", name="收发").click()
    panel = page.get_by_role("region", name="停放的来件")
    await expect(panel.get_by_role("heading")).to_contain_text("130")
    await expect(panel.locator(".entry")).to_have_count(30)
    await expect(panel).to_contain_text("最早的 30 件，共 130 件")
    await panel.get_by_role("button", name="更多").click()
    await expect(panel.locator(".entry")).to_have_count(60)
    await panel.get_by_role("button", name="全部重新处理").click()
    await expect(page.locator(".notice").last).to_contain_text("130 件已放回")
    await expect(panel).to_contain_text("没有停放的来件")
    assert await house.store.envelopes.parked_count() == 0


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1000, 700), (390, 844)])
async def test_a_notice_covers_no_button_of_a_header(
    page: Page, url: str, house: World, width: int, height: int
) -> None:
    await house.person("root", Role.ADMIN)
    await parked_envelope(house, "KeyError: 'x'")
    await page.set_viewport_size({"width": width, "height": height})
    await sign_in(page, url, "root")
    await page.get_by_role("button", name="收发").click()
    await page.get_by_role("button", name="重新处理").first.click()
    notice = await page.locator(".notice").bounding_box()
    assert notice is not None
    assert notice["x"] >= 0
    assert notice["x"] + notice["width"] <= width
    assert notice["y"] + notice["height"] <= height
    header = page.locator("header button, header select, header .way")
    for box in [await one.bounding_box() for one in await header.all()]:
        assert box is None or notice["y"] > box["y"] + box["height"]
    middle = [notice["x"] + notice["width"] / 2, notice["y"] + notice["height"] / 2]
    through = "([x, y]) => !document.elementFromPoint(x, y).closest('.notices')"
    assert await page.evaluate(through, middle), "what lies under it is pressed through it"


async def test_an_answer_that_failed_is_sent_again(page: Page, url: str, house: World) -> None:
    await house.person("root", Role.ADMIN)
    answer = await answered(house, "k1", SendResult("failed", error="HTTP 410"))
    await answered(house, "k2", SendResult("sent", "p1"))
    await sign_in(page, url, "root")
    await page.get_by_role("button", name="收发").click()
    panel = page.get_by_role("region", name="答复的发送")
    await expect(panel.locator(".entry")).to_have_count(1)
    await panel.get_by_text("每次尝试").click()
    await expect(panel.locator(".traffic-log")).to_contain_text("失败 · HTTP 410")
    await panel.get_by_role("button", name="重发").click()
    await expect(panel).to_contain_text("没有要人处理的答复")
    assert (await house.store.outbound.one(answer)).state == "queued"
    await panel.get_by_label("哪些答复").select_option("all")
    await expect(panel.locator(".entry")).to_have_count(2)
    await panel.get_by_role("button", name="打开工单").first.click()
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert "#ticket/" in page.url


async def test_an_answer_that_waits_for_its_next_attempt_is_sent_at_once(
    page: Page, url: str, house: World
) -> None:
    await house.person("root", Role.ADMIN)
    away = SendResult("retry", error="535 wrong password", retry_after=7200.0)
    answer = await answered(house, "k1", away)
    await sign_in(page, url, "root")
    await page.get_by_role("button", name="收发").click()
    panel = page.get_by_role("region", name="答复的发送")
    await panel.get_by_label("哪些答复").select_option("queued")
    await panel.get_by_role("button", name="重发").click()
    await expect(page.get_by_text("已重新排队")).to_be_visible()
    leased = await house.store.outbound.lease(1, 30.0)
    assert leased
    assert [message.id for message in leased.messages] == [answer]


async def test_a_webhook_is_added_looked_at_and_stopped(
    page: Page, url: str, house: World
) -> None:
    await house.person("root", Role.ADMIN)
    await sign_in(page, url, "root")
    await page.get_by_role("button", name="收发").click()
    panel = page.get_by_role("region", name="事件推送")
    await expect(panel).to_contain_text("还没有推送地址")
    await panel.get_by_role("button", name="新增地址").click()
    form = page.get_by_role("dialog").last
    await form.get_by_label("地址").fill("http://10.0.0.7/hook")
    await form.get_by_text("只要这些事件").click()
    await form.get_by_role("checkbox", name="新工单").check()
    await pictured(page, "webhook-add-zh")
    await form.get_by_role("button", name="新增地址").click()
    await expect(form.get_by_role("alert")).to_contain_text("desk.webhook_networks")
    # Left by a slip, it is as it was: what was typed, and what was ticked.
    await page.keyboard.press("Escape")
    await panel.get_by_role("button", name="新增地址").click()
    await expect(form.get_by_label("地址")).to_have_value("http://10.0.0.7/hook")
    await expect(form.locator("[name=kinds]:checked")).to_have_count(1)
    await form.get_by_label("地址").fill("ftp://crm.example/hook")
    await form.get_by_role("button", name="新增地址").click()
    await expect(form.get_by_label("地址")).to_be_focused()
    await form.get_by_label("地址").fill("https://crm.example/hook")
    await form.get_by_role("button", name="新增地址").click()
    secret = await page.get_by_role("dialog").last.get_by_label("密钥").input_value()
    assert len(secret) >= 32
    await page.get_by_role("button", name="已抄下").click()
    await expect(panel.locator(".entry")).to_contain_text("https://crm.example/hook")
    await expect(panel.locator(".chip")).to_have_text("新工单")
    (hook,) = await house.store.webhooks.all()
    await house.ticket()
    await house.store.webhooks.spread()
    due = await house.store.webhooks.lease(hook.id, 9, 30.0)
    await house.store.webhooks.settle(hook.id, [Attempt(one, "HTTP 503") for one in due])
    await page.get_by_role("button", name="刷新").click()
    await expect(panel).to_contain_text("失败 1 个")
    await panel.get_by_role("button", name="推送记录").click()
    log = panel.locator(".traffic-log")
    await expect(log).to_contain_text("对方答复 HTTP 503")
    await pictured(page, "webhooks-zh")
    await panel.get_by_role("button", name="失败的全部重发").click()
    await expect(panel).to_contain_text("未送达 1 个，失败 0 个")
    await panel.get_by_label("哪些事件").select_option("due")
    await expect(log).to_contain_text("新工单")
    await panel.get_by_role("button", name="停用").click()
    await expect(panel).to_contain_text("已停用")
    assert (await house.store.webhooks.all())[0].disabled_at is not None
    await page.get_by_role("button", name="English").click()
    panel = page.get_by_role("region", name="Webhooks")
    await expect(panel).to_contain_text("Stopped")
    await panel.get_by_role("button", name="Delete").click()
    form = page.get_by_role("dialog").last
    await expect(form).to_contain_text("1 due and 0 failed event(s) are sent no more")
    await form.get_by_role("button", name="Cancel").click()
    await expect(form.get_by_role("button", name="Cancel")).to_have_count(0)
    assert len(await house.store.webhooks.all()) == 1
    await panel.get_by_role("button", name="Delete").click()
    await form.get_by_role("button", name="Delete").click()
    await expect(page.locator(".notice").last).to_contain_text("1 due and 0 failed")
    await expect(panel).to_contain_text("No webhook yet")
    assert await house.store.webhooks.all() == []


async def test_a_webhook_is_sent_a_test_and_the_page_says_what_was_answered(
    page: Page, url: str, house: World
) -> None:
    await house.person("root", Role.ADMIN)
    async with Receiver() as receiver:
        receiver.secret = "s" * 32
        receiver.answers, receiver.says = ["ok", "500"], "<b>no such project</b>"
        await house.store.webhooks.add(receiver.url, (), receiver.secret.encode(), "root")
        await sign_in(page, url, "root")
        await page.get_by_role("button", name="收发").click()
        panel = page.get_by_role("region", name="事件推送")
        button = panel.get_by_role("button", name="发送测试")
        await button.press("Enter")
        await expect(panel.locator(".hook-test")).to_contain_text("测试已送达：对方答复 HTTP 204")
        await expect(button).to_be_focused()
        await expect(page.locator("#spoken")).to_contain_text("测试已送达")
        await button.press("Enter")
        await expect(panel.locator(".hook-test")).to_contain_text(
            "测试没有送达：对方答复 HTTP 500"
        )
        await expect(panel.locator(".hook-test pre")).to_have_text("<b>no such project</b>")
        await pictured(page, "webhook-test-zh")
        await nothing_pale(page)
    await expect(panel).to_contain_text("未送达 0 个，失败 0 个")
    await button.click()
    await expect(panel.locator(".hook-test")).to_contain_text("对方没有应答")
    await panel.get_by_role("button", name="推送记录").click()
    await expect(panel.locator(".hook-test")).to_be_visible()


async def test_only_admins_have_the_way_there(page: Page, url: str, house: World) -> None:
    await house.person("chen", Role.SUPERVISOR)
    await sign_in(page, url, "chen")
    await expect(page.locator("nav.ways").get_by_role("button", name="报表")).to_be_visible()
    await expect(page.locator("nav.ways").get_by_role("button", name="收发")).to_have_count(0)
