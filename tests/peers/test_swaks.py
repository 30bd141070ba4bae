"""swaks, the postmasters' own test client, at the door."""

import hashlib
from pathlib import Path

import pytest

from tests.certificate import write_pair
from tests.peers.conftest import Done, Listening, listening, run

NO_RECIPIENT, REFUSED_AFTER_DATA, NO_TLS = 24, 26, 29
"""swaks' exit codes (its manual, EXIT CODES)."""


async def swaks(at: Listening, *words: object) -> Done:
    return await run(
        "swaks", "--server", "127.0.0.1", "--port", at.port, "--helo", "mail.customer.example",
        "--from", "wang@customer.example", *words,
    )  # fmt: skip


TO_US = ("--to", "support@example.com")


async def test_a_plain_mail(door: Listening) -> None:
    done = await swaks(door, *TO_US, "--header", "Subject: 投诉", "--body", "包裹还没有到。")
    assert done.code == 0, done.said
    (envelope,) = await door.stored()
    assert f"250 2.0.0 Stored as {envelope.id}" in done.said
    assert envelope.transport["helo"] == "mail.customer.example"
    assert envelope.transport["mail_from"] == "wang@customer.example"
    ((message, _),) = door.channel.normalize(envelope)
    assert (message.subject, message.text.strip()) == ("投诉", "包裹还没有到。")


async def test_an_attachment_comes_out_byte_for_byte(door: Listening, tmp_path: Path) -> None:
    picture = tmp_path / "破损.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 400)
    done = await swaks(
        door, *TO_US, "--body", "请看图片。", "--attach-name", "broken.png",
        "--attach-type", "image/png", "--attach", f"@{picture}",
    )  # fmt: skip
    assert done.code == 0, done.said
    (envelope,) = await door.stored()
    ((message, files),) = door.channel.normalize(envelope)
    (attachment,) = message.attachments
    assert (attachment.name, attachment.mime) == ("broken.png", "image/png")
    assert attachment.sha256 == hashlib.sha256(picture.read_bytes()).hexdigest()
    assert files[attachment.sha256] == picture.read_bytes()
    assert "请看图片。" in message.text


@pytest.mark.parametrize("recipient", ["nobody@example.com", "root@elsewhere.example"])
async def test_an_unknown_recipient_and_a_foreign_one(door: Listening, recipient: str) -> None:
    done = await swaks(door, "--to", recipient)
    assert done.code == NO_RECIPIENT, done.said
    assert "<** 550 5.1.1 No such mailbox here" in done.said
    assert await door.stored() == []


async def test_the_known_one_of_two_recipients(door: Listening) -> None:
    done = await swaks(door, "--to", "support@example.com,nobody@example.com")
    assert done.code == 0, done.said
    (envelope,) = await door.stored()
    assert envelope.transport["rcpt_tos"] == ["support@example.com"]


async def test_two_accounts_get_one_each(door: Listening) -> None:
    done = await swaks(door, "--to", "support@example.com,sales@example.com")
    assert done.code == 0, done.said
    assert {envelope.account for envelope in await door.stored()} == {"support", "sales"}


async def test_the_same_mail_again_is_the_same_envelope(door: Listening, tmp_path: Path) -> None:
    letter = tmp_path / "letter"
    letter.write_text("Subject: again\n\nhello\n")
    said = [(await swaks(door, *TO_US, "--data", f"@{letter}")).said for _ in range(2)]
    (envelope,) = await door.stored()
    assert all(f"250 2.0.0 Stored as {envelope.id}" in each for each in said)


async def test_an_oversized_mail(tmp_path: Path) -> None:
    async with listening(tmp_path, max_bytes=100_000) as at:
        done = await swaks(at, *TO_US, "--body", "x" * 70 + "\n" + "y" * 110_000)
        assert done.code == REFUSED_AFTER_DATA, done.said
        assert "<** 552 5.3.4 The mail is too large" in done.said
        assert await at.stored() == []


async def test_pipelining(door: Listening) -> None:
    done = await swaks(door, *TO_US, "--pipeline")
    assert done.code == 0, done.said
    assert "250 PIPELINING" in done.said
    # Three commands before the first of their answers: it was really done.
    lines = done.said.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith(" -> MAIL"))
    assert [line[4:8] for line in lines[first : first + 3]] == ["MAIL", "RCPT", "DATA"]
    assert len(await door.stored()) == 1


async def test_pipelined_to_nobody(door: Listening) -> None:
    done = await swaks(door, "--to", "nobody@example.com", "--pipeline")
    assert done.code == NO_RECIPIENT, done.said
    assert "503 Error: need RCPT command" in done.said
    assert await door.stored() == []


async def test_starttls_with_the_certificate_verified(tmp_path: Path) -> None:
    files = write_pair(tmp_path, "127.0.0.1")
    async with listening(tmp_path, **files) as at:
        verify = ("--tls", "--tls-verify", "--tls-ca-path", files["certificate"])
        done = await swaks(at, *TO_US, *verify)
        assert done.code == 0, done.said
        (envelope,) = await at.stored()
        assert envelope.transport["tls"] == "TLSv1.3"


async def test_old_tls_is_refused(tmp_path: Path) -> None:
    async with listening(tmp_path, **write_pair(tmp_path, "127.0.0.1")) as at:
        done = await swaks(at, *TO_US, "--tls", "--tls-protocol", "tlsv1_1")
        assert done.code == NO_TLS, done.said
        assert await at.stored() == []


async def test_without_a_certificate_there_is_no_starttls(door: Listening) -> None:
    done = await swaks(door, *TO_US, "--tls")
    assert done.code == NO_TLS, done.said


@pytest.mark.parametrize("stage", ["ehlo", "mail", "rcpt", "data"])
async def test_a_client_that_vanishes_leaves_nothing(door: Listening, stage: str) -> None:
    await swaks(door, *TO_US, "--drop-after-send", stage)
    assert await door.stored() == []
    assert (await swaks(door, *TO_US)).code == 0
    assert len(await door.stored()) == 1
