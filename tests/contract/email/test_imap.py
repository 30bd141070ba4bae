"""Mailboxes elsewhere: what only they have. The rest is in the contract of all channels."""

import asyncio
import time
from pathlib import Path

import pytest

from channels import email
from channels.email import imap
from tests.contract.channels.drivers.imap import PASSWORD, FakeImap
from tests.contract.channels.house import house
from tests.contract.channels.kit import SECRET


async def test_a_servers_clock_that_is_slow_loses_no_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "_FIRST_PAUSE", 0.05)
    earlier = time.time() - 600.0
    server = FakeImap(came=time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime(earlier)))
    server.put(b"Subject: before we came\r\n\r\n")
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    box = {
        "host": "127.0.0.1", "port": listening.sockets[0].getsockname()[1], "security": "none",
        "username": "support@example.com", "password": PASSWORD,
    }  # fmt: skip
    boxes = [{"address": "support@example.com"}]
    channel = email.create({"port": 0, "mailboxes": boxes, "imap": [box]}, SECRET)
    async with listening, house(tmp_path, channel) as lent:
        async with asyncio.timeout(5):
            while await lent.store.cursors.get("email", channel._readers[0]._name) is None:
                await asyncio.sleep(0.02)
        new = server.put(b"Subject: just now\r\n\r\n")
        async with asyncio.timeout(5):
            while not new.seen:
                await server.changed.wait()
        assert [envelope.body for envelope in lent.accepted] == [new.raw]


async def test_a_mailbox_that_cannot_be_read_is_told_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(imap, "_LONGEST_PAUSE", 0.05)
    listening = await asyncio.start_server(FakeImap().serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    listening.close()
    await listening.wait_closed()
    box = {
        "host": "127.0.0.1", "port": port, "security": "none",
        "username": "support@example.com", "password": PASSWORD,
    }  # fmt: skip
    boxes = [{"address": "support@example.com"}]
    channel = email.create({"port": 0, "mailboxes": boxes, "imap": [box]}, SECRET)
    async with house(tmp_path, channel), asyncio.timeout(10):
        while channel.trouble is None:
            await asyncio.sleep(0.01)
        assert channel.trouble.startswith(
            "邮箱 support@example.com 读不到（ConnectionRefusedError"
        )
        assert "The mailbox support@example.com cannot be read" in channel.trouble
        assert PASSWORD not in channel.trouble
        channel._readers[0]._failed = 2_000  # for a week
        await asyncio.sleep(0.2)
        async with await asyncio.start_server(FakeImap().serve, "127.0.0.1", port):
            while channel.trouble is not None:
                await asyncio.sleep(0.01)
            assert channel._readers[0]._failed == 0, "the next pause is a short one again"
