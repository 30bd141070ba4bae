"""How long stages take is counted once a ticket; broken invariants are seen, whole ones not."""

from typing import Any

import pytest
from sqlalchemy import update

from models.agent import Presence
from models.routing import Needs
from models.store import Store
from models.store.figures.measures import BOUNDS, STAGES, Broken
from models.tables import agent as agents
from models.tables import assignment
from models.tables import ticket as tickets
from models.ticket import TicketState
from tests.contract.store.makers import (
    NEEDS,
    agent,
    decision,
    envelope,
    follow,
    owned,
    routed,
    thread,
    waiting,
)
from tests.fakes import FakeClock


async def _stages(store: Store) -> dict[str, tuple[int, float]]:
    await follow(store, STAGES)
    found: dict[str, tuple[int, float]] = {}
    for row in await store.measures.stage_times():
        assert row.queue == NEEDS.skill_class
        count, seconds = found.get(row.stage, (0, 0.0))
        found[row.stage] = count + row.tickets, seconds + row.seconds
    return found


async def test_each_stage_is_timed_once_a_ticket(store: Store, clock: FakeClock) -> None:
    person = await agent(store)
    letter = envelope("k", now=clock())
    clock.pass_(2)
    await thread(store, letter)
    clock.pass_(3)
    (new,) = await store.queue.unlabelled(1)
    await store.queue.route([routed(new)])
    clock.pass_(7)
    assert await store.queue.claim(await decision(store, new.ticket_id, person), 20.0)
    clock.pass_(11)
    await store.tickets.accept(new.ticket_id, person)
    expected = {"threaded": 2, "classified": 3, "offered": 7, "accepted": 11}
    assert await _stages(store) == {n: (1, pytest.approx(s)) for n, s in expected.items()}
    # What happens to it afterwards, and a second look, change nothing.
    await store.tickets.release(new.ticket_id, person, None, "")
    clock.pass_(60)
    assert await store.queue.claim(
        await decision(store, new.ticket_id, await agent(store, "han")), None
    )
    assert await _stages(store) == {n: (1, pytest.approx(s)) for n, s in expected.items()}


async def test_what_is_given_at_once_is_accepted_at_once_and_long_waits_have_a_bound(
    store: Store, clock: FakeClock
) -> None:
    ticket_id = await waiting(store)
    clock.pass_(BOUNDS[-1] + 1)
    person = await agent(store)
    assert await store.queue.claim(await decision(store, ticket_id, person), None)
    found = await _stages(store)
    assert found["accepted"] == (1, 0.0)
    assert found["offered"] == (1, pytest.approx(BOUNDS[-1] + 1))
    bounds = {row.stage: row.bound for row in await store.measures.stage_times()}
    assert (bounds["offered"], bounds["accepted"]) == (0.0, BOUNDS[0])


async def _set(store: Store, table: Any, one: str, **values: Any) -> None:
    async with store.db.write() as tx:
        await tx.conn.execute(update(table).where(table.c.id == one).values(**values))


async def _broken(store: Store) -> dict[str, str | None]:
    found = await store.invariants.broken()
    assert set(found) == {"owners", "over_capacity", "orphans", "never_drop"}
    return {name: one.example for name, one in found.items() if one.times}


async def test_an_ordinary_house_breaks_nothing(store: Store, clock: FakeClock) -> None:
    held, person = await owned(store, "a")
    await waiting(store, "b")
    forced = await waiting(store, "d")
    await store.agents.change(person, None, capacity=2)
    await store.tickets.take(forced, person, forced=True)
    lowered = await agent(store, "han", capacity=4)
    for key in "ef":
        one = await waiting(store, key)
        assert await store.queue.claim(await decision(store, one, lowered), None)
    clock.pass_(1)
    await store.agents.change(lowered, None, capacity=1)
    await thread(store, envelope("c", now=clock()), conversation_key="c")
    clock.pass_(600)
    assert await _broken(store) == {}
    await store.tickets.move(held, person, TicketState.RESOLVED)
    assert await _broken(store) == {}


@pytest.mark.parametrize("what", ["nobody's", "another's", "nobody has it"])
async def test_an_owner_and_an_assignment_that_differ_are_seen(store: Store, what: str) -> None:
    ticket_id, _ = await owned(store)
    other = await agent(store, "han")
    if what == "nobody's":
        async with store.db.write() as tx:
            await tx.conn.execute(update(assignment).values(ended_at=tx.now))
    elif what == "another's":
        await _set(store, tickets, ticket_id, owner_id=other)
    else:
        await _set(store, tickets, ticket_id, state="pending")
    assert await _broken(store) == {"owners": ticket_id}


async def test_too_much_given_by_the_router_is_seen(store: Store) -> None:
    _, person = await owned(store)
    await _set(store, agents, person, used=7)
    assert await _broken(store) == {"over_capacity": person}


@pytest.mark.parametrize(
    "values",
    [
        {"state": "new", "label_due": False},
        {"skill_class": None},
        {"target": None},
        {"sort_key": None},
        {"state": "offered", "offer_until": None},
        {"state": "snoozed", "wake_at": None},
    ],
)
async def test_a_ticket_that_nothing_would_move_is_seen(
    store: Store, clock: FakeClock, values: dict[str, Any]
) -> None:
    ticket_id = await waiting(store)
    await _set(store, tickets, ticket_id, **values)
    assert "orphans" not in await _broken(store), "a step in between may look like it"
    clock.pass_(120)
    assert (await _broken(store))["orphans"] == ticket_id


async def test_a_decision_against_a_skill_that_is_never_dropped_is_seen(
    store: Store, clock: FakeClock
) -> None:
    english = Needs(
        required=(("domain:物流", 1), ("lang:en", 1)), never_drop=frozenset({"lang:en"})
    )
    one = await waiting(store, "a", needs=english)
    person = await agent(store)
    assert await store.queue.claim(await decision(store, one, person), None)
    assert await _broken(store) == {"never_drop": one}
    clock.pass_(1)
    await store.agents.change(person, None, skills={"domain:物流": 1})
    assert await _broken(store) == {}, "who knows what they could do then"


async def test_what_was_found_is_kept_with_its_time_and_told_once(
    store: Store, clock: FakeClock
) -> None:
    measures = store.measures
    assert await measures.found({"owners": Broken(0), "orphans": Broken(2, "t1")}) == ["orphans"]
    began = clock()
    clock.pass_(10)
    assert await measures.found({"owners": Broken(0), "orphans": Broken(3, "t2")}) == []
    orphans, owners = await measures.alarms()
    assert (orphans.broken, orphans.example, orphans.since) == (3, "t2", began)
    assert (owners.broken, owners.since, owners.looked_at) == (0, None, clock())
    await measures.found({"orphans": Broken(0)})
    assert (await measures.alarms())[0].since is None
    assert await measures.found({"orphans": Broken(1, "t3")}) == ["orphans"]


async def test_presence_alone_breaks_nothing(store: Store) -> None:
    await store.agents.present(await agent(store), Presence.MEAL)
    assert await _broken(store) == {}
