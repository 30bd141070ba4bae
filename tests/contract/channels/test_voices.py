"""Answering: within the platform's limits, and what became of each attempt."""

import re
from typing import Any

import pytest

from models.message import Choice, SendResult
from models.ports import OffersChoices
from tests.contract.channels.drivers import DRIVERS
from tests.contract.channels.kit import Driver, Expected
from tests.contract.channels.platform import platform

SPEAKING = [driver for driver in DRIVERS if not driver.voice]
FORGETFUL = [d for d in SPEAKING if not d.create("http://127.0.0.1:9").repeatable]
"""Platforms that would show the same answer twice."""

CASES = [(driver, name) for driver in SPEAKING for name in driver.outcomes()]


def in_both_languages(error: str) -> bool:
    """An agent reads it: Chinese first, then English."""
    return re.fullmatch(r".*[\u4e00-\u9fff].* / .*[a-z]{3}.*", error) is not None


async def attempt(
    driver: Driver, url: str, text: str = "已为您退款。", **changes: Any
) -> SendResult:
    channel = driver.create(url)
    try:
        return await channel.send(driver.answer(text, **changes))
    finally:
        await channel.close()


@pytest.mark.parametrize("driver", SPEAKING, ids=lambda driver: driver.label)
async def test_a_long_answer_arrives_whole_in_parts_that_fit(driver: Driver) -> None:
    text = "".join(f"第{n}段 📦👩‍🚀 您的包裹已经在路上。\n" for n in range(500))
    async with platform(driver) as fake:
        result = await attempt(driver, fake.url, text)
        parts = driver.said(fake)
    assert result.state == "sent"
    assert driver.limit is not None
    assert len(parts) > 2
    assert max(map(driver.size, parts)) <= driver.limit
    assert "".join(parts) == text


@pytest.mark.parametrize(("driver", "name"), CASES, ids=lambda v: getattr(v, "label", v))
async def test_what_became_of_it(driver: Driver, name: str) -> None:
    expected: Expected = driver.outcomes()[name]
    async with platform(driver) as fake:
        fake.misdeeds = [expected.misdeed]
        result = await attempt(driver, fake.url)
    assert result.state in expected.states
    assert result.retry_after >= expected.at_least
    assert bool(result.error) == (result.state != "sent")
    assert result.state == "sent" or in_both_languages(result.error), result.error
    assert (result.retry_after > 0) == (result.state == "retry")
    for secret in driver.secrets:
        assert secret not in result.error


@pytest.mark.parametrize("driver", SPEAKING, ids=lambda driver: driver.label)
async def test_a_platform_that_is_not_there_is_tried_again(driver: Driver) -> None:
    result = await attempt(driver, "http://127.0.0.1:9")
    assert result.state == "retry"
    assert in_both_languages(result.error), result.error


@pytest.mark.parametrize("driver", FORGETFUL, ids=lambda driver: driver.label)
async def test_what_was_said_in_part_is_not_said_again(driver: Driver) -> None:
    text = "一二三四五六七八九十" * 1000
    async with platform(driver) as fake:
        fake.misdeeds = [None, driver.outcomes()["429"].misdeed]
        result = await attempt(driver, fake.url, text)
    assert result.state == "unknown"
    assert "1/" in result.error


OFFERING = [d for d in SPEAKING if isinstance(d.create("http://127.0.0.1:9"), OffersChoices)]


@pytest.mark.parametrize("driver", OFFERING, ids=lambda driver: driver.label)
async def test_choices_are_buttons_under_the_last_words(driver: Driver) -> None:
    choices = [
        Choice(value="rate:1:5", label="非常满意"),
        Choice(value="rate:1:1", label="不满意 & 差"),
    ]
    text = "请问您满意吗？\n" * 700
    async with platform(driver) as fake:
        result = await attempt(driver, fake.url, text, choices=choices)
        assert "".join(driver.said(fake)) == text
        shown = driver.buttons(fake)
    assert result.state == "sent"
    assert shown == [(choice.label, choice.value) for choice in choices]


def test_the_platforms_with_buttons_are_known() -> None:
    assert {driver.channel for driver in OFFERING} == {"feishu", "slack", "telegram", "wecom"}
