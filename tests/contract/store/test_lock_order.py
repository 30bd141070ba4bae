"""Locks are taken in one order, so that transactions wait for each other but never in a circle.

PostgreSQL ends one of those that do, and whoever asked is told to come again. Each test lets
another transaction begin at the moment in which the first has just locked somebody.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import update

from models.errors import Conflict, NotFound, Rejected
from models.follow_up import Said
from models.store import Store
from models.store.complaints import calling_back, follow_ups, handling
from models.store.routing import offboarding
from models.store.tickets import helping, search_index
from models.store.tickets.helping import HELPERS
from models.store.tickets.search_index import INDEXING
from models.tables import ticket
from models.ticket import TicketState
from tests.contract.store import call_backs as calls
from tests.contract.store import makers
from tests.contract.store.meeting import meeting
from tests.fakes import FakeClock

Move = Callable[[], Awaitable[object]]


def beginning_after(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str, second: Move
) -> list[asyncio.Task[object]]:
    """``second`` begins once the module's function has ended for the first time."""
    real, begun = getattr(module, name), []

    async def then(*args: Any, **options: Any) -> object:
        result = await real(*args, **options)
        if not begun:
            begun.append(asyncio.ensure_future(_come_to(second)))
            await asyncio.wait(begun, timeout=0.3)
        return result

    monkeypatch.setattr(module, name, then)
    return begun


async def _come_to(move: Move) -> object:
    try:
        return await move()
    except (Conflict, NotFound) as error:
        return error


async def _an_offer(store: Store, li: str) -> Move:
    ticket_id, wang = await makers.owned(store, "k3", login="wang")
    await store.transfers.offer(ticket_id, wang, 600.0, to=li)
    return lambda: store.transfers.accept(ticket_id, li)


async def _help(store: Store, li: str) -> Move:
    ticket_id, wang = await makers.owned(store, "k3", login="wang")
    await store.helping.ask(ticket_id, wang, li, 1)
    return lambda: store.helping.dismiss(ticket_id, wang, li)


async def _what_is_to_be_theirs_first(store: Store, li: str) -> Move:
    ticket_id = await makers.waiting(store, "k3")
    async with store.db.write() as tx:
        mine = update(ticket).where(ticket.c.id == ticket_id).values(sticky_id=li)
        await tx.conn.execute(mine)
    decision = await makers.decision(store, ticket_id, li)
    return lambda: store.queue.claim(decision, None)


@pytest.mark.parametrize("part", [_an_offer, _help, _what_is_to_be_theirs_first])
@pytest.mark.parametrize("how", ["leaves", "is disabled"])
async def test_who_goes_and_who_changes_what_they_have_wait_in_no_circle(
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    part: Callable[[Store, str], Awaitable[Move]],
    how: str,
) -> None:
    _, li = await makers.owned(store)
    second = await part(store, li)
    begun = beginning_after(monkeypatch, offboarding, "_hold", second)
    if how == "leaves":
        await store.offboarding.leave(li, None)
    else:
        await store.agents.change(li, None, disabled_at=await store.db.now())
    await begun[0]
    assert await store.maintenance.recount() == []
    assert [t for t in await store.tickets.page() if t.owner_id == li] == []


async def test_who_goes_and_what_comes_of_their_call_wait_in_no_circle(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow_up, han = await calls.taken(store, clock)
    begun = beginning_after(
        monkeypatch,
        offboarding,
        "_hold",
        lambda: store.follow_ups.record(follow_up, han, "try-0", Said(True), calls.PLAN),
    )
    await store.offboarding.leave(han, None)
    await begun[0]
    assert await store.maintenance.recount() == []


@pytest.mark.parametrize("by_phone", [True, False])
async def test_a_try_and_the_time_of_the_next_wait_in_no_circle(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, by_phone: bool
) -> None:
    follow_up, han = await calls.taken(store, clock)
    found = await store.follow_ups.get(follow_up)
    talk = (await store.tickets.get(found.ticket_id)).conversation_id
    await store.follow_ups.record(follow_up, han, "try-0", Said(False), calls.PLAN)
    clock.pass_(5 * calls.HOUR)
    # At rest it is put off, while somebody takes it by hand: they have it, and it is still due.
    monkeypatch.setattr(calls, "QUIET_UNTIL", [clock.now + calls.HOUR])
    await meeting(
        store,
        monkeypatch,
        lambda: store.timers.fire_due(calls.EFFECTS),
        lambda: store.follow_ups.take(follow_up, han, han, forced=False),
    )
    clock.pass_(2 * calls.HOUR)
    begun = beginning_after(
        monkeypatch, follow_ups, "_locked", lambda: store.timers.fire_due(calls.EFFECTS)
    )
    if by_phone:
        await store.follow_ups.record(follow_up, han, "try-1", Said(False), calls.PLAN)
    else:
        await store.follow_ups.write(follow_up, han, "try-1", talk, "好了吗？", calls.PLAN)
    assert await begun[0] == []
    assert (await store.follow_ups.get(follow_up)).state == ("paused" if by_phone else "asked")
    assert len(await store.timers.of(follow_up)) == 1
    assert await store.maintenance.recount() == []


async def test_the_ends_of_two_tickets_with_one_helper_and_a_move_wait_in_no_circle(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, li = await makers.owned(store)
    other, wang = await makers.owned(store, "k2", login="wang")
    han = await makers.agent(store, "han")
    for ticket_id, owner in ((one, li), (other, wang)):
        await store.helping.ask(ticket_id, owner, han, 1)
        await store.tickets.mark_junk(ticket_id, owner)
    last = max(one, other)
    begun = beginning_after(
        monkeypatch, helping, "unload", lambda: store.helping.dismiss(last, wang, han)
    )
    await makers.follow(store, HELPERS)
    await begun[0]
    assert await store.maintenance.recount() == []
    assert (await store.agents.get(han)).used == 0


async def test_two_reopened_tickets_and_a_call_about_one_wait_in_no_circle(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    han = await makers.agent(store, "han")
    for key, login in (("k1", "li"), ("k2", "wang")):
        await calls.resolved(store, key, login)
    await calls.tick(store, clock, 1.5 * calls.DAY)
    for found in await store.follow_ups.page():
        await store.follow_ups.take(found.id, han, han, forced=False)
    last = max(found.id for found in await store.follow_ups.page())
    for resolved in await store.tickets.page(states=[TicketState.RESOLVED]):
        await store.ending.reopen(resolved.id, han, "x")
    begun = beginning_after(
        monkeypatch,
        calling_back,
        "unload",
        lambda: store.follow_ups.record(last, han, "try-0", Said(False), calls.PLAN),
    )
    await calls.tick(store)
    await begun[0]
    assert await store.maintenance.recount() == []
    assert (await store.agents.get(han)).used == 0


async def test_two_complaints_that_are_linked_both_ways_wait_in_no_circle(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = makers.labels(domain="支付")
    found = [await makers.filed(store), await makers.filed(store, "k2", labels=payment, text="钱")]
    one, other = sorted(found)
    han = await makers.agent(store, "han")
    begun = beginning_after(
        monkeypatch, handling, "_locked", lambda: _linked(store, one, han, other)
    )
    await store.complaints.link(other, han, one)
    assert isinstance(await begun[0], Rejected), "that one repeats this one already"


async def _linked(store: Store, ticket_id: str, by: str, first: str) -> object:
    try:
        await store.complaints.link(ticket_id, by, first)
    except Rejected as error:
        return error
    return None


async def test_what_is_indexed_and_what_is_forgotten_wait_in_no_circle(store: Store) -> None:
    first, last = [await makers.waiting(store, key) for key in ("k1", "k2")]
    await makers.follow(store, INDEXING)
    async with store.db.write() as tx:
        await search_index.forget(tx, [first])
        filling = asyncio.ensure_future(store.search_index.fill(10))
        await asyncio.wait([filling], timeout=0.3)
        await search_index.forget(tx, [last])
    await filling
    assert await store.search_index.due() == 2, "what was forgotten meanwhile is to be read anew"
