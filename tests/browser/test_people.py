"""People, as an admin adds, changes and sees them off."""

from argon2 import PasswordHasher
from playwright.async_api import FilePayload, Page, Route, expect

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


_LIST = (
    "账号,姓名,花名,班组,角色,容量,技能\r\n"
    "li,李雷,小李,夜班,坐席,6,domain:物流=4\r\n"
    "wang,王芳,小王,夜班,班长,8,domain:物流=2; lang:en=3\r\n"
)


def _file(text: str) -> FilePayload:
    return {"name": "名单.csv", "mimeType": "text/csv", "buffer": text.encode("gb18030")}


async def test_a_list_is_looked_at_and_brought_in(page: Page, url: str, house: World) -> None:
    await house.person("admin", Role.ADMIN, name="管理员")
    await house.person("li", name="李雷", skills={"domain:物流": 3})
    await sign_in(page, url, "admin")
    await page.locator("nav.ways").get_by_role("button", name="坐席").click()
    people = page.locator("#people")
    await pictured(page, "staff-people-zh")
    await people.get_by_role("button", name="导入").click()
    view = page.locator("#staff")
    chooser = view.get_by_label("CSV 文件")
    await chooser.set_input_files(_file("账号,电话\r\nli,1\r\n"))
    await expect(view.get_by_role("alert")).to_contain_text("不认识的列“电话”")
    await chooser.set_input_files(_file(_LIST + "w u,吴,,,经理,,\r\n"))
    await expect(view.locator("[data-line]").first).to_contain_text("角色写坐席、班长或管理员")
    await expect(view.get_by_role("button", name="确认导入")).to_be_hidden()
    await pictured(page, "staff-refused-zh")
    await chooser.set_input_files(_file(_LIST))
    await expect(view.locator("[data-line='2']")).to_contain_text(
        "技能：领域：物流 3 → 领域：物流 4"
    )
    await expect(view.locator("[data-line='3']")).to_contain_text("新建")
    await pictured(page, "staff-plan-zh")
    await page.set_viewport_size({"width": 390, "height": 844})
    await pictured(page, "staff-plan-narrow")
    heading = await people.get_by_role("heading", level=2).bounding_box()
    leave = await people.get_by_role("button", name="关闭").bounding_box()
    assert heading
    assert leave
    assert leave["y"] <= heading["y"] <= leave["y"] + leave["height"]  # on one line
    await page.set_viewport_size({"width": 1280, "height": 800})
    moved = next(one.id for one in await house.store.agents.all() if one.login == "li")
    await house.store.agents.change(moved, None, capacity=4)  # by another admin meanwhile
    await view.get_by_role("button", name="确认导入").click()
    await expect(page.locator(".notice").last).to_contain_text("请再看一遍")
    await expect(view.locator("[data-line='2']")).to_contain_text("容量：4 → 6")

    async def lose_the_answer(route: Route) -> None:
        await route.fetch()
        await route.abort()

    await page.route("**/agents/import?*", lose_the_answer, times=1)
    await view.get_by_role("button", name="确认导入").click()
    await expect(view.get_by_role("alert")).to_contain_text("没有收到答复")
    await pictured(page, "staff-unanswered-zh")
    await view.get_by_role("button", name="确认导入").click()
    told = page.get_by_role("dialog").last
    await expect(told).to_contain_text("只显示这一次")
    password = await told.locator("tr", has_text="wang").locator("code").inner_text()
    await pictured(page, "staff-passwords-zh")
    async with page.expect_download() as download:
        await told.get_by_role("link", name="存成文件").click()
    saved = (await (await download.value).path()).read_text("utf-8-sig")
    assert f'"wang","王芳","{password}"' in saved
    await told.get_by_role("button", name="已抄下").click()
    await expect(view).to_have_count(0)
    await expect(people.locator(".card", has_text="王芳")).to_contain_text("小王")
    stored = await house.store.agents.by_login("wang")
    assert stored
    assert PasswordHasher().verify(stored[1], password)
    async with page.expect_download() as download:
        await people.get_by_role("link", name="导出名单").click()
    exported = (await (await download.value).path()).read_bytes()
    await people.get_by_role("button", name="导入").click()
    await view.get_by_label("CSV 文件").set_input_files(
        {"name": "again.csv", "mimeType": "text/csv", "buffer": exported}
    )
    await expect(view).to_contain_text("都已经是这样")


async def test_tokens_are_made_seen_by_admins_and_revoked(
    page: Page, url: str, house: World
) -> None:
    await house.person("admin", Role.ADMIN, name="管理员")
    li = await house.person("li", name="李雷")
    await house.store.agents.grant(li, "token", "secret", 86400.0, "月报", read_only=True)
    holder = await house.store.agents.holder("secret", "token")
    assert holder
    await house.store.tokens.use(holder)
    await sign_in(page, url, "admin")
    await page.get_by_role("button", name="管理员").click()
    await page.get_by_role("dialog").last.get_by_role("button", name="我的 API 令牌").click()
    view = page.locator("#tokens")
    await expect(view).to_contain_text("您没有令牌")
    await view.get_by_role("button", name="新建令牌").click()
    form = page.get_by_role("dialog").last
    await form.get_by_label("用途").fill("CRM 同步")
    await form.get_by_label("最高权限").select_option(label="班长")
    await pictured(page, "tokens-new-zh")
    await form.get_by_role("button", name="新建令牌").click()
    told = page.get_by_role("dialog").last
    token = await told.get_by_label("令牌", exact=True).input_value()
    await pictured(page, "tokens-told-zh")
    await told.get_by_role("button", name="已抄下").click()
    made = await house.store.agents.holder(token, "token")
    assert made
    assert (made.agent.role, made.read_only) == (Role.SUPERVISOR, True)
    await expect(view.locator(".entry")).to_contain_text("班长权限，只读")
    await view.get_by_role("button", name="所有人的").click()
    theirs = view.locator(".entry", has_text="李雷")
    await expect(theirs).to_contain_text("最近使用")
    await expect(view.locator(".entry", has_text="CRM 同步")).to_contain_text("没有使用记录")
    await pictured(page, "tokens-zh")
    await page.set_viewport_size({"width": 390, "height": 844})
    await pictured(page, "tokens-narrow")
    await theirs.get_by_role("button", name="作废").click()
    await page.get_by_role("dialog").last.get_by_role("button", name="作废").click()
    await expect(theirs).to_have_count(0)
    assert await house.store.agents.holder("secret", "token") is None


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
    await expect(page.get_by_role("heading", name="设置自己的密码")).to_be_visible()
    await expect(page.get_by_label("现在的密码")).to_have_count(0)  # typed a moment ago
    fresh, again = page.get_by_label("新密码（"), page.get_by_label("再输一遍")
    await fresh.fill("another long one")
    await again.fill("another long one")
    await pictured(page, "first-password-zh")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("新密码要与现在的不同")
    await page.reload()
    await page.get_by_label("现在的密码").fill("another long one")
    await fresh.fill("one that only I know")
    await again.fill("one that only I know")
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
