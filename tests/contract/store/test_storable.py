"""Whatever a sender invents is held by both databases alike: PostgreSQL is the stricter one."""

import math

import pytest
from sqlalchemy import select

from models.message import Lane, ReplyRoute, Sender, SendResult
from models.store import Store
from models.tables import event
from models.texts import Said
from models.ticket import TicketState
from tests.contract.store.makers import (
    agent,
    envelope,
    inbound,
    leased,
    owned,
    routed,
    thread,
)  # fmt: skip

LONG = "长" * 700
ODD = "零\x00半\ud83d"
"""NUL, which PostgreSQL refuses, and half a surrogate pair, which nobody can encode."""


async def test_keys_longer_than_their_columns_stay_apart(store: Store) -> None:
    for tail in ("a", "b"):
        e = envelope(f"{LONG}{tail}", account=LONG, lane=Lane.MAIL)
        assert [r.outcome for r in await store.envelopes.accept([e, e])] == ["new", "new"]
        again = envelope(f"{LONG}{tail}", account=LONG, lane=Lane.MAIL)
        assert [r.outcome for r in await store.envelopes.accept([again])] == ["known"]
    lease = await leased(store, Lane.MAIL)
    assert len(lease.envelopes) == 2


async def test_long_names_of_messages_and_conversations_thread_once(store: Store) -> None:
    for i, tail in enumerate(("a", "b", "a")):
        await thread(
            store,
            envelope(f"k{i}"),
            account=LONG,
            external_id=f"{LONG}{tail}",
            conversation_key=f"{LONG}{tail}",
            order_key=LONG,
            lang="zh-" + "x" * 40,
            sender=Sender(external_id=f"{LONG}{tail}", name=LONG),
            meta={"message_id": LONG},
        )
    found = await store.tickets.page()
    assert len(found) == 2
    logs = [await store.conversations.log(t.conversation_id) for t in found]
    assert [len(log) for log in logs] == [1, 1]


async def test_nul_and_half_a_pair_pass_every_text(store: Store) -> None:
    e = envelope(f"k{ODD}", transport={"helo": ODD, "weight": math.inf})
    message = inbound(e).model_copy(
        update={
            "text": f"您好{ODD}", "text_full": ODD, "html": ODD, "subject": ODD,
            "external_id": ODD, "conversation_key": ODD, "order_key": ODD, "lang": ODD,
            "meta": {"a": ODD, "score": math.nan, ODD: [-math.inf]},
            "reply_route": ReplyRoute(adapter="webchat", address="talk"),
        }
    )  # fmt: skip
    from models.store.dialogue.incoming import Incoming

    await store.envelopes.accept([e])
    lease = await leased(store)
    assert lease.envelopes[0].transport["weight"] is None
    item = Incoming(e.id, message, e.lane, trouble=ODD)
    async with store.db.write() as tx:
        await store.threads.thread(tx, lease.token, [e.id], [item])
    (due,) = await store.queue.unlabelled(5)
    assert due.text == "您好零半\N{REPLACEMENT CHARACTER}"
    await store.queue.route([routed(due, acknowledgement=Said(ODD, ODD), lang=ODD)])
    (entry, _) = await store.conversations.log(due.conversation_id)
    assert entry.html == "零半\N{REPLACEMENT CHARACTER}"


async def test_people_write_odd_things_too(store: Store) -> None:
    ticket_id, person = await owned(store)
    for _ in range(2):
        await store.tickets.reply(ticket_id, person, ODD, "c1", TicketState.ACTIVE)
    await store.tickets.correct(ticket_id, person, "type", f"{ODD}{LONG}")
    await store.agents.add(f"{ODD}{LONG}", ODD, (await store.agents.get(person)).role, "h", {})
    other = await agent(store, "han")
    await store.transfers.offer(ticket_id, person, 600.0, to=other, note=ODD)
    sending = await store.outbound.lease(1, 30.0)
    assert sending is not None
    result = SendResult("failed", provider_id=f"{ODD}{LONG}", error=ODD)
    assert await store.outbound.finish(sending.token, sending.messages[0].id, result)
    async with store.db.write() as tx:
        await tx.audit(None, "probe", LONG, weight=math.nan)
        tx.emit("probe", ticket=ticket_id, text=ODD)
    async with store.db.read() as conn:
        data = (await conn.execute(select(event.c.data).where(event.c.kind == "probe"))).scalar()
    assert data == {"text": "零半\N{REPLACEMENT CHARACTER}"}


@pytest.mark.parametrize("value", ["普通", "emoji 😀", "back\\u0000slash", "NaN"])
async def test_what_is_storable_is_left_alone(store: Store, value: str) -> None:
    await thread(store, envelope(value), text=value, meta={"v": value})
    (found,) = await store.tickets.page()
    (entry,) = await store.conversations.log(found.conversation_id)
    assert entry.text == value
    (due,) = await store.queue.unlabelled(1)
    assert due.meta == {"v": value}
