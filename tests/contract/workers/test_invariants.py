"""The clock sees a ticket that waits beside somebody free, and /metrics tells of it."""

from models.agent import Presence
from models.store import Store
from models.store.figures.measures import MAILS_PUT_OFF, STAGES
from router.sla import Calendars
from tests.contract.store.makers import NEEDS, agent, decision, follow, waiting
from tests.contract.workers.metrics import metrics
from tests.contract.workers.system import ALWAYS, RULES
from tests.fakes import FakeClock
from workers.effects.invariants import InvariantMonitor
from workers.messages.dispatch import Dispatcher
from workers.rules.active_rules import ActiveRules


async def test_mails_that_were_put_off_are_counted_over_all_processes(store: Store) -> None:
    assert "shouli_mails_put_off 0.0" in await metrics(store)
    for count in (3, 4):
        await store.measures.count(MAILS_PUT_OFF, count)
    assert "shouli_mails_put_off 7.0" in await metrics(store)


async def _beside(store: Store) -> int:
    return {alarm.name: alarm.broken for alarm in await store.measures.alarms()}["idle_beside"]


async def test_waiting_beside_somebody_free_is_seen_at_the_second_look(
    store: Store, clock: FakeClock
) -> None:
    active_rules = ActiveRules(store, RULES, Calendars(ALWAYS))
    watch = InvariantMonitor(store, active_rules)
    ticket_id = await waiting(store)
    person = await agent(store)
    await watch.look()
    assert await _beside(store) == 0, "it may be about to be given"
    clock.pass_(10)
    await watch.look()
    assert await _beside(store) == 1
    told = await metrics(store)
    assert 'shouli_invariant_broken{invariant="idle_beside"} 1.0' in told
    assert 'shouli_invariant_broken{invariant="owners"} 0.0' in told
    (alarm,) = [a for a in await store.measures.alarms() if a.broken]
    assert alarm.example == ticket_id
    # Away and back: a new pair.
    await store.agents.present(person, Presence.MEAL)
    clock.pass_(10)
    await watch.look()
    assert await _beside(store) == 0
    await store.agents.present(person, Presence.READY)
    await watch.look()
    clock.pass_(4)
    await watch.look()
    assert await _beside(store) == 0
    await Dispatcher(store, active_rules, monotonic=clock).run()
    clock.pass_(60)
    await watch.look()
    assert await _beside(store) == 0


async def test_who_declined_or_cannot_is_not_beside(store: Store, clock: FakeClock) -> None:
    active_rules = ActiveRules(store, RULES, Calendars(ALWAYS))
    watch = InvariantMonitor(store, active_rules)
    ticket_id = await waiting(store)
    await agent(store, "han", skills={"domain:支付": 3})
    person = await agent(store)
    assert await store.queue.claim(await decision(store, ticket_id, person), 20.0)
    await store.tickets.decline(ticket_id, person, "忙")
    for _ in range(3):
        clock.pass_(10)
        await watch.look()
        assert await _beside(store) == 0


async def test_stages_are_a_histogram(store: Store, clock: FakeClock) -> None:
    ticket_id = await waiting(store)
    clock.pass_(40)
    told = await metrics(store)
    queue = NEEDS.skill_class
    assert f'shouli_queue_waiting_by_urgency{{queue="{queue}",urgency="重要"}} 1.0' in told
    assert not any(line.startswith("shouli_queue_expected_wait_seconds{") for line in told)
    assert await store.queue.claim(await decision(store, ticket_id, await agent(store)), None)
    assert "shouli_followers_lag_seconds 40.0" in await metrics(store)
    await follow(store, STAGES)
    told = await metrics(store)
    assert "shouli_followers_lag_seconds 0.0" in told
    offered = f'queue="{queue}",stage="offered"'
    assert f'shouli_stage_seconds_bucket{{le="30.0",{offered}}} 0.0' in told
    assert f'shouli_stage_seconds_bucket{{le="60.0",{offered}}} 1.0' in told
    assert f'shouli_stage_seconds_bucket{{le="+Inf",{offered}}} 1.0' in told
    assert f"shouli_stage_seconds_sum{{{offered}}} 40.0" in told
