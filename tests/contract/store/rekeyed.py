"""A house whose master key is changed, and a process that changes it and may be killed there."""

import asyncio
import os
import signal
from itertools import count
from typing import Any

from sqlalchemy import select

from models.errors import Permanent
from models.message import Lane, ReplyRoute, Sender, Trust
from models.store import Store
from models.store.ground.sealing import check_key
from models.store.privacy.rekeying import Rekeying
from tests.contract.store.makers import envelope, opened, thread
from tests.machines.waits import at_each_wait

OLD, NEW, NEXT = b"m" * 32, b"n" * 32, b"x" * 32

MAIL: dict[str, Any] = {
    "sender": Sender(external_id="wang@example.com", email="wang@example.com"),
    "trust": Trust(level="verified", method="dmarc", proves=("email",)),
    "reply_route": ReplyRoute(adapter="email", address="wang@example.com"),
}
CHAT: dict[str, Any] = {
    "sender": Sender(external_id="web:u1", email="wang@example.com"),
    "trust": Trust(level="verified", method="visitor token", proves=("email",)),
}


async def write(store: Store, key: str, channel: str = "webchat", **options: Any) -> str:
    """A message, and the customer that it is of."""
    lane = Lane.MAIL if channel == "email" else Lane.LIVE
    e = envelope(key, channel=channel, account="a", lane=lane)
    talk = options.pop("talk", key)
    await thread(store, e, conversation_key=talk, external_id=key, **options)
    conversation = await store.conversations.find(channel, "a", talk)
    assert conversation is not None
    (ticket, *_) = await store.tickets.of_conversation(conversation.id)
    return ticket.customer_id


async def with_key(url: str, key: bytes, **options: Any) -> Store:
    made = opened(url, master_key=key, **options)
    try:
        await check_key(made.db, made.vault)
    except Permanent:
        await made.close()
        raise
    return made


async def rows(store: Store, *columns: Any) -> list[Any]:
    async with store.db.read() as conn:
        return [tuple(row) for row in await conn.execute(select(*columns).order_by(*columns))]


def rotate(url: str, last_wait: int) -> None:
    """Changes what is left, in a process of its own, which ends itself (SIGKILL) at one wait."""
    waits = count(1)

    def meanwhile() -> None:
        if next(waits) == last_wait:
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(_rotate(url, meanwhile))


async def _rotate(url: str, meanwhile: Any) -> None:
    store = await with_key(url, NEW)
    await at_each_wait(_to_its_end(store.rekeying), meanwhile)
    await store.close()


async def _to_its_end(rekeying: Rekeying) -> None:
    await rekeying.activate()
    while not await rekeying.finish():
        async for _ in rekeying.reseal(3):
            pass
