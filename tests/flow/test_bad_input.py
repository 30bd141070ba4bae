"""Bad input at every door: a refusal with a sentence, and nothing acknowledged is lost."""

import asyncio
import json
import re
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any, Self

import aiohttp
import pytest
from sqlalchemy import select

from config.settings import load as load_settings
from models.tables import message
from tests.flow.clients import (
    Agent,
    Visitor,
    at_the_desk,
    letter,
    post,
    post_until_stored,
    texts,
    until,
)
from tests.flow.conftest import running
from tests.flow.system import SHOULI, Prepared, System, distributed
from tests.services import PostgresServer, free_port, valkey_server
from workers.assembly.wiring import make_store

MAX_BYTES = 64 * 1024
FRAME_BYTES = 32 * 1024

FULL = {"intake_port": free_port(), "desk_port": free_port(), "smtp_port": free_port()}
"""The doors of an intake whose disk is always at its watermark."""

CUSTOMER = "customer@qq.example"


class Cable:
    """The way to the database, which can be pulled and put back."""

    def __init__(self, port: int) -> None:
        self.port = free_port()
        self._to = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._plug())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._pull())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def pulled(self) -> None:
        """Cuts every connection and refuses new ones."""
        await asyncio.to_thread(self._run, self._pull())

    async def plugged(self) -> None:
        await asyncio.to_thread(self._run, self._plug())

    def _run(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _plug(self) -> None:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self.port)

    async def _pull(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for end in [*self._ends]:
            end.transport.abort()
        while self._ends:
            await asyncio.sleep(0)

    async def _join(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        try:
            far, on = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            back.close()
            return
        self._ends |= {back, on}
        await asyncio.gather(_pump(near, on), _pump(far, back))
        self._ends -= {back, on}


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    sink.close()


@pytest.fixture(scope="module")
def cable(postgres: PostgresServer) -> Iterator[Cable]:
    with Cable(postgres.port) as cable:
        yield cable


@pytest.fixture(scope="module")
def strict(
    prepared: Prepared,
    postgres: PostgresServer,
    cable: Cable,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[System]:
    """One of each role, with an intake beside them that has no room on its disk."""
    full = [
        "/usr/bin/env",
        "SHOULI_INTAKE__DISK_WATERMARK_MB=1000000000",
        f"SHOULI_INTAKE__PORT={FULL['intake_port']}",
        f"SHOULI_DESK__PORT={FULL['desk_port']}",
        f"SHOULI_CHANNELS__EMAIL__PORT={FULL['smtp_port']}",
    ]
    commands = {role: [SHOULI, role] for role in ("intake", "work", "desk", "clock")}
    commands["intake-full"] = [*full, SHOULI, "intake"]
    with valkey_server() as valkey:
        database = postgres.create_database()
        url = postgres.url(database).replace(f":{postgres.port}/", f":{cable.port}/")
        services = {"SHOULI_DATABASE_URL": url, "SHOULI_REDIS_URL": valkey.url}
        settings = {"SHOULI_CHANNELS__EMAIL__MAX_BYTES": str(MAX_BYTES)}
        home = tmp_path_factory.mktemp("strict")
        yield from running(distributed(home, prepared, services, settings, commands))
        postgres.drop_database(database)


@pytest.fixture(scope="module")
def ledger() -> dict[str, str]:
    """Text to envelope id of all that was acknowledged in this module."""
    return {}


@pytest.fixture
async def lilei(strict: System) -> AsyncIterator[Agent]:
    async with at_the_desk(strict, "lilei") as (agent,):
        yield agent


def in_both_languages(sentence: dict[str, str] | str) -> bool:
    """Whether a person is told, in Chinese and in English."""
    if isinstance(sentence, dict):
        return bool(_chinese(sentence["zh"]) and re.search("[a-z]{3}", sentence["en"]))
    return bool(_chinese(sentence) and re.search("[a-z]{3}", sentence))


def _chinese(text: str) -> bool:
    return bool(re.search("[\u4e00-\u9fff]{2}", text))


# -- mail ------------------------------------------------------------------------------


async def test_a_mail_that_is_too_large_is_552(strict: System) -> None:
    raw = letter(CUSTOMER, "大" * MAX_BYTES)
    code, reply = await post(strict.smtp_port, CUSTOMER, raw)
    assert (code, reply) == (552, "5.3.4 The mail is too large, send it without large files")


async def test_a_mailbox_that_is_not_ours_is_550(strict: System) -> None:
    raw = letter(CUSTOMER, "有人吗")
    for stranger in ("nobody@localhost", "support@elsewhere.example"):
        code, reply = await post(strict.smtp_port, CUSTOMER, raw, to=stranger)
        assert code == 550
        assert reply == "5.1.1 No such mailbox here, check the address and send again"


async def test_a_full_disk_is_452_and_503_and_a_retry(
    strict: System, http: aiohttp.ClientSession
) -> None:
    full = strict.through(**FULL)
    raw = letter(CUSTOMER, "磁盘满了会怎样")
    code, reply = await post(full.smtp_port, CUSTOMER, raw)
    assert (code, reply) == (452, "4.3.1 No room to store mail, try again later")
    await _chat_is_put_off(full, http)
    async with http.get(f"{full.intake}/readyz") as ready:
        assert (ready.status, (await ready.json())["code"]) == (503, "storage_full")

    store = make_store(load_settings(environ=strict.environ))

    async def told() -> bool:
        return any("1000000000 MB" in (one.trouble or "") for one in await store.processes.all())

    await until("the process says so", told)
    await store.close()


async def test_a_database_that_is_down_is_451_and_503_and_then_all_goes_on(
    strict: System, cable: Cable, lilei: Agent, http: aiohttp.ClientSession, ledger: dict[str, str]
) -> None:
    before, after = "物流停了，断线之前的信", "物流停了，断线之后的信"
    ledger[before] = await post_until_stored(strict.smtp_port, CUSTOMER, letter(CUSTOMER, before))
    raw = letter(CUSTOMER, after)
    async with Visitor(strict, http) as visitor:
        ledger["断线之前的话"] = await visitor.say("断线之前的话")
        await cable.pulled()
        try:
            code, reply = await post(strict.smtp_port, CUSTOMER, raw)
            assert code == 451, reply
            assert "try again in a few minutes" in reply
            await _chat_is_put_off(strict, http)
            answer = await lilei.ask("GET", "queue")
            assert answer.status == 503
            assert in_both_languages(answer.body["message"])
            async with http.get(f"{strict.intake}/readyz") as ready:
                assert ready.status == 503
            saying = asyncio.create_task(visitor.say("断线之中的话"))
        finally:
            await cable.plugged()
        # Nobody was restarted: whoever tries again is taken, and it goes its way.
        ledger["断线之中的话"] = await saying
        ledger[after] = await post_until_stored(strict.smtp_port, CUSTOMER, raw)
        ticket = await lilei.mine("the mail", lambda t: after in texts(t))
        await lilei.must("POST", f"tickets/{ticket['ticket']['id']}/resolve")
        await until("the chat goes on", lambda: visitor.last_seq >= 2)
    for name in strict.commands:
        assert strict.lives(name), f"{name} did not live through it\n{strict.tail()}"


async def _chat_is_put_off(system: System, http: aiohttp.ClientSession) -> None:
    """Over the socket and over HTTP: nothing was stored, and when to try again."""
    origin = {"Origin": system.intake}
    frame = {"type": "msg", "client_id": str(uuid.uuid4()), "text": "存不下的话"}
    async with http.ws_connect(f"{system.intake}/webchat/ws", headers=origin) as socket:
        await socket.send_json({"type": "hello"})
        welcome = await socket.receive_json(timeout=30)
        if welcome["type"] == "welcome":
            await socket.send_json(frame)
            put_off = await socket.receive_json(timeout=30)
            assert (put_off["type"], put_off["client_id"]) == ("retry", frame["client_id"])
            assert put_off["after"] > 0
        else:
            put_off = welcome
            assert (put_off["type"], put_off["code"]) == ("error", "busy")
        assert in_both_languages(put_off["message"])
    async with http.post(
        f"{system.intake}/webchat/session", json={"type": "hello"}, headers=origin
    ) as answer:
        opened = await answer.json()
        if answer.status == 503:
            assert in_both_languages(opened["message"])
            return
    headers = {**origin, "Authorization": f"Bearer {opened['token']}"}
    url = f"{system.intake}/webchat/messages"
    async with http.post(url, json=frame, headers=headers) as answer:
        refusal = await answer.json()
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert in_both_languages(refusal["message"])


# -- the chat --------------------------------------------------------------------------


async def _chat_refusal(system: System, http: aiohttp.ClientSession, body: str) -> tuple[int, Any]:
    headers = {"Origin": system.intake, "Content-Type": "application/json"}
    url = f"{system.intake}/webchat/session"
    async with http.post(url, data=body, headers=headers) as answer:
        refusal = await answer.json()
        assert in_both_languages(refusal["message"])
        return answer.status, refusal


async def test_the_chat_refuses_what_it_cannot_read(
    strict: System, http: aiohttp.ClientSession
) -> None:
    assert (await _chat_refusal(strict, http, '{"type": "hello"'))[0] == 400
    status, refusal = await _chat_refusal(strict, http, '{"type": "hello", "colour": "red"}')
    assert status == 422
    assert "colour" in refusal["message"]
    url, origin = f"{strict.intake}/webchat/messages", {"Origin": strict.intake}
    frame = {"type": "msg", "client_id": str(uuid.uuid4()), "text": "没有会话"}
    async with http.post(url, json=frame, headers=origin) as answer:
        assert answer.status == 401
        assert in_both_languages((await answer.json())["message"])
    large = json.dumps({"type": "hello", "page": "x" * FRAME_BYTES})
    assert (await _chat_refusal(strict, http, large))[0] == 413


async def test_a_chat_frame_over_32_kb_closes_with_1009_and_loses_nothing(
    strict: System, http: aiohttp.ClientSession, ledger: dict[str, str]
) -> None:
    async with Visitor(strict, http) as visitor:
        ledger["太长之前的话"] = await visitor.say("太长之前的话")
        assert await _closed_by(f"{strict.intake}/webchat/ws", strict.intake, http) == 1009
        ledger["太长之后的话"] = await visitor.say("太长之后的话")


async def _closed_by(url: str, origin: str, http: aiohttp.ClientSession) -> int | None:
    async with http.ws_connect(url, headers={"Origin": origin}) as socket:
        await socket.send_json({"type": "hello", "last_seq": 0})
        await socket.receive(timeout=30)
        await socket.send_str(json.dumps({"type": "msg", "text": "x" * FRAME_BYTES}))
        async for _ in socket:
            pass
        return socket.close_code


# -- the desk --------------------------------------------------------------------------


async def test_the_desk_refuses_with_a_sentence(
    strict: System, lilei: Agent, http: aiohttp.ClientSession
) -> None:
    api, headers = f"{strict.desk}/api/v1", {"X-Shouli-Desk": "1"}
    as_json = {**headers, "Content-Type": "application/json"}
    async with http.post(f"{api}/login", data="{login:", headers=as_json) as answer:
        assert answer.status == 400
        assert in_both_languages((await answer.json())["message"])
    async with http.get(f"{api}/queue") as answer:
        assert answer.status == 401
        assert in_both_languages((await answer.json())["message"])
    unknown = await lilei.ask("PUT", "me/presence", {"presence": "ready", "mood": "good"})
    assert (unknown.status, unknown.body["field"]) == (422, "mood")
    assert in_both_languages(unknown.body["message"])


async def test_a_foreign_ticket_is_404_whatever_is_tried(
    strict: System, lilei: Agent, ledger: dict[str, str]
) -> None:
    text = "包裹送错地方了，物流显示已签收"
    ledger[text] = await post_until_stored(strict.smtp_port, CUSTOMER, letter(CUSTOMER, text))
    ticket = await lilei.mine("the mail", lambda t: text in texts(t))
    path = f"tickets/{ticket['ticket']['id']}"
    async with at_the_desk(strict, "hanmeimei") as (han,):
        body = {"text": "我来答", "client_id": uuid.uuid4().hex}
        for method, what, sent in (
            ("GET", "", None),
            ("POST", "/reply", body),
            ("POST", "/resolve", None),
            ("POST", "/junk", None),
            ("POST", "/reveal", None),
        ):
            answer = await han.ask(method, f"{path}{what}", sent)
            assert answer.status == 404, what
            assert in_both_languages(answer.body["message"])
        by_number = await han.ask("GET", f"tickets/{ticket['ticket']['number']}")
        assert by_number.status == 404
    assert len((await lilei.ticket(ticket["ticket"]["id"]))["messages"]) == 1
    await lilei.must("POST", f"{path}/resolve")


async def test_a_desk_frame_over_32_kb_closes_with_1009(strict: System, lilei: Agent) -> None:
    url = f"{strict.desk}/api/v1/ws"
    assert await _closed_by(url, strict.desk, lilei.http) == 1009


# -- and after all of it ---------------------------------------------------------------


async def test_nothing_that_was_acknowledged_is_lost(
    strict: System, ledger: dict[str, str]
) -> None:
    assert len(ledger) >= 7, "this test looks at what the tests above left: run the whole module"
    store = make_store(load_settings(environ=strict.environ))

    async def stored() -> bool:
        async with store.db.read() as conn:
            query = select(message.c.text, message.c.envelope_id)
            found = dict(tuple(row) for row in await conn.execute(query))
        return found == ledger

    try:
        await until("all of it, once, and nothing else", stored)
    finally:
        await store.close()
