"""The texts for customers, on the desk's page."""

from playwright.async_api import Page, expect

from models.agent import Role
from tests.browser.kit import pictured, sign_in
from tests.contract.desk.world import World


async def test_a_text_is_rewritten_and_published(page: Page, url: str, house: World) -> None:
    await house.person("admin", Role.ADMIN)
    await sign_in(page, url, "admin")
    await page.get_by_role("button", name="客户文案").click()
    texts = page.locator("#texts")
    await texts.locator("[data-id='progress.late']").click()
    await expect(texts).to_contain_text("默认文案")
    await texts.get_by_role("button", name="改写").click()
    form = page.get_by_role("dialog").last
    await form.get_by_label("文案", exact=True).fill("工单 {numer} 晚了")
    await expect(form.get_by_role("status")).to_contain_text("占位符只能是")
    await form.get_by_label("文案", exact=True).fill("抱歉，工单 {number} 晚了，正在加急。")
    await expect(form.get_by_role("status")).to_contain_text("抱歉，工单 20260301000012 晚了")
    await form.get_by_label("为什么改").fill("更客气")
    await pictured(page, "texts-write-zh")
    await form.get_by_role("button", name="改写").click()
    await expect(texts.locator("[data-number='1']")).to_contain_text("更客气")
    await texts.get_by_role("button", name="启用").click()
    await page.get_by_role("dialog").last.get_by_role("button", name="启用").click()
    await expect(texts.locator("[data-number='1']")).to_contain_text("使用中")
    await pictured(page, "texts-zh")
    await page.set_viewport_size({"width": 390, "height": 844})
    await pictured(page, "texts-narrow")
    await texts.get_by_role("button", name="恢复默认文案").click()
    await page.get_by_role("dialog").last.get_by_role("button", name="恢复默认文案").click()
    await expect(texts).to_contain_text("默认文案")
