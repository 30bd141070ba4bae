"""Customers are called back: when, by whom, how often, and what comes of it."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from models.agent import Role
from models.errors import Conflict, NotFound
from models.follow_up import FollowUpState, Said
from models.satisfaction import Answer, Score
from models.store import Store
from models.store.complaints.follow_ups import FollowUp
from models.ticket import TicketState
from tests.contract.store import makers
from tests.contract.store.call_backs import (
    DAY,
    HOUR,
    PLAN,
    QUIET_UNTIL,
    call_back,
    claim,
    only,
    resolved,
    taken,
    tick,
)
from tests.fakes import FakeClock


@pytest.fixture(autouse=True)
def _never_quiet() -> None:
    QUIET_UNTIL.clear()


async def _used(store: Store, agent_id: str) -> int:
    assert await store.maintenance.recount() == []
    return (await store.agents.get(agent_id)).used


async def test_it_enters_the_queue_when_its_time_comes(store: Store, clock: FakeClock) -> None:
    start = clock.now
    ticket_id = await resolved(store)
    await tick(store, clock, 1.4 * DAY)
    assert await store.follow_ups.page() == []
    await tick(store, clock, 0.2 * DAY)
    found = await only(store)
    assert (found.ticket_id, found.state, found.complaint) == (ticket_id, "waiting", False)
    assert (found.urgency, found.due_at) == ("重要", start + 3 * DAY)
    await tick(store, clock, DAY)
    assert len(await store.follow_ups.page()) == 1


async def test_what_is_not_named_is_not_followed_up_but_a_complaint_is(
    store: Store, clock: FakeClock
) -> None:
    await resolved(store, labels=makers.labels(type="咨询", urgency="一般"))
    complaint = await resolved(store, "k2", "wu", labels=makers.labels(urgency="一般"))
    await tick(store, clock, 0.5 * DAY)
    found = await only(store)
    assert (found.ticket_id, found.complaint) == (complaint, True)


async def test_reopened_meanwhile_it_waits_for_the_next_resolution(
    store: Store, clock: FakeClock
) -> None:
    ticket_id = await resolved(store)
    await store.ending.reopen(ticket_id, (await store.agents.all())[0].id, "还没好")
    await tick(store, clock, 2 * DAY)
    assert await store.follow_ups.page() == []
    (li,) = await store.agents.all()
    await store.tickets.take(ticket_id, li.id, forced=True)
    await store.tickets.move(ticket_id, li.id, TicketState.RESOLVED)
    await tick(store)
    await tick(store, clock, 1.5 * DAY)
    assert (await only(store)).state == "waiting"
    await store.ending.reopen(ticket_id, li.id, "还没好")
    await tick(store)
    assert (await only(store)).state == "cancelled"


async def test_a_claim_takes_capacity_and_only_one_wins(store: Store, clock: FakeClock) -> None:
    await resolved(store)
    han, wu = await makers.agent(store, "han"), await makers.agent(store, "wu")
    await tick(store, clock, 1.5 * DAY)
    decisions = [await call_back(store, who) for who in (han, wu)]
    won = await asyncio.gather(*(store.call_backs.claim(d) for d in decisions))
    assert sorted(won) == [False, True]
    owner = (await only(store)).owner_id
    assert owner in {han, wu}
    assert [await _used(store, who) for who in (han, wu)] == [2 * (owner == w) for w in (han, wu)]


async def test_not_reached_twice_then_reached(store: Store, clock: FakeClock) -> None:
    follow_up, han = await taken(store, clock)
    for n, wait in enumerate((4 * HOUR, DAY)):
        await store.follow_ups.record(follow_up, han, f"try-{n}", Said(False, "无人接听"), PLAN)
        assert (await only(store)).state == "paused"
        assert await _used(store, han) == 0
        await tick(store, clock, wait - 60.0)
        assert (await only(store)).state == "paused"
        await tick(store, clock, 60.0)
        (head,) = await store.call_backs.heads()
        assert head.sticky_agent == han
        assert await claim(store, han)
    said = Said(True, "已用上", score=4, solved=True)
    for _ in range(2):  # a client that tries again
        await store.follow_ups.record(follow_up, han, "try-2", said, PLAN)
    found = await only(store)
    assert (found.state, found.attempts, found.score, found.review) == ("done", 3, 4, None)
    tried = await store.follow_ups.attempts(follow_up)
    assert [(a.reached, a.content, a.channel, a.agent_id) for a in tried] == [
        (False, "无人接听", "phone", han),
        (False, "无人接听", "phone", han),
        (True, "已用上", "phone", han),
    ]
    assert await _used(store, han) == 0


async def test_never_reached_it_is_given_up(store: Store, clock: FakeClock) -> None:
    follow_up, han = await taken(store, clock)
    for n in range(3):
        await store.follow_ups.record(follow_up, han, f"try-{n}", Said(False), PLAN)
        if n < 2:
            await tick(store, clock, DAY)
            assert await claim(store, han)
    await tick(store, clock, 9 * DAY)
    assert (await only(store)).state == "unreached"


async def test_never_in_quiet_hours(store: Store, clock: FakeClock) -> None:
    await resolved(store)
    han = await makers.agent(store, "han")
    QUIET_UNTIL.append(clock.now + 2 * DAY)
    await tick(store, clock, 1.6 * DAY)  # the plan was made before they were known
    assert await store.follow_ups.page() == []
    await tick(store, clock, 0.4 * DAY)
    assert await claim(store, han)
    found = await only(store)
    QUIET_UNTIL.append(clock.now + 10 * HOUR)
    await store.follow_ups.record(found.id, han, "try-0", Said(False), PLAN)
    (timer,) = await store.timers.of(found.id)
    assert timer.due_at == clock.now + 10 * HOUR
    await store.follow_ups.take(found.id, han, han, forced=False)
    talk = (await store.tickets.get(found.ticket_id)).conversation_id
    with pytest.raises(Conflict):
        await store.follow_ups.write(found.id, han, "ask-1-xxxx", talk, "您好", PLAN)
    assert await store.outbound.page() == []


async def test_a_complaint_is_called_back_by_somebody_else(store: Store, clock: FakeClock) -> None:
    await resolved(store, labels=makers.labels())
    li = (await store.agents.all())[0].id
    han = await makers.agent(store, "han")
    await tick(store, clock, DAY)
    found = await only(store)
    (head,) = await store.call_backs.heads()
    assert head.excluded == {li}
    with pytest.raises(Conflict):
        await store.follow_ups.take(found.id, li, li, forced=True)
    await store.follow_ups.take(found.id, han, han, forced=False)
    with pytest.raises(Conflict):
        await store.follow_ups.record(found.id, li, "try-0", Said(True), PLAN)
    of = [found.ticket_id, "another"]
    assert await store.follow_ups.concerning(of, han) == {found.ticket_id}
    assert await store.follow_ups.concerning(of, li) == set()


@pytest.mark.parametrize("reopen", [True, False])
async def test_a_low_result_goes_to_the_supervisor(
    store: Store, clock: FakeClock, reopen: bool
) -> None:
    follow_up, han = await taken(store, clock)
    chen = await store.agents.add("chen", "Chen", Role.SUPERVISOR, "hash", {})
    await store.follow_ups.record(follow_up, han, "try-0", Said(True, "没用", 2), PLAN)
    (found,) = await store.follow_ups.page(review="open")
    await store.follow_ups.review(found.id, chen, "确认未解决", reopen=reopen)
    after = await only(store)
    assert after.review == ("reopened" if reopen else "kept")
    state = (await store.tickets.get(found.ticket_id)).state
    assert state == (TicketState.WAITING if reopen else TicketState.RESOLVED)
    with pytest.raises(Conflict):
        await store.follow_ups.review(found.id, chen, "", reopen=reopen)


async def _low(store: Store, clock: FakeClock) -> tuple[FollowUp, str]:
    """A low result that waits for a supervisor; (it, theirs)."""
    follow_up, han = await taken(store, clock)
    chen = await store.agents.add("chen", "Chen", Role.SUPERVISOR, "hash", {})
    await store.follow_ups.record(follow_up, han, "try-0", Said(True, "没用", 2), PLAN)
    return await only(store), chen


async def test_what_the_customer_has_reopened_stays_in_its_agents_hands(
    store: Store, clock: FakeClock
) -> None:
    found, chen = await _low(store, clock)
    li = (await store.tickets.get(found.ticket_id)).owner_id
    assert li is not None
    envelope = makers.envelope("again", now=clock())
    await makers.thread(store, envelope, conversation_key="talk-k1", text="还是没用")
    assert (await store.tickets.get(found.ticket_id)).state == TicketState.ACTIVE
    await store.follow_ups.review(found.id, chen, "确认未解决", reopen=True)
    assert (await only(store)).review == "reopened"
    after = await store.tickets.get(found.ticket_id)
    assert (after.state, after.owner_id) == (TicketState.ACTIVE, li)
    assert await _used(store, li) == 2


async def test_a_merged_ticket_is_not_reopened_beside_the_one_that_goes_on(
    store: Store, clock: FakeClock
) -> None:
    found, chen = await _low(store, clock)
    kept = await makers.waiting(store, "k2")
    await store.merging.merge(found.ticket_id, kept, chen)
    with pytest.raises(Conflict, match="merged into another"):
        await store.follow_ups.review(found.id, chen, "确认未解决", reopen=True)
    assert (await store.tickets.get(found.ticket_id)).state == TicketState.MERGED
    await store.follow_ups.review(found.id, chen, "在另一张里处理", reopen=False)
    assert (await only(store)).review == "kept"


async def test_written_to_and_answered(store: Store, clock: FakeClock) -> None:
    follow_up, han = await taken(store, clock, conversation_key="talk")
    talk = (await store.tickets.get((await only(store)).ticket_id)).conversation_id
    for _ in range(2):  # a client that tries again
        await store.follow_ups.write(follow_up, han, "ask-1-xxxx", talk, "问题解决了吗？", PLAN)
    assert len(await store.outbound.page()) == 1
    assert (await only(store)).state == "asked"
    assert await _used(store, han) == 0
    away = makers.envelope("away", now=clock.now)
    await makers.thread(store, away, conversation_key="talk", text="我在休假", auto="auto_reply")
    await tick(store, clock, 60.0)
    assert (await only(store)).state == "asked"
    e = makers.envelope("answer", now=clock.now)
    await makers.thread(store, e, conversation_key="talk", text="解决了，还有一个问题")
    await tick(store, clock, 60.0)
    found = await only(store)
    assert (found.state, found.attempts) == ("waiting", 1)
    (tried,) = await store.follow_ups.attempts(follow_up)
    assert (tried.channel, tried.reached, tried.content) == ("webchat", True, "问题解决了吗？")
    assert await claim(store, han)
    await store.follow_ups.record(follow_up, han, "try-1", Said(True, "已解决", 5, True), PLAN)
    assert (await only(store)).state == FollowUpState.DONE


async def test_written_to_and_not_answered(store: Store, clock: FakeClock) -> None:
    follow_up, han = await taken(store, clock)
    talk = (await store.tickets.get((await only(store)).ticket_id)).conversation_id
    await store.follow_ups.write(follow_up, han, "ask-1-xxxx", talk, "问题解决了吗？", PLAN)
    await tick(store, clock, 4 * HOUR)
    assert (await only(store)).state == "waiting"
    (tried,) = await store.follow_ups.attempts(follow_up)
    assert tried.reached is False


async def test_who_leaves_hands_over(store: Store, clock: FakeClock) -> None:
    follow_up, han = await taken(store, clock)
    wu = await makers.agent(store, "wu")
    handed = await store.offboarding.leave(han, None, wu)
    assert handed["follow_ups"] == 1
    assert ((await only(store)).owner_id, await _used(store, wu)) == (wu, 2)
    assert (await store.offboarding.leave(wu, None))["follow_ups"] == 1
    found = await only(store)
    assert (found.id, found.state, found.owner_id) == (follow_up, "waiting", None)
    with pytest.raises(NotFound):
        await store.follow_ups.get("none")


async def test_a_complaint_s_call_back_counts_for_its_closing(
    store: Store, clock: FakeClock
) -> None:
    from sqlalchemy import insert, select

    from models.tables import complaint

    ticket_id = await resolved(store, labels=makers.labels())
    row: Mapping[str, Any] = {
        "ticket_id": ticket_id, "opened_at": 0.0, "updated_at": 0.0, "complained_at": 0.0,
    }  # fmt: skip
    async with store.db.write() as tx:
        await tx.conn.execute(insert(complaint).values(**row))
    han = await makers.agent(store, "han")
    await tick(store, clock, DAY)
    found = await only(store)
    await store.follow_ups.take(found.id, han, han, forced=False)
    await store.follow_ups.record(found.id, han, "try-0", Said(True, "客户认可", 4), PLAN)
    async with store.db.read() as conn:
        kept = (await conn.execute(select(complaint))).mappings().one()
    assert (kept["called_back_by"], kept["reached"], kept["call_back"]) == (han, True, "客户认可")


async def test_who_is_not_content_is_called_back_at_once(store: Store, clock: FakeClock) -> None:
    start = clock.now
    ticket_id = await resolved(store)
    by = (await store.tickets.get(ticket_id)).owner_id or ""
    await store.surveys.enter(ticket_id, Answer(Score.DISSATISFIED), by, DAY, DAY)
    QUIET_UNTIL.append(start + HOUR)
    await tick(store)
    assert await store.follow_ups.page() == []
    await tick(store, clock, HOUR)
    found = await only(store)
    assert (found.ticket_id, found.due_at) == (ticket_id, start + DAY)
    await tick(store, clock, 2 * DAY)
    assert len(await store.follow_ups.page()) == 1


async def test_who_is_content_is_called_back_when_it_was_planned(
    store: Store, clock: FakeClock
) -> None:
    ticket_id = await resolved(store)
    by = (await store.tickets.get(ticket_id)).owner_id or ""
    await store.surveys.enter(ticket_id, Answer(Score.NEUTRAL), by, DAY, DAY)
    await tick(store, clock, HOUR)
    assert await store.follow_ups.page() == []
