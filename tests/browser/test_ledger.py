"""The month's complaints, as supervisors look through them."""

from playwright.async_api import Page, expect

from models.agent import Role
from tests.browser.kit import EVIL, pictured, sign_in
from tests.contract.desk.world import World
from tests.contract.store.makers import labels


async def test_the_ledger_is_looked_through(page: Page, url: str, house: World) -> None:
    me = await house.person("chen", Role.SUPERVISOR, name="陈班长")
    first = await house.ticket("k1", text=f"没收到货 {EVIL}", labels=labels())
    await house.ticket("k2", text="还是没收到货，打 13812345678", labels=labels())
    store = house.store
    await store.complaints.change(first, me, {"department": "财务部", "outcome": "已退款"})
    await sign_in(page, url, "chen")
    await page.locator("nav.ways").get_by_role("button", name="投诉台账").click()
    rows = page.locator(".ledger tbody tr")
    await expect(rows).to_have_count(2)
    await expect(rows.nth(0)).to_contain_text("<img src=x")
    assert await page.evaluate("window.hacked") is None
    await expect(rows.nth(1)).to_contain_text("138****5678")
    await expect(page.locator("[data-kind=all] strong")).to_have_text("2")
    await pictured(page, "ledger-zh")
    await page.locator("[data-group=财务部]").click()
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("已退款")
    await expect(page.locator("[data-group=财务部]")).to_be_focused()
    await page.locator("[data-kind=major]").click()
    await expect(page.locator("main")).to_contain_text("没有这样的投诉")
    await page.locator("[data-kind=all]").click()
    async with page.expect_download() as started:
        await page.get_by_role("link", name="下载 CSV").click()
    assert "已退款" in (await (await started.value).path()).read_text("utf-8-sig")
    await page.get_by_label("月份").select_option(index=1)
    await expect(page.locator("main")).to_contain_text("这个月没有投诉")
    await page.get_by_label("月份").select_option(index=0)
    await page.get_by_role("button", name="English").click()
    await expect(rows.first).to_contain_text("Finance")
    await rows.first.get_by_role("button").click()
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert f"#ticket/{first}" in page.url


async def test_a_long_matter_leaves_room_for_the_next_complaint(
    page: Page, url: str, house: World
) -> None:
    await house.person("chen", Role.SUPERVISOR)
    await house.ticket("k1", text="师傅上门两次都没有修好，没有人联系我。" * 20, labels=labels())
    await sign_in(page, url, "chen")
    await page.get_by_role("button", name="投诉台账", exact=True).click()
    row = page.locator(".ledger tbody tr")
    await expect(row).to_contain_text("师傅上门两次")
    await pictured(page, "ledger-long-zh")
    box = await row.bounding_box()
    assert box is not None
    assert box["height"] < 140
