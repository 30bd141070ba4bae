"""What tests of several pages do: sign in, write as a visitor, take a picture."""

import os
from typing import Any

from playwright.async_api import Page, expect

from tests.contract.desk.world import PASSWORD, World
from tests.contract.store import makers
from tests.contract.webchat.site import Site

EVIL = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"


async def sign_in(page: Page, url: str, login: str = "li") -> None:
    await page.goto(url)
    await page.get_by_label("账号").fill(login)
    await page.get_by_label("密码").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator(".lamp")).to_have_text("已连接")


async def pictured(of: Page, name: str) -> None:
    """Into the folder that PICTURES names, for people to look at."""
    if folder := os.environ.get("PICTURES"):
        await of.screenshot(path=f"{folder}/{name}.png")


async def write(page: Page, text: str) -> None:
    """The visitor's next message."""
    await page.locator("textarea").fill(text)
    await page.locator("textarea").press("Enter")


async def key_of(door: Site) -> str:
    """The conversation that was written in last."""
    key = door.accepted[-1].transport["conversation"]
    assert isinstance(key, str)
    return key


async def customer_says(house: World, key: str, text: str, **options: Any) -> None:
    """The customer's next message in the conversation of ticket k1."""
    e = makers.envelope(key, now=await house.store.db.now())
    values = {"conversation_key": "talk-k1", "text": text, "text_full": text} | options
    await makers.thread(house.store, e, **values)
