"""People, as an admin adds, changes and sees them off."""

from playwright.async_api import Page, expect

from models.agent import Role
from tests.browser.kit import nothing_pale, pictured, sign_in
from tests.contract.desk.world import PASSWORD, World


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
    await form.get_by_label("账号", exact=True).fill("wang")
    await form.get_by_label("密码").fill("ten-letters")
    await form.get_by_label("姓名").fill("王芳")
    await form.get_by_label("花名").fill("小王")
    skill = form.get_by_role("combobox", name="加技能")
    await skill.fill("物流")
    await skill.press("Enter")
    await form.get_by_label("等级：领域：物流").select_option("2")
    await form.get_by_role("button", name="新建坐席").click()
    await expect(people.locator(".card.current")).to_contain_text("小王")
    await people.locator(f"[data-id='{li}']").click()
    await people.get_by_role("button", name="修改").click()
    form = page.get_by_role("dialog").last
    await form.get_by_label("等级：领域：物流").select_option("4")
    await form.get_by_label("班组").fill("夜班")
    await house.store.agents.change(li, None, capacity=4)  # by another admin meanwhile
    await form.get_by_role("button", name="保存").click()
    await expect(people.locator(".card.current")).to_contain_text("夜班")
    await expect(page.locator(".notice")).to_contain_text("已保存")
    assert (await house.store.agents.get(li)).capacity == 4
    await pictured(page, "people-zh")
    await people.get_by_role("button", name="离岗", exact=True).click()
    form = page.get_by_role("dialog").last
    await form.get_by_label("交接给").select_option(label="王芳")
    await form.get_by_role("button", name="离岗").click()
    await expect(people.locator(f"[data-id='{li}']")).to_have_count(0)
    owner = (await house.store.tickets.get(ticket)).owner_id
    assert owner == await people.locator(".card").last.get_attribute("data-id")


async def test_ones_own_password_is_changed(page: Page, url: str, house: World) -> None:
    await house.person("li", name="李雷")
    await sign_in(page, url, "li")
    await page.get_by_role("button", name="李雷").click()
    form = page.get_by_role("dialog").last
    await form.get_by_label("现在的密码").fill("wrong")
    await page.keyboard.press("Escape")
    # A password is not kept: nothing is said to have been put back.
    await page.get_by_role("button", name="李雷").click()
    await expect(form.get_by_label("现在的密码")).to_have_value("")
    await expect(form.get_by_role("note")).to_have_count(0)
    await form.get_by_label("现在的密码").fill("wrong")
    await form.get_by_label("新密码（").fill("another long one")
    await form.get_by_label("再输一遍").fill("another long two")
    await form.get_by_role("button", name="修改密码").click()
    differ = await form.get_by_label("再输一遍").evaluate("box => box.validationMessage")
    assert differ == "两次输入的新密码不一样。"
    await form.get_by_label("再输一遍").fill("another long one")
    await form.get_by_role("button", name="修改密码").click()
    await expect(form.get_by_role("alert")).to_contain_text("现在的密码不正确")
    await form.get_by_label("现在的密码").fill(PASSWORD)
    await form.get_by_role("button", name="修改密码").click()
    await expect(page.get_by_role("alert")).to_contain_text("请用新密码登录")
    await page.get_by_label("密码").fill("another long one")
    await page.get_by_role("button", name="登录").click()
    await expect(page.get_by_role("button", name="李雷")).to_be_visible()


async def test_who_left_is_brought_back_with_a_new_password_and_a_skill(
    page: Page, url: str, house: World
) -> None:
    await house.person("admin", Role.ADMIN, name="管理员")
    li = await house.person("li", name="李雷", skills={"domain:物流": 3})
    await house.ticket()
    await sign_in(page, url, "admin")
    await page.locator("nav.ways").get_by_role("button", name="坐席").click()
    people = page.locator("#people")
    await people.locator(f"[data-id='{li}']").click()
    await people.get_by_role("button", name="离岗", exact=True).click()
    await page.get_by_role("dialog").last.get_by_role("button", name="离岗").click()
    await expect(people.locator(f"[data-id='{li}']")).to_have_count(0)
    await people.get_by_role("button", name="已离岗").click()
    await expect(people.locator(".card")).to_have_count(1)
    await people.get_by_role("button", name="恢复账号").click()
    form = page.get_by_role("dialog").last
    await expect(form).to_contain_text("交接出去的不会回来")
    await form.get_by_role("button", name="恢复账号").click()
    await expect(people.locator(".card.current")).to_contain_text("李雷")
    await people.get_by_role("button", name="修改").click()
    form = page.get_by_role("dialog").last
    for level in ("5", "2"):
        await form.get_by_label("等级：领域：物流").select_option(level)
    await pictured(page, "people-change-zh")
    await form.get_by_role("button", name="保存").click()
    await expect(people.locator(".rules-detail .chip")).to_contain_text("2")
    await people.get_by_role("button", name="重设密码").click()
    form = page.get_by_role("dialog").last
    await form.get_by_label("密码").fill("another long one")
    await form.get_by_role("button", name="重设密码").click()
    await expect(page.locator(".notice").last).to_contain_text("李雷的密码已重设")
    await page.context.clear_cookies()
    await page.goto("about:blank")
    await page.goto(url)
    await page.get_by_label("账号").fill("li")
    await page.get_by_label("密码").fill("another long one")
    await page.keyboard.press("Enter")
    await expect(page.locator(".lamp")).to_have_text("已连接")


async def test_skills_are_chips_and_their_names_are_completed(
    page: Page, url: str, house: World
) -> None:
    await house.person("admin", Role.ADMIN, name="管理员")
    li = await house.person("li", name="李雷", skills={"domain:物流": 3})
    await house.person("wang", name="王芳", skills={"lang:en": 2, "domain:发票": 1})
    await sign_in(page, url, "admin")
    await page.locator("nav.ways").get_by_role("button", name="坐席").click()
    people = page.locator("#people")
    await people.locator(f"[data-id='{li}']").click()
    await people.get_by_role("button", name="修改").click()
    form = page.get_by_role("dialog").last
    chips = form.get_by_role("list", name="技能").get_by_role("listitem")
    skill = form.get_by_role("combobox", name="加技能")
    found = form.get_by_role("listbox", name="加技能").get_by_role("option")
    # By the name that people know it under, by its key, and what they have is not offered again.
    await skill.fill("发")
    await expect(found.first).to_have_text("领域：发票")
    await skill.fill("lang:")
    await expect(found.first).to_have_text("语种：英语")
    await expect(skill).to_have_attribute("aria-activedescendant", "skills-found-0")
    await pictured(page, "people-skills-zh")
    await nothing_pale(page)
    await skill.press("Enter")
    await expect(chips).to_have_count(2)
    await expect(skill).to_be_focused()
    await expect(skill).to_have_value("")
    await skill.fill("物流")
    await expect(found).to_have_text(["照写的加入：物流"])
    # The first press of Escape closes the list alone; what is not added yet is no skill by a slip.
    await skill.press("Escape")
    await expect(found).to_have_count(0)
    await form.get_by_role("button", name="保存").click()
    assert "还没有加入" in await skill.evaluate("box => box.validationMessage")
    await skill.fill("")
    await skill.press("ArrowDown")
    await expect(found.first).to_have_attribute("aria-selected", "true")
    await skill.press("ArrowUp")
    await expect(found.last).to_have_attribute("aria-selected", "true")
    await skill.press("Escape")
    await form.get_by_label("等级：语种：英语").select_option("5")
    await form.get_by_role("button", name="去掉领域：物流").press("Enter")
    await expect(skill).to_be_focused()
    # Left by a slip, all of it is there again, but for half a word.
    await skill.fill("do")
    await skill.press("Escape")
    await skill.press("Escape")
    await people.get_by_role("button", name="修改").click()
    await expect(form.get_by_role("note")).to_be_visible()
    await expect(chips).to_have_count(1)
    await expect(form.get_by_label("等级：语种：英语")).to_have_value("5")
    await expect(skill).to_have_value("")
    await skill.fill("domain:唱歌")
    await skill.press("Enter")
    await form.get_by_role("button", name="保存").click()
    await expect(form.get_by_role("alert")).to_contain_text("唱歌")
    await form.get_by_role("button", name="去掉domain:唱歌").click()
    await form.get_by_role("button", name="保存").click()
    await expect(people.locator(".rules-detail .chip")).to_have_text(["语种：英语 5"])
    assert (await house.store.agents.get(li)).skills == {"lang:en": 5}
