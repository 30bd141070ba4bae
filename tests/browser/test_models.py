"""The admins' page of models: a challenger is promoted from its gate, and rolled back."""

from typing import Any
from zoneinfo import ZoneInfo

from playwright.async_api import Page, expect

from models.agent import Role
from models.store.learning.watching import Cell, day_of
from tests.browser.kit import nothing_pale, pictured, sign_in
from tests.contract.desk.world import World

GOLDEN = {
    "type": {
        "cases": 3,
        "macro_f1": {
            "champion": 0.75, "challenger": 0.802, "difference": 0.052, "interval": [0.01, 0.09],
        },
        "classes": {},
        "confusion": [[[3]], [[3]]],
        "labels": ["投诉"],
    }
}  # fmt: skip


async def _trained(
    house: World, name: str, against: str, golden: dict[str, Any] | None = None
) -> None:
    """A run that ended with a bundle whose gate passed."""
    await house.store.retrainings.ask(None)
    work = await house.store.retrainings.lease(20.0)
    assert work is not None
    outcome: dict[str, Any] = {
        "verdict": {"passed": True, "reasons": []},
        "counts": {"seed": 1, "lessons": 2, "golden": 3, "fresh": 4},
        "suspects": [],
        "golden": golden or {},
        "promoted": against,
    }
    assert await house.store.retrainings.finish(work, name, {"id": name}, b"x", outcome, 1.0)


async def test_a_challenger_is_promoted_from_its_gate_and_rolled_back(
    page: Page, url: str, house: World
) -> None:
    await house.person("root", Role.ADMIN)
    await house.store.bundles.add("b1", {"id": "b1"}, b"x")
    await house.store.bundles.promote("b1", None)
    await _trained(house, "b2", "b1")
    await sign_in(page, url, "root")
    await page.get_by_role("button", name="模型").click()
    gate = page.locator(".verdict")
    await expect(gate).to_contain_text("关口通过")
    await expect(page.get_by_role("button", name="回退")).to_have_count(0)
    await gate.get_by_role("button", name="启用").click()
    form = page.get_by_role("dialog")
    await form.get_by_label("理由").fill("更准")
    await form.get_by_role("button", name="启用").click()
    await expect(gate).to_contain_text("已经启用，正在服役")
    await expect(gate.get_by_role("button", name="启用")).to_have_count(0)
    assert await house.store.bundles.champion() == "b2"
    await pictured(page, "models-promoted-zh")
    await page.get_by_role("button", name="回退").click()
    form = page.get_by_role("dialog")
    await form.get_by_label("理由").fill("投诉多了")
    await form.get_by_role("button", name="回退").click()
    await expect(gate.get_by_role("button", name="启用")).to_be_visible()
    assert await house.store.bundles.champion() == "b1"


async def test_who_rolls_back_is_told_which_one_comes_back_and_what_it_is_worth(
    page: Page, url: str, house: World
) -> None:
    await house.person("root", Role.ADMIN)
    for name in ("first-of-all", "b1-before-it"):
        await house.store.bundles.add(name, {"id": name}, b"x")
        await house.store.bundles.promote(name, None)
    await _trained(house, "b2-serves", "b1-before-it", GOLDEN)
    await house.store.bundles.promote("b2-serves", None)
    await sign_in(page, url, "root")
    await page.get_by_role("button", name="模型").click()
    await page.get_by_role("button", name="回退").click()
    form = page.get_by_role("dialog")
    await expect(form.get_by_role("heading")).to_have_text("退回模型 b1-befor？")
    await expect(form).to_contain_text("在现役的 b2-serve 之前服役")
    await expect(form.get_by_role("row").last).to_have_text("类型80.275.0−5.2")
    await nothing_pale(page)
    await pictured(page, "models-rollback-zh")
    await form.get_by_label("理由").fill("投诉多了")
    await form.get_by_role("button", name="回退").click()
    await expect(form).to_have_count(0)
    # No gate compared these two: they are compared now.
    serves = page.locator(".shelf", has_text="b1-befor")
    await serves.get_by_role("button", name="回退").click()
    await expect(form.get_by_role("heading")).to_have_text("退回模型 first-of？")
    await expect(form.get_by_role("row").last).to_have_text("类型81.081.00.0")
    await form.get_by_label("理由").fill("再退一步")
    await form.get_by_role("button", name="回退").click()
    await expect(page.get_by_role("button", name="启用").first).to_be_visible()
    await expect(page.get_by_role("button", name="回退")).to_have_count(0)
    assert await house.store.bundles.champion() == "first-of-all"


async def test_a_training_that_learnt_nothing_says_so(page: Page, url: str, house: World) -> None:
    await house.person("root", Role.ADMIN)
    await house.store.bundles.add("b1", {"id": "b1"}, b"x")
    await house.store.bundles.promote("b1", None)
    await _trained(house, "b1", "b1")
    await sign_in(page, url, "root")
    await page.get_by_role("button", name="模型").click()
    gate = page.locator(".verdict")
    await expect(gate).to_contain_text("训练出来的就是现役的那一个")
    await expect(gate.get_by_role("button", name="启用")).to_have_count(0)
    # While one is on its way there is nothing to press: one goes on from where one was.
    await page.get_by_role("button", name="重新训练").press("Enter")
    await expect(page.get_by_role("button", name="重新训练")).to_be_disabled()
    await expect(page.get_by_role("heading", name="训练", exact=True)).to_be_focused()


async def test_what_got_worse_is_said_by_class(page: Page, url: str, house: World) -> None:
    await house.person("root", Role.ADMIN)
    person = await house.person("li")
    zone = ZoneInfo("Asia/Shanghai")
    now = await house.store.db.now()
    of_last = Cell("b0", day_of(now, zone) - 28, "email", "type", "label", "咨询")
    of_this = of_last._replace(bundle_id="b1", day=of_last.day + 28)
    await house.store.watching.add(
        {
            of_last: 900,
            of_last._replace(bucket="投诉"): 300,
            of_this: 100,
            of_this._replace(bucket="投诉"): 320,
            of_this._replace(measure="confidence", bucket="8"): 420,
        }
    )
    for number in range(6):
        ticket_id = await house.ticket(f"k{number}")
        await house.store.tickets.correct(ticket_id, person, "type", "咨询")
    await sign_in(page, url, "root")
    await page.get_by_role("button", name="模型").click()
    panel = page.locator(".trend")
    await expect(panel).to_contain_text("变差：类型 · 咨询 · 漏判，0.0% → 5.7%")
    row = panel.get_by_role("row", name="投诉")
    await expect(row).to_contain_text("320（300）")
    await expect(row).to_contain_text("1.9%（0.0%）")
    await pictured(page, "models-trend-zh")
