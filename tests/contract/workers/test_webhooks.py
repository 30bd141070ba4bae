"""A receiver that answers 500, hangs, drops and doubles gets every event, in order per ticket."""

import asyncio
import random
import socket
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

import pytest

from models.errors import Temporary
from models.store import Store
from models.store.effects.webhooks import Attempt, DueEvent
from tests.fakes import FakeClock
from tests.receiver import Receiver
from workers.effects.webhooks import Announcing

HERE = (ip_network("127.0.0.0/8"),)
"""Where the receivers of these tests are."""


async def _hook(store: Store, receiver: Receiver) -> str:
    receiver.secret = "s" * 32
    made, _ = await store.webhooks.add(receiver.url, (), receiver.secret.encode(), "admin")
    return made


async def _happen(store: Store, tickets: int, each: int) -> None:
    for step in range(each):
        async with store.db.write() as tx:
            for number in range(tickets):
                tx.emit("ticket.step", ticket=f"t{number}", step=step)


async def _until_settled(store: Store, announcing: Announcing, clock: FakeClock) -> None:
    for _ in range(200):
        await announcing.run()
        await announcing.settle()
        if not (await store.webhooks.all())[0].due:
            return
        clock.pass_(3600)
    raise AssertionError("something is owed for ever")


async def test_every_event_arrives_signed_in_order_and_under_one_id(
    store: Store, clock: FakeClock
) -> None:
    async with Receiver(random.Random(3), trouble=0.3) as receiver:
        await _hook(store, receiver)
        await _happen(store, tickets=6, each=8)
        await _until_settled(store, Announcing(store, patience=1.0, allowed=HERE), clock)
        assert sorted(set(receiver.ids())) == [*range(1, 49)]
        assert len(receiver.taken) > 48, "a receiver that took it and said 500 gets it again"
        assert list(receiver.out_of_order()) == []
        assert receiver.wrong == []


@pytest.mark.parametrize("act", ["500", "hang", "drop", "redirect"])
async def test_trouble_is_written_down_and_passes(
    store: Store, clock: FakeClock, act: str
) -> None:
    async with Receiver() as receiver:
        hook = await _hook(store, receiver)
        await _happen(store, tickets=1, each=2)
        receiver.answers = [act]
        announcing = Announcing(store, patience=0.2, allowed=HERE)
        await announcing.run()
        await announcing.settle()
        _, first = await store.webhooks.log(hook)
        assert (first["state"], first["attempts"]) == ("due", 1)
        assert first["error"]
        assert receiver.taken == [], "the second event waits for the first"
        await _until_settled(store, announcing, clock)
        assert receiver.ids() == [1, 2]


async def test_who_hangs_holds_up_nobody_else(store: Store) -> None:
    async with Receiver() as slow, Receiver() as quick:
        await _hook(store, slow)
        await _hook(store, quick)
        slow.answers = ["hang"]
        await _happen(store, tickets=1, each=3)
        announcing = Announcing(store, patience=5, allowed=HERE)
        try:
            await announcing.run()
            async with asyncio.timeout(4):
                while len(quick.taken) < 3:
                    await announcing.run()
            assert slow.taken == []
        finally:
            await announcing.close()


async def test_one_slow_answer_holds_up_its_own_ticket_only(store: Store) -> None:
    async with Receiver() as receiver:
        await _hook(store, receiver)
        receiver.answers = ["hang"]
        await _happen(store, tickets=30, each=1)
        announcing = Announcing(store, patience=60, allowed=HERE)
        try:
            await announcing.run()
            async with asyncio.timeout(10):
                while len(receiver.taken) < 29:
                    await asyncio.sleep(0.01)
        finally:
            await announcing.close()


async def test_what_is_answered_while_the_database_is_busy_is_written_down_together(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle, together = store.webhooks.settle, list[int]()

    async def busy(webhook_id: str, attempts: Sequence[Attempt]) -> set[int]:
        together.append(len(attempts))
        async with asyncio.timeout(10):
            while len(receiver.taken) < 8:
                await asyncio.sleep(0.01)
        return await settle(webhook_id, attempts)

    monkeypatch.setattr(store.webhooks, "settle", busy)
    async with Receiver() as receiver:
        hook = await _hook(store, receiver)
        await _happen(store, tickets=8, each=1)
        announcing = Announcing(store, allowed=HERE)
        await announcing.run()
        await announcing.settle()
    assert {row["state"] for row in await store.webhooks.log(hook)} == {"done"}
    assert sum(together) == 8
    assert len(together) < 4


async def test_who_is_stopped_is_sent_no_more_of_what_they_are_owed(store: Store) -> None:
    lease, stopped = store.webhooks.lease, list[str]()

    async with Receiver() as receiver:
        hook = await _hook(store, receiver)
        await _happen(store, tickets=30, each=1)

        async def stop_first(webhook_id: str, limit: int, seconds: float) -> Sequence[DueEvent]:
            """An admin stops it when the first events are on their way."""
            if receiver.taken and not stopped:
                stopped.append(webhook_id)
                await store.webhooks.enable(webhook_id, "admin", enabled=False)
            return await lease(webhook_id, limit, seconds)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store.webhooks, "lease", stop_first)
            announcing = Announcing(store, allowed=HERE)
            await announcing.run()
            await announcing.settle()
        assert stopped == [hook]
        (seen,) = await store.webhooks.all()
        assert len(receiver.taken) <= 8, "what was on its way arrives, and nothing else"
        assert seen.due == 30 - len(receiver.taken)
        await store.webhooks.enable(hook, "admin", enabled=True)
        await announcing.run()
        await announcing.settle()
        assert sorted(receiver.ids()) == [*range(1, 31)]


async def test_what_is_under_way_at_the_stop_is_written_down(store: Store) -> None:
    async with Receiver() as receiver:
        hook = await _hook(store, receiver)
        receiver.answers = ["ok", "hang", "hang"]
        await _happen(store, tickets=3, each=2)
        announcing = Announcing(
            store, stopping=lambda: bool(receiver.taken), patience=0.5, allowed=HERE
        )
        await announcing.run()
        await announcing.settle()
    log = await store.webhooks.log(hook)
    assert [row["seq"] for row in log if row["state"] == "done"] == receiver.ids()
    assert [row["error"] for row in log if row["error"]] == ["TimeoutError"] * 2


async def test_a_database_that_goes_away_ends_a_round_and_the_next_goes_on(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(webhook_id: str, attempts: Sequence[Attempt]) -> set[int]:
        raise Temporary("the database is away")

    async with Receiver() as receiver:
        hook = await _hook(store, receiver)
        await _happen(store, tickets=3, each=1)
        announcing = Announcing(store, allowed=HERE)
        with monkeypatch.context() as broken:
            broken.setattr(store.webhooks, "settle", away)
            await announcing.run()
            await announcing.settle()
        assert {row["state"] for row in await store.webhooks.log(hook)} == {"due"}
        await _until_settled(store, announcing, clock)
        assert set(receiver.ids()) == {1, 2, 3}


async def test_nothing_is_sent_where_nobody_answers_until_the_pause_is_over(
    store: Store, clock: FakeClock
) -> None:
    async with Receiver() as receiver:
        hook = await _hook(store, receiver)
    await _happen(store, tickets=20, each=1)
    announcing = Announcing(store, allowed=HERE)
    for _ in range(2):
        await announcing.run()
        await announcing.settle()
    tried = [row["attempts"] for row in await store.webhooks.log(hook)]
    assert sum(tried) == 8, "one round, not one attempt for each of twenty tickets"
    assert (await store.webhooks.all())[0].failures == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "inside.example", "[::ffff:127.0.0.1]"])
async def test_what_is_inside_is_not_reached_however_it_is_spelled(
    store: Store, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the name leads to when it is asked: the address that is connected to counts."""
    ask = socket.getaddrinfo

    def asked(name: Any, *how: Any, **options: Any) -> Any:
        return ask("127.0.0.1" if name == "inside.example" else name, *how, **options)

    monkeypatch.setattr(socket, "getaddrinfo", asked)
    async with Receiver() as receiver:
        receiver.url = receiver.url.replace("127.0.0.1", host)
        hook = await _hook(store, receiver)
        await _happen(store, tickets=1, each=1)
        announcing = Announcing(store)
        await announcing.run()
        await announcing.settle()
        (owed,) = await store.webhooks.log(hook)
        assert owed["state"] == "due"
        assert "desk.webhook_networks" in owed["error"]
        assert receiver.done.total() == 0
