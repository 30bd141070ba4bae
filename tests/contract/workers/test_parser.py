"""The parser child: what breaks it costs that message alone."""

import asyncio
import base64
import os
import signal
from collections.abc import AsyncIterator

import pytest

from models.errors import Permanent
from models.message import Envelope, Lane
from workers.parser import Parser


def mail(text: str = "您好", key: str = "k") -> Envelope:
    body = (
        "From: wang@example.com\r\nTo: support@localhost\r\nSubject: hi\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    ).encode()
    return envelope(body, key)


def envelope(body: bytes, key: str = "k") -> Envelope:
    transport = {"mail_from": "wang@example.com", "rcpt_tos": ["support@localhost"]}
    return Envelope(key, "email", "support", key, body, 1_800_000_000.0, Lane.MAIL, transport)


def make(seconds: float = 10.0, memory_mb: int = 512) -> Parser:
    return Parser({"email": {}}, {"email": b"s" * 32}, seconds=seconds, memory_mb=memory_mb)


@pytest.fixture
async def parser() -> AsyncIterator[Parser]:
    made = make()
    yield made
    await made.close()


def pid(parser: Parser) -> int:
    assert parser._process is not None
    return parser._process.pid


async def test_results_come_in_order_from_one_child(parser: Parser) -> None:
    outcomes = await parser.parse([mail(f"第{i}封", str(i)) for i in range(20)])
    texts = [found[0].message.text for found in outcomes if not isinstance(found, Permanent)]
    assert texts == [f"第{i}封" for i in range(20)]
    first = pid(parser)
    await parser.parse([mail()])
    assert pid(parser) == first


async def test_files_come_along_by_content(parser: Parser) -> None:
    content = os.urandom(5000)
    body = (
        b"From: a@example.com\r\nTo: support@localhost\r\n"
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nsee file\r\n"
        b"--b\r\nContent-Type: application/octet-stream; name=f.bin\r\n"
        b"Content-Disposition: attachment; filename=f.bin\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(content) + b"--b--\r\n"
    )
    (outcome,) = await parser.parse([envelope(body)])
    assert not isinstance(outcome, Permanent)
    ((message, files),) = outcome
    assert files[message.attachments[0].sha256 or ""] == content


async def test_too_slow_is_permanent_and_the_others_are_read() -> None:
    parser = make()
    await parser.parse([mail()])
    os.kill(pid(parser), signal.SIGSTOP)
    parser._seconds = 0.2
    first, second = await parser.parse([mail("慢"), mail("快")])
    parser._seconds = 10.0
    assert isinstance(first, Permanent)
    assert "0.2" in str(first)
    assert not isinstance(second, Permanent)
    await parser.close()


async def test_too_much_memory_is_permanent_and_the_next_is_read() -> None:
    parser = make(memory_mb=300)
    huge, good = await parser.parse([mail("x" * 150_000_000), mail("好")])
    assert isinstance(huge, Permanent)
    assert not isinstance(good, Permanent)
    await parser.close()


async def test_a_child_killed_from_outside_costs_nothing(parser: Parser) -> None:
    await parser.parse([mail()])
    child = pid(parser)
    os.kill(child, signal.SIGKILL)
    outcomes = await parser.parse([mail("一", "1"), mail("二", "2")])
    assert not any(isinstance(outcome, Permanent) for outcome in outcomes)
    assert pid(parser) != child


async def test_what_a_channel_refuses_is_permanent_without_a_kill(parser: Parser) -> None:
    await parser.parse([mail()])
    child = pid(parser)
    (outcome,) = await parser.parse([envelope(b"X: " + b"y" * 200_000 + b"\r\n\r\n")])
    assert isinstance(outcome, Permanent)
    assert pid(parser) == child


async def test_the_child_ends_with_its_input(parser: Parser) -> None:
    await parser.parse([mail()])
    child = parser._process
    assert child is not None
    assert child.stdin is not None
    child.stdin.close()
    async with asyncio.timeout(10):
        assert await child.wait() == 0
