"""Versions of the rules: published for whom, taken back, and what those who wait get of it."""

from collections.abc import Awaitable

import pytest

from models.errors import Conflict, NotFound
from models.routing import Line, Needs, Rules
from models.store import Store
from router.keys import sort_key
from router.sla import Calendars
from tests.contract.store.makers import ALWAYS, NEEDS, agent, rules_content, waiting
from tests.fakes import FakeClock
from workers.rules.active_rules import ActiveRules

EVERYTHING, LOGISTICS, INVOICES = Line(), Line(domains=("物流",)), Line(domains=("发票",))


async def in_force(store: Store) -> set[tuple[int, Line]]:
    return {(p.number, p.line) for p in await store.rules.published()}


async def three(store: Store) -> None:
    assert await store.rules.first(rules_content(), "file") == 1
    assert await store.rules.draft(rules_content(200.0), None, "quicker", 1) == 2
    assert await store.rules.draft(rules_content(100.0), None, "quickest", 2) == 3


async def test_the_first_version_is_published_to_all_once(store: Store) -> None:
    assert await store.rules.first(rules_content(), "file") == 1
    assert await store.rules.first(rules_content(), "file") is None
    assert await in_force(store) == {(1, EVERYTHING)}
    assert (await store.rules.get(1)).content["version"] == "1"


async def test_to_one_line_first_then_to_all_then_back(store: Store) -> None:
    await three(store)
    await store.rules.publish(2, LOGISTICS, None, "try it")
    assert await in_force(store) == {(1, EVERYTHING), (2, LOGISTICS)}
    await store.rules.publish(3, LOGISTICS, None, "better")
    assert await in_force(store) == {(1, EVERYTHING), (3, LOGISTICS)}
    assert (await store.rules.get(2)).state == "retired"
    await store.rules.publish(3, EVERYTHING, None, "good for all")
    assert await in_force(store) == {(3, EVERYTHING)}
    await store.rules.rollback(EVERYTHING, None, "not so good")
    assert await in_force(store) == {(1, EVERYTHING), (3, LOGISTICS)}
    await store.rules.rollback(LOGISTICS, None, "not good there either")
    assert await in_force(store) == {(1, EVERYTHING), (2, LOGISTICS)}
    assert await store.rules.rollback(LOGISTICS, None, "enough") == []
    assert await in_force(store) == {(1, EVERYTHING)}
    assert [v.state for v in await store.rules.all()] == ["retired", "retired", "published"]


async def test_a_rollback_leaves_what_was_published_since_to_other_lines(store: Store) -> None:
    await three(store)
    await store.rules.publish(2, EVERYTHING, None, "all")
    await store.rules.publish(3, INVOICES, None, "these")
    await store.rules.rollback(EVERYTHING, None, "back")
    assert await in_force(store) == {(1, EVERYTHING), (3, INVOICES)}


async def attempt(what: Awaitable[object], error: type[Exception]) -> None:
    with pytest.raises(error):
        await what


async def test_what_cannot_be_done_is_refused(store: Store) -> None:
    await three(store)
    await attempt(store.rules.publish(9, EVERYTHING, None, "?"), NotFound)
    await attempt(store.rules.publish(1, EVERYTHING, None, "again"), Conflict)
    await attempt(store.rules.rollback(EVERYTHING, None, "before the first"), Conflict)
    await attempt(store.rules.rollback(LOGISTICS, None, "nothing there"), Conflict)
    assert await in_force(store) == {(1, EVERYTHING)}


# -- workers ---------------------------------------------------------------------------


def active_rules(store: Store) -> ActiveRules:
    first = Rules.model_validate(rules_content(600.0, version="file"))
    return ActiveRules(store, first, Calendars(ALWAYS))


async def test_a_worker_takes_over_what_is_published_and_nothing_unreadable(store: Store) -> None:
    mine = active_rules(store)
    assert not await mine.refresh()
    assert mine.book.general.version == "file"
    await three(store)
    await store.rules.publish(2, LOGISTICS, None, "try it")
    assert await mine.refresh()
    assert not await mine.refresh()
    assert mine.book.general.version == "1"
    assert mine.book.of("webchat", "site", "物流").version == "2"
    assert mine.book.of("webchat", "site", "发票").version == "1"
    await store.rules.draft({"from": "a newer program"}, None, "?")
    await store.rules.publish(4, EVERYTHING, None, "?")
    assert not await mine.refresh()
    assert mine.book.general.version == "1"


async def test_those_who_wait_are_placed_anew(store: Store, clock: FakeClock) -> None:
    """``waiting`` labels 物流 and 重要, and queues for 300 s under no known version."""
    ticket_id = await waiting(store)
    before = await store.tickets.get(ticket_id)
    clock.pass_(50)
    await three(store)
    await store.rules.publish(3, LOGISTICS, None, "quickest")
    mine = active_rules(store)
    await mine.refresh()
    assert await mine.rekey() == 1
    after = await store.tickets.get(ticket_id)
    assert after.epoch == before.epoch + 1
    assert (after.clock_at, after.target) == (before.clock_at, 100.0)
    (head,) = await store.queue.heads(1)
    assert (head.rules_version, head.target, head.created_at) == ("3", 100.0, before.clock_at)
    assert await mine.rekey() == 0


async def test_a_raise_by_new_rules_never_moves_a_ticket_back(
    store: Store, clock: FakeClock
) -> None:
    """Its 100 s have passed already: they count from now, and end no later than before."""
    ticket_id = await waiting(store)
    was = await store.tickets.get(ticket_id)
    assert was.target is not None
    assert was.clock_at is not None
    clock.pass_(200)
    await three(store)
    await store.rules.publish(3, EVERYTHING, None, "quickest")
    mine = active_rules(store)
    await mine.refresh()
    await mine.rekey()
    row = (await store.rules.waiting("", 1))[0]
    assert not row["late"]
    rules, seconds = mine.book.general, min(was.target, 200 + 100)
    assert row["sort_key"] == sort_key(was.clock_at, seconds, 0, rules)
    assert row["sort_key"] <= sort_key(was.clock_at, was.target, 0, rules)


async def test_a_ticket_that_somebody_took_meanwhile_is_left_alone(store: Store) -> None:
    ticket_id = await waiting(store)
    (row,) = await store.rules.waiting("", 10)
    stale = {"id": ticket_id, "was": row["epoch"] - 1, "needs": NEEDS, "target": 1.0}
    assert await store.rules.rekey([stale]) == 0
    assert (await store.tickets.get(ticket_id)).target == 300.0


async def test_a_tiers_own_agents_change_with_the_rules(store: Store) -> None:
    ticket_id = await waiting(store)
    li = await agent(store)
    owners = rules_content(tier_first={"standard": ["nobody", "li"]})
    await store.rules.first(owners, "file")
    mine = active_rules(store)
    await mine.refresh()
    await mine.rekey()
    (head,) = await store.queue.heads(1)
    assert (head.ticket_id, head.first) == (ticket_id, (li,))


async def test_new_needs_end_old_exclusions(store: Store) -> None:
    ticket_id = await waiting(store, needs=Needs(required=(("domain:发票", 1),)))
    await three(store)
    mine = active_rules(store)
    await mine.refresh()
    await mine.rekey()
    assert (await store.tickets.get(ticket_id)).skill_class == "domain:物流:1"
