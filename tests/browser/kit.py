"""What tests of several pages do: sign in, write as a visitor, take a picture."""

import os
from itertools import pairwise
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


LEAST = 4.5
"""WCAG 2.2, 1.4.3 (AA), for text of less than 24 px."""


_PALER_THAN = """
(least) => {
  const parse = (css) => {
    const [r, g, b, a = 1] = css.match(/[\\d.]+/g).map(Number);
    return css.startsWith("color(") ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
  };
  const over = (top, ground) => [0, 1, 2].map((n) => top[n] * top[3] + ground[n] * (1 - top[3]));
  const light = (colour) => {
    const [r, g, b] = colour.map((n) => n / 255).map((n) => (n <= 0.03928 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.unshift(parse(getComputedStyle(at).backgroundColor));
    return layers.reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const pale = (element, colour) => {
    const below = ground(element);
    const [dark, bright] = [light(below), light(over(parse(colour), below))].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05) < least;
  };
  const seen = [...document.querySelectorAll("body *")].filter((element) =>
    element.checkVisibility() && element.getClientRects().length && !element.closest(".unseen, .skip, :disabled, svg"));
  const says = (element) => [...element.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.textContent.trim());
  return [
    ...seen.filter((element) => says(element) && pale(element, getComputedStyle(element).color)).map((element) => element.textContent),
    ...seen.filter((element) => element.placeholder && pale(element, getComputedStyle(element, "::placeholder").color)).map((element) => element.placeholder),
  ];
}
"""  # noqa: E501


async def nothing_pale(page: Page) -> None:
    assert await page.evaluate(_PALER_THAN, LEAST) == []


_HEADINGS = """
(room) => [...room.querySelectorAll("h1, h2, h3, h4, h5, h6")]
  .filter((each) => each.checkVisibility()).map((each) => Number(each.tagName[1]))
"""


async def well_headed(page: Page) -> None:
    """One heading of the first level on the page, and none that skips a level (WCAG 1.3.1).

    A dialog begins with the second.
    """
    levels = await page.locator("main").evaluate(_HEADINGS)
    assert levels.count(1) == 1, levels
    assert levels[0] == 1, levels
    for dialog in await page.get_by_role("dialog").all():
        inside = await dialog.evaluate(_HEADINGS)
        assert inside[0] == 2, inside
        levels += inside
    for above, below in pairwise(levels):
        assert below <= above + 1, levels
