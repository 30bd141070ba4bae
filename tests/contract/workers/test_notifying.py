"""Customers are told of what changes, once it is worth notifying, and not at night."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from models.agent import Presence
from models.store import Store
from models.tables import outbound
from models.ticket import TicketState
from tests.contract.store.makers import agent, envelope
from tests.contract.workers.system import MAIL, SETTINGS, System, acknowledgement, says, wording
from tests.fakes import FakeClock
from workers.dialogue.notifying import LATE, STATE, Notifying
from workers.dialogue.surveying import When


class Centre:
    """A system with the part of the clock that tells."""

    def __init__(self, store: Store, clock: FakeClock, **options: Any) -> None:
        self.store, self.clock = store, clock
        self.system = System(store, settings=acknowledgement(cap_per_address_a_day=9))
        settings = SETTINGS.progress.model_copy(update={"tell": ("active", "snoozed")} | options)
        when = When("21:00-08:00", ZoneInfo("Asia/Shanghai"))
        self.notifying = Notifying(settings, when, wording())

    async def tick(self, seconds: float = 0.0) -> None:
        self.clock.pass_(seconds)
        last = await self.store.events.last()
        await self.store.followers.catch_up([self.notifying.follower], last)
        effects = {STATE: self.notifying.tell_state, LATE: self.notifying.tell_late}
        assert await self.store.timers.fire_due(effects) == []

    async def arrives(self, **options: Any) -> Any:
        where = options.pop("envelope", {})
        await self.system.bring(envelope("a", says("包裹没到", **options), **where))
        (found,) = await self.store.tickets.page()
        return found

    async def taken(self) -> str:
        person = await agent(self.store, skills={"domain:物流": 3, "lang:en": 3})
        await self.store.agents.change(person, None, alias="小林")
        await self.system.dispatcher.run()
        return person

    async def told(self) -> list[str]:
        o = outbound.c
        query = select(o.text).where(o.kind == "notice").order_by(o.conversation_id, o.seq)
        async with self.store.db.read() as conn:
            return list((await conn.execute(query)).scalars())


@pytest.fixture
async def centre(store: Store, clock: FakeClock) -> Centre:
    return Centre(store, clock)


async def test_a_change_is_told_after_a_while_by_alias(centre: Centre) -> None:
    found = await centre.arrives()
    await centre.taken()
    await centre.tick(59)
    assert await centre.told() == []
    await centre.tick(2)
    assert await centre.told() == [f"您好，工单{found.number}：坐席小林正在处理。"]
    await centre.tick(3600)
    assert len(await centre.told()) == 1


async def test_who_was_answered_meanwhile_is_not_told(centre: Centre) -> None:
    found = await centre.arrives()
    person = await centre.taken()
    centre.clock.pass_(1)
    await centre.store.tickets.reply(found.id, person, "您好", "c1", TicketState.ACTIVE)
    await centre.tick(61)
    assert await centre.told() == []


async def test_two_of_them_keep_a_distance(centre: Centre) -> None:
    found = await centre.arrives()
    person = await centre.taken()
    await centre.tick(61)
    await centre.store.tickets.snooze(found.id, person, 7200)
    await centre.tick(1700)
    assert len(await centre.told()) == 1
    await centre.tick(101)
    assert (await centre.told())[1].startswith(f"您好，工单{found.number}：已受理，将在今天 18:0")


async def test_the_state_that_was_told_last_is_not_told_again(centre: Centre) -> None:
    found = await centre.arrives()
    person = await centre.taken()
    await centre.tick(61)
    await centre.store.tickets.ask_help(found.id, person, "?")
    await centre.store.tickets.resume(found.id, person)
    await centre.tick(61)
    await centre.tick(3600)
    assert len(await centre.told()) == 1


async def test_it_waits_for_the_morning(centre: Centre, clock: FakeClock) -> None:
    clock.pass_(5 * 3600)  # 21:00
    await centre.arrives()
    await centre.taken()
    await centre.tick(3600)
    assert await centre.told() == []
    await centre.tick(10 * 3600)
    assert len(await centre.told()) == 1


async def test_lateness_is_told_before_it_comes_and_once(centre: Centre) -> None:
    person = await agent(centre.store)
    await centre.store.agents.present(person, Presence.BUSY)
    found = await centre.arrives()
    await centre.tick(239)
    assert await centre.told() == []
    await centre.tick(2)
    (text,) = await centre.told()
    assert text.startswith(
        f"您好，您的工单{found.number}可能无法在今天 16:05（北京时间）前得到答复"
    )
    await centre.tick(3600)
    assert len(await centre.told()) == 1


async def test_nobody_is_told_of_lateness_whose_ticket_somebody_has(centre: Centre) -> None:
    await centre.arrives()
    await centre.taken()
    await centre.store.agents.beat([a.id for a in await centre.store.agents.all()])
    await centre.tick(241)
    assert not any("可能无法" in text for text in await centre.told())


async def test_what_was_not_promised_is_not_late(store: Store, clock: FakeClock) -> None:
    centre = Centre(store, clock)
    centre.system = System(store, settings=acknowledgement(channels={"webchat": False}))
    await centre.arrives()
    await centre.tick(300)
    assert await centre.told() == []


@pytest.mark.parametrize(("level", "count"), [("verified", 1), ("claimed", 0)])
async def test_by_mail_only_proven_people_are_told(centre: Centre, level: str, count: int) -> None:
    await centre.arrives(trust=level, envelope=MAIL)
    await centre.taken()
    await centre.tick(61)
    assert len(await centre.told()) == count


async def test_what_happened_long_ago_is_no_news(centre: Centre) -> None:
    await centre.arrives()
    await centre.taken()
    centre.clock.pass_(86_401)
    await centre.tick(61)
    assert await centre.told() == []


async def test_in_english_too(centre: Centre) -> None:
    centre.system.classifier.lang = "en"
    found = await centre.arrives(lang="en")
    await centre.taken()
    await centre.tick(61)
    assert await centre.told() == [f"Hello! Ticket {found.number}: agent 小林 is working on it."]
