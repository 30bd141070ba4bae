"""Counts by day, and what a challenger in shadow has said, on both databases."""

import pytest

from models.errors import Conflict, NotFound
from models.store import Store
from models.store.learning.shadows import Verdict
from models.store.learning.watching import Cell
from tests.contract.store import makers
from tests.fakes import FakeClock


def cell(bucket: str, day: int = 100, channel: str = "email") -> Cell:
    return Cell("b1", day, channel, "type", "label", bucket)


def verdict(ticket_id: str, champion: str, challenger: str, bundle: str = "new") -> Verdict:
    return Verdict(bundle, ticket_id, "type", "old", champion, challenger, 0.9, 0.6)


async def racks(store: Store) -> None:
    for name in ("old", "new", "other"):
        await store.bundles.add(name, {"id": name}, b"x")
    await store.bundles.promote("old", None)


async def test_counts_add_up_and_are_read_by_period(store: Store) -> None:
    assert await store.watching.first_day("b1") is None
    await store.watching.add({cell("投诉"): 2, cell("咨询"): 1})
    await store.watching.add({cell("投诉"): 3, cell("投诉", day=101): 1})
    await store.watching.add({})
    assert await store.watching.first_day("b1") == 100
    found = await store.watching.counts("b1", [(100, 100)])
    assert found == {cell("投诉"): 5, cell("咨询"): 1}
    both = await store.watching.counts("b1", [(100, 100), (101, 109)])
    assert both[cell("投诉", day=101)] == 1
    assert await store.watching.counts("b2", [(0, 999)]) == {}


async def test_days_are_counted_over_all_bundles_and_channels(store: Store) -> None:
    other = Cell("b2", 100, "webchat", "type", "label", "投诉")
    unknown = Cell("b1", 101, "email", "", "unknown", "3")
    await store.watching.add(
        {cell("投诉"): 2, other: 3, cell("咨询", day=99): 1, cell("咨询", day=102): 1, unknown: 4}
    )
    assert await store.watching.by_day(100, 101) == {
        (100, "type", "label", "投诉"): 5,
        (101, "", "unknown", "3"): 4,
    }


async def test_old_counts_go_and_a_bundles_first_week_stays(store: Store) -> None:
    days = (100, 106, 107, 150, 200)
    await store.watching.add({cell("投诉", day=day): 1 for day in days})
    late = Cell("b2", 149, "email", "type", "label", "投诉")
    await store.watching.add({late: 1})
    assert await store.watching.forget(150) == 1
    left = await store.watching.counts("b1", [(0, 999)])
    assert sorted(found.day for found in left) == [100, 106, 150, 200]
    assert await store.watching.counts("b2", [(0, 999)]) == {late: 1}
    assert await store.watching.first_day("b1") == 100
    assert await store.watching.forget(150) == 0


async def test_one_challenger_is_in_shadow_and_never_the_champion(
    store: Store, clock: FakeClock
) -> None:
    await racks(store)
    assert await store.shadows.sitting() is None
    with pytest.raises(Conflict):
        await store.shadows.begin("old", None)
    with pytest.raises(NotFound):
        await store.shadows.begin("nobody", None)
    await store.shadows.begin("new", None)
    clock.pass_(1)
    await store.shadows.begin("other", None)
    sitting = await store.shadows.sitting()
    assert sitting is not None
    assert (sitting.bundle_id, sitting.since, sitting.tickets) == ("other", clock.now, 0)
    assert await store.shadows.end(None) == "other"
    assert await store.shadows.end(None) is None
    assert await store.shadows.sitting() is None


async def test_a_challenger_that_is_promoted_has_left_its_shadow(
    store: Store, clock: FakeClock
) -> None:
    await racks(store)
    clock.pass_(10)
    await store.shadows.begin("new", None)
    clock.pass_(10)
    await store.bundles.promote("new", None)
    assert await store.shadows.sitting() is None
    clock.pass_(10)
    await store.bundles.rollback(None)
    clock.pass_(10)
    await store.shadows.begin("new", None)
    assert await store.shadows.sitting() is not None


async def test_what_both_say_is_kept_once_a_ticket_and_held_against_people(
    store: Store, clock: FakeClock
) -> None:
    await racks(store)
    await store.shadows.begin("new", None)
    first, agent_id = await makers.owned(store, "k1", login="li")
    second = await makers.waiting(store, "k2")
    await store.shadows.add([verdict(first, "投诉", "投诉"), verdict(second, "投诉", "咨询")])
    # Its text grew: what is said now counts, once.
    await store.shadows.add([verdict(first, "投诉", "建议"), verdict("gone", "投诉", "建议")])
    assert await store.shadows.pairs("new") == {
        ("type", "投诉", "建议"): 1,
        ("type", "投诉", "咨询"): 1,
    }
    sitting = await store.shadows.sitting()
    assert sitting is not None
    assert sitting.tickets == 2
    assert await store.shadows.judged("new") == []
    await store.tickets.correct(first, agent_id, "type", "咨询")
    clock.pass_(1)
    await store.tickets.correct(first, agent_id, "type", "建议")
    assert await store.shadows.judged("new") == [("type", "投诉", "建议", "建议")]
    found = await store.shadows.disagreements("new", 50)
    assert {(each.ticket_id, each.challenger, each.truth) for each in found} == {
        (first, "建议", "建议"),
        (second, "咨询", None),
    }
    assert len(await store.shadows.disagreements("new", 1)) == 1
    await store.shadows.begin("new", None)
    assert await store.shadows.pairs("new") == {}
