"""The routing rule: its invariants on generated centres, and its order by example."""

import tomllib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.routing import TRIAGE, AgentView, Candidate, Needs, Rules, Targets, Waiting
from router.keys import deadlines_missed, relax_step_at, retargeted, sort_key
from router.needs import ladder
from router.policy import (
    LISTED,
    REST,
    assign,
    in_question,
    in_reach,
    standing,
    takers,
)
from router.roster import Roster, flexibility

NOW = 10_000.0
RULES = Rules(
    version="test",
    required_facets=("domain",),
    preferred_facets=("type",),
    targets={"live": Targets(by_urgency={}, default=300)},
    units={"live": 2, "mail": 1},
)
SKILLS = ("domain:a", "domain:b", "type:x", "type:y", "lang:en", "lang:ja")


def can(agent: AgentView, needs: Needs) -> bool:
    """The oracle of eligibility: one agent against one list of needs."""
    return all(agent.skills.get(s, 0) >= level for s, level in needs.required + needs.preferred)


def fits(agent: AgentView, ticket: Waiting, used: int) -> bool:
    return (
        agent.ready
        and agent.agent_id not in ticket.excluded
        and used + ticket.units <= agent.capacity
    )


def some_needs(random: Random) -> Needs:
    skills = random.sample(SKILLS, random.randint(0, 3))
    levels = [(skill, random.randint(1, 4)) for skill in skills]
    cut = random.randint(0, len(levels))
    return Needs(
        required=tuple(sorted(levels[:cut])),
        preferred=tuple(sorted(levels[cut:])),
        never_drop=frozenset(skill for skill in skills if skill.startswith("lang:")),
    )


def some_agent(random: Random, agent_id: str) -> AgentView:
    capacity = random.randint(0, 6)
    skills = random.sample(SKILLS, random.randint(2, len(SKILLS)))
    return AgentView(
        agent_id=agent_id,
        skills={skill: random.randint(1, 5) for skill in skills},
        capacity=capacity,
        used=random.randint(0, capacity + 2),
        ready=random.random() < 0.75,
        idle_since=random.choice([1.0, 2.0, 3.0]),
        flexibility=random.choice([0.0, 0.25, 0.5]),
    )


def some_centre(seed: int, n_heads: int, n_agents: int) -> tuple[list[Waiting], list[AgentView]]:
    """Built from a seed: drawing each field by itself is thirty times slower."""
    random = Random(seed)
    agents = [some_agent(random, f"a{i}") for i in range(n_agents)]
    ids = [*(agent.agent_id for agent in agents), "gone"]
    classes = [some_needs(random) for _ in range(random.randint(1, 4))]
    heads = [
        Waiting(
            ticket_id=f"t{i}",
            epoch=random.randint(1, 3),
            needs=random.choice(classes),
            created_at=NOW - random.choice([0, 0, 10, 100, 200, 400, 900]),
            target=random.choice([60.0, 300.0, 1200.0]),
            late=random.random() < 0.3,
            units=random.randint(1, 3),
            relax_step=random.choice([0, 0, 0, 1, 2, 3]),
            sticky_agent=random.choice([None, *ids]),
            excluded=frozenset(random.sample(ids, random.randint(0, min(2, len(ids))))),
        )
        for i in range(n_heads)
    ]
    return heads, agents


SEEDS = st.integers(0, 2**32)
CENTRES = st.builds(some_centre, SEEDS, st.integers(0, 8), st.integers(0, 8))


def used_after(heads: list[Waiting], agents: list[AgentView]) -> dict[str, int]:
    used = {agent.agent_id: agent.used for agent in agents}
    for decision in assign(heads, agents, NOW, RULES):
        used[decision.agent_id] += decision.units
    return used


def needs_now(ticket: Waiting, agents: list[AgentView]) -> Needs:
    """The oracle of relaxation: the rung that age and what was stored ask for, or the first
    one after it that anybody online matches."""
    rungs = ladder(ticket.needs, len(RULES.relax_at))
    age = NOW - ticket.created_at
    step = max(ticket.relax_step, sum(age >= f * ticket.target for f in RULES.relax_at))
    for rung in rungs[min(step, len(rungs) - 1) :]:
        if any(can(agent, rung) for agent in agents):
            return rung
    return rungs[-1]


@given(CENTRES)
def test_i1_a_ticket_is_given_once_and_in_its_epoch(
    world: tuple[list[Waiting], list[AgentView]],
) -> None:
    heads, agents = world
    decisions = assign([*heads, *heads], agents, NOW, RULES)
    assert len({d.ticket_id for d in decisions}) == len(decisions)
    assert {(d.ticket_id, d.epoch, d.units) for d in decisions} <= {
        (t.ticket_id, t.epoch, t.units) for t in heads
    }


@given(CENTRES)
def test_i2_nobody_is_given_more_than_fits_or_what_they_declined(
    world: tuple[list[Waiting], list[AgentView]],
) -> None:
    heads, agents = world
    used = used_after(heads, agents)
    for agent in agents:
        assert used[agent.agent_id] <= max(agent.capacity, agent.used)
        assert agent.ready or used[agent.agent_id] == agent.used
    tickets = {ticket.ticket_id: ticket for ticket in heads}
    for decision in assign(heads, agents, NOW, RULES):
        assert decision.agent_id not in tickets[decision.ticket_id].excluded


@given(CENTRES)
def test_i3_no_ticket_is_left_beside_a_free_agent_who_may_take_it(
    world: tuple[list[Waiting], list[AgentView]],
) -> None:
    heads, agents = world
    given_away = {d.ticket_id for d in assign(heads, agents, NOW, RULES)}
    used = used_after(heads, agents)
    for ticket in heads:
        if ticket.ticket_id not in given_away:
            rung = needs_now(ticket, agents)
            assert not [a for a in agents if can(a, rung) and fits(a, ticket, used[a.agent_id])]


@given(CENTRES)
def test_i4_within_a_class_the_smallest_key_goes_first(
    world: tuple[list[Waiting], list[AgentView]],
) -> None:
    """A ticket that was passed over could not have been taken by any agent chosen for a later
    one of its class."""
    heads, agents = world

    def key(ticket: Waiting) -> float:
        return standing(ticket, agents, NOW, RULES).key

    tickets = {ticket.ticket_id: ticket for ticket in heads}
    by_id = {agent.agent_id: agent for agent in agents}
    decisions = assign(heads, agents, NOW, RULES)
    assert [d.key for d in decisions] == sorted(d.key for d in decisions)
    given_at = {d.ticket_id: i for i, d in enumerate(decisions)}
    used = {agent.agent_id: agent.used for agent in agents}
    for i, decision in enumerate(decisions):
        taken, agent = tickets[decision.ticket_id], by_id[decision.agent_id]
        for other in heads:
            if other.needs == taken.needs and key(other) < key(taken):
                served = given_at.get(other.ticket_id, len(decisions)) < i
                could = can(agent, needs_now(other, agents))
                assert served or not (could and fits(agent, other, used[agent.agent_id]))
        used[decision.agent_id] += decision.units


@given(CENTRES, st.integers(0, 400))
def test_i6_what_may_be_asked_only_shrinks_and_never_drop_is_kept(
    world: tuple[list[Waiting], list[AgentView]], later: int
) -> None:
    heads, agents = world
    by_id = {agent.agent_id: agent for agent in agents}
    for decision in assign(heads, agents, NOW, RULES):
        ticket = next(t for t in heads if t.ticket_id == decision.ticket_id)
        agent = by_id[decision.agent_id]
        assert can(agent, needs_now(ticket, agents))
        for skill, level in ticket.needs.required + ticket.needs.preferred:
            if skill in ticket.needs.never_drop:
                assert agent.skills.get(skill, 0) >= level
    for ticket in heads:
        before = standing(ticket, agents, NOW, RULES)
        kept = replace(ticket, relax_step=before.step)
        after = standing(kept, agents, NOW + later, RULES)
        assert after.step >= before.step
        assert {a.agent_id for a in agents if can(a, before.needs)} <= {
            a.agent_id for a in agents if can(a, after.needs)
        }


@given(SEEDS.map(lambda seed: some_needs(Random(seed))), st.integers(0, 5))
def test_i6_each_rung_asks_for_less_than_the_one_before(needs: Needs, steps: int) -> None:
    rungs = ladder(needs, steps)
    assert rungs[0] == needs
    assert len(rungs) <= steps + 1
    for stricter, looser in pairwise(rungs):
        assert looser != stricter
        asked = dict(stricter.required + stricter.preferred)
        left = dict(looser.required + looser.preferred)
        assert all(level <= asked[skill] for skill, level in left.items())
        assert {s for s, _ in stricter.required} == {s for s, _ in looser.required}
        assert all(left[skill] == asked[skill] for skill in asked if skill in needs.never_drop)


@given(CENTRES, st.randoms(use_true_random=False))
def test_i9_the_order_of_the_arguments_and_the_history_of_a_roster_change_nothing(
    world: tuple[list[Waiting], list[AgentView]], random: Random
) -> None:
    heads, agents = world
    decisions = assign(heads, agents, NOW, RULES)
    shuffled_heads, shuffled_agents = heads[:], agents[:]
    random.shuffle(shuffled_heads)
    random.shuffle(shuffled_agents)
    assert assign(shuffled_heads, shuffled_agents, NOW, RULES) == decisions

    roster = Roster(replace(a, used=0, ready=True, skills=dict(a.skills)) for a in shuffled_agents)
    roster.put(AgentView("visitor", {"domain:a": 5}, 6, 0, True, 0.0))
    assign(heads, roster, NOW, RULES)
    roster.remove("visitor")
    for agent in shuffled_agents:
        assign(heads[:2], roster, NOW, RULES)
        roster.put(replace(agent, used=agent.used + 1, ready=not agent.ready))
        roster.put(agent)
    assert assign(heads, roster, NOW, RULES) == decisions
    assert assign(heads, roster, NOW, RULES) == decisions, "the roster is left as it was"


TICKETS = st.builds(
    Waiting,
    ticket_id=st.just("t"),
    epoch=st.just(1),
    needs=st.just(Needs()),
    created_at=st.integers(0, 10_000).map(float),
    target=st.integers(1, 5000).map(float),
    late=st.booleans(),
    units=st.just(1),
    relax_step=st.integers(0, 2),
)


def key_of(ticket: Waiting, now: float) -> float:
    missed = deadlines_missed(ticket, now, RULES)
    return sort_key(ticket.created_at, ticket.target, missed, RULES)


@given(TICKETS, st.floats(0.05, 1.0), st.integers(0, 20_000))
def test_i10_a_raised_priority_never_moves_a_ticket_back(
    ticket: Waiting, factor: float, waited: int
) -> None:
    now = ticket.created_at + waited
    raised = retargeted(ticket, ticket.target * factor, now, RULES)
    assert key_of(raised, now) <= key_of(ticket, now) + 1e-6
    assert raised.epoch == ticket.epoch + 1
    assert raised.relax_step >= relax_step_at(waited, ticket.target, RULES)


@given(TICKETS, st.floats(1.0, 20.0), st.integers(0, 20_000))
def test_i10_a_lowered_priority_never_moves_a_ticket_ahead(
    ticket: Waiting, factor: float, waited: int
) -> None:
    now = ticket.created_at + waited
    lowered = retargeted(ticket, ticket.target * factor, now, RULES)
    assert key_of(lowered, now) >= key_of(ticket, now)
    assert lowered.relax_step >= relax_step_at(waited, ticket.target, RULES)


@given(CENTRES)
def test_i10_a_failed_offer_costs_no_age(world: tuple[list[Waiting], list[AgentView]]) -> None:
    heads, agents = world
    for ticket in heads:
        passed_over = replace(ticket, excluded=frozenset(a.agent_id for a in agents[:3]))
        before, after = (
            standing(t, agents, NOW, RULES)
            for t in (replace(ticket, excluded=frozenset()), passed_over)
        )
        assert (after.key, after.step, after.late) == (before.key, before.step, before.late)


@given(CENTRES)
def test_every_online_agent_has_just_one_outcome(
    world: tuple[list[Waiting], list[AgentView]],
) -> None:
    heads, agents = world
    for decision in assign(heads, agents, NOW, RULES):
        assert sorted(c.agent_id for c in decision.candidates) == sorted(
            a.agent_id for a in agents
        )
        assert [c.agent_id for c in decision.candidates if c.outcome == "chosen"] == [
            decision.agent_id
        ]
    for ticket in heads:
        stands = standing(ticket, agents, NOW, RULES)
        assert stands.free + sum(stands.removed.values()) == len(agents)


@given(CENTRES)
def test_who_could_take_a_ticket_at_once_is_who_is_in_question_for_it(
    world: tuple[list[Waiting], list[AgentView]],
) -> None:
    heads, agents = world
    roster = Roster(agents)
    for one in heads:
        asked = replace(one, interrupts=False)
        able = [a.agent_id for a in takers(asked, roster, NOW, RULES)]
        assert able == sorted(able)
        there = in_question(asked, roster, NOW, RULES)
        assert [a.agent_id for a in there["free"]] == able
        removed = standing(asked, roster, NOW, RULES).removed
        for outcome in ("capacity", "presence", "excluded"):
            assert len(there[outcome]) == removed.get(outcome, 0)
        decisions = assign([asked], roster, NOW, RULES)
        ranked = [
            c.agent_id
            for d in decisions
            for c in d.candidates
            if c.outcome in ("chosen", "ranked")
        ]
        assert sorted(ranked) == able
        assert in_reach(asked.needs, roster, RULES) or not decisions


# By example.


def agent(agent_id: str, **changes: object) -> AgentView:
    view = AgentView(agent_id, {"domain:a": 1}, 6, 0, True, 0.0)
    return replace(view, **changes)  # type: ignore[arg-type]


def ticket(ticket_id: str = "t", **changes: object) -> Waiting:
    waiting = Waiting(ticket_id, 1, Needs(required=(("domain:a", 1),)), NOW, 300.0, False, 2)
    return replace(waiting, **changes)  # type: ignore[arg-type]


def chosen(heads: list[Waiting], agents: list[AgentView], now: float = NOW) -> list[str]:
    return [f"{d.ticket_id}>{d.agent_id}" for d in assign(heads, agents, now, RULES)]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"skills": {"domain:a": 3}, "used": 3}, {"skills": {"domain:a": 2}}),
        ({"used": 2, "capacity": 8}, {"used": 2, "capacity": 6}),
        ({"flexibility": 0.2, "idle_since": 9.0}, {"flexibility": 0.3}),
        ({"idle_since": 5.0}, {"idle_since": 6.0}),
        ({}, {}),
    ],
    ids=["level before load", "load", "flexibility before idleness", "idleness", "id"],
)
def test_the_agent_order(better: dict[str, object], worse: dict[str, object]) -> None:
    last_by_id = {"t>a"} if not better else {"t>b"}
    first, second = ("b", "a") if better else ("a", "b")
    assert set(chosen([ticket()], [agent(first, **better), agent(second, **worse)])) == last_by_id


def test_the_previous_agent_comes_first_if_free_and_nothing_is_held_back_for_them() -> None:
    worse = agent("b", used=4)
    decision = assign([ticket(sticky_agent="b")], [agent("a"), worse], NOW, RULES)[0]
    assert (decision.agent_id, decision.sticky) == ("b", True)
    full = agent("b", used=5)
    decision = assign([ticket(sticky_agent="b")], [agent("a"), full], NOW, RULES)[0]
    assert (decision.agent_id, decision.sticky) == ("a", False)
    unskilled = agent("b", skills={"domain:b": 5})
    assert chosen([ticket(sticky_agent="b")], [agent("a"), unskilled]) == ["t>a"]


def test_a_level_counts_in_the_order_even_after_it_is_no_longer_asked_for() -> None:
    needs = Needs(required=(("domain:a", 1),), preferred=(("type:x", 3),))
    waiting = ticket(needs=needs, relax_step=1)
    agents = [agent("a"), agent("b", skills={"domain:a": 1, "type:x": 2})]
    assert chosen([waiting], agents) == ["t>b"]


def test_a_late_ticket_competes_for_a_later_deadline() -> None:
    late = ticket("late", created_at=NOW - 301)
    fresh = ticket("fresh", created_at=NOW - 150)
    assert chosen([late, fresh], [agent("a", capacity=2)]) == ["fresh>a"]
    very_late = ticket("late", created_at=NOW - 1190)
    assert chosen([very_late, fresh], [agent("a", capacity=2)]) == ["late>a"]


def test_a_ticket_late_twice_does_not_drag_others_past_their_second_deadline() -> None:
    """It competes for a last deadline; a class that few can serve is then well ahead."""
    twice = ticket("twice", created_at=NOW - 1300)
    late = ticket("late", created_at=NOW - 400)
    many = [agent(f"busy{i}", ready=False) for i in range(39)]
    one = agent("a", capacity=2)
    assert chosen([twice, late], [one, *many]) == ["late>a"]
    assert chosen([twice, late], [one, *many], NOW + 5400) == ["twice>a"]
    assert chosen([twice, late], [one]) == ["late>a"]
    assert deadlines_missed(replace(late, twice_late=True), NOW, RULES) == 2


def test_the_owner_of_a_tier_comes_first_then_the_backup_then_the_sticky_agent() -> None:
    agents = [agent(name) for name in ("a", "b", "c", "d")]
    asked = ticket(first=("d", "c"), sticky_agent="b")
    order = []
    for _ in range(4):
        decision = assign([asked], agents, NOW, RULES)[0]
        order.append((decision.agent_id, decision.named, decision.sticky))
        agents = [
            replace(a, used=6 if a.agent_id == decision.agent_id else a.used) for a in agents
        ]
    assert order == [
        ("d", True, False),
        ("c", True, False),
        ("b", False, True),
        ("a", False, False),
    ]
    unskilled = agent("d", skills={"domain:b": 1})
    assert chosen([asked], [agent("a"), unskilled]) == ["t>a"], "named, but it must be able to"


def test_an_urgent_ticket_takes_the_place_of_one_interruptible_item() -> None:
    full = agent("a", used=6, interruptible=1)
    one, two = ticket("one", units=1, interrupts=True), ticket("two", units=1, interrupts=True)
    first, *others = assign([one, two], [full], NOW, RULES)
    assert (first.ticket_id, first.interrupts, others) == ("one", True, [])
    assert assign([replace(one, interrupts=False)], [full], NOW, RULES) == []
    assert assign([replace(one, units=2)], [full], NOW, RULES) == [], "one unit is too little"
    assert assign([one], [replace(full, ready=False)], NOW, RULES) == []
    free = agent("b")
    assert [d.interrupts for d in assign([one], [full, free], NOW, RULES)] == [False]
    rest = assign(
        [replace(one, units=1), replace(two, units=1)],
        [full, replace(full, agent_id="c")],
        NOW,
        RULES,
    )
    assert [d.agent_id for d in rest] == ["a", "c"]


def test_the_overflow_group_joins_last_and_replaces_nobody() -> None:
    needs = Needs(
        required=(("domain:a", 1), ("lang:en", 1)),
        never_drop=frozenset({"lang:en"}),
        overflow="group:x",
    )
    able = agent("able", skills={"domain:a": 1, "lang:en": 1})
    helper = agent("helper", skills={"group:x": 1, "lang:en": 1})
    deaf = agent("deaf", skills={"group:x": 1})
    busy = replace(able, used=6)
    asked = ticket(needs=needs)
    assert chosen([asked], [busy, helper, deaf]) == []
    assert chosen([asked], [busy, helper, deaf], NOW + 150) == ["t>helper"]
    assert chosen([asked], [able, helper], NOW + 150) == ["t>able"], "who can comes first"
    assert chosen([asked], [helper, deaf]) == ["t>helper"], "at once where nobody can"
    assert needs.skill_class.endswith(">group:x")


def test_the_class_that_few_can_serve_goes_first() -> None:
    rare = ticket("rare", needs=Needs(required=(("domain:b", 1),)), created_at=NOW + 100)
    both = agent("both", skills={"domain:a": 1, "domain:b": 1}, capacity=2)
    others = [agent(f"busy{i}", ready=False) for i in range(3)]
    assert chosen([ticket("common"), rare], [both, *others]) == ["rare>both"]


def test_to_be_relaxed_never_costs_a_ticket_its_place_in_its_class() -> None:
    """A class goes ahead by how few match it unrelaxed, whatever step a ticket has reached."""
    needs = Needs(required=(("domain:a", 1),), preferred=(("type:x", 2),))
    older = ticket("older", needs=needs, created_at=NOW - 100)
    newer = ticket("newer", needs=needs, created_at=NOW - 50)
    expert = agent("expert", skills={"domain:a": 1, "type:x": 2}, capacity=2)
    others = [agent(f"busy{i}", ready=False) for i in range(3)]
    assert chosen([newer, older], [expert, *others]) == ["older>expert"]


def test_a_step_that_nobody_online_matches_is_skipped_at_once() -> None:
    needs = Needs(required=(("domain:a", 3),), preferred=(("type:x", 2),))
    fresh = ticket(needs=needs)
    able = agent("able", skills={"domain:a": 3, "type:x": 2}, ready=False)
    trainee = agent("trainee", skills={"domain:a": 3})
    assert chosen([fresh], [able, trainee]) == [], "somebody online matches: no skipping"
    decision = assign([fresh], [trainee], NOW, RULES)[0]
    assert (decision.agent_id, decision.relax_step) == ("trainee", 1)
    beginner = agent("beginner", skills={"domain:a": 2})
    assert assign([fresh], [beginner], NOW, RULES)[0].relax_step == 2
    assert chosen([fresh], [agent("a", skills={"domain:a": 1})]) == []


def test_needs_relax_at_their_share_of_the_target() -> None:
    needs = Needs(required=(("domain:a", 3),), preferred=(("type:x", 2),))
    able = agent("able", skills={"domain:a": 3, "type:x": 2}, ready=False)
    agents = [able, agent("a", skills={"domain:a": 3}), agent("b", skills={"domain:a": 2})]
    waiting = ticket(needs=needs)
    assert chosen([waiting], agents, NOW + 74.9) == []
    assert chosen([waiting], agents, NOW + 75) == ["t>a"]
    agents[1] = replace(agents[1], used=6)
    assert chosen([waiting], agents, NOW + 149.9) == []
    assert chosen([waiting], agents, NOW + 150) == ["t>b"]


def test_a_language_is_never_relaxed_away() -> None:
    needs = Needs(
        required=(("domain:a", 1),), preferred=(("lang:en", 2),), never_drop=frozenset({"lang:en"})
    )
    assert chosen([ticket(needs=needs, relax_step=2)], [agent("a")], NOW + 9999) == []


def test_a_crowd_is_counted_where_it_is_not_listed() -> None:
    agents = [agent(f"a{i:03}") for i in range(60)]
    agents += [agent(f"b{i:03}", skills={"domain:b": 1}) for i in range(40)]
    candidates = assign([ticket()], agents, NOW, RULES)[0].candidates
    assert len(candidates) == 1 + LISTED + 1 + LISTED + 1
    assert Candidate(REST, "ranked", str(59 - LISTED)) in candidates
    assert Candidate(REST, "skill", str(40 - LISTED)) in candidates
    assert Candidate("b000", "skill", "domain:a 0<1") in candidates


def test_what_became_of_everybody_is_told() -> None:
    agents = [
        agent("a", skills={"domain:a": 3}, used=1, idle_since=5.0),
        agent("b", skills={"domain:a": 3}, used=2, flexibility=0.25),
        agent("full", skills={"domain:a": 2}, used=5),
        agent("away", skills={"domain:a": 2}, ready=False),
        agent("declined", skills={"domain:a": 2}),
        agent("low", skills={"domain:a": 1}),
        agent("other", skills={"domain:b": 5}),
    ]
    needs = Needs(required=(("domain:a", 2),))
    asked = ticket(needs=needs, excluded=frozenset({"declined"}))
    (decision,) = assign([asked], agents, NOW, RULES)
    assert decision.candidates == (
        Candidate("a", "chosen", "level=3 used=1/6 flexibility=0.0 idle_since=5.0"),
        Candidate("b", "ranked", "level=3 used=2/6 flexibility=0.25 idle_since=0.0"),
        Candidate("full", "capacity", "5/6"),
        Candidate("away", "presence", ""),
        Candidate("declined", "excluded", ""),
        Candidate("low", "level", "domain:a 1<2"),
        Candidate("other", "skill", "domain:a 0<2"),
    )
    # What was given a moment before is counted.
    _, second = assign([asked, replace(asked, ticket_id="u")], agents[:1], NOW, RULES)
    assert second.candidates[0].detail.startswith("level=3 used=3/6 ")


def test_nothing_is_read_that_nobody_free_might_ever_take() -> None:
    needs = Needs(required=(("domain:a", 3),), preferred=(("type:x", 1),))
    beginner = agent("a", skills={"domain:a": 2}, used=5)
    assert in_reach(needs, Roster([beginner]), RULES), "once it is relaxed"
    assert not in_reach(needs, Roster([replace(beginner, skills={"domain:a": 1})]), RULES)
    assert not in_reach(needs, Roster([replace(beginner, used=6)]), RULES)
    assert not in_reach(needs, Roster([replace(beginner, ready=False)]), RULES)


def test_who_waits_is_told_when_more_agents_come_into_question() -> None:
    needs = Needs(required=(("domain:a", 1),), preferred=(("type:x", 2),))
    agents = [agent("a"), agent("b", skills={"domain:a": 1, "type:x": 2}, ready=False)]
    stands = standing(ticket(needs=needs), agents, NOW, RULES)
    assert (stands.online, stands.free) == (1, 0)
    assert stands.removed == {"presence": 1, "skill": 1}
    assert (stands.next_step_at, stands.next_online) == (NOW + 75, 2)


def test_flexibility_shares_each_class_out_among_those_who_can_do_it() -> None:
    a = Needs(required=(("domain:a", 2),), preferred=(("type:x", 1),))
    b, nobodys = Needs(required=(("domain:b", 1),)), Needs(required=(("domain:c", 1),))
    online = [
        agent("both", skills={"domain:a": 2, "domain:b": 1}),
        agent("one", skills={"domain:b": 5}, ready=False),
        agent("low", skills={"domain:a": 1}),
    ]
    shares = flexibility(online, {a: 4, b: 2, nobodys: 2})
    assert shares == {"both": 4 / 8 + 1 / 8, "one": 1 / 8, "low": 0}
    assert flexibility(online, {}) == dict.fromkeys(shares, 0)
    assert flexibility([], {a: 1}) == {}


def test_of_equals_who_is_one_of_few_for_other_work_is_kept_for_it() -> None:
    """Though the other one could serve more of it: that work has many who can."""
    common, rare = Needs(required=(("domain:a", 1),)), Needs(required=(("lang:en", 1),))
    broad = Needs(required=(("domain:b", 1),))
    crowd = [agent(f"c{i}", skills={"domain:b": 1}, ready=False) for i in range(9)]
    expert = agent("a", skills={"domain:a": 1, "lang:en": 1})
    other = agent("z", skills={"domain:a": 1, "domain:b": 1})
    shares = flexibility([expert, other, *crowd], {common: 5, rare: 1, broad: 4})
    free = [replace(one, flexibility=shares[one.agent_id]) for one in (expert, other)]
    assert chosen([ticket(needs=common)], [*free, *crowd]) == ["t>z"]


def test_no_agents_and_no_tickets_are_no_trouble() -> None:
    assert assign([], [], NOW, RULES) == []
    assert assign([ticket()], [], NOW, RULES) == []
    assert assign([], [agent("a")], NOW, RULES) == []
    assert standing(ticket(), [], NOW, RULES).online == 0


def test_the_shipped_rules_are_valid_and_every_key_is_explained() -> None:
    path = Path(__file__).parents[2] / "config" / "routing.toml"
    text = path.read_text(encoding="utf-8")
    rules = Rules.model_validate(tomllib.loads(text))
    assert set(rules.targets) == set(rules.units) == {"live", "mail"}
    assert TRIAGE not in rules.required_facets
    for name in Rules.model_fields:
        assert any(f"{start}{name}" in text for start in ("\n", "[")), f"{name} is not set"
    for paragraph in text.split("\n\n"):
        comment = [line[2] for line in paragraph.splitlines() if line.startswith("# ")]
        assert not comment[0].isascii(), f"no Chinese: {paragraph!r}"
        assert any(letter.isascii() for letter in comment), f"no English: {paragraph!r}"
    assert list(rules.relax_at) == sorted(rules.relax_at)
