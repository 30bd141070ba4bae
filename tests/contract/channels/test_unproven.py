"""Who cannot be proven before their last byte is here: many of them fill no memory.

On real sockets, at every door that has to read a body before it knows who sent it.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from models.bodies import Bodies
from tests.contract.channels.drivers.feishu import FeishuEncrypted
from tests.contract.channels.drivers.ingest import Ingest
from tests.contract.channels.drivers.slack import SlackEvents
from tests.contract.channels.drivers.wechat import WechatSealed
from tests.contract.channels.house import House, house
from tests.contract.channels.kit import Driver
from tests.contract.channels.platform import platform

MOST, EACH, ATTACKERS = 200_000, 60_000, 20
NOW = int(time.time())

INGEST = (
    "/v1/messages HTTP/1.1\r\nShouli-Source: form\r\nIdempotency-Key: key-00000001\r\n"
    f"Shouli-Timestamp: {NOW}\r\nShouli-Signature: v1={'0' * 64}"
)

DOORS: tuple[tuple[Driver, str], ...] = (
    (Ingest(), INGEST),
    (
        SlackEvents(),
        f"/slack/events HTTP/1.1\r\nX-Slack-Request-Timestamp: {NOW}\r\nX-Slack-Signature: v0=0",
    ),
    (FeishuEncrypted(), "/feishu/events HTTP/1.1"),
    (WechatSealed(), f"/wechat/callback?timestamp={NOW}&nonce=1&msg_signature=0 HTTP/1.1"),
)


@asynccontextmanager
async def attacked(made: House, head: str) -> AsyncIterator[list[asyncio.StreamReader]]:
    """So many have sent all of a body but its last byte."""
    readers, writers = [], []
    port = int(made.url.rpartition(":")[2])
    for _ in range(ATTACKERS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = f"POST {head}\r\nHost: x\r\nContent-Length: {EACH}\r\n\r\n"
        writer.write(lines.encode() + b"a" * (EACH - 1))
        readers.append(reader)
        writers.append(writer)
    yield readers
    for writer in writers:
        writer.close()


@pytest.mark.parametrize(("driver", "head"), DOORS, ids=[driver.label for driver, _ in DOORS])
async def test_many_bodies_that_do_not_end_hold_no_more_than_a_few(
    tmp_path: Path, driver: Driver, head: str
) -> None:
    async with (
        platform(driver) as fake,
        driver.around(),
        house(tmp_path, driver.create(fake.url), Bodies(MOST)) as made,
        attacked(made, head) as readers,
    ):
        told = [asyncio.create_task(reader.readuntil(b"\r\n\r\n")) for reader in readers]
        gone = ATTACKERS - MOST // EACH
        async with asyncio.timeout(10.0):
            while sum(one.done() for one in told) < gone:
                assert made.bodies.held <= MOST
                await asyncio.sleep(0.01)
        answers = [one.result() for one in told if one.done()]
        assert {answer[9:12] for answer in answers} == {b"503"}
        assert all(b"\r\nretry-after: " in answer.lower() for answer in answers)
        # Who is honest comes in beside those who still hold what they may.
        assert await driver.deliver(made, fake, 1) == "acknowledged"
        assert not all(one.done() for one in told)
        for one in told:
            one.cancel()
