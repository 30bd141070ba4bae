"""How many mails a minute one host may bring: who counts, what is said, and that it is told."""

import asyncio
from typing import Any

import pytest

from channels.email import throttle
from channels.email.options import Options
from channels.email.throttle import Throttle
from models.errors import Temporary
from tests.contract.email.conftest import Told
from tests.fakes import FakeClock

MAIL = b"Subject: x\r\n\r\nhello\r\n.\r\n"
LIMITS = {"messages_per_minute": 6, "message_burst": 2}


def made(told: Told | None = None, clock: FakeClock | None = None, **options: Any) -> Throttle:
    settings = Options.model_validate({**LIMITS, **options})
    return Throttle(settings, clock or FakeClock(), told or Told())


async def test_beyond_its_burst_a_host_is_told_to_come_again_and_then_is_taken(
    listen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Options, "unproven", lambda _self, _peer: True)
    at = await listen(**LIMITS)
    for _ in range(2):
        client = await at.connect()  # another connection is the same host
        await client.begin()
        assert (await client.say(MAIL)).startswith("250")
    assert (await client.say("MAIL FROM:<c@customer.example>")) == (
        "450 4.7.1 Too many mails from your host, try again in 10 seconds"
    )
    assert (await client.say("RCPT TO:<support@example.com>")).startswith("503")
    at.clock.now += 10.0
    await client.begin()
    assert (await client.say(MAIL)).startswith("250")
    assert len(at.store.calls) == 3
    assert at.told.counts == [1]


async def test_by_default_nobody_is_limited() -> None:
    peers = made(messages_per_minute=0)
    assert not any(peers.wait("8.8.8.8") for _ in range(1000))


@pytest.mark.parametrize(
    ("peer", "free"),
    [
        ("8.8.8.8", False),
        ("2400:3200::1", False),
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("fd00::1", True),
        ("", True),
        ("9.9.9.9", True),
        ("1.1.1.1", True),
    ],
)
async def test_our_own_servers_have_no_limit(peer: str, free: bool) -> None:
    peers = made(verifying_peers=["9.9.9.0/24"], unlimited_peers=["1.1.1.1/32"])
    waits = [peers.wait(peer) for _ in range(3)]
    assert waits == [0.0, 0.0, 0.0 if free else pytest.approx(10.0)]
    peers.close()


async def test_each_host_has_its_own_and_with_ipv6_a_network_is_one_host() -> None:
    peers = made()
    assert not any([peers.wait("8.8.8.8"), peers.wait("8.8.8.8"), peers.wait("8.8.4.4")])
    assert not any([peers.wait("2400:3200::1"), peers.wait("2400:3200::2")])
    assert peers.wait("2400:3200::3")
    assert not peers.wait("2400:3201::1")
    peers.close()


async def test_how_many_were_put_off_is_told_together_and_not_lost_with_the_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(throttle, "_TELL_SECONDS", 0.0)
    told = Told()
    told.failure = Temporary("away")
    peers = made(told)
    assert sum(bool(peers.wait("8.8.8.8")) for _ in range(7)) == 5
    for _ in range(3):
        await asyncio.sleep(0)
    assert told.counts == []
    told.failure = None
    for _ in range(3):
        await asyncio.sleep(0)
    assert told.counts == [5]
    peers.close()
