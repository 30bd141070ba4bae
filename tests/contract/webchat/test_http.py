"""The fallback without sockets: the same ids and rules, in the words of HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse

from models.errors import StorageFull, Temporary
from models.message import Envelope, Receipt
from tests.contract.webchat.site import Site, hear, hello, say, site


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path, poll_seconds=5) as made:
        yield made


class Visitor:
    """A client that uses nothing but HTTP."""

    def __init__(self, door: Site) -> None:
        self._door = door
        self.token = ""
        self.key = ""

    async def post(self, path: str, frame: Any, **headers: str) -> tuple[ClientResponse, Any]:
        headers = self._door.origin | {"Authorization": f"Bearer {self.token}"} | headers
        body = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
        headers.setdefault("Content-Type", "application/json")
        url = f"{self._door.url}/webchat/{path}"
        async with self._door.http.post(url, data=body, headers=headers) as response:
            text = await response.text()
            return response, json.loads(text) if text else None

    async def poll(self, after: int, ticket: str = "") -> Any:
        query = f"after={after}" + (f"&ticket={ticket}" if ticket else "")
        async with self._door.http.get(
            f"{self._door.url}/webchat/messages?{query}",
            headers={"Authorization": f"Bearer {self.token}"},
        ) as response:
            return await response.json()

    async def enter(self, **fields: Any) -> Any:
        _, welcome = await self.post("session", {"type": "hello", **fields})
        self.token, self.key = welcome["token"], welcome["conversation"]
        return welcome


@pytest.fixture
async def visitor(door: Site) -> Visitor:
    made = Visitor(door)
    await made.enter()
    return made


async def test_send_and_long_poll(door: Site, visitor: Visitor) -> None:
    msg = say("退款什么时候到")
    response, ack = await visitor.post("messages", msg)
    assert (response.status, ack["type"], ack["client_id"]) == (200, "ack", msg["client_id"])
    waiting = asyncio.create_task(visitor.poll(0))
    await asyncio.sleep(0)
    await door.work()
    told = await waiting
    assert [(e["seq"], e["client_id"]) for e in told["events"]] == [(1, msg["client_id"])]
    number = await door.queue_ticket(visitor.key)
    assert (await visitor.poll(1))["ticket"] == number
    waiting = asyncio.create_task(visitor.poll(1, number))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await door.answer(visitor.key, "三个工作日内")
    assert [e["text"] for e in (await waiting)["events"]] == ["三个工作日内"]
    response, nothing = await visitor.post("read", {"type": "read", "seq": 2})
    assert (response.status, nothing) == (204, None)
    talk = await door.store.conversations.find("webchat", "web", visitor.key)
    assert talk is not None
    assert talk.read_seq == 2


async def test_a_poll_ends_empty(tmp_path: Path) -> None:
    async with site(tmp_path, poll_seconds=0.05) as door:
        visitor = Visitor(door)
        await visitor.enter()
        assert await visitor.poll(0) == {
            "type": "events", "events": [], "ticket": None, "seen": 0,
            "queue": {"position": 0, "wait": None},
        }  # fmt: skip


async def test_both_transports_are_one_conversation(door: Site, visitor: Visitor) -> None:
    msg = say("网络不好")
    _, first = await visitor.post("messages", msg)
    async with door.socket() as ws:
        assert (await hello(ws, token=visitor.token))["conversation"] == visitor.key
        await ws.send_json(msg)
        assert await hear(ws) == first, "a resend over the other transport is the same message"


@pytest.mark.parametrize("error", [Temporary("down"), StorageFull("full")])
async def test_a_store_that_is_down_is_503(door: Site, visitor: Visitor, error: Temporary) -> None:
    async def fail(_: Sequence[Envelope]) -> list[Receipt]:
        raise error

    door.accepting = fail
    response, told = await visitor.post("messages", say("有人吗，要退货"))
    assert (response.status, told["code"]) == (503, "busy")
    assert int(response.headers["Retry-After"]) >= 1
    assert not door.accepted


async def test_conflict_is_409(visitor: Visitor) -> None:
    msg = say("一句话")
    await visitor.post("messages", msg)
    response, told = await visitor.post("messages", msg | {"text": "另一句话"})
    assert (response.status, told["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("messages", b"{", 400, "malformed"),
        ("messages", b"\xff\xfe", 400, "malformed"),
        ("messages", say("x") | {"colour": "red"}, 422, "invalid"),
        ("messages", {"type": "ping"}, 422, "invalid"),
        ("messages", say(" "), 422, "empty"),
        ("messages", b"x" * (32 * 1024 + 1), 413, "too_large"),
        ("session", {"type": "ping"}, 422, "hello"),
        ("session", {"type": "hello", "token": "guess"}, 401, "session"),
        ("session", {"type": "hello", "lang": "\u0000"}, 422, "invalid"),
        ("read", {"type": "ping"}, 422, "invalid"),
    ],
)
async def test_bad_requests(
    visitor: Visitor, path: str, body: Any, status: int, code: str
) -> None:
    response, told = await visitor.post(path, body)
    assert (response.status, told["code"]) == (status, code)
    assert " / " in told["message"]


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer x", "Basic eDp5", "Bearer 你好"])
async def test_no_session_is_401(visitor: Visitor, authorization: str) -> None:
    response, told = await visitor.post("messages", say("谁"), Authorization=authorization)
    assert (response.status, told["code"]) == (401, "session")


async def test_other_media_types_are_415(visitor: Visitor) -> None:
    # Such a request a page may send anywhere without asking first (a CORS simple request).
    response, _ = await visitor.post("messages", say("x"), **{"Content-Type": "text/plain"})
    assert response.status == 415


async def test_a_body_that_is_not_packed_as_it_says(visitor: Visitor) -> None:
    response, told = await visitor.post("messages", b"no gzip", **{"Content-Encoding": "gzip"})
    assert (response.status, told["code"]) == (400, "malformed")


async def test_a_chunked_body_is_cut_off_at_the_limit(door: Site, visitor: Visitor) -> None:
    async def flood() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"x" * 1024

    headers = door.origin | {
        "Authorization": f"Bearer {visitor.token}",
        "Content-Type": "application/json",
    }
    url = f"{door.url}/webchat/messages"
    async with door.http.post(url, data=flood(), headers=headers) as response:
        assert response.status == 413


@pytest.mark.parametrize("after", ["-1", "x", "²", "9" * 30])
async def test_a_number_that_is_none(door: Site, visitor: Visitor, after: str) -> None:
    headers = {"Authorization": f"Bearer {visitor.token}"}
    url = f"{door.url}/webchat/messages"
    async with door.http.get(url, params={"after": after}, headers=headers) as response:
        assert response.status == 422


async def test_flood_is_429_with_retry_after(tmp_path: Path) -> None:
    async with site(tmp_path, message_burst=1, messages_per_minute=6) as door:
        visitor = Visitor(door)
        await visitor.enter()
        await visitor.post("messages", say("一"))
        response, told = await visitor.post("messages", say("二"))
        assert (response.status, told["code"]) == (429, "rate")
        assert response.headers["Retry-After"] == "10"
        door.clock.now += 10
        response, _ = await visitor.post("messages", say("三"))
        assert response.status == 200


async def test_fresh_sessions_make_no_flood_of_tickets(tmp_path: Path) -> None:
    async with site(tmp_path, visitors_per_hour=2, missing_origin=True) as door:
        visitors = [Visitor(door) for _ in range(3)]
        told = []
        for visitor in visitors:
            await visitor.enter()
            told.append((await visitor.post("messages", say("刷单")))[0])
        assert [response.status for response in told] == [200, 200, 429]
        assert told[2].headers["Retry-After"] == "1800"
        # Who has begun goes on.
        assert (await visitors[0].post("messages", say("还在吗")))[0].status == 200
        door.clock.now += 1800
        assert (await visitors[2].post("messages", say("到我了")))[0].status == 200
        assert len({one.transport["conversation"] for one in door.accepted}) == 3


async def test_one_address_cannot_ask_without_end(tmp_path: Path) -> None:
    async with site(tmp_path, request_burst=3, requests_per_minute=60) as door:
        visitor = Visitor(door)
        statuses = [(await visitor.post("session", {"type": "hello"}))[0].status for _ in "1234"]
        assert statuses == [200, 200, 200, 429]


async def test_origins_over_http(tmp_path: Path) -> None:
    async with site(tmp_path, origins=["https://shop.example"]) as door:
        visitor = Visitor(door)
        hi = {"type": "hello"}
        response, _ = await visitor.post("session", hi, Origin="https://shop.example")
        assert response.headers["Access-Control-Allow-Origin"] == "https://shop.example"
        assert response.headers["Vary"] == "Origin"
        response, told = await visitor.post("session", hi, Origin="https://evil.example")
        assert (response.status, told["code"]) == (403, "origin")
        assert "Access-Control-Allow-Origin" not in response.headers
        response, _ = await visitor.post("session", hi, Origin="")
        assert response.status == 403


@pytest.mark.parametrize(("origin", "shared"), [("https://shop.example", True), ("null", False)])
async def test_preflight(tmp_path: Path, origin: str, shared: bool) -> None:
    async with site(tmp_path, origins=["https://shop.example"]) as door:
        url, headers = f"{door.url}/webchat/messages", {"Origin": origin}
        async with door.http.options(url, headers=headers) as response:
            assert response.status == 204
            assert ("Access-Control-Allow-Origin" in response.headers) is shared
            assert "Authorization" in response.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_the_page_runs_nothing_inline_and_nothing_foreign(tmp_path: Path, lang: str) -> None:
    options = {
        "desk_url": "http://127.0.0.1:8081/desk",
        "mail_address": "support@localhost",
        "smtp_address": "127.0.0.1:2525",
    }
    async with site(tmp_path, **options) as door:
        async with door.http.get(f"{door.url}/?lang={lang}") as response:
            page = await response.text()
            policy = response.headers["Content-Security-Policy"]
            assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "<script>" not in page
        assert "style=" not in page
        assert "support@localhost" in page
        assert ">http://127.0.0.1:8081/desk<" in page
        assert f'href="http://127.0.0.1:8081/desk?lang={lang}"' in page
        assert "SMTP(&#x27;127.0.0.1&#x27;, 2525)" in page
        assert f'lang="{"zh-CN" if lang == "zh" else "en"}"' in page


async def test_the_widget_is_small_and_cached(door: Site) -> None:
    url = f"{door.url}/webchat/widget.js"
    async with door.http.get(url, headers={"Accept-Encoding": "gzip"}) as response:
        script = await response.text()
        assert response.headers["Content-Encoding"] == "gzip"
        assert int(response.headers["Content-Length"]) <= 20 * 1024
        assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        etag = response.headers["ETag"]
    assert not any(place in script for place in ("@widget.css", "@looks", "@parts"))
    async with door.http.get(url, headers={"If-None-Match": etag}) as response:
        assert response.status == 304
    async with door.http.get(url, headers={"Accept-Encoding": "identity"}) as response:
        assert "Content-Encoding" not in response.headers
        assert await response.text() == script


async def test_without_the_demo_page(tmp_path: Path) -> None:
    async with site(tmp_path, demo_page=False) as door, door.http.get(f"{door.url}/") as response:
        assert response.status == 404
