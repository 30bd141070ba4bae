"""One headless Chromium a test; without Debian's chromium the tests fail, they do not skip."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

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
