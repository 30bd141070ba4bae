"""Files that answers carry: each belongs to its agent and its ticket."""

import hashlib

import pytest

from models.errors import Conflict, Rejected
from models.store import Store
from models.store.dialogue.uploads import LARGEST_ANSWER, MOST_FILES
from models.ticket import TicketState
from tests.contract.store.makers import agent, owned

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
