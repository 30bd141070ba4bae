"""The parser child: what breaks it costs that message alone."""

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from models.errors import Permanent, Temporary
from models.message import Envelope, Lane
from models.ports import Channel
from workers.messages.parser import Parser, _answered

LONG = 60.0


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
    outcomes = await parser.parse([mail(f"第{i}封", str(i)) for i in range(20)], LONG)
    texts = [found[0].message.text for found in outcomes if not isinstance(found, Permanent)]
    assert texts == [f"第{i}封" for i in range(20)]
    first = pid(parser)
    await parser.parse([mail()], LONG)
    assert pid(parser) == first


async def test_the_child_has_none_of_our_settings_and_leaves_no_core(
    parser: Parser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOULI_MASTER_KEY", "c2VjcmV0")
    await parser.parse([mail()], LONG)
    child = Path(f"/proc/{pid(parser)}")
    assert b"SHOULI_" not in (child / "environ").read_bytes()
    (core,) = [x for x in (child / "limits").read_text().splitlines() if "core file" in x]
    assert core.split()[4:6] == ["0", "0"]


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
    (outcome,) = await parser.parse([envelope(body)], LONG)
    assert not isinstance(outcome, Permanent)
    ((message, files),) = outcome
    assert files[message.attachments[0].sha256 or ""] == content


async def test_too_slow_is_permanent_and_the_others_are_read() -> None:
    parser = make()
    await parser.parse([mail()], LONG)
    os.kill(pid(parser), signal.SIGSTOP)
    parser._seconds = 0.2
    first, second = await parser.parse([mail("慢"), mail("快")], LONG)
    parser._seconds = 10.0
    assert isinstance(first, Permanent)
    assert "0.2" in str(first)
    assert not isinstance(second, Permanent)
    await parser.close()


async def test_too_much_memory_is_permanent_and_the_next_is_read() -> None:
    parser = make(memory_mb=300)
    huge, good = await parser.parse([mail("x" * 150_000_000), mail("好")], LONG)
    assert isinstance(huge, Permanent)
    assert not isinstance(good, Permanent)
    await parser.close()


async def test_a_child_killed_from_outside_costs_nothing(parser: Parser) -> None:
    await parser.parse([mail()], LONG)
    child = pid(parser)
    os.kill(child, signal.SIGKILL)
    outcomes = await parser.parse([mail("一", "1"), mail("二", "2")], LONG)
    assert not any(isinstance(outcome, Permanent) for outcome in outcomes)
    assert pid(parser) != child


async def test_what_a_channel_refuses_is_permanent_without_a_kill(parser: Parser) -> None:
    await parser.parse([mail()], LONG)
    child = pid(parser)
    (outcome,) = await parser.parse([envelope(b"X: " + b"y" * 600_000 + b"\r\n\r\n")], LONG)
    assert isinstance(outcome, Permanent)
    assert pid(parser) == child


async def test_the_child_ends_with_its_input(parser: Parser) -> None:
    await parser.parse([mail()], LONG)
    child = parser._process
    assert child is not None
    assert child.stdin is not None
    child.stdin.close()
    async with asyncio.timeout(10):
        assert await child.wait() == 0


async def test_time_over_leaves_the_rest_to_another_time(parser: Parser) -> None:
    mails = [mail(f"第{i}封", str(i)) for i in range(4)]
    (first,) = await parser.parse(mails, 0.0)
    assert not isinstance(first, Permanent)
    assert first[0].message.text == "第0封"
    # What the child was still to say is not taken for the answer to something else.
    (next_,) = await parser.parse([mail("别的")], LONG)
    assert not isinstance(next_, Permanent)
    assert next_[0].message.text == "别的"


async def test_a_reading_that_was_cancelled_leaves_no_answer_behind(parser: Parser) -> None:
    await parser.parse([mail()], LONG)
    reading = asyncio.create_task(parser.parse([mail(f"甲{i}", str(i)) for i in range(50)], LONG))
    await asyncio.sleep(0.005)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    (outcome,) = await parser.parse([mail("乙")], LONG)
    assert not isinstance(outcome, Permanent)
    assert outcome[0].message.text == "乙"


async def test_closing_does_not_wait_for_what_is_being_read(parser: Parser) -> None:
    await parser.parse([mail()], LONG)
    os.kill(pid(parser), signal.SIGSTOP)
    reading = asyncio.create_task(parser.parse([mail("慢")], LONG))
    await asyncio.sleep(0.05)
    async with asyncio.timeout(2):
        await parser.close()
        with pytest.raises(Temporary):
            await reading


def test_a_fault_of_the_reader_costs_one_mail_and_tells_nothing_of_it() -> None:
    class Faulty:
        def normalize(self, _: Envelope) -> list[object]:
            raise ValueError("wang@example.com wrote: my password is 123")

    (head,) = _answered(cast(Channel, Faulty()), mail())
    trouble = json.loads(head)["trouble"]
    assert "ValueError, test_parser.py:" in trouble
    assert "password" not in trouble


def test_the_parser_child_does_not_load_servers_and_clients() -> None:
    script = (
        "import sys; from channels import registry; registry.create('email', {}, b'');"
        "heavy = {'aiosmtpd', 'aiosmtplib', 'aiohttp', 'sqlalchemy'};"
        "print(sorted(heavy.intersection(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )
    assert done.stdout.strip() == "[]"


async def test_a_system_without_room_for_a_child_is_no_fault_of_the_mail(
    parser: Parser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_line: object, **_options: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", full)
    with pytest.raises(Temporary):
        await parser.parse([mail()], LONG)
