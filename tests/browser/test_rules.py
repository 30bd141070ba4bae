"""A draft of the rules in a form: by hand, from its source, beside others who draft."""

import json
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from models.agent import Role
from models.routing import Line, Rules
from tests.browser.kit import nothing_pale, pictured, sign_in
from tests.contract.desk.world import RULES, World

EVERYTHING = {"triage": 3, "domain:物流": 3, "domain:发票": 3, "domain:支付": 3}


async def drafting(page: Page, url: str, house: World, **options: Any) -> Locator:
    """The form that opens over version 1, which is in force."""
    await house.person("root", Role.ADMIN, name="周管理", skills=EVERYTHING)
    await house.store.rules.first(RULES.model_dump(mode="json") | options, "routing.toml")
    await sign_in(page, url, "root")
    return await opened(page)


async def opened(page: Page) -> Locator:
    await page.locator("nav.ways").get_by_role("button", name="分单规则").click()
    await page.get_by_role("dialog", name="分单规则").get_by_role("button", name="起草").click()
    editor = page.locator("dialog.drafting")
    await expect(editor).to_be_visible()
    return editor


def at(editor: Locator, where: str) -> Locator:
    return editor.locator(f"[data-where='{where}']")


async def save(page: Page, why: str = "试一试") -> None:
    await page.locator("dialog.drafting").get_by_role("button", name="存为草案").click()
    asked = page.locator("dialog.ask")
    await asked.get_by_label("为什么").fill(why)
    await asked.get_by_role("button", name="存为草案").click()


async def test_every_setting_has_its_field_and_every_control_its_name(
    page: Page, url: str, house: World
) -> None:
    editor = await drafting(page, url, house)
    for name in set(Rules.model_fields) - {"version", "targets", "departments"}:
        await expect(at(editor, name)).to_have_count(1)
    for inner in ("by_urgency.紧急", "default", "by_tier", "hours"):
        await expect(at(editor, f"targets.mail.{inner}")).to_have_count(1)
    for inner in ("en", "seconds", "domains", "takes"):
        await expect(at(editor, f"departments.物流部.{inner}")).to_have_count(1)
    await editor.locator("details").evaluate_all("all => all.forEach((each) => each.open = true)")
    nameless = await editor.evaluate(
        """editor => [...editor.querySelectorAll("input, select, textarea, button")]
          .filter((each) => each.checkVisibility() && !each.labels?.length
            && !each.getAttribute("aria-label") && !each.textContent.trim())
          .map((each) => each.outerHTML)"""
    )
    assert nameless == []


async def test_a_target_is_written_with_its_unit_and_kept_in_seconds(
    page: Page, url: str, house: World
) -> None:
    editor = await drafting(page, url, house)
    urgent = at(editor, "targets.live.by_urgency.紧急")
    await expect(urgent.locator("input")).to_have_value("1")
    await expect(urgent.locator("select")).to_have_value("60")
    await urgent.locator("input").fill("1.5")
    important = at(editor, "targets.live.by_urgency.重要")
    await expect(important.locator("input")).to_have_value("")
    await important.locator("input").fill("2")
    await at(editor, "targets.mail.default").locator("select").select_option("小时")
    await at(editor, "targets.mail.hours").locator("select").select_option("营业时间")
    review = editor.locator(".rule-review")
    await expect(review).to_contain_text("时限·在线会话·按紧急程度·紧急：1 分钟 → 90 秒")
    await expect(review).to_contain_text("时限·邮件·计时方式：自然时间 → 营业时间")
    await expect(urgent).to_have_class("rule-field changed")
    await save(page, "急的放宽半分钟")
    await expect(page.locator(".notice")).to_contain_text("第 2 版草案已存")
    targets = (await house.store.rules.get(2)).content["targets"]
    assert targets["live"]["by_urgency"] == {"紧急": 90.0, "重要": 120.0}
    assert (targets["mail"]["default"], targets["mail"]["hours"]) == (18000.0, "business")
    assert (await house.store.rules.get(2)).based_on == 1


async def test_what_is_wrong_stands_at_its_field_and_is_found_from_the_review(
    page: Page, url: str, house: World
) -> None:
    editor = await drafting(page, url, house)
    urgent = at(editor, "targets.live.by_urgency.紧急")
    await urgent.locator("select").select_option("秒")
    await expect(urgent.locator(".said")).to_contain_text("系统做不到")
    await expect(urgent.locator("input")).to_have_attribute("aria-invalid", "true")
    described = str(await urgent.locator("input").get_attribute("aria-describedby"))
    assert await urgent.locator(".said").get_attribute("id") in described.split()
    await expect(editor.locator(".rule-state")).to_have_text("1 处错误 · 1 处改动")
    await pictured(page, "rules-form-zh")
    # What is hidden is opened for whoever is sent there.
    await editor.get_by_text("显示这些系数").click()
    await at(editor, "scarcity").locator("input").fill("-1")
    await editor.get_by_text("显示这些系数").click()
    await expect(at(editor, "scarcity").locator("input")).not_to_be_visible()
    go = editor.locator("[data-go=scarcity]")
    await go.focus()
    await page.keyboard.press("Enter")
    await expect(at(editor, "scarcity").locator("input")).to_be_focused()
    # It is no rules at all: it cannot be kept, and one is sent there.
    await editor.get_by_role("button", name="存为草案").click()
    await expect(page.locator("dialog.ask")).to_have_count(0)
    await expect(page.locator(".notice")).to_contain_text("先改正再存")
    await at(editor, "scarcity").locator("input").fill("2")
    await editor.get_by_role("button", name="存为草案").click()
    await expect(page.locator("dialog.ask")).to_contain_text("还有 1 处错误")


async def test_what_keeps_a_version_back_is_named_as_people_call_it(
    page: Page, url: str, house: World
) -> None:
    await house.person("root", Role.ADMIN, name="周管理", skills=EVERYTHING)
    content = RULES.model_dump(mode="json")
    await house.store.rules.first(content, "routing.toml")
    content["targets"]["live"]["by_urgency"]["紧急"] = 1.0
    await house.store.rules.draft(content, None, "太急", 1)
    await sign_in(page, url, "root")
    await page.locator("nav.ways").get_by_role("button", name="分单规则").click()
    view = page.get_by_role("dialog", name="分单规则")
    named = "时限·在线会话·按紧急程度·紧急："
    await expect(view.locator(".flag.bad")).to_contain_text(named)
    await view.get_by_role("button", name="发布", exact=True).click()
    asked = page.locator("dialog.ask")
    await asked.get_by_label("为什么").fill("试一试")
    await asked.get_by_role("button", name="发布").click()
    await expect(asked.get_by_role("alert")).to_contain_text(named)
    await expect(asked.get_by_role("alert")).not_to_contain_text("targets")


async def test_the_form_and_the_source_are_in_step(page: Page, url: str, house: World) -> None:
    editor = await drafting(page, url, house)
    await at(editor, "helper_units").locator("input").fill("1")
    await editor.get_by_role("button", name="源码").click()
    source = editor.get_by_label("内容")
    content = json.loads(await source.input_value())
    assert content["helper_units"] == 1
    assert "version" not in content
    await source.fill("{")
    await expect(editor.get_by_role("alert").filter(has_text="不是正确的 JSON")).to_be_visible()
    await editor.get_by_role("button", name="表单").click()
    await expect(source).to_be_focused()
    await editor.get_by_role("button", name="存为草案").click()
    await expect(page.locator("dialog.ask")).to_have_count(0)
    content["units"]["live"] = 3
    content["natural_limit"] = {"type:投诉": 7200}
    content["offer_seconds"] = "soon"
    await source.fill(json.dumps(content, ensure_ascii=False))
    await expect(editor.locator(".rule-state")).to_contain_text("1 处错误")
    await editor.locator("[data-go=offer_seconds]").click()
    await expect(at(editor, "units.live").locator("input")).to_have_value("3")
    limit = at(editor, "natural_limit.type:投诉")
    await expect(limit.locator("input")).to_have_value("2")
    await at(editor, "offer_seconds.live").locator("input").fill("0.5")
    await expect(editor.locator(".rule-state")).to_contain_text("没有错误")
    await save(page)
    await expect(editor).to_have_count(0)
    kept = (await house.store.rules.get(2)).content
    assert (kept["offer_seconds"], kept["units"]["live"]) == ({"live": 30.0}, 3)


async def test_rows_are_added_moved_and_taken_out_with_the_keyboard(
    page: Page, url: str, house: World
) -> None:
    editor = await drafting(page, url, house)
    levels = at(editor, "levels")
    await levels.get_by_role("combobox").select_option("领域：支付")
    await levels.get_by_role("button", name="添加").press("Enter")
    level = at(editor, "levels.domain:支付").get_by_role("combobox")
    await expect(level).to_be_focused()
    await level.select_option("3")
    overflow = at(editor, "overflow")
    await overflow.get_by_role("combobox").first.select_option("其他…")
    other = overflow.get_by_role("textbox", name="添加到溢出组")
    await other.fill("domain:物流")
    await other.press("Enter")
    await at(editor, "overflow.domain:物流").get_by_role("combobox").fill("triage")
    await at(editor, "relax_at").get_by_role("button", name="添加一步").click()
    await expect(at(editor, "relax_at.2").locator("input")).to_be_focused()
    await at(editor, "relax_at.0").get_by_role("button", name="移除").click()
    tiers = at(editor, "tier_factor")
    await tiers.get_by_role("combobox").select_option("金卡")
    await tiers.get_by_role("button", name="添加").click()
    await page.keyboard.type("0.5")
    await expect(at(editor, "tier_factor.gold").locator("input")).to_have_value("0.5")
    first = at(editor, "tier_first")
    await first.get_by_role("button", name="添加").click()
    await at(editor, "tier_first.standard").get_by_role("combobox").select_option("周管理（root）")
    await at(editor, "tier_first.standard").get_by_role("button", name="添加").click()
    await at(editor, "departments.财务部").get_by_role("button", name="上移").click()
    added = editor.get_by_role("textbox", name="添加部门")
    await added.fill("物流部")
    await added.press("Enter")
    problem = await added.evaluate("box => box.validationMessage")
    assert problem == "物流部 已经有了。"
    await added.fill("法务部")
    await added.press("Enter")
    await expect(at(editor, "departments.法务部.en").locator("input")).to_be_focused()
    await at(editor, "departments.法务部.en").locator("input").fill("Legal")
    await at(editor, "departments.法务部.domains").get_by_label("支付").check()
    await editor.get_by_role("combobox", name="给一个渠道单独定时限").select_option("网页聊天")
    await editor.get_by_role("button", name="给一个渠道单独定时限").click()
    await expect(at(editor, "targets.webchat").locator("select").first).to_be_focused()
    await save(page)
    await expect(editor).to_have_count(0)
    kept = (await house.store.rules.get(2)).content
    assert kept["levels"] == {"domain:支付": 3}
    assert kept["overflow"] == {"domain:物流": "triage"}
    assert kept["relax_at"] == [0.5, 0.75]
    assert kept["tier_factor"] == {"gold": 0.5}
    assert kept["tier_first"] == {"standard": ["root"]}
    assert list(kept["departments"]) == ["财务部", "物流部", "法务部"]
    assert kept["departments"]["法务部"] == {
        "en": "Legal", "seconds": 86400.0, "domains": ["支付"], "takes": False,
    }  # fmt: skip
    assert kept["targets"]["webchat"]["default"] == 300.0


async def test_what_others_do_meanwhile_is_told_before_it_is_kept(
    page: Page, url: str, house: World
) -> None:
    editor = await drafting(page, url, house)
    chen = await house.person("chen", Role.SUPERVISOR, name="陈主管")
    await at(editor, "helper_units").locator("input").fill("1")
    other = RULES.model_dump(mode="json") | {"late_factor": 3.0}
    await house.store.rules.draft(other, chen, "超时的别等")
    await house.store.rules.publish(2, Line(), chen, "生效")
    await editor.get_by_role("button", name="存为草案").click()
    asked = page.locator("dialog.ask")
    await expect(asked).to_contain_text("其间陈主管起草了第 2 版：超时的别等")
    await expect(asked).to_contain_text("其间陈主管向「全部」发布了第 2 版：生效")
    await expect(asked).to_contain_text("超时排序系数：3 → 4")
    await asked.get_by_label("为什么").fill("协办也算")
    # And again, between the look and the word.
    await house.store.rules.draft(other, None, "再来一版")
    await asked.get_by_role("button", name="存为草案").click()
    await expect(asked).to_contain_text("请看过再存")
    await expect(asked).to_contain_text("其间系统或命令行起草了第 3 版：再来一版")
    assert len(await house.store.rules.all()) == 3
    await asked.get_by_role("button", name="存为草案").click()
    await expect(editor).to_have_count(0)
    assert (await house.store.rules.get(4)).content["helper_units"] == 1


async def test_what_is_not_kept_yet_waits_for_its_writer(
    page: Page, url: str, house: World
) -> None:
    editor = await drafting(page, url, house)
    await at(editor, "helper_units").locator("input").fill("2")
    await page.keyboard.press("Escape")
    await expect(page.locator(".notice")).to_contain_text("先替您留着")
    await page.reload()
    await expect(page.locator(".lamp")).to_have_text("已连接")
    editor = await opened(page)
    await expect(editor.get_by_text("上次没存的改动已放回")).to_be_visible()
    await expect(at(editor, "helper_units").locator("input")).to_have_value("2")
    await expect(editor.locator(".rule-review")).to_contain_text("协办占用容量：0 → 2")
    await editor.get_by_role("button", name="丢弃").click()
    await expect(at(editor, "helper_units").locator("input")).to_have_value("0")
    await page.keyboard.press("Escape")
    editor = await opened_again(page)
    await expect(editor.get_by_text("上次没存的改动已放回")).to_be_hidden()


async def opened_again(page: Page) -> Locator:
    await page.get_by_role("dialog", name="分单规则").get_by_role("button", name="起草").click()
    return page.locator("dialog.drafting")


async def test_it_is_reviewed_for_the_line_of_business_it_is_meant_for(
    page: Page, url: str, house: World
) -> None:
    editor = await drafting(page, url, house)
    await editor.get_by_text("显示这些系数").click()
    await at(editor, "late_factor").locator("input").fill("3")
    await expect(editor.locator(".rule-review")).to_contain_text("没有问题")
    await editor.get_by_text("准备发布给").click()
    await editor.locator(".rule-line").get_by_label("物流").check()
    await expect(at(editor, "late_factor").locator(".said")).to_contain_text("只能对全部发布")
    await expect(editor.locator(".rule-aside summary")).to_contain_text("物流")


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (900, 700), (390, 844)])
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_it_is_whole_and_legible_at_every_width(
    browser: Browser, url: str, house: World, language: str, width: int, height: int
) -> None:
    await house.person("root", Role.ADMIN, name="周管理", skills=EVERYTHING)
    content = RULES.model_dump(mode="json") | {
        "levels": {"domain:支付": 3}, "overflow": {"domain:物流": "group:支援"},
        "tier_first": {"gold": ["root"]}, "natural_limit": {"type:投诉": 86400.0},
    }  # fmt: skip
    await house.store.rules.first(content, "routing.toml")
    context = await browser.new_context(viewport={"width": width, "height": height})
    page = await context.new_page()
    await sign_in(page, url, "root")
    names = ("分单规则", "起草") if language == "zh" else ("Routing rules", "Draft")
    if language == "en":
        await page.get_by_role("button", name="English").click()
    for name in names:
        await page.get_by_role("button", name=name, exact=True).click()
    editor = page.locator("dialog.drafting")
    await at(editor, "units.live").locator("input").fill("0")
    await expect(at(editor, "units.live").locator(".flag")).to_be_visible()
    await editor.locator("#rule-order summary").click()
    wide = await editor.evaluate(
        """editor => [editor, ...editor.querySelectorAll(".rule-rooms, .rule-main, .panel")]
          .filter((each) => each.scrollWidth > each.clientWidth + 1)
          .map((each) => each.className)"""
    )
    assert wide == []
    await nothing_pale(page)
    await context.close()
