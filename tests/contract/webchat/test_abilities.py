"""Signed visitors, several sites, files, typing, read marks, messages left, the end."""

import asyncio
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from errno import ENOSPC
from io import BytesIO
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any
from uuid import uuid4

import pytest

from channels.webchat import http
from channels.webchat.signed import Signer
from models.agent import Presence
from models.event_tail import typing_topic
from models.message import Attachment
from tests.contract.store import makers
from tests.contract.webchat.site import Site, hear, hello, say, site
from tests.fakes import FakeClock

SECRET = "of the site, shared with its server"
SITES = {"shop": {"origins": ["https://shop.example"], "identity_secret": "s" * 32}}


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Site]:
    options = {"identity_secret": SECRET, "sites": SITES, "mail_account": "help", "max_file_mb": 1}
    async with site(tmp_path, FakeClock(), **options) as made:
        yield made


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(claims: dict[str, Any], secret: str = SECRET, alg: str = "HS256") -> str:
    head = b64(json.dumps({"alg": alg, "typ": "JWT"}).encode())
    text = f"{head}.{b64(json.dumps(claims).encode())}"
    return f"{text}.{b64(hmac.digest(secret.encode(), text.encode(), 'sha256'))}"


def wang(**claims: Any) -> str:
    return signed({"sub": "u1", "exp": 1_800_003_600, "name": "王女士"} | claims)


def key_of(door: Site) -> str:
    return str(door.accepted[-1].transport["conversation"])


async def said(door: Site, account: str = "web", channel: str = "webchat", key: str = "") -> Any:
    talk = await door.store.conversations.find(channel, account, key or key_of(door))
    assert talk is not None
    return talk, await door.store.conversations.log(talk.id)


# -- who it is -------------------------------------------------------------------------


async def test_a_signed_visitor_is_known_on_every_device(door: Site) -> None:
    keys = set()
    for text in ("从电脑", "从手机"):
        async with door.socket() as ws:
            assert (await hello(ws, identity=wang()))["type"] == "welcome"
            await ws.send_json(say(text))
            while (await hear(ws))["type"] != "ack":
                pass  # what was said from the other device
        await door.work()
        keys.add(key_of(door))
    assert len(keys) == 1
    talk, log = await said(door)
    assert [entry.text for entry in log] == ["从电脑", "从手机"]
    assert not any(entry.quarantined for entry in log)
    assert log[0].trust["level"] == "verified"
    sender = (await door.store.people.senders([talk.identity_id]))[talk.identity_id]
    assert (sender.external_id, sender.name) == ("web:u1", "王女士")
    async with door.socket() as ws:
        assert (await hello(ws, identity=wang()))["last_seq"] == 2
    async with door.socket() as ws:
        assert (await hello(ws, identity=wang(sub="u2")))["last_seq"] == 0


BAD = [
    (signed({"sub": "u1", "exp": 1_800_003_600}, "x" * 32), "identity"),
    (signed({"sub": "u1", "exp": 1_800_003_600}, alg="none"), "identity"),
    (wang().rpartition(".")[0] + ".", "identity"),
    (wang(exp=1_799_999_000), "expired"),
    (wang(exp=None), "identity"),
    (wang(exp=True), "identity"),
    (wang(exp=float("nan")), "identity"),
    (wang(exp=float("inf")), "identity"),
    (wang(exp=10**400), "identity"),
    (wang(sub="u\ud83d"), "identity"),
    (wang(sub="u\0"), "identity"),
    (wang(sub=""), "identity"),
    (wang(sub=7), "identity"),
    (wang(aud="another site"), "identity"),
    ("a.b.c", "identity"),
    (f"{b64(b'[1]')}.{b64(b'[]')}.x", "identity"),
    ("nonsense", "identity"),
]


@pytest.mark.parametrize(("token", "code"), BAD)
async def test_what_the_site_did_not_sign_is_refused(door: Site, token: str, code: str) -> None:
    async with door.socket() as ws:
        assert (await hello(ws, identity=token))["code"] == code


async def test_a_token_that_runs_out_ends_the_right_to_write(door: Site) -> None:
    async with door.socket() as ws:
        await hello(ws, identity=wang(aud=["web"]))
        door.clock.now += 3600 + 61
        await ws.send_json(say("还在吗"))
        assert (await hear(ws))["code"] == "expired"
    assert door.accepted == []


async def test_a_site_keeps_to_itself(door: Site) -> None:
    async with door.socket() as ws:
        welcome = await hello(ws, site="shop")
        await ws.send_json(say("商城的问题"))
        await hear(ws)
    assert door.accepted[-1].account == "shop"
    await door.work()
    async with door.socket() as ws:
        assert (await hello(ws, site="shop", token=welcome["token"]))["last_seq"] == 1
    async with door.socket() as ws:
        assert (await hello(ws, token=welcome["token"]))["last_seq"] == 0
    async with door.socket(Origin="https://shop.example") as ws:
        assert (await hello(ws))["code"] == "origin"
    async with door.socket(Origin="https://shop.example") as ws:
        assert (await hello(ws, site="shop"))["type"] == "welcome"
    async with door.socket() as ws:
        assert (await hello(ws, site="nowhere"))["code"] == "site"
    async with door.socket() as ws:
        assert (await hello(ws, site="shop", identity=wang()))["code"] == "identity"


async def test_a_widget_carries_the_looks_of_its_site(tmp_path: Path) -> None:
    looks = {"shop": {"title": "商城</script>", "colour": "#7a1f5c"}}
    async with site(tmp_path, sites=looks) as door:
        async with door.http.get(f"{door.url}/webchat/widget.js?site=shop") as answer:
            script = await answer.text()
        assert '"colour":"#7a1f5c"' in script
        assert "商城</script" not in script
        async with door.http.get(f"{door.url}/webchat/widget.js?site=no") as answer:
            assert answer.status == 404


# -- files -----------------------------------------------------------------------------


async def enter(door: Site) -> tuple[str, dict[str, str]]:
    async with door.http.post(
        f"{door.url}/webchat/session", json={"type": "hello"}, headers=door.origin
    ) as answer:
        token = (await answer.json())["token"]
    return token, door.origin | {"Authorization": f"Bearer {token}"}


async def upload(
    door: Site, headers: dict[str, str], content: bytes, name: str = "发票.png"
) -> Any:
    async with door.http.post(
        f"{door.url}/webchat/files",
        params={"name": name},
        data=BytesIO(content),
        headers=headers | {"Content-Type": "image/png"},
    ) as answer:
        return await answer.json() | {"status": answer.status}


PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64


@pytest.mark.parametrize("content", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html>x"])
async def test_what_a_browser_could_run_is_a_download(door: Site, content: bytes) -> None:
    token, headers = await enter(door)
    kept = await upload(door, headers, content)
    async with door.socket() as ws:
        await hello(ws, token=token)
        await ws.send_json(say("") | {"files": [kept["id"]]})
        await hear(ws)
        await door.work()
        (file,) = (await hear(ws))["files"]
    async with door.http.get(f"{door.url}/webchat/{file['url']}") as answer:
        assert answer.headers["Content-Type"] == "application/octet-stream"


async def test_a_visitors_file_reaches_the_agent(door: Site) -> None:
    token, headers = await enter(door)
    kept = await upload(door, headers, PNG)
    assert (kept["status"], kept["mime"], kept["size"]) == (200, "image/png", len(PNG))
    async with door.socket() as ws:
        await hello(ws, token=token)
        frame = say("") | {"files": [kept["id"]]}
        for _ in range(2):
            await ws.send_json(frame)
            assert (await hear(ws))["type"] == "ack"
        await door.work()
        event = await hear(ws)
    (file,) = event["files"]
    assert (file["name"], file["mime"]) == ("发票.png", "image/png")
    _, (entry,) = await said(door)
    assert await door.store.blobs.get(entry.attachments[0]["sha256"]) == PNG
    async with door.http.get(f"{door.url}/webchat/{file['url']}") as answer:
        assert await answer.read() == PNG
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    door.clock.now += 8 * 86_400
    async with door.http.get(f"{door.url}/webchat/{file['url']}") as answer:
        assert answer.status == 404


async def test_an_agents_file_reaches_the_visitor(door: Site) -> None:
    async with door.socket() as ws:
        await hello(ws)
        await ws.send_json(say("请发我发票"))
        await hear(ws)
        await door.work()
        await hear(ws)
        await door.store.blobs.put({"a" * 64: b"%PDF-"})
        file = Attachment(id="f", name="发票.pdf", mime="application/pdf", size=5, sha256="a" * 64)
        await door.answer(key_of(door), "请查收", files=(file,))
        event = await hear(ws)
    async with door.http.get(f"{door.url}/webchat/{event['files'][0]['url']}") as answer:
        assert await answer.read() == b"%PDF-"


async def test_fresh_sessions_fill_no_disk(tmp_path: Path) -> None:
    async with site(tmp_path, visitors_per_hour=2, files_per_hour=1) as door:
        told = [await upload(door, (await enter(door))[1], b"%d" % n) for n in range(3)]
        assert [one["status"] for one in told] == [200, 200, 429]
    async with site(tmp_path, files_per_hour=1) as door:
        told = [await upload(door, (await enter(door))[1], b"%d" % n) for n in range(11)]
        assert [one["status"] for one in told] == [200] * 10 + [429]


async def test_no_files_are_taken_while_the_disk_is_nearly_full(door: Site) -> None:
    door.full = True
    told = await upload(door, (await enter(door))[1], PNG)
    assert (told["status"], told["code"]) == (503, "busy")


async def test_a_full_folder_of_temporary_files_is_no_fault_of_the_visitors(
    door: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(SpooledTemporaryFile[bytes]):
        def rollover(self) -> None:
            raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(http, "SpooledTemporaryFile", Full)
    told = await upload(door, (await enter(door))[1], PNG + bytes(300_000))
    assert (told["status"], told["code"]) == (503, "busy")


async def test_one_address_leaves_room_for_the_files_of_others(door: Site) -> None:
    """Slow ones hold their places for as long as a file may take."""
    host, port = door.url.removeprefix("http://").split(":")
    _, headers = await enter(door)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    slow = [await asyncio.open_connection(host, int(port)) for _ in range(2)]
    for _, writer in slow:
        writer.write(
            f"POST /webchat/files?name=a HTTP/1.1\r\nHost: {host}:{port}\r\n{head}"
            "Content-Length: 2\r\n\r\nx".encode()
        )
    async with asyncio.timeout(5):
        while (third := await upload(door, headers, PNG))["status"] == 200:
            await asyncio.sleep(0.05)
    assert third["code"] == "connections"
    for reader, writer in slow:
        writer.write(b"x")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
    assert (await upload(door, headers, PNG))["status"] == 200


async def test_slow_lines_hold_up_nobody_elses_files(door: Site) -> None:
    host, port = door.url.removeprefix("http://").split(":")
    _, headers = await enter(door)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    places = [f"127.0.0.{n}" for n in (2, 3, 4) for _ in range(2)]
    slow = [
        await asyncio.open_connection(host, int(port), local_addr=(place, 0)) for place in places
    ]
    for _, writer in slow:
        writer.write(
            f"POST /webchat/files?name=a HTTP/1.1\r\nHost: {host}:{port}\r\n{head}"
            "Content-Length: 2\r\n\r\nx".encode()
        )
        await writer.drain()
    async with asyncio.timeout(10):
        assert (await upload(door, headers, PNG))["status"] == 200
    for reader, writer in slow:
        writer.write(b"x")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_a_file_that_no_message_named_in_time_is_to_be_uploaded_again(door: Site) -> None:
    token, headers = await enter(door)
    sent, kept = await upload(door, headers, PNG), await upload(door, headers, PNG + b"2")
    async with door.socket() as ws:
        await hello(ws, token=token)
        await ws.send_json(say("看") | {"files": [sent["id"]]})
        assert (await hear(ws))["type"] == "ack"
        await door.work()
        assert (await hear(ws))["type"] == "event"
        door.clock.now += 25 * 3600.0
        assert await door.store.orphaned_blobs.delete() == 1
        frame = say("再看") | {"files": [kept["id"]]}
        await ws.send_json(frame)
        refused = await hear(ws)
    assert (refused["code"], refused["client_id"]) == ("file", frame["client_id"])
    assert len(door.accepted) == 1


async def test_files_are_refused_at_the_edge(door: Site) -> None:
    _, headers = await enter(door)
    assert (await upload(door, headers, b"x" * (1024 * 1024 + 1)))["code"] == "file_large"
    assert (await upload(door, headers, b""))["code"] == "file_empty"
    assert (await upload(door, door.origin, PNG))["code"] == "session"
    program = await upload(door, headers, b"MZ" + b"\0" * 64)
    assert program["mime"] == "application/x-msdownload"


async def test_nobody_sends_or_opens_the_file_of_another(door: Site) -> None:
    _, headers = await enter(door)
    kept = await upload(door, headers, PNG)
    async with door.socket() as ws:
        await hello(ws)
        await ws.send_json(say("看") | {"files": [kept["id"]]})
        assert (await hear(ws))["code"] == "file"
        made_up = Signer(b"guess", "upload").seal({"sha256": "a" * 64, "key": "k"})
        await ws.send_json(say("看") | {"files": [made_up]})
        assert (await hear(ws))["code"] == "file"
    for link in (kept["id"], made_up, "x", "a.b"):
        async with door.http.get(f"{door.url}/webchat/files/{link}") as answer:
            assert answer.status == 404
    assert door.accepted == []


# -- typing and read marks -------------------------------------------------------------


async def test_each_side_sees_the_other_write_and_read(door: Site) -> None:
    async with door.socket() as ws:
        await hello(ws)
        await ws.send_json(say("你好"))
        await hear(ws)
        await door.work()
        await hear(ws)
        talk, _ = await said(door)
        async with door.bus.subscribe("typing:customer:*") as topics:
            await anext(topics)
            await ws.send_json({"type": "typing"})
            assert await anext(topics) == typing_topic("customer", talk.id)
        await door.bus.publish(typing_topic("us", talk.id))
        assert await hear(ws) == {"type": "typing"}
        for _ in range(2):
            await door.store.conversations.seen(talk.id, 1)
            await door.bus.publish("events")
        assert await hear(ws) == {"type": "seen", "seq": 1}
        await door.answer(key_of(door), "您好")
        assert (await hear(ws))["seq"] == 2
    async with door.socket() as ws:
        assert (await hello(ws, token=None))["seen"] == 0


# -- nobody there ----------------------------------------------------------------------


async def test_the_widget_is_told_whether_anybody_is_there(door: Site) -> None:
    async with door.socket() as ws:
        assert (await hello(ws))["online"] is False
    agent = await makers.agent(door.store)
    await door.store.agents.beat([agent])
    door.clock.now += 11
    await door.store.agents.beat([agent])
    async with door.socket() as ws:
        assert (await hello(ws))["online"] is True
    await door.store.agents.present(agent, Presence.MEAL)


def contact(**fields: str) -> dict[str, Any]:
    return {"type": "contact", "client_id": str(uuid4()), "text": "发票抬头错了"} | fields


async def test_an_address_makes_a_ticket_that_is_answered_by_mail(door: Site) -> None:
    async with door.socket() as ws:
        await hello(ws)
        frame = contact(email="wang@example.com")
        for _ in range(2):
            await ws.send_json(frame)
            assert (await hear(ws))["type"] == "ack"
    assert len({e.id for e in door.accepted}) == 2
    await door.work()
    (ticket,) = await door.store.tickets.page()
    assert (ticket.channel, ticket.lane) == ("email", "mail")
    talk = await door.store.conversations.get(ticket.conversation_id)
    assert talk.account == "help"
    agent = await makers.agent(door.store)
    await door.store.tickets.take(
        ticket.id, agent, forced=True
    ) if ticket.state == "waiting" else None
    (entry,) = await door.store.conversations.log(talk.id)
    assert (entry.text, entry.trust["level"]) == ("发票抬头错了", "claimed")
    sender = (await door.store.people.senders([talk.identity_id]))[talk.identity_id]
    assert sender.email == "wang@example.com"
    assert sender.external_id != "wang@example.com"  # only claimed: nobody becomes that customer


async def test_a_number_makes_a_task_to_call_back(door: Site) -> None:
    async with door.socket() as ws:
        await hello(ws)
        await ws.send_json(contact(phone="138 0000 0000"))
        assert (await hear(ws))["type"] == "ack"
        await door.work()
        assert (await hear(ws))["text"] == "请回电：138 0000 0000\n发票抬头错了"
        await ws.send_json(contact())
        assert (await hear(ws))["code"] == "contact"
        await ws.send_json(contact(email="not an address"))
        assert (await hear(ws))["code"] == "invalid"


# -- the end ---------------------------------------------------------------------------


async def test_the_visitor_ends_the_chat_and_goes_on(door: Site) -> None:
    async with door.socket() as ws:
        await hello(ws)
        await ws.send_json({"type": "end"})
        assert (await hear(ws))["code"] == "nothing"
        await ws.send_json(say("问题"))
        await hear(ws)
        await door.work()
        await hear(ws)
        for _ in range(2):
            await ws.send_json({"type": "end"})
            assert await hear(ws) == {"type": "ended"}
        talk, _ = await said(door)
        assert talk.ended_at == door.clock.now
        ended = [e for e in await door.store.events.after(0) if e.kind == "conversation.ended"]
        assert len(ended) == 1
        await ws.send_json(say("还有一个问题"))
        await hear(ws)
        await door.work()
    talk, _ = await said(door)
    assert talk.ended_at is None


async def test_the_transcript_goes_out_by_mail_with_measure(door: Site) -> None:
    async with door.socket() as ws:
        await hello(ws)
        await ws.send_json(say("问题"))
        await hear(ws)
        await door.work()
        await hear(ws)
        wish = {"type": "transcript", "email": "wang@example.com", "offset": -480}
        await ws.send_json(wish)
        assert (await hear(ws))["code"] == "nothing"  # nobody has answered
        await door.answer(key_of(door), "答案")
        await hear(ws)
        for _ in range(2):
            await ws.send_json(wish)
            assert await hear(ws) == {"type": "transcript", "email": "wang@example.com"}
        sending = await door.store.outbound.lease(10, 60.0, ["email"])
        assert sending is not None
        (mail,) = sending.messages
        assert (mail.route.address, mail.account, mail.kind) == (
            "wang@example.com",
            "help",
            "notice",
        )
        assert mail.text == "[2027-01-15 16:00] 您\n问题\n\n[2027-01-15 16:00] 客服\n答案"
        for name in ("a", "b"):
            await ws.send_json(wish | {"email": f"{name}@example.com"})
            assert (await hear(ws))["type"] == "transcript"
        await ws.send_json(wish | {"email": "c@example.com"})
        assert (await hear(ws))["code"] == "rate"
    _, log = await said(door)
    assert [entry.text for entry in log] == ["问题", "答案"]


async def test_the_fallback_can_do_the_same(door: Site) -> None:
    _, headers = await enter(door)

    async def post(path: str, frame: dict[str, Any]) -> Any:
        async with door.http.post(f"{door.url}/webchat/{path}", json=frame, headers=headers) as a:
            return await a.json() | {"status": a.status}

    assert (await post("wish", {"type": "end"}))["code"] == "nothing"
    assert (await post("messages", contact(phone="13800000000")))["type"] == "ack"
    await door.work()
    assert (await post("wish", {"type": "end"}))["type"] == "ended"
    assert (await post("wish", {"type": "ping"}))["status"] == 422
    headers["Authorization"] = f"Bearer {wang()}"
    assert (await post("messages", say("签名的")))["type"] == "ack"
    assert door.accepted[-1].transport["visitor"]["sub"] == "u1"
