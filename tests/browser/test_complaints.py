"""The complaint's card, sub-tasks and internal notes on the desk's page."""

from playwright.async_api import Page, expect

from models.agent import Role
from tests.browser.kit import EVIL, pictured, sign_in
from tests.contract.desk.world import World
from tests.contract.store.makers import labels


async def test_a_complaint_is_filled_in_helped_with_and_noted(
    house: World,
    page: Page,
    url: str,
) -> None:
    me = await house.person("li", name="李雷")
    await house.person("wang", name="王芳", skills={"dept:物流部": 1})
    await house.person("chen", Role.SUPERVISOR, name="陈班长")
    await house.ticket("k0", text="没收到货", labels=labels())
    ticket = await house.ticket("k1", text=f"还是没收到货！{EVIL}", labels=labels())
    await house.give(ticket, me)
    await sign_in(page, url)
    await page.locator(".card").first.click()
    card = page.locator("section[aria-labelledby=fact-complaint]")
    await expect(card).to_contain_text("物流部")
    await expect(card).to_contain_text("重复投诉")
    await expect(card.locator("[data-gap]")).to_have_count(5)
    await card.locator("[data-complaint=edit]").click()
    await page.get_by_label("处理结果").fill("已补发")
    await page.get_by_label("责任认定").fill("承运商")
    await page.get_by_role("button", name="保存").click()
    await expect(card).to_contain_text("承运商")
    await expect(card.locator("[data-gap]")).to_have_count(3)
    tasks = page.locator("section[aria-labelledby=fact-tasks]")
    await tasks.locator("[data-task=new]").click()
    await page.get_by_label("要做什么").fill("查件：现在到哪里了")
    await page.get_by_role("dialog").get_by_role("button", name="新的子任务").click()
    await expect(tasks).to_contain_text("物流部")
    await expect(page.locator(".head")).to_contain_text("协办中")
    notes = page.locator("section[aria-labelledby=fact-notes]")
    await expect(notes).to_contain_text("客户永远看不到")
    await notes.get_by_label("写备注").fill("客户情绪激动，先安抚")
    await notes.get_by_role("button", name="写备注").click()
    await expect(notes.locator(".note")).to_contain_text("先安抚")
    await expect(page.locator(".log")).not_to_contain_text("先安抚")
    assert await page.evaluate("window.hacked") is None
    await pictured(page, "complaint-zh")
    await page.get_by_role("button", name="English").click()
    await expect(card).to_contain_text("Before it may be closed")
    await tasks.scroll_into_view_if_needed()
    await pictured(page, "complaint-en")
