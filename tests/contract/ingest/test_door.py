"""The signed HTTP door: what it takes, what it refuses and in which words, what it tells later."""

import asyncio
import base64
import hashlib
import hmac
import importlib.util
import json
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from aiohttp import ClientResponse, ClientSession
from sqlalchemy import select

from channels import ingest
from channels.ingest.hook import MAX_FILES_BYTES
from models.message import Attachment, Lane, OutboundMessage, ReplyRoute
from models.tables import conversation, ticket
from tests.contract.channels.drivers.ingest import KEY, Ingest
from tests.contract.channels.house import House, house
from tests.contract.channels.platform import platform

OLD, NEW = "an old secret of the form", "the new secret of the form"
PHONE = "the secret of the telephones"
CLIENT = Path(__file__).resolve().parents[3] / "docs/channels/ingest_client.py"


def options(**changes: Any) -> dict[str, Any]:
    sources = {
        "form": {"secrets": [NEW, OLD], "webhook": "http://127.0.0.1:9/hook"},
        "phone": {"secrets": [PHONE]},
    }
    return {"sources": sources, **changes}


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path, ingest.create(options(max_bytes=4096), b"s" * 32)) as made:
        yield made


def body(**changes: Any) -> bytes:
    said = {"sender": {"id": "wang", "phone": "13800000000"}, "text": "发票开错了", **changes}
    return json.dumps(said).encode()


async def post(
    door: House, raw: bytes, key: str = "key-00000001", secret: str = NEW, **changes: str | None
) -> tuple[int, Any]:
    now = changes.pop("timestamp", None) or str(int(time.time()))
    mac = hmac.new(secret.encode(), f"{now}.{key}.".encode() + raw, hashlib.sha256).hexdigest()
    headers = {
        "Shouli-Source": "form",
        "Shouli-Timestamp": now,
        "Idempotency-Key": key,
        "Shouli-Signature": f"v1={mac}",
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    sent = {name: value for name, value in headers.items() if value is not None}
    async with door.http.post(f"{door.url}/v1/messages", data=raw, headers=sent) as response:
        return response.status, await _told(response)


async def _told(response: ClientResponse) -> Any:
    told = await response.json()
    if response.status >= 400:
        assert re.search(r"[\u4e00-\u9fff]", told["zh"])
        assert re.search(r"[a-z]{3}", told["en"])
    if response.status in {429, 503}:
        assert 1 <= int(response.headers["Retry-After"]) <= 60
    return told


async def status(door: House, address: str) -> tuple[int, Any]:
    async with door.http.get(door.url + address) as response:
        return response.status, await _told(response)


async def test_taken_then_a_ticket(door: House) -> None:
    code, taken = await post(door, body())
    assert (code, taken["state"]) == (202, "processing")
    assert await post(door, body()) == (202, taken)
    assert (await status(door, taken["status"]))[1]["state"] == "processing"
    await door.work()
    code, told = await status(door, taken["status"])
    assert (code, told["state"], told["ticket"]["state"]) == (200, "ticket", "new")
    assert told["ticket"]["number"].isdigit()
    forged = taken["status"][:-1] + ("0" if taken["status"][-1] != "0" else "1")
    assert (await status(door, forged))[0] == 404
    assert (await status(door, f"/v1/messages/{taken['id']}"))[0] == 404


async def test_the_old_secret_lives_beside_the_new_one(door: House) -> None:
    assert (await post(door, body(), secret=OLD))[0] == 202
    assert (await post(door, body(), "key-00000002", secret="the secret of nobody"))[0] == 401


@pytest.mark.parametrize(
    ("raw", "changes", "code", "word"),
    [
        (body(), {"Idempotency_Key": None}, 400, "header"),
        (body(), {"Idempotency_Key": "a.b.c.d.e.f"}, 400, "header"),
        (body(), {"Shouli_Signature": None}, 400, "header"),
        (body(), {"timestamp": "yesterday"}, 400, "header"),
        (b"{", {}, 400, "malformed"),
        (b"\xff\xfe", {}, 400, "malformed"),
        (body(), {"Shouli_Signature": "v1=" + "0" * 64}, 401, "signature"),
        (body(), {"Shouli_Source": "phone"}, 401, "signature"),
        (body(), {"Shouli_Source": "nobody"}, 401, "signature"),
        (body(), {"Idempotency_Key": "another-key"}, 401, "signature"),
        (body(), {"timestamp": -301}, 401, "signature"),
        (body(), {"timestamp": 330}, 401, "signature"),
        (body(text="x" * 5000), {}, 413, "too_large"),
        (body(text=" "), {}, 422, "invalid"),
        (body(colour="red"), {}, 422, "invalid"),
        (body(kind="edit"), {}, 422, "invalid"),
        (body(attachments=[{"name": "a", "content": "§"}]), {}, 422, "invalid"),
        (body(kind="call"), {}, 422, "invalid"),
    ],
)
async def test_refusals(door: House, raw: bytes, changes: Any, code: int, word: str) -> None:
    if isinstance(seconds := changes.get("timestamp"), int):
        changes = changes | {"timestamp": str(int(time.time()) + seconds)}
    status, told = await post(door, raw, **changes)
    assert (status, told["code"]) == (code, word)
    assert door.accepted == []


@pytest.mark.parametrize(
    ("changes", "zh", "en"),
    [
        ({"kind": "cal"}, "kind：只能是 'message'、", "kind: Must be one of 'message', "),
        ({"text": " "}, "body：要有 text、fields 或", "body: a message has “text”, “fields” or"),
        ({"colour": "red"}, "colour：没有这一项，请删去。", "colour: There is no such field"),
        ({"sender": {"id": ""}}, "sender.id：至少要有 1 个字符。", "Must have at least 1 char"),
    ],
)
async def test_what_a_field_must_be_is_said_in_both_languages(
    door: House, changes: Any, zh: str, en: str
) -> None:
    _, told = await post(door, body(**changes))
    assert (zh in told["zh"], en in told["en"]) == (True, True), told
    assert " / " not in told["zh"]


async def test_a_body_that_is_not_packed_as_it_says(door: House) -> None:
    code, told = await post(door, b"no gzip", Content_Encoding="gzip")
    assert (code, told["code"]) == (400, "encoding")
    assert "Content-Encoding" in told["zh"]
    assert "plain JSON" in told["en"]


@pytest.mark.parametrize(
    ("changes", "zh", "en"),
    [
        ({"timestamp": "1795866850123"}, "Shouli-Timestamp：自 1970 年起的秒数", "milliseconds"),
        ({"Idempotency_Key": "a"}, "Idempotency-Key：8–128 个", "a UUID for example"),
        ({"Shouli_Signature": "0" * 64}, "Shouli-Signature：v1= 加 64 位", "lower case"),
        ({"Shouli_Source": None}, "Shouli-Source：来源名", "a source's name"),
    ],
)
async def test_a_header_that_is_wrong_is_told_how_to_write_it(
    door: House, changes: Any, zh: str, en: str
) -> None:
    _, told = await post(door, body(), **changes)
    assert (told["code"], zh in told["zh"], en in told["en"]) == ("header", True, True), told
    assert " / " not in told["zh"]


async def test_the_same_key_for_another_body(door: House) -> None:
    await post(door, body())
    assert (await post(door, body(text="别的")))[1]["code"] == "conflict"


async def test_an_id_that_was_used_for_another_body_is_refused(door: House) -> None:
    """It would never be shown: to acknowledge it would be to lose it."""
    code, taken = await post(door, body(id="m1"), "key-00000001")
    assert await post(door, body(id="m1"), "key-00000002") == (202, taken)
    code, told = await post(door, body(id="m1", text="别的"), "key-00000003")
    assert (code, told["code"]) == (409, "taken")
    assert "edit" in told["zh"]
    code, _ = await post(door, body(id="m1", kind="edit", revision=1, text="别的"), "key-00000004")
    assert code == 202
    # Without an id the key is the name.
    assert (await post(door, body(text="无名"), "key-00000005"))[0] == 202
    assert (await post(door, body(id="key-00000005"), "key-00000006"))[1]["code"] == "taken"
    gone = body(id="m1", kind="delete")
    assert (await post(door, gone, "key-00000007"))[0] == 202
    assert (await post(door, gone, "key-00000008"))[0] == 202
    said = {"turns": [{"speaker": "customer", "text": "喂"}]}
    assert (await post(door, call("c1", "transcript", 1.8e9, **said), "event-0001"))[0] == 202
    code, told = await post(door, call("c1", "transcript", 1.8e9 + 1, **said), "event-0002")
    assert (code, told["code"]) == (409, "taken")
    assert (await post(door, call("c1", "ring", 1.8e9), "event-0003"))[0] == 202
    assert (await post(door, call("c1", "ring", 1.8e9 + 1), "event-0004"))[0] == 202


async def test_a_full_stop_cannot_move_between_key_and_body(door: House) -> None:
    """Else “k”, “b.c” and “k.b”, “c” would have one signature."""
    now = str(int(time.time()))
    raw = b'{"sender": {"id": "a"}, "text": "x.y"}'
    mac = hmac.new(NEW.encode(), f"{now}.key-00000001.".encode() + raw, hashlib.sha256)
    head, _, tail = raw.partition(b".")
    moved = {"Idempotency_Key": f"key-00000001.{head.decode()}", "timestamp": now}
    code, _ = await post(door, tail, **moved, Shouli_Signature=f"v1={mac.hexdigest()}")
    assert code == 400


async def test_a_store_that_is_away_says_so(door: House) -> None:
    door.failing = True
    code, told = await post(door, body())
    assert (code, told["code"]) == (503, "busy")
    door.failing = False
    assert (await post(door, body()))[0] == 202


async def test_the_schema_is_served_and_is_the_one_in_the_docs(door: House) -> None:
    _, served = await status(door, "/v1/schema.json")
    page = CLIENT.parents[1] / "schema/ingest-message.schema.json"
    assert served == json.loads(page.read_text("utf-8"))


def _client() -> Any:
    spec = importlib.util.spec_from_file_location("ingest_client", CLIENT)
    assert spec is not None
    assert spec.loader is not None
    client = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(client)
    return client


async def test_the_client_of_the_docs(door: House) -> None:
    client = _client()
    said = {"sender": {"id": "c"}, "text": "能重开吗？"}
    taken = await asyncio.to_thread(client.send, door.url, "form", NEW, said)
    await door.work()
    told = await asyncio.to_thread(client.ticket, door.url, taken)
    assert told["ticket"]["number"].isdigit()


class _Grudging(BaseHTTPRequestHandler):
    """Hangs up, says “slow”, says “busy”, and then takes it."""

    keys: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.keys.append(self.headers["Idempotency-Key"])
        status = (None, 408, 503, 202)[len(self.keys) - 1]
        if status is None:
            self.close_connection = True
            return
        self.send_response(status)
        if status == 503:
            self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(b'{"status": "/v1/messages/1"}')

    def log_message(self, *_: object) -> None:
        pass


def test_the_client_of_the_docs_sends_the_same_again_until_it_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client, waits = _client(), list[float]()
    monkeypatch.setattr(client, "time", SimpleNamespace(time=time.time, sleep=waits.append))
    monkeypatch.setattr(_Grudging, "keys", [])
    with HTTPServer(("127.0.0.1", 0), _Grudging) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        taken = client.send(f"http://127.0.0.1:{server.server_port}", "form", NEW, {})
        server.shutdown()
    assert taken == {"status": "/v1/messages/1"}
    assert len(_Grudging.keys) == 4
    assert len(set(_Grudging.keys)) == 1
    assert waits == [5, 5, 7]


STAND_INS = f"""
openssl() {{ {sys.executable} -c 'import hashlib, hmac, sys
signed = hmac.new(sys.argv[4].encode(), sys.stdin.buffer.read(), hashlib.sha256)
print(signed.hexdigest(), "*stdin")
' "$@"; }}
curl() {{ printf '%s\\0' "$@"; }}
"""
"""Not every system has them: this openssl signs alike, and this curl tells what it was told."""


async def test_the_words_for_curl_in_the_docs(door: House) -> None:
    page = CLIENT.with_name("ingest.md").read_text("utf-8")
    (words,) = re.findall(r"```sh\n(secret=.*?)```", page, re.DOTALL)
    words = words.replace("an example of a secret, make your own", NEW)
    ran = subprocess.run(["sh", "-ec", STAND_INS + words], capture_output=True, check=True)
    told = ran.stdout.decode().split("\0")
    headers = {name: value for name, _, value in (one.partition(": ") for one in told[5::2])}
    sent = told[told.index("--data-binary") + 1].encode()
    assert told[1] == "http://127.0.0.1:8080/v1/messages"
    url = f"{door.url}/v1/messages"
    async with ClientSession() as client, client.post(url, data=sent, headers=headers) as reply:
        assert reply.status == 202, await reply.text()


# -- telephone -------------------------------------------------------------------------


def call(name: str, event: str, at: float, **more: Any) -> bytes:
    when = datetime.fromtimestamp(at, UTC).isoformat()
    told = {"id": name, "event": event, "at": when, **more}
    return body(kind="call", text="", call=told)


async def test_the_share_of_calls_answered_within_four_rings(door: House) -> None:
    t = time.time() - 1000
    events = [
        call("in-time", "ring", t),
        call("in-time", "answered", t + 12, rings=3),
        call("by-the-clock", "answered", t + 119),  # its ring comes later, and out of order
        call("by-the-clock", "ring", t + 100),
        call("slow", "ring", t + 200),
        call("slow", "answered", t + 231, rings=6),
        call("slow-by-the-clock", "ring", t + 300),
        call("slow-by-the-clock", "answered", t + 321),
        call("missed", "ring", t + 400),
        call("missed", "missed", t + 440, rings=8),
        call("still-ringing", "ring", t + 500),
        call("before", "ring", t - 9000),
        call("before", "missed", t - 8990),
    ]
    for number, raw in enumerate([*events, events[1]]):
        assert (await post(door, raw, f"event-{number:04}"))[0] == 202
    await door.work()
    rate = await door.store.calls.answer_rate(t - 1, t + 1000)
    assert (rate.calls, rate.answered, rate.in_time, rate.missed, rate.open) == (5, 4, 2, 1, 1)
    assert rate.share == pytest.approx(0.4)
    assert (await door.store.calls.answer_rate(t - 1, t + 1000, rings=6)).in_time == 4
    assert (await door.store.calls.answer_rate(t - 1, t + 1000, account="phone")).share is None


async def test_a_missed_call_is_a_task_in_its_own_words(door: House) -> None:
    _, rung = await post(door, call("c1", "ring", 1_800_000_000), "event-0001")
    _, missed = await post(door, call("c1", "missed", 1_800_000_030, rings=6), "event-0002")
    await door.work()
    assert (await status(door, rung["status"]))[1]["state"] == "recorded"
    number = (await status(door, missed["status"]))[1]["ticket"]["number"]
    found = await door.store.tickets.get(number)
    assert found.subject == "回拨任务：未接来电 / Callback: a missed call"
    (entry,) = await door.store.conversations.log(found.conversation_id)
    assert "请回拨" in entry.text
    assert "响铃 6 声" in entry.text


async def test_a_transcript_is_what_the_customer_said(door: House) -> None:
    turns = [
        {"speaker": "agent", "text": "您好，请讲"},
        {"speaker": "customer", "text": "我要投诉快递员"},
    ]
    await post(door, call("c1", "transcript", 1_800_000_000, turns=turns), "event-0001")
    await door.work()
    async with door.store.db.read() as conn:
        ids = (await conn.execute(select(conversation.c.id))).scalars().all()
    (entry,) = await door.store.conversations.log(ids[0])
    assert entry.text == "我要投诉快递员"
    assert "您好，请讲" in entry.text_full


# -- answers ---------------------------------------------------------------------------


def answer(**changes: Any) -> OutboundMessage:
    values: dict[str, Any] = {
        "id": "0190", "conversation_id": "c", "conversation_key": "sender:wang",
        "channel": "ingest", "account": "form", "seq": 2, "kind": "reply", "text": "已重开",
        "route": ReplyRoute(adapter="ingest", address="13800000000"),
    }  # fmt: skip
    return OutboundMessage(**values | changes)


async def test_a_source_without_a_webhook_cannot_be_answered(door: House) -> None:
    result = await door.channel.send(answer(account="phone"))
    assert (result.state, "webhook" in result.error) == ("failed", True)


def with_file(size: int, **changes: Any) -> OutboundMessage:
    file = Attachment(id="f", name="发票.pdf", mime="application/pdf", size=size, sha256="a" * 64)
    return answer(attachments=[file], files={"a" * 64: b"x" * size}, **changes)


def of_source(url: str, **options: Any) -> Any:
    source = {"secrets": [KEY], "webhook": f"{url}/hook", "template": "【受理】{text}", **options}
    return ingest.create({"sources": {"form": source}}, b"")


@pytest.mark.parametrize(("words", "said"), [("见附件", "【受理】见附件"), ("", "")])
async def test_an_answer_takes_its_files_along(words: str, said: str) -> None:
    async with platform(Ingest()) as fake:
        result = await of_source(fake.url).send(with_file(3, text=words))
        (sent,) = fake.of("/hook")
    assert result.state == "sent"
    assert sent.fields["text"] == said
    (file,) = sent.fields["attachments"]
    content = base64.b64encode(b"xxx").decode()
    assert file == {"name": "发票.pdf", "type": "application/pdf", "content": content}


async def test_files_that_cannot_go_along_are_told_of_and_nothing_is_sent() -> None:
    async with platform(Ingest()) as fake:
        by_text = await of_source(fake.url, part_chars=70).send(with_file(3))
        large = await of_source(fake.url).send(with_file(MAX_FILES_BYTES + 1))
        assert fake.asked == []
    assert (by_text.state, large.state) == ("failed", "failed")
    assert "短信" in by_text.error
    assert "15 MB" in large.error


async def test_back_off_doubles_up_to_an_hour(door: House) -> None:
    pauses = [(await door.channel.send(answer(attempts=n))).retry_after for n in (1, 2, 3, 12)]
    assert pauses == [30, 60, 120, 3600]


async def test_where_there_is_no_way_back_nobody_is_acknowledged(door: House) -> None:
    await post(door, call("c1", "missed", 1_800_000_000), "event-0001", Shouli_Source="phone",
               secret="the secret of the telephones")  # fmt: skip
    await post(door, body(), "event-0002")
    await door.work()
    by_source = {t.meta.get("no_auto", False) for t in await door.store.queue.unlabelled(9)}
    assert by_source == {True, False}
    async with door.store.db.read() as conn:
        routes = await conn.execute(
            select(conversation.c.account, conversation.c.route.is_(None)).join(ticket)
        )
        assert {tuple(row) for row in routes} == {("phone", True), ("form", False)}


async def test_a_source_that_is_too_fast_waits_and_others_do_not(tmp_path: Path) -> None:
    slow = {"secrets": [NEW], "requests_per_minute": 1, "request_burst": 2}
    sources = {"form": slow, "phone": {"secrets": [PHONE]}}
    async with house(tmp_path, ingest.create({"sources": sources}, b"s" * 32)) as door:
        for number in range(5):  # what is not signed takes nothing from the source's share
            code, _ = await post(door, body(), f"forged-{number:04}", "not the secret at all")
            assert code == 401
        assert (await post(door, body(), "key-00000001"))[0] == 202
        assert (await post(door, body(), "key-00000002"))[0] == 202
        code, told = await post(door, body(), "key-00000003")
        assert (code, told["code"]) == (429, "rate")
        assert len(door.accepted) == 2
        code, _ = await post(door, body(), "key-00000004", PHONE, Shouli_Source="phone")
        assert code == 202
        door.clock.ahead = 61.0
        assert (await post(door, body(), "key-00000003"))[0] == 202


async def test_the_client_of_the_docs_waits_where_it_was_too_fast(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = {"secrets": [NEW], "requests_per_minute": 1, "request_burst": 1}
    async with house(tmp_path, ingest.create({"sources": {"form": slow}}, b"s" * 32)) as door:

        def wait(seconds: float) -> None:
            door.clock.ahead += seconds

        client = _client()
        monkeypatch.setattr(client, "time", SimpleNamespace(time=time.time, sleep=wait))
        for name in ("a", "b"):
            said = {"sender": {"id": name}, "text": "能重开吗？"}
            await asyncio.to_thread(client.send, door.url, "form", NEW, said)
        assert len(door.accepted) == 2
        assert door.clock.ahead >= 1


async def test_two_files_of_one_content_are_two(door: House) -> None:
    same = [{"name": name, "content": "QUJD"} for name in ("护照.txt", "签证.txt")]
    assert (await post(door, body(attachments=same)))[0] == 202
    (envelope,) = (await door.store.envelopes.lease(Lane.LIVE, 10, 60.0)).envelopes
    (found,) = door.channel.normalize(envelope)
    assert [file.name for file in found.message.attachments] == ["护照.txt", "签证.txt"]
    assert len({file.id for file in found.message.attachments}) == 2
