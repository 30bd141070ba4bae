"""Open chats hear that somebody came to answer, or the last has gone; and not all the time."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from channels.webchat import attendance
from channels.webchat.attendance import AWAY_SECONDS, Attendance
from models.agent import Presence
from models.event_tail import EVENTS
from models.store.routing.agents import Agents
from tests.contract.store import makers
from tests.contract.webchat.site import Site, hear, hello, say, site

HERE = {"type": "online", "online": True}
GONE = {"type": "online", "online": False}


@pytest.fixture
async def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setattr(attendance, "PAUSE_SECONDS", 0.01)
    async with site(tmp_path) as made:
        yield made


async def _present(door: Site, agent: str, presence: Presence) -> None:
    await door.store.agents.present(agent, presence)
    await door.bus.publish(EVENTS)


async def test_a_chat_that_is_open_hears_that_somebody_came(door: Site) -> None:
    async with door.socket() as ws, door.socket() as silent:
        assert (await hello(ws))["online"] is False
        await ws.send_json(say("在吗"))
        assert (await hear(ws))["type"] == "ack"
        assert (await hello(silent))["online"] is False
        await makers.agent(door.store)
        await door.bus.publish(EVENTS)
        assert await hear(ws) == HERE
        assert await hear(silent) == HERE, "also who has written nothing yet"


async def test_and_that_the_last_has_gone(door: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attendance, "AWAY_SECONDS", 0.0)
    li = await makers.agent(door.store)
    async with door.socket() as ws:
        assert (await hello(ws))["online"] is True
        await _present(door, li, Presence.MEAL)
        assert await hear(ws) == GONE
        await _present(door, li, Presence.READY)
        assert await hear(ws) == HERE


class Watched:
    """An attendance, what it told, and its clock."""

    def __init__(self, door: Site) -> None:
        self.clock = door.clock
        self.attendance = Attendance(door.store.agents, door.clock)
        self.heard: list[bool | None] = []

    async def look(self, later: float = 0.0) -> float | None:
        self.clock.now += later
        return await self.attendance.look(lambda: self.heard.append(self.attendance.told))


@pytest.fixture
def watched(door: Site) -> Watched:
    return Watched(door)


async def test_who_comes_and_goes_all_the_time_is_told_once(door: Site, watched: Watched) -> None:
    li = await makers.agent(door.store)
    for _ in range(20):
        await door.store.agents.present(li, Presence.READY)
        assert await watched.look(20) is None
        await door.store.agents.present(li, Presence.WRAP_UP)
        assert await watched.look(20) == AWAY_SECONDS
    assert watched.heard == [True]
    assert await watched.look(AWAY_SECONDS - 1) == 1
    assert await watched.look(1) is None
    assert await watched.look(1) is None
    assert watched.heard == [True, False]


async def test_who_arrives_in_between_is_not_left_with_another_word(
    door: Site, watched: Watched
) -> None:
    li = await makers.agent(door.store)
    await watched.look()
    assert await watched.attendance.here()
    await door.store.agents.present(li, Presence.MEAL)
    await watched.look()
    assert not await watched.attendance.here(), "as it is, though the others were told otherwise"
    await door.store.agents.present(li, Presence.READY)
    await watched.look()
    assert watched.heard == [True, True], "or they would be told nothing"


async def test_a_thousand_who_arrive_are_one_look(
    door: Site, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    online = Agents.online

    async def counted(agents: Agents) -> Any:
        nonlocal looks
        looks += 1
        return await online(agents)

    monkeypatch.setattr(Agents, "online", counted)
    for _ in range(1000):
        await watched.attendance.here()
    assert looks == 1


async def test_whoever_polls_hears_it_as_well(door: Site) -> None:
    url, own = f"{door.url}/webchat", door.origin
    async with door.http.post(f"{url}/session", json={"type": "hello"}, headers=own) as opened:
        welcome = await opened.json()
    assert welcome["online"] is False
    headers = own | {"Authorization": f"Bearer {welcome['token']}"}

    async def poll() -> Any:
        query = {"after": "0", "online": "0"}
        async with door.http.get(f"{url}/messages", params=query, headers=headers) as answer:
            return await answer.json()

    await makers.agent(door.store)
    await door.bus.publish(EVENTS)
    assert (await poll())["online"] is True
