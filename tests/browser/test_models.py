"""The admins' page of models: a challenger is promoted from its gate, and rolled back."""

from typing import Any

from playwright.async_api import Page, expect

from models.agent import Role
from tests.browser.kit import pictured, sign_in
from tests.contract.desk.world import World


async def _trained(house: World, name: str, against: str) -> None:
    """A run that ended with a bundle whose gate passed."""
    await house.store.retrainings.ask(None)
    work = await house.store.retrainings.lease(20.0)
    assert work is not None
    outcome: dict[str, Any] = {
        "verdict": {"passed": True, "reasons": []},
        "counts": {"seed": 1, "lessons": 2, "golden": 3, "fresh": 4},
        "suspects": [],
        "golden": {},
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
