"""A talk ends after long silence, once and told, and never while the customer waits."""

from typing import Any

import pytest
from sqlalchemy import select

from config.settings import load
from models.store import Store
from models.store.effects.timers import Effect
from models.tables import conversation, outbound
from models.ticket import TicketState
from tests.contract.store.makers import agent, envelope
from tests.contract.workers.system import System, says, wording
from tests.fakes import FakeClock
from workers.assembly.automation import silences
from workers.dialogue.idle_chats import END, IdleChats

_MINUTE = 60.0


class Centre:
    """A system with the part of the clock that ends talks."""

    def __init__(self, store: Store, clock: FakeClock) -> None:
        self.store, self.clock = store, clock
        self.system = System(store)
        self.idle_chats = IdleChats({"webchat": 30 * _MINUTE}, wording())

    async def tick(self, minutes: float, *, behind: bool = False) -> None:
        """``behind``: what has happened meanwhile is not read before the timers fire."""
        self.clock.pass_(minutes * _MINUTE)
        last = await self.store.events.last()
        if not behind:
            await self.store.followers.catch_up([self.idle_chats.follower], last)
        effects: dict[str, Effect] = {END: self.idle_chats.end}
        assert await self.store.timers.fire_due(effects) == []

    async def says(self, key: str, text: str, **where: Any) -> None:
        await self.system.bring(envelope(key, says(text), **where))

    async def answered(self, client_id: str = "c1") -> None:
        person = await agent(self.store, skills={"domain:物流": 3, "lang:en": 3})
        await self.system.dispatcher.run()
        (found,) = await self.store.tickets.page()
        await self.store.tickets.reply(found.id, person, "好的", client_id, TicketState.PENDING)

    async def notices(self) -> list[str]:
        o = outbound.c
        async with self.store.db.read() as conn:
            found = await conn.execute(select(o.text).where(o.template.like("talk.silent/%")))
            return list(found.scalars())

    async def ended(self) -> bool:
        async with self.store.db.read() as conn:
            at = (await conn.execute(select(conversation.c.ended_at))).scalar_one()
        return at is not None


@pytest.fixture
async def centre(store: Store, clock: FakeClock) -> Centre:
    return Centre(store, clock)


async def test_it_ends_once_and_the_customer_is_told(centre: Centre) -> None:
    await centre.says("a", "包裹没到")
    await centre.answered()
    await centre.tick(29)
    assert (await centre.ended(), await centre.notices()) == (False, [])
    await centre.tick(2)
    assert await centre.ended()
    assert len(await centre.notices()) == 1
    (told,) = [e for e in await centre.store.events.after(0) if e.kind == "conversation.ended"]
    assert told.data["silent"] is True
    (kept,) = await centre.store.tickets.page()
    assert kept.state == TicketState.PENDING
    await centre.tick(600)
    assert len(await centre.notices()) == 1


@pytest.mark.parametrize("behind", [False, True])
async def test_the_customers_word_keeps_it_open(centre: Centre, behind: bool) -> None:
    await centre.says("a", "包裹没到")
    await centre.answered()
    await centre.tick(20)
    await centre.says("b", "还是没有收到，请查一下")
    await centre.tick(600, behind=behind)  # now they wait for us, however long
    assert (await centre.ended(), await centre.notices()) == (False, [])


async def test_who_waits_for_the_first_answer_is_not_hung_up_on(centre: Centre) -> None:
    await centre.says("a", "包裹没到")
    await centre.tick(600)
    assert (await centre.ended(), await centre.notices()) == (False, [])


async def test_what_was_said_long_ago_ends_nothing(centre: Centre) -> None:
    await centre.says("a", "包裹没到")
    await centre.answered()
    await centre.tick(24 * 60 + 1)
    assert (await centre.ended(), await centre.notices()) == (False, [])


async def test_after_the_end_the_next_word_opens_it_again(centre: Centre) -> None:
    await centre.says("a", "包裹没到")
    await centre.answered()
    await centre.tick(31)
    await centre.says("b", "还是没有收到，请查一下")
    assert not await centre.ended()
    assert len({t.conversation_id for t in await centre.store.tickets.page()}) == 1


@pytest.mark.parametrize("behind", [False, True])
async def test_where_the_customer_has_ended_it_nothing_is_said(
    centre: Centre, behind: bool
) -> None:
    await centre.says("a", "包裹没到")
    await centre.answered()
    await centre.tick(0)
    (found,) = await centre.store.tickets.page()
    await centre.store.conversations.end(found.conversation_id)
    await centre.tick(31, behind=behind)
    assert await centre.notices() == []


async def test_talks_by_mail_do_not_end(centre: Centre) -> None:
    await centre.says("a", "包裹没到", channel="email", account="help")
    await centre.answered()
    await centre.tick(600)
    assert (await centre.ended(), await centre.notices()) == (False, [])


def test_which_channels_end_talks_is_their_own_affair(tmp_path: Any) -> None:
    settings = load(environ={}, folder=tmp_path)
    assert silences(settings) == {"webchat": 3600.0}
    environ = {"SHOULI_CHANNELS__WEBCHAT__SILENCE_MINUTES": "0"}
    assert silences(load(environ=environ, folder=tmp_path)) == {}
