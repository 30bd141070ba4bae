"""One headless Chromium a test; without Debian's chromium the tests fail, they do not skip."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page, async_playwright

from desk.app import create_app
from tests.contract.desk.world import World, world
from tests.contract.webchat.site import Site, site

CHROMIUM = Path("/usr/bin/chromium")

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
"""Root has no sandbox; and a test must not wait for the browser's own calls home."""


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as started:
        made = await started.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield made
        await made.close()


# -- an agent's desk -------------------------------------------------------------------


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        yield made


@pytest.fixture
async def app(house: World) -> web.Application:
    return create_app(house.services)


@pytest.fixture
async def url(app: web.Application) -> AsyncIterator[str]:
    server = TestServer(app)
    await server.start_server()
    yield str(server.make_url("/")).rstrip("/")
    await server.close()


@pytest.fixture
async def page(browser: Browser, url: str) -> AsyncIterator[Page]:
    """A page that must not fail, break the policy, or ask another host for anything."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    opened = await context.new_page()
    complaints = _complaints(opened)

    def asked(request: Any) -> None:
        if not request.url.startswith((url, "data:", "about:")):
            complaints.append(request.url)

    opened.on("request", asked)
    yield opened
    await context.close()
    assert complaints == []


def _complaints(of: Page) -> list[str]:
    """Grows with each error of the page's scripts and each breach of its policy."""
    found: list[str] = []

    def watch(line: Any) -> None:
        if "Security Policy" in line.text:
            found.append(line.text)

    of.on("pageerror", lambda error: found.append(str(error)))
    of.on("console", watch)
    return found


# -- a visitor's chat ------------------------------------------------------------------


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path, time.time, poll_seconds=5) as made:  # type: ignore[arg-type]
        yield made


@pytest.fixture
async def visitor(browser: Browser, door: Site) -> AsyncIterator[Page]:
    """A visitor's page, which must not fail or break the policy either."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    opened = await context.new_page()
    complaints = _complaints(opened)
    yield opened
    await context.close()
    assert complaints == []
