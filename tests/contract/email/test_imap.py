"""Mailboxes elsewhere: what only they have. The rest is in the contract of all channels."""

import asyncio
import ssl
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from channels import email
from channels.email import imap
from tests.certificate import write_pair
from tests.contract.channels.drivers.imap import PASSWORD, FakeImap
from tests.contract.channels.house import house
from tests.contract.channels.kit import SECRET


def _reading(port: int, security: str = "none") -> email.EmailChannel:
    """A channel that reads a mailbox at this port, and has no door."""
    box = {
        "host": "127.0.0.1", "port": port, "security": security,
        "username": "support@example.com", "password": PASSWORD,
    }  # fmt: skip
    boxes = [{"address": "support@example.com"}]
    return email.create({"port": 0, "mailboxes": boxes, "imap": [box]}, SECRET)


async def _trouble(channel: email.EmailChannel) -> str:
    while channel.trouble is None:
        await asyncio.sleep(0.01)
    return channel.trouble


async def test_a_servers_clock_that_is_slow_loses_no_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "_FIRST_PAUSE", 0.05)
    earlier = time.time() - 600.0
    server = FakeImap(came=time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime(earlier)))
    server.put(b"Subject: before we came\r\n\r\n")
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    channel = _reading(listening.sockets[0].getsockname()[1])
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
    channel = _reading(port)
    async with house(tmp_path, channel), asyncio.timeout(10):
        trouble = await _trouble(channel)
        assert trouble.startswith("邮箱 support@example.com 读不到（ConnectionRefusedError")
        assert "The mailbox support@example.com cannot be read" in trouble
        assert PASSWORD not in trouble
        channel._readers[0]._failed = 2_000  # for a week
        await asyncio.sleep(0.2)
        async with await asyncio.start_server(FakeImap().serve, "127.0.0.1", port):
            while channel.trouble is not None:
                await asyncio.sleep(0.01)
            assert channel._readers[0]._failed == 0, "the next pause is a short one again"


async def test_a_login_that_is_refused_is_told_with_the_server_s_words_and_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "_FIRST_PAUSE", 0.01)
    server = FakeImap(refusal="LOGIN Login error or password error")
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    channel = _reading(listening.sockets[0].getsockname()[1])
    async with listening, house(tmp_path, channel), asyncio.timeout(10):
        trouble = await _trouble(channel)
        assert "（MailboxLoginError: LOGIN Login error or password error）" in trouble
        assert "password 填授权码" in trouble
        assert "an authorisation code instead of the password" in trouble
        assert PASSWORD not in trouble


async def test_a_certificate_that_is_not_trusted_is_told_with_the_setting_that_trusts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "_FIRST_PAUSE", 0.01)
    pair = write_pair(tmp_path, "127.0.0.1")
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(pair["certificate"], pair["key"])
    listening = await asyncio.start_server(FakeImap().serve, "127.0.0.1", 0, ssl=theirs)
    channel = _reading(listening.sockets[0].getsockname()[1], "tls")
    async with listening, house(tmp_path, channel), asyncio.timeout(10):
        trouble = await _trouble(channel)
        assert "证书不受信任" in trouble
        assert "needs ca_file under channels.email.imap" in trouble


async def test_a_mailbox_that_takes_long_to_read_stays_in_one_pair_of_hands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process would begin with the same mails, and neither come to the next ones."""
    monkeypatch.setattr(imap, "_FIRST_PAUSE", 0.05)

    class Slow(FakeImap):
        asked, go_on = threading.Event(), threading.Event()

    server = Slow()
    new = server.put(b"Subject: a large one\r\n\r\n")
    mails = imap.Box.mails

    def slowly(self: imap.Box, chunk: Any) -> list[imap.Mail]:
        server.asked.set()
        server.go_on.wait(10)
        return mails(self, chunk)

    monkeypatch.setattr(imap.Box, "mails", slowly)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    box = {
        "host": "127.0.0.1", "port": listening.sockets[0].getsockname()[1], "security": "none",
        "username": "support@example.com", "password": PASSWORD, "lease_seconds": 1.0,
        "history": True,
    }  # fmt: skip
    boxes = [{"address": "support@example.com"}]
    channel = email.create({"port": 0, "mailboxes": boxes, "imap": [box]}, SECRET)
    async with listening, house(tmp_path, channel) as lent:
        taken: list[str] = []
        take = type(lent.store.leases).take

        async def counted(self: Any, name: str, holder: str, seconds: float) -> Any:
            taken.append(holder)
            return await take(self, name, holder, seconds)

        await asyncio.to_thread(server.asked.wait, 5)
        monkeypatch.setattr(type(lent.store.leases), "take", counted)
        try:
            async with asyncio.timeout(5):
                while len(taken) < 2:
                    await asyncio.sleep(0.02)
        finally:
            server.go_on.set()
        async with asyncio.timeout(5):
            while not new.seen:
                await server.changed.wait()
        assert [envelope.body for envelope in lent.accepted] == [new.raw]
