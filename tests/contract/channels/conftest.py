"""A driver's channel, opened over a real store, with a fake of its platform."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.contract.channels.drivers import DRIVERS
from tests.contract.channels.house import House, house
from tests.contract.channels.kit import Driver, Heard, Tampering
from tests.contract.channels.platform import Platform, platform


@dataclass
class Line:
    """A channel and its platform, connected."""

    driver: Driver
    house: House
    platform: Platform

    async def deliver(self, number: int, tampering: Tampering = "") -> Heard:
        return await self.driver.deliver(self.house, self.platform, number, tampering)

    async def deliver_until_taken(self, number: int) -> None:
        """As platforms do: again and again, until it is acknowledged."""
        for _ in range(10):
            if await self.deliver(number) == "acknowledged":
                return
        raise AssertionError("never taken")


@pytest.fixture(params=DRIVERS, ids=lambda driver: driver.label)
def driver(request: pytest.FixtureRequest) -> Driver:
    found: Driver = request.param
    return found


Opening = Callable[..., Awaitable[Line]]


@pytest.fixture
async def opening(tmp_path: Path) -> AsyncIterator[Opening]:
    async with AsyncExitStack() as stack:

        async def connect(driver: Driver, **options: Any) -> Line:
            fake = await stack.enter_async_context(platform(driver))
            await stack.enter_async_context(driver.around())
            channel = driver.create(fake.url, **options)
            lent = await stack.enter_async_context(house(tmp_path, channel))
            return Line(driver, lent, fake)

        yield connect


@pytest.fixture
async def line(driver: Driver, opening: Opening) -> Line:
    return await opening(driver)
