"""Content that no message came for has an end; what a message names, or will name, has not."""

import hashlib
from typing import Any

import pytest
from sqlalchemy import select

from models.errors import NotFound
from models.message import Attachment, File
from models.store import Store
from models.store.dialogue.incoming import Incoming
from models.store.dialogue.tombstones import leave_files
from models.store.privacy import orphaned_blobs
from models.tables import blob_left
from tests.contract.store.makers import envelope, inbound, leased, thread
from tests.fakes import FakeClock

CONTENT = b"a photograph"
HASH = hashlib.sha256(CONTENT).hexdigest()
FILE = Attachment(id="1", name="a.png", mime="image/png", size=len(CONTENT), sha256=HASH)
DAY = 86_400.0
LATER = DAY + 1000.0


async def sent_ahead(store: Store) -> None:
    await store.orphaned_blobs.expect({HASH}, DAY)
    await store.blobs.put({HASH: CONTENT})


async def there(store: Store) -> bool:
    try:
        return await store.blobs.get(HASH) == CONTENT
    except NotFound:
        return False


async def noted(store: Store) -> int:
    async with store.db.read() as conn:
        return len((await conn.execute(select(blob_left))).all())


async def test_what_no_message_names_goes_after_its_time(store: Store, clock: FakeClock) -> None:
    await sent_ahead(store)
    clock.pass_(DAY - 1.0)
    assert await store.orphaned_blobs.delete() == 0
    assert await there(store)
    clock.pass_(1001.0)
    assert await store.orphaned_blobs.delete() == 1
    assert not await there(store)
    assert await noted(store) == 0


async def test_what_a_message_names_stays_and_nobody_looks_for_its_owner(
    store: Store, clock: FakeClock
) -> None:
    await sent_ahead(store)
    await thread(store, envelope("a"), attachments=(FILE,))
    assert await noted(store) == 0
    clock.pass_(LATER)
    assert await store.orphaned_blobs.delete() == 0
    assert await there(store)


@pytest.mark.parametrize("parked", [False, True])
async def test_a_message_that_is_not_read_yet_has_its_files(
    store: Store, clock: FakeClock, parked: bool
) -> None:
    await sent_ahead(store)
    e = envelope("a", transport={"files": [{"name": "a.png", "sha256": HASH}]})
    await store.envelopes.accept([e])
    if parked:
        for _ in range(2):
            await store.envelopes.fail(await leased(store), "ours", 1, 0.0)
        assert len(await store.envelopes.parked()) == 1
    clock.pass_(LATER)
    assert await store.orphaned_blobs.delete() == 0
    assert await there(store)


async def test_a_message_that_comes_while_its_file_is_being_deleted(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named after the clock has looked for owners, and before it deletes."""
    await sent_ahead(store)
    clock.pass_(LATER)
    look = orphaned_blobs._owned

    async def late(*given: Any) -> set[str]:
        found = await look(*given)
        assert await store.blobs.touch({HASH}) == {HASH}
        return found

    monkeypatch.setattr(orphaned_blobs, "_owned", late)
    assert await store.orphaned_blobs.delete() == 0
    monkeypatch.undo()
    await thread(store, envelope("a"), attachments=(FILE,))
    clock.pass_(LATER)
    assert await store.orphaned_blobs.delete() == 0
    assert await there(store)


async def test_an_erased_customers_equal_file_does_not_hurry_it(
    store: Store, clock: FakeClock
) -> None:
    await sent_ahead(store)
    async with store.db.write() as tx:
        await leave_files(tx, [HASH])
    clock.pass_(DAY - 1.0)
    assert await store.orphaned_blobs.delete() == 0
    clock.pass_(1001.0)
    assert await store.orphaned_blobs.delete() == 1


async def test_a_message_that_is_withdrawn_at_once_leaves_the_file_noted(
    store: Store, clock: FakeClock
) -> None:
    await sent_ahead(store)
    first, gone = envelope("a"), envelope("b")
    await store.envelopes.accept([first, gone])
    lease = await leased(store)
    said = inbound(first, attachments=(FILE,))
    taken_back = inbound(gone, kind="delete", external_id=said.external_id)
    items = [Incoming(e.id, m, e.lane) for e, m in ((first, said), (gone, taken_back))]
    async with store.db.write() as tx:
        await store.threads.thread(tx, lease.token, [first.id, gone.id], items)
    clock.pass_(LATER)
    assert await store.orphaned_blobs.delete() == 1


async def test_what_is_withdrawn_later_takes_its_files_along(
    store: Store, clock: FakeClock
) -> None:
    """Those of its earlier versions, too, and what a late edit of it brings."""
    await sent_ahead(store)
    await thread(store, envelope("a"), attachments=(FILE,))
    changed = {"external_id": "a", "kind": "edit"}
    await thread(store, envelope("b"), **changed, revision=1)
    assert await noted(store) == 0
    await thread(store, envelope("c"), **changed | {"kind": "delete"})
    assert await noted(store) == 1
    clock.pass_(1000.0)
    assert await store.orphaned_blobs.delete() == 1
    assert not await there(store)
    await store.blobs.put({HASH: CONTENT})
    await thread(store, envelope("d"), **changed, revision=2, attachments=(FILE,))
    clock.pass_(1000.0)
    assert await store.orphaned_blobs.delete() == 1


PENDING = Attachment(id="1", name="a.png", mime="image/png", size=1, state="pending")
ANNOUNCED: dict[str, Any] = {"attachments": (PENDING,), "meta": {"files": {"1": {"url": "x"}}}}


async def test_what_is_withdrawn_is_not_fetched(store: Store) -> None:
    await thread(store, envelope("a"), **ANNOUNCED)
    await thread(store, envelope("b"), kind="delete", external_id="a")
    assert await store.files.lease(1, 60.0, ["webchat"]) == []


async def test_what_is_withdrawn_while_it_is_fetched_stays_nowhere(
    store: Store, clock: FakeClock
) -> None:
    await thread(store, envelope("a"), **ANNOUNCED)
    (due,) = await store.files.lease(1, 60.0, ["webchat"])
    await thread(store, envelope("b"), kind="delete", external_id="a")
    assert not await store.files.store(due, File(CONTENT))
    clock.pass_(1000.0)
    assert await store.orphaned_blobs.delete() == 1


async def test_what_an_edit_leaves_out_while_it_is_fetched_is_kept_with_the_version(
    store: Store, clock: FakeClock
) -> None:
    await thread(store, envelope("a"), **ANNOUNCED)
    (due,) = await store.files.lease(1, 60.0, ["webchat"])
    await thread(store, envelope("b"), kind="edit", external_id="a", revision=1)
    assert await store.files.store(due, File(CONTENT))
    talk = await store.conversations.find("webchat", "site", "talk")
    assert talk is not None
    first = (await store.conversations.log(talk.id))[0]
    assert [v["attachments"] and v["attachments"][0]["sha256"] for v in first.versions] == [
        HASH,
        [],
    ]
    await thread(store, envelope("c"), kind="delete", external_id="a")
    clock.pass_(1000.0)
    assert await store.orphaned_blobs.delete() == 1


async def test_only_what_is_there_is_touched(store: Store) -> None:
    await store.blobs.put({HASH: CONTENT})
    assert await store.blobs.touch({HASH, "0" * 64}) == {HASH}
