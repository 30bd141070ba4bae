"""The dictionary on the admins' page of models."""

from playwright.async_api import Page, expect

from models.agent import Role
from tests.browser.kit import sign_in
from tests.contract.desk.world import World


async def test_an_admin_adds_and_removes_words(house: World, page: Page, url: str) -> None:
    await house.person("root", Role.ADMIN, name="管理员")
    await sign_in(page, url, "root")
    await page.get_by_role("button", name="模型").click()
    await page.get_by_role("button", name="行业词典").click()
    dialog = page.get_by_role("dialog", name="行业词典")
    await expect(dialog.get_by_text("词典里还没有词。")).to_be_visible()
    words = dialog.get_by_label("新词")
    await words.fill("权益包、ETC卡")
    await dialog.get_by_role("button", name="添加").click()
    await expect(dialog.get_by_text("只能是 2 到 20 个汉字：ETC卡")).to_be_visible()
    assert await house.store.dictionary.words() == []
    await words.fill("权益包、花呗分期\n光猫")
    await dialog.get_by_role("button", name="添加").click()
    await expect(dialog.get_by_role("listitem")).to_have_count(3)
    await expect(dialog.get_by_role("listitem").first).to_contain_text("管理员 · ")
    await expect(dialog.get_by_text("object")).to_have_count(0)
    await dialog.get_by_role("button", name="删去“光猫”").click()
    await expect(dialog.get_by_role("listitem")).to_have_count(2)
    assert set(await house.store.dictionary.words()) == {"权益包", "花呗分期"}
