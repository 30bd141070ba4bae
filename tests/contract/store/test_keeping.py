"""Which bundles are kept: whatever a pointer may still lead to, and little else."""

import asyncio
from random import Random

import pytest
from sqlalchemy import select

from models.errors import Conflict, NotFound
from models.store import Store
from models.store.learning.bundles import Keep
from models.tables import bundle
from tests.fakes import FakeClock

DAY = 86400.0
KEEP = Keep(seconds=90 * DAY, challengers=2, steps=2)


async def made(store: Store, clock: FakeClock, *names: str) -> None:
    for name in names:
        clock.pass_(1.0)
        await store.bundles.add(name, {"of": name}, name.encode())


async def kept(store: Store) -> set[str]:
    return {one["id"] for one in await store.bundles.cards() if one["dropped_at"] is None}


async def test_what_served_long_ago_goes_and_its_card_stays(
    store: Store, clock: FakeClock
) -> None:
    await made(store, clock, *"abcdef")
    for name in "abcdef":
        clock.pass_(40 * DAY)
        await store.bundles.promote(name, None)
    # d served until f's day minus 40, c until 80 days ago, b until 120; steps lead to e and d.
    assert await store.bundles.drop(KEEP) == ["a", "b"]
    assert await kept(store) == set("cdef")
    cards = {one["id"]: one for one in await store.bundles.cards()}
    assert (cards["a"]["card"], cards["a"]["dropped_at"]) == ({"of": "a"}, clock())
    assert cards["a"]["promoted_at"] is not None
    with pytest.raises(Conflict, match="not kept"):
        await store.bundles.content("a")
    assert await store.bundles.content("c") == b"c"
    assert await store.bundles.promoted() == list("fedc")
    assert sorted(await store.bundles.dropped()) == ["a", "b"]
    assert await store.bundles.drop(KEEP) == []


async def test_the_way_back_is_kept_whenever_it_served_and_ends_where_nothing_is(
    store: Store, clock: FakeClock
) -> None:
    await made(store, clock, *"abcd")
    for name in "abcd":
        await store.bundles.promote(name, None)
    clock.pass_(1000 * DAY)
    assert await store.bundles.drop(KEEP) == ["a"]
    assert await store.bundles.rollback(None) == "c"
    assert await store.bundles.rollback(None) == "b"
    with pytest.raises(Conflict, match="nothing served before"):
        await store.bundles.rollback(None)


async def test_challengers_shadows_and_what_is_pinned(store: Store, clock: FakeClock) -> None:
    await made(store, clock, *"abcdefg")
    assert await store.bundles.drop(KEEP) == [], "nothing serves yet"
    await store.bundles.promote("a", None)
    await store.shadows.begin("b", None)
    await store.bundles.pin("c", None, pinned=True)
    clock.pass_(1000 * DAY)
    assert await store.bundles.drop(KEEP) == ["d", "e"]
    await store.bundles.pin("c", None, pinned=False)
    await store.shadows.end(None)
    assert await store.bundles.drop(KEEP) == ["b", "c"]
    for act in (
        store.bundles.promote("b", None),
        store.shadows.begin("b", None),
        store.bundles.pin("b", None, pinned=True),
    ):
        with pytest.raises(Conflict, match="not kept"):
            await act
    with pytest.raises(NotFound):
        await store.bundles.pin("nobody", None, pinned=True)


async def test_made_again_it_is_there_again(store: Store, clock: FakeClock) -> None:
    await made(store, clock, *"abcd")
    await store.bundles.promote("d", None)
    assert await store.bundles.drop(KEEP) == ["a"]
    await made(store, clock, "a")
    await store.bundles.promote("a", None)
    assert await store.bundles.content("a") == b"a"
    await store.bundles.add("b", {}, b"other")
    assert await store.bundles.content("b") == b"b", "what is there is not written over"


async def test_two_that_lead_back_to_each_other_are_no_endless_way(
    store: Store, clock: FakeClock
) -> None:
    await made(store, clock, "a", "b")
    for name in "abab":
        await store.bundles.promote(name, None)
    clock.pass_(1000 * DAY)
    assert await store.bundles.drop(Keep(DAY, 1, 50)) == []


@pytest.mark.parametrize("seed", range(4))
async def test_whoever_moves_a_pointer_meanwhile_finds_what_it_leads_to(
    store: Store, clock: FakeClock, seed: int
) -> None:
    """Promotions, ways back, shadows and pins at the very moments of dropping."""
    random = Random(seed)
    await made(store, clock, *"abcdefghij")
    await store.bundles.promote("a", None)
    for _ in range(12):
        clock.pass_(random.uniform(0.0, 100.0) * DAY)
        one, other, third = random.sample("abcdefghij", 3)
        moves = [
            store.bundles.drop(Keep(DAY, 1, 1)),
            store.bundles.promote(one, None),
            random.choice([store.bundles.rollback, store.shadows.end])(None),
            store.shadows.begin(other, None),
            store.bundles.pin(third, None, pinned=random.random() < 0.5),
        ]
        random.shuffle(moves)
        for said in await asyncio.gather(*moves, return_exceptions=True):
            assert said is None or isinstance(said, str | list | Conflict), said
        await _sound(store)


async def _sound(store: Store) -> None:
    """Whatever a pointer leads to has its content."""
    async with store.db.read() as conn:
        rows = {row.id: row for row in await conn.execute(select(bundle))}
    champion = await store.bundles.champion()
    assert champion is not None
    reached = {champion} | {row.replaced for row in rows.values() if row.replaced}
    reached |= {row.id for row in rows.values() if row.shadow_since or row.pinned_at}
    for name in reached:
        assert (rows[name].dropped_at, rows[name].content) == (None, name.encode()), name
