"""What is read from the captured payloads of each platform."""

import json
from dataclasses import replace

import pytest

from channels import registry
from models.errors import Permanent
from tests.contract.channels.drivers import DRIVERS
from tests.contract.channels.kit import CASES, HERE, Driver, Payload, differences, payloads

DOCS = HERE.parents[2] / "docs/channels"
STRICT = [d for d in DRIVERS if d.channel != "email"]
"""Every sequence of bytes is a mail; its limits are tested with the parser."""

CAPTURED = [payload for driver in DRIVERS for payload in payloads(driver)]


def test_every_registered_channel_has_a_driver_payloads_and_a_page() -> None:
    known = {driver.channel for driver in DRIVERS}
    assert known == set(registry.BUILT_IN)
    for driver in DRIVERS:
        assert payloads(driver), f"{driver.label} has no captured payloads"
        assert (DOCS / f"{driver.channel}.md").is_file(), f"{driver.channel} has no page"


def test_every_kind_of_message_is_there_or_said_to_be_unknown(driver: Driver) -> None:
    captured = {payload.name.partition("-")[0] for payload in payloads(driver)}
    assert set(CASES) - captured == set(driver.absent), driver.label
    assert all(driver.absent.values())


@pytest.mark.parametrize("payload", CAPTURED, ids=lambda p: f"{p.driver.label}/{p.name}")
def test_what_is_read(payload: Payload) -> None:
    channel = payload.driver.create("http://127.0.0.1:9")
    found = channel.normalize(payload.envelope())
    told = [json.loads(n.message.model_dump_json()) for n in found]
    assert differences(payload.expected(), told) == []
    for normalized in found:
        m = normalized.message
        assert m.channel == payload.driver.channel
        assert m.raw_ref == payload.envelope().id
        assert m.reply_route is None or m.reply_route.adapter == m.channel
        stored = {one.sha256 for one in m.attachments if one.state == "stored"}
        assert stored == set(normalized.files)
        pending = {one.id for one in m.attachments if one.state == "pending"}
        assert pending == set(m.meta.get("files", {}))


@pytest.mark.parametrize("payload", CAPTURED, ids=lambda p: f"{p.driver.label}/{p.name}")
def test_reading_twice_is_reading_once(payload: Payload) -> None:
    channel = payload.driver.create("http://127.0.0.1:9")
    twice = [
        [
            (m.kind, m.external_id, m.revision, m.conversation_key, m.order_key, m.text)
            for m, _ in channel.normalize(payload.envelope())
        ]
        for _ in range(2)
    ]
    assert twice[0] == twice[1]


@pytest.mark.parametrize("driver", STRICT, ids=lambda d: d.label)
def test_nonsense_is_permanent(driver: Driver) -> None:
    channel = driver.create("http://127.0.0.1:9")
    for body in (b"", b"\xff\x00", b"[]", b'{"event": 5}', b'"x"', b"{}", b"null"):
        envelope = payloads(driver)[0].envelope()
        with pytest.raises(Permanent):
            channel.normalize(replace(envelope, body=body))
