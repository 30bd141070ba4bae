"""Signing in in two steps: set up, used, demanded, and taken away."""

import time
from base64 import b32decode
from dataclasses import replace

import pytest
from aiohttp import web
from playwright.async_api import Page, expect

from desk.app import create_app
from models.agent import Role, SecondFactorFor
from models.one_time_codes import STEP_SECONDS, code_of
from tests.browser.kit import nothing_pale, pictured, sign_in
from tests.contract.desk.world import PASSWORD, World


@pytest.fixture
async def app(house: World, request: pytest.FixtureRequest) -> web.Application:
    demanded = getattr(request, "param", SecondFactorFor.OPTIONAL)
    options = replace(house.services.options, second_factor=demanded)
    return create_app(replace(house.services, options=options))


def code_of_key(key: str, step: int) -> str:
    """What an app shows ``step`` steps of 30 s from now."""
    secret = b32decode(key.replace(" ", ""))
    return code_of(secret, int(time.time() // STEP_SECONDS) + step)


async def test_signing_in_takes_a_second_step_that_one_sets_up(
    page: Page, url: str, house: World
) -> None:
    await house.person("li", name="李雷")
    await sign_in(page, url, "li")
    await page.get_by_role("button", name="李雷").click()
    form = page.get_by_role("dialog").last
    await expect(form).to_contain_text("未开启")
    await pictured(page, "account-zh")
    await form.get_by_role("button", name="开启两步验证").click()
    await expect(form.get_by_role("img", name="二维码")).to_be_visible()
    await form.get_by_text("手工输入密钥").click()
    key = await form.locator(".key-text").text_content()
    assert key
    await pictured(page, "second-factor-zh")
    await form.get_by_label("登录密码").fill(PASSWORD)
    await form.get_by_label("6 位验证码").fill("000000")
    await form.get_by_role("button", name="开启两步验证").click()
    await expect(form.get_by_role("alert")).to_contain_text("验证码不对")
    await form.get_by_label("6 位验证码").fill(code_of_key(key, 0))
    await form.get_by_role("button", name="开启两步验证").click()
    await expect(form.locator(".recovery-codes li")).to_have_count(10)
    recovery = await form.locator(".recovery-codes li").first.text_content()
    assert recovery
    await pictured(page, "recovery-codes-zh")
    await nothing_pale(page)
    await page.set_viewport_size({"width": 1280, "height": 400})
    await expect(form.get_by_role("button", name="已保存好")).to_be_in_viewport(ratio=1)
    await pictured(page, "recovery-codes-low-zh")
    await page.set_viewport_size({"width": 1440, "height": 900})
    async with page.expect_download() as saved:
        await form.get_by_role("button", name="下载").click()
    assert recovery in (await (await saved.value).path()).read_text(encoding="utf-8")
    await form.get_by_role("button", name="已保存好").click()
    await expect(page.locator(".notice").last).to_contain_text("两步验证已开启")
    await page.get_by_role("button", name="退出").click()

    async def first_step() -> None:
        await page.get_by_label("账号").fill("li")
        await page.get_by_label("密码").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("两步验证")).to_be_focused()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    await first_step()
    await pictured(page, "sign-in-code-zh")
    await page.get_by_label("两步验证").fill("000000")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("验证码不对")
    await page.get_by_label("两步验证").fill(code_of_key(key, 1))
    await page.keyboard.press("Enter")
    await expect(page.locator(".lamp")).to_have_text("已连接")
    await page.get_by_role("button", name="退出").click()
    await first_step()
    await page.get_by_role("button", name="用恢复码").click()
    await page.get_by_label("两步验证").fill(recovery.lower())
    await page.keyboard.press("Enter")
    await expect(page.locator(".lamp")).to_have_text("已连接")
    await page.get_by_role("button", name="李雷").click()
    await expect(form).to_contain_text("恢复码还剩 9 个")


@pytest.mark.parametrize("app", [SecondFactorFor.EVERYONE], indirect=True)
async def test_who_must_is_led_to_it_and_an_admin_takes_it_away(
    page: Page, url: str, house: World
) -> None:
    await house.person("root", Role.ADMIN, name="管理员")
    li = await house.person("li", name="李雷")

    async def set_up(login: str) -> None:
        await page.goto(url)
        await page.get_by_label("账号").fill(login)
        await page.get_by_label("密码").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="先开启两步验证")).to_be_visible()
        await page.get_by_text("手工输入密钥").click()
        key = await page.locator(".key-text").text_content()
        assert key
        await expect(page.get_by_label("登录密码")).to_have_count(0)  # typed a moment ago
        if login == "root":  # who comes back later proves it again
            await page.reload()
            await page.get_by_text("手工输入密钥").click()
            key = str(await page.locator(".key-text").text_content())
            await page.get_by_label("登录密码").fill(PASSWORD)
        await page.get_by_label("6 位验证码").fill(code_of_key(key, 0))
        await pictured(page, f"set-up-{login}")
        await page.get_by_role("button", name="开启两步验证").click()
        await page.get_by_role("button", name="已保存好").click()
        await expect(page.locator(".lamp")).to_have_text("已连接")
        await page.evaluate("history.replaceState(null, '', '/desk')")

    await set_up("li")
    await page.get_by_role("button", name="退出").click()
    await set_up("root")
    await page.locator("nav.ways").get_by_role("button", name="坐席").click()
    people = page.locator("#people")
    await people.locator(f"[data-id='{li}']").click()
    await expect(people.locator("dl.pairs")).to_contain_text("两步验证已开启")
    await pictured(page, "people-second-factor-zh")
    await people.get_by_role("button", name="解除两步验证").click()
    await page.get_by_role("dialog").last.get_by_role("button", name="解除两步验证").click()
    await expect(page.locator(".notice").last).to_contain_text("李雷的两步验证已解除")
    await expect(people.locator("dl.pairs")).to_contain_text("两步验证未开启")
    await expect(people.get_by_role("button", name="解除两步验证")).to_have_count(0)
