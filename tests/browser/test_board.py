"""The board on the wall, and the visitor's place in the chat's window, as people see them."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from models.agent import Role
from models.event_tail import EVENTS
from models.routing import TRIAGE, Needs
from models.wait_estimates import FEWEST
from tests.browser.kit import sign_in, write
from tests.contract.desk.world import LABELS, World, world
from tests.contract.store import makers
from tests.contract.webchat.site import Site, site
from tests.fakes import FakeClock

PICTURES = os.environ.get("PICTURES")
"""A folder, for whoever wants to look at what was tested."""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def house(tmp_path: Path, clock: FakeClock) -> AsyncIterator[World]:
    async with world(tmp_path, clock=clock) as made:
        yield made


async def busy(house: World, clock: FakeClock) -> None:
    """Two queues; of one the pace is known, and its first is late."""
    person = await house.person("zhang", Role.SUPERVISOR)
    await house.person("li")
    await house.store.agents.change(person, None, capacity=100)
    calm = LABELS.model_copy(
        update={
            "facets": LABELS.facets
            | {"urgency": LABELS.facets["urgency"].model_copy(update={"value": "一般"})}
        }
    )
    tickets = [
        await house.ticket(f"k{n}", labels=LABELS if n % 3 else calm) for n in range(FEWEST + 5)
    ]
    for ticket_id in sorted(tickets)[: FEWEST + 1]:
        clock.pass_(70)
        await house.give(ticket_id, person)
    await house.ticket("t", needs=Needs(required=((TRIAGE, 2),)), labels=calm)


async def test_the_board_shows_places_and_waits(
    house: World, clock: FakeClock, url: str, page: Page
) -> None:
    await busy(house, clock)
    await sign_in(page, url)
    await page.get_by_role("button", name="看板").click()
    panels = page.locator(".queue-panel")
    await expect(panels).to_have_count(2)
    known = panels.filter(has_text="物流")
    await expect(known.locator(".places li")).to_have_count(4)
    await expect(known).to_contain_text("每小时接走 51.4 张")
    await expect(known.locator(".places li").first).to_contain_text("约 2 分钟")
    await expect(panels.filter(has_text="人工判断")).to_contain_text("暂无法预计")
    await expect(page.locator(".sum.bad").first).to_contain_text("已超时限")
    if PICTURES:
        await page.screenshot(path=f"{PICTURES}/board.zh.png")
    await page.get_by_role("button", name="English").click()
    await expect(page.locator(".board h1")).to_have_text("Queues")
    if PICTURES:
        await page.screenshot(path=f"{PICTURES}/board.en.png")
    await page.get_by_role("button", name="Back to tickets").click()
    await expect(page.locator("nav.queue")).to_be_visible()


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path, FakeClock()) as made:
        yield made


async def test_a_visitor_sees_their_place_and_the_measured_wait(
    browser: Browser, door: Site
) -> None:
    store, clock = door.store, door.clock
    others = sorted([await makers.waiting(store, f"o{n}", target=60.0) for n in range(FEWEST + 3)])
    person = await makers.agent(store, capacity=100)
    for ticket_id in others[: FEWEST + 1]:
        clock.now += 50
        assert await store.queue.claim(await makers.decision(store, ticket_id, person), None)
    context = await browser.new_context(viewport={"width": 1000, "height": 760})
    opened = await context.new_page()
    await opened.goto(door.url)
    await write(opened, "我的快递三天没有动静了")
    await expect(opened.locator(".mine .mark")).to_have_text("✓ 已收到")
    await door.work()
    await store.queue.route([makers.routed(new) for new in await store.queue.unlabelled(9)])
    await door.bus.publish(EVENTS)
    await expect(opened.locator(".queue")).to_have_text("排在第 3 位，预计 3 分钟左右")
    if PICTURES:
        await opened.screenshot(path=f"{PICTURES}/place.zh.png")
    mine = (await store.tickets.page(limit=1))[0]
    assert await store.queue.claim(await makers.decision(store, mine.id, person), None)
    await door.bus.publish(EVENTS)
    await expect(opened.locator(".queue")).to_be_hidden()
    await context.close()
