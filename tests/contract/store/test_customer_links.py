"""Identities join one customer on evidence, and nothing else."""

from typing import Any

import pytest

from models.contacts import normal
from models.errors import Conflict, NotFound
from models.message import Lane, ReplyRoute, Sender, Trust
from models.store import Store
from models.store.tickets.handling import Ticket
from models.ticket import TicketState
from tests.contract.store.makers import agent, decision, envelope, routed, thread

MAIL: dict[str, Any] = {
    "sender": Sender(external_id="wang@example.com", email="Wang@Example.com"),
    "trust": Trust(level="verified", method="dmarc", proves=("email",)),
    "reply_route": ReplyRoute(adapter="email", address="wang@example.com"),
}
CHAT: dict[str, Any] = {
    "sender": Sender(
        external_id="web:u1", name="王", email="wang@example.com", phone="13800000000"
    ),
    "trust": Trust(level="verified", method="visitor token", proves=("email", "phone")),
}
PHONE: dict[str, Any] = {
    "sender": Sender(external_id="line 7", phone="+86 138-0000-0000"),
    "trust": Trust(level="verified", method="host", proves=("phone",)),
}


async def write(store: Store, key: str, channel: str, **options: Any) -> Ticket:
    lane = Lane.MAIL if channel == "email" else Lane.LIVE
    e = envelope(key, channel=channel, account="a", lane=lane)
    await thread(store, e, conversation_key=f"conversation-{key}", external_id=key, **options)
    conversation = await store.conversations.find(channel, "a", f"conversation-{key}")
    assert conversation is not None
    (ticket,) = await store.tickets.of_conversation(conversation.id)
    return ticket


async def together(store: Store, ticket: Ticket) -> set[str]:
    """The channels of everything that is one person with a ticket's customer."""
    person = await store.customer_links.person(ticket.customer_id)
    return {conversation.channel for conversation in person.conversations}


async def test_proofs_join_and_show_their_evidence(store: Store) -> None:
    mail = await write(store, "m", "email", **MAIL)
    assert await together(store, mail) == {"email"}
    chat = await write(store, "c", "webchat", **CHAT)
    phone = await write(store, "p", "ingest", **PHONE)
    for ticket in (mail, chat, phone):
        assert await together(store, ticket) == {"email", "webchat", "ingest"}
    person = await store.customer_links.person(phone.customer_id)
    assert len(person.customers) == len(person.identities) == 3
    by_mail, by_phone = sorted(person.links, key=lambda link: link.kind)
    assert (by_mail.kind, by_mail.evidence["value"]) == ("email", "w***@example.com")
    assert [p["method"] for p in by_mail.evidence["proofs"]] == ["dmarc", "visitor token"]
    assert (by_phone.kind, by_phone.evidence["value"]) == ("phone", "+86****0000")
    assert "wang" not in repr(person.links).replace("w***", "")


async def test_a_claim_joins_nobody(store: Store) -> None:
    mail = await write(store, "m", "email", **MAIL)
    for n, trust in enumerate(
        [
            Trust(level="claimed"),
            Trust(level="platform", method="session token"),
            Trust(level="verified", method="visitor token"),  # of the sub, not of the address
        ]
    ):
        claim = {"sender": Sender(external_id=f"x{n}", email="wang@example.com"), "trust": trust}
        await write(store, f"c{n}", "webchat", **claim)
    assert await together(store, mail) == {"email"}
    assert (await store.customer_links.person(mail.customer_id)).links == []


async def test_a_join_is_undone_for_good_and_written_down(store: Store) -> None:
    mail = await write(store, "m", "email", **MAIL)
    chat = await write(store, "c", "webchat", **CHAT)
    person = await store.customer_links.person(chat.customer_id)
    (link,) = person.links
    me = await agent(store)
    await store.customer_links.undo(link.id, me)
    assert await together(store, mail) == {"email"}
    assert await together(store, chat) == {"webchat"}
    (line,) = await store.tickets.history(link.id)
    assert (line["action"], line["agent_id"]) == ("customer.unlink", me)
    with pytest.raises(Conflict):
        await store.customer_links.undo(link.id, me)
    with pytest.raises(NotFound):
        await store.customer_links.undo("nope", me)
    again = envelope("c2", channel="webchat", account="a")
    await thread(store, again, conversation_key="conversation-c", external_id="c2", **CHAT)
    assert await together(store, chat) == {"webchat"}
    phone = await write(store, "p", "ingest", **PHONE)  # another proof, of the chat's customer
    assert await together(store, phone) == {"webchat", "ingest"}


async def test_a_join_never_changes_where_a_reply_goes(store: Store) -> None:
    mail = await write(store, "m", "email", **MAIL)
    await write(store, "c", "webchat", **CHAT)
    for due in await store.queue.unlabelled(10):
        await store.queue.route([routed(due)])
    me = await agent(store)
    assert await store.queue.claim(await decision(store, mail.id, me), None)
    await store.tickets.reply(mail.id, me, "您好", "c-1", TicketState.ACTIVE)
    sending = await store.outbound.lease(10, 60.0)
    assert sending is not None
    (answer,) = sending.messages
    assert (answer.channel, answer.route.address) == ("email", "wang@example.com")


@pytest.mark.parametrize(
    ("value", "same"),
    [("+8613800000000", "13800000000"), ("0086 138 0000 0000", "13800000000"),
     ("010-62345678", "01062345678"), ("+1 (555) 010-9999", "+15550109999")],
)  # fmt: skip
def test_numbers_have_one_spelling(value: str, same: str) -> None:
    assert normal("phone", value) == same
