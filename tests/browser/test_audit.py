"""Who did what: read by admins, by month, kind, person and ticket."""

from playwright.async_api import Page, expect

from models.agent import Role
from tests.browser.test_desk import app, house, page, sign_in, url
from tests.contract.desk.world import World

__all__ = ["app", "house", "page", "url"]


async def test_what_is_older_is_read_on(page: Page, url: str, house: World) -> None:
    root = await house.person("root", Role.ADMIN)
    async with house.store.db.write() as tx:
        for n in range(60):
            await tx.audit(root, "ticket.take", f"ticket {n}")
    await sign_in(page, url, "root")
    await page.get_by_role("button", name="审计").click()
    await page.get_by_label("哪一类").select_option(label="工单")
    lines = page.locator(".audit .entry")
    await expect(lines).to_have_count(50)
    await page.get_by_role("button", name="更早的").click()
    await expect(lines).to_have_count(60)
    await expect(lines.nth(50)).to_be_focused()
    await expect(page.get_by_role("button", name="更早的")).to_be_hidden()
    await page.get_by_role("button", name="English").click()
    await expect(page.get_by_label("Month")).to_be_visible()
    named = await page.get_by_label("Month").locator("option").nth(1).inner_text()
    assert named.split()[0].isalpha(), "a month is named in the page's language"
