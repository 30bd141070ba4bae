"""首问负责制: whoever offers a ticket has it until somebody else accepts, and then no longer."""

import pytest

from models.agent import Presence
from models.errors import Conflict, NotFound
from models.routing import Needs
from models.store import Store
from models.store.tickets import offering, transfers
from models.ticket import TicketState
from tests.contract.store.makers import agent, decision, owned, passed_on
from tests.contract.store.meeting import meeting
from tests.fakes import FakeClock

EFFECTS = {offering.TIMER: transfers.expire}
PAYMENT = Needs(required=(("domain:支付", 1),))
INVOICES = Needs(required=(("domain:发票", 1),))


async def used(store: Store, *people: str) -> list[int]:
    return [(await store.agents.get(person)).used for person in people]


async def owner(store: Store, ticket_id: str) -> str | None:
    assert await store.maintenance.recount() == []
    return (await store.tickets.get(ticket_id)).owner_id


async def outcomes(store: Store, ticket_id: str) -> list[str]:
    events = await store.events.of_ticket(ticket_id)
    return [e.data["outcome"] for e in events if e.kind == "transfer.ended"]


async def test_the_sender_has_it_until_the_receiver_accepts(
    store: Store, clock: FakeClock
) -> None:
    ticket_id, giver = await owned(store)
    clock.pass_(1)
    taker = await agent(store, "han")
    await store.transfers.offer(ticket_id, giver, 600.0, to=taker, note="请跟进")
    assert await owner(store, ticket_id) == giver
    assert await used(store, giver, taker) == [2, 0]
    assert [t.note for t in await store.transfers.offered_to(taker, ())] == ["请跟进"]
    await store.transfers.accept(ticket_id, taker)
    assert await owner(store, ticket_id) == taker
    assert await used(store, giver, taker) == [0, 2]
    assert await store.transfers.of([ticket_id]) == {}
    why = (await store.tickets.decisions(ticket_id))[-1]["decision"]
    assert why == {"by": "transfer", "from": giver, "note": "请跟进"}


async def test_nobody_in_time_leaves_it_with_its_sender(store: Store, clock: FakeClock) -> None:
    ticket_id, giver = await owned(store)
    taker = await agent(store, "han")
    await store.transfers.offer(ticket_id, giver, 600.0, to=taker)
    clock.pass_(599)
    assert await store.timers.fire_due(EFFECTS) == []
    assert await store.transfers.of([ticket_id]) != {}
    clock.pass_(2)
    await store.timers.fire_due(EFFECTS)
    assert await owner(store, ticket_id) == giver
    assert await outcomes(store, ticket_id) == ["timeout"]
    with pytest.raises(Conflict):
        await store.transfers.accept(ticket_id, taker)


@pytest.mark.parametrize("leaves_first", [True, False])
async def test_nothing_is_on_offer_to_who_leaves_in_that_moment(
    store: Store, monkeypatch: pytest.MonkeyPatch, leaves_first: bool
) -> None:
    ticket_id, giver = await owned(store)
    taker = await agent(store, "han")
    moves = [
        lambda: store.offboarding.leave(taker, None),
        lambda: store.transfers.offer(ticket_id, giver, 600.0, to=taker),
    ]
    await meeting(store, monkeypatch, *(moves if leaves_first else reversed(moves)))
    assert await store.transfers.of([ticket_id]) == {}
    assert await owner(store, ticket_id) == giver


async def test_it_is_declined_or_withdrawn_and_offered_again(store: Store) -> None:
    ticket_id, giver = await owned(store)
    taker = await agent(store, "han")
    await store.transfers.offer(ticket_id, giver, 600.0, to=taker)
    with pytest.raises(Conflict):
        await store.transfers.offer(ticket_id, giver, 600.0, to=taker)
    with pytest.raises(Conflict):
        await store.transfers.withdraw(ticket_id, taker)
    await store.transfers.decline(ticket_id, taker, "不熟")
    await store.transfers.offer(ticket_id, giver, 600.0, to=taker)
    await store.transfers.withdraw(ticket_id, giver)
    assert await outcomes(store, ticket_id) == ["declined", "withdrawn"]
    assert await owner(store, ticket_id) == giver
    assert await store.timers.of(ticket_id) == []


async def test_who_is_away_or_full_accepts_nothing(store: Store) -> None:
    ticket_id, giver = await owned(store)
    taker = await agent(store, "han", capacity=1)
    await store.transfers.offer(ticket_id, giver, 600.0, to=taker)
    with pytest.raises(Conflict):
        await store.transfers.accept(ticket_id, taker)
    await store.agents.change(taker, None, capacity=2)
    await store.agents.present(taker, Presence.BREAK)
    with pytest.raises(Conflict):
        await store.transfers.accept(ticket_id, taker)
    assert await owner(store, ticket_id) == giver
    assert await used(store, giver, taker) == [2, 0]


async def test_to_a_team_whoever_is_first_gets_it(store: Store) -> None:
    ticket_id, giver = await owned(store)
    first, second = [await agent(store, n, {"team:夜班": 1}) for n in ("han", "lu")]
    stranger = await agent(store, "wei")
    await store.transfers.offer(ticket_id, giver, 600.0, skill="team:夜班", needs=PAYMENT)
    event = (await store.events.of_ticket(ticket_id))[-1]
    assert sorted(event.data["audience"]) == sorted([first, second])
    with pytest.raises(Conflict):
        await store.transfers.accept(ticket_id, stranger)
    await store.transfers.accept(ticket_id, second)
    with pytest.raises(Conflict):
        await store.transfers.accept(ticket_id, first)
    assert await owner(store, ticket_id) == second
    assert (await store.tickets.get(ticket_id)).skill_class == PAYMENT.skill_class


async def test_the_router_finds_who_has_the_skill_and_the_sender_has_it_until_then(
    store: Store,
) -> None:
    ticket_id, giver = await owned(store)
    expert = await agent(store, "han", {"domain:支付": 3})
    await store.transfers.offer(ticket_id, giver, 600.0, skill="domain:支付", needs=PAYMENT)
    (asked,) = await store.transfers.wanted(5, ["live"])
    assert (asked.needs, asked.excluded) == (PAYMENT, {giver})
    assert await store.transfers.wanted(5, ["mail"]) == []
    found = await decision(store, ticket_id, expert, asked.skill_class)
    assert await store.transfers.give(found)
    assert await owner(store, ticket_id) == expert
    assert not await store.transfers.give(found)


async def test_who_was_found_for_another_skill_is_not_given_it(store: Store) -> None:
    ticket_id, giver = await owned(store)
    expert = await agent(store, "han", {"domain:支付": 3})
    await agent(store, "lu", {"domain:发票": 3})
    await store.transfers.offer(ticket_id, giver, 600.0, skill="domain:支付", needs=PAYMENT)
    found = await decision(store, ticket_id, expert, PAYMENT.skill_class)
    await store.transfers.withdraw(ticket_id, giver)
    await store.transfers.offer(ticket_id, giver, 600.0, skill="domain:发票", needs=INVOICES)
    assert not await store.transfers.give(found)
    assert await owner(store, ticket_id) == giver


async def test_what_leaves_its_owners_hands_is_on_offer_no_longer(store: Store) -> None:
    ticket_id, giver = await owned(store)
    taker = await agent(store, "han")
    await store.transfers.offer(ticket_id, giver, 600.0, to=taker)
    await store.tickets.move(ticket_id, giver, TicketState.PENDING)
    assert await store.transfers.of([ticket_id]) == {}
    with pytest.raises(Conflict):
        await store.transfers.accept(ticket_id, taker)


async def test_an_offer_without_anybody_to_take_it_is_refused(store: Store) -> None:
    ticket_id, giver = await owned(store)
    with pytest.raises(Conflict):
        await store.transfers.offer(ticket_id, giver, 600.0, skill="team:无人")
    gone = await agent(store, "han")
    await store.offboarding.leave(gone, None)
    with pytest.raises(Conflict):
        await store.transfers.offer(ticket_id, giver, 600.0, to=gone)


# -- leaving ---------------------------------------------------------------------------


async def test_who_leaves_hands_everything_to_one_person(store: Store) -> None:
    active, leaver = await owned(store)
    await store.agents.change(leaver, None, capacity=8)
    pending, snoozed, helping = [await handed(store, key, leaver) for key in ("k2", "k3", "k4")]
    await store.tickets.move(pending, leaver, TicketState.PENDING)
    await store.tickets.snooze(snoozed, leaver, 600.0)
    await store.tickets.ask_help(helping, leaver, "")
    heir = await agent(store, "han", capacity=2)
    counted = await store.offboarding.leave(leaver, None, heir)
    assert {what: n for what, n in counted.items() if n} == {"tickets": 4}
    states = {}
    for ticket_id in (active, pending, snoozed, helping):
        assert await owner(store, ticket_id) == heir
        states[ticket_id] = (await store.tickets.get(ticket_id)).state
    assert list(states.values()) == ["active", "pending", "snoozed", "active"]
    assert await used(store, heir) == [4]
    with pytest.raises(NotFound):
        await store.agents.get(leaver)


async def handed(store: Store, key: str, agent_id: str) -> str:
    other, giver = await owned(store, key, f"giver-{key}")
    await passed_on(store, other, giver, agent_id)
    return other


async def test_who_leaves_without_an_heir_leaves_nothing_behind(
    store: Store, clock: FakeClock
) -> None:
    active, leaver = await owned(store)
    before = await store.tickets.get(active)
    pending = await handed(store, "k2", leaver)
    await store.tickets.move(pending, leaver, TicketState.PENDING)
    offered, other = await owned(store, "k3", "han")
    await store.transfers.offer(offered, other, 600.0, to=leaver)
    clock.pass_(60)
    counted = await store.offboarding.leave(leaver, None)
    assert {what: n for what, n in counted.items() if n} == {"tickets": 2, "offers": 1}
    for ticket_id in (active, pending):
        found = await store.tickets.get(ticket_id)
        assert (found.state, found.owner_id) == ("waiting", None)
    assert (await store.tickets.get(active)).queued_at == before.queued_at
    assert await owner(store, offered) == other
    assert await outcomes(store, offered) == ["withdrawn"]


async def test_leaving_to_oneself_or_twice_is_refused(store: Store) -> None:
    leaver, heir = await agent(store), await agent(store, "han")
    with pytest.raises(Conflict):
        await store.offboarding.leave(leaver, None, leaver)
    await store.offboarding.leave(leaver, None, heir)
    for to in (None, heir):
        with pytest.raises(NotFound):
            await store.offboarding.leave(leaver, None, to)
    with pytest.raises(NotFound):
        await store.offboarding.leave(heir, None, leaver)


@pytest.mark.parametrize("how", ["resolved", "junk", "released", "taken", "left"])
async def test_what_ends_otherwise_is_told_as_withdrawn(store: Store, how: str) -> None:
    """Whoever follows the events would believe that it still waits for them."""
    ticket_id, giver = await owned(store)
    taker, boss = await agent(store, "han"), await agent(store, "boss")
    await store.transfers.offer(ticket_id, giver, 600.0, to=taker)
    if how == "resolved":
        await store.tickets.move(ticket_id, giver, TicketState.RESOLVED)
    elif how == "junk":
        await store.tickets.mark_junk(ticket_id, giver)
    elif how == "released":
        await store.tickets.release(ticket_id, giver, None, "")
    elif how == "taken":
        await store.tickets.take(ticket_id, boss, forced=True, by=boss)
    else:
        await store.offboarding.leave(giver, boss, boss)
    assert await outcomes(store, ticket_id) == ["withdrawn"]
    assert await store.transfers.of([ticket_id]) == {}
    assert [t.kind for t in await store.timers.due(EFFECTS, 10)] == []
