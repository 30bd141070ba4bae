"""The kit itself: no driver may leave out what would then be checked for nobody."""

import pytest

from tests.contract.channels.drivers import DRIVERS
from tests.contract.channels.drivers.pager import Pager
from tests.contract.channels.kit import HERE, Driver, payloads

ALL = [*DRIVERS, Pager()]

READ = {"external_id", "sender", "trust", "reply_route", "text"}
"""What captured payloads have to say of a channel's messages, whatever the platform."""

OUTCOMES = {"429", "500", "dropped"}
"""Misdeeds that every platform with an HTTP voice commits."""


def told(driver: Driver) -> set[str]:
    """The fields that are compared in at least one payload."""
    return {key for each in payloads(driver) for one in each.expected() for key in one}


@pytest.mark.parametrize("driver", ALL, ids=lambda driver: driver.label)
def test_what_is_read_is_compared(driver: Driver) -> None:
    cases = {payload.name.partition("-")[0] for payload in payloads(driver)}
    wanted = READ | ({"order_key"} if driver.orders else set())
    wanted |= {"attachments"} if "attachment" in cases else set()
    wanted |= {"revision"} if "edit" in cases else set()
    assert wanted <= told(driver), wanted - told(driver)


@pytest.mark.parametrize("driver", ALL, ids=lambda driver: driver.label)
def test_every_voice_is_tried_here_or_where_it_says(driver: Driver) -> None:
    if driver.voice:
        assert (HERE.parents[2] / driver.voice).is_file()
        return
    assert set(driver.outcomes()) >= OUTCOMES
    assert driver.outcomes()["429"].at_least > 0, "a Retry-After that is not looked at"
    assert driver.limit is not None
    assert driver.secrets, "a platform that is spoken to has secrets"
