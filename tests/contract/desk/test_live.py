"""The live line: snapshot, resume, filtering, limits, heartbeat."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select

from desk import push
from desk.app import create_app
from desk.services import DeskOptions
from models.agent import Role
from models.errors import Temporary
from models.tables import agent
from tests.contract.desk.conftest import Desk, Visit, connect, frame
from tests.contract.desk.spec import Spec
from tests.contract.desk.world import PASSWORD, World, world
from tests.fakes import FakeClock


@pytest.fixture
def beat() -> float:
    return 0.02


@pytest.fixture
async def house(
    tmp_path: Path, clock: FakeClock, beat: float, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    monkeypatch.setattr(push, "_AGAIN_SECONDS", 0.05)
    quick = DeskOptions(beat_seconds=beat, ping_seconds=0.05)
    async with world(tmp_path, clock=clock, options=quick) as made:
        yield made


async def events(ws: ClientWebSocketResponse, count: int) -> list[Any]:
    found: list[Any] = []
    while len(found) < count:
        found += (await frame(ws, "events"))["events"]
    return found


async def closed(ws: ClientWebSocketResponse) -> int | None:
    async with asyncio.timeout(5):
        while (await ws.receive()).type not in {WSMsgType.CLOSE, WSMsgType.CLOSED}:
            pass
    return ws.close_code


async def test_a_new_desk_gets_a_snapshot_then_events(house: World, visit: Visit) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    ws = await connect(await visit("li"))
    assert (await frame(ws, "snapshot"))["last_seq"] == await house.store.events.last()
    await house.give(ticket, me)
    (event,) = await events(ws, 1)
    assert (event["kind"], event["ticket_id"], event["agent_id"]) == (
        "ticket.assigned",
        ticket,
        me,
    )


async def test_a_desk_resumes_after_the_last_it_saw(house: World, visit: Visit) -> None:
    me = await house.person("li")
    first, second = await house.ticket("k1"), await house.ticket("k2")
    desk = await visit("li")
    ws = await connect(desk)
    await frame(ws, "snapshot")
    await house.give(first, me)
    seen = (await events(ws, 1))[-1]["seq"]
    await ws.close()
    await house.give(second, me)
    await house.store.tickets.move(first, me, "resolved")
    ws = await connect(desk, seen)
    missed = await events(ws, 2)
    assert [e["kind"] for e in missed] == ["ticket.assigned", "ticket.moved"]
    assert missed[0]["seq"] > seen
    ping = await frame(ws, "ping")
    assert ping["last_seq"] == missed[-1]["seq"]


async def test_nothing_is_told_twice_or_lost_while_things_happen(
    house: World, visit: Visit
) -> None:
    await house.person("boss", Role.SUPERVISOR)
    await house.person("li")
    desk = await visit("boss")
    start = await house.store.events.last()

    async def happen() -> None:
        for number in range(30):
            await house.ticket(f"k{number}")

    busy = asyncio.create_task(happen())
    seen, last = [], start
    while not busy.done() or last < await house.store.events.last():
        ws = await connect(desk, last)
        for event in await events(ws, 1):
            seen.append(event["seq"])
            last = event["seq"]
        await ws.close()
    await busy
    assert seen == list(range(start + 1, await house.store.events.last() + 1))


async def test_agents_are_not_told_of_others(house: World, visit: Visit) -> None:
    other, me = await house.person("wang"), await house.person("li")
    theirs, mine = await house.ticket("k1"), await house.ticket("k2")
    ws = await connect(await visit("li"))
    await frame(ws, "snapshot")
    await house.give(theirs, other)
    await house.give(mine, me)
    (event,) = await events(ws, 1)
    assert event["ticket_id"] == mine


async def test_delivery_of_my_answer_is_told(house: World, visit: Visit) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    await house.give(ticket, me)
    ws = await connect(await visit("li"))
    await frame(ws, "snapshot")
    await house.store.tickets.reply(ticket, me, "您好", "client-1", "active")
    conversation = (await house.store.tickets.get(ticket)).conversation_id
    await house.store.conversations.delivered(conversation, 2)
    told = await events(ws, 2)
    assert [(e["kind"], e["data"].get("state")) for e in told] == [
        ("message.out", None),
        ("outbound.state", "delivered"),
    ]


async def test_how_much_waits_is_told_to_everybody(house: World, visit: Visit) -> None:
    await house.person("li")
    ws = await connect(await visit("li"))
    await frame(ws, "snapshot")
    await house.ticket()
    assert (await frame(ws, "waiting"))["waiting"]["total"] == 1


@pytest.mark.parametrize("last_seq", [1, 10**6])
async def test_too_far_back_or_ahead_is_a_snapshot(
    house: World, visit: Visit, clock: FakeClock, last_seq: int
) -> None:
    await house.person("li")
    await house.ticket("k1")
    clock.pass_(100)
    await house.store.events.forget(clock.now)
    await house.ticket("k2")
    ws = await connect(await visit("li"), last_seq)
    found = await frame(ws, "snapshot", "events", "ping")
    assert found == {"type": "snapshot", "last_seq": await house.store.events.last()}


async def test_connected_desks_are_heard_of(house: World, visit: Visit, clock: FakeClock) -> None:
    me, other = await house.person("li"), await house.person("wang")
    ws = await connect(await visit("li"))
    await frame(ws, "snapshot")
    clock.pass_(1000)
    async with asyncio.timeout(5):
        while await heard_of(house, me) != clock.now:
            await asyncio.sleep(0.01)
    assert await house.store.maintenance.lose_contact(30.0, 60.0) == [other]


async def test_a_program_that_only_reads_is_nobody_who_could_work(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    me, other = await house.person("li"), await house.person("wang")
    made = (await (await visit("li")).post("/tokens", {"name": "n", "read_only": True})).json
    program = await visit()
    headers = {"Authorization": f"Bearer {made['token']}"}
    ws = await program.client.ws_connect("/api/v1/ws", headers=headers)
    await ws.send_json({"type": "hello", "last_seq": 0})
    await frame(ws, "snapshot")
    waiting = await connect(await visit("wang"))
    await frame(waiting, "snapshot")
    clock.pass_(1000)
    async with asyncio.timeout(5):
        while await heard_of(house, other) != clock.now:
            await asyncio.sleep(0.01)
    assert await house.store.maintenance.lose_contact(30.0, 60.0) == [me]


@pytest.mark.parametrize("beat", [3600.0])
async def test_who_comes_back_is_heard_of_at_once(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    me = await house.person("li")
    await frame(await connect(await visit("li")), "snapshot")
    async with asyncio.timeout(5):
        while await heard_of(house, me) != clock.now:
            await asyncio.sleep(0.01)
        clock.pass_(29.0)
        await frame(await connect(await visit("li")), "snapshot")
        while await heard_of(house, me) != clock.now:
            await asyncio.sleep(0.01)


async def heard_of(house: World, agent_id: str) -> float:
    async with house.store.db.read() as conn:
        query = select(agent.c.heartbeat_at).where(agent.c.id == agent_id)
        return float((await conn.execute(query)).scalar_one())


async def test_a_desk_far_behind_reads_everything_again(
    house: World, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.person("boss", Role.SUPERVISOR)
    await house.ticket()
    last = await house.store.events.last()
    monkeypatch.setattr(push, "_MOST_BEHIND", 2)
    desk = await visit("boss")
    near, far = await connect(desk, last - 2), await connect(desk, last - 3)
    assert [e["seq"] for e in await events(near, 2)] == [last - 1, last]
    assert (await frame(far, "snapshot", "events"))["type"] == "snapshot"


async def test_connecting_changes_no_presence(house: World, visit: Visit) -> None:
    me = await house.person("li", presence="busy")
    desk = await visit("li")
    first, second = await connect(desk), await connect(desk)
    await frame(first, "snapshot")
    await frame(second, "snapshot")
    await first.close()
    assert (await house.store.agents.get(me)).presence == "busy"


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null"])
async def test_other_sites_may_not_connect(house: World, visit: Visit, origin: str | None) -> None:
    await house.person("li")
    desk = await visit("li")
    headers = {"X-Shouli-Desk": "1"} | ({} if origin is None else {"Origin": origin})
    with pytest.raises(WSServerHandshakeError) as refused:
        await desk.client.ws_connect("/api/v1/ws", headers=headers)
    assert refused.value.status == 403


async def test_a_frame_over_32_kb_is_1009(house: World, visit: Visit) -> None:
    await house.person("li")
    ws = await connect(await visit("li"))
    await frame(ws, "snapshot")
    await ws.send_str("x" * (32 * 1024 + 1))
    assert await closed(ws) == 1009


@pytest.mark.parametrize("first", ["{}", "[", '{"type": "hello", "last_seq": -1}', '{"type":"x"}'])
async def test_a_wrong_first_frame_is_1008(house: World, visit: Visit, first: str) -> None:
    await house.person("li")
    desk = await visit("li")
    own = str(desk.client.make_url("/")).rstrip("/")
    ws = await desk.client.ws_connect("/api/v1/ws", headers={"Origin": own})
    await ws.send_str(first)
    assert await closed(ws) == 1008


async def test_the_line_ends_with_the_session(house: World, visit: Visit) -> None:
    await house.person("li")
    desk = await visit("li")
    ws = await connect(desk)
    await frame(ws, "snapshot")
    await desk.post("/logout")
    assert await closed(ws) == 4401


@pytest.mark.parametrize(
    ("change", "code"), [({"disabled_at": 1.0}, 4401), ({"role": Role.AGENT}, 1012)]
)
async def test_who_was_changed_is_looked_at_at_once(
    tmp_path: Path, spec: Spec, change: dict[str, Any], code: int
) -> None:
    patient = DeskOptions(ping_seconds=3600.0)
    async with (
        world(tmp_path, options=patient) as house,
        TestClient(TestServer(create_app(house.services))) as client,
    ):
        me = await house.person("li", Role.SUPERVISOR)
        desk = Desk(client, spec)
        await desk.post("/login", {"login": "li", "password": PASSWORD})
        ws = await connect(desk)
        await frame(ws, "snapshot")
        await house.store.agents.change(me, None, **change)
        assert await closed(ws) == code


async def test_a_changed_role_takes_a_new_line(house: World, visit: Visit) -> None:
    me = await house.person("li", Role.SUPERVISOR)
    ws = await connect(await visit("li"))
    await frame(ws, "snapshot")
    await house.store.agents.change(me, None, role=Role.AGENT)
    assert await closed(ws) == 1012


async def test_a_slow_desk_is_dropped_and_resumes(
    house: World, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push.Line, "offer", lambda line, _batch: setattr(line, "overrun", True))
    me = await house.person("li")
    ticket = await house.ticket()
    desk = await visit("li")
    ws = await connect(desk)
    last = (await frame(ws, "snapshot"))["last_seq"]
    await house.give(ticket, me)
    assert await closed(ws) == 1013
    again = await connect(desk, last)
    assert (await events(again, 1))[0]["kind"] == "ticket.assigned"


async def test_the_database_away_for_a_moment_loses_nothing(
    house: World, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    ws = await connect(await visit("li"))
    await frame(ws, "snapshot")
    after, failures = house.store.events.after, iter([True])

    async def flaky(seq: int, limit: int = 500) -> Any:
        if next(failures, False):
            raise push.Temporary("away")
        return await after(seq, limit)

    monkeypatch.setattr(type(house.store.events), "after", lambda _self, *a: flaky(*a))
    await house.give(ticket, me)
    await house.store.db.on_commit([])
    assert (await events(ws, 1))[0]["ticket_id"] == ticket


async def test_how_much_waits_is_told_though_the_database_is_away_when_it_is_counted(
    house: World, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.person("li")
    ws = await connect(await visit("li"))
    await frame(ws, "snapshot")
    boards, asked = type(house.store.boards), []
    depth = boards.depth

    async def away_at_first(self: Any) -> Any:
        asked.append(self)
        if len(asked) == 1:
            raise Temporary("away")
        return await depth(self)

    monkeypatch.setattr(boards, "depth", away_at_first)
    await house.ticket()
    assert (await frame(ws, "waiting"))["waiting"]["total"] == 1
