"""Whoever dawdles on a connection does not keep it, and a garbled body is no fault of ours.

On real sockets, with short times.
"""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from workers.monitoring import logs
from workers.roles import door

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


async def _echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int) -> AsyncIterator[int]:
    monkeypatch.setattr(door, "_QUIET_SECONDS", 0.2)
    monkeypatch.setattr(door, "_BODY_SECONDS", 0.2)
    app = web.Application()
    app.router.add_post("/", _echo)
    async with door.serving(app, "desk", "127.0.0.1", unused_tcp_port):
        yield unused_tcp_port


@pytest.mark.parametrize(
    ("first", "drip"),
    [
        (b"", b""),
        (b"", b"\r\n"),
        (HEAD, b"a"),
        (HEAD + b"Content-Length: 100000\r\n\r\n", b"a"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
        (HEAD + b"Content-Length: 1\r\n\r\na" + HEAD, b"a"),
    ],
    ids=["silent", "lines", "head", "body", "chunks", "second"],
)
async def test_who_dawdles_is_hung_up_on(
    port: int, first: bytes, drip: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "_LONGEST_BODY_SECONDS", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(first)

    async def dawdle() -> None:
        while True:
            writer.write(drip)
            await asyncio.sleep(0.02)

    dawdling = asyncio.create_task(dawdle())
    try:
        async with asyncio.timeout(3.0):
            await asyncio.gather(reader.read(), return_exceptions=True)
    finally:
        dawdling.cancel()
        writer.close()


async def test_who_is_only_large_is_heard(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD + b"Content-Length: 20000\r\n\r\n")
    for _ in range(20):
        writer.write(b"a" * 1000)
        await asyncio.sleep(0.02)
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()


@pytest.mark.parametrize(
    "garbled",
    [
        b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain",
        b"Content-Encoding: deflate\r\nContent-Length: 5\r\n\r\nplain",
    ],
)
async def test_a_body_that_is_not_what_its_headers_say_is_refused(
    port: int, garbled: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD + garbled)
    assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_a_garbled_body_that_no_handler_reads_fills_no_log(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    server = logging.getLogger("aiohttp.server")
    server.addFilter(logs._is_ours)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        gzip = b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain"
        writer.write(HEAD.replace(b" / ", b" /nowhere ") + gzip)
        assert (await reader.readline()).startswith(b"HTTP/1.1 404 ")
        await reader.read()
        writer.close()
    finally:
        server.removeFilter(logs._is_ours)
    assert caplog.records == []


async def test_who_hangs_up_in_the_middle_of_a_body_fills_no_log(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler that lets everything through, as those of most channels."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD + b"Content-Length: 100\r\n\r\nhalf")
    await writer.drain()
    writer.close()
    reader, after = await asyncio.open_connection("127.0.0.1", port)
    after.write(HEAD + b"Content-Length: 5\r\nConnection: close\r\n\r\nwhole")
    assert b"whole" in await reader.read()
    after.close()
    assert caplog.records == []


async def test_another_line_that_breaks_is_an_error(
    unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_: web.Request) -> web.Response:
        raise ConnectionResetError("somebody else's")

    app = web.Application()
    app.router.add_post("/", broken)
    async with door.serving(app, "desk", "127.0.0.1", unused_tcp_port):
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        writer.write(HEAD + b"\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 500 ")
        writer.close()
    assert [record.name for record in caplog.records] == ["aiohttp.server"]
