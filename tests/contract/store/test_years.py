"""What is kept for years is not read by what happens every second, minute or day."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from zoneinfo import ZoneInfo

import pytest

from models.errors import NotFound
from models.figures import DIMENSIONS
from models.message import Lane
from models.routing import Position
from models.search_terms import question
from models.store import Store
from models.store.tickets.search import Candidate
from models.store.tickets.search_index import INDEXING, forget
from models.ticket import OPEN_STATES, TicketState
from tests.contract.store import makers
from tests.contract.store.plans import read_whole, steps_of, watched
from tests.fakes import FakeClock

NOW = 1_800_000_000.0
MONTH = (NOW - 30 * 86400.0, NOW)

Act = Callable[[Store], Awaitable[object]]


async def none_of(act: Awaitable[object]) -> None:
    with suppress(NotFound):
        await act


def _stands(*_: object) -> Position:
    return Position(0, False, 0.0, None)


async def _from_mail_to_answer(store: Store) -> None:
    ticket_id, agent_id = await makers.owned(store)
    await store.tickets.reply(ticket_id, agent_id, "好的", "client-1", TicketState.PENDING)
    sending = await store.outbound.lease(10, 30.0)
    assert sending is not None
    await makers.waiting(store, "k2", conversation_key="talk-k1")


async def _indexed(store: Store) -> None:
    await makers.waiting(store, "k3")
    await makers.follow(store, INDEXING)
    assert await store.search_index.fill(10)
    async with store.db.write() as tx:
        await forget(tx, ["t"])


async def _way_back(store: Store) -> None:
    ticket_id = await makers.waiting(store, "k4")
    await store.ways_back.of((await store.tickets.get(ticket_id)).conversation_id)


async def _webhook(store: Store) -> None:
    by = await makers.agent(store, "admin")
    made, _ = await store.webhooks.add("https://a.example/", ["ticket.created"], b"s" * 32, by)
    for state in (None, "due", "failed"):
        await store.webhooks.log(made, state=state)
    await store.webhooks.spread()


EVERY_MOMENT: Mapping[str, Act] = {
    "a message": _from_mail_to_answer,
    "envelopes": lambda s: s.envelopes.expire(3),
    "backlog": lambda s: s.envelopes.backlog(),
    "lease": lambda s: s.envelopes.lease(Lane.MAIL, 10, 1.0),
    "answers": lambda s: s.outbound.lease(10, 1.0),
    "lost answers": lambda s: s.outbound.expire(["webchat"]),
    "unlabelled": lambda s: s.queue.unlabelled(10),
    "heads": lambda s: s.queue.heads(5),
    "interrupting": lambda s: s.queue.interrupting(5),
    "anything to give": lambda s: s.queue.anything_to_give(),
    "steps": lambda s: s.maintenance.step(_stands),
    "waking": lambda s: s.maintenance.wake(_stands),
    "offers": lambda s: s.maintenance.expire_offers(),
    "contact": lambda s: s.maintenance.lose_contact(30.0, 60.0),
    "load": lambda s: s.maintenance.recount(),
    "timers": lambda s: s.timers.due({"ticket.close": None}, 10),  # type: ignore[dict-item]
    "what is said is found": lambda s: s.followers.catch_up([INDEXING], 10**6),
    "to be found": _indexed,
    "unread": lambda s: s.search_index.due(),
    "lag": lambda s: s.followers.lag(["figures"]),
    "invariants": lambda s: s.invariants.broken(),
    "events": lambda s: s.events.after(0),
    "forgetting": lambda s: s.events.forget(NOW),
    "repeated requests": lambda s: s.requests.forget(NOW),
    "webhooks": lambda s: s.webhooks.forget(NOW),
    "calling back": lambda s: s.call_backs.heads(),
    "files": lambda s: s.files.lease(1, 1.0, ["webchat"]),
    "transfers": lambda s: s.transfers.wanted(16, ["live", "mail"]),
    "recent work": lambda s: s.boards.recent_classes(NOW - 86400.0),
    "interruptible": lambda s: s.agents.interruptible(["mail"]),
    "overdue": lambda s: s.overdue.all(),
    "set back": lambda s: s.maintenance.set_back(3600.0, 10.0),
    "to be placed anew": lambda s: s.rules.waiting("", 10),
    "uploads": lambda s: s.uploads.forget(NOW),
    "who asks": lambda s: s.agents.holder("token", "session"),
    "leftovers": lambda s: s.orphaned_blobs.delete(),
    "counts of labels": lambda s: s.watching.forget(1),
    "keys under way": lambda s: s.conversations.open_keys("slack", "T1"),
}

LOOKED_AT: Mapping[str, Act] = {
    "hands": lambda s: s.tickets.of_owner("a"),
    "ended tickets": lambda s: s.tickets.page(states=[TicketState.CLOSED, TicketState.INVALID]),
    "open tickets": lambda s: s.tickets.page(states=sorted(OPEN_STATES)),
    "junk": lambda s: s.tickets.page(junk=True),
    "waiting tickets": lambda s: s.tickets.waiting(after="t"),
    "a ticket": lambda s: s.tickets.history("t"),
    "decisions": lambda s: s.tickets.decisions("t"),
    "a customer": lambda s: s.customer_links.person("c"),
    "board": lambda s: s.boards.queues(5),
    "places": lambda s: s.boards.places(["c"]),
    "depth": lambda s: s.boards.depth(),
    "answers by state": lambda s: s.outbound.counts(),
    "search": lambda s: s.search.candidates(question("退款 wang@example.com"), None, 10),
    "found": lambda s: s.search.confirmed(question("退款"), [Candidate(1, "t", frozenset())]),
    "like a number": lambda s: s.search.like_number("20261126000011"),
    "may be seen": lambda s: s.tickets.had_by("a", ["t"]),
    "of whom": lambda s: s.helping.seen_by(["t"], "a", {"物流部"}),
    "calls back": lambda s: s.follow_ups.concerning(["t"], "a"),
    "failed answers": lambda s: s.outbound.page(state="failed"),
    "alarms": lambda s: s.measures.found_ever(),
    "breaches": lambda s: s.clocks.breaches(),
    "escalated": lambda s: s.clocks.escalated(),
    "examples": lambda s: s.examples.had_by("a", ["t1", "t2"]),
    "resolved": lambda s: s.examples.resolved(10),
    "ledger": lambda s: s.ledger.entries(*MONTH),
    "follow-ups": lambda s: s.follow_ups.page(states=["waiting", "active"]),
    "reviews": lambda s: s.follow_ups.page(review="open"),
    "corrections": lambda s: s.corrections.by_day(int(NOW // 86400) - 30, ZoneInfo("UTC")),
    "changes": lambda s: s.corrections.by_week(int(NOW // 86400) - 55, 8, ZoneInfo("UTC")),
    "calls": lambda s: s.calls.answer_rate(*MONTH),
    "ended today": lambda s: s.tickets.ended_by("a", NOW, 10),
    "some": lambda s: s.tickets.some(["t"]),
    "of a conversation": lambda s: s.tickets.of_conversation("c"),
    "what was said": lambda s: s.conversations.log("c"),
    "words": lambda s: s.conversations.words(["t"], 50),
    "way back": _way_back,
    "outcome": lambda s: none_of(s.envelopes.outcome("e")),
    "parked": lambda s: s.envelopes.parked(),
    "attempts": lambda s: s.outbound.deliveries("o"),
    "a complaint": lambda s: none_of(s.complaints.get("t")),
    "handlers": lambda s: s.complaints.handlers("t"),
    "repeated": lambda s: none_of(s.complaints.repeated("t")),
    "its clocks": lambda s: s.clocks.of("t"),
    "helpers": lambda s: s.helping.helpers("t"),
    "sub-tasks": lambda s: s.helping.open_tasks("a", ["物流部"]),
    "its sub-tasks": lambda s: s.helping.tasks("t"),
    "improvements": lambda s: s.improvements.open("a"),
    "its improvements": lambda s: s.improvements.of("t"),
    "incidents": lambda s: s.incidents.page(),
    "parts": lambda s: s.merging.parts("t"),
    "notes": lambda s: s.notes.of("t"),
    "offered": lambda s: s.transfers.offered_to("a", ["domain:物流"]),
    "on offer": lambda s: s.transfers.of(["t"]),
    "presence": lambda s: s.records.presence(*MONTH),
    "satisfaction": lambda s: s.surveys.of_ticket("t"),
    "questions": lambda s: s.examples.questions(["t"]),
    "answered": lambda s: s.examples.answers(["t"]),
    "senders": lambda s: s.people.senders(["i"]),
    "webhook": _webhook,
    "news of a ticket": lambda s: s.events.of_ticket("t"),
    "a copy": lambda s: none_of(s.copies.of("c")),
    "ending in": lambda s: s.search.ending_in("123", "20261126", 10),
    "counted": lambda s: s.measures.counted("x"),
    "by week": lambda s: s.corrections.by_week(int(NOW // 86400) - 28, 4, ZoneInfo("UTC")),
    "ahead": lambda s: s.boards.ahead("t"),
    "figures": lambda s: s.kpi.figures(MONTH),
    **{f"figures by {by}": lambda s, by=by: s.kpi.figures(MONTH, by) for by in DIMENSIONS},
}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_how_busy_people_were_is_read_from_what_ended_since(store: Store) -> None:
    async with watched(store.db) as asked:
        await store.kpi.figures(MONTH)
    (busy,) = [
        statement for statement in asked.statements if "assignment.accepted_at +" in statement
    ]
    steps = " ".join(await steps_of(store, busy, asked.statements[busy]))
    assert "ix_assignment_ended (ended_at>?)" in steps
    assert "ix_assignment_accepted" not in steps


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_what_a_webhook_is_owed_next_is_found_without_sorting_all_of_it(
    store: Store,
) -> None:
    async with watched(store.db) as asked:
        await store.webhooks.lease("w", 8, 1.0)
    (pick,) = [statement for statement in asked.statements if "NOT (EXISTS" in statement]
    steps = " ".join(await steps_of(store, pick, asked.statements[pick]))
    assert "ix_webhook_event_next" in steps
    assert "TEMP B-TREE" not in steps


@pytest.mark.unused_database
@pytest.mark.parametrize("acts", [EVERY_MOMENT, LOOKED_AT], ids=["every moment", "looked at"])
async def test_no_table_that_grows_is_read_whole(
    store: Store, clock: FakeClock, acts: Mapping[str, Act]
) -> None:
    clock.now = NOW
    wasted = []
    for name, act in acts.items():
        async with watched(store.db) as asked:
            await act(store)
        wasted += [f"{name}: {told}" for told in await read_whole(store, asked)]
    assert not wasted, "\n\n".join(wasted)
