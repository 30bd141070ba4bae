"""The desk's API over a real SQLite store; every answer is held against openapi.yaml."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientWebSocketResponse, WSMsgType
from aiohttp.test_utils import TestClient, TestServer

from desk.app import create_app
from tests.contract.desk.spec import Spec
from tests.contract.desk.world import PASSWORD, World, world
from tests.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def house(tmp_path: Path, clock: FakeClock) -> AsyncIterator[World]:
    async with world(tmp_path, clock=clock) as made:
        yield made


@pytest.fixture(scope="session")
def spec() -> Spec:
    return Spec()


class Answer:
    """A response that was read and found to be as documented."""

    def __init__(self, status: int, headers: Mapping[str, str], raw: bytes) -> None:
        self.status = status
        self.headers = headers
        self.raw = raw

    @property
    def json(self) -> Any:
        return json.loads(self.raw)


class Desk:
    """One person's client."""

    def __init__(self, client: TestClient, spec: Spec) -> None:
        self.client = client
        self.headers = {"X-Shouli-Desk": "1"}
        self._spec = spec

    async def call(self, method: str, path: str, body: object = None, **options: Any) -> Answer:
        if body is not None:
            options["json"] = body
        headers = self.headers | options.pop("headers", {})
        response = await self.client.request(
            method, f"/api/v1{path}", headers=headers, allow_redirects=False, **options
        )
        raw = await response.read()
        self._check(method, response, raw)
        return Answer(response.status, response.headers, raw)

    def _check(self, method: str, response: ClientResponse, raw: bytes) -> None:
        content = json.loads(raw) if response.content_type == "application/json" else None
        self._spec.check(method, response.url.path, response.status, content)

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.call("GET", path, **options)

    async def post(self, path: str, body: object = None, **options: Any) -> Answer:
        return await self.call("POST", path, body, **options)


async def connect(desk: Desk, last_seq: int = 0) -> ClientWebSocketResponse:
    own = str(desk.client.make_url("/")).rstrip("/")
    ws = await desk.client.ws_connect("/api/v1/ws", headers={"Origin": own})
    await ws.send_json({"type": "hello", "last_seq": last_seq})
    return ws


async def frame(ws: ClientWebSocketResponse, *kinds: str) -> Any:
    """The next frame of one of these kinds."""
    async with asyncio.timeout(5):
        while True:
            message = await ws.receive()
            assert message.type == WSMsgType.TEXT, message
            found = json.loads(message.data)
            if found["type"] in kinds:
                return found


async def say(desk: Desk, ticket: str, text: str = "您好", **options: Any) -> Any:
    body = {"text": text, "client_id": "client-0001"} | options
    return await desk.post(f"/tickets/{ticket}/reply", body)


Visit = Callable[..., Awaitable[Desk]]


@pytest.fixture
async def visit(house: World, spec: Spec) -> AsyncIterator[Visit]:
    """``await visit("li")`` logs in; ``await visit()`` is a stranger."""
    server = TestServer(create_app(house.services))
    await server.start_server()
    clients: list[TestClient] = []

    async def visit(login: str | None = None) -> Desk:
        client = TestClient(server)
        clients.append(client)
        desk = Desk(client, spec)
        if login is not None:
            answer = await desk.post("/login", {"login": login, "password": PASSWORD})
            assert answer.status == 200
        return desk

    yield visit
    for client in clients:
        await client.session.close()
    await server.close()
