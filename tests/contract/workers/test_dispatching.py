"""The dispatcher over real tables: who gets what, interruption, and every wait explained."""

import asyncio
from functools import partial

import pytest

from config.settings import load
from models.agent import Presence, Role
from models.message import Lane
from models.store import Store
from models.ticket import TicketState
from router.keys import position
from router.sla import Calendars
from tests.contract.store.makers import agent, envelope
from tests.contract.workers.system import ALWAYS, RULES, System
from tests.fakes import FakeClock
from workers.commands.route import explain_ticket
from workers.commands.terminal import Terminal
from workers.messages.dispatch import Dispatcher
from workers.rules.active_rules import ActiveRules
from workers.rules.explaining import Explaining, explained, needs_of

INTERRUPTING = RULES.model_copy(
    update={"interrupting": ("紧急",), "interruptible": ("mail",), "units": {"live": 1, "mail": 1}}
)


def interrupting(store: Store) -> System:
    system = System(store)
    system.active_rules.book = ActiveRules(store, INTERRUPTING, Calendars(ALWAYS)).book
    return system


async def test_an_urgent_chat_takes_the_place_of_a_mail_which_waits_and_is_claimed_again(
    store: Store, clock: FakeClock
) -> None:
    system = interrupting(store)
    person = await agent(store, capacity=1)
    await system.bring(
        envelope("m", channel="email", lane=Lane.MAIL, account="help@example.com", now=clock())
    )
    (mail,) = await store.tickets.of_owner(person)
    system.classifier.urgency = "紧急"
    await system.bring(envelope("u", now=clock()))
    (hot,) = await store.tickets.of_owner(person)
    assert hot.id != mail.id
    assert (await store.tickets.get(mail.id)).state == TicketState.WAITING
    (made,) = await store.tickets.decisions(hot.id)
    zh, en = explained(
        made["decision"], await needs_of(store, hot.skill_class), {person: "Li"}, {}
    )
    assert "暂时放下一张可打断的工单" in zh
    assert "set aside" in en
    await system.bring(envelope("u2", now=clock()))
    assert [t.id for t in await store.tickets.of_owner(person)] == [hot.id], "once, not twice"
    await agent(store, "other", capacity=1)
    await store.tickets.move(hot.id, person, TicketState.RESOLVED)
    await system.dispatcher.run()
    assert (await store.tickets.get(mail.id)).state == TicketState.ACTIVE
    assert await store.maintenance.recount() == []


async def test_a_wait_is_explained_by_what_is_in_sql(store: Store, clock: FakeClock) -> None:
    system = System(store)
    why = Explaining(store, system.active_rules, {}).waiting
    await system.bring(envelope("a", now=clock()))
    (ticket,) = await store.tickets.page()
    told = await why(ticket.id)
    assert told is not None
    assert told.facts["reason"] == "nobody"
    assert "没有在线坐席符合" in told.text.zh
    away = await agent(store)
    await store.agents.present(away, Presence.MEAL)
    told = await why(ticket.id)
    assert told is not None
    assert (told.facts["reason"], told.facts["removed"]) == ("presence", {"presence": 1})
    clock.pass_(1)
    await system.bring(
        envelope(
            "b",
            now=clock(),
        )
    )
    second = next(t for t in await store.tickets.page() if t.id != ticket.id)
    told = await why(second.id)
    assert told is not None
    assert told.facts["ahead"] == 1
    await store.agents.present(away, Presence.READY)
    await system.dispatcher.run()
    assert await why(ticket.id) is None


async def test_who_comes_later_stands_behind_who_came_first_from_the_beginning(
    store: Store, clock: FakeClock
) -> None:
    """Not only once the clock has seen it: a newcomer was first in the queue until then."""
    system = System(store)
    await system.bring(envelope("a", now=clock()))
    (first,) = await store.tickets.page()
    rules = system.active_rules.book.general
    assert rules.give_way_factor > 1
    assert await store.maintenance.step(partial(position, rules=rules)) == 1
    clock.pass_(1)
    await system.bring(envelope("b", now=clock()))
    second = next(t for t in await store.tickets.page() if t.id != first.id)
    assert await store.boards.ahead(second.id) == 1
    assert await store.boards.ahead(first.id) == 0


async def test_the_command_line_explains_the_same(
    store: Store, clock: FakeClock, monkeypatch, capsys: pytest.CaptureFixture[str]
) -> None:
    system = System(store)
    person = await store.agents.add("li", "李雷", Role.AGENT, "x", {"domain:物流": 3})
    await store.agents.present(person, Presence.READY)
    novice = await store.agents.add("han", "韩梅梅", Role.AGENT, "x", {})
    await store.agents.present(novice, Presence.READY)
    for key in "abcd":
        await system.bring(envelope(key, now=clock()))
    monkeypatch.setattr("workers.commands.route.make_store", lambda _settings: store)

    async def stay_open() -> None: ...

    monkeypatch.setattr(type(store), "close", lambda _self: stay_open())
    by_state = {t.state: t for t in await store.tickets.page()}
    for state, expected in (
        (
            TicketState.ACTIVE,
            ["李雷", "韩梅梅", "物流 0 级，需 1 级", "缺少技能", "relaxed by 0", "占用 load"],
        ),
        (
            TicketState.WAITING,
            ["为何还在等", "已满负荷（李雷）", "as soon as one of them finishes"],
        ),
    ):
        await explain_ticket(load(None, environ={}), by_state[state].number, Terminal())
        told = capsys.readouterr().out
        for text in expected:
            assert text in told
    forced = by_state[TicketState.WAITING]
    await store.tickets.take(forced.id, novice, by=person, forced=True)
    await explain_ticket(load(None, environ={}), forced.number, Terminal())
    told = capsys.readouterr().out
    assert "由李雷指派给韩梅梅。" in told
    assert "李雷 assigned it to 韩梅梅." in told
    await store.tickets.release(forced.id, novice, None, "不是我的专长")
    await explain_ticket(load(None, environ={}), forced.number, Terminal())
    assert "已转出 transferred：不是我的专长" in capsys.readouterr().out


async def test_what_is_too_large_for_the_room_left_keeps_nothing_smaller_waiting(
    store: Store, clock: FakeClock
) -> None:
    system = System(store)
    person = await agent(store, capacity=3)
    # Two units each: one is given, and the others go before the mail, which needs one.
    await system.bring(*(envelope(key, now=clock()) for key in "abcdef"))
    clock.pass_(1)
    await system.bring(
        envelope("m", channel="email", lane=Lane.MAIL, account="help@example.com", now=clock())
    )
    held = await store.tickets.of_owner(person)
    assert sorted(t.channel for t in held) == ["email", "webchat"]


async def test_work_is_given_until_nobody_is_free(system: System) -> None:
    people = [await agent(system.store, login) for login in ("li", "han")]
    await system.bring(*(envelope(f"k{i}") for i in range(8)))
    found = await system.store.tickets.page()
    owners = [t.owner_id for t in found if t.state == TicketState.ACTIVE]
    assert sorted(owners.count(p) for p in people) == [3, 3]  # six units, two a chat
    assert sum(t.state == TicketState.WAITING for t in found) == 2


async def test_a_ticket_that_everybody_declined_is_offered_again_after_a_pause(
    store: Store, clock: FakeClock
) -> None:
    rules = RULES.model_copy(update={"offer_seconds": {"live": 20.0}})
    system = System(store)
    dispatcher = Dispatcher(store, ActiveRules(store, rules, Calendars(ALWAYS)), monotonic=clock)
    person = await agent(store)
    await store.agents.present(person, Presence.BREAK)
    await system.bring(envelope("a"))
    await store.agents.present(person, Presence.READY)
    assert await dispatcher.run() == 1
    (found,) = await store.tickets.page()
    assert found.state == TicketState.OFFERED
    await store.tickets.decline(found.id, person, "忙")
    assert await dispatcher.run() == 0
    clock.pass_(30)
    await store.agents.beat([person])
    assert await dispatcher.run() == 1, "forgiven and given in one round: I3"


async def test_reading_goes_on_past_declined_heads(store: Store, clock: FakeClock) -> None:
    rules = RULES.model_copy(update={"offer_seconds": {"live": 20.0}})
    system = System(store)
    dispatcher = Dispatcher(store, ActiveRules(store, rules, Calendars(ALWAYS)), monotonic=clock)
    person = await agent(store)
    await store.agents.present(person, Presence.BREAK)
    await system.bring(*(envelope(f"k{i:02}") for i in range(20)))
    await store.agents.present(person, Presence.READY)
    declined = 0
    while declined < 17:
        assert await dispatcher.run()
        for t in await store.tickets.of_owner(person):
            await store.tickets.decline(t.id, person, "")
            declined += 1
    assert declined == 18
    assert await dispatcher.run() == 2


async def test_a_dispatcher_that_loses_every_claim_leaves_the_work_to_the_others(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await agent(system.store)
    await system.store.agents.present(person, Presence.BREAK)
    await system.bring(envelope("a"))
    await system.store.agents.present(person, Presence.READY)

    async def lost(*_: object) -> bool:
        return False

    monkeypatch.setattr(type(system.store.queue), "claim", lost)
    async with asyncio.timeout(10):
        assert await system.dispatcher.run() == 0
