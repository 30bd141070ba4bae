"""The supervisors' page of figures."""

from playwright.async_api import Page, expect

from models.agent import Role
from tests.browser.kit import sign_in
from tests.contract.desk.world import World


async def test_figures_by_tier(house: World, page: Page, url: str) -> None:
    await house.person("wang", Role.SUPERVISOR)
    await house.ticket()
    await sign_in(page, url, "wang")
    await page.get_by_role("button", name="报表").click()
    await expect(page.locator(".tiles")).to_contain_text("客户认定解决率")
    cards = page.locator(".watch-card")
    await expect(cards.first.locator("svg")).to_be_visible()
    await expect(cards.nth(1)).to_contain_text("还没有可算的")  # nobody was answered
    # This taxonomy has no region: there is none to choose.
    by = page.get_by_label("按", exact=True).get_by_role("option")
    await expect(by).to_have_text(["渠道", "业务域", "坐席", "班组", "客户等级"])
    await page.get_by_label("按", exact=True).select_option("tier")
    await expect(page.locator(".figures-table tbody th")).to_have_text("标准")
