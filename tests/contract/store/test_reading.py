"""What people look up and change by hand, and every refusal in it."""

import errno
import itertools
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from models.agent import Presence, Role
from models.errors import Conflict, NotFound, StorageFull, Temporary
from models.message import Lane
from models.routing import Decision, Needs
from models.store import Store
from models.store.ground.blobs import FileBlobs
from models.store.ground.database import Event
from models.ticket import TicketState
from tests.contract.store.makers import (
    NEEDS,
    agent,
    corrected_to,
    decision,
    envelope,
    inbound,
    leased,
    owned,
    routed,
    thread,
    waiting,
)
from tests.fakes import FakeClock
from tests.machines.waits import at_each_wait

OTHER = Needs(required=(("domain:支付", 1),))


async def test_pages_go_by_state_class_junk_and_place(store: Store) -> None:
    first = await waiting(store, "a")
    second = await waiting(store, "b", needs=OTHER)
    held, person = await owned(store, "c")
    await store.tickets.mark_junk(held, person)
    page = store.tickets.page
    everything = [t.id for t in await page()]
    assert everything == sorted([held, second, first], reverse=True)
    assert [t.id for t in await page(limit=1, before=everything[0])] == [everything[1]]
    assert {t.id for t in await page(states=["waiting"])} == {second, first}
    assert [t.id for t in await page(skill_class=OTHER.skill_class)] == [second]
    assert [t.id for t in await page(junk=True)] == [held]
    assert await store.tickets.counts() == {"waiting": 2, "invalid": 1}


async def test_who_waits_for_a_persons_word(store: Store, clock: FakeClock) -> None:
    ticket_id, person = await owned(store, "a", conversation_key="talk")
    other = await waiting(store, "b")
    asked = clock.now
    unanswered = store.conversations.unanswered
    assert await unanswered([ticket_id, other]) == {ticket_id: asked, other: asked}
    await store.tickets.reply(ticket_id, person, "您好", "answer-1", TicketState.ACTIVE)
    assert await unanswered([ticket_id, other]) == {other: asked}
    clock.pass_(60.0)
    await thread(store, envelope("c", now=clock.now), conversation_key="talk")
    clock.pass_(5.0)
    await thread(store, envelope("d", now=clock.now), conversation_key="talk")
    assert await unanswered([ticket_id]) == {ticket_id: asked + 60.0}


async def test_a_word_in_what_was_merged_waits_too(store: Store, clock: FakeClock) -> None:
    """Each conversation counts its own lines: they tell nothing of which of two came first."""
    ticket_id, person = await owned(store, "a", text="第一句", conversation_key="talk-a")
    part = await waiting(store, "b")
    await store.merging.merge(part, ticket_id, person)
    for n in range(3):
        await store.tickets.reply(ticket_id, person, "您好", f"answer-{n}", TicketState.ACTIVE)
    clock.pass_(60.0)
    await thread(
        store, envelope("c", now=clock.now), conversation_key="talk-b", text="还没到"
    )  # fmt: skip
    assert await store.conversations.unanswered([ticket_id]) == {ticket_id: clock.now}
    said = (await store.conversations.words([ticket_id], 50))[ticket_id]
    assert (said.first, said.last) == ("第一句", "还没到")
    clock.pass_(5.0)
    await store.tickets.reply(ticket_id, person, "今天到", "answer", TicketState.ACTIVE)
    assert await store.conversations.unanswered([ticket_id]) == {}


async def test_what_somebody_has_ended(store: Store, clock: FakeClock) -> None:
    early, person = await owned(store, "a")
    await store.tickets.move(early, person, TicketState.RESOLVED)
    clock.pass_(60.0)
    since = clock.now
    resolved, returned, held, closed = [await waiting(store, key) for key in "bcde"]
    for one in (resolved, returned, held, closed):
        await store.tickets.take(one, person, forced=True, by=person)
    await store.tickets.move(closed, person, TicketState.RESOLVED)
    await store.ending.close(closed, person)
    clock.pass_(1.0)
    await store.tickets.move(resolved, person, TicketState.RESOLVED)
    clock.pass_(1.0)
    await store.ending.send_back(returned, person, "不归我们管")
    another, _ = await owned(store, "f", login="other")
    await store.tickets.mark_junk(another, None)
    ended = store.tickets.ended_by
    assert [one.id for one in await ended(person, since, 10)] == [returned, resolved]
    assert [one.id for one in await ended(person, since, 1)] == [returned]
    assert [one.id for one in await ended(person, 0.0, 10)] == [returned, resolved, early]


async def test_a_ticket_is_found_by_id_and_by_number(store: Store) -> None:
    ticket_id = await waiting(store)
    found = await store.tickets.get(ticket_id)
    assert await store.tickets.get(found.number) == found
    assert found.due_at == found.queued_at + 300.0
    for nothing in ("nope", "20270115000999"):
        with pytest.raises(NotFound):
            await store.tickets.get(nothing)
    await thread(store, envelope("new"))
    new = (await store.tickets.page(states=["new"]))[0]
    assert new.due_at is None


async def test_history_decisions_and_needs(store: Store) -> None:
    ticket_id, person = await owned(store)
    await store.tickets.snooze(ticket_id, person, 60.0)
    (entry,) = await store.tickets.history(ticket_id)
    assert (entry["action"], entry["agent_id"]) == ("ticket.snooze", person)
    (made,) = await store.tickets.decisions(ticket_id)
    assert (made["outcome"], made["units"]) == ("snoozed", 2)
    needs = await store.tickets.needs(NEEDS.skill_class)
    assert needs == {"required": [["domain:物流", 1]], "preferred": [], "never_drop": []}
    kinds = [e.kind for e in await store.events.of_ticket(ticket_id)]
    assert kinds[-1] == "ticket.moved"


async def test_lookups_from_one_thing_to_another(store: Store) -> None:
    ticket_id, person = await owned(store)
    found = await store.tickets.get(ticket_id)
    assert [t.id for t in await store.tickets.of_conversation(found.conversation_id)] == [
        ticket_id
    ]
    assert len(await store.conversations.log(found.conversation_id)) == 1
    talk = await store.conversations.find("webchat", "site", "talk-k1")
    assert talk is not None
    assert (talk.id, talk.last_seq) == (found.conversation_id, 1)
    assert await store.conversations.find("webchat", "site", "nope") is None
    answer = await store.tickets.reply(ticket_id, person, "您好", "c1", TicketState.ACTIVE)
    assert await store.tickets.outbound_ticket(answer) == ticket_id
    assert await store.outbound.counts() == {"queued": 1}


@pytest.mark.parametrize("lookup", ["outbound_ticket", "identity_of"])
async def test_lookups_of_nothing(store: Store, lookup: str) -> None:
    with pytest.raises(NotFound):
        await getattr(store.tickets, lookup)("nope")


async def test_by_hand_a_ticket_is_taken_once_and_within_capacity(store: Store) -> None:
    ticket_id = await waiting(store)
    person = await agent(store, capacity=2)
    await store.agents.present(person, Presence.BREAK)
    with pytest.raises(Conflict):
        await store.tickets.take(ticket_id, person)
    await store.tickets.take(ticket_id, person, forced=True)
    with pytest.raises(Conflict):
        await store.tickets.take(ticket_id, person, forced=True)
    with pytest.raises(NotFound):
        await store.tickets.take("nope", person)
    assert await store.maintenance.recount() == []


async def test_a_correction_needs_labels_and_moves_only_what_waits(store: Store) -> None:
    await thread(store, envelope("new"))
    (new,) = await store.tickets.page()
    with pytest.raises(Conflict):
        await store.tickets.correct(new.id, "a", "type", "咨询")
    await store.queue.route([routed((await store.queue.unlabelled(5))[0])])
    person = await agent(store, "zhao")
    label = await store.tickets.correct(new.id, person, "domain", "支付")
    assert (label.value, label.by) == ("支付", person)
    await corrected_to(store, new.id, person, OTHER, 60.0)
    (head,) = await store.queue.heads(5)
    assert (head.needs, head.target) == (OTHER, 60.0)
    held, _ = await owned(store, "k2")
    await corrected_to(store, held, person, OTHER, 60.0)
    assert (await store.tickets.get(held)).skill_class == NEEDS.skill_class


async def test_handing_over_to_oneself_or_of_anothers_is_refused(store: Store) -> None:
    ticket_id, person = await owned(store)
    other = await agent(store, "han")
    with pytest.raises(Conflict):
        await store.transfers.offer(ticket_id, person, 600.0, to=person)
    with pytest.raises(Conflict):
        await store.transfers.offer(ticket_id, other, 600.0, to=person)
    await store.tickets.release(ticket_id, person, None, "不会")
    (head,) = await store.queue.heads(5)
    assert head.excluded == {person}


async def test_junk_whose_conversation_went_on_stays_junk(store: Store) -> None:
    ticket_id, person = await owned(store)
    await store.tickets.mark_junk(ticket_id, person)
    await thread(store, envelope("b"), conversation_key="talk-k1")
    with pytest.raises(Conflict):
        await store.tickets.unmark_junk(ticket_id, person)


async def test_a_reveal_is_written_down(store: Store) -> None:
    ticket_id = await waiting(store)
    identity_id = await store.tickets.identity_of(ticket_id)
    assert (await store.people.reveal(identity_id, "agent")).name == "王女士"
    (entry,) = await store.tickets.history(identity_id)
    assert entry["action"] == "identity.reveal"
    with pytest.raises(NotFound):
        await store.people.reveal("nope", "agent")
    with pytest.raises(NotFound):
        await store.people.block("nope", "agent", True)
    await store.people.block(identity_id, "agent", False)


async def test_people_change_and_are_listed(store: Store) -> None:
    person = await agent(store)
    await store.agents.change(person, None, name="韩梅梅", capacity=9, password="h2")
    (found,) = await store.agents.all()
    assert (found.name, found.capacity, found.role) == ("韩梅梅", 9, Role.AGENT)
    login = await store.agents.by_login("li")
    assert login is not None
    assert login[1] == "h2"
    (written,) = [e for e in await store.tickets.history(person) if e["action"] == "agent.change"]
    assert "h2" not in str(written["detail"]["values"])
    with pytest.raises(NotFound):
        await store.agents.change("nope", None, name="x")
    await store.agents.grant(person, "session", "s", 60.0)
    await store.agents.revoke("s")
    assert await store.agents.holder("s", "session") is None


async def test_beats_keep_people_online(store: Store, clock: FakeClock) -> None:
    person = await agent(store)
    await store.agents.beat([])
    clock.pass_(20)
    await store.agents.beat([person])
    clock.pass_(20)
    assert await store.maintenance.lose_contact(30.0, 60.0) == []


async def test_queues_by_class(store: Store) -> None:
    await waiting(store, "a")
    await waiting(store, "b")
    await waiting(store, "c", needs=OTHER)
    depth = {row["skill_class"]: row["waiting"] for row in await store.boards.depth()}
    assert depth == {NEEDS.skill_class: 2, OTHER.skill_class: 1}
    recent = dict(await store.boards.recent_classes(0))
    assert recent == {NEEDS: 2, OTHER: 1}
    assert await store.queue.route([]) == []


async def test_recent_work_is_of_one_moment(store: Store) -> None:
    """A class that comes up while it is read broke a dispatcher's round, as a history found."""
    await waiting(store, "a")
    names = (f"n{number}" for number in itertools.count())

    async def another() -> None:
        name = next(names)
        await waiting(store, name, needs=Needs(required=((f"domain:{name}", 1),)))

    recent = await at_each_wait(store.boards.recent_classes(0), another)
    assert (NEEDS, 1) in recent
    assert next(names) != "n0"


async def test_places_are_of_one_moment(store: Store) -> None:
    """Whose ticket is given while the queue is looked at has the place they had, or none."""
    person = await agent(store, capacity=99)
    for step in itertools.count(1):
        ticket_id = await waiting(store, f"t{step}")
        chosen, waits = await decision(store, ticket_id, person), itertools.count(1)

        async def given(step: int, waits: Iterator[int], chosen: Decision) -> None:
            if next(waits) == step:
                assert await store.queue.claim(chosen, None)

        conversation = (await store.tickets.get(ticket_id)).conversation_id
        look = store.boards.places([conversation])
        places = await at_each_wait(look, partial(given, step, waits, chosen))
        assert {place.position for place in places.values()} <= {1}
        if next(waits) <= step:
            assert conversation in places
            assert step > 1
            break
        assert await store.boards.places([conversation]) == {}


async def test_a_log_has_no_gap_that_its_reader_would_step_over(store: Store) -> None:
    """Both sides go on talking while it is read; the next look is from its last entry on."""
    ticket_id, person = await owned(store, "k")
    conversation = (await store.tickets.get(ticket_id)).conversation_id
    numbers = itertools.count(1)

    async def talk() -> None:
        number = next(numbers)
        await thread(store, envelope(f"more{number}"), conversation_key="talk-k")
        await store.tickets.reply(ticket_id, person, "好", f"c{number}", TicketState.ACTIVE)

    log = await at_each_wait(store.conversations.log(conversation), talk)
    assert next(numbers) > 1
    last = log[-1].seq
    log += await store.conversations.log(conversation, after=last)
    assert [entry.seq for entry in log] == list(range(1, len(log) + 1))


async def test_unlabelled_can_be_asked_for_by_id(store: Store) -> None:
    await thread(store, envelope("a"), conversation_key="a")
    await thread(store, envelope("b"), conversation_key="b")
    both = await store.queue.unlabelled(10)
    assert len(both) == 2
    (one,) = await store.queue.unlabelled(10, [both[0].ticket_id])
    assert one.ticket_id == both[0].ticket_id
    gone = replace(both[0], ticket_id="nope")
    assert await store.queue.route([routed(gone)]) == []


async def test_a_sequence_of_edits_stays_with_its_ticket(store: Store) -> None:
    ticket_id, person = await owned(store)
    await store.tickets.move(ticket_id, person, TicketState.RESOLVED)
    await thread(
        store, envelope("e"), conversation_key="talk-k1", kind="edit", external_id="k1", revision=1
    )
    assert (await store.tickets.get(ticket_id)).state == TicketState.RESOLVED
    assert len(await store.tickets.page()) == 1


async def test_status_and_events_of_a_channel_make_no_ticket(store: Store) -> None:
    await thread(store, envelope("s"), kind="status")
    assert await store.tickets.page() == []
    assert (await store.envelopes.backlog())["live"] == 0


async def test_an_envelope_without_messages_is_finished(store: Store) -> None:
    await store.envelopes.accept([envelope("a", lane=Lane.MAIL)])
    lease = await leased(store, Lane.MAIL)
    async with store.db.write() as tx:
        assert await store.threads.thread(tx, lease.token, [lease.envelopes[0].id], []) == []
    assert (await store.envelopes.backlog())["mail"] == 0
    assert inbound(envelope("x")).kind == "message"


async def test_bundle_cards_and_blobs_of_nothing(store: Store) -> None:
    await store.bundles.add("one", {"n": 1}, b"1")
    assert [card["id"] for card in await store.bundles.cards()] == ["one"]
    with pytest.raises(NotFound):
        await store.bundles.content("nope")
    with pytest.raises(NotFound):
        await store.blobs.get("0" * 64)


async def test_commits_tell_of_their_events(store: Store) -> None:
    told: list[Event] = []

    async def hear(events: list[Event]) -> None:
        told.extend(events)

    store.db.on_commit = hear  # type: ignore[assignment]
    async with store.db.write() as tx:
        tx.emit("one", ticket="t", kind="x")
    async with store.db.write():
        pass
    assert [(e.seq, e.kind, e.ticket_id, e.data) for e in told] == [(1, "one", "t", {"kind": "x"})]


@pytest.mark.parametrize(
    ("words", "expected"),
    [("database or disk is full", StorageFull), ("database is locked", Temporary)],
)
async def test_the_databases_troubles_are_told_apart(
    store: Store, words: str, expected: type[Exception]
) -> None:
    async def fail() -> None:
        async with store.db.write():
            raise OperationalError("", {}, Exception(words))

    with pytest.raises(expected) as caught:
        await fail()
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    ("number", "expected"), [(errno.ENOSPC, StorageFull), (errno.EROFS, Temporary)]
)
async def test_a_full_disk_under_the_blobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: type[Exception]
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(FileBlobs, "_write", staticmethod(refuse))
    with pytest.raises(expected) as caught:
        await FileBlobs(tmp_path).put({"a" * 64: b"x"})
    assert type(caught.value) is expected


async def test_who_is_disabled_holds_nothing_any_more(store: Store, clock: FakeClock) -> None:
    ticket_id, person = await owned(store)
    before = await store.tickets.get(ticket_id)
    await store.agents.change(person, None, disabled_at=clock())
    after = await store.tickets.get(ticket_id)
    assert (after.state, after.owner_id) == (TicketState.WAITING, None)
    assert after.queued_at == before.queued_at
    assert await store.maintenance.recount() == []
    assert await store.agents.online() == []


async def test_a_new_password_ends_sessions_and_tokens(store: Store) -> None:
    person = await agent(store)
    await store.agents.grant(person, "session", "s", 60.0)
    await store.agents.grant(person, "token", "t", 60.0)
    await store.agents.change(person, None, password="h2")
    assert await store.agents.holder("s", "session") is None
    assert await store.agents.holder("t", "token") is None
