"""Claims: one owner, never over capacity, under any interleaving."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import select

from models.agent import Presence
from models.errors import Conflict, NotFound
from models.routing import Needs, Rules
from models.store import Store
from models.store.tickets.helping import HELPERS
from models.tables import agent as agents
from models.tables import assignment
from models.texts import Said
from models.ticket import Labels, TicketState
from router.keys import position, rekeyed
from tests.contract.store.makers import (
    NEEDS,
    agent,
    corrected_to,
    decision,
    envelope,
    follow,
    labels,
    owned,
    passed_on,
    routed,
    thread,
    waiting,
)  # fmt: skip
from tests.fakes import FakeClock


async def used(store: Store, agent_id: str) -> int:
    return (await store.agents.get(agent_id)).used


async def test_of_two_claims_one_wins(store: Store) -> None:
    ticket_id = await waiting(store)
    people = [await agent(store, login) for login in ("li", "han")]
    claims = [await decision(store, ticket_id, person) for person in people]
    won = await asyncio.gather(*(store.queue.claim(claim, None) for claim in claims))
    assert sorted(won) == [False, True]
    assert sorted([await used(store, person) for person in people]) == [0, 2]
    async with store.db.read() as conn:
        assert len((await conn.execute(select(assignment))).all()) == 1


async def test_capacity_holds_under_concurrent_claims(store: Store) -> None:
    tickets = [await waiting(store, f"k{i}") for i in range(6)]
    person = await agent(store, capacity=5)
    claims = [await decision(store, ticket_id, person) for ticket_id in tickets]
    won = await asyncio.gather(*(store.queue.claim(claim, None) for claim in claims))
    assert sum(won) == 2  # two chats of two units; a third would make six of five
    assert await used(store, person) == 4
    assert await store.maintenance.recount() == []


async def test_a_stale_epoch_claims_nothing(store: Store) -> None:
    ticket_id = await waiting(store)
    person = await agent(store)
    claim = await decision(store, ticket_id, person)
    assert not await store.queue.claim(replace(claim, epoch=claim.epoch - 1), None)
    assert await used(store, person) == 0


@pytest.mark.parametrize("presence", [Presence.BREAK, Presence.OFFLINE, Presence.BUSY])
async def test_only_the_ready_are_given_work(store: Store, presence: Presence) -> None:
    ticket_id = await waiting(store)
    person = await agent(store)
    await store.agents.present(person, presence)
    assert not await store.queue.claim(await decision(store, ticket_id, person), None)
    assert (await store.tickets.get(ticket_id)).state == TicketState.WAITING


async def test_an_offer_is_accepted_once(store: Store) -> None:
    ticket_id = await waiting(store)
    person = await agent(store)
    await store.queue.claim(await decision(store, ticket_id, person), 20.0)
    assert (await store.tickets.get(ticket_id)).state == TicketState.OFFERED
    assert await used(store, person) == 2
    await store.tickets.accept(ticket_id, person)
    assert (await store.tickets.get(ticket_id)).state == TicketState.ACTIVE
    with pytest.raises(Conflict):
        await store.tickets.accept(ticket_id, person)


async def test_a_declined_offer_keeps_its_place_and_excludes(store: Store) -> None:
    ticket_id = await waiting(store)
    person = await agent(store)
    await store.queue.claim(await decision(store, ticket_id, person), 20.0)
    before = await store.tickets.get(ticket_id)
    await store.tickets.decline(ticket_id, person, "太忙")
    (head,) = await store.queue.heads(5)
    assert head.excluded == {person}
    assert head.created_at == before.queued_at
    assert await used(store, person) == 0
    assert (await store.agents.get(person)).presence == Presence.READY


async def test_an_offer_that_passes_marks_the_agent_not_responding(
    store: Store, clock: FakeClock
) -> None:
    ticket_id = await waiting(store)
    person = await agent(store)
    await store.queue.claim(await decision(store, ticket_id, person), 20.0)
    clock.pass_(19)
    assert await store.maintenance.expire_offers() == []
    clock.pass_(2)
    assert await store.maintenance.expire_offers() == [person]
    assert (await store.agents.get(person)).presence == Presence.NOT_RESPONDING
    assert await used(store, person) == 0
    (head,) = await store.queue.heads(5)
    assert head.excluded == {person}


@pytest.mark.parametrize("presence", [Presence.OFFLINE, Presence.BREAK])
async def test_who_has_said_that_they_are_away_stays_so_when_their_offer_passes(
    store: Store, clock: FakeClock, presence: Presence
) -> None:
    person = await agent(store)
    claim = await decision(store, await waiting(store), person)
    await store.queue.claim(claim, 20.0)
    await store.agents.present(person, presence)
    clock.pass_(21)
    assert await store.maintenance.expire_offers() == [person]
    assert (await store.agents.get(person)).presence == presence
    assert await used(store, person) == 0


async def test_exclusions_are_forgiven_after_a_pause(store: Store, clock: FakeClock) -> None:
    ticket_id = await waiting(store)
    person = await agent(store)
    await store.queue.claim(await decision(store, ticket_id, person), 20.0)
    await store.tickets.decline(ticket_id, person, "")
    epoch = (await store.tickets.get(ticket_id)).epoch
    assert not await store.queue.forgive(ticket_id, epoch, 30.0)
    clock.pass_(30)
    assert await store.queue.forgive(ticket_id, epoch, 30.0)
    assert (await store.queue.heads(5))[0].excluded == frozenset()


async def test_a_lost_desk_gives_chats_back_after_grace_and_keeps_mail(
    store: Store, clock: FakeClock
) -> None:
    from models.message import Lane

    person = await agent(store)
    chat = await waiting(store, "chat")
    await thread(store, envelope("mail", lane=Lane.MAIL), conversation_key="mail")
    (due,) = await store.queue.unlabelled(5)
    await store.queue.route([routed(due, units=1)])
    offer = await waiting(store, "offer")
    assert await store.queue.claim(await decision(store, chat, person), None)
    assert await store.queue.claim(await decision(store, due.ticket_id, person), None)
    assert await store.queue.claim(await decision(store, offer, person), 300.0)
    clock.pass_(31)
    assert await store.maintenance.lose_contact(30.0, 60.0) == [person]
    states = [(await store.tickets.get(t)).state for t in (chat, due.ticket_id, offer)]
    assert states == ["active", "active", "waiting"]
    clock.pass_(60)
    await store.maintenance.lose_contact(30.0, 60.0)
    assert (await store.agents.get(person)).presence == Presence.OFFLINE
    states = [(await store.tickets.get(t)).state for t in (chat, due.ticket_id)]
    assert states == ["waiting", "active"]
    assert (await store.tickets.get(chat)).sticky_id == person
    assert await store.maintenance.recount() == []


async def test_a_chat_does_not_wait_with_its_helpers_for_who_is_gone(
    store: Store, clock: FakeClock
) -> None:
    chat, person = await owned(store)
    helper = await agent(store, "han")
    due_at = clock() + 900.0
    await store.helping.open(chat, person, title="查库存", due_at=due_at, assignee_id=helper)
    assert (await store.tickets.get(chat)).state == "helping"
    clock.pass_(91)
    await store.agents.beat([helper])
    await store.maintenance.lose_contact(30.0, 60.0)
    found = await store.tickets.get(chat)
    assert (found.state, found.sticky_id) == ("waiting", person)
    assert await store.maintenance.recount() == []
    await store.tickets.take(chat, await agent(store, "wu"))
    await follow(store, HELPERS)
    assert (await store.tickets.get(chat)).state == "helping"


async def test_nothing_is_on_offer_to_who_went_offline_themselves(store: Store) -> None:
    person = await agent(store)
    offer, taken = await waiting(store, "offer"), await waiting(store, "taken")
    assert await store.queue.claim(await decision(store, taken, person), None)
    assert await store.queue.claim(await decision(store, offer, person), 300.0)
    await store.agents.present(person, Presence.OFFLINE)
    assert await store.maintenance.lose_contact(30.0, 60.0) == []
    states = [(await store.tickets.get(t)).state for t in (offer, taken)]
    assert states == ["waiting", "active"]
    assert await store.maintenance.recount() == []


async def test_heads_are_the_first_of_each_class_by_key(store: Store) -> None:
    late = await waiting(store, "late", target=500.0)
    soon = await waiting(store, "soon", target=100.0)
    other = await waiting(store, "other", needs=Needs(required=(("domain:支付", 1),)))
    assert {h.ticket_id for h in await store.queue.heads(1)} == {soon, other}
    heads = await store.queue.heads(5)
    assert {h.ticket_id for h in heads} == {late, soon, other}
    assert {h.needs.required for h in heads} == {(("domain:支付", 1),), (("domain:物流", 1),)}


async def test_time_relaxes_and_re_keys(store: Store, clock: FakeClock, rules: Rules) -> None:
    at = partial(position, rules=rules)
    ticket_id = await waiting(store, target=100.0)
    (head,) = await store.queue.heads(5)
    for passed, expected in (
        (0, (0, False)), (25, (1, False)), (50, (2, False)), (100, (2, True)), (400, (4, True))
    ):  # fmt: skip
        clock.now = head.created_at + passed
        assert await store.maintenance.step(at) == 1, passed
        assert await store.maintenance.step(at) == 0, "until its next time it is left alone"
        found = await store.tickets.get(ticket_id)
        assert (found.relax_step, found.late) == expected
        (seen,) = await store.queue.heads(5)
        assert seen.twice_late == (passed == 400)
    clock.pass_(10_000)
    assert await store.maintenance.step(at) == 0


async def test_what_was_relaxed_stays_so_when_it_comes_back_to_its_queue(
    store: Store, clock: FakeClock, rules: Rules
) -> None:
    ticket_id, person = await waiting(store, target=1000.0), await agent(store)
    clock.pass_(300)
    await store.maintenance.step(partial(position, rules=rules))
    assert await store.queue.claim(await decision(store, ticket_id, person), 20.0)
    await store.tickets.decline(ticket_id, person, "busy")
    await store.maintenance.step(partial(position, rules=rules))
    assert (await store.tickets.get(ticket_id)).relax_step == 1


async def test_a_raised_urgency_gives_the_ticket_its_new_time_from_now(
    store: Store, clock: FakeClock, rules: Rules
) -> None:
    ticket_id = await waiting(store, target=1000.0)
    (before,) = await store.queue.heads(5)
    clock.pass_(500)
    await store.maintenance.step(partial(position, rules=rules))
    rekey = partial(rekeyed, rules=rules)
    await corrected_to(store, ticket_id, await agent(store), NEEDS, 60.0, rekey)
    found = await store.tickets.get(ticket_id)
    assert found.due_at == clock() + 60 < before.created_at + before.target
    assert (found.late, found.relax_step) == (False, 2), "in time again, and as relaxed as it was"
    assert found.epoch > before.epoch


@pytest.fixture
def rules() -> Rules:
    return Rules(version="t", required_facets=(), targets={}, units={})


async def test_the_recount_mends_and_reports(store: Store) -> None:
    from sqlalchemy import update

    _, person = await owned(store)
    async with store.db.write() as tx:
        await tx.conn.execute(update(agents).where(agents.c.id == person).values(used=5))
    assert await store.maintenance.recount() == [(person, 5, 2)]
    assert await used(store, person) == 2


async def test_an_answer_is_appended_once_and_frees_capacity_when_it_ends(store: Store) -> None:
    ticket_id, person = await owned(store)
    first = await store.tickets.reply(ticket_id, person, "马上查", "c1", TicketState.PENDING)
    again = await store.tickets.reply(ticket_id, person, "马上查", "c1", TicketState.PENDING)
    assert first == again
    with pytest.raises(Conflict):
        await store.tickets.reply(ticket_id, person, "别的", "c1", TicketState.PENDING)
    found = await store.tickets.get(ticket_id)
    assert found.state == TicketState.PENDING
    assert found.first_answer_at is not None
    assert await used(store, person) == 0
    assert [e.text for e in await store.conversations.log(found.conversation_id)] == [
        "包裹三天没动",
        "马上查",
    ]


async def test_only_the_owner_answers(store: Store) -> None:
    ticket_id, _ = await owned(store)
    other = await agent(store, "han")
    with pytest.raises(Conflict):
        await store.tickets.reply(ticket_id, other, "我来", "c1", TicketState.ACTIVE)
    found = await store.tickets.get(ticket_id)
    assert len(await store.conversations.log(found.conversation_id)) == 1
    with pytest.raises(NotFound):
        await store.tickets.reply("nope", other, "我来", "c2", TicketState.ACTIVE)


async def test_handing_over_moves_the_load(store: Store) -> None:
    ticket_id, giver = await owned(store)
    taker = await agent(store, "han", capacity=2)
    await passed_on(store, ticket_id, giver, taker, "请帮忙")
    assert (await used(store, giver), await used(store, taker)) == (0, 2)
    assert (await store.tickets.get(ticket_id)).owner_id == taker
    second, owner = await owned(store, "k2", "zhao")
    with pytest.raises(Conflict):
        await passed_on(store, second, owner, taker)
    assert (await store.tickets.get(second)).owner_id == owner
    assert await store.maintenance.recount() == []


async def test_release_to_other_skills_keeps_the_age(store: Store, clock: FakeClock) -> None:
    ticket_id, person = await owned(store)
    before = await store.tickets.get(ticket_id)
    clock.pass_(40)
    needs = Needs(required=(("domain:支付", 1),))
    await store.tickets.release(ticket_id, person, needs, "是支付问题")
    (head,) = await store.queue.heads(5)
    assert head.needs == needs
    assert head.created_at == before.queued_at
    assert await used(store, person) == 0


async def test_a_corrected_label_stays_when_the_text_grows(store: Store) -> None:
    ticket_id, person = await owned(store)
    await store.tickets.correct(ticket_id, person, "type", "咨询")
    await thread(store, envelope("b"), conversation_key="talk-k1", text="还有一件事")
    (due,) = await store.queue.unlabelled(5)
    await store.queue.route([routed(due, labels=labels(type="投诉", domain="支付"))])
    found = await store.tickets.get(ticket_id)
    assert found.labels is not None
    assert found.labels.facets["type"].value == "咨询"
    assert found.labels.facets["domain"].value == "支付"
    assert found.state == TicketState.ACTIVE


async def test_a_correction_outweighs_what_the_classifier_was_working_on(store: Store) -> None:
    ticket_id, person = await owned(store)
    await thread(store, envelope("b"), conversation_key="talk-k1", text="还有一件事")
    (due,) = await store.queue.unlabelled(5)
    await store.tickets.correct(ticket_id, person, "domain", "支付")
    assert await store.queue.route([routed(due)]) == []
    (again,) = await store.queue.unlabelled(5)
    assert again.corrected["domain"].value == "支付"
    assert again.corrected.keys() == {"domain"}


async def test_a_queue_that_a_person_chose_stays_when_the_text_grows(store: Store) -> None:
    ticket_id, person = await owned(store)
    payment = Needs(required=(("domain:支付", 1),))
    await store.tickets.release(ticket_id, person, payment, "是支付问题")
    await thread(store, envelope("b"), conversation_key="talk-k1", text="还有一件事")
    (due,) = await store.queue.unlabelled(5)
    await store.queue.route([routed(due, target=60.0)])
    found = await store.tickets.get(ticket_id)
    assert (found.skill_class, found.target) == (payment.skill_class, 60.0)
    # A correction of what it is about speaks again.
    await corrected_to(store, ticket_id, person, NEEDS, 60.0)
    await thread(store, envelope("c"), conversation_key="talk-k1", text="另外")
    (due,) = await store.queue.unlabelled(5)
    await store.queue.route([routed(due)])
    assert (await store.tickets.get(ticket_id)).skill_class == NEEDS.skill_class


@pytest.mark.parametrize("to", [TicketState.ACTIVE, TicketState.WAITING, TicketState.HELPING])
async def test_nothing_that_uses_capacity_is_entered_without_a_claim(
    store: Store, to: TicketState
) -> None:
    ticket_id, person = await owned(store)
    await store.tickets.move(ticket_id, person, TicketState.PENDING)
    with pytest.raises(Conflict):
        await store.tickets.move(ticket_id, person, to)
    assert (await store.tickets.get(ticket_id)).state == TicketState.PENDING


async def test_acknowledgements_are_capped_an_identity_and_a_day(
    store: Store, clock: FakeClock
) -> None:
    async def come(*keys: str) -> None:
        for key in keys:
            await thread(store, envelope(key, now=clock()), conversation_key=key)
        due = await store.queue.unlabelled(10)
        batches = [[routed(d, acknowledgement=Said("已收到", "ack.open/zh@1"))] for d in due]
        await asyncio.gather(*(store.queue.route(batch, 2) for batch in batches))

    async def said() -> int:
        logs = [
            await store.conversations.log(t.conversation_id) for t in await store.tickets.page()
        ]
        return sum(entry.kind == "ack" for log in logs for entry in log)

    await come("a", "b", "c", "d")
    assert await said() == 2
    clock.pass_(86401)
    await come("e")
    assert await said() == 3


async def test_junk_takes_no_capacity_and_comes_back_with_its_age(store: Store) -> None:
    ticket_id, person = await owned(store)
    await store.tickets.mark_junk(ticket_id, person)
    assert await used(store, person) == 0
    assert await store.queue.heads(5) == []
    await store.tickets.unmark_junk(ticket_id, person)
    found = await store.tickets.get(ticket_id)
    assert (found.state, found.junk) == (TicketState.WAITING, False)
    with pytest.raises(Conflict):
        await store.tickets.unmark_junk(ticket_id, person)


async def test_what_was_junk_before_it_had_labels_waits_for_them(
    store: Store, clock: FakeClock, rules: Rules
) -> None:
    await thread(store, envelope("k1"))
    (new,) = await store.tickets.page()
    person = await agent(store)
    await store.tickets.mark_junk(new.id, person)
    await store.tickets.unmark_junk(new.id, person)

    clock.pass_(60)
    assert await store.maintenance.step(partial(position, rules=rules)) == 0
    (due,) = await store.queue.unlabelled(5)
    await store.queue.route([routed(due)])
    assert await store.maintenance.step(partial(position, rules=rules)) == 1


async def _released(store: Store, ticket_id: str, person: str, _clock: FakeClock) -> None:
    await store.tickets.release(ticket_id, person, None, "")


async def _released_elsewhere(
    store: Store, ticket_id: str, person: str, _clock: FakeClock
) -> None:
    await store.tickets.release(ticket_id, person, NEEDS, "")


async def _woken(store: Store, ticket_id: str, person: str, clock: FakeClock) -> None:
    await store.tickets.snooze(ticket_id, person, 600.0)
    clock.pass_(600)
    assert await store.maintenance.wake() == 1


@pytest.mark.parametrize("back", [_released, _released_elsewhere, _woken])
async def test_what_was_taken_before_it_had_labels_gets_a_place_when_it_comes_back(
    store: Store,
    clock: FakeClock,
    back: Callable[[Store, str, str, FakeClock], Awaitable[None]],
) -> None:
    """Its labels came while somebody had it: they gave it none, and nobody would ever get it."""
    await thread(store, envelope("k1"))
    (new,) = await store.tickets.page()
    person = await agent(store)
    await store.tickets.mark_junk(new.id, person)
    await store.tickets.unmark_junk(new.id, person)
    await store.tickets.take(new.id, person)
    await store.queue.route([routed(one) for one in await store.queue.unlabelled(5)])
    await back(store, new.id, person, clock)

    assert await store.queue.heads(5) == []
    await store.queue.route([routed(one) for one in await store.queue.unlabelled(5)])
    assert [head.ticket_id for head in await store.queue.heads(5)] == [new.id]


async def test_illegal_moves_are_refused(store: Store) -> None:
    ticket_id, person = await owned(store)
    with pytest.raises(Conflict):
        await store.tickets.move(ticket_id, person, TicketState.CLOSED)
    assert (await store.tickets.get(ticket_id)).state == TicketState.ACTIVE


async def test_an_acknowledgement_is_said_once(store: Store) -> None:
    ticket_id = await waiting(store, acknowledgement=Said("已收到", "ack.open/zh@1"))
    found = await store.tickets.get(ticket_id)
    log = await store.conversations.log(found.conversation_id)
    assert [(e.side, e.kind) for e in log] == [("customer", "message"), ("us", "ack")]


async def test_two_corrections_at_once_and_the_queue_is_that_of_the_last(store: Store) -> None:
    ticket_id, person = await waiting(store), await agent(store)

    def place(labels: Labels, _since: float) -> tuple[Needs, float, None, None]:
        return Needs(required=((f"domain:{labels.facets['domain'].value}", 1),)), 60.0, None, None

    await asyncio.gather(
        *(
            store.tickets.correct(ticket_id, person, "domain", value, place=place)
            for value in ("支付", "发票", "物流", "支付")
        )
    )
    found = await store.tickets.get(ticket_id)
    assert found.labels is not None
    assert found.skill_class == f"domain:{found.labels.facets['domain'].value}:1"
