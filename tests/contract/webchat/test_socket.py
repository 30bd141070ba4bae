"""The WebSocket protocol against a real server and a real store."""

import asyncio
import json
import socket
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from channels.webchat import hub
from channels.webchat.lookup import Lookup
from channels.webchat.sockets import Connection
from models.errors import StorageFull, Temporary
from models.event_tail import EVENTS
from models.message import Choice, Envelope, Receipt
from models.store.dialogue.conversations import Conversations, Entry
from tests.contract.store import makers
from tests.contract.webchat.site import Site, hear, hello, say, site


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as made:
        yield made


async def test_a_message_is_acknowledged_threaded_and_answered(door: Site) -> None:
    async with door.socket() as ws:
        welcome = await hello(ws, lang="zh", page="https://shop.example/cart?secret=1")
        assert welcome["last_seq"] == 0
        assert "ticket" not in welcome
        msg = say("我的快递三天没有动静了")
        await ws.send_json(msg)
        ack = await hear(ws)
        assert ack["type"] == "ack"
        assert ack["client_id"] == msg["client_id"]
        stored = await door.store.envelopes.get(ack["envelope_id"])
        assert json.loads(stored.body) == msg
        assert stored.transport["page"] == "https://shop.example/cart"
        assert stored.transport["origin"] == door.url
        assert "127.0.0.1" not in str(stored.transport["peer"])

        await door.work()
        own = await hear(ws)
        assert (own["seq"], own["from"], own["client_id"]) == (1, "customer", msg["client_id"])
        number = await door.queue_ticket(welcome["conversation"])
        assert await hear(ws) == {"type": "ticket", "number": number}
        await door.answer(welcome["conversation"], "您好，已为您催促")
        answer = await hear(ws)
        assert (answer["seq"], answer["from"], answer["kind"]) == (2, "us", "reply")
        assert answer["text"] == "您好，已为您催促"


async def test_the_token_is_stored_nowhere(door: Site) -> None:
    async with door.socket() as ws:
        token = (await hello(ws))["token"]
        await ws.send_json(say("在吗"))
        await hear(ws)
    assert len(token) == 64
    envelope = door.accepted[0]
    assert token not in repr(envelope)


@pytest.mark.parametrize("error", [Temporary("down"), StorageFull("full")])
async def test_nothing_is_acknowledged_when_nothing_was_stored(
    door: Site, error: Temporary
) -> None:
    async def fail(_: Sequence[Envelope]) -> list[Receipt]:
        raise error

    async with door.socket() as ws:
        await hello(ws)
        door.accepting = fail
        msg = say("有人吗，要退货")
        await ws.send_json(msg)
        told = await hear(ws)
        assert (told["type"], told["client_id"]) == ("retry", msg["client_id"])
        assert told["after"] > 0
        door.accepting = None
        await ws.send_json(msg)
        assert (await hear(ws))["type"] == "ack"


async def test_no_acknowledgement_before_the_commit(door: Site) -> None:
    committed = asyncio.Event()

    async def hang(envelopes: Sequence[Envelope]) -> list[Receipt]:
        await committed.wait()
        return await door.store.envelopes.accept(envelopes)

    async with door.socket() as ws:
        await hello(ws)
        door.accepting = hang
        await ws.send_json(say("等待提交"))
        with pytest.raises(TimeoutError):
            await ws.receive_json(timeout=0.2)
    async with door.socket() as ws:
        await hello(ws)
        await ws.send_json(say("等待提交"))
        committed.set()
        assert (await hear(ws))["type"] == "ack"


async def test_a_resend_is_the_same_message_and_another_text_a_conflict(door: Site) -> None:
    msg = say("发票开错了")
    async with door.socket() as ws:
        token = (await hello(ws))["token"]
        await ws.send_json(msg)
        first = await hear(ws)
    async with door.socket() as ws:
        await hello(ws, token=token)
        await ws.send_json(dict(reversed(msg.items())))
        assert await hear(ws) == first
        await ws.send_json(msg | {"text": "另一句话"})
        error = await hear(ws)
        assert (error["code"], error["client_id"]) == ("conflict", msg["client_id"])
    async with door.socket() as ws:
        await hello(ws)
        await ws.send_json(msg)
        assert (await hear(ws))["envelope_id"] != first["envelope_id"], "another visitor's own"


async def test_resume_brings_everything_after_the_last_one_seen(door: Site) -> None:
    async with door.socket() as ws:
        welcome = await hello(ws)
        for text in ("第一句", "第二句", "第三句"):
            await ws.send_json(say(text))
            await hear(ws)
            door.clock.now += 1
        await door.work()
        assert [(await hear(ws))["text"] for _ in range(3)] == ["第一句", "第二句", "第三句"]
    await door.answer(welcome["conversation"], "收到")
    async with door.socket() as ws:
        again = await hello(ws, token=welcome["token"], last_seq=2)
        assert (again["conversation"], again["last_seq"]) == (welcome["conversation"], 4)
        assert again["ticket"].isdigit()
        assert [(await hear(ws))["seq"] for _ in range(2)] == [3, 4]
    async with door.socket() as ws:
        await hello(ws, token=welcome["token"], last_seq=99)
        await door.answer(welcome["conversation"], "还在吗")
        assert (await hear(ws))["text"] == "还在吗", "a client ahead of us is not left deaf"


async def test_choices_come_with_their_question_at_once_and_after_a_resume(door: Site) -> None:
    async with door.socket() as ws:
        welcome = await hello(ws)
        await ws.send_json(say("谢谢"))
        await hear(ws)
        await door.work()
        await hear(ws)
        offered = [
            Choice(value="rate:1:5", label="非常满意"),
            Choice(value="rate:1:1", label="差"),
        ]
        await door.answer(welcome["conversation"], "请问您满意吗？", choices=offered)
        at_once = await hear(ws)
        assert at_once["choices"] == [one.model_dump() for one in offered]
    async with door.socket() as ws:
        await hello(ws, token=welcome["token"], last_seq=1)
        assert await hear(ws) == at_once


async def number_told(ws: ClientWebSocketResponse) -> object:
    """The next number; where the visitor stands and who is there is told in between."""
    while True:
        frame = await hear(ws)
        if frame["type"] == "ticket":
            return frame["number"]


async def test_an_open_chat_hears_its_number_when_its_ticket_is_merged_and_taken_out(
    door: Site,
) -> None:
    async with door.socket() as ws:
        welcome = await hello(ws)
        await ws.send_json(say("充值没有到账"))
        await hear(ws)
        await door.work()
        await hear(ws)
        store = door.store
        talk = await store.conversations.find("webchat", "web", welcome["conversation"])
        assert talk is not None
        (gone,) = await store.tickets.of_conversation(talk.id)
        identity = await store.tickets.identity_of(gone.id)
        sender = (await store.people.senders([identity]))[identity]
        another = makers.envelope("k2", account="web")
        await makers.thread(store, another, conversation_key="another", sender=sender)
        (kept,) = await store.tickets.open_of_customer(gone.customer_id, talk.id, 9)
        await store.queue.route([makers.routed(new) for new in await store.queue.unlabelled(9)])
        await door.bus.publish(EVENTS)
        assert await number_told(ws) == gone.number
        person = await makers.agent(store)
        await store.merging.merge(gone.id, kept.id, person)
        await door.bus.publish(EVENTS)
        assert await number_told(ws) == kept.number
        await store.merging.undo(gone.id, person)
        await door.bus.publish(EVENTS)
        assert await number_told(ws) == gone.number


async def test_every_tab_of_a_visitor_hears_the_first_message(door: Site) -> None:
    async with door.socket() as one, door.socket() as two:
        welcome = await hello(one)
        await hello(two, token=welcome["token"])
        await one.send_json(say("两个窗口"))
        await hear(one)
        await door.work()
        assert (await hear(one))["text"] == (await hear(two))["text"] == "两个窗口"


async def test_read_marks_answers_as_delivered(door: Site) -> None:
    async with door.socket() as ws:
        welcome = await hello(ws)
        await ws.send_json(say("问题"))
        await hear(ws)
        await door.work()
        await hear(ws)
        await door.answer(welcome["conversation"], "回答")
        await hear(ws)
        await ws.send_json({"type": "read", "seq": 9})
        await ws.send_json({"type": "ping"})
        assert await hear(ws) == {"type": "pong"}
    talk = await door.store.conversations.find("webchat", "web", welcome["conversation"])
    assert talk is not None
    assert talk.read_seq == 2
    assert [e.state for e in await door.store.conversations.log(talk.id)] == ["", "delivered"]


async def test_a_visitor_hears_nothing_of_another(door: Site) -> None:
    async with door.socket() as one, door.socket() as two:
        await hello(one)
        await hello(two)
        await one.send_json(say("私密"))
        await hear(one)
        await door.work()
        await hear(one)
        await two.send_json({"type": "ping"})
        assert await hear(two) == {"type": "pong"}


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("{", "malformed"),
        ("[" * 30_000, "malformed"),
        ('{"type":"msg","client_id":"x","text":"a"}', "invalid"),
        ('{"type":"ping","extra":1}', "invalid"),
        ('{"type":"shout"}', "invalid"),
        ("[]", "invalid"),
        ('{"type":"read","seq":"1"}', "invalid"),
        ('{"type":"hello"}', "hello"),
        pytest.param(json.dumps(say(" \u0007\n ")), "empty", id="nothing-to-see"),
        (json.dumps(say("很" * 4001), ensure_ascii=False), "too_long"),
    ],
)
async def test_bad_frames_are_answered_with_a_sentence(door: Site, raw: str, code: str) -> None:
    async with door.socket() as ws:
        await hello(ws)
        await ws.send_str(raw)
        error = await hear(ws)
        assert (error["type"], error["code"]) == ("error", code)
        assert " / " in error["message"]
        await ws.send_json(say("还能说话"))
        assert (await hear(ws))["type"] == "ack"


async def test_binary_frames_are_refused(door: Site) -> None:
    async with door.socket() as ws:
        await hello(ws)
        await ws.send_bytes(b"\0")
        assert (await hear(ws))["code"] == "binary"


@pytest.mark.parametrize(("size", "closed"), [(32 * 1024, False), (32 * 1024 + 1, True)])
async def test_frames_over_32_kb_close_with_1009(door: Site, size: int, closed: bool) -> None:
    async with door.socket() as ws:
        await hello(ws)
        await ws.send_str("x" * size)
        if closed:
            assert (await ws.receive(timeout=10)).type is WSMsgType.CLOSE
            assert ws.close_code == 1009
        else:
            assert (await hear(ws))["code"] == "malformed"


async def test_only_hello_opens(door: Site) -> None:
    async with door.socket() as ws:
        await ws.send_json(say("没有握手"))
        assert (await hear(ws))["code"] == "hello"
        assert (await ws.receive()).type is WSMsgType.CLOSE
    async with door.socket() as ws:
        forged = "A" * 64
        assert (await hello(ws, token=forged))["code"] == "session"
        assert (await ws.receive()).type is WSMsgType.CLOSE


async def test_silence_instead_of_hello_ends_the_connection(tmp_path: Path) -> None:
    async with site(tmp_path, hello_seconds=0.05) as door, door.socket() as ws:
        assert (await ws.receive(timeout=5)).type is WSMsgType.CLOSE
        assert ws.close_code == 1008


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
async def test_foreign_origins_are_refused(door: Site, origin: str) -> None:
    with pytest.raises(WSServerHandshakeError) as caught:
        async with door.socket(Origin=origin):
            pass
    assert caught.value.status == 403


async def test_listed_origins_are_compared_exactly(tmp_path: Path) -> None:
    async with site(tmp_path, origins=["https://shop.example"]) as door:
        async with door.socket(Origin="https://shop.example") as ws:
            assert (await hello(ws))["type"] == "welcome"
        for near in ("http://shop.example", "https://shop.example.evil", "https://a.shop.example"):
            with pytest.raises(WSServerHandshakeError):
                async with door.socket(Origin=near):
                    pass


async def test_a_flood_is_told_to_wait_and_then_heard(tmp_path: Path) -> None:
    limits = {"message_burst": 2, "messages_per_minute": 60}
    async with site(tmp_path, **limits) as door, door.socket() as ws:
        await hello(ws)
        for expected in ("ack", "ack", "error"):
            msg = say("快点")
            await ws.send_json(msg)
            told = await hear(ws)
            assert told["type"] == expected
        assert (told["code"], told["client_id"]) == ("rate", msg["client_id"])
        assert told["retry_after"] == 1.0
        door.clock.now += 1.0
        await ws.send_json(msg)
        assert (await hear(ws))["type"] == "ack"


async def test_a_client_that_only_sends_rubbish_is_hung_up_on(door: Site) -> None:
    async with door.socket() as ws:
        await hello(ws)
        for _ in range(20):
            await ws.send_str("{")
        for _ in range(20):
            assert (await hear(ws))["code"] == "malformed"
        assert (await ws.receive(timeout=5)).type is WSMsgType.CLOSE


async def test_connections_of_one_address_are_counted(tmp_path: Path) -> None:
    async with site(tmp_path, connections_per_address=2) as door:
        async with door.socket(), door.socket():
            with pytest.raises(WSServerHandshakeError) as caught:
                async with door.socket():
                    pass
            assert caught.value.status == 429
        async with door.socket() as ws:
            assert (await hello(ws))["type"] == "welcome"


async def test_the_idle_are_sent_home(door: Site) -> None:
    async with door.socket() as ws, door.socket() as busy:
        await hello(ws)
        await hello(busy)
        door.clock.now += 3599
        await busy.send_json(say("我还在"))
        await hear(busy)
        door.clock.now += 2
        sockets = door.channel._sockets  # type: ignore[attr-defined]
        asked = asyncio.create_task(sockets.sweep())
        assert (await ws.receive(timeout=5)).type is WSMsgType.CLOSE
        assert ws.close_code == 4408
        assert await asked == 1


async def test_closing_says_so(tmp_path: Path) -> None:
    async with site(tmp_path) as door, door.socket() as ws:
        await hello(ws)
        closing = asyncio.create_task(door.channel.close())
        assert (await ws.receive(timeout=5)).type is WSMsgType.CLOSE
        assert ws.close_code == 1001
        await closing


def failing_once(real: Any) -> Any:
    failures = iter([Temporary("away")])

    async def flaky(*args: Any, **kwargs: Any) -> Any:
        for error in failures:
            raise error
        return await real(*args, **kwargs)

    return flaky


@pytest.mark.parametrize("where", ["entries", "keys"])
async def test_the_tail_survives_a_database_that_is_away(
    door: Site, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr("channels.webchat.hub._RETRY_SECONDS", 0.01)
    monkeypatch.setattr(Lookup, where, failing_once(getattr(Lookup, where)))
    async with door.socket() as ws:
        await hello(ws)
        await ws.send_json(say("数据库会回来"))
        await hear(ws)
        await door.work()
        assert (await hear(ws))["text"] == "数据库会回来"


async def test_events_that_cannot_be_read_silence_no_chat(
    door: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> Any:
        raise ValueError("nobody thought of this")

    monkeypatch.setattr(Lookup, "entries", broken)
    async with door.socket() as ws:
        await hello(ws)
        for text in ("第一句", "第二句"):
            await ws.send_json(say(text))
            await hear(ws)
            await door.work()
            assert (await hear(ws))["text"] == text


async def test_a_resume_waits_for_a_database_that_is_away(
    door: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.webchat.sockets.RETRY_SECONDS", 0.01)
    async with door.socket() as ws:
        welcome = await hello(ws)
        await ws.send_json(say("先说一句"))
        await hear(ws)
        await door.work()
        await hear(ws)
    log = failing_once(Conversations.log)
    monkeypatch.setattr(Conversations, "log", log)
    async with door.socket() as ws:
        await hello(ws, token=welcome["token"])
        assert (await hear(ws))["text"] == "先说一句"
    monkeypatch.setattr(Lookup, "find", failing_once(Lookup.find))
    async with door.socket() as ws:
        assert (await hello(ws, token=welcome["token"]))["code"] == "busy"
        assert (await ws.receive()).type is WSMsgType.CLOSE
        assert ws.close_code == 1013


async def test_a_slow_reader_gets_everything_in_order(
    door: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.webchat.sockets.PAGE", 3)
    monkeypatch.setattr("channels.webchat.hub.PAGE", 3)
    async with door.socket() as ws:
        welcome = await hello(ws)
        for n in range(8):
            await ws.send_json(say(f"第{n}句"))
            await hear(ws)
            door.clock.now += 1
        await door.work()
        assert [(await hear(ws))["seq"] for _ in range(8)] == list(range(1, 9))
        (connection,) = door.channel._sockets._open  # type: ignore[attr-defined]
        found = await Lookup(door.store.db, ["web"]).find("web", welcome["conversation"])
        assert found is not None
        log = await door.store.conversations.log(found.id)
        connection.seq = 4  # As if the entries came twice, out of turn, and one was missed.
        connection.wake([log[4], log[3], log[6]])
        assert [(await hear(ws))["seq"] for _ in range(4)] == [5, 6, 7, 8]
        connection.wake(log)
        await ws.send_json({"type": "ping"})
        assert await hear(ws) == {"type": "pong"}


async def test_who_reads_nothing_keeps_no_connection(tmp_path: Path) -> None:
    async with site(tmp_path, ping_seconds=1) as door:
        async with door.socket() as ws:
            welcome = await hello(ws)
            await ws.send_json(say("在吗"))
            await hear(ws)
            await door.work()
        await door.answer(welcome["conversation"], "长" * 2_000_000)
        host, port = door.url.removeprefix("http://").split(":")
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(deaf, (host, int(port)))
            said = json.dumps({"type": "hello", "token": welcome["token"]}).encode()
            upgrade = (
                f"GET /webchat/ws HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: {door.url}\r\n"
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
            # A masked text frame, the mask of nothing but zeros.
            frame = b"\x81\xfe" + len(said).to_bytes(2, "big") + bytes(4) + said
            await loop.sock_sendall(deaf, upgrade.encode() + frame)
            async with asyncio.timeout(10):
                while not (talks := list(door.channel._sockets._open)):  # type: ignore[attr-defined]
                    await asyncio.sleep(0.01)
                ours = talks[0]._ws._req.transport.get_extra_info("socket")
                while ours.fileno() != -1:
                    await asyncio.sleep(0.05)


async def test_send_leaves_the_push_to_the_socket_holder(door: Site) -> None:
    client_id = str(uuid.uuid4())
    async with door.socket() as ws:
        key = (await hello(ws))["conversation"]
        await ws.send_json(say("你好，想问发票", client_id))
        await hear(ws)
        await door.work()
        await hear(ws)
        await door.answer(key, "好的")
        sending = await door.store.outbound.lease(1, 60.0)
        assert sending is not None
        result = await door.channel.send(sending.messages[0])
        assert result.state == "waiting"
        assert sending.messages[0].route.address == key
        assert door.channel.ready() is None


async def test_a_visitor_who_leaves_while_news_is_read_fails_nobody_else(
    door: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "_RETRY_SECONDS", 3600.0)  # a failed page would come after the test
    gone = asyncio.Event()
    stop, entries = Connection.stop, Lookup.entries

    async def note_and_stop(connection: Connection) -> None:
        gone.set()
        await stop(connection)

    async with door.socket() as leaving, door.socket() as staying:
        keys = [(await hello(ws))["conversation"] for ws in (leaving, staying)]
        for ws in (leaving, staying):
            await ws.send_json(say("在吗"))
            await hear(ws)
        await door.work()
        for ws in (leaving, staying):
            assert (await hear(ws))["seq"] == 1

        async def leave_first(self: Lookup, *ids: Sequence[str]) -> Mapping[str, list[Entry]]:
            if not gone.is_set():
                await leaving.close()
                await gone.wait()
            return await entries(self, *ids)

        monkeypatch.setattr(Connection, "stop", note_and_stop)
        monkeypatch.setattr(Lookup, "entries", leave_first)
        await door.answer(keys[0], "在的")
        await door.answer(keys[1], "在的")
        assert (await hear(staying))["text"] == "在的"
