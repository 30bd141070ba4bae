"""People, as an admin adds, changes and sees them off."""

from playwright.async_api import Page, expect

from models.agent import Role
from tests.browser.test_complaints import _picture
from tests.browser.test_desk import app, house, page, sign_in, url
from tests.contract.desk.world import World

__all__ = ["app", "house", "page", "url"]


async def test_somebody_is_added_changed_and_leaves(page: Page, url: str, house: World) -> None:
    await house.person("admin", Role.ADMIN, name="管理员")
    li = await house.person("li", name="李雷", skills={"domain:物流": 3})
    ticket = await house.ticket()
    await house.give(ticket, li)
    await sign_in(page, url, "admin")
    await page.locator("nav.ways").get_by_role("button", name="坐席").click()
    people = page.locator("#people")
    await people.get_by_role("button", name="新建坐席").click()
    form = page.get_by_role("dialog").last
    await form.get_by_label("账号").fill("wang")
    await form.get_by_label("密码").fill("ten-letters")
    await form.get_by_label("姓名").fill("王芳")
    await form.get_by_label("花名").fill("小王")
    await form.get_by_label("技能，每行一个").fill("domain:物流=2")
    await form.get_by_role("button", name="新建坐席").click()
    await expect(people.locator(".card.current")).to_contain_text("小王")
    await people.locator(f"[data-id='{li}']").click()
    await people.get_by_role("button", name="修改").click()
    form = page.get_by_role("dialog").last
    await form.get_by_label("技能，每行一个").fill("domain:物流=9")
    await form.get_by_role("button", name="保存").click()
    wrong = await form.get_by_label("技能，每行一个").evaluate("box => box.validationMessage")
    assert "不是“技能=等级" in wrong
    await form.get_by_label("技能，每行一个").fill("domain:物流=4")
    await form.get_by_label("班组").fill("夜班")
    await form.get_by_role("button", name="保存").click()
    await expect(people.locator(".card.current")).to_contain_text("夜班")
    await expect(page.locator(".notice")).to_contain_text("已保存")
    await _picture(page, "people-zh")
    await people.get_by_role("button", name="离岗").click()
    form = page.get_by_role("dialog").last
    await form.get_by_label("交接给").select_option(label="王芳")
    await form.get_by_role("button", name="离岗").click()
    await expect(people.locator(f"[data-id='{li}']")).to_have_count(0)
    owner = (await house.store.tickets.get(ticket)).owner_id
    assert owner == await people.locator(".card").last.get_attribute("data-id")
