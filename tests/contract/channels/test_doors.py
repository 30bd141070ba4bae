"""Receiving: stored before acknowledged, once, in order, from nobody else, and not in the log."""

import asyncio
import hmac
import io
import logging
from typing import Any

import pytest

from tests.contract.channels.conftest import Line, Opening
from tests.contract.channels.drivers import DRIVERS
from tests.contract.channels.kit import Driver, marked
from workers.monitoring import logs


async def test_acknowledged_only_after_the_commit(line: Line) -> None:
    line.house.gate.clear()
    delivering = asyncio.create_task(line.deliver(1))
    await asyncio.wait_for(line.house.entered.wait(), 10)
    await asyncio.sleep(0.1)
    assert not delivering.done()
    line.house.gate.set()
    assert await asyncio.wait_for(delivering, 10) == "acknowledged"
    assert len(line.house.accepted) == 1


async def test_a_failing_store_is_the_platforms_own_try_again(line: Line) -> None:
    line.house.failing = True
    assert await asyncio.wait_for(line.deliver(1), 10) == "again"
    assert line.house.accepted == []
    line.house.failing = False
    await line.deliver_until_taken(1)
    await line.house.work()
    assert [text for _, text in await line.house.said()] == [marked(1)]


async def test_a_platform_that_delivers_again_changes_nothing(line: Line) -> None:
    await line.deliver_until_taken(1)
    await line.house.work()
    for _ in range(3):
        assert await line.deliver(1) == "acknowledged"
    together = await asyncio.gather(*(line.deliver(2) for _ in range(3)))
    assert set(together) == {"acknowledged"}
    await line.house.work()
    assert sorted(text for _, text in await line.house.said()) == [marked(1), marked(2)]


@pytest.mark.parametrize("driver", [d for d in DRIVERS if d.orders], ids=lambda d: d.label)
async def test_a_platform_that_reorders_is_put_in_order(line: Line) -> None:
    for number in (3, 1, 2):
        await line.deliver_until_taken(number)
        await line.house.work()
    assert [text for _, text in await line.house.said()] == [marked(n) for n in (1, 2, 3)]


async def test_nobody_else_is_let_in(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    compare = hmac.compare_digest

    def counting(a: Any, b: Any) -> bool:
        nonlocal compared
        compared += 1
        return compare(a, b)

    monkeypatch.setattr(hmac, "compare_digest", counting)
    for tampering in line.driver.tampering:
        compared = 0
        assert await line.deliver(1, tampering) == "refused"
        # In constant time: the comparison of secrets is the library's own, never “==”.
        assert compared or tampering != "wrong"
    assert line.house.accepted == []


async def test_no_secret_is_logged(driver: Driver, opening: Opening) -> None:
    stream = io.StringIO()
    before = logging.getLogger().handlers[:], logging.getLogger().level
    quiet = {name: logging.getLogger(name).level for name in logs.QUIET}
    logs.configure("debug", "json", "intake", stream)
    try:
        line = await opening(driver)
        await line.deliver_until_taken(1)
        for tampering in driver.tampering:
            await line.deliver(2, tampering)
        line.house.failing = True
        await line.deliver(3)
        if not driver.voice:
            for expected in driver.outcomes().values():
                line.platform.misdeeds = [expected.misdeed]
                await line.house.channel.send(driver.answer("您好"))
    finally:
        logging.getLogger().handlers[:], level = before
        logging.getLogger().setLevel(level)
        for name, was in quiet.items():
            logging.getLogger(name).setLevel(was)
    said = stream.getvalue()
    assert [secret for secret in driver.secrets if secret in said] == []
    assert "包裹没有收到" not in said
