"""The fast protocol beside the stock one: the same bytes, however cut, get the same replies."""

import asyncio
import random
from itertools import pairwise
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from channels.email.fast import FastSMTP

SEED = 20_261_122


class FakeTransport(asyncio.Transport):
    """Keeps what is written; tells of its end a moment later, as a socket's does."""

    def __init__(self, protocol: Any) -> None:
        super().__init__({"peername": ("192.0.2.1", 4_000)})
        self.protocol = protocol
        self.written = bytearray()
        self.closed = False

    def write(self, data: Any) -> None:
        if not self.closed:
            self.written += data

    def close(self) -> None:
        if not self.closed:
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Recorder:
    """Keeps the mails that a protocol took."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, list[str], bytes]] = []

    async def handle_DATA(self, _smtp: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append((envelope.mail_from, [*envelope.rcpt_tos], bytes(envelope.content)))
        return "250 taken"


async def settle() -> None:
    for _ in range(60):
        await asyncio.sleep(0)


async def converse(kind: type, chunks: list[bytes], **options: Any) -> tuple[bytes, list[Any]]:
    """What a protocol replied to the chunks, and the mails that it took."""
    recorder = Recorder()
    protocol = kind(
        recorder, hostname="mx.test", ident="test", loop=asyncio.get_running_loop(), **options
    )
    transport = FakeTransport(protocol)
    protocol.connection_made(transport)
    await settle()
    for chunk in chunks:
        if not transport.closed:
            protocol.data_received(chunk)
        await settle()
    written = bytes(transport.written)
    transport.close()
    await settle()
    return written, recorder.mails


async def both(chunks: list[bytes], **options: Any) -> tuple[bytes, list[Any]]:
    stock = await converse(SMTP, chunks, **options)
    fast = await converse(FastSMTP, chunks, **options)
    assert fast == stock, chunks
    return fast


def cut(stream: bytes, rng: random.Random) -> list[bytes]:
    places = sorted(rng.randrange(len(stream) + 1) for _ in range(rng.randrange(8)))
    edges = [0, *places, len(stream)]
    return [stream[a:b] for a, b in pairwise(edges) if a < b]


COMMANDS = [
    b"EHLO client\r\n",
    b"HELO client\r\n",
    b"ehlo\r\n",
    b"MAIL FROM:<a@b.example>\r\n",
    b"MAIL FROM:<>\r\n",
    b"MAIL FROM: <a.b+c@d-e.example> SIZE=100 BODY=8BITMIME\r\n",
    b"MAIL FROM:<a@b.example> SIZE=99999999\r\n",
    b"MAIL FROM:<a@b.example>  SIZE=5\r\n",
    b"mail from:a@b.example\r\n",
    b"MAIL FROM:<@x:a@b>\r\n",
    b'MAIL FROM:<"a b"@c.example>\r\n',
    b"MAIL FROM:<a(comment)@b>\r\n",
    b"MAIL FROM:<a..b@c>\r\n",
    b"MAIL FROM:<\xc3\xa9@b>\r\n",
    b"MAIL\r\n",
    b"RCPT TO:<x@y.example>\r\n",
    b"RCPT TO:<x@y.example> NOTIFY=NEVER\r\n",
    b"RCPT TO:<x>\r\n",
    b"RCPT TO:<x@y.>\r\n",
    b"RCPT TO:<x@[127.0.0.1]>\r\n",
    b"RCPT TO:x@y.example\r\n",
    b"RCPT TO:<x@y.example>junk\r\n",
    b"DATA\r\nSubject: 1\r\n\r\nbody\r\n.\r\n",
    b"DATA\r\n.\r\n",
    b"DATA\r\n..\r\n.x\r\n...\r\n\r\n.\r\n",
    b"DATA\r\n.\r\r\n.\n.\r.\r\n.\r\n",
    b"DATA\r\nlone\nlf.\n.\nand\rcr\r.\r\nend\n.\r\nreal\r\n.\r\n",
    b"DATA\r\n" + b"y" * 990 + b"\r\n.\r\n",
    b"DATA now\r\n",
    b"RSET\r\n",
    b"RSET x\r\n",
    b"NOOP\r\n",
    b"NOOP anything\r\n",
    b"VRFY <a@b>\r\n",
    b"VRFY\r\n",
    b"EXPN list\r\n",
    b"HELP\r\n",
    b"HELP mail\r\n",
    b"AUTH PLAIN x\r\n",
    b"STARTTLS\r\n",
    b"\r\n",
    b"\n",
    b"NOOP\n",
    b"GARBAGE\r\n",
    b"\xff\xfe\r\n",
    b"NOOP " + b"x" * 600 + b"\r\n",
    b"z" * 1_500 + b"\r\n",
    b"QUIT now\r\n",
    b"QUIT\r\n",
]
SESSION = [
    b"EHLO client\r\n",
    b"MAIL FROM:<a@b.example>\r\n",
    b"RCPT TO:<x@y.example>\r\n",
    b"DATA\r\nSubject: x\r\n\r\nhello\r\n.\r\n",
]


async def test_a_session_however_it_is_cut() -> None:
    stream = b"".join(SESSION) + b"QUIT\r\n"
    whole, mails = await both([stream])
    assert mails == [("a@b.example", ["x@y.example"], b"Subject: x\r\n\r\nhello\r\n")]
    for place in range(1, len(stream)):
        assert await converse(FastSMTP, [stream[:place], stream[place:]]) == (whole, mails)


@pytest.mark.parametrize("before", range(4))
async def test_each_command_at_each_point_of_a_session(before: int) -> None:
    for command in COMMANDS:
        await both([*SESSION[:before], command, b"NOOP\r\n"])


@pytest.mark.parametrize("utf8", [False, True])
async def test_random_commands_cut_at_random_places(utf8: bool) -> None:
    rng = random.Random(SEED)
    for _ in range(50):
        stream = b"".join(
            rng.choice(COMMANDS) if rng.random() < 0.6 else rng.choice(SESSION)
            for _ in range(rng.randrange(1, 12))
        )
        await both(cut(stream, rng), enable_SMTPUTF8=utf8, data_size_limit=2_000)


async def test_random_bytes() -> None:
    rng = random.Random(SEED)
    alphabet = [b"\r", b"\n", b"\r\n", b".", b" ", b"<", b">", b"@", b"A", b"DATA", b"MAIL FROM:"]
    for _ in range(50):
        stream = b"".join(SESSION[:3]) + b"DATA\r\n"
        stream += b"".join(rng.choice(alphabet) for _ in range(rng.randrange(200)))
        await both(cut(stream + b"\r\n.\r\nNOOP\r\n", rng))


async def test_data_over_the_limit_is_refused_after_its_end() -> None:
    big = b"".join(SESSION[:3]) + b"DATA\r\n" + b"x" * 900 + b"\r\n" + b"y" * 900 + b"\r\n.\r\n"
    replies, mails = await both([big + b"NOOP\r\n"], data_size_limit=1_000)
    assert replies.endswith(b"552 Error: Too much mail data\r\n250 OK\r\n")
    assert not mails


@pytest.mark.parametrize("command", [b"NOOP ", b"MAIL FROM:<a@b.example> X=", b"VRFY "])
@pytest.mark.parametrize("greeting", [b"", b"HELO c\r\n", b"EHLO c\r\n"])
async def test_a_line_of_just_the_longest_length(command: bytes, greeting: bytes) -> None:
    """512 octets a command with its line end, 1000 a line (RFC 5321 §4.5.3.1)."""
    for length in (510, 511, 512, 513, 538, 539, 999, 1000, 1001, 1002, 1003):
        line = command.ljust(length - 2, b"x") + b"\r\n"
        await both([greeting, line, b"NOOP\r\n"])
        await both([greeting + line[:-1], line[-1:] + b"NOOP\r\n"])


@pytest.mark.parametrize("over", [-1, 0, 1, 4, 5, 6, 7])
async def test_a_mail_of_just_the_largest_size(over: int) -> None:
    body = (b"x" * 48 + b"\r\n") * 2 + b"y" * (98 + over) + b"\r\n"
    stream = b"".join(SESSION[:3]) + b"DATA\r\n" + body + b".\r\nNOOP\r\n"
    replies, mails = await both([stream], data_size_limit=200)
    assert [content for _, _, content in mails] == ([body] if over <= 0 else [])
    pieces = [stream[at : at + 7] for at in range(0, len(stream), 7)]
    assert await converse(FastSMTP, pieces, data_size_limit=200) == (replies, mails)


@pytest.mark.parametrize("bogus", [4, 5, 6])
async def test_who_speaks_another_language_is_sent_away(bogus: int) -> None:
    await both([b"EHLO c\r\n" + b"GET / HTTP/1.1\r\n" * bogus + b"NOOP\r\n"])


async def test_who_sends_faster_than_it_is_taken_is_told_to_wait() -> None:
    """Unread input is bounded, however much is pipelined behind a mail that is being stored."""
    stored, flow = asyncio.Event(), []

    class Slow(Recorder):
        async def handle_DATA(self, *given: Any) -> str:  # noqa: N802
            await stored.wait()
            return await super().handle_DATA(*given)

    class Watched(FakeTransport):
        def pause_reading(self) -> None:
            flow.append("pause")

        def resume_reading(self) -> None:
            flow.append("resume")

    recorder = Slow()
    protocol = FastSMTP(recorder, hostname="mx.test", loop=asyncio.get_running_loop())
    transport = Watched(protocol)
    protocol.connection_made(transport)
    protocol.data_received(b"".join(SESSION))
    await settle()
    protocol.data_received(b"NOOP\r\n" * 40_000)
    assert flow == []
    protocol.data_received(b"NOOP\r\n" * 4_000)
    protocol.data_received(b"NOOP\r\n")
    assert flow == ["pause"], "once"
    stored.set()
    await settle()
    assert flow == ["pause", "resume"]
    assert transport.written.count(b"250 OK\r\n") == 2 + 44_001
    transport.close()
    await settle()


async def test_has_every_attribute_of_the_stock_class() -> None:
    """A new release of aiosmtpd that needs more of them makes this fail."""
    stock = SMTP(Recorder(), hostname="h", loop=asyncio.get_running_loop())
    fast = FastSMTP(Recorder(), hostname="h", loop=asyncio.get_running_loop())
    assert set(vars(stock)) - set(vars(fast)) == set()
