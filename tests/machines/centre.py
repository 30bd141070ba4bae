"""A centre in memory that the pure policy routes, driven at random; I1–I6, I9, I10.

The policy is asked through its module, so that a test can plant a bug in it.
"""

from dataclasses import replace
from random import Random

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from models.routing import AgentView, Decision, Needs, Rules, Targets, Waiting
from router import keys, policy
from tests.machines.invariants import check_decisions, eligible

RULES = Rules(
    version="machine",
    required_facets=("domain",),
    targets={"live": Targets(by_urgency={}, default=300)},
    units={"live": 2, "mail": 1},
)
CLASSES = (
    Needs(required=(("a", 1),)),
    Needs(required=(("a", 3),), preferred=(("x", 2),)),
    Needs(required=(("b", 2), ("lang:en", 2)), never_drop=frozenset({"lang:en"})),
    Needs(required=(("b", 1),), preferred=(("lang:en", 3),), never_drop=frozenset({"lang:en"})),
    Needs(required=(("b", 1),), overflow="help"),
)
SKILLS = ("a", "b", "x", "lang:en", "help")
AGENTS = tuple(f"a{n}" for n in range(5))


class Centre(RuleBasedStateMachine):
    """Waiting tickets and who has which; a claim is conditional, as the store's is."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        self.waiting: dict[str, Waiting] = {}
        self.owned: dict[str, tuple[str, Waiting]] = {}
        self.agents: dict[str, AgentView] = {}
        self.seen_step: dict[str, int] = {}
        self.arrived = 0

    @rule(seed=st.integers(0, 10**6))
    def staff(self, seed: int) -> None:
        """Somebody comes, or learns something."""
        random = Random(seed)
        name = random.choice(AGENTS)
        had = self.agents.get(name)
        skills = {s: random.randint(1, 5) for s in SKILLS if random.random() < 0.7}
        used = had.used if had else 0
        self.agents[name] = AgentView(name, skills, random.randint(2, 6), used, True, self.now)

    @rule(kind=st.integers(0, 4), due=st.sampled_from([60.0, 300.0, 1200.0]))
    def arrive(self, kind: int, due: float) -> None:
        self.arrived += 1
        name = f"t{self.arrived:03}"
        asked = CLASSES[kind]
        self.waiting[name] = Waiting(name, 1, asked, self.now, due, False, 1 + kind % 2)

    @rule(seconds=st.sampled_from([1.0, 20.0, 100.0, 700.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for name, ticket in self.waiting.items():
            at = keys.position(ticket, self.now, RULES)
            # 4 stands for a stage, not for a further step.
            assert at.relax_step >= min(ticket.relax_step, 3), "I6: relaxation is monotone"
            assert at.late >= ticket.late, "I6: who is late stays late"
            self.waiting[name] = replace(
                ticket, relax_step=at.relax_step, late=at.late, twice_late=at.relax_step == 4
            )

    @precondition(lambda self: self.agents)
    @rule(n=st.integers(0, 4), ready=st.booleans())
    def presence(self, n: int, ready: bool) -> None:
        name = sorted(self.agents)[n % len(self.agents)]
        self.agents[name] = replace(self.agents[name], ready=ready)

    @precondition(lambda self: self.owned)
    @rule(n=st.integers(0, 50), declines=st.booleans())
    def end(self, n: int, declines: bool) -> None:
        """Work is done, or an offer comes back with its age."""
        name = sorted(self.owned)[n % len(self.owned)]
        owner, ticket = self.owned.pop(name)
        agent = self.agents[owner]
        self.agents[owner] = replace(agent, used=agent.used - ticket.units, idle_since=self.now)
        if declines:
            before = self._key(ticket)
            back = replace(ticket, epoch=ticket.epoch + 1, excluded=ticket.excluded | {owner})
            assert self._key(back) == before, "I10: a failed offer costs no age"
            self.waiting[name] = back

    @precondition(lambda self: self.waiting)
    @rule(n=st.integers(0, 50), factor=st.sampled_from([0.05, 0.25, 0.5, 2.0, 5.0]))
    def retarget(self, n: int, factor: float) -> None:
        name = sorted(self.waiting)[n % len(self.waiting)]
        ticket = self.waiting[name]
        before = self._key(ticket)
        changed = keys.retargeted(ticket, ticket.target * factor, self.now, RULES)
        if factor < 1:
            assert self._key(changed) <= before + 1e-6, "I10: a raise never moves it back"
        assert changed.epoch == ticket.epoch + 1
        assert changed.relax_step >= ticket.relax_step, "I6: what was relaxed stays relaxed"
        self.waiting[name] = changed

    @precondition(lambda self: self.waiting and self.agents)
    @rule(seed=st.integers(0, 10**6))
    def dispatch(self, seed: int) -> None:
        while self._round(Random(seed)):
            pass
        for ticket in self.waiting.values():
            for agent in self.agents.values():
                free = agent.ready and agent.used + ticket.units <= agent.capacity
                took = free and agent.agent_id not in ticket.excluded
                assert not (took and self._eligible(agent, ticket)), "I3: nobody is left beside"

    def _round(self, random: Random) -> int:
        heads, agents = list(self.waiting.values()), list(self.agents.values())
        decisions = policy.assign(heads, agents, self.now, RULES)
        random.shuffle(heads)
        random.shuffle(agents)
        assert policy.assign(heads, agents, self.now, RULES) == decisions, "I9: deterministic"
        check_decisions(heads, agents, self.now, RULES, decisions)
        for decision in decisions:
            self._claim(decision)
        return len(decisions)

    def _claim(self, decision: Decision) -> None:
        ticket = self.waiting.pop(decision.ticket_id)
        agent = self.agents[decision.agent_id]
        self.agents[agent.agent_id] = replace(agent, used=agent.used + ticket.units)
        self.owned[ticket.ticket_id] = agent.agent_id, ticket

    def _eligible(self, agent: AgentView, ticket: Waiting) -> bool:
        return eligible(agent, ticket, self.agents.values(), self.now, RULES)

    def _key(self, ticket: Waiting) -> float:
        return policy.standing(ticket, list(self.agents.values()), self.now, RULES).key

    def teardown(self) -> None:
        """I5: with people who can do everything, every ticket is served, and none twice."""
        everything = dict.fromkeys(SKILLS, 5)
        self.agents["all"] = AgentView("all", everything, 4, 0, True, self.now)
        for _ in range(len(self.waiting) + 1):
            while self.waiting and self._round(Random(0)):
                pass
            for owner, ticket in self.owned.values():
                agent = self.agents[owner]
                self.agents[owner] = replace(agent, used=agent.used - ticket.units)
            self.owned.clear()
        assert not self.waiting, "I5: somebody starves"
