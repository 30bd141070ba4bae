"""Files that answers carry: each belongs to its agent and its ticket."""

import hashlib

import pytest
from sqlalchemy import select

from models.errors import Conflict, NotFound, Rejected
from models.store import Store
from models.store.dialogue import uploads
from models.store.dialogue.uploads import LARGEST_ANSWER, MOST_FILES
from models.tables import blob_left
from models.ticket import TicketState
from tests.contract.store.makers import agent, owned
from tests.contract.store.plans import read_whole, watched
from tests.fakes import FakeClock

DAY = 86_400.0
CONTENT = b"%PDF-1.4 invoice"


async def test_an_answer_carries_its_files_to_the_voice_and_the_log(store: Store) -> None:
    ticket, me = await owned(store)
    file = await store.uploads.add(ticket, me, "发票.pdf", "application/pdf", CONTENT)
    await store.tickets.reply(ticket, me, "请查收", "client-1", TicketState.ACTIVE, [file.id])
    sending = await store.outbound.lease(10, 30.0)
    assert sending is not None
    assert sending.messages[0].attachments == (file,)
    assert file.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert await store.blobs.get(file.sha256) == CONTENT
    conversation = (await store.tickets.get(ticket)).conversation_id
    ours = (await store.conversations.log(conversation))[-1]
    assert ours.attachments == [file.model_dump(mode="json")]


async def test_the_same_answer_again_changes_nothing_with_other_files_it_is_refused(
    store: Store,
) -> None:
    ticket, me = await owned(store)
    file = await store.uploads.add(ticket, me, "a.txt", "text/plain", b"a")
    reply = store.tickets.reply
    first = await reply(ticket, me, "x", "client-1", TicketState.ACTIVE, [file.id])
    assert first == await reply(ticket, me, "x", "client-1", TicketState.ACTIVE, [file.id])
    with pytest.raises(Conflict):
        await reply(ticket, me, "x", "client-1", TicketState.ACTIVE)


async def test_nobody_elses_file_and_no_other_tickets(store: Store) -> None:
    ticket, me = await owned(store)
    other = await agent(store, "zhao")
    theirs = await store.uploads.add(ticket, other, "a.txt", "text/plain", b"a")
    elsewhere, _ = await owned(store, "k2", "qian")
    mine_elsewhere = await store.uploads.add(elsewhere, me, "a.txt", "text/plain", b"a")
    for wrong in (theirs.id, mine_elsewhere.id, "nothing"):
        with pytest.raises(Rejected):
            await store.tickets.reply(ticket, me, "x", "client-1", TicketState.ACTIVE, [wrong])
    conversation = (await store.tickets.get(ticket)).conversation_id
    assert all(entry.side == "customer" for entry in await store.conversations.log(conversation))


async def test_what_no_answer_carried_is_forgotten_after_a_time(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "_AT_ONCE", 2)
    ticket, me = await owned(store)
    names = [f"{n}.txt" for n in range(5)]
    files = [await store.uploads.add(ticket, me, n, "text/plain", n.encode()) for n in names]
    await store.tickets.reply(ticket, me, "x", "client-1", TicketState.ACTIVE, [files[0].id])
    clock.pass_(DAY)
    young = await store.uploads.add(ticket, me, "young", "text/plain", b"young")
    await store.uploads.forget(clock.now - DAY + 1.0)
    async with store.db.read() as conn:
        noted = set((await conn.execute(select(blob_left.c.sha256))).scalars())
    assert noted == {file.sha256 for file in files[1:]}
    clock.pass_(1000.0)
    assert await store.orphaned_blobs.delete() == 4
    assert await store.blobs.get(files[0].sha256) == b"0.txt"
    with pytest.raises(NotFound):
        await store.blobs.get(files[1].sha256)
    with pytest.raises(Rejected):
        await store.tickets.reply(ticket, me, "y", "c2", TicketState.ACTIVE, [files[1].id])
    assert await store.tickets.reply(ticket, me, "z", "c3", TicketState.ACTIVE, [young.id])


@pytest.mark.unused_database
async def test_uploads_are_forgotten_by_their_index(store: Store) -> None:
    async with watched(store.db) as asked:
        await store.uploads.forget(await store.db.now())
    assert await read_whole(store, asked) == []


async def test_an_answer_has_its_limits(store: Store) -> None:
    ticket, me = await owned(store)
    many = [
        (await store.uploads.add(ticket, me, f"{n}.txt", "text/plain", b"a")).id
        for n in range(MOST_FILES + 1)
    ]
    half = b"x" * (LARGEST_ANSWER // 2 + 1)
    large = [(await store.uploads.add(ticket, me, f"{n}", "text/plain", half)).id for n in "ab"]
    for ids in (many, large):
        with pytest.raises(Rejected):
            await store.tickets.reply(ticket, me, "x", "client-1", TicketState.ACTIVE, ids)
