"""A local fake of a platform's HTTP side, that misbehaves when it is told to."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl

from aiohttp import web


@dataclass(frozen=True)
class Misdeed:
    """What is done to a request instead of what the platform documents."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    drop: bool = False
    slow: bool = False


_SPARED = (
    "/getUpdates", "/apps.connections.open", "/tenant_access_token/internal", "/stable_token",
    "/oauth2/accessToken", "/gateway/connections/open", "/gettoken", "/kf/sync_msg",
)  # fmt: skip
"""Misdeeds are meant for what a test asks, not for what a channel asks by itself before it."""

DROP, SLOW = Misdeed(drop=True), Misdeed(slow=True)


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    fields: Mapping[str, Any]
    raw: bytes


class Driver(Protocol):
    """What the fake asks of the one who knows the platform."""

    def answers(self, asked: Asked, /) -> Any:
        """JSON, a response, or a coroutine that gives either."""

    async def serve(self, request: web.Request, /) -> web.StreamResponse:
        """The platform's end of a WebSocket."""
        ...


class Platform:
    """Keeps what it was asked, does the misdeeds in order, then behaves."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.asked: list[Asked] = []
        self.misdeeds: list[Misdeed | None] = []
        """In order; None is good behaviour. A poll or a log-in is never misdone."""
        self.url = ""

    def of(self, end: str) -> list[Asked]:
        """The requests to paths that end like this."""
        return [one for one in self.asked if one.path.endswith(end)]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        asked = Asked(
            request.path, dict(request.query), dict(request.headers), _fields(request, raw), raw
        )
        self.asked.append(asked)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._driver.serve(request)
        spared = request.path.endswith(_SPARED)
        misdeed = self.misdeeds.pop(0) if self.misdeeds and not spared else None
        if misdeed is not None:
            return await self._misbehave(request, misdeed)
        answer = self._driver.answers(asked)
        if asyncio.iscoroutine(answer):
            answer = await answer
        if isinstance(answer, web.StreamResponse):
            return answer
        return web.json_response(answer)

    async def _misbehave(self, request: web.Request, misdeed: Misdeed) -> web.StreamResponse:
        if misdeed.drop:
            assert request.transport is not None
            request.transport.abort()
        if misdeed.slow:
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            for _ in range(100):  # a byte now and then, and never all of them
                await response.write(b" ")
                await asyncio.sleep(0.1)
        return web.Response(
            status=misdeed.status, headers=misdeed.headers, text=misdeed.body,
            content_type="application/json",
        )  # fmt: skip


def _fields(request: web.Request, raw: bytes) -> Mapping[str, Any]:
    if request.content_type == "application/json":
        return dict(json.loads(raw or b"{}"))
    form = request.content_type == "application/x-www-form-urlencoded"
    return {**request.query, **(dict(parse_qsl(raw.decode())) if form else {})}


@asynccontextmanager
async def platform(driver: Driver) -> AsyncIterator[Platform]:
    made = Platform(driver)
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", made.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()
