"""A client that hangs up in the middle of a request is nobody's error."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Sequence

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from desk.app import create_app
from tests.contract.desk.world import World

HALF = b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of no seconds: closing sends RST."""

NOTED = {"event": "the client hung up", "log_level": "debug"}


@pytest.fixture
async def port(house: World) -> AsyncIterator[int]:
    """Where the desk is served as it is in earnest: aiohttp's own server for tests cancels
    handlers whose client has gone.
    """
    runner = web.AppRunner(create_app(house.services), shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def ask(
    port: int, head: Sequence[str], rest: bytes
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    host = f"127.0.0.1:{port}"
    lines = [f"{head[0]} HTTP/1.1", f"Host: {host}", f"Origin: http://{host}", *head[1:], ""]
    writer.write("\r\n".join(lines).encode() + rest)
    await writer.drain()
    return reader, writer


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize(
    ("line", "rest"),
    [
        ("POST /api/v1/login", HALF),
        ("PUT /api/v1/me/presence", HALF),
        ("POST /api/v1/search", HALF),
        ("GET /api/v1/ws", UPGRADE),
    ],
)
async def test_whoever_hangs_up_is_a_quiet_line(
    house: World, port: int, line: str, rest: bytes, reset: bool
) -> None:
    agent = await house.person("li")
    await house.services.store.agents.grant(agent, "session", "a-session", 60.0)
    with capture_logs() as logs:
        _, writer = await ask(port, [line, "Cookie: shouli=a-session"], rest)
        if reset:
            own = writer.get_extra_info("socket")
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.close()
        async with asyncio.timeout(5):
            while not logs:
                await asyncio.sleep(0.01)
    method, route = line.split()
    assert logs == [NOTED | {"method": method, "route": route}]


async def test_a_line_of_ours_that_breaks_is_an_error(
    house: World, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client is still there: what broke was on our side."""

    async def broken(*_: object) -> None:
        raise ConnectionResetError("somebody else's")

    monkeypatch.setattr(house.services.store.agents, "by_login", broken)
    body = b'{"login": "li", "password": "a long password"}'
    kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with capture_logs() as logs:
        reader, writer = await ask(port, ["POST /api/v1/login"], kind + body)
        assert b" 500 " in await reader.readline()
        writer.close()
    assert [each["event"] for each in logs] == ["request failed"]
