"""What outweighs the queue: a supervisor's word, an urgent ticket, and a time that was set."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from models.agent import Presence
from models.errors import Conflict, NotFound
from models.message import Lane
from models.routing import Needs
from models.store import Store
from models.store.tickets.ownership import take
from models.tables import audit
from models.ticket import TicketState
from tests.contract.store.makers import agent, decision, owned, routed, thread, waiting
from tests.contract.store.makers import envelope as an_envelope
from tests.contract.store.meeting import meeting
from tests.fakes import FakeClock


async def used(store: Store, agent_id: str) -> int:
    return (await store.agents.get(agent_id)).used


async def mail(store: Store, key: str, person: str) -> str:
    """A mail of one unit in a person's hands."""
    e = an_envelope(key, now=await store.db.now(), channel="email", lane=Lane.MAIL)
    await thread(store, e, conversation_key=f"talk-{key}")
    (new,) = await store.queue.unlabelled(10)
    await store.queue.route([routed(new, units=1, target=86400.0)])
    assert await store.queue.claim(await decision(store, new.ticket_id, person), None)
    return new.ticket_id


async def urgent(store: Store, key: str) -> str:
    await thread(store, an_envelope(key, now=await store.db.now()), conversation_key=f"talk-{key}")
    (new,) = await store.queue.unlabelled(10)
    await store.queue.route([routed(new, units=1, target=60.0, interrupts=True)])
    return new.ticket_id


async def test_an_urgent_ticket_sets_one_mail_aside_which_comes_back_by_a_claim(
    store: Store, clock: FakeClock
) -> None:
    person = await agent(store, capacity=2)
    first, second = await mail(store, "m1", person), await mail(store, "m2", person)
    before = await store.tickets.get(second)
    hot = await urgent(store, "u1")
    assert [head.ticket_id for head in await store.queue.interrupting(5)] == [hot]
    assert await store.agents.interruptible(["mail"]) == {person: 1}
    assert await store.agents.interruptible(["live"]) == {}
    made = replace(await decision(store, hot, person), interrupts=True)
    assert not await store.queue.claim(replace(made, interrupts=False), None, ["mail"])
    assert await store.queue.claim(made, 20.0, ["mail"])
    states = {t: (await store.tickets.get(t)).state for t in (first, second, hot)}
    assert sorted(states.values()) == ["active", "offered", "waiting"]
    aside = next(t for t, state in states.items() if state == "waiting")
    found = await store.tickets.get(aside)
    assert (found.sticky_id, found.queued_at) == (person, before.queued_at)
    assert await used(store, person) == 2
    assert await store.agents.interruptible(["mail"]) == {}, "nobody is interrupted twice"
    again = await urgent(store, "u2")
    made = replace(await decision(store, again, person), interrupts=True)
    assert not await store.queue.claim(made, None, ["mail"])
    assert (await store.tickets.get(again)).state == TicketState.WAITING
    assert await store.maintenance.recount() == []


async def test_a_supervisors_word_passes_over_capacity_and_then_blocks_claims(
    store: Store,
) -> None:
    person, boss = await agent(store, capacity=2), await agent(store, "zhao")
    for key in ("k1", "k2"):
        await store.tickets.take(await waiting(store, key), person, forced=True, by=boss)
    assert await used(store, person) == 4
    third = await waiting(store, "k3")
    assert not await store.queue.claim(await decision(store, third, person), None)
    with pytest.raises(Conflict):
        await store.tickets.take(third, person)
    async with store.db.read() as conn:
        query = select(audit.c.agent_id, audit.c.detail).where(audit.c.action == "ticket.take")
        rows = (await conn.execute(query)).all()
    assert {row.agent_id for row in rows} == {boss}
    assert all(row.detail == {"forced": True, "to": person} for row in rows)
    assert await store.maintenance.recount() == [], "it counts as load, and is no alarm"


async def test_a_supervisor_takes_active_mail_from_somebody_who_is_away(store: Store) -> None:
    ticket_id, away = await owned(store)
    await store.agents.present(away, Presence.OFFLINE)
    boss = await agent(store, "zhao")
    with pytest.raises(Conflict):
        await store.tickets.take(ticket_id, boss)
    await store.tickets.take(ticket_id, boss, forced=True)
    found = await store.tickets.get(ticket_id)
    assert (found.state, found.owner_id) == (TicketState.ACTIVE, boss)
    assert (await used(store, away), await used(store, boss)) == (0, 2)
    outcomes = [row["outcome"] for row in await store.tickets.decisions(ticket_id)]
    assert set(outcomes) == {"taken", None}
    with pytest.raises(Conflict):
        await store.tickets.take(ticket_id, boss, forced=True)
    assert await store.maintenance.recount() == []


async def test_a_snoozed_ticket_costs_nothing_and_comes_back_by_itself(
    store: Store, clock: FakeClock
) -> None:
    ticket_id, person = await owned(store)
    await store.tickets.snooze(ticket_id, person, 600.0)
    assert await used(store, person) == 0
    assert await store.maintenance.wake() == 0
    clock.pass_(600)
    assert await store.maintenance.wake() == 1
    found = await store.tickets.get(ticket_id)
    assert (found.state, found.owner_id, found.sticky_id) == ("waiting", None, person)
    assert (found.queued_at, found.wake_at) == (clock(), None)
    assert [h.ticket_id for h in await store.queue.heads(5)] == [ticket_id]
    with pytest.raises(Conflict):
        await store.tickets.snooze(ticket_id, person, 600.0)


async def test_a_ticket_knows_how_many_go_before_it(store: Store, clock: FakeClock) -> None:
    ids = []
    for n in range(3):
        ids.append(await waiting(store, f"k{n}"))
        clock.pass_(1)
    other = await waiting(store, "k9", needs=Needs(required=(("domain:支付", 1),)))
    assert [await store.boards.ahead(t) for t in (*ids, other)] == [0, 1, 2, 0]
    (head, *_) = await store.queue.heads(1)
    assert await store.queue.waiting(head.ticket_id) == head
    assert await store.queue.waiting("nope") is None


async def test_who_stays_away_too_long_is_told_once_and_wrap_up_ends_by_itself(
    store: Store, clock: FakeClock
) -> None:
    limits = {"meal": 3600.0, "wrap_up": 180.0}
    eater, writer = await agent(store, "li"), await agent(store, "han")
    await store.agents.present(eater, Presence.MEAL)
    await store.agents.present(writer, Presence.WRAP_UP)
    clock.pass_(180)
    assert await store.agents.overstay(limits, ["wrap_up"]) == [writer]
    assert (await store.agents.get(writer)).presence == Presence.READY
    clock.pass_(3600)
    for _ in range(2):
        assert await store.agents.overstay(limits, ["wrap_up"]) == []
    told = [e for e in await store.events.after(0, 500) if e.kind == "agent.overstayed"]
    assert [(e.agent_id, e.data) for e in told] == [(eater, {"presence": "meal", "seconds": 3780})]
    await store.agents.present(eater, Presence.READY)
    await store.agents.present(eater, Presence.MEAL)
    clock.pass_(3600)
    await store.agents.overstay(limits, [])
    told = [e for e in await store.events.after(0, 500) if e.kind == "agent.overstayed"]
    assert len(told) == 2, "the next time they are told again"
    await store.agents.present(writer, Presence.MEAL)
    assert await store.agents.overstay({}, ["meal"]) == [], "no limit, nobody over it"


async def test_nobody_known_is_disabled(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.agents.change("nobody", None, disabled_at=1.0)


async def test_a_shift_ends_when_hands_are_empty_and_gets_nothing_more(
    store: Store, clock: FakeClock
) -> None:
    ticket_id, person = await owned(store)
    await store.agents.change(person, None, shift_ends_at=clock() + 60)
    assert await store.agents.end_shifts() == []
    clock.pass_(60)
    assert await store.agents.end_shifts() == [person]
    assert (await store.agents.get(person)).presence == Presence.WRAP_UP
    clock.pass_(600)
    assert await store.agents.overstay({"wrap_up": 180.0}, ["wrap_up"]) == []
    await store.tickets.move(ticket_id, person, TicketState.RESOLVED)
    assert await store.agents.end_shifts() == [person]
    assert (await store.agents.get(person)).presence == Presence.OFFLINE
    assert await store.agents.end_shifts() == []
    clock.pass_(12 * 3600)
    await store.agents.present(person, Presence.READY)
    assert await store.agents.end_shifts() == [], "the next morning they stay"
    assert (await store.agents.get(person)).presence == Presence.READY


async def test_two_urgent_tickets_at_once_interrupt_a_person_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await agent(store, capacity=2)
    for key in ("m1", "m2"):
        await mail(store, key, person)
    hot = [await urgent(store, key) for key in ("u1", "u2")]

    async def claim(ticket_id: str) -> None:
        made = replace(await decision(store, ticket_id, person), interrupts=True)
        async with store.db.write() as tx:
            await take(tx, made, None, ["mail"])

    one, other = await meeting(store, monkeypatch, lambda: claim(hot[0]), lambda: claim(hot[1]))
    assert one is None
    assert isinstance(other, Conflict)
    states = [(await store.tickets.get(id_)).state for id_ in hot]
    assert states == [TicketState.ACTIVE, TicketState.WAITING]
    assert await store.maintenance.recount() == []
