"""The line to DingTalk: opened anew, listened to until its end, and nothing on it is forgotten."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from channels.dingtalk import DingtalkChannel
from channels.dingtalk import stream as stream_module
from models.errors import Permanent
from tests.contract.channels.drivers.dingtalk import (
    CLIENT_SECRET,
    TICKET,
    DingtalkStream,
    message,
)
from tests.contract.channels.house import House, house
from tests.contract.channels.kit import marked
from tests.contract.channels.platform import Asked, Platform, platform


class Gateway(DingtalkStream):
    """DingTalk's own end, which can refuse a line, and send anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.refuse: list[web.Response] = []
        self.endpoint = ""

    def answers(self, asked: Asked) -> Any:
        if asked.path == "/v1.0/gateway/connections/open":
            if self.refuse:
                return self.refuse.pop(0)
            if self.endpoint:
                return {"endpoint": self.endpoint, "ticket": TICKET}
        return super().answers(asked)

    async def until(self, what: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not what():
                await asyncio.sleep(0.01)


class Place:
    def __init__(self, house: House, fake: Platform, gateway: Gateway) -> None:
        self.house, self.fake, self.gateway = house, fake, gateway


Start = Callable[..., Awaitable[Place]]


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    monkeypatch.setattr(stream_module, "_PAUSES", (0.02, 0.05))
    async with AsyncExitStack() as stack:

        async def start(refuse: tuple[web.Response, ...] = (), endpoint: str = "") -> Place:
            gateway = Gateway()
            fake = await stack.enter_async_context(platform(gateway))
            channel = gateway.create(fake.url)
            gateway.refuse, gateway.endpoint = list(refuse), endpoint
            lent = await stack.enter_async_context(house(tmp_path, channel))
            return Place(lent, fake, gateway)

        yield start


def text(number: int) -> str:
    return json.dumps(message(number), ensure_ascii=False)


async def test_what_cannot_be_stored_is_kept_and_acknowledged_later(place: Start) -> None:
    """DingTalk does not promise to send it again."""
    made = await place()
    made.house.failing = True
    acked = [await made.gateway.push(text(number)) for number in (1, 2)]
    await asyncio.wait_for(made.house.entered.wait(), 10)
    await asyncio.sleep(0.1)
    assert not any(one.is_set() for one in acked)
    made.house.failing = False
    for one in acked:
        await asyncio.wait_for(one.wait(), 10)
    await made.house.work()
    assert [words for _, words in await made.house.said()] == [marked(1), marked(2)]


async def test_it_is_stored_though_its_line_has_ended_meanwhile(place: Start) -> None:
    made = await place()
    made.house.gate.clear()
    await made.gateway.push(text(1))
    await asyncio.wait_for(made.house.entered.wait(), 10)
    await (await made.gateway.line()).close()
    made.house.gate.set()
    await made.gateway.until(lambda: len(made.house.accepted) == 1)
    again = await made.gateway.push(text(2))
    await asyncio.wait_for(again.wait(), 10)
    assert made.gateway.lines == 2


async def test_one_message_in_two_pushes_is_there_once(place: Start) -> None:
    made = await place()
    for _ in range(2):
        await asyncio.wait_for((await made.gateway.push(text(1))).wait(), 10)
    await made.house.work()
    assert [words for _, words in await made.house.said()] == [marked(1)]


async def test_too_many_that_wait_are_not_read(
    place: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "_MOST_HELD", 2)
    made = await place()
    made.house.gate.clear()
    acked = [await made.gateway.push(text(number)) for number in (1, 2, 3, 4)]
    await made.gateway.until(lambda: len(_stream(made)._held) == 2)
    await asyncio.sleep(0.1)
    assert len(_stream(made)._held) == 2
    made.house.gate.set()
    for one in acked:
        await asyncio.wait_for(one.wait(), 10)
    assert len(made.house.accepted) == 4


def _stream(made: Place) -> stream_module.Stream:
    assert isinstance(made.house.channel, DingtalkChannel)
    assert made.house.channel._stream is not None
    return made.house.channel._stream


async def test_a_line_that_is_to_end_is_heard_to_its_end(place: Start) -> None:
    made = await place()
    first = await made.gateway.line()
    told = {"topic": "disconnect", "contentType": "application/json"}
    reason = '{"reason": "connection is expired"}'
    await first.send_json({"type": "SYSTEM", "headers": told, "data": reason})
    await made.gateway.until(lambda: made.gateway.lines == 2)
    second, made.gateway.socket = made.gateway.socket, first
    late = await made.gateway.push(text(1))  # what was on its way
    await asyncio.wait_for(late.wait(), 10)
    await first.close()
    made.gateway.socket = second
    await asyncio.wait_for((await made.gateway.push(text(2))).wait(), 10)
    await asyncio.sleep(0.1)
    assert made.gateway.lines == 2, "one line is enough"


async def test_a_ping_is_answered_with_what_it_brought(place: Start) -> None:
    made = await place()
    told = {"topic": "ping", "messageId": "p1", "contentType": "application/json"}
    line = await made.gateway.line()
    await line.send_json({"type": "SYSTEM", "headers": told, "data": '{"opaque": "123-dsfs"}'})
    await made.gateway.until(lambda: bool(made.gateway.told))
    (answer,) = made.gateway.told
    assert (answer["code"], answer["headers"]["messageId"]) == (200, "p1")
    assert answer["data"] == '{"opaque": "123-dsfs"}'


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "not JSON",
        "[" * 100_000,
        "[]",
        "null",
        "{}",
        '{"type": "CALLBACK", "headers": null}',
        '{"type": "CALLBACK", "headers": {"topic": "/v1.0/im/bot/messages/get"}, "data": 5}',
        '{"type": "CALLBACK", "headers": {"topic": "/v1.0/card/instances/callback"}}',
        '{"type": "EVENT", "headers": {"topic": "*"}, "data": "{}"}',
        '{"type": "SYSTEM", "headers": {"topic": "ping"}, "data": null}',
    ],
)
async def test_broken_frames_end_nothing(place: Start, frame: str) -> None:
    made = await place()
    await (await made.gateway.line()).send_str(frame)
    await (await made.gateway.line()).send_bytes(b"\x00\xff")
    await asyncio.wait_for((await made.gateway.push(text(1))).wait(), 10)
    assert made.gateway.lines == 1
    assert len(made.house.accepted) == 1


@pytest.mark.parametrize("data", ["", "no JSON", "[]", '{"msgId": ""}', '{"msgId": 5}'])
async def test_what_cannot_be_read_is_kept_all_the_same(place: Start, data: str) -> None:
    made = await place()
    for _ in range(2):
        await asyncio.wait_for((await made.gateway.push(data)).wait(), 10)
    assert len({one.dedupe_key for one in made.house.accepted}) == 1
    assert made.house.accepted[0].body == data.encode()
    with pytest.raises(Permanent):
        made.house.channel.normalize(made.house.accepted[0])


async def test_a_line_that_is_refused_is_asked_for_again(
    place: Start, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {"code": "authFailed", "message": "鉴权失败"}
    refusals = (
        web.json_response(told, status=401),
        web.Response(status=500, text="oops"),
        web.Response(text="<html>"),
        web.json_response({"endpoint": "http://127.0.0.1/x", "ticket": "t"}),
        web.json_response({"endpoint": "ws://127.0.0.1:9/", "ticket": "t"}),
        web.json_response({"endpoint": "ws://[", "ticket": "t"}),
    )
    made = await place(refusals)
    await asyncio.wait_for((await made.gateway.push(text(1))).wait(), 10)
    assert len(made.fake.of("/connections/open")) == len(refusals) + 1
    # Where it is logged to depends on whether a test before this one has configured that.
    logged = caplog.text + capsys.readouterr().out
    assert "HTTP 401 authFailed: check client_id, client_secret" in logged
    assert CLIENT_SECRET not in logged


async def test_a_line_that_does_not_open_is_told_until_it_does(place: Start) -> None:
    refused = {"code": "authFailed"}
    made = await place(tuple(web.json_response(refused, status=401) for _ in range(4)))
    channel = made.house.channel
    await made.gateway.until(lambda: channel.trouble is not None)
    assert channel.trouble.startswith(
        "连不上钉钉，收不到消息（HTTP 401 authFailed: check client_id"
    )
    await made.gateway.until(lambda: channel.trouble is None)
    await asyncio.wait_for((await made.gateway.push(text(1))).wait(), 10)


async def test_a_ticket_is_not_sent_in_the_clear(
    place: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the API is spoken to in private, the line has to be private, too."""
    made = await place()
    await made.gateway.line()
    stream, opened = _stream(made), []

    class Answer:
        status = 200

        async def read(self) -> bytes:
            return json.dumps({"endpoint": f"ws{made.fake.url[4:]}", "ticket": TICKET}).encode()

        async def __aenter__(self) -> "Answer":
            return self

        async def __aexit__(self, *_: object) -> None: ...

    class Http:
        def post(self, *_: object, **__: object) -> Answer:
            return Answer()

        async def ws_connect(self, url: object, **_: object) -> None:
            opened.append(url)

    http: Any = Http()
    private = stream._options.model_copy(update={"base_url": "https://api.dingtalk.com"})
    monkeypatch.setattr(stream, "_options", private)
    with pytest.raises(stream_module.NotOpened):
        await stream._connected(http)
    assert opened == []


async def test_closing_lets_finish_what_is_being_stored(place: Start) -> None:
    made = await place()
    made.house.gate.clear()
    acked = await made.gateway.push(text(1))
    await asyncio.wait_for(made.house.entered.wait(), 10)
    closing = asyncio.create_task(made.house.channel.close())
    await asyncio.sleep(0.05)
    made.house.gate.set()
    await asyncio.wait_for(closing, 10)
    assert len(made.house.accepted) == 1
    await asyncio.wait_for(acked.wait(), 10)


async def test_closing_does_not_wait_for_a_store_that_is_away(
    place: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "_PAUSES", (60.0,))
    made = await place()
    made.house.failing = True
    acked = await made.gateway.push(text(1))
    await asyncio.wait_for(made.house.entered.wait(), 10)
    await asyncio.wait_for(made.house.channel.close(), 3)
    assert not acked.is_set()


async def test_a_fault_in_storing_loses_nothing(
    place: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await place()
    envelopes, tries = made.house.store.envelopes, []
    accept = type(envelopes).accept

    async def odd(self: Any, *given: Any) -> Any:
        tries.append(given)
        if len(tries) == 1:
            raise OSError("the folder of the data is away")
        return await accept(self, *given)

    monkeypatch.setattr(type(envelopes), "accept", odd)
    acked = await made.gateway.push(text(1))
    await asyncio.wait_for(acked.wait(), 10)
    assert len(made.house.accepted) == 1
