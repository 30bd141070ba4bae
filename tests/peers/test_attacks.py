"""Attacks that need bytes no honest mail program sends."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.certificate import write_pair
from tests.peers.conftest import Listening, listening

ENVELOPE = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<support@example.com>\r\n"
SMUGGLED = (
    b"MAIL FROM:<evil@b.example>\r\nRCPT TO:<sales@example.com>\r\nDATA\r\n"
    b"Subject: smuggled\r\n\r\nevil\r\n.\r\n"
)

ENDINGS = {
    "LF.LF": b"\n.\n",
    "LF.CRLF": b"\n.\r\n",
    "CRLF.LF": b"\r\n.\n",
    "CR.CR": b"\r.\r",
    "CR.CRLF": b"\r.\r\n",
    "CRLF.CR": b"\r\n.\r",
    "CR.LF": b"\r.\n",
    "LF.CR": b"\n.\r",
    "CRCRLF.CRCRLF": b"\r\r\n.\r\r\n",
    "CRLF NUL.CRLF": b"\r\n\x00.\r\n",
    "CRLF.NUL CRLF": b"\r\n.\x00\r\n",
    "CRLF NUL CRLF.LF": b"\r\n\x00\r\n.\n",
}
"""What some server has taken for the end of a mail (CVE-2023-51764 and its kin)."""


class Raw:
    """A client that sends exactly the bytes it is given."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def reply(self) -> bytes:
        async with asyncio.timeout(10):
            while (line := await self._reader.readline())[3:4] == b"-":
                pass
        return line

    async def say(self, words: bytes) -> bytes:
        self._writer.write(words)
        return await self.reply()

    async def rest(self) -> bytes:
        async with asyncio.timeout(10):
            return await self._reader.read()

    def write(self, words: bytes) -> None:
        self._writer.write(words)

    async def upgrade(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        await self._writer.start_tls(context)


@asynccontextmanager
async def raw(at: Listening) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_connection("127.0.0.1", at.port)
    client = Raw(reader, writer)
    try:
        assert (await client.reply()).startswith(b"220")
        assert (await client.say(b"EHLO evil.example\r\n")).startswith(b"250")
        yield client
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "in pieces"])
@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
async def test_one_mail_is_never_two(door: Listening, ending: bytes, at_once: bool) -> None:
    async with raw(door) as client:
        assert (await client.say(ENVELOPE)).startswith(b"250")
        assert (await client.reply()).startswith(b"250")
        assert (await client.say(b"DATA\r\n")).startswith(b"354")
        pieces = [b"Subject: first\r\n\r\nbody", *(bytes([b]) for b in ending), SMUGGLED]
        for piece in [b"".join(pieces)] if at_once else pieces:
            client.write(piece)
            await asyncio.sleep(0)
        client.write(b"QUIT\r\n")
        replies = (await client.rest()).splitlines()
    stored = await door.stored()
    assert len(stored) == 1
    assert [line[:3] for line in replies] == [b"250", b"221"], replies
    assert stored[0].account == "support"
    assert b"smuggled" in stored[0].body


async def test_the_real_end_still_ends(door: Listening) -> None:
    """So that the test above would see a second mail."""
    async with raw(door) as client:
        client.write(ENVELOPE + b"DATA\r\nSubject: first\r\n\r\nbody\r\n.\r\n" + SMUGGLED)
        client.write(b"QUIT\r\n")
        await client.rest()
    assert len(await door.stored()) == 2


@pytest.mark.parametrize(
    "recipient",
    [
        "victim@elsewhere.example",
        "<@example.com:victim@elsewhere.example>",
        "victim%elsewhere.example@example.com",
        "elsewhere.example!victim@example.com",
        '"victim@elsewhere.example"@example.com',
        '"victim%elsewhere.example"@example.com',
        "victim@elsewhere.example@example.com",
        "victim@[127.0.0.1]",
        "victim@localhost",
        "support@example.com.elsewhere.example",
        "support@EXAMPLE.COM@elsewhere.example",
        "support+victim=elsewhere.example@elsewhere.example",
        "victim",
    ],
)
async def test_no_open_relay(door: Listening, recipient: str) -> None:
    async with raw(door) as client:
        # The sender claims to be one of ours: that opens nothing either.
        assert (await client.say(b"MAIL FROM:<support@example.com>\r\n")).startswith(b"250")
        address = recipient if recipient.startswith("<") else f"<{recipient}>"
        assert (await client.say(f"RCPT TO:{address}\r\n".encode()))[:2] in {b"55", b"50"}
        assert (await client.say(b"DATA\r\n")).startswith(b"503")
    assert await door.stored() == []


async def test_what_is_injected_before_tls_never_counts(tmp_path: Path) -> None:
    injected = b"EHLO evil\r\n" + ENVELOPE + b"DATA\r\nSubject: evil\r\n\r\n.\r\n"
    async with listening(tmp_path, **write_pair(tmp_path, "127.0.0.1")) as at:
        async with raw(at) as client:
            assert (await client.say(b"STARTTLS\r\n" + injected)).startswith(b"220")
            await client.upgrade()
            # The session is new (RFC 3207 §4.2): neither commands nor greeting were kept.
            assert (await client.say(ENVELOPE[:25])).startswith(b"503")
            assert (await client.say(b"EHLO honest.example\r\n")).startswith(b"250")
            assert (await client.say(b"DATA\r\n")).startswith(b"503")
        assert await at.stored() == []


async def test_an_envelope_given_before_tls_is_forgotten(tmp_path: Path) -> None:
    async with listening(tmp_path, **write_pair(tmp_path, "127.0.0.1")) as at, raw(at) as client:
        assert (await client.say(ENVELOPE)).startswith(b"250")
        assert (await client.reply()).startswith(b"250")
        assert (await client.say(b"STARTTLS\r\n")).startswith(b"220")
        await client.upgrade()
        assert (await client.say(b"DATA\r\n")).startswith(b"503")
        assert (await client.say(b"EHLO honest.example\r\n")).startswith(b"250")
        assert (await client.say(b"DATA\r\n")).startswith(b"503")
        assert await at.stored() == []
