"""Answers on their way out: slow and failing channels, and what became of every attempt."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import update

from models.errors import Conflict, NotFound, Temporary
from models.message import OutboundMessage, SendResult
from models.store import Store
from models.tables import conversation as conversations
from models.ticket import TicketState
from tests.contract.store.makers import agent, envelope
from tests.contract.workers.system import (
    FakeChannel,
    System,
    acknowledgement,
)
from tests.fakes import FakeClock
from workers.messages import deliver
from workers.messages.deliver import Deliverer


def broke(name: str) -> str:
    """What a person is told of an error that no channel has words for."""
    return f"发送时出错，详见日志（{name}） / Sending broke, see the log ({name})"


async def answered(system: System) -> str:
    person = await agent(system.store)
    await system.bring(envelope("a"))
    (found,) = await system.store.tickets.page()
    return await system.store.tickets.reply(found.id, person, "您好", "c1", TicketState.ACTIVE)


async def state(store: Store, outbound_id: str) -> tuple[str, str | None]:
    found = await store.tickets.get(await store.tickets.outbound_ticket(outbound_id))
    log = await store.conversations.log(found.conversation_id)
    return next((e.state, e.error) for e in log if e.id == outbound_id)


async def test_an_answer_goes_out_after_the_acknowledgement(system: System) -> None:
    outbound_id = await answered(system)
    assert await system.deliverer.run() == 2
    assert [m.kind for m in system.channel.sent] == ["ack", "reply"]
    assert await state(system.store, outbound_id) == ("sent", None)


async def test_a_channel_that_cannot_send_says_why_and_is_asked_again(
    system: System, clock: FakeClock
) -> None:
    outbound_id = await answered(system)
    system.channel.problem = "没有发信服务器"
    await system.deliverer.run()
    clock.pass_(61)
    await system.deliverer.run()
    system.channel.problem = None
    clock.pass_(61)
    await system.deliverer.run()
    assert len(system.channel.sent) == 2
    assert (await state(system.store, outbound_id))[0] == "sent"


async def test_what_breaks_while_sending_is_unknown_and_not_repeated(system: System) -> None:
    outbound_id = await answered(system)
    system.channel.repeatable = False
    system.channel.error = RuntimeError("half way")
    await system.deliverer.run()
    assert await state(system.store, outbound_id) == ("unknown", broke("RuntimeError"))
    system.channel.error = None
    assert await system.deliverer.run() == 0


async def test_what_can_be_repeated_is(system: System, clock: FakeClock) -> None:
    outbound_id = await answered(system)
    system.channel.error = RuntimeError("half way")
    await system.deliverer.run()
    assert (await state(system.store, outbound_id))[0] == "queued"
    system.channel.error = None
    for _ in range(2):
        clock.pass_(61)
        await system.deliverer.run()
    assert (await state(system.store, outbound_id))[0] == "sent"


async def test_waiting_for_a_channel_costs_no_attempt_and_no_events(
    system: System, clock: FakeClock
) -> None:
    await answered(system)
    system.channel.problem = "没有发信服务器"
    before = await system.store.events.last()
    for _ in range(30):
        await system.deliverer.run()
        clock.pass_(61)
    assert await system.store.events.last() == before
    system.channel.problem = None
    system.channel.result = SendResult("retry", error="421 busy", retry_after=60.0)
    await system.deliverer.run()
    system.channel.result = SendResult("sent")
    clock.pass_(61)
    assert await system.deliverer.run() == 2


async def two_talks(system: System) -> list[str]:
    """Answers in two conversations, the slow one first."""
    person = await agent(system.store)
    ids = []
    for key in ("slow", "fast"):
        await system.bring(envelope(key))
        (found,) = [t for t in await system.store.tickets.of_owner(person) if t.id not in ids]
        ids.append(found.id)
    return [
        await system.store.tickets.reply(t, person, "您好", f"client-{t}", TicketState.ACTIVE)
        for t in ids
    ]


class Tough(FakeChannel):
    """Sends nothing to one conversation until the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = asyncio.Event()
        self.slow_key = "slow"

    async def send(self, outbound: OutboundMessage, /) -> SendResult:
        if outbound.conversation_key == self.slow_key:
            await self.let_go.wait()
        return await super().send(outbound)


async def eventually(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await check():
            await asyncio.sleep(0.02)


async def test_a_slow_answer_holds_up_nobody_else(store: Store) -> None:
    system = System(store, settings=acknowledgement(channels={"webchat": False}))
    tough = Tough()
    deliverer = Deliverer(store, {"webchat": tough})
    slow, fast = await two_talks(system)
    running = asyncio.create_task(deliverer.run())

    async def fast_one_is_out() -> bool:
        return (await state(store, fast))[0] == "sent"

    await eventually(fast_one_is_out)
    # What comes meanwhile goes out, too; a second run leaves it to the first.
    assert await deliverer.run() == 0
    found = await store.tickets.get(await store.tickets.outbound_ticket(fast))
    assert found.owner_id
    later = await store.tickets.reply(
        found.id, found.owner_id, "还有", "client-3", TicketState.ACTIVE
    )

    async def later_one_is_out() -> bool:
        return (await state(store, later))[0] == "sent"

    await eventually(later_one_is_out)
    assert (await state(store, slow))[0] == "sending"
    tough.let_go.set()
    assert await running == 3
    assert (await state(store, slow))[0] == "sent"


async def test_what_is_being_sent_may_end_when_the_process_stops(store: Store) -> None:
    system = System(store, settings=acknowledgement(channels={"webchat": False}))
    tough, stop = Tough(), asyncio.Event()
    deliverer = Deliverer(store, {"webchat": tough}, stopping=stop.is_set)
    slow, fast = await two_talks(system)
    running = asyncio.create_task(deliverer.run())

    async def fast_one_is_out() -> bool:
        return (await state(store, fast))[0] == "sent"

    await eventually(fast_one_is_out)
    stop.set()
    await deliverer.settle(0.05)
    assert not running.done()
    tough.let_go.set()
    await deliverer.settle(10.0)
    assert (await state(store, slow))[0] == "sent"
    assert await deliverer.run() == 0


async def test_an_attempt_ends_before_its_lease(store: Store) -> None:
    system = System(store, settings=acknowledgement(channels={"webchat": False}))
    tough = Tough()
    tough.repeatable = False
    slow, fast = await two_talks(system)
    assert await Deliverer(store, {"webchat": tough}, patience=0.1).run() == 2
    assert await state(store, slow) == ("unknown", broke("TimeoutError"))
    assert (await state(store, fast))[0] == "sent"


async def test_what_was_sent_is_written_down_though_the_database_blinks(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbound_id = await answered(system)
    finish, failures = system.store.outbound.finish, [Temporary("away"), Temporary("away")]

    async def blinking(*args: Any) -> bool:
        if failures:
            raise failures.pop()
        return await finish(*args)

    monkeypatch.setattr(type(system.store.outbound), "finish", staticmethod(blinking))
    await system.deliverer.run()
    assert (await state(system.store, outbound_id))[0] == "sent"


async def being_sent(system: System) -> tuple[str, str]:
    """An answer in a sender's hands; (its id, the token)."""
    outbound_id = await answered(system)
    outbound = system.store.outbound
    while (leased := await outbound.lease(1, 30.0)) is not None:
        if leased.messages[0].id == outbound_id:
            return outbound_id, leased.token
        await outbound.finish(leased.token, leased.messages[0].id, SendResult("sent"))
    raise AssertionError


@pytest.mark.parametrize(
    ("result", "then"),
    [
        (SendResult("sent", "p1"), "sent"),
        (SendResult("failed", error="550 no such user"), "failed"),
        (SendResult("retry", error="451 later", retry_after=60.0), "failed"),
    ],
)
async def test_who_sent_it_knows_better_than_a_lease_that_ran_out(
    system: System, clock: FakeClock, result: SendResult, then: str
) -> None:
    """The database was away for so long; whoever expires leases can only say “unknown”."""
    outbound_id, token = await being_sent(system)
    clock.pass_(31)
    assert await system.store.outbound.expire([]) == 1
    assert (await state(system.store, outbound_id))[0] == "unknown"
    assert not await system.store.outbound.finish("another", outbound_id, result)
    assert await system.store.outbound.finish(token, outbound_id, result)
    assert (await state(system.store, outbound_id))[0] == then
    told = [e for e in await system.store.events.after(0, 500) if e.kind == "outbound.state"]
    assert told[-1].data["state"] == then
    assert not await system.store.outbound.finish(token, outbound_id, SendResult("sent"))


@pytest.mark.parametrize("resend", [True, False])
async def test_what_a_person_has_decided_meanwhile_stays(
    system: System, clock: FakeClock, *, resend: bool
) -> None:
    outbound_id, token = await being_sent(system)
    clock.pass_(31)
    await system.store.outbound.expire([])
    person = await agent(system.store, "han")
    await system.store.outbound.decide(outbound_id, person, resend=resend)
    before = await state(system.store, outbound_id)
    assert not await system.store.outbound.finish(token, outbound_id, SendResult("failed"))
    assert await state(system.store, outbound_id) == before


def test_what_became_of_an_attempt_is_remembered_for_an_hour() -> None:
    assert sum(deliver._SETTLE_PAUSES) >= 3600.0
    assert max(deliver._SETTLE_PAUSES) <= 8.0


@pytest.mark.parametrize("by", ["raised", "said"])
async def test_what_is_out_of_reach_is_tried_more_and_more_seldom_and_fails_within_hours(
    system: System, clock: FakeClock, by: str
) -> None:
    outbound_id, token = await being_sent(system)
    await system.store.outbound.finish(token, outbound_id, SendResult("retry", retry_after=60.0))
    if by == "raised":
        system.channel.error = Temporary("the relay is away")
    else:
        system.channel.result = SendResult("retry", None, "the relay is away", retry_after=30.0)
    began, tries = clock.now, []
    while (await state(system.store, outbound_id))[0] == "queued":
        assert clock.now - began < 5 * 3600.0
        clock.pass_(60.0)
        if await system.deliverer.run():
            tries.append(clock.now)
    assert await state(system.store, outbound_id) == ("failed", "the relay is away")
    assert clock.now - began > 4 * 3600.0, "as docs/operations.md says"
    assert tries[1] - tries[0] == 60.0
    assert tries[-1] - tries[-2] == 900.0


async def test_one_route_that_does_not_open_stops_no_other(system: System) -> None:
    slow, fast = await two_talks(system)
    broken = await system.store.tickets.get(await system.store.tickets.outbound_ticket(slow))
    async with system.store.db.write() as tx:
        c = conversations.c
        change = update(conversations).where(c.id == broken.conversation_id)
        await tx.conn.execute(change.values(route=b"not sealed by anybody"))
    await system.deliverer.run()
    assert (await state(system.store, slow))[0] == "failed"
    assert (await state(system.store, fast))[0] == "sent"


async def test_an_answer_without_an_address_fails(system: System) -> None:
    person = await agent(system.store)
    await system.bring(envelope("a", b"unreadable"))
    (found,) = await system.store.tickets.page()
    await system.store.tickets.take(found.id, person)
    outbound_id = await system.store.tickets.reply(
        found.id, person, "您好", "c1", TicketState.ACTIVE
    )
    await system.deliverer.run()
    assert (await state(system.store, outbound_id))[0] == "failed"


async def test_what_a_platform_puts_off_for_seconds_is_not_put_off_for_a_minute(
    system: System, clock: FakeClock
) -> None:
    outbound_id = await answered(system)
    system.channel.result = SendResult("retry", error="429 slow down", retry_after=2.0)
    await system.deliverer.run()
    system.channel.result = SendResult("sent", "p1")
    clock.pass_(6)
    await system.deliverer.run()
    assert (await state(system.store, outbound_id))[0] == "sent"


async def test_every_attempt_to_send_is_written_down_and_can_be_repeated(system: System) -> None:
    store = system.store
    system.channel.result = SendResult("retry", error="HTTP 503", retry_after=0.0)
    person = await agent(store)
    await system.bring(envelope("a"))
    (found,) = await store.tickets.page()
    answer = await store.tickets.reply(found.id, person, "好的", "c1", TicketState.ACTIVE)
    leased = await store.outbound.lease(1, 30.0)
    while leased and leased.messages[0].id != answer:
        await store.outbound.finish(leased.token, leased.messages[0].id, SendResult("sent"))
        leased = await store.outbound.lease(1, 30.0)
    assert leased
    with pytest.raises(Conflict, match="is being sent"):
        await store.outbound.again(answer, ["webchat"])
    await store.outbound.finish(leased.token, answer, system.channel.result)
    system.channel.result = SendResult("sent", "p1")
    await system.deliverer.run()
    log = await store.outbound.deliveries(answer)
    assert [(d.attempt, d.state, d.error, d.provider_id) for d in log] == [
        (1, "retry", "HTTP 503", None),
        (2, "sent", None, "p1"),
    ]
    with pytest.raises(Conflict):
        await store.outbound.again(answer, ["email"])
    await store.outbound.again(answer, ["webchat"])
    await system.deliverer.run()
    assert [m.id for m in system.channel.sent].count(answer) == 2
    assert [s.state for s in await store.outbound.page(state="sent")]
    with pytest.raises(NotFound):
        await store.outbound.again("nobody", [])


async def test_what_waits_for_its_next_attempt_goes_at_once_where_a_person_says_so(
    system: System,
) -> None:
    store = system.store
    person = await agent(store)
    await system.bring(envelope("a"))
    (found,) = await store.tickets.page()
    await system.deliverer.run()  # what the customer is told on arrival
    answer = await store.tickets.reply(found.id, person, "好的", "c1", TicketState.ACTIVE)
    system.channel.result = SendResult("retry", error="535 wrong password", retry_after=7200.0)
    await system.deliverer.run()
    system.channel.result = SendResult("sent", "p1")
    assert await system.deliverer.run() == 0, "it waits for two hours"
    await store.outbound.again(answer, [])
    assert await system.deliverer.run() == 1
    assert (await store.outbound.one(answer)).state == "sent"
