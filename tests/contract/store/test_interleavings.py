"""Moves beside claims, one caught in another's transaction."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from models.agent import Presence
from models.errors import Conflict, NotFound
from models.satisfaction import Answer, Score
from models.store import Store
from models.store.tickets import handling, offering, transfers
from models.store.tickets.moves import Seen
from models.ticket import TicketState
from tests.contract.store import makers
from tests.contract.store.makers import agent, envelope, owned, thread, waiting
from tests.contract.store.meeting import meeting
from tests.fakes import FakeClock


async def test_nothing_is_given_to_who_leaves_just_now(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket_id, person = await waiting(store), await agent(store)
    await meeting(
        store,
        monkeypatch,
        lambda: store.tickets.take(ticket_id, person, forced=True),
        lambda: store.offboarding.leave(person, None),
    )
    found = await store.tickets.get(ticket_id)
    assert (found.state, found.owner_id) == (TicketState.WAITING, None)
    assert await store.maintenance.recount() == []


async def test_nothing_is_given_to_who_has_been_disabled_just_now(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket_id, person = await waiting(store), await agent(store)
    await meeting(
        store,
        monkeypatch,
        lambda: store.tickets.take(ticket_id, person, forced=True),
        lambda: store.agents.change(person, None, disabled_at=store.db._clock()),
    )
    found = await store.tickets.get(ticket_id)
    assert (found.state, found.owner_id) == (TicketState.WAITING, None)


async def test_of_two_tickets_of_a_conversation_one_comes_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, person = await owned(store)
    await store.tickets.mark_junk(first, person)
    await thread(store, envelope("again"), conversation_key="talk-k1")
    (second,) = [t.id for t in await store.tickets.page() if t.id != first]
    (due,) = await store.queue.unlabelled(10)
    await store.queue.route([makers.routed(due)])
    await store.ending.settle(second, person)
    one, other = await meeting(
        store,
        monkeypatch,
        lambda: store.ending.reopen(second, person, "x"),
        lambda: store.tickets.unmark_junk(first, person),
    )
    assert one is None
    assert isinstance(other, Conflict)


async def test_what_is_said_while_its_ticket_is_merged_goes_to_the_survivor(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, person = await owned(store)
    gone = await waiting(store, "k2")
    await meeting(
        store,
        monkeypatch,
        lambda: store.merging.merge(gone, kept, person),
        lambda: thread(store, envelope("again"), conversation_key="talk-k2"),
    )
    assert {t.id for t in await store.tickets.page()} == {gone, kept}
    talk = (await store.tickets.get(gone)).conversation_id
    assert (await store.conversations.log(talk))[-1].ticket_id == kept


async def merged(store: Store) -> tuple[str, str, str]:
    """A ticket in somebody's hands, one that was merged into it, and who that is."""
    kept, person = await owned(store)
    gone = await waiting(store, "k2")
    await store.merging.merge(gone, kept, person)
    return kept, gone, person


async def test_a_word_in_a_merged_talk_is_not_put_away_with_its_survivor(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, gone, person = await merged(store)
    seen = Seen(1, {gone: 1})
    said = await makers.threading(store, envelope("again"), conversation_key="talk-k2")
    _, refused = await meeting(
        store,
        monkeypatch,
        said,
        lambda: store.tickets.move(kept, person, TicketState.RESOLVED, seen),
    )
    assert isinstance(refused, Conflict)
    await store.tickets.move(kept, person, TicketState.RESOLVED, Seen(1, {gone: 2}))


async def test_what_is_merged_just_now_is_not_put_away_with_its_survivor(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, gone, person = await merged(store)
    other = await waiting(store, "k3")
    _, refused = await meeting(
        store,
        monkeypatch,
        lambda: store.merging.merge(other, kept, person),
        lambda: store.tickets.snooze(kept, person, 600.0, Seen(1, {gone: 1})),
    )
    assert isinstance(refused, Conflict)
    # Whoever does not know of parts is asked for none.
    await store.tickets.snooze(kept, person, 600.0, Seen(1))


async def test_the_word_in_a_merged_talk_goes_on_from_what_may_not_come_back(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer, person = await makers.merged_beside_an_older_one(store, clock)
    word = envelope("again", now=clock())
    said = await makers.threading(store, word, conversation_key="talk-k1")
    one, other = await meeting(
        store, monkeypatch, lambda: store.ending.reopen(older, person, "还没好"), said
    )
    assert (one, other) == (None, None)
    assert (await store.tickets.get(newer)).state == TicketState.RESOLVED
    (new,) = [t for t in await store.tickets.page() if t.predecessor_id == newer]
    assert new.state == TicketState.NEW


async def test_no_answer_goes_into_what_is_parted_just_now(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, person = await owned(store)
    gone = await waiting(store, "k2")
    await store.merging.merge(gone, kept, person)
    _, refused = await meeting(
        store,
        monkeypatch,
        lambda: store.merging.undo(gone, person),
        lambda: store.tickets.reply(kept, person, "查到了", "c1", TicketState.ACTIVE, part=gone),
    )
    assert isinstance(refused, NotFound)
    talk = (await store.tickets.get(gone)).conversation_id
    assert [entry.side for entry in await store.conversations.log(talk)] == ["customer"]


async def test_what_a_customer_said_on_the_telephone_is_entered_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket_id, person = await owned(store)
    await store.tickets.move(ticket_id, person, TicketState.RESOLVED)

    def enter() -> Awaitable[object]:
        return store.surveys.enter(ticket_id, Answer(Score(1), None, ""), person, 600.0, 60.0)

    await meeting(store, monkeypatch, enter, enter)
    assert len(await store.surveys.of_ticket(ticket_id)) == 1


async def test_who_is_heard_of_just_now_stays_ready(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await agent(store)
    clock.pass_(31)
    await meeting(
        store,
        monkeypatch,
        lambda: store.agents.present(person, Presence.READY),
        lambda: store.maintenance.lose_contact(30.0, 60.0),
    )
    assert (await store.agents.get(person)).presence == Presence.READY


async def test_a_timer_and_a_move_wait_in_no_circle(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receiver accepts at the moment when the offer runs out."""
    ticket_id, person = await owned(store)
    other = await agent(store, "han")
    await store.transfers.offer(ticket_id, person, 600.0, to=other)
    clock.pass_(601)
    await store.agents.beat([person, other])
    effects = {offering.TIMER: transfers.expire}
    real = offering._ended

    async def late(*args: Any) -> None:
        if not started:
            started.append(asyncio.ensure_future(store.timers.fire_due(effects)))
            await asyncio.wait(started, timeout=0.3)
        await real(*args)

    started: list[asyncio.Task[list[str]]] = []
    monkeypatch.setattr(offering, "_ended", late)
    await store.transfers.accept(ticket_id, other)
    assert await started[0] == []
    assert (await store.tickets.get(ticket_id)).owner_id == other


async def test_two_changes_of_a_ticket_and_its_customers_word_wait_in_no_circle(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL looks at all that a row refers to when one transaction changes it twice."""
    ticket_id, person = await owned(store)
    real, words = handling.reclassed, []

    async def late(*args: Any, **options: Any) -> None:
        said = thread(store, envelope("again"), conversation_key="talk-k1")
        words.append(asyncio.ensure_future(said))
        await asyncio.wait(words, timeout=0.3)
        await real(*args, **options)

    monkeypatch.setattr(handling, "reclassed", late)
    await store.tickets.release(ticket_id, person, makers.NEEDS, "")
    await words[0]
    assert (await store.tickets.get(ticket_id)).state == TicketState.WAITING
