"""Who did what: read by admins, by month, kind, person and ticket."""

import asyncio

from playwright.async_api import Page, Route, expect

from models.agent import Role
from tests.browser.kit import EVIL, pictured, sign_in
from tests.contract.desk.world import World


async def test_the_audit_is_read_and_leads_to_the_ticket(
    page: Page, url: str, house: World
) -> None:
    root = await house.person("root", Role.ADMIN, name="管理员")
    li = await house.person("li", name="李雷")
    ticket = await house.ticket()
    await house.give(ticket, li)
    number = (await house.store.tickets.get(ticket)).number
    async with house.store.db.write() as tx:
        await tx.audit(li, "ticket.move", "another", to="resolved")
    async with house.store.db.write() as tx:
        await tx.audit(root, "ticket.take", ticket, to=li, forced=True)
        await tx.audit(None, "alarm.over_capacity", li)
    async with house.store.db.write() as tx:
        await tx.audit(li, "ticket.decline", ticket, reason=f"{EVIL} 电话 13812345678")
    await sign_in(page, url, "root")
    await page.get_by_role("button", name="审计").click()
    lines = page.locator(".audit .entry")
    await expect(lines.first).to_contain_text("登录")
    await page.get_by_label("哪一类").select_option(label="工单")
    await expect(lines).to_have_count(3)
    await expect(lines.nth(2).locator(".audit-detail")).to_have_text("改为已解决")
    await expect(lines.nth(0)).to_contain_text("李雷")
    await expect(lines.nth(0)).to_contain_text("拒接工单")
    await expect(lines.nth(0)).to_contain_text("<img src=x")
    await expect(lines.nth(0)).to_contain_text("138****5678")
    assert await page.evaluate("window.hacked") is None
    await expect(lines.nth(1)).to_contain_text("越过技能和容量")
    await page.get_by_label("谁", exact=True).select_option(label="管理员")
    await expect(lines).to_have_count(1)
    await page.get_by_label("哪一类").select_option(label="告警")
    await expect(page.locator("main")).to_contain_text("没有这样的记录")
    await page.get_by_label("月份").select_option(label="全部时间")
    await page.get_by_label("谁", exact=True).select_option(label="所有人")
    await expect(lines).to_contain_text("告警：over_capacity")
    await page.get_by_label("哪一类").select_option(label="全部")
    box = page.get_by_label("工单号或编号")
    await box.fill(number)
    await box.press("Enter")
    await expect(lines).to_have_count(2)
    await pictured(page, "audit-zh")
    await lines.first.get_by_role("button", name=number).click()
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert f"#ticket/{ticket}" in page.url


async def test_what_is_older_is_read_on(page: Page, url: str, house: World) -> None:
    root = await house.person("root", Role.ADMIN)
    async with house.store.db.write() as tx:
        for n in range(60):
            await tx.audit(root, "ticket.take", f"ticket {n}")
    await sign_in(page, url, "root")
    await page.get_by_role("button", name="审计").click()
    lines, more = page.locator(".audit .entry"), page.get_by_role("button", name="更早的")
    await expect(more).to_be_visible()
    asked, answered = asyncio.Event(), asyncio.Event()

    async def held(route: Route) -> None:
        asked.set()
        await answered.wait()
        await route.continue_()

    await page.route("**/api/v1/audit?*action=*", held)
    await page.get_by_label("哪一类").select_option(label="工单")
    await asked.wait()
    # What is listed yet is of another choice: nothing goes on from there.
    await expect(more).to_be_hidden()
    answered.set()
    await expect(lines).to_have_count(50)
    await more.click()
    await expect(lines).to_have_count(60)
    await expect(lines.nth(50)).to_be_focused()
    await expect(more).to_be_hidden()
    await page.get_by_role("button", name="English").click()
    await expect(page.get_by_label("Month")).to_be_visible()
    named = await page.get_by_label("Month").locator("option").nth(1).inner_text()
    assert named.split()[0].isalpha(), "a month is named in the page's language"


async def test_a_reset_password_is_called_so_and_nothing_empty_is_shown(
    page: Page, url: str, house: World
) -> None:
    root = await house.person("root", Role.ADMIN, name="管理员")
    li = await house.person("li", name="李雷")
    await house.store.agents.change(li, root, password="a hash")
    await sign_in(page, url, "root")
    await page.get_by_role("button", name="审计").click()
    changed = page.locator(".audit .entry", has_text="修改").locator(".audit-detail")
    await expect(changed.locator("dd")).to_have_text(["密码"])
