"""A customer whose every word can be told from all others, and erased."""

import hashlib
from typing import Any

from sqlalchemy import select

from models.message import Attachment, Lane, ReplyRoute, Sender, SendResult, Trust
from models.store import Store
from models.store.privacy.erasure import Erased
from models.tables import metadata
from models.ticket import TicketState
from tests.contract.store.internal import SECRET
from tests.contract.store.makers import agent, decision, envelope, routed, thread

NAME, ADDRESS, PHONE = "欧阳娜娜", "ouyang@example.com", "13912345678"
WORDS = "我的订单8842至今未到"
SENDER = Sender(external_id=ADDRESS, name=NAME, email=ADDRESS, phone=PHONE)
PROVEN = Trust(level="verified", method="dmarc", evidence=ADDRESS, proves=("email",))
MAIL: dict[str, Any] = {
    "sender": SENDER,
    "trust": PROVEN,
    "reply_route": ReplyRoute(adapter="email", address=ADDRESS),
}
FILE = b"a scan of an identity card"
FILE_HASH = hashlib.sha256(FILE).hexdigest()
SCAN = Attachment(
    id="1", name="given-name.pdf", mime="application/pdf", size=len(FILE), sha256=FILE_HASH
)


async def write(store: Store, key: str, channel: str = "email", **options: Any) -> str:
    """A mail that becomes a ticket in its queue, or joins one; the ticket's id."""
    body = options.pop("body", f"raw-bytes {key} {WORDS}".encode())
    lane = Lane.MAIL if channel == "email" else Lane.LIVE
    e = envelope(
        f"original-name {key}", body, await store.db.now(), channel=channel, account="a",
        lane=lane, transport={"sender": ADDRESS},
    )  # fmt: skip
    values = {"text": WORDS, "text_full": f"{WORDS}\n{NAME}", "subject": WORDS, **MAIL}
    values["meta"] = {"message_id": f"<original-name {key}>", "from": NAME}
    values |= {"conversation_key": f"talk {ADDRESS} {key}"} | options
    await thread(store, e, **values)
    for new in await store.queue.unlabelled(10):
        await store.queue.route([routed(new)])
    talk = await store.conversations.find(channel, "a", values["conversation_key"])
    assert talk is not None
    return (await store.tickets.of_conversation(talk.id))[-1].id


async def resolved(store: Store, ticket_id: str, login: str = "li") -> str:
    """Answered, with words that are personal, and resolved; the agent's id."""
    who = await agent(store, login)
    assert await store.queue.claim(await decision(store, ticket_id, who), None)
    text = f"{NAME}您好，{WORDS}"
    await store.tickets.reply(ticket_id, who, text, f"c-{ticket_id}", TicketState.RESOLVED)
    await sent(store)
    return who


async def sent(store: Store) -> None:
    while (sending := await store.outbound.lease(10, 60.0)) is not None:
        for each in sending.messages:
            done = SendResult(state="sent", provider_id=f"<{ADDRESS}>", error=f"250 {ADDRESS}")
            await store.outbound.finish(sending.token, each.id, done)


async def customer_of(store: Store, ticket_id: str) -> str:
    return (await store.tickets.get(ticket_id)).customer_id


async def erase(store: Store, ticket_id: str, **options: Any) -> Erased:
    return await store.erasure.erase(
        await customer_of(store, ticket_id), None, "本人要求", **options
    )


PERSONAL = (NAME, ADDRESS, PHONE, WORDS, SECRET, "original-name", "raw-bytes", "given-name.pdf")


async def standing(store: Store, *words: str) -> dict[str, set[str]]:
    """Which of these words stand in which table, whatever the column."""
    found: dict[str, set[str]] = {}
    async with store.db.read() as conn:
        for table in metadata.sorted_tables:
            rows = str([list(row) for row in (await conn.execute(select(table))).all()])
            rows = rows.encode().decode("unicode_escape", "replace") + rows
            for word in words or PERSONAL:
                if word in rows:
                    found.setdefault(table.name, set()).add(word)
    return found
