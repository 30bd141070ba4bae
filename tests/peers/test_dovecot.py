"""A mailbox on a real Dovecot: everything comes in once, whatever happens to its numbers."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from sqlalchemy import func, select

from channels.email import EmailChannel, create
from channels.email import imap as reading
from models.ports import Door
from models.store import Store, open_store
from models.tables import envelope
from tests.databases import migrated_sqlite
from tests.peers.conftest import MAILBOXES, _NoBus, _Silent
from tests.peers.dovecot import PASSWORD, USER, Dovecot, dovecot
from workers.messages.intake import Intake


def mail(number: int) -> bytes:
    return (
        f"From: wang@customer.example\r\nTo: {USER}\r\nSubject: {number}\r\n"
        f"Message-ID: <{number}@customer.example>\r\n\r\n第 {number} 封\r\n"
    ).encode()


@pytest.fixture
async def server() -> AsyncIterator[Dovecot]:
    async with dovecot() as running:
        yield running


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = open_store(
        migrated_sqlite(tmp_path),
        master_key=b"m" * 32,
        blob_dir=tmp_path / "blobs",
        zone=ZoneInfo("Asia/Shanghai"),
    )
    yield made
    await made.close()


@pytest.fixture
async def read(server: Dovecot, store: Store) -> AsyncIterator[Callable[..., Any]]:
    opened: list[EmailChannel] = []

    async def start(**options: Any) -> EmailChannel:
        box = {
            "host": "127.0.0.1", "port": server.port, "security": "none",
            "username": USER, "password": PASSWORD, "history": True, **options,
        }  # fmt: skip
        channel = create({"port": 0, "mailboxes": MAILBOXES, "imap": [box]}, b"s")
        intake = Intake(store.envelopes, _Silent(), group=128, check_room=lambda: None)
        await channel.open(Door(intake.accept, web.Application(), store, _NoBus(), time.time))
        opened.append(channel)
        return channel

    yield start
    for channel in opened:
        await channel.close()


async def count(store: Store) -> int:
    async with store.db.read() as conn:
        return int((await conn.execute(select(func.count()).select_from(envelope))).scalar_one())


async def until(store: Store, wanted: int, seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while await count(store) < wanted:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    assert await count(store) == wanted


async def test_idle_tells_of_a_new_mail_at_once(
    server: Dovecot, store: Store, read: Callable[..., Any]
) -> None:
    server.put(mail(1))
    await read()
    await until(store, 1)
    started = time.monotonic()
    server.put(mail(2))
    await until(store, 2)
    # The reader waits 20 s for the server: it was told.
    assert time.monotonic() - started < 10.0
    names = [path.name for path in server.read()]
    assert all(name.endswith(",S") for name in names), names


async def test_numbered_anew_nothing_comes_twice(
    server: Dovecot, store: Store, read: Callable[..., Any]
) -> None:
    server.put(*map(mail, range(30)))
    channel = await read()
    await until(store, 30)
    before = await _cursor(store, server)
    await channel.close()
    server.number_anew()
    server.put(mail(100))
    await read()
    await until(store, 31)
    after = await _cursor(store, server)
    assert after["validity"] != before["validity"]


async def _cursor(store: Store, server: Dovecot) -> Any:
    return await store.cursors.get("email", f"imap:{USER}@127.0.0.1/INBOX")


async def test_what_was_there_before_is_left_unless_it_is_wanted(
    server: Dovecot, store: Store, read: Callable[..., Any]
) -> None:
    server.put(*map(mail, range(3)))
    await read(history=False)
    async with asyncio.timeout(20):
        while await _cursor(store, server) is None:
            await asyncio.sleep(0.02)
    server.put(mail(50))
    await until(store, 1)


async def test_moved_after_the_commit_and_deleted_stays_deleted(
    server: Dovecot, store: Store, read: Callable[..., Any]
) -> None:
    server.put(mail(1), mail(2))
    # Somebody marked the second as deleted, and has not expunged it.
    first, second = sorted((server.inbox / "new").iterdir())
    second.rename(server.inbox / "cur" / f"{second.name}:2,T")
    await read(afterwards="move", move_to="Shouli")
    await until(store, 1)
    assert first.name
    assert len(server.read(".Shouli")) == 1
    assert [path.name for path in server.read()] == [f"{second.name}:2,T"]


async def test_two_processes_read_one_mailbox_once(
    server: Dovecot, store: Store, read: Callable[..., Any]
) -> None:
    server.put(*map(mail, range(20)))
    await read()
    await read()
    await until(store, 20)


async def test_ten_thousand_mails(
    server: Dovecot, store: Store, read: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put(*map(mail, range(10_000)))
    commits = 0
    take = reading.Reader._move

    async def counted(self: Any, *values: Any) -> None:
        nonlocal commits
        commits += 1
        await take(self, *values)

    monkeypatch.setattr(reading.Reader, "_move", counted)
    started = time.monotonic()
    await read()
    await until(store, 10_000, 240.0)
    print(f"10,000 mails over IMAP in {time.monotonic() - started:.1f} s, {commits} commits")
