"""How far something was read, and who may say so."""

import pytest

from models.errors import Conflict
from models.store import Store
from tests.fakes import FakeClock


async def test_a_cursor_is_what_was_written_last(store: Store) -> None:
    assert await store.cursors.get("email", "support") is None
    await store.cursors.move("email", "support", {"uid": 7})
    await store.cursors.move("email", "support", {"uid": 9})
    await store.cursors.move("telegram", "bot", 41)
    assert await store.cursors.get("email", "support") == {"uid": 9}
    assert await store.cursors.get("telegram", "bot") == 41


async def test_who_lost_the_lease_moves_nothing(store: Store, clock: FakeClock) -> None:
    first = await store.leases.take("imap:support", "a", 10.0)
    assert first is not None
    await store.cursors.move("email", "support", 1, first)
    clock.pass_(11.0)
    second = await store.leases.take("imap:support", "b", 10.0)
    assert second is not None
    with pytest.raises(Conflict):
        await store.cursors.move("email", "support", 2, first)
    assert await store.cursors.get("email", "support") == 1
    await store.cursors.move("email", "support", 3, second)
    assert await store.cursors.get("email", "support") == 3
