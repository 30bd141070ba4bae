"""Short ways to what desks and browsers show: mails, files, answers, what is parked."""

import io
from pathlib import Path
from typing import Any

from PIL import Image
from sqlalchemy import text

from config.settings import load
from models.message import Envelope, Lane, Sender, SendResult, Trust
from models.store import Store
from models.store.intake.envelopes import Leased
from models.ticket import TicketState
from tests.contract.desk.world import World
from tests.contract.store import makers
from workers.assembly.automation import make_effects, make_followers


def picture(kind: str = "JPEG", size: tuple[int, int] = (1600, 900), **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, kind, **options)
    return out.getvalue()


async def ticks(store: Store, folder: Path) -> None:
    """What the clock role does, with the defaults that come along."""
    settings = load(environ={}, folder=folder)
    last = await store.events.last()
    await store.followers.catch_up(make_followers(settings), last)
    assert await store.timers.fire_due(make_effects(settings, store.vault)) == []


PROVEN: dict[str, Any] = {
    "sender": Sender(external_id="web:u1", name="王女士", email="wang@example.com"),
    "trust": Trust(level="verified", method="visitor token", proves=("email",)),
}


async def by_mail(house: World, text: str = "上周的发票", key: str = "m") -> None:
    options = {"channel": "email", "account": "help", "lane": Lane.MAIL}
    e = makers.envelope(key, now=await house.store.db.now(), **options)
    proven = PROVEN | {"trust": Trust(level="verified", method="dmarc", proves=("email",))}
    await makers.thread(house.store, e, conversation_key="mail", text=text, **proven)


async def answered(house: World, key: str, result: SendResult) -> str:
    """An answer that was tried once, and of which that became; its id."""
    person = await house.person(f"agent{key}")
    ticket = await house.ticket(key)
    await house.give(ticket, person)
    answer = await house.store.tickets.reply(ticket, person, "好的", key, TicketState.ACTIVE)
    await makers.tried(house.store, answer, result)
    return answer


async def parked_envelope(house: World, error: str) -> Envelope:
    """One that failed alone, and is parked."""
    e = makers.envelope("k1")
    envelopes = house.store.envelopes
    await envelopes.accept([e])
    lease = await envelopes.lease(Lane.LIVE, 1, 30.0)
    assert lease is not None
    await envelopes.fail(Leased(lease.token, True, lease.envelopes), error, 1, 0.0)
    return e


async def many_parked(house: World, many: int) -> list[str]:
    """So many that wait for a person; their ids, the oldest first."""
    await house.store.envelopes.accept([makers.envelope(f"k{n}") for n in range(many)])
    async with house.store.db.write() as tx:
        await tx.conn.execute(text("UPDATE envelope SET state = 'parked', error = 'boom'"))
    return [one.id for one in await house.store.envelopes.parked(many)]


async def state(store: Store, ticket: str) -> str:
    return (await store.tickets.get(ticket)).state.value


async def talk_of(house: World, ticket: str) -> str:
    return (await house.store.tickets.get(ticket)).conversation_id
