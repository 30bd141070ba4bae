"""Postfix's smtp-source at the door: many mails at once, each stored exactly once."""

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.peers.conftest import Done, Listening, listening, run

MAILS, SESSIONS = 400, 20


async def smtp_source(at: Listening, *words: object) -> Done:
    return await run(
        "smtp-source", "-f", "wang@customer.example", "-t", "support@example.com",
        "-M", "mail.customer.example", *words, at.address,
    )  # fmt: skip


@pytest.mark.parametrize("kept", [False, True], ids=["a connection a mail", "kept"])
@pytest.mark.parametrize("size", [2_000, 100_000])
async def test_each_of_many_mails_once(door: Listening, kept: bool, size: int) -> None:
    mails = MAILS if size < 10_000 else MAILS // 10
    keep = ("-d",) if kept else ()
    done = await smtp_source(door, "-m", mails, "-s", SESSIONS, "-l", size, *keep)
    assert done == Done(0, "")
    envelopes = await door.stored()
    ids = Counter(message_from_bytes(e.body)["Message-Id"] for e in envelopes)
    assert len(ids) == mails
    assert set(ids.values()) == {1}
    assert all(len(e.body) >= size for e in envelopes)


async def test_the_same_mail_from_many_sessions_is_one(door: Listening, tmp_path: Path) -> None:
    letter = tmp_path / "letter"
    letter.write_text("Subject: again\n\n.a dot\n..two\nend\n")
    done = await smtp_source(door, "-m", 50, "-s", 10, "-F", letter)
    assert done == Done(0, "")
    (envelope,) = await door.stored()
    # smtp-source ends what it reads from a file with an empty line of its own.
    assert envelope.body == b"Subject: again\r\n\r\n.a dot\r\n..two\r\nend\r\n\r\n"


async def test_many_sessions_with_two_sizes_at_once(door: Listening) -> None:
    small, large = await asyncio.gather(
        smtp_source(door, "-m", 200, "-s", 10, "-l", 1_000, "-d"),
        smtp_source(door, "-m", 20, "-s", 5, "-l", 500_000),
    )
    assert (small, large) == (Done(0, ""), Done(0, ""))
    sizes = Counter(len(e.body) > 400_000 for e in await door.stored())
    assert sizes == {False: 200, True: 20}


async def test_a_locked_database_is_said_to_the_sender(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process holds the database for longer than we wait: 451, then all goes on."""
    monkeypatch.setattr("models.store.ground.database.BUSY_SECONDS", 0.2)
    async with listening(tmp_path) as at:
        with closing(sqlite3.connect(tmp_path / "shouli.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            refused = await smtp_source(at, "-m", 1)
            other.execute("ROLLBACK")
        assert refused.code != 0
        assert "451 4.3.0" in refused.said
        assert await at.stored() == []
        assert await smtp_source(at, "-m", 1) == Done(0, "")
        assert len(await at.stored()) == 1
