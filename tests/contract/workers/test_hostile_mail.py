"""What the costliest mails cost in the child that reads them (bar: 2 s of CPU, 256 MB)."""

from collections.abc import AsyncIterator

import psutil
import pytest

from models.errors import Permanent
from models.message import Envelope, Lane
from workers.parser import Parser

SECONDS, MEGABYTES = 2.0, 256
OPTIONS = {"mailboxes": [{"address": "support@example.com", "account": "support"}]}
_HEAD = b"From: a@b.example\r\nMIME-Version: 1.0\r\n"


def _nested(depth: int) -> bytes:
    opening = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n)
        for n in range(depth)
    )
    return _HEAD + opening + b"\r\nend\r\n"


def _parts(count: int) -> bytes:
    return (
        _HEAD
        + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
        + (b"--b\r\n\r\nx\r\n" * count + b"--b--\r\n")
    )


def _html(source: bytes) -> bytes:
    return _HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n" + source


MAILS = {
    "100,000 headers": b"".join(b"X-%d: y\r\n" % n for n in range(100_000)) + b"\r\nx",
    "a header of 20 MB": b"Subject: " + b"x" * 20_000_000 + b"\r\n\r\nx",
    "200,000 parts": _parts(200_000),
    "nested 2,000 deep": _nested(2_000),
    "a line of 24 MB": _HEAD + b"\r\n" + b"x" * 24_000_000,
    "16 KB of ;": _HEAD + b"Content-Type: text/plain" + b";" * 16_384 + b"\r\n\r\nx",
    "5 MB of HTML": _html(b"<p>hello <b>world</b></p>" * 210_000),
    "5 MB of open tags": _html(b"<div>" * 1_000_000),
    "5 MB of attributes": _html(b"<a " + b"x=y " * 1_250_000 + b">"),
    "5 MB of <": _html(b"<" * 5_000_000),
    "5 MB of entities": _html(b"&lt;" * 1_250_000),
    "many encoded words": b"Subject: " + b"=?utf-8?q?a?= " * 1_100 + b"\r\n" + _HEAD + b"\r\nx",
    "many addresses": b"To: " + b"a@b.example, " * 4_900 + b"\r\n" + _HEAD + b"\r\nx",
    "brackets": b"From: " + b"(" * 16_000 + b"\r\nTo: " + b"<" * 16_000 + b"\r\n\r\nx",
    "false boundaries": _HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    + b"--bx\r\n" * 1_000_000,
    "20 MB of base64": _HEAD
    + b"Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + (b"QUJD" * 19 + b"\r\n") * 256_000,
    "quoted-printable": _HEAD
    + b"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    + b"=E4=BD=A0=\r\n" * 800_000,
    "5 MB of quotation": _HEAD + b"\r\n" + b"> \r\n" * 1_250_000,
}  # fmt: skip


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
