"""The clocks of tickets over both databases: moved by events, and by time alone."""

from dataclasses import replace
from typing import Any

import pytest

from models.clocks import ClockKind, ClockPolicy, ClockTarget, Run
from models.routing import Needs
from models.store import Store
from models.store.complaints.incidents import TELL, NewMember, add_members, open_incident, tell
from models.store.ground.database import Event
from models.store.tickets.clocks import TIMER
from models.store.tickets.tallies import TALLIES
from models.texts import Said
from models.ticket import TicketState
from router.clocks import Timekeeper
from router.sla import Calendar, Calendars
from tests.contract.store.makers import (
    NEEDS,
    agent,
    corrected_to,
    envelope,
    follow,
    owned,
    routed,
    thread,
    waiting,
)
from tests.fakes import FakeClock
from workers.effects.timekeeping import Timekeeping

K = ClockKind
HOUR = 3600.0
POLICY = ClockPolicy(
    targets=(
        ClockTarget(clock=K.ACKNOWLEDGEMENT, seconds=24 * HOUR),
        ClockTarget(clock=K.FIRST_ANSWER, types=("投诉",), seconds=2 * HOUR),
        ClockTarget(clock=K.NEXT_ANSWER, seconds=HOUR),
        ClockTarget(clock=K.AVERAGE_ANSWER, lanes=("live",), seconds=30.0),
        ClockTarget(clock=K.RESOLUTION, urgencies=("紧急",), seconds=4 * HOUR),
        ClockTarget(clock=K.RESOLUTION, seconds=8 * HOUR),
    ),
    warn_at=0.5,
    escalate_at=(1.0, 1.5, 2.0),
    escalating=frozenset({K.FIRST_ANSWER, K.NEXT_ANSWER, K.RESOLUTION}),
    pausing={K.RESOLUTION: frozenset({"pending"})},
    press_after={"live": 60.0},
    press_levels=(3,),
)
ACK = Said("已收到", "ack.open/zh@1")
TARGET = 3 * HOUR
"""Of the router: later than the complaint's two hours."""


class House:
    """A store with what the clock role would do to its clocks."""

    def __init__(self, store: Store, clock: FakeClock) -> None:
        self.store, self.clock = store, clock
        self._always = Calendars(Calendar.of("UTC", {}))

    async def tick(self) -> None:
        """A new process each time: nothing is kept in memory."""
        keeping = Timekeeping(Timekeeper(POLICY, self._always))
        await follow(self.store, keeping.follower())
        assert await self.store.timers.fire_due({TIMER: keeping.fire}) == []

    async def runs(self, ticket_id: str, kind: ClockKind) -> list[Run]:
        return [run for run in await self.store.clocks.of(ticket_id) if run.kind == kind]

    async def history(self, ticket_id: str, kind: ClockKind | None) -> list[tuple[str, float]]:
        found = await self.store.clocks.history(ticket_id)
        return [(line.what, line.at) for line in found if line.clock == kind]

    async def told(self, kind: str) -> list[Event]:
        return [e for e in await self.store.events.after(0, 1000) if e.kind == kind]

    async def say(self, key: str, **options: Any) -> None:
        """Another word of the customer of ticket ``k1``."""
        await thread(
            self.store, envelope(key, now=self.clock.now), conversation_key="talk-k1", **options
        )

    async def answer(self, ticket_id: str, agent_id: str, then: str = "active") -> None:
        client_id = f"answer {self.clock.now}"
        await self.store.tickets.reply(ticket_id, agent_id, "您好", client_id, TicketState(then))


@pytest.fixture
def house(store: Store, clock: FakeClock) -> House:
    return House(store, clock)


async def test_clocks_begin_with_the_arrival_and_share_one_timer(
    house: House, clock: FakeClock
) -> None:
    arrived = clock.now
    ticket_id = await waiting(house.store, target=TARGET)
    clock.pass_(60)
    await house.tick()
    runs = {run.kind: run for run in await house.store.clocks.of(ticket_id)}
    assert {kind: run.target for kind, run in runs.items()} == {
        K.ACKNOWLEDGEMENT: 24 * HOUR,
        K.FIRST_ANSWER: 2 * HOUR,
        K.AVERAGE_ANSWER: 30.0,
        K.RESOLUTION: 8 * HOUR,
    }
    assert {run.started_at for run in runs.values()} == {arrived}
    timers = await house.store.timers.of(ticket_id)
    assert [(timer.kind, timer.due_at) for timer in timers] == [(TIMER, arrived + HOUR)]


async def test_the_routers_deadline_counts_where_it_is_earlier(house: House) -> None:
    ticket_id = await waiting(house.store, target=600.0)
    await house.tick()
    (first,) = await house.runs(ticket_id, K.FIRST_ANSWER)
    assert (first.target, first.hours) == (600.0, "natural")


async def test_an_automatic_text_stops_only_the_acknowledgement(
    house: House, clock: FakeClock
) -> None:
    ticket_id = await waiting(
        house.store, target=TARGET, acknowledgement=Said("已收到", "ack.open/zh@1")
    )
    await house.tick()
    stopped = {r.kind: r.outcome for r in await house.store.clocks.of(ticket_id) if r.stopped_at}
    assert stopped == {K.ACKNOWLEDGEMENT: "met"}


async def test_an_incidents_text_is_nobodys_answer(house: House, clock: FakeClock) -> None:
    """It goes to all members alike: each of them still waits for a person."""
    ticket_id, agent_id = await owned(house.store, target=TARGET)
    async with house.store.db.write() as tx:
        incident_id = await open_incident(tx, middle=b"")
        await add_members(tx, incident_id, [NewMember(ticket_id)])
    text_id = await house.store.incidents.draft(incident_id, agent_id, "正在抢修", "")
    await house.store.incidents.approve(incident_id, text_id, agent_id, second_person=False)
    clock.pass_(60.0)
    assert await house.store.timers.fire_due({TELL: tell}) == []
    await house.tick()
    found = await house.store.tickets.get(ticket_id)
    assert [e.kind for e in await house.store.conversations.log(found.conversation_id)] == [
        "message", "notice",
    ]  # fmt: skip
    (first,) = await house.runs(ticket_id, K.FIRST_ANSWER)
    assert (first.stopped_at, found.first_answer_at) == (None, None)
    clock.pass_(60.0)
    await house.answer(ticket_id, agent_id)
    await house.tick()
    (first,) = await house.runs(ticket_id, K.FIRST_ANSWER)
    assert (first.outcome, first.elapsed, first.agent_id) == ("met", 120.0, agent_id)


async def test_answers_pauses_and_the_end(house: House, clock: FakeClock) -> None:
    ticket_id, agent_id = await owned(house.store, target=TARGET)
    began = clock.now
    clock.pass_(20)
    await house.answer(ticket_id, agent_id, "pending")
    clock.pass_(5 * HOUR)
    await house.say("k2")
    clock.pass_(HOUR / 4)
    await house.store.tickets.take(ticket_id, agent_id)
    await house.answer(ticket_id, agent_id, "resolved")
    await house.tick()
    (first,) = await house.runs(ticket_id, K.FIRST_ANSWER)
    assert (first.outcome, first.elapsed, first.agent_id) == ("met", 20.0, agent_id)
    (second,) = await house.runs(ticket_id, K.NEXT_ANSWER)
    assert (second.outcome, second.elapsed) == ("met", HOUR / 4)
    (resolution,) = await house.runs(ticket_id, K.RESOLUTION)
    assert (resolution.outcome, resolution.elapsed) == ("met", 20 + HOUR / 4)
    assert await house.history(ticket_id, K.RESOLUTION) == [
        ("started", began),
        ("paused", began + 20),
        ("resumed", began + 20 + 5 * HOUR),
        ("stopped", began + 20 + 5 * HOUR + HOUR / 4),
    ]
    (average,) = await house.runs(ticket_id, K.AVERAGE_ANSWER)
    assert (average.turns, average.elapsed) == (2, 20 + HOUR / 4)
    assert average.outcome == "missed"
    assert await house.store.timers.of(ticket_id) == []


async def test_it_warns_breaches_and_escalates_once_each(house: House, clock: FakeClock) -> None:
    ticket_id = await waiting(house.store, target=TARGET)
    began = clock.now
    await house.tick()
    for _ in range(10):
        clock.pass_(HOUR / 2)
        await house.tick()
        await house.tick()
    assert await house.history(ticket_id, K.FIRST_ANSWER) == [
        ("started", began),
        ("warned", began + HOUR),
        ("breached", began + 2 * HOUR),
        ("escalated", began + 2 * HOUR),
        ("escalated", began + 3 * HOUR),
        ("escalated", began + 4 * HOUR),
    ]
    ticket = await house.store.tickets.get(ticket_id)
    assert (ticket.escalation, ticket.labels and ticket.labels.facets["urgency"].value) == (
        3,
        "重要",
    )
    levels = [event.data["level"] for event in await house.told("ticket.escalated")]
    assert levels == [1, 2, 3]
    breached = await house.told("clock.breached")
    assert [event.data["clock"] for event in breached] == ["first_answer"]
    await follow(house.store, TALLIES)
    assert await house.store.clocks.breaches() == {
        "acknowledgement": 0, "first_answer": 1, "next_answer": 0, "average_answer": 0,
        "resolution": 0,
    }  # fmt: skip


async def test_an_escalated_ticket_may_be_taken_by_more_people(
    house: House, clock: FakeClock
) -> None:
    waits = await waiting(house.store, target=TARGET)
    held, _ = await owned(house.store, "k2", target=TARGET)
    clock.pass_(2 * HOUR)
    policy = replace(POLICY, widen_to="group:升级")
    keeping = Timekeeping(Timekeeper(policy, Calendars(Calendar.of("UTC", {}))))
    for _ in range(2):
        await follow(house.store, keeping.follower())
        assert await house.store.timers.fire_due({TIMER: keeping.fire}) == []
    found = await house.store.queue.waiting(waits)
    assert found is not None
    assert (found.needs, found.relax_step) == (replace(NEEDS, overflow="group:升级"), 3)
    assert len(await house.told("ticket.rerouted")) == 1
    assert (await house.store.tickets.get(held)).state == "active"


async def test_an_escalated_ticket_that_is_routed_anew_may_still_be_taken_by_more_people(
    house: House, clock: FakeClock
) -> None:
    waits = await waiting(house.store, target=TARGET)
    keeping = Timekeeping(
        Timekeeper(replace(POLICY, widen_to="group:升级"), Calendars(Calendar.of("UTC", {})))
    )

    async def tick() -> None:
        await follow(house.store, keeping.follower())
        assert await house.store.timers.fire_due({TIMER: keeping.fire}) == []

    await tick()
    clock.pass_(2 * HOUR)
    await tick()
    elsewhere = Needs(required=(("domain:支付", 1),))
    await corrected_to(house.store, waits, await agent(house.store), elsewhere, TARGET)
    await tick()
    await tick()
    found = await house.store.queue.waiting(waits)
    assert found is not None
    assert found.needs == replace(elsewhere, overflow="group:升级")
    assert len(await house.told("ticket.rerouted")) == 3


async def test_after_a_stop_of_a_day_everything_is_noted_as_it_was(
    house: House, clock: FakeClock
) -> None:
    ticket_id, agent_id = await owned(house.store, target=TARGET)
    began = clock.now
    await house.tick()
    clock.pass_(2.5 * HOUR)
    await house.answer(ticket_id, agent_id)  # while the clock is down: late, and noted as late
    clock.pass_(24 * HOUR)
    await house.tick()
    await house.tick()
    assert await house.history(ticket_id, K.FIRST_ANSWER) == [
        ("started", began),
        ("warned", began + HOUR),
        ("breached", began + 2 * HOUR),
        ("escalated", began + 2 * HOUR),
        ("stopped", began + 2.5 * HOUR),
    ]
    resolution = await house.history(ticket_id, K.RESOLUTION)
    assert [what for what, _ in resolution] == [
        "started", "warned", "breached", "escalated", "escalated",
    ]  # fmt: skip
    assert resolution[2] == ("breached", began + 8 * HOUR)


async def test_a_timer_never_overtakes_an_answer(house: House, clock: FakeClock) -> None:
    ticket_id, agent_id = await owned(house.store, target=TARGET)
    await house.tick()
    clock.pass_(HOUR - 1)
    await house.answer(ticket_id, agent_id)
    clock.pass_(10 * 60)
    keeping = Timekeeping(Timekeeper(POLICY, Calendars(Calendar.of("UTC", {}))))
    await house.store.timers.fire_due({TIMER: keeping.fire})  # before it follows
    assert ("warned", clock.now) not in await house.history(ticket_id, K.FIRST_ANSWER)
    await house.tick()
    assert [what for what, _ in await house.history(ticket_id, K.FIRST_ANSWER)] == [
        "started", "stopped",
    ]  # fmt: skip


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
async def test_a_clock_that_jumps_fires_nothing_twice(
    house: House, clock: FakeClock, jump: float
) -> None:
    ticket_id = await waiting(house.store, target=TARGET)
    await house.tick()
    clock.pass_(2.2 * HOUR)
    await house.tick()
    clock.pass_(jump)
    for _ in range(8):
        await house.tick()
        clock.pass_(HOUR / 2)
    history = [what for what, _ in await house.history(ticket_id, K.FIRST_ANSWER)]
    assert history == ["started", "warned", "breached", *["escalated"] * 3]


async def test_another_urgency_is_another_target(house: House, clock: FakeClock) -> None:
    ticket_id, agent_id = await owned(house.store, target=TARGET)
    await house.tick()
    clock.pass_(3 * HOUR)
    await house.store.tickets.correct(ticket_id, agent_id, "urgency", "紧急")
    await house.tick()
    (resolution,) = await house.runs(ticket_id, K.RESOLUTION)
    assert (resolution.target, resolution.elapsed) == (4 * HOUR, 3 * HOUR)
    assert resolution.facts.urgency == "紧急"


async def test_thanks_and_strangers_start_nothing(house: House, clock: FakeClock) -> None:
    ticket_id, agent_id = await owned(house.store, target=TARGET)
    await house.answer(ticket_id, agent_id)
    await house.say("k2", hollow=True)
    await house.say("k3", auto="auto_reply")
    await house.tick()
    assert await house.runs(ticket_id, K.NEXT_ANSWER) == []


async def test_pressing_is_counted_and_escalates(house: House, clock: FakeClock) -> None:
    ticket_id = await waiting(house.store, target=TARGET)
    await house.tick()
    for word in range(6):  # of six lines, three come after a pause
        clock.pass_(70.0 if word % 2 else 5.0)
        await house.say(f"w{word}")
    await house.tick()
    ticket = await house.store.tickets.get(ticket_id)
    assert (ticket.pressed, ticket.escalation) == (3, 1)
    assert [event.data["times"] for event in await house.told("ticket.pressed")] == [1, 2, 3]
    assert [line[0] for line in await house.history(ticket_id, None)] == [
        "pressed", "pressed", "pressed", "escalated",
    ]  # fmt: skip


async def test_words_press_at_once(house: House, clock: FakeClock) -> None:
    ticket_id = await waiting(house.store, target=TARGET)
    await house.say("k2", text="催一下", pressing=lambda text: "催" in text)
    await house.tick()
    assert (await house.store.tickets.get(ticket_id)).pressed == 1


async def test_junk_voids_and_a_pardon_begins_anew(house: House, clock: FakeClock) -> None:
    ticket_id, agent_id = await owned(house.store, target=TARGET)
    await house.store.tickets.mark_junk(ticket_id, agent_id)
    await house.tick()
    assert {run.outcome for run in await house.store.clocks.of(ticket_id)} == {"void"}
    assert await house.store.timers.of(ticket_id) == []
    await house.store.tickets.unmark_junk(ticket_id, agent_id)
    await _relabel(house.store)
    await house.tick()
    opened = [run for run in await house.store.clocks.of(ticket_id) if run.stopped_at is None]
    assert len(opened) == 4


async def _relabel(store: Store) -> None:
    found = await store.queue.unlabelled(10)
    await store.queue.route([replace(routed(ticket), target=TARGET) for ticket in found])


async def test_reopened_it_has_to_be_solved_again(house: House, clock: FakeClock) -> None:
    ticket_id, agent_id = await owned(house.store, target=TARGET)
    await house.answer(ticket_id, agent_id, "resolved")
    clock.pass_(HOUR)
    await house.say("k2")
    await house.tick()
    first, second = await house.runs(ticket_id, K.RESOLUTION)
    assert (first.outcome, second.outcome, second.started_at) == ("met", None, clock.now)
    (answer,) = await house.runs(ticket_id, K.NEXT_ANSWER)
    assert answer.started_at == clock.now


async def test_what_was_late_and_never_answered_is_owed_again(
    house: House, clock: FakeClock
) -> None:
    ticket_id, agent_id = await owned(house.store, target=TARGET)
    clock.pass_(3 * HOUR)
    await house.store.tickets.move(ticket_id, agent_id, TicketState.RESOLVED)
    await house.tick()
    clock.pass_(60.0)
    await house.store.ending.reopen(ticket_id, agent_id, "还没答复")
    await house.tick()
    first, again = await house.runs(ticket_id, K.FIRST_ANSWER)
    assert (first.outcome, first.lapsed) == ("missed", True)
    assert (again.started_at, again.stopped_at) == (clock.now, None)
    # Answered late, it is settled.
    clock.pass_(3 * HOUR)
    await house.store.tickets.take(ticket_id, agent_id)
    await house.answer(ticket_id, agent_id, "resolved")
    await house.tick()
    await house.store.ending.reopen(ticket_id, agent_id, "还没好")
    await house.tick()
    assert [r.lapsed for r in await house.runs(ticket_id, K.FIRST_ANSWER)] == [True, False]
