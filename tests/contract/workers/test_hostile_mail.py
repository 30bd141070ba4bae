"""What the costliest mails cost in the child that reads them (bar: 2 s of CPU, 256 MB)."""

from collections.abc import AsyncIterator

import psutil
import pytest

from bench.hostile import MAILS
from models.errors import Permanent
from models.message import Envelope, Lane
from workers.messages.parser import Parser

SECONDS, MEGABYTES = 2.0, 256
OPTIONS = {"mailboxes": [{"address": "support@example.com", "account": "support"}]}


@pytest.fixture
async def parser() -> AsyncIterator[Parser]:
    made = Parser({"email": OPTIONS}, {"email": b"s"}, seconds=10.0, memory_mb=MEGABYTES)
    await made.warm()
    yield made
    await made.close()


async def test_no_mail_costs_more_than_it_may(parser: Parser) -> None:
    dear: list[str] = []
    for name, raw in MAILS.items():
        await parser.warm()
        process = parser._process
        assert process is not None
        child = psutil.Process(process.pid)
        before = child.cpu_times()
        envelope = Envelope("e", "email", "support", "d", raw, 1_700_000_000.0, Lane.MAIL)
        (outcome,) = await parser.parse([envelope], 60.0)
        assert isinstance(outcome, Permanent) or len(outcome) == 1
        if parser._process is not process:
            dear.append(f"{name}: the child was killed ({outcome})")
            continue
        after = child.cpu_times()
        used = after.user + after.system - before.user - before.system
        kind = "refused" if isinstance(outcome, Permanent) else "read"
        print(f"{name:22} {kind:8} {used:.2f} s CPU")
        if used > SECONDS:
            dear.append(f"{name}: {used:.1f} s")
    assert not dear
