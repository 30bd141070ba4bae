"""Which processes live, and what waits for them since when."""

import asyncio

import pytest
from sqlalchemy import update

from models.errors import Temporary
from models.message import Lane, SendResult
from models.store import Store
from models.store.effects.timers import set_timer
from models.store.ground.processes import FORGET_SECONDS, SILENT_SECONDS, Process
from models.tables import ticket
from tests.contract.store.makers import envelope, leased, replied, thread
from tests.fakes import FakeClock
from workers.processes import heartbeat as heartbeat_module
from workers.processes.heartbeat import heartbeat


async def _roles(store: Store) -> list[tuple[str, bool]]:
    return [(one.role, one.alive) for one in await store.processes.all()]


async def test_who_says_nothing_for_half_a_minute_is_gone_and_a_day_later_forgotten(
    store: Store, clock: FakeClock
) -> None:
    await store.processes.beat("a", "work", "host", 7, "0.1.0", "坏了 / broken")
    clock.pass_(20)
    await store.processes.beat("a", "work", "host", 7, "0.1.0")
    clock.pass_(SILENT_SECONDS)
    mark, silent = store.vault.mark, SILENT_SECONDS
    assert await store.processes.all() == [
        Process("work", "host", 7, "0.1.0", age=20 + silent, silent=silent, key_mark=mark)
    ]
    assert await _roles(store) == [("work", True)]
    clock.pass_(1)
    assert await _roles(store) == [("work", False)]
    await store.processes.forget()
    assert await _roles(store) == [("work", False)], "it is told of for a day"
    clock.pass_(FORGET_SECONDS)
    await store.processes.forget()
    assert await _roles(store) == []


async def test_a_clock_that_is_set_back_keeps_no_dead_process_alive(
    store: Store, clock: FakeClock
) -> None:
    await store.processes.beat("a", "clock", "host", 7, "0.1.0")
    clock.pass_(-3600)
    assert await _roles(store) == [("clock", False)]
    await store.processes.beat("a", "clock", "host", 7, "0.1.0")
    assert await _roles(store) == [("clock", True)]


async def test_a_role_lives_while_it_runs_and_takes_leave(store: Store) -> None:
    async with heartbeat(store.processes, "desk", lambda: "坏了 / broken"):
        while not await store.processes.all():
            await asyncio.sleep(0.01)
        assert await _roles(store) == [("desk", True)]
        (one,) = await store.processes.all()
        assert one.trouble == "坏了 / broken"
    assert await _roles(store) == []


async def test_a_database_that_is_away_for_a_beat_ends_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat_module, "BEAT_SECONDS", 0.01)
    beaten = asyncio.Event()
    said: list[str] = []
    beat = store.processes.beat

    async def away_at_first(*given: object) -> None:
        said.append("beat")
        if len(said) == 1:
            raise Temporary("away")
        await beat(*given)  # type: ignore[arg-type]
        beaten.set()

    monkeypatch.setattr(type(store.processes), "beat", lambda _self, *given: away_at_first(*given))
    async with heartbeat(store.processes, "work"):
        await asyncio.wait_for(beaten.wait(), 5)
        assert await _roles(store) == [("work", True)]


async def _waiting(store: Store) -> dict[str, tuple[int, float]]:
    found = await store.overdue.all()
    return {one.kind: (one.count, one.oldest) for one in found if one.count}


async def test_what_waits_is_counted_by_kind_with_the_age_of_the_oldest(
    store: Store, clock: FakeClock
) -> None:
    kinds = [one.kind for one in await store.overdue.all()]
    assert kinds == ["live", "mail", "labels", "answers", "timers", "files", "webhooks"]
    assert await _waiting(store) == {}
    await store.envelopes.accept([envelope("a", lane=Lane.MAIL, now=clock.now)])
    clock.pass_(30)
    await store.envelopes.accept([envelope("b", lane=Lane.MAIL, now=clock.now)])
    await store.envelopes.accept([envelope("c", now=clock.now)])
    async with store.db.write() as tx:
        await set_timer(tx, "close", "due", clock.now - 100)
        await set_timer(tx, "close", "to come", clock.now + 100)
    assert await _waiting(store) == {"live": (1, 0), "mail": (2, 30), "timers": (1, 100)}
    lease = await leased(store)
    clock.pass_(5)
    assert (await _waiting(store))["live"] == (1, 5), "read is what has been finished"
    assert lease.envelopes


async def test_labels_wait_since_the_last_change_and_not_while_a_greeting_is_held(
    store: Store, clock: FakeClock
) -> None:
    await thread(store, envelope("a", now=clock.now))
    clock.pass_(7)
    assert await _waiting(store) == {"labels": (1, 7)}
    async with store.db.write() as tx:
        await tx.conn.execute(update(ticket).values(held_until=tx.now + 10))
    assert await _waiting(store) == {}
    clock.pass_(12)
    assert await _waiting(store) == {"labels": (1, 2)}


async def test_answers_wait_until_they_are_settled_and_events_while_their_webhook_is_on(
    store: Store, clock: FakeClock
) -> None:
    await replied(store)
    hook, _ = await store.webhooks.add(
        "http://crm.example/hook", ("ticket.a",), b"s" * 32, "admin"
    )
    async with store.db.write() as tx:
        tx.emit("ticket.a")
    await store.webhooks.spread()
    clock.pass_(50)
    found = await _waiting(store)
    assert (found["answers"], found["webhooks"]) == ((1, 50), (1, 50))
    lease = await store.outbound.lease(5, 30.0)
    assert lease is not None
    assert (await _waiting(store))["answers"] == (1, 50), "on its way is not sent"
    await store.outbound.finish(lease.token, lease.messages[0].id, SendResult("sent", "p1"))
    await store.webhooks.enable(hook, "admin", enabled=False)
    found = await _waiting(store)
    assert "answers" not in found
    assert "webhooks" not in found


async def test_a_channel_that_cannot_even_say_what_is_wrong_with_it_silences_nobody(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat_module, "BEAT_SECONDS", 0.01)
    asked: list[str] = []

    def trouble() -> None:
        asked.append("trouble")
        if len(asked) == 1:
            raise AttributeError

    async with heartbeat(store.processes, "intake", trouble), asyncio.timeout(5):
        while await _roles(store) != [("intake", True)]:
            await asyncio.sleep(0.01)
