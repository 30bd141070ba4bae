"""The ends of a ticket and the ways back; two that become one, and one that becomes two."""

import pytest
from sqlalchemy import select

from models.errors import Conflict, NotFound
from models.store import Store
from models.store.dialogue.conversations import Entry
from models.store.tickets import ending
from models.tables import complaint, message
from models.ticket import TicketState
from tests.contract.store.makers import (
    agent,
    envelope,
    follow,
    labels,
    owned,
    routed,
    thread,
    waiting,
)
from tests.fakes import FakeClock

DAY = 86400.0
FOLLOWER = ending.closing(7 * DAY)


async def clock_ticks(store: Store) -> None:
    await follow(store, FOLLOWER)
    assert await store.timers.fire_due({ending.TIMER: ending.close_due}) == []


async def state(store: Store, ticket_id: str) -> str:
    assert await store.maintenance.recount() == []
    return (await store.tickets.get(ticket_id)).state


async def complain(store: Store, ticket_id: str) -> None:
    """As the complaints' own follower would: with nothing settled yet."""
    async with store.db.write() as tx:
        row = {"ticket_id": ticket_id, "opened_at": tx.now, "updated_at": tx.now}
        await tx.insert(complaint, [row | {"complained_at": tx.now}])


# -- closing ---------------------------------------------------------------------------


async def test_the_clock_closes_what_stays_resolved(store: Store, clock: FakeClock) -> None:
    ticket_id, person = await owned(store)
    await store.tickets.move(ticket_id, person, TicketState.RESOLVED)
    await clock_ticks(store)
    clock.pass_(7 * DAY - 60)
    await clock_ticks(store)
    assert await state(store, ticket_id) == "resolved"
    clock.pass_(61)
    await clock_ticks(store)
    assert await state(store, ticket_id) == "closed"


async def test_a_reopened_ticket_is_closed_from_its_next_end(
    store: Store, clock: FakeClock
) -> None:
    ticket_id, person = await owned(store)
    await store.tickets.move(ticket_id, person, TicketState.RESOLVED)
    await clock_ticks(store)
    clock.pass_(5 * DAY)
    await thread(store, envelope("b", now=clock()), conversation_key="talk-k1")
    await clock_ticks(store)
    assert await store.timers.of(ticket_id) == []
    await store.tickets.move(ticket_id, person, TicketState.RESOLVED)
    clock.pass_(3 * DAY)
    await clock_ticks(store)
    assert await state(store, ticket_id) == "resolved"
    clock.pass_(4 * DAY)
    await clock_ticks(store)
    assert await state(store, ticket_id) == "closed"


async def test_an_unsettled_complaint_is_closed_by_nobody(store: Store, clock: FakeClock) -> None:
    ticket_id, person = await owned(store)
    await complain(store, ticket_id)
    await store.tickets.move(ticket_id, person, TicketState.RESOLVED)
    with pytest.raises(ending.Unsettled) as refused:
        await store.ending.close(ticket_id, person)
    assert "review" in refused.value.gaps
    await clock_ticks(store)
    clock.pass_(30 * DAY)
    await clock_ticks(store)
    assert await state(store, ticket_id) == "resolved"
    (again,) = await store.timers.of(ticket_id)
    assert again.due_at == clock() + DAY


async def test_a_supervisor_closes_and_reopens_by_hand(store: Store) -> None:
    ticket_id, person = await owned(store)
    with pytest.raises(Conflict):
        await store.ending.close(ticket_id, person)
    await store.ending.send_back(ticket_id, person, "资料不全")
    assert await state(store, ticket_id) == "returned"
    await store.ending.reopen(ticket_id, person, "补齐了")
    assert await state(store, ticket_id) == "waiting"
    await store.ending.settle(ticket_id, person)
    assert await state(store, ticket_id) == "resolved"
    await store.ending.close(ticket_id, person)
    assert await state(store, ticket_id) == "closed"
    for move in (store.ending.reopen(ticket_id, person, "x"), store.ending.close(ticket_id, "x")):
        with pytest.raises(Conflict):
            await move


async def test_its_owner_takes_back_what_they_ended_by_a_slip(store: Store) -> None:
    ticket_id, person = await owned(store)
    other = await agent(store, "wang")
    for end in (
        store.tickets.move(ticket_id, person, TicketState.RESOLVED),
        store.ending.send_back(ticket_id, person, "点错了"),
    ):
        await end
        assert (await store.agents.get(person)).used == 0
        with pytest.raises(Conflict):
            await store.ending.retake(ticket_id, other)
        await store.ending.retake(ticket_id, person)
        back = await store.tickets.get(ticket_id)
        assert (back.state, back.owner_id, back.resolved_at) == ("active", person, None)
        assert (await store.agents.get(person)).used == 2
    with pytest.raises(Conflict):
        await store.ending.retake(ticket_id, person)
    assert await store.maintenance.recount() == []


async def test_what_is_taken_back_has_room_where_the_next_one_has_come(store: Store) -> None:
    ticket_id, person = await owned(store)
    await store.tickets.move(ticket_id, person, TicketState.RESOLVED)
    full = (await store.agents.get(person)).capacity
    for n in range(full // 2):
        await store.tickets.take(await waiting(store, f"next{n}"), person)
    await store.ending.retake(ticket_id, person)
    assert (await store.tickets.get(ticket_id)).owner_id == person
    assert (await store.agents.get(person)).used > full - 1
    assert (await store.invariants.broken())["over_capacity"].times == 0
    with pytest.raises(Conflict):  # and what it takes too much keeps the next one away
        await store.tickets.take(await waiting(store, "last"), person)


async def test_nothing_is_taken_back_beside_an_open_one(store: Store, clock: FakeClock) -> None:
    ticket_id, person = await owned(store)
    await store.tickets.move(ticket_id, person, TicketState.RESOLVED)
    clock.pass_(8 * DAY)
    await thread(store, envelope("b", now=clock()), conversation_key="talk-k1")
    with pytest.raises(Conflict):
        await store.ending.retake(ticket_id, person)


async def test_the_customers_word_brings_back_what_was_sent_back(store: Store) -> None:
    ticket_id = await waiting(store)
    person = await agent(store)
    await store.ending.send_back(ticket_id, person, "资料不全")
    await thread(store, envelope("b"), conversation_key="talk-k1", text="补上单号")
    assert await state(store, ticket_id) == "waiting"


async def test_helpers_cost_their_owner_what_work_costs(store: Store) -> None:
    ticket_id, person = await owned(store)
    await store.tickets.ask_help(ticket_id, person, "问仓库")
    assert await state(store, ticket_id) == "helping"
    assert (await store.agents.get(person)).used == 2
    await store.tickets.resume(ticket_id, person)
    assert await state(store, ticket_id) == "active"
    with pytest.raises(Conflict):
        await store.tickets.resume(ticket_id, person)


async def test_closing_does_not_change_when_a_ticket_ended(store: Store, clock: FakeClock) -> None:
    ticket_id, person = await owned(store)
    await store.tickets.move(ticket_id, person, TicketState.RESOLVED)
    ended = clock()
    clock.pass_(DAY)
    await store.ending.close(ticket_id, person)
    assert (await store.tickets.get(ticket_id)).ended_at == ended


# -- merging ---------------------------------------------------------------------------


async def two(store: Store) -> tuple[str, str, str]:
    """(one of li's, a waiting one of the same customer, li)"""
    kept, person = await owned(store)
    return kept, await waiting(store, "k2"), person


async def log(store: Store, ticket_id: str) -> list[Entry]:
    found = await store.tickets.get(ticket_id)
    return await store.conversations.log(found.conversation_id)


async def test_the_next_word_of_a_merged_ticket_belongs_to_its_survivor(store: Store) -> None:
    kept, gone, person = await two(store)
    await store.merging.merge(gone, kept, person)
    assert (await store.tickets.get(gone)).merged_into == kept
    await store.tickets.move(kept, person, TicketState.RESOLVED)
    await thread(store, envelope("b"), conversation_key="talk-k2", text="还没到")
    assert await state(store, kept) == "active"
    assert await state(store, gone) == "merged"
    assert [entry.ticket_id for entry in await log(store, gone)] == [gone, kept]
    assert [part.id for part in await store.merging.parts(kept)] == [gone]


async def test_a_survivor_that_may_not_come_back_is_gone_on_from(
    store: Store, clock: FakeClock
) -> None:
    """A supervisor has reopened an older ticket of its conversation: there is one open already."""
    older, person = await owned(store)
    await store.tickets.move(older, person, TicketState.RESOLVED)
    clock.pass_(8 * DAY)
    await thread(store, envelope("b", now=clock()), conversation_key="talk-k1")
    (new,) = await store.queue.unlabelled(10)
    await store.queue.route([routed(new)])
    survivor, gone = new.ticket_id, await waiting(store, "k2")
    await store.merging.merge(gone, survivor, person)
    await store.ending.settle(survivor, person)
    await store.ending.reopen(older, person, "还没好")
    await thread(store, envelope("c", now=clock()), conversation_key="talk-k2", text="还没到")
    assert await state(store, survivor) == "resolved"
    last = (await log(store, gone))[-1].ticket_id
    assert last not in {older, survivor, gone}
    assert (await store.tickets.get(str(last))).predecessor_id == survivor


async def test_an_answer_goes_into_the_conversation_of_a_part(store: Store) -> None:
    kept, gone, person = await two(store)
    await store.merging.merge(gone, kept, person)
    act = TicketState.ACTIVE
    await store.tickets.reply(kept, person, "查到了", "c1", act, part=gone)
    assert [e.text for e in await log(store, gone)][-1] == "查到了"
    other, _ = await owned(store, "k3", "han")
    with pytest.raises(NotFound):
        await store.tickets.reply(kept, person, "查到了", "c2", act, part=other)


async def test_a_conversation_is_open_for_as_long_as_its_survivor(store: Store) -> None:
    """A platform's history is read again where the next word belongs to somebody."""
    kept, gone, person = await two(store)
    keys = {"talk-k1", "talk-k2"}
    assert {*await store.conversations.open_keys("webchat", "site")} == keys
    await store.merging.merge(gone, kept, person)
    found = await store.conversations.open_keys("webchat", "site")
    assert (len(found), {*found}) == (2, keys)
    await store.tickets.mark_junk(kept, person)
    assert await store.conversations.open_keys("webchat", "site") == []


async def test_the_end_of_a_chat_is_told_of_the_ticket_in_which_it_goes_on(
    store: Store,
) -> None:
    kept, gone, person = await two(store)
    await store.merging.merge(gone, kept, person)
    await store.conversations.end((await store.tickets.get(gone)).conversation_id)
    (told,) = [e for e in await store.events.after(0) if e.kind == "conversation.ended"]
    assert (told.ticket_id, told.agent_id) == (kept, person)


async def test_the_end_of_a_chat_is_told_of_what_is_open_not_of_what_ended_since(
    store: Store,
) -> None:
    ticket_id, person = await owned(store)
    await thread(store, envelope("b"), conversation_key="talk-k1", text="另外发票抬头错了")
    _, second = await said(store, ticket_id)
    part = await store.merging.split(ticket_id, [second], person)
    talk = (await store.tickets.get(ticket_id)).conversation_id
    await store.conversations.end(talk)
    await store.tickets.move(ticket_id, person, TicketState.RESOLVED)
    await thread(store, envelope("c"), conversation_key="talk-k1", text="在吗", hollow=True)
    await store.conversations.end(talk)
    ended = [e for e in await store.events.after(0) if e.kind == "conversation.ended"]
    assert [e.ticket_id for e in ended] == [ticket_id, part]


async def test_a_merger_is_undone_with_what_came_since(store: Store) -> None:
    kept, gone, person = await two(store)
    before = await store.tickets.get(gone)
    await store.merging.merge(gone, kept, person)
    await thread(store, envelope("b"), conversation_key="talk-k2", text="还没到")
    await store.merging.undo(gone, person)
    found = await store.tickets.get(gone)
    assert (found.state, found.merged_into, found.queued_at) == ("waiting", None, before.queued_at)
    assert {entry.ticket_id for entry in await log(store, gone)} == {gone}
    with pytest.raises(Conflict):
        await store.merging.undo(gone, person)


async def test_what_was_said_in_two_conversations_is_read_in_its_order(
    store: Store, clock: FakeClock
) -> None:
    """Each counts its own lines: the newer one's first may have a lower number."""
    older, person = await owned(store)
    for key in ("a", "a2"):
        await thread(store, envelope(key, now=clock()), conversation_key="talk-k1")
    await store.queue.route([routed(due) for due in await store.queue.unlabelled(10)])
    await store.tickets.move(older, person, TicketState.RESOLVED)
    clock.pass_(8 * DAY)
    await thread(store, envelope("b", now=clock()), conversation_key="talk-k1", text="先说的")
    (new,) = await store.queue.unlabelled(10)
    await store.queue.route([routed(new)])
    await store.merging.merge(await waiting(store, "k2", account="form"), new.ticket_id, person)
    clock.pass_(60)
    later = {"conversation_key": "talk-k2", "account": "form", "text": "后说的"}
    await thread(store, envelope("c", now=clock()), **later)
    (due,) = await store.queue.unlabelled(10)
    assert (due.text, due.account) == ("先说的\n后说的", "site")


async def test_after_a_merger_is_undone_both_are_labelled_from_their_own_words(
    store: Store,
) -> None:
    kept, gone, person = await two(store)
    await store.merging.merge(gone, kept, person)
    await thread(store, envelope("b"), conversation_key="talk-k2", text="要投诉")
    (reading,) = await store.queue.unlabelled(10)
    assert reading.ticket_id == kept
    assert "要投诉" in reading.text
    await store.merging.undo(gone, person)
    late = routed(reading, labels=labels(domain="支付"))
    assert await store.queue.route([late]) == []
    due = {one.ticket_id: one.text for one in await store.queue.unlabelled(10)}
    assert set(due) == {kept, gone}
    assert "要投诉" in due[gone]
    assert "要投诉" not in due[kept]


async def test_a_merger_in_which_nothing_was_said_is_undone_without_other_labels(
    store: Store,
) -> None:
    kept, gone, person = await two(store)
    await store.merging.merge(gone, kept, person)
    await store.merging.undo(gone, person)
    assert await store.queue.unlabelled(10) == []


async def test_a_resolved_ticket_comes_out_of_a_merger_resolved(
    store: Store, clock: FakeClock
) -> None:
    kept, gone, person = await two(store)
    await store.tickets.take(gone, person)
    await store.tickets.move(gone, person, TicketState.RESOLVED)
    ended = clock()
    clock.pass_(DAY)
    await store.merging.merge(gone, kept, person)
    clock.pass_(DAY)
    await store.merging.undo(gone, person)
    assert await state(store, gone) == "resolved"
    # What its customer says from now on reopens it for as long as it would have without.
    assert (await store.tickets.get(gone)).ended_at == ended


async def test_what_cannot_be_one_is_refused(store: Store) -> None:
    kept, gone, person = await two(store)
    stranger = await waiting(
        store, "k3", sender=(await store.people.reveal(
            await store.tickets.identity_of(kept), person
        )).model_copy(update={"external_id": "other", "email": "o@example.com"}),
    )  # fmt: skip
    for ticket_id, into in ((gone, gone), (stranger, kept)):
        with pytest.raises(Conflict):
            await store.merging.merge(ticket_id, into, person)
    await complain(store, gone)
    with pytest.raises(Conflict, match="complaint"):
        await store.merging.merge(gone, kept, person)
    await complain(store, kept)
    await store.merging.merge(gone, kept, person)
    third = await waiting(store, "k4")
    for ticket_id, into in ((kept, third), (third, gone)):
        with pytest.raises(Conflict):
            await store.merging.merge(ticket_id, into, person)


# -- splitting -------------------------------------------------------------------------


async def said(store: Store, ticket_id: str) -> list[str]:
    query = select(message.c.id).where(message.c.ticket_id == ticket_id).order_by(message.c.seq)
    async with store.db.read() as conn:
        return list((await conn.execute(query)).scalars())


async def test_a_part_becomes_a_ticket_and_the_next_word_stays_with_the_first(
    store: Store,
) -> None:
    ticket_id, person = await owned(store)
    await thread(store, envelope("b"), conversation_key="talk-k1", text="另外发票抬头错了")
    _, second = await said(store, ticket_id)
    part = await store.merging.split(ticket_id, [second], person)
    found = await store.tickets.get(part)
    assert (found.state, found.split_from) == ("new", ticket_id)
    assert found.number != (await store.tickets.get(ticket_id)).number
    texts = {due.ticket_id: due.text for due in await store.queue.unlabelled(5)}
    assert texts == {ticket_id: "包裹三天没动", part: "另外发票抬头错了"}
    await store.queue.route([routed(due) for due in await store.queue.unlabelled(5)])
    await thread(store, envelope("c"), conversation_key="talk-k1", text="快点")
    assert len(await said(store, ticket_id)) == 2
    await store.tickets.move(ticket_id, person, TicketState.RESOLVED)
    await thread(store, envelope("d"), conversation_key="talk-k1", text="发票呢")
    assert len(await said(store, part)) == 2
    assert await state(store, ticket_id) == "resolved"
    # Undone, the part is where it came from, and there is one ticket again.
    await store.ending.reopen(ticket_id, person, "x")
    await store.merging.merge(part, ticket_id, person)
    await thread(store, envelope("e"), conversation_key="talk-k1", text="好了吗")
    assert len(await said(store, ticket_id)) == 3


async def test_what_cannot_be_split_off_is_refused(store: Store) -> None:
    ticket_id, person = await owned(store)
    (only,) = await said(store, ticket_id)
    foreign = (await said(store, await waiting(store, "k2")))[0]
    for chosen in ([only], [foreign], ["nope"]):
        with pytest.raises(Conflict):
            await store.merging.split(ticket_id, chosen, person)
    await store.tickets.move(ticket_id, person, TicketState.RESOLVED)
    with pytest.raises(Conflict):
        await store.merging.split(ticket_id, [only], person)
