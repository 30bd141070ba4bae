"""Two transactions at once: nobody undoes what the other did, nobody waits in a circle."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from models.agent import Presence
from models.errors import Conflict, Rejected, Temporary
from models.message import Attachment, File
from models.store import Store
from models.store.dialogue.transcripts import Mailbox
from models.store.intake import plan as plan_module
from models.ticket import TicketState
from tests.contract.store.makers import (
    agent,
    decision,
    envelope,
    merged_beside_an_older_one,
    owned,
    thread,
    waiting,
)
from tests.contract.store.meeting import meeting
from tests.fakes import FakeClock

Move = Callable[[], Awaitable[object]]


async def while_threading(
    store: Store, monkeypatch: pytest.MonkeyPatch, move: Move, **message: Any
) -> None:
    """Threads a message of the conversation; ``move`` happens after the tickets were read."""
    moving: list[asyncio.Task[object]] = []
    write = plan_module.Plan.store

    async def late(plan: Any) -> None:
        moving.append(asyncio.ensure_future(move()))
        await asyncio.wait(moving, timeout=0.3)
        await write(plan)

    monkeypatch.setattr(plan_module.Plan, "store", late)
    await thread(store, envelope("again"), conversation_key="talk-k1", **message)
    await asyncio.gather(*moving)


async def test_a_ticket_resolved_while_its_customer_writes_is_not_half_active(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket_id, person = await owned(store)
    await while_threading(
        store, monkeypatch, lambda: store.tickets.move(ticket_id, person, TicketState.RESOLVED)
    )
    assert (await store.tickets.get(ticket_id)).state == TicketState.RESOLVED
    assert (await store.agents.get(person)).used == 0
    assert await store.maintenance.recount() == []


async def test_a_ticket_claimed_while_its_customer_writes_stays_claimed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket_id, person = await waiting(store), await agent(store)
    claim = await decision(store, ticket_id, person)
    await while_threading(store, monkeypatch, lambda: store.queue.claim(claim, None))
    found = await store.tickets.get(ticket_id)
    assert (found.state, found.owner_id) == (TicketState.ACTIVE, person)
    assert await store.maintenance.recount() == []


async def test_a_claim_and_a_return_to_the_queue_give_one_owner(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket_id, person = await owned(store)
    await store.tickets.move(ticket_id, person, TicketState.PENDING)
    other = await agent(store, "han")
    await while_threading(store, monkeypatch, lambda: store.tickets.take(ticket_id, other))
    found = await store.tickets.get(ticket_id)
    assert (found.state, found.owner_id) == (TicketState.ACTIVE, other)
    assert await store.maintenance.recount() == []


async def test_agents_are_locked_in_one_order(store: Store, clock: FakeClock) -> None:
    """Offers of two agents expire while one of them hands a ticket over to the other."""
    people = sorted([await agent(store, login) for login in ("li", "han")])
    for round_ in range(4):
        # The older ticket is offered to the agent with the greater id.
        offers = [await waiting(store, f"o{round_}{i}") for i in range(2)]
        for ticket_id, person in zip(offers, reversed(people), strict=True):
            assert await store.queue.claim(await decision(store, ticket_id, person), 20.0)
        mine = await waiting(store, f"m{round_}")
        assert await store.queue.claim(await decision(store, mine, people[0]), None)
        await store.transfers.offer(mine, people[0], 600.0, to=people[1])
        clock.pass_(21)
        await store.agents.beat(people)
        done = await asyncio.gather(
            store.maintenance.expire_offers(),
            store.transfers.accept(mine, people[1]),
            store.agents.beat(list(reversed(people))),
            return_exceptions=True,
        )
        # Whoever has just let an offer pass may be given nothing; a deadlock is another thing.
        assert [e for e in done if isinstance(e, Temporary)] == []
        for ticket_id in (mine, *offers):
            await store.tickets.mark_junk(ticket_id, people[0])
        for person in people:
            await store.agents.present(person, Presence.READY)
    assert await store.maintenance.recount() == []


async def test_a_pardon_and_a_new_message_open_one_ticket(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket_id, person = await owned(store)
    await store.tickets.mark_junk(ticket_id, person)
    pardon: list[object] = []

    async def unmark() -> None:
        try:
            await store.tickets.unmark_junk(ticket_id, person)
        except Conflict as error:
            pardon.append(error)

    await while_threading(store, monkeypatch, unmark)
    open_tickets = [t for t in await store.tickets.page() if t.state != TicketState.INVALID]
    assert len(open_tickets) == 1
    assert len(pardon) == 1


async def test_a_supervisor_and_the_word_in_a_merged_talk_bring_back_one_ticket(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer, person = await merged_beside_an_older_one(store, clock)
    refused: list[object] = []

    async def reopen() -> None:
        try:
            await store.ending.reopen(older, person, "还没好")
        except Conflict as error:
            refused.append(error)

    await while_threading(store, monkeypatch, reopen)
    states = [(await store.tickets.get(id_)).state for id_ in (older, newer)]
    assert states == [TicketState.RESOLVED, TicketState.WAITING]
    assert len(refused) == 1


async def test_a_file_that_is_stored_while_its_message_is_edited_stays_stored(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending = Attachment(id="f", name="a.pdf", mime="application/pdf", size=4, state="pending")
    meta = {"files": {"f": {"id": "f"}}}
    await waiting(store, attachments=(pending,), meta=meta)
    (due,) = await store.files.lease(1, 60.0, ["webchat"])
    await while_threading(
        store, monkeypatch, lambda: store.files.store(due, File(b"scan")),
        kind="edit", external_id="k1", revision=1, text="改了", text_full="改了",
        attachments=(pending,), meta=meta,
    )  # fmt: skip
    talk = await store.conversations.find("webchat", "site", "talk-k1")
    assert talk is not None
    (shown, *_) = await store.conversations.log(talk.id)
    assert (shown.text, shown.attachments[0]["state"]) == ("改了", "stored")


async def test_two_who_ask_for_transcripts_at_once_get_no_more_than_a_day_allows(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket_id, person = await owned(store)
    await store.tickets.reply(ticket_id, person, "您好", "answer", TicketState.ACTIVE)
    talk = await store.conversations.find("webchat", "site", "talk-k1")
    assert talk is not None

    async def send(address: str) -> object:
        try:
            box = Mailbox("email", "a", f"{address}@example.com")
            return await store.transcripts.send(talk.id, box, "", lambda _: "您好")
        except Rejected as error:
            return error.code

    assert [await send("one"), await send("two")] == [True, True]
    outcomes = await meeting(store, monkeypatch, lambda: send("three"), lambda: send("four"))
    assert outcomes == [True, "rate"]
