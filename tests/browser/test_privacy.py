"""An admin gives a customer their copy, and erases them."""

import zipfile
from pathlib import Path

from playwright.async_api import Page, expect

from models.agent import Role
from models.store import Store
from models.ticket import TicketState
from tests.browser.kit import pictured, sign_in
from tests.contract.desk.world import World


async def _resolved(house: World, text: str) -> str:
    me = await house.person("li")
    ticket = await house.ticket(text=text)
    await house.give(ticket, me)
    await house.store.tickets.reply(ticket, me, "已为您补发。", "c-1", TicketState.RESOLVED)
    await _sent(house.store)
    return ticket


async def _sent(store: Store) -> None:
    from tests.contract.store.personal import sent

    await sent(store)


async def test_a_copy_is_taken_and_the_customer_erased(
    page: Page, url: str, house: World, tmp_path: Path
) -> None:
    words = "我的包裹去哪了"
    ticket = await _resolved(house, words)
    await house.person("admin", Role.ADMIN, name="管理员")
    await sign_in(page, url, "admin")
    await page.goto(f"{url}/#ticket/{ticket}")
    facts = page.locator("aside.facts")
    await expect(page.locator("main")).to_contain_text(words)
    async with page.expect_download() as downloading:
        await facts.get_by_role("link", name="导出客户资料").click()
    taken = tmp_path / "copy.zip"
    await (await downloading.value).save_as(taken)
    assert words in zipfile.ZipFile(taken).read("index.html").decode()
    await facts.get_by_role("button", name="抹除客户资料").click()
    form = page.get_by_role("dialog").last
    await pictured(page, "erase-zh")
    number = (await house.store.tickets.get(ticket)).number
    await form.get_by_label("原因").fill("本人要求")
    await form.get_by_label("输入工单号").fill("1")
    await form.get_by_role("button", name="抹除客户资料").click()
    await expect(form.get_by_role("alert")).to_contain_text("工单号不符")
    await form.get_by_label("输入工单号").fill(number)
    await form.get_by_role("button", name="抹除客户资料").click()
    await expect(form.get_by_role("alert")).to_contain_text("投诉还在保存期内")
    await form.get_by_label("投诉还在保存期").fill("监管部门要求")
    await form.get_by_role("button", name="抹除客户资料").click()
    await expect(facts).to_contain_text("客户资料已抹除")
    await expect(facts).not_to_contain_text("结案还缺")
    await expect(page.locator("body")).not_to_contain_text(words)
    await expect(page.locator(".message").first).to_contain_text("已抹除")
    await pictured(page, "erased-zh")
