"""Erasing a customer: nothing of them stays, everything that was counted does."""

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import event, func, select

from models.errors import Conflict, NotFound, Temporary
from models.message import File, Lane, ReplyRoute, Sender, Trust
from models.satisfaction import Answer
from models.search_terms import question
from models.store import Store
from models.store.dialogue.conversations import Entry
from models.store.dialogue.incoming import Incoming
from models.store.dialogue.transcripts import Mailbox
from models.tables import (
    assignment,
    audit,
    blob_left,
    complaint,
    conversation,
    customer,
    identity,
    message,
    outbound,
    ticket,
)
from models.tables import (
    clock as clocks,
)
from models.tables import (
    envelope as envelopes,
)
from models.ticket import TicketState
from tests.contract.store.internal import SECRET, secretive
from tests.contract.store.makers import agent, decision, envelope, inbound, leased, thread
from tests.contract.store.personal import (
    ADDRESS,
    FILE,
    FILE_HASH,
    MAIL,
    NAME,
    PERSONAL,
    PHONE,
    SCAN,
    WORDS,
    customer_of,
    erase,
    resolved,
    sent,
    standing,
    write,
)
from tests.contract.store.searching import find, index
from tests.fakes import FakeClock


async def counted(store: Store) -> Mapping[str, Any]:
    """What figures are made of."""
    t = ticket.c
    names = (t.number, t.created_at, t.routed_at, t.first_answer_at, t.resolved_at, t.channel)
    async with store.db.read() as conn:
        tickets = (await conn.execute(select(*names).order_by(t.number))).all()
        given = (await conn.execute(select(t.labels).order_by(t.number))).scalars().all()
        rows = {
            table.name: (await conn.execute(select(func.count()).select_from(table))).scalar_one()
            for table in (assignment, clocks, envelopes, message, outbound, identity)
        }
    facets = [
        {name: label["value"] for name, label in one["facets"].items()} for one in given if one
    ]
    return {"tickets": [tuple(row) for row in tickets], "labels": facets, **rows}


async def everything(store: Store, clock: FakeClock) -> str:
    """A complaint about which all was said that can be said, settled and old; the ticket's id."""
    ticket_id, owner = await secretive(store, "webchat")
    await store.tickets.move(ticket_id, owner, TicketState.RESOLVED)
    clock.pass_(4 * 365 * 86400.0)
    return ticket_id


async def test_nothing_of_the_person_stays_and_what_is_counted_does(store: Store) -> None:
    ticket_id = await write(store, "1", attachments=(SCAN,))
    who = await resolved(store, ticket_id)
    await store.notes.write(ticket_id, who, f"{NAME}很着急")
    assert set(await standing(store)) >= {"message", "envelope", "outbound", "note", "ticket"}
    before = await counted(store)
    erased = await erase(store, ticket_id)
    assert await standing(store) == {}
    assert await counted(store) == before
    row = await store.tickets.get(ticket_id)
    assert (row.state, erased.tickets) == ("closed", (row.number,))
    assert await store.people.senders([]) == {}


async def test_what_was_written_of_them_among_ourselves_goes(
    store: Store, clock: FakeClock
) -> None:
    ticket_id = await everything(store, clock)
    told = {"note", "subtask", "complaint", "audit", "transfer", "assignment"}
    assert told <= set(await standing(store, SECRET))
    await erase(store, ticket_id, despite="法院判决")
    # What is counted, and a measure, which is about the house (docs/privacy.md).
    assert set(await standing(store, SECRET)) == {"improvement", "complaint"}
    async with store.db.read() as conn:
        (row,) = (await conn.execute(select(complaint))).mappings().all()
        assert {name for name, value in row.items() if value == SECRET} == {"cause", "product"}
        actions = (await conn.execute(select(audit.c.action))).scalars().all()
    assert {"subtask.opened", "complaint.reviewed", "customer.erase"} <= set(actions)


async def test_who_erased_whom_and_why_is_written_down(store: Store) -> None:
    ticket_id = await write(store, "1")
    await resolved(store, ticket_id)
    boss = await agent(store, "boss")
    customer_id = await customer_of(store, ticket_id)
    await store.erasure.erase(customer_id, boss, "本人来信要求")
    for subject in (customer_id, ticket_id):
        history = await store.tickets.history(subject)
        (line,) = [line for line in history if line["action"] == "customer.erase"]
        assert line["agent_id"] == boss
        assert line["detail"]["reason"] == "本人来信要求"
    told = [e for e in await store.events.after(0, 1000) if e.kind == "customer.erased"]
    assert [(e.ticket_id, e.data["customer"]) for e in told] == [(ticket_id, customer_id)]


async def test_a_second_time_changes_nothing(store: Store, clock: FakeClock) -> None:
    ticket_id = await write(store, "1")
    await resolved(store, ticket_id)
    first = await erase(store, ticket_id)
    history = await store.tickets.history(ticket_id)
    clock.pass_(60.0)
    assert (await erase(store, ticket_id)).at == first.at
    assert await store.tickets.history(ticket_id) == history
    assert await store.erasure.at(await customer_of(store, ticket_id)) == first.at
    with pytest.raises(NotFound):
        await store.erasure.erase("nobody", None, "why")
    with pytest.raises(NotFound):
        await store.erasure.at("nobody")


async def test_whoever_writes_again_is_a_new_customer(store: Store) -> None:
    ticket_id = await write(store, "1", conversation_key="talk")
    await resolved(store, ticket_id)
    before = await customer_of(store, ticket_id)
    await erase(store, ticket_id)
    again = await write(store, "2", conversation_key="talk")
    assert again != ticket_id
    assert await customer_of(store, again) != before
    row = await store.tickets.get(again)
    sender = (await store.people.senders([await _identity(store, again)])).popitem()[1]
    assert (row.state, sender.email) == ("waiting", ADDRESS)


async def _identity(store: Store, ticket_id: str) -> str:
    talk = await store.conversations.get((await store.tickets.get(ticket_id)).conversation_id)
    return talk.identity_id


@pytest.mark.parametrize("road", ["the same", "another"])
async def test_a_redelivered_message_stays_away(store: Store, road: str, clock: FakeClock) -> None:
    ticket_id = await write(store, "1", attachments=(SCAN,), external_id="<id@mail>")
    await resolved(store, ticket_id)
    await erase(store, ticket_id)
    before = await counted(store)
    e = envelope(
        f"original-name {'1' if road == 'the same' else '2'}", f"raw-bytes 1 {WORDS}".encode(),
        clock.now, channel="email", account="a", lane=Lane.MAIL,
    )  # fmt: skip
    said = {"text": WORDS, "text_full": WORDS, "external_id": "<id@mail>", **MAIL}
    await store.blobs.put({FILE_HASH: FILE})
    await thread(store, e, conversation_key="talk", attachments=(SCAN,), **said)
    assert await standing(store) == {}
    assert await counted(store) == {**before, "envelope": before["envelope"] + 1}
    assert (await store.envelopes.outcome(e.id)).done
    # What came with it goes as well.
    clock.pass_(1000.0)
    await store.orphaned_blobs.delete()
    with pytest.raises(NotFound):
        await store.blobs.get(FILE_HASH)


async def test_a_later_edit_is_new_and_a_deletion_has_nothing_to_delete(store: Store) -> None:
    ticket_id = await write(store, "1", external_id="m1")
    await resolved(store, ticket_id)
    await erase(store, ticket_id)
    delete = envelope("d", channel="email", account="a", lane=Lane.MAIL)
    await thread(store, delete, kind="delete", external_id="m1", **MAIL)
    assert await standing(store) == {}
    edit = envelope("e", channel="email", account="a", lane=Lane.MAIL)
    again = {"external_id": "m1", "text": "新的话", **MAIL}
    await thread(store, edit, kind="edit", revision=5, **again)
    assert set(await standing(store, "新的话")) == {"message"}
    late = envelope("l", channel="email", account="a", lane=Lane.MAIL)
    await thread(store, late, kind="delete", external_id="m1", **MAIL)
    assert await standing(store, "新的话") == {}


async def test_a_file_that_another_customer_has_stays(store: Store, clock: FakeClock) -> None:
    large = b"raw-bytes" * 100_000
    own = hashlib.sha256(large).hexdigest()
    other = {
        "sender": Sender(external_id="zhao@example.com", email="zhao@example.com"),
        "reply_route": ReplyRoute(adapter="email", address="zhao@example.com"),
        "trust": Trust(level="verified", method="dmarc", proves=("email",)),
    }
    alone = b"another scan"
    alone_hash = hashlib.sha256(alone).hexdigest()
    private = SCAN.model_copy(update={"id": "2", "sha256": alone_hash})
    await store.blobs.put({FILE_HASH: FILE, alone_hash: alone})
    mine = await write(store, "1", body=large, attachments=(SCAN, private))
    theirs = await write(
        store, "2", attachments=(SCAN,), text="没事", text_full="没事", subject="", **other
    )
    await resolved(store, mine)
    await erase(store, mine)
    assert await store.orphaned_blobs.delete() == 0, "whoever stores it just now may yet need it"
    clock.pass_(1000.0)
    await store.blobs.put({own: large})  # just now, by somebody who will say whose it is
    assert await store.orphaned_blobs.delete() == 1
    assert await store.blobs.get(FILE_HASH) == FILE
    with pytest.raises(NotFound):
        await store.blobs.get(alone_hash)
    assert await store.blobs.get(own) == large
    clock.pass_(1000.0)
    assert await store.orphaned_blobs.delete() == 1, "it was nobody's after all"
    with pytest.raises(NotFound):
        await store.blobs.get(own)
    await resolved(store, theirs, "wu")
    await erase(store, theirs)
    clock.pass_(1000.0)
    assert await store.orphaned_blobs.delete() == 1
    with pytest.raises(NotFound):
        await store.blobs.get(FILE_HASH)
    async with store.db.read() as conn:
        assert (await conn.execute(select(blob_left))).all() == []


async def test_a_joined_customer_goes_whole_and_another_one_stays(store: Store) -> None:
    mail = await write(store, "1")
    chat = {
        "sender": Sender(external_id="web:u1", name=NAME, email=ADDRESS),
        "trust": Trust(level="verified", method="visitor token", proves=("email",)),
    }
    talk = await write(store, "2", channel="webchat", **chat)
    stranger = Sender(external_id="zhao@example.com", name="赵", email="zhao@example.com")
    kept = await write(store, "3", sender=stranger, trust=Trust(level="claimed"), text="别的事")
    await resolved(store, mail)
    await resolved(store, talk, "wu")
    erased = await erase(store, mail)
    assert len(erased.customers) == len(erased.tickets) == 2
    assert await customer_of(store, talk) in erased.customers
    assert set(await standing(store, "web:u1")) == set()
    assert set(await standing(store, "别的事")) == {"message"}
    people = await store.people.senders([await _identity(store, kept)])
    assert [sender.name for sender in people.values()] == ["赵"]


async def test_a_transcript_that_was_mailed_goes_with_the_chat(store: Store) -> None:
    ticket_id = await write(store, "1", channel="webchat", conversation_key="talk")
    await resolved(store, ticket_id)
    talk = await store.conversations.find("webchat", "a", "talk")
    assert talk is not None
    box = Mailbox("email", "a", ADDRESS)
    assert await store.transcripts.send(talk.id, box, f"与{NAME}的对话", lambda _: WORDS)
    await erase(store, ticket_id)
    assert await standing(store) == {}
    assert await store.outbound.lease(10, 60.0) is None, "it was withdrawn"


async def test_of_a_long_chat_the_last_lines_are_mailed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.store.dialogue.transcripts._LONGEST", 2)
    ticket_id = await write(store, "1", channel="webchat", conversation_key="talk")
    who = await agent(store)
    assert await store.queue.claim(await decision(store, ticket_id, who), None)
    for said in ("第一句", "第二句"):
        await store.tickets.reply(ticket_id, who, said, said, TicketState.ACTIVE)
    talk = await store.conversations.find("webchat", "a", "talk")
    assert talk is not None
    seen: list[str] = []

    def write_out(lines: Sequence[Entry]) -> str:
        seen.extend(line.text for line in lines)
        return WORDS

    assert await store.transcripts.send(talk.id, Mailbox("email", "a", ADDRESS), "", write_out)
    assert seen == ["第一句", "第二句"]


async def test_a_stranger_in_their_conversation_is_not_read_any_more(store: Store) -> None:
    ticket_id = await write(store, "1", conversation_key="talk")
    stranger = Sender(external_id="wife@example.com", name="家人", email="wife@example.com")
    e = envelope("s", channel="email", account="a", lane=Lane.MAIL)
    said = {"text": "她的话", "sender": stranger, "trust": Trust(level="claimed")}
    await thread(store, e, conversation_key="talk", **said)
    await resolved(store, ticket_id)
    await erase(store, ticket_id)
    assert await standing(store, "她的话", *PERSONAL) == {}


async def test_in_a_group_only_their_own_words_go(store: Store) -> None:
    """A place where others speak stays theirs, and can be answered in."""
    group = {"conversation_key": "group", "private": False, "channel": "slack"}
    route = ReplyRoute(adapter="slack", address="C1")
    ticket_id = await write(store, "1", **group, reply_route=route)
    await resolved(store, ticket_id)
    other = {
        "sender": Sender(external_id="U2", name="同事"), "trust": Trust(level="platform"),
        "text": "同事的话", "text_full": "同事的话", "subject": "", "reply_route": route,
        "body": b"theirs", "meta": {},
    }  # fmt: skip
    await write(store, "2", external_id="C1:2", **group, **other)
    row = await store.tickets.get(ticket_id)
    assert row.state == "active", "it was reopened by the other one"
    talk = await store.conversations.find("slack", "a", "group")
    assert talk is not None
    assert (await store.ways_back.of(talk.id)).route.address == "C1"
    with pytest.raises(Conflict):
        await erase(store, ticket_id)
    await store.tickets.move(ticket_id, row.owner_id or "", TicketState.RESOLVED)
    await erase(store, ticket_id)
    assert set(await standing(store, "同事的话")) == {"message"}
    assert await standing(store, NAME, PHONE, WORDS, "raw-bytes") == {}
    await write(store, "3", **group, **other)
    assert (await store.ways_back.of(talk.id)).route.address == "C1"
    tickets = await store.tickets.of_conversation(talk.id)
    assert {row.state for row in tickets} == {"closed", "waiting"}


async def test_a_group_is_not_handed_to_somebody_who_has_gone(store: Store) -> None:
    """Nothing can be sealed for them: whoever speaks there next could not be read."""
    group = {"conversation_key": "group", "private": False, "channel": "slack"}
    spoken = {"trust": Trust(level="platform"), "subject": "", "body": b"theirs", "meta": {}}
    hosts = await write(store, "1", **group)
    sender = Sender(external_id="U2", name="同事")
    await write(store, "2", external_id="C1:2", **group, **spoken, sender=sender, text="同事的话")
    await resolved(store, hosts)
    query = select(identity.c.customer_id).join(message).where(message.c.text == "同事的话")
    async with store.db.read() as conn:
        colleague = (await conn.execute(query)).scalar_one()
    await store.erasure.erase(colleague, None, "本人要求")
    await erase(store, hosts)
    third = Sender(external_id="U3", name="第三人")
    said = await write(
        store, "3", external_id="C1:3", **group, **spoken, sender=third, text="在吗"
    )
    assert (await store.tickets.get(said)).state == "waiting"


async def test_what_is_still_being_done_is_ended_first(store: Store) -> None:
    ticket_id = await write(store, "1")
    with pytest.raises(Conflict, match="is open") as open_:
        await erase(store, ticket_id)
    assert open_.value.code == "open"
    who = await agent(store)
    assert await store.queue.claim(await decision(store, ticket_id, who), None)
    await store.tickets.reply(ticket_id, who, WORDS, "c1", TicketState.RESOLVED)
    sending = await store.outbound.lease(10, 60.0)
    assert sending is not None
    with pytest.raises(Conflict, match="being sent"):
        await erase(store, ticket_id, despite="no reason helps")
    assert WORDS in (await standing(store))["message"]


async def test_what_has_not_gone_out_is_withdrawn(store: Store) -> None:
    ticket_id = await write(store, "1")
    who = await agent(store)
    assert await store.queue.claim(await decision(store, ticket_id, who), None)
    await store.tickets.reply(ticket_id, who, WORDS, "c1", TicketState.RESOLVED)
    await erase(store, ticket_id)
    assert await standing(store) == {}
    assert await store.outbound.lease(10, 60.0) is None
    assert await store.outbound.counts() == {}


async def test_a_complaint_is_kept_for_its_time(store: Store, clock: FakeClock) -> None:
    ticket_id, owner = await secretive(store, "webchat")
    await store.tickets.move(ticket_id, owner, TicketState.RESOLVED)
    with pytest.raises(Conflict) as kept:
        await erase(store, ticket_id)
    assert kept.value.code == "kept"
    assert "note" in await standing(store, SECRET)
    await erase(store, ticket_id, despite="监管部门要求")
    history = await store.tickets.history(ticket_id)
    (line,) = [line for line in history if line["action"] == "customer.erase"]
    assert line["detail"] == {"reason": "本人要求", "despite": "监管部门要求"}
    assert "note" not in await standing(store, SECRET)


async def test_nobody_learns_from_them(store: Store) -> None:
    ticket_id = await write(store, "1")
    who = await agent(store)
    assert await store.queue.claim(await decision(store, ticket_id, who), None)
    await store.tickets.correct(ticket_id, who, "domain", "售后", None)
    await store.tickets.reply(ticket_id, who, "已补发", "c1", TicketState.RESOLVED)
    await sent(store)
    await erase(store, ticket_id)
    (one,) = await store.corrections.all()
    assert (one.excluded, one.text, one.subject) == (True, "", "")
    assert await store.examples.answers([ticket_id]) == {}
    (question,) = await store.examples.questions([ticket_id])
    assert (question.subject, question.text) == ("", "")


async def test_a_merger_with_them_is_not_undone(store: Store) -> None:
    one = await write(store, "1")
    two = await write(store, "2")
    boss = await agent(store, "boss")
    await store.merging.merge(one, two, boss)
    await resolved(store, two)
    await erase(store, two)
    with pytest.raises(Conflict, match="was erased"):
        await store.merging.undo(one, boss)


async def test_killed_anywhere_it_is_done_whole_or_not_at_all(store: Store) -> None:
    ticket_id = await write(store, "1")
    await resolved(store, ticket_id)
    customer_id = await customer_of(store, ticket_id)

    async def left() -> tuple[dict[str, set[str]], bool]:
        return await standing(store), await store.erasure.at(customer_id) is not None

    before = await left()
    steps = 0
    while True:
        steps += 1
        try:
            await _cancelled_at(steps, store, erase(store, ticket_id))
        except asyncio.CancelledError:
            assert await left() in (before, ({}, True))
            continue
        break
    assert steps > 20
    assert await left() == ({}, True)


async def _cancelled_at(step: int, store: Store, work: Any) -> None:
    """Cancels ``work`` while its statement of this number is on the way; a commit is one, too.

    Returns where it is over before. To the database, whatever stops between two statements has
    stopped at the later one, so none is left out and none is tried twice.
    """
    task = asyncio.ensure_future(work)
    sent = 0

    def count(*_: Any) -> None:
        nonlocal sent
        sent += 1
        if sent == step:
            task.cancel()

    engine = store.db._writer.sync_engine
    for name in ("before_cursor_execute", "commit"):
        event.listen(engine, name, count)
    try:
        await task
    finally:
        for name in ("before_cursor_execute", "commit"):
            event.remove(engine, name, count)


@pytest.mark.parametrize("after", [0, 5, 15, 40])
async def test_what_comes_in_meanwhile_is_somebodys_or_nobodys(store: Store, after: int) -> None:
    """They write while they are erased: the words are a new customer's, or there is no erasure."""
    ticket_id = await write(store, "1", conversation_key="talk")
    await resolved(store, ticket_id)
    e = envelope("again", now=await store.db.now(), channel="email", account="a", lane=Lane.MAIL)
    await store.envelopes.accept([e])
    lease = await leased(store, Lane.MAIL)
    said = Incoming(e.id, inbound(e, conversation_key="talk", text=WORDS, **MAIL), Lane.MAIL)

    async def come() -> None:
        async with store.db.write() as tx:
            await store.threads.thread(tx, lease.token, [e.id], [said])

    async def erased() -> bool:
        for _ in range(after):
            await asyncio.sleep(0)
        try:
            await erase(store, ticket_id)
        except (Conflict, Temporary):
            return False
        return True

    coming = asyncio.ensure_future(come())
    done = await erased()
    try:
        await coming
    except Temporary:  # given back, and read again
        await come()
    m, c = message.c, customer.c
    query = (
        select(m.text, c.erased_at)
        .join(identity, identity.c.id == m.identity_id)
        .join(customer, c.id == identity.c.customer_id)
    )
    async with store.db.read() as conn:
        rows = [tuple(row) for row in await conn.execute(query.order_by(m.id))]
        key = (await conn.execute(select(conversation.c.key))).scalars().all()
    assert len(rows) == 2
    assert all(not text for text, at in rows if at is not None)
    assert [text for text, at in rows if at is None] == [WORDS] * (1 if done else 2)
    assert sum(one == "talk" for one in key) == 1


async def test_nobody_is_found_by_what_was_erased(store: Store) -> None:
    ticket_id = await write(store, "m1")
    li = Sender(external_id="li@example.com")
    other = await write(store, "m2", sender=li, text="别的事", subject="", text_full="别的事")
    await resolved(store, ticket_id)
    await index(store)
    asked = ("我的订单", "欧阳娜娜", ADDRESS, PHONE, "8842")
    for words in asked:
        assert ticket_id in await find(store, words), words
    await erase(store, ticket_id)
    for _ in range(2):  # at once, and when what is left has been read again
        for words in asked:
            assert not await store.search.candidates(question(words), None, 10), words
        await index(store)
    number = (await store.tickets.get(ticket_id)).number
    assert await find(store, number) == [ticket_id]
    assert await find(store, "别的事") == [other]


async def test_a_file_that_was_being_fetched_goes_too(store: Store, clock: FakeClock) -> None:
    pending = SCAN.model_copy(update={"sha256": None, "state": "pending"})
    meta = {"files": {pending.id: {"url": f"https://files.example/{NAME}"}}}
    ticket_id = await write(store, "1", attachments=(pending,), meta=meta)
    await resolved(store, ticket_id)
    (due,) = await store.files.lease(10, 60.0, ["email"])
    await erase(store, ticket_id)
    assert await standing(store) == {}
    assert not await store.files.store(due, File(FILE, "application/pdf"))
    assert await store.files.lease(10, 60.0, ["email"]) == []
    clock.pass_(1000.0)
    assert await store.orphaned_blobs.delete() == 1
    with pytest.raises(NotFound):
        await store.blobs.get(FILE_HASH)


async def test_what_webhooks_are_owed_names_them_no_more(store: Store) -> None:
    admin = await agent(store, "admin")
    hook, _ = await store.webhooks.add("https://example.com/", [], b"secret", admin)
    ticket_id = await write(store, "1")
    await resolved(store, ticket_id)
    await store.webhooks.spread()
    assert ADDRESS in str((await standing(store))["webhook_event"])
    await erase(store, ticket_id)
    assert await standing(store) == {}
    due = await store.webhooks.lease(hook, 100, 60.0)
    assert all(json.loads(one.body)["kind"] for one in due)


async def test_what_a_webhook_that_is_stopped_is_owed_names_them_no_more(
    store: Store, clock: FakeClock
) -> None:
    """What it is owed outlives the events that it is made of."""
    admin = await agent(store, "admin")
    hook, _ = await store.webhooks.add("https://example.com/", [], b"secret", admin)
    ticket_id = await write(store, "1")
    await resolved(store, ticket_id)
    await store.webhooks.spread()
    await store.webhooks.enable(hook, admin, enabled=False)
    clock.pass_(40 * 86400.0)
    await store.events.forget(clock.now)
    await store.webhooks.forget(clock.now)
    assert ADDRESS in str((await standing(store))["webhook_event"])
    await erase(store, ticket_id)
    assert await standing(store) == {}


async def test_nothing_is_entered_of_who_was_erased(store: Store) -> None:
    ticket_id = await write(store, "1")
    who = await resolved(store, ticket_id)
    await erase(store, ticket_id)
    with pytest.raises(Conflict):
        await store.surveys.enter(ticket_id, Answer(words=WORDS), who, 86_400.0, 86_400.0)
    assert await standing(store) == {}
