"""Edits, deletions and reports of platforms: the same outcome in whatever order they come."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from models.message import Sender, SendResult
from models.store import Store
from models.store.dialogue.conversations import Entry
from models.store.dialogue.incoming import Incoming
from models.ticket import Label, Labels, Reason, TicketState
from tests.contract.store.makers import (
    agent,
    envelope,
    inbound,
    leased,
    owned,
    replied,
    routed,
    thread,
    tried,
    waiting,
)
from tests.fakes import FakeClock

EDIT: dict[str, Any] = {"kind": "edit", "external_id": "k1", "conversation_key": "talk-k1"}
DELETE = EDIT | {"kind": "delete"}
ORIGINAL = EDIT | {"kind": "message"}


def words(text: str) -> dict[str, Any]:
    return {"text": text, "text_full": text}


async def log_of(store: Store, key: str = "talk-k1") -> list[Entry]:
    talk = await store.conversations.find("webchat", "site", key)
    assert talk is not None
    return await store.conversations.log(talk.id)


async def shown(store: Store) -> list[Entry]:
    return [entry for entry in await log_of(store) if entry.changes_id is None]


async def together(store: Store, messages: Sequence[dict[str, Any]]) -> None:
    """Several messages in one batch."""
    envelopes = [envelope(f"b{n} {m['external_id']}") for n, m in enumerate(messages)]
    await store.envelopes.accept(envelopes)
    lease = await leased(store)
    items = [
        Incoming(e.id, inbound(e, **options), e.lane)
        for e, options in zip(envelopes, messages, strict=True)
    ]
    async with store.db.write() as tx:
        await store.threads.thread(tx, lease.token, [e.id for e in envelopes], items)


async def test_an_edit_shows_as_an_edit_with_its_history(store: Store) -> None:
    ticket_id = await waiting(store, text="包裹没动")
    await thread(store, envelope("e"), **EDIT, revision=1, **words("包裹丢了，要投诉"))
    original, note = await log_of(store)
    assert original.text == original.text_full == "包裹丢了，要投诉"
    assert [v["text"] for v in original.versions] == ["包裹没动", "包裹丢了，要投诉"]
    assert (note.kind, note.text, note.changes_id) == ("edit", "", original.id)
    (due,) = await store.queue.unlabelled(10)
    assert (due.ticket_id, due.text) == (ticket_id, "包裹丢了，要投诉")


async def test_an_edit_of_a_greeting_ends_its_hold(store: Store) -> None:
    await thread(store, envelope("k1"), hollow=True, **ORIGINAL | words("在吗"))
    assert await store.queue.unlabelled(10) == []
    await thread(store, envelope("e"), **EDIT, revision=1, **words("包裹丢了"))
    (due,) = await store.queue.unlabelled(10)
    assert due.text == "包裹丢了"


async def test_a_deletion_leaves_no_word_and_an_audit_line(store: Store) -> None:
    ticket_id = await waiting(store, text="我的身份证号是 110")
    reasons = (Reason(kind="w", text="身份证", weight=1.0),)
    label = Label(value="投诉", confidence=0.9, accepted=True, reasons=reasons)
    await thread(store, envelope("e"), **EDIT, revision=1, **words("身份证号 110101"))
    (due,) = await store.queue.unlabelled(10)
    labels = Labels(facets={"type": label}, bundle="b1")
    await store.queue.route([routed(due, labels=labels)])
    await thread(store, envelope("d"), **DELETE, text="", text_full="")
    original, *notes = await log_of(store)
    assert original.withdrawn_at is not None
    assert [note.kind for note in notes] == ["edit", "delete"]
    told = repr([original, *notes, await store.tickets.get(ticket_id)])
    told += repr(await store.events.of_ticket(ticket_id))
    assert "身份证" not in told
    (line,) = await store.tickets.history(ticket_id)
    assert (line["action"], line["agent_id"]) == ("message.withdrawn", None)
    assert line["detail"]["message"] == original.id
    (due,) = await store.queue.unlabelled(10)
    assert (due.text, due.identity_id) == ("", "")  # nobody to acknowledge it to


THREE = (
    ORIGINAL | words("一"),
    EDIT | {"revision": 1} | words("二"),
    EDIT | {"revision": 2} | words("三"),
)


ORDERS = list(permutations(range(3)))


async def in_order(
    store: Store, messages: Sequence[dict[str, Any]], order: Sequence[int], batched: bool
) -> str:
    """Brings them in this order, in a conversation of its own; its key."""
    key = f"talk-{order}"
    place = {"external_id": f"k{order}", "conversation_key": key}
    brought = [messages[n] | place for n in order]
    if batched:
        await together(store, brought)
    for n, options in enumerate(brought if not batched else []):
        await thread(store, envelope(f"{order}{n}"), **options)
    return key


@pytest.mark.parametrize("batched", [False, True])
async def test_versions_come_in_any_order(store: Store, batched: bool) -> None:
    for order in ORDERS:
        key = await in_order(store, THREE, order, batched)
        entry, *notes = sorted(await log_of(store, key), key=lambda e: e.changes_id or "")
        versions = [(v["revision"], v["text"]) for v in entry.versions]
        assert (entry.text, versions) == ("三", [(0, "一"), (1, "二"), (2, "三")])
        assert {note.changes_id for note in notes} == {entry.id}
        assert {entry.seq, *(note.seq for note in notes)} == {1, 2, 3}
    assert len(await store.tickets.page()) == len(ORDERS)
    assert {due.text for due in await store.queue.unlabelled(10)} == {"三"}


@pytest.mark.parametrize("batched", [False, True])
async def test_a_deletion_wins_in_any_order(store: Store, batched: bool) -> None:
    for order in ORDERS:
        key = await in_order(store, (*THREE[:2], DELETE | words("")), order, batched)
        (entry,) = [entry for entry in await log_of(store, key) if entry.changes_id is None]
        assert (entry.text, entry.versions, entry.attachments) == ("", (), [])
        assert entry.withdrawn_at is not None
        assert len(await store.tickets.history(entry.ticket_id)) == 1


async def test_a_deletion_waits_for_its_message_and_makes_no_ticket(store: Store) -> None:
    await thread(store, envelope("d"), **DELETE, text="", text_full="")
    await thread(store, envelope("d again"), **DELETE, text="", text_full="")
    assert await store.tickets.page() == []
    assert await log_of(store) == []
    await thread(store, envelope("k1"), **ORIGINAL)
    (entry,) = await log_of(store)
    assert (entry.text, entry.withdrawn_at is None) == ("", False)


@pytest.mark.parametrize("batched", [False, True])
async def test_a_deletion_that_comes_first_makes_nobody_a_stranger(
    store: Store, batched: bool
) -> None:
    """A platform may tell of it without saying who wrote what is gone."""
    gone = DELETE | {"external_id": "k0", "sender": Sender(external_id="unknown")}
    said = ORIGINAL | words("包裹没动")
    for batch in [[gone, said]] if batched else [[gone], [said]]:
        await together(store, batch)
    await thread(store, envelope("k2"), conversation_key="talk-k1", **words("还是没动"))
    entries = await shown(store)
    assert [entry.text for entry in entries] == ["包裹没动", "还是没动"]
    assert [entry.quarantined for entry in entries] == [False, False]
    stranger = Sender(external_id="somebody else")
    await thread(store, envelope("k3"), conversation_key="talk-k1", sender=stranger, **words("x"))
    assert [entry.quarantined for entry in await shown(store)] == [False, False, True]


async def test_repeats_change_nothing(store: Store) -> None:
    await thread(store, envelope("k1"), **ORIGINAL)
    for n in range(2):
        await thread(store, envelope(f"e{n}"), **EDIT, revision=1, **words("改"))
    (entry, _note) = await log_of(store)
    assert len(entry.versions) == 2
    for n in range(2):
        await thread(store, envelope(f"d{n}"), **DELETE, revision=n, text="", text_full="")
    await thread(store, envelope("late"), **EDIT, revision=7, **words("再改"))
    entry, *notes = await log_of(store)
    assert entry.text == ""
    assert [note.kind for note in notes] == ["edit", "delete", "edit"]


async def test_nobody_edits_the_words_of_another(store: Store) -> None:
    await thread(store, envelope("k1"), **ORIGINAL | words("我的话"))
    other = Sender(external_id="somebody else")
    await thread(store, envelope("e"), **EDIT, revision=1, sender=other, **words("不是我的话"))
    mine, theirs = await log_of(store)
    assert (mine.text, mine.versions) == ("我的话", ())
    assert (theirs.text, theirs.quarantined, theirs.changes_id) == ("不是我的话", True, None)


async def test_a_change_finds_its_message_in_another_conversation(store: Store) -> None:
    await thread(store, envelope("k1"), **ORIGINAL)
    elsewhere = EDIT | {"conversation_key": "elsewhere", "revision": 1} | words("改")
    await thread(store, envelope("e"), **elsewhere)
    assert [entry.text for entry in await shown(store)] == ["改"]
    assert await store.conversations.find("webchat", "site", "elsewhere") is None


async def test_a_change_reopens_nothing_and_stays_with_its_ticket(
    store: Store, clock: FakeClock
) -> None:
    first, person = await owned(store)
    await store.tickets.move(first, person, TicketState.RESOLVED)
    clock.pass_(30 * 86400.0)
    await thread(store, envelope("k2", now=clock()), conversation_key="talk-k1")
    second = next(t for t in await store.tickets.page() if t.id != first)
    before = await store.tickets.get(second.id)
    await thread(store, envelope("e"), **EDIT, revision=1, **words("改"))
    entries = {entry.external_id: entry for entry in await shown(store)}
    assert (entries["k1"].text, entries["k1"].ticket_id) == ("改", first)
    assert (await store.tickets.get(first)).state == TicketState.RESOLVED
    assert await store.tickets.get(second.id) == before


async def answered(store: Store, provider_id: str) -> str:
    answer = await replied(store, TicketState.RESOLVED)
    await tried(store, answer, SendResult("sent", provider_id))
    return answer


async def report(store: Store, key: str, ref: str, state: str, error: str = "") -> None:
    meta = {"state": state, "error": error}
    options = {"kind": "status", "reply_to_external_id": ref, "meta": meta}
    await thread(store, envelope(key), conversation_key="dsn", **options)


async def fate(store: Store) -> tuple[str, str | None]:
    (entry,) = [entry for entry in await log_of(store) if entry.side == "us"]
    return entry.state, entry.error


async def test_a_report_settles_the_answer_it_names(store: Store) -> None:
    answer = await answered(store, "<a@shouli>")
    await report(store, "s0", "<other@shouli>", "failed")
    assert await fate(store) == ("sent", None)
    await report(store, "s1", "<a@shouli>", "delivered")
    assert await fate(store) == ("delivered", None)
    for n in range(2):  # the same bounce, brought by two envelopes
        await report(store, f"s2{n}", answer, "failed", "550 no such user")
    await report(store, "s3", "<a@shouli>", "delivered")
    assert await fate(store) == ("failed", "550 no such user")
    assert await store.conversations.find("webchat", "site", "dsn") is None
    assert len(await store.tickets.page()) == 1
    states = [e.data["state"] for e in await store.events.after(0) if e.kind == "outbound.state"]
    assert states == ["sent", "delivered", "failed"]


async def test_what_has_arrived_is_not_sent_again(store: Store) -> None:
    """A person has it sent once more; before it is, the platform says that it had arrived."""
    answer = await answered(store, "<a@shouli>")
    await report(store, "s1", "<a@shouli>", "failed", "?")
    await store.outbound.decide(answer, await agent(store, "boss"), resend=True)
    await report(store, "s2", "<a@shouli>", "delivered")
    assert await fate(store) == ("delivered", None)
    assert await store.outbound.lease(10, 30.0) is None


async def test_a_report_of_nonsense_is_ignored(store: Store) -> None:
    await answered(store, "<a@shouli>")
    await report(store, "s1", "<a@shouli>", "eaten by the dog")
    await report(store, "s2", "", "failed")
    assert await fate(store) == ("sent", None)
