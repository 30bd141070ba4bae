"""Corrections, runs of retraining, and the pointer to the champion."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from models.errors import Conflict, NotFound
from models.store import Store
from models.store.learning.retrainings import INTERRUPTED, Work
from models.store.learning.watching import day_of
from tests.contract.store import makers
from tests.fakes import FakeClock

# -- corrections -----------------------------------------------------------------------


async def test_a_correction_keeps_to_what_the_agent_had_seen(store: Store) -> None:
    ticket_id, agent_id = await makers.owned(store, text="包裹三天没动", subject="物流")
    await store.tickets.correct(ticket_id, agent_id, "type", "咨询")
    later = makers.envelope("k2", now=await store.db.now())
    await makers.thread(store, later, conversation_key="talk-k1", text="对了，还要发票")
    (given,) = await store.corrections.all()
    assert (given.before, given.after, given.text) == ("投诉", "咨询", "包裹三天没动")
    assert (given.lane, given.subject, given.agent_id) == ("live", "物流", agent_id)
    assert not given.excluded


async def test_what_was_edited_or_deleted_since_is_not_learnt_as_it_was(store: Store) -> None:
    ticket_id, agent_id = await makers.owned(store, text="我的电话是 13800000000")
    await store.tickets.correct(ticket_id, agent_id, "type", "求助")
    texts = [(await store.corrections.all())[0].text]
    for revision, kind, text in ((1, "edit", "请给我回电"), (2, "delete", "")):
        e = makers.envelope(kind, now=await store.db.now())
        changed = {"external_id": "k1", "kind": kind, "text": text, "revision": revision}
        await makers.thread(store, e, conversation_key="talk-k1", **changed)
        texts.append((await store.corrections.all())[0].text)
    assert texts == ["我的电话是 13800000000", "请给我回电", ""]


async def test_an_excluded_correction_stays_and_is_marked(store: Store) -> None:
    ticket_id, agent_id = await makers.owned(store)
    await store.tickets.correct(ticket_id, agent_id, "type", "咨询")
    await store.tickets.correct(ticket_id, agent_id, "type", "求助")
    first, second = await store.corrections.all()
    assert await store.corrections.exclude([first.id], agent_id, "flips") == 1
    assert await store.corrections.exclude([first.id], agent_id) == 0
    assert [given.excluded for given in await store.corrections.all()] == [True, False]
    assert await store.corrections.exclude([first.id, second.id], agent_id, excluded=False) == 1
    assert [given.excluded for given in await store.corrections.all()] == [False, False]


async def test_what_nobody_will_learn_from_is_not_new(store: Store) -> None:
    ticket_id, agent_id = await makers.owned(store)
    await store.tickets.correct(ticket_id, agent_id, "type", "咨询")
    await store.tickets.correct(ticket_id, agent_id, "domain", "发票")
    assert await store.corrections.counts(0.0) == {"given": 2, "new": 2, "excluded": 0}
    first, _ = await store.corrections.all()
    await store.corrections.exclude([first.id], agent_id, "flips")
    assert await store.corrections.counts(0.0) == {"given": 2, "new": 1, "excluded": 1}


async def test_corrections_are_counted_by_day(store: Store, clock: FakeClock) -> None:
    ticket_id, agent_id = await makers.owned(store)
    await store.tickets.correct(ticket_id, agent_id, "type", "咨询")
    await store.tickets.correct(ticket_id, agent_id, "type", "咨询")
    clock.pass_(86400)
    await store.tickets.correct(ticket_id, agent_id, "domain", "发票")
    today = int(clock() // 86400)
    counted = {("type", today - 1): (2, 1), ("domain", today): (1, 1)}
    assert await store.corrections.by_day(0, ZoneInfo("UTC")) == counted
    assert await store.corrections.by_day(today, ZoneInfo("UTC")) == {("domain", today): (1, 1)}


async def test_a_correction_is_of_the_day_it_was_where_clocks_have_changed_since(
    store: Store, clock: FakeClock
) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    clock.now = datetime(2026, 10, 23, 23, 30, tzinfo=berlin).timestamp()
    ticket_id, agent_id = await makers.owned(store)
    await store.tickets.correct(ticket_id, agent_id, "type", "咨询")
    for midnight in (datetime(2026, 10, 25, tzinfo=berlin), datetime(2026, 10, 26, tzinfo=berlin)):
        for seconds in (-60, 60):
            clock.now = midnight.timestamp() + seconds
            await store.tickets.correct(ticket_id, agent_id, "type", "咨询")
    first = day_of(datetime(2026, 10, 24, tzinfo=berlin).timestamp(), berlin)
    assert await store.corrections.by_day(first, berlin) == {
        ("type", first): (1, 0),
        ("type", first + 1): (2, 0),
        ("type", first + 2): (1, 0),
    }


async def test_changes_are_counted_by_week_from_midnight_to_midnight(
    store: Store, clock: FakeClock
) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    begins = datetime(2026, 10, 20, tzinfo=berlin)  # the clocks change on the 25th
    clock.now = begins.timestamp() - 60
    ticket_id, agent_id = await makers.owned(store)
    await store.tickets.correct(ticket_id, agent_id, "type", "咨询")
    for moment, value in (
        (begins.timestamp(), "投诉"),
        (datetime(2026, 10, 26, 23, 59, tzinfo=berlin).timestamp(), "咨询"),
        (datetime(2026, 10, 27, tzinfo=berlin).timestamp(), "投诉"),
        (datetime(2026, 10, 28, tzinfo=berlin).timestamp(), "投诉"),  # confirmed
        (datetime(2026, 11, 2, 23, 59, tzinfo=berlin).timestamp(), "咨询"),
        (datetime(2026, 11, 3, tzinfo=berlin).timestamp(), "投诉"),
    ):
        clock.now = moment
        await store.tickets.correct(ticket_id, agent_id, "type", value)
    found = await store.corrections.by_week(day_of(begins.timestamp(), berlin), 2, berlin)
    assert found == {
        (0, "type", "咨询", "投诉"): 1,
        (0, "type", "投诉", "咨询"): 1,
        (1, "type", "咨询", "投诉"): 1,
        (1, "type", "投诉", "咨询"): 1,
    }


# -- runs ------------------------------------------------------------------------------


async def asked(store: Store) -> Work:
    await store.retrainings.ask(None)
    work = await store.retrainings.lease(20.0)
    assert work is not None
    return work


async def test_one_run_at_a_time(store: Store) -> None:
    run_id = await store.retrainings.ask(None, seed=7)
    with pytest.raises(Conflict):
        await store.retrainings.ask(None)
    work = await store.retrainings.lease(20.0)
    assert work is not None
    assert (work.id, work.seed) == (run_id, 7)
    assert await store.retrainings.lease(20.0) is None
    with pytest.raises(Conflict):
        await store.retrainings.ask(None)


async def test_a_run_ends_with_its_bundle_in_one_commit(store: Store) -> None:
    work = await asked(store)
    assert await store.retrainings.tell(work, 20.0, "fit", 0.5, 4.0)
    (run,) = await store.retrainings.latest()
    assert (run.state, run.stage, run.share, run.seconds_left) == ("running", "fit", 0.5, 4.0)
    outcome = {"verdict": {"passed": True}}
    assert await store.retrainings.finish(work, "b2", {"id": "b2"}, b"2", outcome, 5.0)
    (run,) = await store.retrainings.latest()
    assert (run.state, run.bundle_id, run.outcome, run.share) == ("done", "b2", outcome, 1.0)
    assert await store.bundles.content("b2") == b"2"
    assert await store.retrainings.learnt_upto("b2") == 5.0
    assert await store.retrainings.learnt_upto("b1") == 0.0
    assert await store.bundles.champion() is None
    await store.retrainings.ask(None)


async def test_a_run_that_has_ended_is_ended_once_however_often_it_is_told(store: Store) -> None:
    work = await asked(store)
    for _ in range(2):  # the first answer was lost on its way
        assert await store.retrainings.finish(work, "b2", {"id": "b2"}, b"2", {}, 5.0)
    assert not await store.retrainings.finish(work, "b3", {"id": "b3"}, b"3", {}, 5.0)
    (run,) = await store.retrainings.latest()
    assert (run.state, run.bundle_id) == ("done", "b2")
    assert [card["id"] for card in await store.bundles.cards()] == ["b2"]


async def test_a_silent_run_was_interrupted_and_its_holder_comes_too_late(
    store: Store, clock: FakeClock
) -> None:
    work = await asked(store)
    clock.pass_(21.0)
    assert await store.retrainings.lease(20.0) is None
    (run,) = await store.retrainings.latest()
    assert (run.state, run.error) == ("failed", INTERRUPTED)
    assert not await store.retrainings.tell(work, 20.0, "fit", 0.5, None)
    assert not await store.retrainings.finish(work, "b2", {}, b"2", {}, 0.0)
    assert await store.bundles.cards() == []


async def test_a_run_is_cancelled_before_and_while_it_runs(store: Store) -> None:
    run_id = await store.retrainings.ask(None)
    await store.retrainings.cancel(run_id, None)
    assert await store.retrainings.lease(20.0) is None
    work = await asked(store)
    await store.retrainings.cancel(work.id, None)
    assert not await store.retrainings.tell(work, 20.0, "fit", 0.5, None)
    assert not await store.retrainings.finish(work, "b2", {}, b"2", {}, 0.0)
    await store.retrainings.fail(work, INTERRUPTED)
    assert [run.state for run in await store.retrainings.latest()] == ["cancelled", "cancelled"]
    with pytest.raises(Conflict):
        await store.retrainings.cancel(work.id, None)
    with pytest.raises(NotFound):
        await store.retrainings.cancel("nobody", None)


# -- the pointer -----------------------------------------------------------------------


async def test_rollback_leads_back_one_promotion_after_the_other(store: Store) -> None:
    for name in ("one", "two", "three"):
        await store.bundles.add(name, {}, b"")
        await store.bundles.promote(name, None, "better")
    with pytest.raises(Conflict):
        await store.bundles.promote("three", None)
    assert await store.bundles.rollback(None, "worse") == "two"
    assert await store.bundles.champion() == "two"
    assert await store.bundles.rollback(None) == "one"
    with pytest.raises(Conflict):
        await store.bundles.rollback(None)
    assert await store.bundles.champion() == "one"


async def test_a_clock_that_was_set_back_holds_up_no_promotion(
    store: Store, clock: FakeClock
) -> None:
    await store.bundles.add("one", {}, b"")
    await store.bundles.add("two", {}, b"")
    await store.bundles.promote("one", None)
    clock.pass_(-3600.0)
    await store.bundles.promote("two", None)
    assert await store.bundles.champion() == "two"
    assert await store.bundles.promoted() == ["two", "one"]
