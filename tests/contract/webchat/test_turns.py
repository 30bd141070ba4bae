"""Visitors hear where they stand and how long it will take: at once, then not too often."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse

from channels.webchat.queue_position import TELL_SECONDS, Turn, Turns, Waiting, rounded
from models.event_tail import EVENTS
from models.store import Store
from models.wait_estimates import FEWEST
from tests.contract.store import makers
from tests.contract.webchat.site import Site, hear, hello, say, site
from tests.fakes import FakeClock


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path, FakeClock()) as made:
        yield made


async def _routed(store: Store) -> None:
    await store.queue.route([makers.routed(new) for new in await store.queue.unlabelled(10)])


async def _heard(ws: ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    while (frame := await hear(ws))["type"] != kind:
        pass
    return frame


async def _before(store: Store, clock: FakeClock, count: int) -> list[str]:
    """So many chats of others, that came before."""
    ids = [await makers.waiting(store, f"other{n}", target=60.0 + n) for n in range(count)]
    clock.now += 1
    return ids


async def test_a_visitor_hears_their_place_as_it_changes(door: Site) -> None:
    store, clock = door.store, door.clock
    others = await _before(store, clock, 2)
    person = await makers.agent(store, capacity=100)
    async with door.socket() as ws:
        token = (await hello(ws))["token"]
        await ws.send_json(say("在吗"))
        await _heard(ws, "ack")
        await door.work()
        await _routed(store)
        await door.bus.publish(EVENTS)
        assert await _heard(ws, "queue") == {"type": "queue", "position": 3, "wait": None}
        clock.now += TELL_SECONDS
        assert await store.queue.claim(await makers.decision(store, others[0], person), None)
        await _hurry(door)
        assert (await _heard(ws, "queue"))["position"] == 2
        # A reload hears it anew.
        async with door.socket() as other:
            await hello(other, token=token)
            assert (await _heard(other, "queue"))["position"] == 2
        mine = (await store.tickets.page(limit=1))[0]
        assert await store.queue.claim(await makers.decision(store, mine.id, person), None)
        await door.bus.publish(EVENTS)
        assert await _heard(ws, "queue") == {"type": "queue", "position": 0, "wait": None}


async def _hurry(door: Site) -> None:
    """Something happens to the visitor's own ticket, as its labels do."""
    talk = door.accepted[-1].transport["conversation"]
    await door.queue_ticket(str(talk))


async def test_whoever_polls_hears_it_as_well(door: Site) -> None:
    await _before(door.store, door.clock, 1)
    async with door.http.post(
        f"{door.url}/webchat/session", json={"type": "hello"}, headers=door.origin
    ) as opened:
        token = (await opened.json())["token"]
    headers = door.origin | {"Authorization": f"Bearer {token}"}
    async with door.http.post(f"{door.url}/webchat/messages", json=say("好"), headers=headers):
        pass
    await door.work()
    await _routed(door.store)

    async def poll(**query: str) -> dict[str, Any]:
        url = f"{door.url}/webchat/messages"
        async with door.http.get(url, params=query, headers=headers) as answer:
            found: dict[str, Any] = await answer.json()
            return found

    number = (await poll(after="0"))["ticket"]
    told = await poll(after="1", ticket=number, queue="0-0")
    assert told["queue"] == {"position": 2, "wait": None}


async def test_the_wait_is_measured_told_by_the_minute_and_not_all_the_time(
    tmp_path: Path,
) -> None:
    async with site(tmp_path, FakeClock()) as door:
        store, clock = door.store, door.clock
        person = await makers.agent(store, capacity=100)
        others = await _before(store, clock, FEWEST + 3)
        talk = (await store.tickets.get(others[-1])).conversation_id
        turns, one, told = Turns(store.boards, clock), Waiting(), []

        async def look() -> Turn | None:
            await turns.look({talk: one}, told.append)
            return one.turn

        assert await look() == Turn(FEWEST + 3, None)
        for ticket_id in others[: FEWEST + 1]:
            clock.now += 45
            assert await store.queue.claim(await makers.decision(store, ticket_id, person), None)
        assert await look() == Turn(2, 120), "90 s, and nothing promises a second"
        clock.now += 2
        assert await store.queue.claim(await makers.decision(store, others[-2], person), None)
        assert await look() == Turn(2, 120), "told a moment ago"
        clock.now += TELL_SECONDS
        assert (await look() or Turn(0, 0)).position == 1
        assert await store.queue.claim(await makers.decision(store, others[-1], person), None)
        assert await look() is None
        assert await look() is None
        assert told == [talk] * 4


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.1, 60), (60, 60), (61, 120), (600, 600), (601, 900), (900, 900), (3599, 3600)],
)
def test_a_wait_is_rounded_up(seconds: float, told: int) -> None:
    assert rounded(seconds) == told
