"""Which bundle serves, with several hands at the pointer: each of them one clear outcome."""

import asyncio
from typing import Any

import pytest

from models.errors import Conflict
from models.store import Store
from models.store.learning import bundles as bundles_module


async def _bundles(store: Store, *names: str) -> None:
    for name in names:
        await store.bundles.add(name, {}, b"")
    await store.bundles.promote(names[0], None)


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is about to move the pointer waits a moment: the others come as far as they can."""
    point = bundles_module._point

    async def slowly(*told: Any) -> None:
        await asyncio.sleep(0.2)
        await point(*told)

    monkeypatch.setattr(bundles_module, "_point", slowly)


async def _outcomes(*moves: Any) -> list[object]:
    return await asyncio.gather(*moves, return_exceptions=True)


@pytest.mark.usefixtures("together")
async def test_of_two_promotions_at_once_the_later_replaces_the_earlier(store: Store) -> None:
    await _bundles(store, "one", "two", "three")
    said = await _outcomes(
        store.bundles.promote("two", None), store.bundles.promote("three", None)
    )
    assert said == [None, None]
    last, earlier, first = await store.bundles.promoted()
    assert {last, earlier} == {"two", "three"}
    assert first == "one"
    # What served before is the other one, not the one before both.
    assert await store.bundles.rollback(None) == earlier
    assert await store.bundles.rollback(None) == "one"


@pytest.mark.usefixtures("together")
async def test_of_two_promotions_of_one_bundle_the_second_is_told(store: Store) -> None:
    await _bundles(store, "one", "two")
    said = await _outcomes(store.bundles.promote("two", None), store.bundles.promote("two", None))
    assert sorted(type(each) for each in said if each) == [Conflict]
    assert await store.bundles.rollback(None) == "one"


@pytest.mark.usefixtures("together")
async def test_of_two_who_roll_the_same_bundle_back_the_second_is_told(store: Store) -> None:
    """Both saw “three” fail; going back twice would leave what neither of them asked for."""
    await _bundles(store, "one", "two", "three")
    for name in ("two", "three"):
        await store.bundles.promote(name, None)
    said = await _outcomes(
        store.bundles.rollback(None, off="three"), store.bundles.rollback(None, off="three")
    )
    assert sorted(map(type, said), key=str) == [Conflict, str]
    assert await store.bundles.champion() == "two"


@pytest.mark.usefixtures("together")
async def test_a_promotion_and_a_rollback_at_once_leave_one_history(store: Store) -> None:
    await _bundles(store, "one", "two", "three")
    await store.bundles.promote("two", None)
    said = await _outcomes(store.bundles.promote("three", None), store.bundles.rollback(None))
    champion = await store.bundles.champion()
    if said[1] == "two":  # the rollback came second and undid the promotion
        assert champion == "two"
    else:  # it came first; “three” then replaced what served
        assert said[1] == "one"
        assert champion == "three"
        assert await store.bundles.rollback(None) == "one"


async def _made(store: Store, name: str, against: str | None, *, passed: bool = True) -> None:
    await store.retrainings.ask(None)
    work = await store.retrainings.lease(60.0)
    assert work is not None
    outcome = {"verdict": {"passed": passed}, "promoted": against}
    assert await store.retrainings.finish(work, name, {}, b"", outcome, 0.0)


async def test_a_challenger_that_was_compared_with_another_champion_is_not_waved_through(
    store: Store,
) -> None:
    """While it was trained and judged somebody promoted: its gate says nothing of that one."""
    await _bundles(store, "one", "two")
    await _made(store, "challenger", against="one")
    await store.bundles.promote("two", None)
    with pytest.raises(Conflict, match="another bundle"):
        await store.bundles.promote("challenger", None)
    assert await store.bundles.champion() == "two"
    await store.bundles.promote("challenger", None, "compared by hand", against_gate=True)
    assert await store.bundles.champion() == "challenger"


async def test_what_has_served_before_may_serve_again(store: Store) -> None:
    await _bundles(store, "one", "two")
    await _made(store, "challenger", against="one")
    await store.bundles.promote("challenger", None)
    await store.bundles.promote("two", None)
    await store.bundles.promote("challenger", None)
    assert await store.bundles.champion() == "challenger"
