"""Who adds to their own earlier mail comes into its ticket; nobody else does."""

from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from models.message import Lane, Recipient, ReplyRoute, Sender, Trust
from models.store import Store
from models.store.dialogue.incoming import Incoming
from models.store.intake import continuing
from models.store.intake.envelopes import Leased
from models.tables import message, ticket
from models.ticket import TicketState
from tests.contract.store.makers import agent, envelope, inbound, leased, routed, thread
from tests.contract.store.meeting import Move, meeting
from tests.contract.store.plans import read_whole, watched
from tests.fakes import FakeClock

VERIFIED = Trust(level="verified", method="dmarc", proves=("email",))
CLAIMED = Trust(level="claimed")
FAILED = Trust(level="failed")


def mail(name: str, *continues: str, **options: Any) -> dict[str, Any]:
    """A message as the reader of mails makes it, of a conversation of its own."""
    meta = {"message_id": f"{name}@x.example"}
    if continues:
        meta["continues"] = [f"{one}@x.example" for one in continues]  # type: ignore[assignment]
    defaults = {
        "external_id": f"{name}@x.example#{options.get('body', name)}",
        "conversation_key": f"talk-{options.pop('body', name)}",
        "meta": meta,
        "trust": CLAIMED,
        "reply_route": ReplyRoute(adapter="email", address="wang@example.com"),
    }
    return defaults | options


async def come(store: Store, key: str, said: dict[str, Any], account: str = "service") -> None:
    e = envelope(
        key, now=await store.db.now(), channel="email", account=account, lane=Lane.MAIL
    )  # fmt: skip
    await thread(store, e, **said)


async def talks(store: Store) -> list[list[str]]:
    """The tickets, each with the keys of the mails that are in it, in their order."""
    t, m = ticket.c, message.c
    query = (
        select(t.id, m.external_id).join(message, m.ticket_id == t.id).order_by(t.number, m.seq)
    )
    found: dict[str, list[str]] = {}
    async with store.db.read() as conn:
        for ticket_id, external_id in await conn.execute(query):
            found.setdefault(ticket_id, []).append(external_id.partition("@")[0])
    return list(found.values())


async def test_what_was_forgotten_comes_into_the_ticket_of_the_mail(store: Store) -> None:
    await come(store, "1", mail("m1"))
    await come(store, "2", mail("m2", "m1", text="附件忘了"))
    await come(store, "3", mail("m3", "unknown", "m2", "m1"))
    assert await talks(store) == [["m1", "m2", "m3"]]
    (found,) = await store.tickets.page()
    log = await store.conversations.log(found.conversation_id)
    assert [entry.quarantined for entry in log] == [False] * 3
    (due,) = await store.queue.unlabelled(10)
    assert "附件忘了" in due.text
    async with store.db.read() as conn:
        facts = (await conn.execute(select(message.c.meta).order_by(message.c.seq))).scalars()
        assert [fact.get("threaded_by") for fact in facts] == [None, "own", "own"]


ELSEWHERE = ReplyRoute(adapter="email", address="other@example.com")
OTHER = Sender(external_id="zhao@example.com", email="zhao@example.com")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"sender": OTHER}),
        ({"trust": VERIFIED}, {"trust": CLAIMED}),
        ({}, {"trust": FAILED}),
        ({"trust": FAILED}, {"trust": FAILED}),
        ({"trust": FAILED}, {"trust": VERIFIED}),
        ({}, {"reply_route": ELSEWHERE}),
        ({"trust": VERIFIED}, {"trust": VERIFIED, "reply_route": ELSEWHERE}),
        ({}, {"reply_route": None}),
    ],
)
@pytest.mark.parametrize("together", [False, True])
async def test_everybody_else_has_a_ticket_of_their_own(
    store: Store, first: dict[str, Any], second: dict[str, Any], together: bool
) -> None:
    await _both(store, mail("m1", **first), mail("m2", "m1", **second), together=together)
    assert await talks(store) == [["m1"], ["m2"]]


LI = Recipient(address="Li@firm.example", name="李四")
LIS = Sender(external_id="li@firm.example", email="li@Firm.example", name="李四")


async def whose(store: Store) -> list[tuple[bool, bool]]:
    """Of the messages, in their order: quarantined, and as those of who is in copy."""
    (found,) = await store.tickets.page()
    log = await store.conversations.log(found.conversation_id)
    return [(entry.quarantined, entry.in_copy) for entry in log]


@pytest.mark.parametrize("together", [False, True])
async def test_who_is_in_copy_and_answers_the_customers_mail_to_all_comes_into_its_ticket(
    store: Store, together: bool
) -> None:
    """As somebody whom the customer put in copy, and not as the customer."""
    answer = mail("m2", "m1", sender=LIS, reply_route=ELSEWHERE, text="投诉", text_full="投诉")
    later = mail("m3", "m2", "m1", sender=LIS)
    await _both(store, mail("m1", cc=(LI,)), answer, later, together=together)
    assert await talks(store) == [["m1", "m2", "m3"]]
    assert await whose(store) == [(False, False), (True, True), (True, True)]
    (due,) = await store.queue.unlabelled(10)
    assert "投诉" not in due.text
    talk = (await store.tickets.page())[0].conversation_id
    way = await store.ways_back.of(talk)
    assert way.route.address == "wang@example.com"
    assert [one.chosen for one in way.cc] == [False]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"cc": ()}, {}),
        ({}, {"sender": OTHER}),
        ({}, {"trust": FAILED}),
        ({"trust": FAILED}, {}),
        ({}, {"sender": Sender(external_id="li", name="li@firm.example")}),
        # Not the customer of the conversation that it is in.
        (
            {
                "sender": OTHER,
                "conversation_key": "talk-m0",
                "meta": {"message_id": "m1@x.example", "threaded_by": "address"},
            },
            {},
        ),
    ],
)
@pytest.mark.parametrize("together", [False, True])
async def test_nobody_else_who_knows_the_name_does(
    store: Store, first: dict[str, Any], second: dict[str, Any], together: bool
) -> None:
    """Who guesses it, or has it from an archive, has a ticket of their own."""
    mails = (
        mail("m0"),
        mail("m1", **{"cc": (LI,)} | first),
        mail("m2", "m1", **{"sender": LIS} | second),
    )
    await _both(store, *mails, together=together)
    (*_, own) = await talks(store)
    assert own == ["m2"]


@pytest.mark.parametrize("together", [False, True])
async def test_who_is_in_copy_never_has_the_customers_conversation(
    store: Store, together: bool
) -> None:
    """Their answer was there before the mail that it answers."""
    await _both(store, mail("m2", "m1", sender=LIS), mail("m1", cc=(LI,)), together=together)
    assert await talks(store) == [["m2"], ["m1"]]


@pytest.mark.parametrize("together", [False, True])
async def test_whom_somebody_in_copy_names_does_not(store: Store, together: bool) -> None:
    zhao = Recipient(address="zhao@example.com")
    mails = (
        mail("m1", cc=(LI,)),
        mail("m2", "m1", sender=LIS, cc=(zhao,)),
        mail("m3", "m2", sender=OTHER),
    )
    await _both(store, *mails, together=together)
    assert await talks(store) == [["m1", "m2"], ["m3"]]


async def test_what_was_set_down_comes_back_by_the_word_of_who_is_in_copy(store: Store) -> None:
    await come(store, "1", mail("m1", cc=(LI,)))
    (due,) = await store.queue.unlabelled(10)
    await store.queue.route([routed(due)])
    await store.tickets.take(due.ticket_id, who := await agent(store))
    await store.tickets.move(due.ticket_id, who, TicketState.PENDING)
    await come(store, "2", mail("m2", "m1", sender=LIS))
    assert (await store.tickets.get(due.ticket_id)).state == TicketState.WAITING


@pytest.mark.parametrize("together", [False, True])
async def test_who_is_proven_now_may_go_on_from_what_was_claimed(
    store: Store, together: bool
) -> None:
    await _both(store, mail("m1"), mail("m2", "m1", trust=VERIFIED), together=together)
    assert await talks(store) == [["m1", "m2"]]


@pytest.mark.parametrize("sender", [{}, {"sender": OTHER}], ids=["own", "a stranger's"])
@pytest.mark.parametrize("together", [False, True])
async def test_a_name_that_two_mails_have_leads_nowhere(
    store: Store, sender: dict[str, Any], together: bool
) -> None:
    again = mail("m1", body="another", **sender)
    await _both(store, mail("m1"), again, mail("m2", "m1"), together=together)
    assert await talks(store) == [["m1"], ["m1"], ["m2"]]


async def test_another_account_is_another_world(store: Store) -> None:
    await come(store, "1", mail("m1"))
    await come(store, "2", mail("m2", "m1"), account="sales")
    assert len(await talks(store)) == 2


async def test_who_was_quarantined_stays_so(store: Store) -> None:
    await come(store, "1", mail("m1"))
    # With the signed address of the conversation in hand, as somebody in copy has it.
    await come(store, "2", mail("m2", sender=OTHER, conversation_key="talk-m1"))
    await come(store, "3", mail("m3", "m2", sender=OTHER, reply_route=ELSEWHERE))
    assert await talks(store) == [["m1", "m2", "m3"]]
    (found,) = await store.tickets.page()
    log = await store.conversations.log(found.conversation_id)
    assert [entry.quarantined for entry in log] == [False, True, True]
    assert (await store.ways_back.of(found.conversation_id)).route.address == "wang@example.com"


async def test_a_batch_goes_on_from_itself_in_whatever_order(store: Store) -> None:
    mails = [mail("m3", "m2", "m1"), mail("m1"), mail("m2", "m1"), mail("n", "n")]
    await _both(store, *mails, together=True)
    assert sorted(map(sorted, await talks(store))) == [["m1", "m2", "m3"], ["n"]]


async def test_two_that_name_each_other_are_one(store: Store) -> None:
    await _both(store, mail("m1", "m2"), mail("m2", "m1"), together=True)
    assert sorted(map(sorted, await talks(store))) == [["m1", "m2"]]


async def test_a_mail_that_was_changed_is_one_mail(store: Store) -> None:
    await come(store, "1", mail("m1"))
    await come(store, "2", mail("m1", kind="edit", revision=1))
    await come(store, "3", mail("m2", "m1"))
    assert len(await store.tickets.page()) == 1


async def test_after_the_window_it_is_a_new_ticket_that_follows_the_old(
    store: Store, clock: FakeClock
) -> None:
    await come(store, "1", mail("m1"))
    (due,) = await store.queue.unlabelled(10)
    await store.queue.route([routed(due)])
    await store.tickets.take(due.ticket_id, agent_id := await agent(store))
    await store.tickets.move(due.ticket_id, agent_id, TicketState.RESOLVED)
    clock.pass_(8 * 86400)
    await come(store, "2", mail("m2", "m1"))
    assert await talks(store) == [["m1"], ["m2"]]
    (after,) = [t for t in await store.tickets.page() if t.id != due.ticket_id]
    assert after.predecessor_id == due.ticket_id


async def test_a_long_name_is_found_whole(store: Store) -> None:
    for key, end in enumerate("ab"):
        await come(store, str(key), mail("x" * 300 + end))
    await come(store, "3", mail("m3", "x" * 300 + "b"))
    assert [len(names) for names in await talks(store)] == [1, 2]


@pytest.mark.unused_database
async def test_the_earlier_mail_is_found_by_its_index(store: Store) -> None:
    await come(store, "1", mail("m1"))
    async with watched(store.db) as asked:
        await come(store, "2", mail("m2", "m1"))
    assert any("known_as IN" in statement for statement in asked.statements)
    assert await read_whole(store, asked) == []


async def test_mail_that_names_nothing_costs_no_statement(store: Store) -> None:
    async with watched(store.db) as asked:
        await come(store, "1", mail("m1"))
    costly = ("known_as IN", "min(envelope.id)")
    assert not any(part in statement for statement in asked.statements for part in costly)


async def apart(store: Store, *said: dict[str, Any]) -> list[Move]:
    """Each mail in the hands of a worker of its own, who threads it when called."""
    start = await store.db.now()
    moves: list[Move] = []
    for n, one in enumerate(said):
        box = {"channel": "email", "account": "service", "lane": Lane.MAIL}
        await store.envelopes.accept([envelope(str(n), now=start + n / 1000, **box)])
        lease = await leased(store, Lane.MAIL)
        moves.append(partial(_read, store, lease, one))
    return moves


async def _read(store: Store, lease: Leased, said: dict[str, Any]) -> None:
    (e,) = lease.envelopes
    async with store.db.write() as tx:
        items = [Incoming(e.id, inbound(e, **said), e.lane)]
        await store.threads.thread(tx, lease.token, [e.id], items)


async def test_a_mail_waits_for_one_before_it_that_another_worker_reads(
    store: Store, clock: FakeClock
) -> None:
    first, second = await apart(store, mail("m1"), mail("m2", "m1"))
    await second()
    assert await talks(store) == []
    await first()
    clock.pass_(1)
    await _read(store, await leased(store, Lane.MAIL), mail("m2", "m1"))
    assert await talks(store) == [["m1", "m2"]]
    assert (await store.envelopes.backlog())["mail"] == 0


async def test_two_mails_that_are_read_at_one_moment_are_one_ticket(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await apart(store, mail("m1"), mail("m2", "m1"))
    await meeting(store, monkeypatch, first, second)
    clock.pass_(1)
    again = await store.envelopes.lease(Lane.MAIL, 10, 30.0)
    if store.db.dialect == "sqlite":
        # There the second had to wait for the first anyway.
        assert again is None
    else:
        assert again is not None
        await _read(store, again, mail("m2", "m1"))
    assert await talks(store) == [["m1", "m2"]]


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)  # SQLite has one writer at a time
async def test_what_is_stored_while_another_asks_is_seen(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first commits between what the second asks of envelopes and what it asks of names."""
    first, second = await apart(store, mail("m1"), mail("m2", "m1"))
    being_read = continuing._being_read

    async def late(*given: Any) -> Any:
        found = await being_read(*given)
        await first()
        return found

    monkeypatch.setattr(continuing, "_being_read", late)
    await second()
    assert await talks(store) == [["m1", "m2"]]


async def test_nobody_waits_for_what_came_later_or_failed_or_is_elsewhere(store: Store) -> None:
    elsewhere = {"channel": "email", "account": "sales", "lane": Lane.MAIL}
    await store.envelopes.accept([envelope("s", now=1.0, **elsewhere)])
    await leased(store, Lane.MAIL)
    await store.envelopes.accept([envelope("f", now=2.0, **elsewhere | {"account": "service"})])
    await store.envelopes.fail(await leased(store, Lane.MAIL), "died", 3, 0.0)
    second, first = await apart(store, mail("m2", "m1"), mail("m1"))
    await second()
    assert await talks(store) == [["m2"]]
    await first()


async def test_of_two_that_name_each_other_one_goes_on(store: Store, clock: FakeClock) -> None:
    first, second = await apart(store, mail("m1", "m2"), mail("m2", "m1"))
    await second()
    await first()
    clock.pass_(1)
    await _read(store, await leased(store, Lane.MAIL), mail("m2", "m1"))
    assert await talks(store) == [["m1", "m2"]]


async def _both(store: Store, *said: dict[str, Any], together: bool) -> None:
    """The mails in this order, each by itself or all in one batch."""
    if not together:
        for key, one in enumerate(said):
            await come(store, str(key), one)
        return
    start = await store.db.now()
    envelopes = [
        envelope(str(n), now=start + n / 1000, channel="email", account="service", lane=Lane.MAIL)
        for n in range(len(said))
    ]
    await store.envelopes.accept(envelopes)
    lease = await leased(store, Lane.MAIL)
    items = [
        Incoming(e.id, inbound(e, **one), e.lane) for e, one in zip(envelopes, said, strict=True)
    ]
    async with store.db.write() as tx:
        await store.threads.thread(tx, lease.token, [e.id for e in envelopes], items)
