"""The box that finds tickets."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from models.agent import Role
from models.message import Sender
from models.store.tickets.search_index import INDEXING
from models.ticket import TicketState
from tests.browser.kit import EVIL, sign_in
from tests.contract.desk.world import World
from tests.contract.store.makers import follow
from tests.contract.store.searching import index


async def test_a_supervisor_finds_a_ticket(
    house: World, page: Page, url: str, tmp_path: Path
) -> None:
    me = await house.person("wang", Role.SUPERVISOR)
    sender = Sender(external_id="c1", name="欧阳小红", phone="13912345678")
    said = "耳机左边没有声音，订单号 DD-2026-110100017，请打 13800138000 给我"
    ticket = await house.ticket("k1", text=said, sender=sender)
    for n in range(2, 5):
        await house.ticket(f"k{n}", text=f"{EVIL} 包裹三天没动，订单没有声音 {n}")
    await index(house.store)
    await sign_in(page, url, "wang")
    box = page.get_by_role("searchbox", name="查找工单")
    await page.keyboard.press("/")
    await expect(box).to_be_focused()
    await box.fill("没有声音")
    await box.press("Enter")
    cards = page.locator(".queue .card")
    await expect(cards).to_have_count(4)
    await expect(cards.last.locator("mark")).to_have_text("没有声音")
    await expect(cards.last.locator(".card-passage")).to_contain_text("138****8000")
    await page.screenshot(path=tmp_path / "found.png")
    for asked, by in {"欧阳小红": "姓名", "139-1234-5678": "电话"}.items():
        await box.fill(asked)
        await box.press("Enter")
        await expect(cards).to_have_count(1)
        await expect(cards.locator(".found-by")).to_have_text(by)
    await box.fill("110100017")
    await box.press("Enter")
    await expect(cards.locator("mark")).to_have_text("110100017")
    # What happens meanwhile leaves the list where it is read.
    await house.ticket("k9", text="新的一张")
    await expect(page.get_by_role("button", name="等待中5")).to_be_visible()
    await expect(cards).to_have_count(1)
    await box.press("ArrowDown")
    await page.keyboard.press("Enter")
    number = (await house.store.tickets.get(ticket)).number
    await expect(page.locator(".head .number")).to_contain_text(number)
    await expect(cards).to_contain_text("待分配")
    await page.get_by_role("button", name="接手").click()
    await expect(cards).to_contain_text("处理中")  # by its own hand, at once
    assert me == (await house.store.tickets.get(ticket)).owner_id
    await house.store.tickets.move(ticket, me, TicketState.RESOLVED)
    await expect(cards).to_contain_text("已解决")
    await box.press("Escape")
    await expect(page.get_by_text("手上没有工单。")).to_be_visible()
    await expect(box).to_have_value("")


async def test_what_is_told_where_nothing_is_found(house: World, page: Page, url: str) -> None:
    me = await house.person("li")
    ticket = await house.ticket("k1", text="退款没到")
    await house.give(ticket, me)
    await index(house.store)
    number = (await house.store.tickets.get(ticket)).number
    await sign_in(page, url)
    box = page.get_by_role("searchbox", name="查找工单")
    queue = page.locator(".queue")
    await box.fill("冰箱")
    await box.press("Enter")
    await expect(queue).to_contain_text("没有找到“冰箱”。")
    await box.fill("退")
    await box.press("Enter")
    await expect(queue).to_contain_text("请至少写两个字、号码的四位，或今天工单号的末两位。")
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    await box.fill(wrong)
    await box.press("Enter")
    await expect(queue).to_contain_text("校验位不对")
    await queue.get_by_role("button", name=number).click()
    await expect(queue.locator(".card")).to_have_count(1)
    await expect(box).to_have_value(number)
    await house.ticket("k2", text="还没读到")
    store = house.store
    await follow(store, INDEXING)
    await box.fill("还没读到")
    await box.press("Enter")
    await expect(queue).to_contain_text("还有 1 张工单没读到最新内容")
    await page.get_by_role("button", name="我的").click()
    await expect(box).to_have_value("")
    await expect(queue.locator(".card")).to_have_count(1)


@pytest.mark.parametrize("more", [35])
async def test_earlier_ones_on_asking(house: World, page: Page, url: str, more: int) -> None:
    await house.person("wang", Role.SUPERVISOR)
    for n in range(more):
        await house.ticket(f"k{n}", text="退款没到")
    await index(house.store)
    await sign_in(page, url, "wang")
    await page.keyboard.press("/")
    await page.keyboard.type("退款")
    await page.keyboard.press("Enter")
    cards = page.locator(".queue .card")
    await expect(cards).to_have_count(30)
    await page.get_by_role("button", name="显示更早的").click()
    await expect(cards).to_have_count(more)
    await expect(page.get_by_role("button", name="显示更早的")).to_have_count(0)
