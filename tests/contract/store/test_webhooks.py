"""Each event is owed to each webhook exactly once, and a ticket's go out one after the other."""

import asyncio
from typing import Any

import pytest

from models.errors import NotFound
from models.store import Store
from models.store.effects.webhooks import Attempt
from tests.fakes import FakeClock

SECRET = b"s" * 32


async def _happen(store: Store, *kinds: str, ticket: str | None = None) -> None:
    for kind in kinds:
        async with store.db.write() as tx:
            tx.emit(kind, ticket=ticket, what=kind)


async def _hook(store: Store, *kinds: str) -> str:
    made, _ = await store.webhooks.add("http://crm.example/hook", kinds, SECRET, "admin")
    return made


async def _log(store: Store, hook: str, **options: Any) -> list[tuple[str, str]]:
    return [(row["kind"], row["state"]) for row in await store.webhooks.log(hook, **options)]


async def _settled(store: Store, attempt: Attempt) -> bool:
    return bool(await store.webhooks.settle(attempt.due.webhook_id, [attempt]))


async def test_only_what_comes_from_now_on_and_what_is_wanted(store: Store) -> None:
    await _happen(store, "before.it")
    hook = await _hook(store, "ticket.a", "ticket.b")
    await _happen(store, "ticket.a", "ticket.c", "ticket.b")
    await store.webhooks.spread()
    assert await _log(store, hook) == [("ticket.b", "due"), ("ticket.a", "due")]
    (seen,) = await store.webhooks.all()
    assert (seen.url, seen.kinds, seen.due) == (
        "http://crm.example/hook", ("ticket.a", "ticket.b"), 2,
    )  # fmt: skip


async def test_spreaders_at_once_owe_each_event_once(store: Store) -> None:
    hook = await _hook(store)
    for _ in range(3):
        await _happen(store, *["ticket.a"] * 10)
        await asyncio.gather(*(store.webhooks.spread() for _ in range(4)))
    assert len(await _log(store, hook)) == 30


async def test_a_tickets_events_are_leased_one_after_the_other(store: Store) -> None:
    hook = await _hook(store)
    await _happen(store, "ticket.a", "ticket.b", ticket="t1")
    await _happen(store, "ticket.a", ticket="t2")
    await _happen(store, "agent.x", "agent.y")
    await store.webhooks.spread()
    first = await store.webhooks.lease(hook, 10, 60.0)
    assert [due.body.count(b"ticket.b") for due in first] == [0, 0, 0, 0]
    assert await store.webhooks.lease(hook, 10, 60.0) == []
    assert await _settled(store, Attempt(first[0]))
    (second,) = await store.webhooks.lease(hook, 10, 60.0)
    assert b"ticket.b" in second.body
    assert second.secret == SECRET


async def test_a_dead_senders_event_is_anothers_and_the_late_word_changes_nothing(
    store: Store, clock: FakeClock
) -> None:
    hook = await _hook(store)
    await _happen(store, "ticket.a", ticket="t")
    await store.webhooks.spread()
    (lost,) = await store.webhooks.lease(hook, 10, 60.0)
    clock.pass_(61)
    (taken,) = await store.webhooks.lease(hook, 10, 60.0)
    assert (taken.body, taken.attempts) == (lost.body, 2)
    for late in (Attempt(lost), Attempt(lost, "HTTP 500", 30.0), Attempt(lost, "HTTP 410")):
        assert not await _settled(store, late)
    assert await store.webhooks.settle(hook, [Attempt(lost), Attempt(taken)]) == {taken.seq}
    assert await store.webhooks.lease(hook, 10, 60.0) == []


async def test_a_failure_holds_up_its_ticket_only_and_until_it_is_given_up(
    store: Store, clock: FakeClock
) -> None:
    hook = await _hook(store)
    await _happen(store, "ticket.a", "ticket.b", ticket="t1")
    await _happen(store, "ticket.c", ticket="t2")
    await store.webhooks.spread()
    bad, good = await store.webhooks.lease(hook, 10, 60.0)
    settled = await store.webhooks.settle(hook, [Attempt(bad, "HTTP 500", 30.0), Attempt(good)])
    assert settled == {bad.seq, good.seq}
    assert await store.webhooks.lease(hook, 10, 60.0) == []
    clock.pass_(31)
    (again,) = await store.webhooks.lease(hook, 10, 60.0)
    assert (again.seq, again.attempts) == (bad.seq, 2)
    assert await _settled(store, Attempt(again, "HTTP 500"))
    (after,) = await store.webhooks.lease(hook, 10, 60.0)
    assert b"ticket.b" in after.body
    assert await _log(store, hook, state="failed") == [("ticket.a", "failed")]


async def test_failed_or_settled_events_are_sent_again_on_request(store: Store) -> None:
    hook = await _hook(store)
    await _happen(store, "ticket.a", "ticket.b")
    await store.webhooks.spread()
    one, two = await store.webhooks.lease(hook, 10, 60.0)
    await store.webhooks.settle(hook, [Attempt(one), Attempt(two, "HTTP 410")])
    assert await store.webhooks.redeliver(hook, "admin") == 1
    (again,) = await store.webhooks.lease(hook, 10, 60.0)
    assert (again.seq, again.body, again.attempts) == (two.seq, two.body, 1)
    assert await store.webhooks.redeliver(hook, "admin", one.seq) == 1
    with pytest.raises(NotFound):
        await store.webhooks.redeliver(hook, "admin", one.seq)  # it is due already
    with pytest.raises(NotFound):
        await store.webhooks.redeliver("nobody", "admin")


async def test_what_happens_while_it_is_stopped_is_sent_afterwards(store: Store) -> None:
    hook = await _hook(store)
    await store.webhooks.enable(hook, "admin", enabled=False)
    await _happen(store, "ticket.a")
    await store.webhooks.spread()
    assert await store.webhooks.open() == []
    assert await _log(store, hook) == []
    await store.webhooks.enable(hook, "admin", enabled=True)
    await store.webhooks.spread()
    assert await store.webhooks.open() == [hook]
    assert await _log(store, hook) == [("ticket.a", "due")]
    with pytest.raises(NotFound):
        await store.webhooks.enable("nobody", "admin", enabled=True)


async def test_a_silent_receiver_is_left_alone_for_longer_each_time(
    store: Store, clock: FakeClock
) -> None:
    hook = await _hook(store)
    for seconds in (5, 10, 20, 20):
        await store.webhooks.pause(hook, 5.0, 20.0)
        clock.pass_(seconds - 1)
        assert await store.webhooks.open() == []
        clock.pass_(1)
        assert await store.webhooks.open() == [hook]
    await _happen(store, "ticket.a")
    await store.webhooks.spread()
    (due,) = await store.webhooks.lease(hook, 1, 60.0)
    assert await _settled(store, Attempt(due))
    assert (await store.webhooks.all())[0].failures == 0


async def test_what_was_settled_long_ago_is_dropped(store: Store, clock: FakeClock) -> None:
    hook = await _hook(store)
    await _happen(store, "ticket.a", "ticket.b")
    await store.webhooks.spread()
    first, _ = await store.webhooks.lease(hook, 10, 60.0)
    assert await _settled(store, Attempt(first))
    clock.pass_(100)
    assert await store.webhooks.forget(clock.now - 50) == 1
    assert await _log(store, hook) == [("ticket.b", "due")]


async def test_what_was_settled_is_dropped_some_at_a_time_the_oldest_first(
    store: Store, clock: FakeClock
) -> None:
    hook = await _hook(store)
    await _happen(store, *(f"ticket.{n}" for n in "abc"))
    await store.webhooks.spread()
    for due in await store.webhooks.lease(hook, 10, 60.0):
        assert await _settled(store, Attempt(due))
        clock.pass_(1)
    assert await store.webhooks.forget(clock.now, 2) == 2
    assert await _log(store, hook) == [("ticket.c", "done")]
    assert await store.webhooks.forget(clock.now, 2) == 1


async def test_who_is_at_a_webhook_that_is_deleted_finds_nothing_to_do(store: Store) -> None:
    hook, other = await _hook(store), await _hook(store)
    await _happen(store, "ticket.a", "ticket.b", "ticket.c")
    await store.webhooks.spread()
    first, second, _ = await store.webhooks.lease(hook, 9, 30.0)
    await store.webhooks.settle(hook, [Attempt(first, "HTTP 500")])
    assert await store.webhooks.delete(hook, "admin") == (2, 1)
    assert await store.webhooks.settle(hook, [Attempt(second)]) == set()
    await store.webhooks.pause(hook, 5.0, 60.0)
    assert await store.webhooks.lease(hook, 9, 30.0) == []
    await _happen(store, "ticket.d")
    assert await store.webhooks.spread() == 1
    assert [one.id for one in await store.webhooks.all()] == [other]
    with pytest.raises(NotFound):
        await store.webhooks.delete(hook, "admin")


async def test_a_webhook_is_deleted_while_it_is_served(store: Store) -> None:
    """Whoever spreads, leases or settles meanwhile neither fails nor brings anything back."""
    hook = await _hook(store)
    await _happen(store, *["ticket.a"] * 300)

    async def serve() -> None:
        for _ in range(5):
            await store.webhooks.spread()
            due = await store.webhooks.lease(hook, 20, 30.0)
            await store.webhooks.pause(hook, 0.0, 0.0)
            await store.webhooks.settle(hook, [Attempt(one) for one in due])

    await asyncio.gather(serve(), serve(), store.webhooks.delete(hook, "admin"), serve())
    assert await store.webhooks.all() == []
