"""What waits where, where one stands, and how long it will take: measured or unknown."""

import pytest

from models.routing import Needs
from models.store import Store
from models.ticket import TicketState
from models.wait_estimates import FEWEST
from tests.contract.store.makers import (
    NEEDS,
    agent,
    decision,
    envelope,
    labels,
    routed,
    thread,
    waiting,
)
from tests.fakes import FakeClock

OTHER = Needs(required=(("domain:支付", 1),))


async def test_a_board_counts_by_class_and_urgency_and_lists_the_first(
    store: Store, clock: FakeClock
) -> None:
    first = await waiting(store, "a")
    clock.pass_(5)
    hasty = await waiting(store, "b", target=60.0)
    await waiting(store, "c", needs=OTHER)
    await thread(store, envelope("d", now=clock()), conversation_key="d")
    (new,) = await store.queue.unlabelled(1)
    await store.queue.route([routed(new, labels=labels(urgency="紧急"))])
    board = {queue.name: queue for queue in await store.boards.queues(first=2)}
    mine = board[NEEDS.skill_class]
    assert mine.needs == NEEDS
    assert (mine.waiting, mine.late, mine.oldest) == (3, 0, clock() - 5)
    assert mine.by_urgency == {"重要": 2, "紧急": 1}
    assert [(t.ticket_id, t.position, t.urgency) for t in mine.first] == [
        (hasty, 1, "重要"),
        (first, 2, "重要"),
    ]
    assert mine.first[0].due_at == clock() + 60
    assert board[OTHER.skill_class].waiting == 1
    clock.pass_(55 + 1)
    assert {q.name: q.late for q in await store.boards.queues()}[NEEDS.skill_class] == 0
    clock.pass_(4)
    assert {q.name: q.late for q in await store.boards.queues()}[NEEDS.skill_class] == 1


async def test_a_place_follows_the_key_and_its_wait_the_measured_pace(
    store: Store, clock: FakeClock
) -> None:
    person = await agent(store, capacity=100)
    ids = sorted([await waiting(store, f"k{n}") for n in range(FEWEST + 3)])
    talks = {(await store.tickets.get(one)).conversation_id: one for one in ids}
    # One every ten seconds, while the others wait.
    for one in ids[: FEWEST + 1]:
        known = await store.boards.places(talks)
        assert all(place.wait is None for place in known.values()), "too little was measured"
        clock.pass_(10)
        assert await store.queue.claim(await decision(store, one, person), None)
    places = {p.ticket_id: p for p in (await store.boards.places(talks)).values()}
    assert {one: (p.position, p.wait) for one, p in places.items()} == {
        ids[-2]: (1, pytest.approx(10)),
        ids[-1]: (2, pytest.approx(20)),
    }
    # Nobody comes for them: the pace sinks.
    clock.pass_(60)
    (_, last) = sorted((await store.boards.places(talks)).values(), key=lambda p: p.position)
    assert last.wait == pytest.approx(2 * (FEWEST * 10 + 60) / FEWEST)
    clock.pass_(3600)
    assert {p.wait for p in (await store.boards.places(talks)).values()} == {None}
    assert await store.boards.places([]) == {}
    assert await store.boards.places(["nobody"]) == {}


async def test_what_comes_back_has_not_left(store: Store, clock: FakeClock) -> None:
    person = await agent(store, capacity=100)
    await waiting(store, "behind")
    for n in range(FEWEST + 2):
        one = await waiting(store, f"k{n}", target=60.0)
        clock.pass_(10)
        assert await store.queue.claim(await decision(store, one, person), 20.0)
        await store.tickets.decline(one, person, "忙")
        await store.tickets.mark_junk(one, person)
    (queue,) = await store.boards.queues()
    assert queue.pace.departures == 0
    assert (await store.tickets.page(states=[TicketState.WAITING], limit=9))[0].id
