"""Answers go to those whom the customer put in copy where an agent says so, and to nobody else."""

from typing import Any

import pytest
from sqlalchemy import select

from models.errors import Conflict
from models.message import OutboundMessage, Recipient, Sender, SendResult, Trust
from models.store import Store
from models.tables import conversation, message, outbound
from models.ticket import TicketState
from tests.contract.store.makers import envelope, owned, thread
from tests.contract.store.personal import erase, resolved
from tests.contract.store.personal import write as mail_comes

LI = Recipient(address="Li@firm.example", name="李四")
BO = Recipient(address="bo@firm.example")
ACT = TicketState.ACTIVE


async def comes(store: Store, key: str, *cc: Recipient, **options: Any) -> None:
    """The customer's next mail in the conversation of ticket k1."""
    options = {"conversation_key": "talk-k1", "cc": cc} | options
    await thread(store, envelope(key), **options)


async def known(store: Store, ticket_id: str) -> list[tuple[int, str, bool, bool]]:
    talk = (await store.tickets.get(ticket_id)).conversation_id
    found = (await store.ways_back.of(talk)).cc
    return [(one.number, one.address, one.current, one.chosen) for one in found]


async def next_to_send(store: Store, result: SendResult | None = None) -> OutboundMessage:
    sending = await store.outbound.lease(10, 30.0)
    assert sending is not None
    (only,) = sending.messages
    await store.outbound.finish(sending.token, only.id, result or SendResult("sent", "id-1"))
    return only


async def test_nobody_gets_a_copy_whom_no_agent_has_chosen(store: Store) -> None:
    ticket_id, who = await owned(store, cc=(LI, BO))
    assert await known(store, ticket_id) == [
        (1, "Li@firm.example", True, False), (2, "bo@firm.example", True, False),
    ]  # fmt: skip
    await store.tickets.reply(ticket_id, who, "您好", "c1", ACT)
    assert (await next_to_send(store)).cc == ()
    await store.tickets.reply(ticket_id, who, "请看", "c2", ACT, cc=[2])
    assert list((await next_to_send(store)).cc) == ["bo@firm.example"]
    # The choice stands until another one is made.
    assert [chosen for *_, chosen in await known(store, ticket_id)] == [False, True]
    talk = (await store.tickets.get(ticket_id)).conversation_id
    log = await store.conversations.log(talk)
    assert [list(entry.cc) for entry in log] == [[], [], [2]]


async def test_the_addresses_stand_nowhere_in_the_open(store: Store) -> None:
    ticket_id, who = await owned(store, cc=(LI,))
    await store.tickets.reply(ticket_id, who, "您好", "c1", ACT, cc=[1])
    async with store.db.read() as conn:
        for table in (conversation, message, outbound):
            assert "firm.example" not in str((await conn.execute(select(table))).all()).lower()


async def test_the_customer_says_who_is_in_copy(store: Store) -> None:
    """By each mail of theirs anew; a forged one and a program's say nothing, nor a stranger's."""
    ticket_id, who = await owned(store, cc=(LI,))
    await comes(store, "2", BO)
    now = [(1, "Li@firm.example", False, False), (2, "bo@firm.example", True, False)]
    assert await known(store, ticket_id) == now
    with pytest.raises(Conflict, match="others in copy"):
        await store.tickets.reply(ticket_id, who, "您好", "c1", ACT, cc=[1])
    with pytest.raises(Conflict, match="others in copy"):
        await store.tickets.reply(ticket_id, who, "您好", "c1", ACT, cc=[2, 3])
    await comes(store, "3", LI, trust=Trust(level="failed"))
    await comes(store, "4", LI, auto="auto_reply")
    await comes(
        store, "5", LI, sender=Sender(external_id="x@evil.example", email="x@evil.example")
    )
    assert await known(store, ticket_id) == now
    again = LI.model_copy(update={"address": "li@FIRM.example", "name": "李四经理"})
    await comes(store, "6", again, BO)
    assert await known(store, ticket_id) == [
        (1, "Li@firm.example", True, False), (2, "bo@firm.example", True, False),
    ]  # fmt: skip
    await comes(store, "7")
    assert [current for _, _, current, _ in await known(store, ticket_id)] == [False, False]


async def test_the_same_answer_again_has_the_same_recipients(store: Store) -> None:
    """Also once the customer has taken one of them out: it was said before."""
    ticket_id, who = await owned(store, cc=(LI, BO))
    first = await store.tickets.reply(ticket_id, who, "您好", "c1", ACT, cc=[2, 1])
    await comes(store, "2", BO)
    assert await store.tickets.reply(ticket_id, who, "您好", "c1", ACT, cc=[1, 2]) == first
    for other in ([], [1]):
        with pytest.raises(Conflict, match="client_id"):
            await store.tickets.reply(ticket_id, who, "您好", "c1", ACT, cc=other)
    assert sorted((await next_to_send(store)).cc) == ["Li@firm.example", "bo@firm.example"]


async def test_who_is_in_copy_is_heard_and_is_not_the_customer(store: Store) -> None:
    """Their mail comes into the ticket and brings it back; no label is made of it."""
    ticket_id, who = await owned(store, cc=(LI,))
    await store.tickets.reply(ticket_id, who, "您好", "c1", TicketState.PENDING, cc=[1])
    await next_to_send(store)
    for key, address, level in (
        ("2", "li@Firm.example", "claimed"), ("3", "li@firm.example", "failed"),
        ("4", "other@firm.example", "claimed"),
    ):  # fmt: skip
        sender = Sender(external_id=address.lower(), name="李四", email=address)
        trust = Trust(level=level)
        await comes(store, key, BO, sender=sender, trust=trust, text="补充", text_full="补充")
    talk = (await store.tickets.get(ticket_id)).conversation_id
    theirs = [entry for entry in await store.conversations.log(talk) if entry.side == "customer"]
    assert [(entry.quarantined, entry.in_copy) for entry in theirs] == [
        (False, False), (True, True), (True, False), (True, False),
    ]  # fmt: skip
    assert (await store.tickets.get(ticket_id)).state != TicketState.PENDING
    assert all("补充" not in due.text for due in await store.queue.unlabelled(10))
    assert [number for number, *_ in await known(store, ticket_id)] == [1]


async def test_what_is_erased_has_no_recipients_left(store: Store) -> None:
    ticket_id = await mail_comes(store, "1", cc=(LI,))
    await resolved(store, ticket_id)
    async with store.db.read() as conn:
        assert (await conn.execute(select(conversation.c.cc))).scalar_one() is not None
    await erase(store, ticket_id)
    async with store.db.read() as conn:
        assert (await conn.execute(select(conversation.c.cc))).scalar_one() is None
    assert await known(store, ticket_id) == []


# -- bounces -----------------------------------------------------------------------------


def fate(address: str, state: str = "failed") -> dict[str, str]:
    return {"address": address, "state": state, "error": "550 no such user"}


@pytest.mark.parametrize(
    ("whole", "fates", "state", "said"),
    [
        ("failed", [fate("LI@firm.example")], "sent", "L***@firm.example"),
        ("failed", [fate("wang@example.com")], "failed", "550"),
        ("failed", [fate("li@firm.example"), fate("wang@example.com")], "failed", "***@firm"),
        ("delayed", [fate("wang@example.com", "delayed"), fate("li@firm.example")], "sent", "550"),
        ("failed", [fate("elsewhere@forwarded.example")], "unknown", "核实"),
        ("failed", [], "unknown", "核实"),
        ("delivered", [fate("li@firm.example", "delivered")], "sent", ""),
        ("delivered", [fate("wang@example.com", "delivered")], "delivered", ""),
    ],
)
async def test_a_bounce_from_somebody_in_copy_is_not_the_customers(
    store: Store, whole: str, fates: list[dict[str, str]], state: str, said: str
) -> None:
    route: dict[str, Any] = {"adapter": "webchat", "address": "wang@example.com"}
    ticket_id, who = await owned(store, cc=(LI,), reply_route=route)
    answer = await store.tickets.reply(ticket_id, who, "您好", "c1", ACT, cc=[1])
    await next_to_send(store)
    meta = {"state": whole, "error": "bounced", "fates": fates}
    for key in ("b1", "b2"):
        await thread(store, envelope(key), kind="status", reply_to_external_id="id-1", meta=meta)
    assert (await store.outbound.one(answer)).state == state
    error = (await store.outbound.one(answer)).error or ""
    assert said in error
    assert error.count("***@firm.example") <= 2, "in either language, and once"
    assert "Li@firm" not in error


async def test_a_bounce_of_an_answer_to_one_is_as_it_was(store: Store) -> None:
    ticket_id, who = await owned(store, cc=(LI,))
    answer = await store.tickets.reply(ticket_id, who, "您好", "c1", ACT)
    await next_to_send(store)
    meta = {"state": "failed", "error": "bounced", "fates": [fate("forwarded@elsewhere.example")]}
    await thread(store, envelope("b"), kind="status", reply_to_external_id="id-1", meta=meta)
    told = await store.outbound.one(answer)
    assert (told.state, told.error) == ("failed", "bounced")


async def test_what_is_queued_again_stays_so_whoever_bounced(store: Store) -> None:
    ticket_id, who = await owned(store, cc=(LI,))
    answer = await store.tickets.reply(ticket_id, who, "您好", "c1", ACT, cc=[1])
    await next_to_send(store, SendResult("failed", "id-1", "refused"))
    await store.outbound.again(answer, ())
    meta = {"state": "failed", "error": "bounced", "fates": [fate("li@firm.example")]}
    async with store.db.write() as tx:
        await tx.conn.execute(outbound.update().values(provider_id="id-1"))
    await thread(store, envelope("b"), kind="status", reply_to_external_id="id-1", meta=meta)
    assert (await store.outbound.one(answer)).state == "queued"
    assert (await next_to_send(store)).id == answer
