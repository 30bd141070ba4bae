"""A message is in exactly one ticket, whatever comes twice, late or from a stranger."""

import asyncio

import pytest
from sqlalchemy import select

from models.agent import Presence
from models.errors import Conflict
from models.message import ReplyRoute, Sender, Trust
from models.store import Store
from models.store.dialogue.incoming import Incoming
from models.tables import identity, ticket
from models.ticket import TicketState
from tests.contract.store.makers import (
    envelope,
    inbound,
    leased,
    owned,
    routed,
    thread,
    waiting,
)  # fmt: skip
from tests.fakes import FakeClock


async def tickets(store: Store) -> list[str]:
    async with store.db.read() as conn:
        return list((await conn.execute(select(ticket.c.id).order_by(ticket.c.id))).scalars())


async def test_a_first_message_makes_a_numbered_ticket(store: Store) -> None:
    await thread(store, envelope("a"))
    (found,) = await store.tickets.page()
    assert found.state == TicketState.NEW
    # 2027-01-15 08:00 UTC is 16:00 in Shanghai.
    assert found.number.startswith("2027011500001")
    kinds = [event.kind for event in await store.events.after(0)]
    assert kinds == ["message.in", "ticket.created"]


async def test_the_next_message_joins_the_open_ticket(store: Store) -> None:
    await thread(store, envelope("a"))
    await thread(store, envelope("b"), text="在吗在吗")
    (found,) = await store.tickets.page()
    log = await store.conversations.log(found.conversation_id)
    assert [(e.seq, e.text) for e in log] == [(1, "包裹三天没动"), (2, "在吗在吗")]
    (due,) = await store.queue.unlabelled(10)
    assert due.text == "包裹三天没动\n在吗在吗"
    assert due.text_version == 2


async def test_the_same_message_in_another_envelope_changes_nothing(store: Store) -> None:
    await thread(store, envelope("a"), external_id="m1")
    await thread(store, envelope("b"), external_id="m1")
    (found,) = await store.tickets.page()
    assert len(await store.conversations.log(found.conversation_id)) == 1
    assert (await store.envelopes.backlog())["live"] == 0


async def test_a_stale_lease_stores_nothing(store: Store, clock: FakeClock) -> None:
    e = envelope("a")
    await store.envelopes.accept([e])
    lease = await leased(store)
    clock.pass_(31)
    await store.envelopes.expire(3)
    with pytest.raises(Conflict):
        async with store.db.write() as tx:
            await store.threads.thread(
                tx, lease.token, [e.id], [Incoming(e.id, inbound(e), e.lane)]
            )
    assert await tickets(store) == []


async def test_many_conversations_in_one_batch_and_several_batches_at_once(store: Store) -> None:
    batches = [[envelope(f"{b}-{i}") for i in range(10)] for b in range(4)]
    for batch in batches:
        await store.envelopes.accept(batch)
    leases = [await store.envelopes.lease(batch[0].lane, 10, 30.0) for batch in batches]

    async def work(lease: object) -> None:
        assert lease is not None
        items = [
            Incoming(
                e.id,
                inbound(
                    e,
                    conversation_key=f"talk{e.dedupe_key[-1]}",
                    sender=Sender(external_id=f"v{e.dedupe_key[-1]}"),
                ),
                e.lane,
            )
            for e in lease.envelopes
        ]
        async with store.db.write() as tx:
            await store.threads.thread(tx, lease.token, [e.id for e in lease.envelopes], items)

    await asyncio.gather(*(work(lease) for lease in leases))
    found = await store.tickets.page()
    assert len(found) == 10
    assert len({t.number for t in found}) == 10
    for t in found:
        log = await store.conversations.log(t.conversation_id)
        assert [e.seq for e in log] == [1, 2, 3, 4]
    async with store.db.read() as conn:
        assert len((await conn.execute(select(identity.c.id))).all()) == 10


async def test_a_greeting_is_held_until_content_or_time(store: Store, clock: FakeClock) -> None:
    await thread(store, envelope("a"), text="在吗", hollow=True)
    assert await store.queue.unlabelled(10) == []
    clock.pass_(10)
    assert len(await store.queue.unlabelled(10)) == 1
    clock.pass_(-10)
    await thread(store, envelope("b"))
    (due,) = await store.queue.unlabelled(10)
    assert due.text == "在吗\n包裹三天没动"


async def batch(store: Store, *items: dict[str, object], talk: str = "talk") -> None:
    """Several messages of one conversation that one lease brought."""
    # A millisecond apart: nothing else tells which of two came first.
    start = 1_800_000_000.0
    envelopes = [envelope(f"b{i}", now=start + i / 1000) for i in range(len(items))]
    await store.envelopes.accept(envelopes)
    lease = await leased(store)
    incoming = [
        Incoming(
            e.id,
            inbound(e, text=item["text"], conversation_key=talk),
            e.lane,
            hollow=bool(item.get("hollow")),
        )
        for e, item in zip(envelopes, items, strict=True)
    ]
    async with store.db.write() as tx:
        await store.threads.thread(tx, lease.token, [e.id for e in envelopes], incoming)


async def test_content_that_comes_with_its_greeting_ends_the_hold_at_once(store: Store) -> None:
    await batch(store, {"text": "在吗", "hollow": True}, {"text": "包裹丢了"})
    (due,) = await store.queue.unlabelled(10)
    assert due.text == "在吗\n包裹丢了"
    await store.queue.route([routed(due)])
    (found,) = await store.tickets.page()
    assert found.state == TicketState.WAITING


async def test_a_mail_that_was_late_does_not_hide_the_open_ticket(
    store: Store, clock: FakeClock
) -> None:
    ticket_id, agent_id = await owned(store)
    await store.tickets.mark_junk(ticket_id, agent_id)
    clock.pass_(60)
    # Received before the first one, by the clock of another host.
    early = clock() - 3600
    await thread(store, envelope("late", now=early), conversation_key="talk-k1")
    await thread(store, envelope("next", now=clock()), conversation_key="talk-k1")
    assert len(await tickets(store)) == 2


async def test_a_strangers_word_on_a_ticket_that_nobody_works_on_is_seen(store: Store) -> None:
    ticket_id, agent_id = await owned(store)
    await store.tickets.move(ticket_id, agent_id, TicketState.RESOLVED)
    stranger = Sender(external_id="somebody else")
    await thread(store, envelope("x"), conversation_key="talk-k1", sender=stranger, text="机密")
    assert (await store.tickets.get(ticket_id)).state == TicketState.ACTIVE
    (due,) = await store.queue.unlabelled(10)
    assert "机密" not in due.text


async def test_a_stranger_in_a_private_conversation_is_quarantined(store: Store) -> None:
    ticket_id = await waiting(store)
    stranger = Sender(external_id="somebody else")
    route = ReplyRoute(adapter="webchat", address="elsewhere")
    await thread(
        store, envelope("x"), conversation_key="talk-k1", sender=stranger, reply_route=route
    )
    found = await store.tickets.get(ticket_id)
    log = await store.conversations.log(found.conversation_id)
    assert [e.quarantined for e in log] == [False, True]
    assert await store.queue.unlabelled(10) == []
    await store.tickets.take(ticket_id, agent_id := await _agent(store))
    await store.tickets.reply(ticket_id, agent_id, "您好", "c1", TicketState.ACTIVE)
    sending = await store.outbound.lease(10, 30.0)
    assert sending is not None
    assert sending.messages[0].route.address == "talk"


async def test_a_forged_sender_does_not_turn_the_answers_to_themselves(store: Store) -> None:
    ticket_id, agent_id = await owned(store)
    for key, address, level in (
        ("f", "forger@evil.example", "failed"), ("n", "new@example.com", "unknown"),
        ("g", "again@evil.example", "failed"),
    ):  # fmt: skip
        await thread(
            store, envelope(key), conversation_key="talk-k1", trust=Trust(level=level),
            reply_route=ReplyRoute(adapter="webchat", address=address),
        )  # fmt: skip
    await store.tickets.reply(ticket_id, agent_id, "您好", "c1", TicketState.ACTIVE)
    sending = await store.outbound.lease(10, 30.0)
    assert sending is not None
    assert sending.messages[0].route.address == "new@example.com"


async def test_nobody_unproven_turns_the_answers_of_a_talk_elsewhere(store: Store) -> None:
    """Who was handed the signed address writes as the customer, with a Reply-To of their own."""
    ticket_id, agent_id = await owned(store)
    elsewhere = {"answers_elsewhere": "t***@evil.example", "message_id": "m2"}
    route = ReplyRoute(adapter="webchat", address="thief@evil.example")
    await thread(
        store, envelope("f"), conversation_key="talk-k1", trust=Trust(level="claimed"),
        reply_route=route, meta=elsewhere,
    )  # fmt: skip
    await store.tickets.reply(ticket_id, agent_id, "您好", "c1", TicketState.ACTIVE)
    sending = await store.outbound.lease(10, 30.0)
    assert sending is not None
    assert sending.messages[0].route.address == "talk"
    # It is answered all the same, as the customer's next word, which it may be.
    assert sending.messages[0].in_reply_to == "m2"
    log = await store.conversations.log((await store.tickets.get(ticket_id)).conversation_id)
    assert [e.answers_elsewhere for e in log] == [None, "t***@evil.example", None]


async def test_a_first_mail_may_want_its_answers_elsewhere(store: Store) -> None:
    """As forms on web sites do: the agent is told, and there is no other way back."""
    ticket_id, agent_id = await owned(
        store, meta={"answers_elsewhere": "w***@x.example"},
        reply_route=ReplyRoute(adapter="webchat", address="wang@x.example"),
    )  # fmt: skip
    await store.tickets.reply(ticket_id, agent_id, "您好", "c1", TicketState.ACTIVE)
    sending = await store.outbound.lease(10, 30.0)
    assert sending is not None
    assert sending.messages[0].route.address == "wang@x.example"


async def _agent(store: Store) -> str:
    from tests.contract.store.makers import agent

    return await agent(store)


async def test_the_customers_next_word_brings_the_ticket_back_with_its_agent_preferred(
    store: Store, clock: FakeClock
) -> None:
    ticket_id, agent_id = await owned(store)
    await store.tickets.move(ticket_id, agent_id, TicketState.PENDING)
    clock.pass_(60)
    await thread(store, envelope("b", now=clock()), conversation_key="talk-k1")
    found = await store.tickets.get(ticket_id)
    assert (found.state, found.sticky_id, found.owner_id) == ("waiting", agent_id, None)
    assert found.queued_at == clock()
    assert await store.maintenance.recount() == []


async def test_a_reopened_ticket_goes_to_its_agent_who_is_there(
    store: Store, clock: FakeClock
) -> None:
    ticket_id, agent_id = await owned(store)
    before = await store.tickets.get(ticket_id)
    await store.tickets.move(ticket_id, agent_id, TicketState.RESOLVED)
    clock.pass_(60)
    await thread(store, envelope("b", now=clock()), conversation_key="talk-k1")
    found = await store.tickets.get(ticket_id)
    assert (found.state, found.owner_id, found.resolved_at) == ("active", agent_id, None)
    assert found.queued_at == before.queued_at
    last = (await store.tickets.decisions(ticket_id))[-1]
    assert (last["decision"], last["accepted_at"]) == ({"by": "reopened"}, clock())
    assert (await store.agents.get(agent_id)).used == found.units
    assert await store.maintenance.recount() == []


@pytest.mark.parametrize("away", [True, False])
async def test_a_reopened_ticket_waits_with_its_age_where_its_agent_cannot(
    store: Store, clock: FakeClock, away: bool
) -> None:
    ticket_id, agent_id = await owned(store)
    before = await store.tickets.get(ticket_id)
    await store.tickets.move(ticket_id, agent_id, TicketState.RESOLVED)
    if away:
        await store.agents.present(agent_id, Presence.BREAK)
    else:
        await store.agents.change(agent_id, None, capacity=1)
    clock.pass_(60)
    await batch(store, {"text": "还是没到"}, {"text": "人呢"}, talk="talk-k1")
    found = await store.tickets.get(ticket_id)
    assert (found.state, found.sticky_id, found.owner_id) == ("waiting", agent_id, None)
    assert (found.queued_at, found.clock_at) == (before.queued_at, before.clock_at)
    told = [e.kind for e in await store.events.of_ticket(ticket_id)]
    assert told.count("ticket.returned") == 1
    assert await store.maintenance.recount() == []


async def test_thanks_do_not_reopen(store: Store) -> None:
    ticket_id, agent_id = await owned(store)
    await store.tickets.move(ticket_id, agent_id, TicketState.RESOLVED)
    await thread(store, envelope("b"), conversation_key="talk-k1", text="谢谢", hollow=True)
    assert (await store.tickets.get(ticket_id)).state == TicketState.RESOLVED
    assert await tickets(store) == [ticket_id]


async def test_after_the_window_a_new_ticket_begins(store: Store, clock: FakeClock) -> None:
    ticket_id, agent_id = await owned(store)
    await store.tickets.move(ticket_id, agent_id, TicketState.RESOLVED)
    clock.pass_(8 * 86400)
    await thread(store, envelope("b", now=clock()), conversation_key="talk-k1")
    (after,) = set(await tickets(store)) - {ticket_id}
    assert (await store.tickets.get(ticket_id)).state == TicketState.RESOLVED
    assert (await store.tickets.get(after)).predecessor_id == ticket_id


async def test_an_automatic_mail_moves_nothing(store: Store) -> None:
    ticket_id, agent_id = await owned(store)
    await store.tickets.move(ticket_id, agent_id, TicketState.PENDING)
    await thread(store, envelope("b"), conversation_key="talk-k1", auto="auto_reply")
    assert (await store.tickets.get(ticket_id)).state == TicketState.PENDING


async def test_what_a_list_hands_on_is_a_persons_word(store: Store) -> None:
    ticket_id, agent_id = await owned(store)
    await store.tickets.move(ticket_id, agent_id, TicketState.PENDING)
    await thread(store, envelope("b"), conversation_key="talk-k1", auto="list")
    assert (await store.tickets.get(ticket_id)).state == TicketState.WAITING


@pytest.mark.parametrize(
    ("auto", "address"),
    [("list", "first"), ("auto_reply", "first"), ("bounce", ""), ("self", "")],
)
async def test_an_agent_can_answer_what_may_come_from_a_person(
    store: Store, auto: str, address: str
) -> None:
    for key in ("first", "second"):
        route = ReplyRoute(adapter="webchat", address=key)
        await thread(store, envelope(key), conversation_key="t", auto=auto, reply_route=route)
    (due,) = await store.queue.unlabelled(10)
    await store.queue.route([routed(due)])
    await store.tickets.take(due.ticket_id, agent_id := await _agent(store))
    await store.tickets.reply(due.ticket_id, agent_id, "您好", "c1", TicketState.ACTIVE)
    sending = await store.outbound.lease(10, 30.0)
    assert sending is not None
    assert sending.messages[0].route.address == address


async def test_a_blocked_sender_goes_to_junk_and_stays_in_one_ticket(store: Store) -> None:
    ticket_id, agent_id = await owned(store)
    await store.people.block(await store.tickets.identity_of(ticket_id), agent_id, True)
    await store.tickets.move(ticket_id, agent_id, TicketState.RESOLVED)
    await thread(store, envelope("x"), conversation_key="talk-x")
    await thread(store, envelope("y"), conversation_key="talk-x")
    junk = await store.tickets.page(junk=True)
    assert [t.state for t in junk] == [TicketState.INVALID]
    assert await store.queue.unlabelled(10) == []
    assert len(await store.conversations.log(junk[0].conversation_id)) == 2


async def test_identities_are_sealed_and_found_again(store: Store) -> None:
    await waiting(store, "a")
    await waiting(store, "b")
    async with store.db.read() as conn:
        (row,) = (await conn.execute(select(identity))).all()
    assert b"wang" not in row.sealed
    assert "visitor" not in row.lookup
    sender = (await store.people.senders([row.id]))[row.id]
    assert sender.email == "wang@example.com"


async def test_a_ticket_that_grew_while_it_was_classified_is_labelled_again(store: Store) -> None:
    await thread(store, envelope("a"))
    (before,) = await store.queue.unlabelled(10)
    await thread(store, envelope("b"), text="补充一句")
    assert await store.queue.route([routed(before)]) == []
    (after,) = await store.queue.unlabelled(10)
    assert await store.queue.route([routed(after)]) == [after.ticket_id]
    assert await store.queue.unlabelled(10) == []


async def test_what_was_overheard_joins_and_begins_nothing(store: Store, clock: FakeClock) -> None:
    talk = {"conversation_key": "C1:7"}
    await thread(store, envelope("k0"), **talk, overheard=True)
    assert await store.tickets.page() == []
    await thread(store, envelope("k1"), **talk)
    await thread(store, envelope("k2"), **talk, overheard=True)
    (ticket,) = await store.tickets.page()
    log = await store.conversations.log(ticket.conversation_id, 0)
    assert len(log) == 2
    clock.pass_(5.0)
    await thread(store, envelope("k3"), conversation_key="C1:8", overheard=True)
    assert len(await store.tickets.page()) == 1
