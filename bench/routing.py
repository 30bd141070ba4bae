"""A simulated service centre that is routed by the production policy, and by simpler ones.

    python -m bench.routing [--quick] [--seeds 10] [--days 3] [--load 0.9 --load 0.97] [--json]

It ends with what one decision costs in process at 1,000 agents and 36 classes.

The centre: 40 agents, 18 of them seniors (complaints need one), 11 who write English, each at
home in 2–4 of 6 domains; three types of ticket with log-normal handling times (σ 0.8, means
240, 420 and 720 s); urgency 15/30/55 % with targets of 60, 300 and 1200 s; tiers 80/15/5 %
with factors 1, 0.75 and 0.5. A day has ten hours with a morning and an afternoon peak; the
load is the day's work over the day's staff, so the peaks stand above it (by 20 % of the quiet
hours unless --peak says otherwise). The burst is twenty minutes of 2.5 times the work between the
peaks of each day, on top of load 0.90. Every ticket is counted, those served after the last
arrival too. One agent works on one ticket at a time. What a policy is compared on is the same
tickets, with the same handling times.

Sticky agents, levels and offers are off. “mail” adds what may be interrupted: half of the tickets
of the lowest urgency are mail, an urgent ticket may set one aside, and what was set aside is
finished by whoever gets it next. “full” is the whole model on top of that: levels 1–5 with a
preferred one that is relaxed, sticky agents for a third of the customers, and one offer in ten let
pass for 15 s.
"""

import argparse
import json
import math
import os
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from heapq import heappop, heappush, nsmallest
from random import Random
from typing import Any, NamedTuple, Protocol

from scipy.stats import t as student

from models.routing import AgentView, Decision, Needs, Rules, Targets, Waiting
from router.keys import deadlines_missed, sort_key
from router.needs import needs, target
from router.policy import assign
from router.roster import Roster, flexibility

AGENTS, SENIORS, ENGLISH = 40, 18, 11
DOMAINS = {"物流": 0.21, "账户": 0.19, "支付": 0.17, "商品": 0.16, "发票": 0.14, "会员": 0.13}
TYPES = {"咨询": (0.50, 240.0), "办理": (0.30, 420.0), "投诉": (0.20, 720.0)}
"""Share of tickets and mean handling time in seconds."""
SIGMA = 0.8
ENGLISH_SHARE = 0.12
URGENCY = {"紧急": (0.15, 60.0), "重要": (0.30, 300.0), "一般": (0.55, 1200.0)}
TIERS = {"standard": (0.80, 1.0), "silver": (0.15, 0.75), "gold": (0.05, 0.5)}
DAY = 10 * 3600.0
PEAKS = ((2.5 * 3600, 3600.0), (6.5 * 3600, 3600.0))
"""Centre and width of each peak, in seconds since opening."""
MEAN_HANDLE = sum(share * mean for share, mean in TYPES.values())
SENIOR = "type:投诉"
MAIL_SHARE = 0.5
"""Of the tickets of the lowest urgency, where mail may be interrupted."""

STICKY_SHARE, PASSED_SHARE, PASSED_SECONDS = 0.33, 0.10, 15.0
"""Of the full model: customers with a previous agent; offers let pass, and for how long."""

RULES = Rules(
    version="bench",
    required_facets=("domain",),
    targets={"live": Targets(by_urgency={u: s for u, (_, s) in URGENCY.items()}, default=1200.0)},
    tier_factor={tier: factor for tier, (_, factor) in TIERS.items()},
    units={"live": 1},
    mean_handle_seconds=MEAN_HANDLE,
)


class Ticket(NamedTuple):
    """``handle`` is how long whoever gets it will work on it."""

    waiting: Waiting
    handle: float
    urgency: str
    passed: bool = False
    """This is no work but an offer that somebody lets pass."""


@dataclass(frozen=True)
class Centre:
    """Who works there and what they are asked."""

    skills: tuple[dict[str, int], ...]
    peak: float
    """How far the top of a peak stands above the quiet hours, as a share of them."""

    def arrivals(self, load: float, random: Random, burst: bool) -> list[Ticket]:
        """A day of tickets: a Poisson process, thinned to its profile."""
        mean_profile = sum(self._profile(60.0 * m) for m in range(600)) / 600
        base = load * AGENTS / MEAN_HANDLE / mean_profile
        top = base * (1 + self.peak) * (2.5 if burst else 1.0)
        tickets: list[Ticket] = []
        now = random.expovariate(top)
        while now < DAY:
            rate = base * self._profile(now) * (2.5 if burst and _in_burst(now) else 1.0)
            if random.random() * top < rate:
                tickets.append(_ticket(f"t{len(tickets):06}", now, random))
            now += random.expovariate(top)
        return tickets

    def _profile(self, at: float) -> float:
        return 1 + self.peak * max(
            math.exp(-(((at - middle) / width) ** 2) / 2) for middle, width in PEAKS
        )


def _in_burst(at: float) -> bool:
    """Twenty minutes in the quiet between the peaks."""
    return 4.5 * 3600 <= at < 4.5 * 3600 + 1200


def _draw(table: dict[str, Any], random: Random) -> str:
    shares = [v[0] if isinstance(v, tuple) else v for v in table.values()]
    return random.choices(list(table), shares)[0]


def class_needs(domain: str, kind: str, lang: str) -> Needs:
    """The needs of a class; a complaint requires a senior, which no label rule says here."""
    asked = needs({"domain": domain}, True, lang, RULES)
    if kind != "投诉":
        return asked
    return replace(asked, required=tuple(sorted((*asked.required, (SENIOR, 1)))))


CLASSES = {
    (domain, kind, lang): class_needs(domain, kind, lang)
    for domain in DOMAINS
    for kind in TYPES
    for lang in ("zh", "en")
}
RECENT: dict[Needs, float] = {}
for (_domain, _kind, _lang), _asked in CLASSES.items():
    _lang_share = ENGLISH_SHARE if _lang == "en" else 1 - ENGLISH_SHARE
    RECENT[_asked] = RECENT.get(_asked, 0.0) + DOMAINS[_domain] * TYPES[_kind][0] * _lang_share


def _ticket(ticket_id: str, now: float, random: Random) -> Ticket:
    kind, urgency = _draw(TYPES, random), _draw(URGENCY, random)
    lang = "en" if random.random() < ENGLISH_SHARE else "zh"
    asked = CLASSES[_draw(DOMAINS, random), kind, lang]
    due = target(urgency, "live", _draw(TIERS, random), RULES)
    handle = random.lognormvariate(math.log(TYPES[kind][1]) - SIGMA**2 / 2, SIGMA)
    return Ticket(Waiting(ticket_id, 1, asked, now, due, False, 1), handle, urgency)


def some_centre(seed: int, peak: float) -> Centre:
    """A random skill matrix in which at least two agents can serve each class."""
    random = Random(f"matrix {seed}")
    while True:
        seniors = set(random.sample(range(AGENTS), SENIORS))
        english = set(random.sample(range(AGENTS), ENGLISH))
        skills = []
        for i in range(AGENTS):
            known: set[str] = set()
            wanted = random.randint(2, 4)
            while len(known) < wanted:
                known.add(_draw(DOMAINS, random))
            names = [f"domain:{domain}" for domain in sorted(known)]
            names += [SENIOR] * (i in seniors) + ["lang:en"] * (i in english)
            skills.append(dict.fromkeys(names, 1))
        able = [
            sum(all(s in own for s, _ in asked.required) for own in skills)
            for asked in CLASSES.values()
        ]
        if min(able) >= 2:
            return Centre(tuple(skills), peak)


def everybody_can_everything(centre: Centre) -> Centre:
    """The pooled reference: the same people, each with every skill."""
    every = {skill: 1 for own in centre.skills for skill in own}
    return replace(centre, skills=(every,) * AGENTS)


class Policy(Protocol):
    """Told of each event, answers with (ticket, agent) pairs to start."""

    def arrive(self, ticket: Ticket, now: float, /) -> Iterable[tuple[Ticket, int]]: ...

    def finish(self, agent: int, now: float, /) -> Iterable[tuple[Ticket, int]]: ...


class Queues:
    """One class's waiting tickets as the store keeps them: in time, late, and late twice.

    Each is in the order of its class-free key; when a ticket goes on to the next is kept apart.
    """

    def __init__(self) -> None:
        self._stages: tuple[list[tuple[float, str]], ...] = ([], [], [])
        self._due: tuple[list[tuple[float, str]], ...] = ([], [])
        self._stage: dict[str, int] = {}

    def put(self, waiting: Waiting, missed: int) -> None:
        created, ticket_id = waiting.created_at, waiting.ticket_id
        self._stage[ticket_id] = missed
        key = sort_key(created, waiting.target, missed, RULES)
        heappush(self._stages[missed], (key, ticket_id))
        if missed < 2:
            due = created + waiting.target * (1.0, RULES.late_factor)[missed]
            heappush(self._due[missed], (due, ticket_id))

    def heads(self, tickets: dict[str, Ticket], now: float, depth: int) -> list[Waiting]:
        for stage, due in enumerate(self._due):
            while due and due[0][0] <= now:
                _, ticket_id = heappop(due)
                if self._is_here(ticket_id, stage, tickets):
                    self.put(tickets[ticket_id].waiting, stage + 1)
        found: list[Waiting] = []
        for stage, queue in enumerate(self._stages):
            while queue and not self._is_here(queue[0][1], stage, tickets):
                heappop(queue)
            first = queue[:1] if depth == 1 else nsmallest(depth, queue)
            found += [
                tickets[ticket_id].waiting
                for _, ticket_id in first
                if self._is_here(ticket_id, stage, tickets)
            ]
        return found

    def _is_here(self, ticket_id: str, stage: int, tickets: dict[str, Ticket]) -> bool:
        return ticket_id in tickets and self._stage[ticket_id] == stage


class Production:
    """``router.policy.assign`` over shared queues, kept as the store keeps them."""

    depth = 1
    """Heads of a queue that are looked at: without exclusions and relaxation one will do."""

    def __init__(self, centre: Centre) -> None:
        agents = [
            AgentView(f"{i:02}", skills, 1, 0, True, 0.0) for i, skills in enumerate(centre.skills)
        ]
        shares = flexibility(agents, RECENT)
        self._views = {
            agent.agent_id: replace(agent, flexibility=shares[agent.agent_id]) for agent in agents
        }
        self._roster = Roster(self._views.values())
        self._tickets: dict[str, Ticket] = {}
        self._queues: dict[Needs, Queues] = {}
        self.seconds: list[float] = []

    def arrive(self, ticket: Ticket, now: float) -> list[tuple[Ticket, int]]:
        self._enqueue(ticket, now)
        return self._assigned((ticket.waiting.needs,), now)

    def finish(self, agent: int, now: float) -> list[tuple[Ticket, int]]:
        self._change(f"{agent:02}", used=0, idle_since=now, interruptible=0)
        return self._assigned(tuple(self._queues), now)

    def _enqueue(self, ticket: Ticket, now: float) -> None:
        waiting = ticket.waiting
        self._tickets[waiting.ticket_id] = ticket
        queues = self._queues.setdefault(waiting.needs, Queues())
        queues.put(waiting, deadlines_missed(waiting, now, RULES))

    def _assigned(self, classes: Iterable[Needs], now: float) -> list[tuple[Ticket, int]]:
        started: list[tuple[Ticket, int]] = []
        while heads := self._heads(classes, now):
            began = time.perf_counter()
            decisions = assign(heads, self._roster, now, RULES)
            self.seconds.append(time.perf_counter() - began)
            if not decisions:
                break
            for decision in decisions:
                ticket = self._tickets.pop(decision.ticket_id)
                self._started(decision, ticket, now)
                started.append((ticket, int(decision.agent_id)))
        return started

    def _heads(self, classes: Iterable[Needs], now: float) -> list[Waiting]:
        free = self._roster.ready & self._roster.room().get(1, 0)
        steps = len(RULES.relax_at)
        return [
            head
            for asked in classes
            if self._roster.skill_class(asked, steps).matching[-1] & free
            for head in self._queues[asked].heads(self._tickets, now, self.depth)
        ]

    def _started(self, decision: Decision, _ticket: Ticket, now: float) -> None:
        self._change(decision.agent_id, used=1, idle_since=now)

    def _change(self, agent_id: str, **changes: Any) -> None:
        view = replace(self._views[agent_id], **changes)
        self._views[agent_id] = view
        self._roster.put(view)


class Interrupting(Production):
    """With mail that an urgent ticket may set aside."""

    def __init__(self, centre: Centre) -> None:
        super().__init__(centre)
        self._work: dict[str, tuple[Ticket, float]] = {}

    def arrive(self, ticket: Ticket, now: float) -> list[tuple[Ticket, int]]:
        urgent = ticket.urgency == "紧急"
        if urgent or self._is_mail(ticket):
            lane = "live" if urgent else "mail"
            changed = replace(ticket.waiting, interrupts=urgent, lane=lane)
            ticket = ticket._replace(waiting=changed)
        return super().arrive(ticket, now)

    def _heads(self, classes: Iterable[Needs], now: float) -> list[Waiting]:
        heads = super()._heads(classes, now)
        if not heads and any(view.interruptible for view in self._views.values()):
            found = (
                self._queues[asked].heads(self._tickets, now, self.depth) for asked in classes
            )
            heads = [head for own in found for head in own if head.interrupts]
        return heads

    def _started(self, decision: Decision, ticket: Ticket, now: float) -> None:
        agent_id = decision.agent_id
        if decision.interrupts:
            aside, began = self._work[agent_id]
            kept = replace(aside.waiting, sticky_agent=agent_id)
            left = aside.handle - (now - began)
            self._enqueue(aside._replace(waiting=kept, handle=left), now)
        self._work[agent_id] = ticket, now
        self._change(
            agent_id,
            used=1,
            idle_since=now,
            interruptible=int(ticket.waiting.lane == "mail"),
        )

    @staticmethod
    def _is_mail(ticket: Ticket) -> bool:
        drawn = Random(f"mail {ticket.waiting.ticket_id} {ticket.handle}").random()
        return ticket.urgency == "一般" and drawn < MAIL_SHARE


class Full(Interrupting):
    """The whole model: levels and relaxation, sticky agents, and offers that are let pass."""

    depth = 4

    def __init__(self, centre: Centre) -> None:
        random = Random("levels")
        skills = tuple({s: random.randint(1, 5) for s in own} for own in centre.skills)
        super().__init__(replace(centre, skills=skills))
        self._passing: dict[int, Ticket] = {}

    def arrive(self, ticket: Ticket, now: float) -> list[tuple[Ticket, int]]:
        random = Random(f"full {ticket.waiting.ticket_id} {ticket.handle}")
        waiting = ticket.waiting
        preferred = tuple((s, 3) for s, _ in waiting.needs.required if s.startswith("domain:"))
        sticky = f"{random.randrange(AGENTS):02}" if random.random() < STICKY_SHARE else None
        changed = replace(
            waiting, needs=replace(waiting.needs, preferred=preferred), sticky_agent=sticky
        )
        return super().arrive(ticket._replace(waiting=changed), now)

    def finish(self, agent: int, now: float) -> list[tuple[Ticket, int]]:
        passed = self._passing.pop(agent, None)
        if passed is not None:
            self._enqueue(passed, now)
        return super().finish(agent, now)

    def _assigned(self, classes: Iterable[Needs], now: float) -> list[tuple[Ticket, int]]:
        return [self._offered(*pair) for pair in super()._assigned(classes, now)]

    def _offered(self, ticket: Ticket, agent: int) -> tuple[Ticket, int]:
        """As it is, or as an offer that the agent lets pass: nobody's first answer."""
        self._passing.pop(agent, None)
        waiting = ticket.waiting
        drawn = Random(f"{ticket.waiting.ticket_id} {agent} {ticket.handle}").random()
        if drawn >= PASSED_SHARE or waiting.excluded:
            return ticket, agent
        excluded = replace(waiting, excluded=frozenset({f"{agent:02}"}))
        self._passing[agent] = ticket._replace(waiting=excluded)
        self._change(f"{agent:02}", interruptible=0)
        return ticket._replace(handle=PASSED_SECONDS, passed=True), agent


class RoundRobinToFree:
    """First come, first served; of the free agents who can, the next in turn."""

    def __init__(self, centre: Centre) -> None:
        self._skills = centre.skills
        self._free = set(range(AGENTS))
        self._queue: deque[Ticket] = deque()
        self._turn = 0

    def arrive(self, ticket: Ticket, _now: float, /) -> Iterable[tuple[Ticket, int]]:
        for i in range(AGENTS):
            agent = (self._turn + i) % AGENTS
            if agent in self._free and _can(self._skills[agent], ticket):
                self._free.remove(agent)
                self._turn = agent + 1
                return [(ticket, agent)]
        self._queue.append(ticket)
        return ()

    def finish(self, agent: int, _now: float, /) -> Iterable[tuple[Ticket, int]]:
        for ticket in self._queue:
            if _can(self._skills[agent], ticket):
                self._queue.remove(ticket)
                return [(ticket, agent)]
        self._free.add(agent)
        return ()


class RoundRobinPush:
    """Each ticket is bound on arrival to the next agent in turn who can, free or not."""

    def __init__(self, centre: Centre) -> None:
        self._skills = centre.skills
        self._own: list[deque[Ticket]] = [deque() for _ in range(AGENTS)]
        self._busy = [False] * AGENTS
        self._turn = 0

    def arrive(self, ticket: Ticket, _now: float, /) -> Iterable[tuple[Ticket, int]]:
        while not _can(self._skills[self._turn % AGENTS], ticket):
            self._turn += 1
        agent = self._turn % AGENTS
        self._turn += 1
        if self._busy[agent]:
            self._own[agent].append(ticket)
            return ()
        self._busy[agent] = True
        return [(ticket, agent)]

    def finish(self, agent: int, _now: float, /) -> Iterable[tuple[Ticket, int]]:
        if self._own[agent]:
            return [(self._own[agent].popleft(), agent)]
        self._busy[agent] = False
        return ()


def _can(skills: dict[str, int], ticket: Ticket) -> bool:
    return all(skill in skills for skill, _ in ticket.waiting.needs.required)


def waits(policy: Policy, tickets: Sequence[Ticket]) -> list[tuple[Ticket, float]]:
    """Plays a day: each ticket with the seconds until somebody began to work on it."""
    ends: list[tuple[float, int, int]] = []
    found: dict[str, tuple[Ticket, float]] = {}
    works: list[int] = [0] * AGENTS

    def start(pairs: Iterable[tuple[Ticket, int]], now: float) -> None:
        for ticket, agent in pairs:
            if not ticket.passed:
                waited = now - ticket.waiting.created_at
                found.setdefault(ticket.waiting.ticket_id, (ticket, waited))
            works[agent] += 1
            heappush(ends, (now + ticket.handle, agent, works[agent]))

    def end() -> None:
        now, agent, work = heappop(ends)
        if works[agent] == work:  # else it was interrupted
            start(policy.finish(agent, now), now)

    for ticket in tickets:
        while ends and ends[0][0] <= ticket.waiting.created_at:
            end()
        start(policy.arrive(ticket, ticket.waiting.created_at), ticket.waiting.created_at)
    while ends:
        end()
    if len(found) != len(tickets):
        raise AssertionError(f"{len(tickets) - len(found)} tickets were never served")
    return list(found.values())


class Case(NamedTuple):
    """One run: everything that decides its result."""

    policy: str
    load: float
    burst: bool
    seed: int
    matrix: int
    days: int
    peak: float


class Outcome(NamedTuple):
    """What is measured over the days of one case; shares in percent, times in seconds."""

    sla: float
    urgent_sla: float
    mean_wait: float
    p99_wait: float
    longest_wait: float
    over_4t: float
    tickets: int
    decision_p99_us: float


POLICIES: dict[str, tuple[Callable[[Centre], Policy], Callable[[Centre], Centre]]] = {
    "shouli": (Production, lambda centre: centre),
    "pooled": (Production, everybody_can_everything),
    "mail": (Interrupting, lambda centre: centre),
    "full": (Full, lambda centre: centre),
    "rr-free": (RoundRobinToFree, lambda centre: centre),
    "rr-push": (RoundRobinPush, lambda centre: centre),
}


def run(case: Case) -> Outcome:
    make, change = POLICIES[case.policy]
    centre = some_centre(case.matrix, case.peak)
    served: list[tuple[Ticket, float]] = []
    costs: list[float] = [0.0]
    for day in range(case.days):
        random = Random(f"{case.seed} {day} {case.load} {case.burst}")
        policy = make(change(centre))
        served += waits(policy, centre.arrivals(case.load, random, case.burst))
        if isinstance(policy, Production):
            costs += policy.seconds
    times = sorted(wait for _, wait in served)
    urgent = [pair for pair in served if pair[0].urgency == "紧急"]
    return Outcome(
        sla=_met(served, 1),
        urgent_sla=_met(urgent, 1),
        mean_wait=statistics.fmean(times),
        p99_wait=times[int(len(times) * 0.99)],
        longest_wait=times[-1],
        over_4t=100 - _met(served, 4),
        tickets=len(served),
        decision_p99_us=sorted(costs)[int(len(costs) * 0.99)] * 1e6,
    )


def _met(served: Sequence[tuple[Ticket, float]], times: float) -> float:
    return 100 * statistics.fmean(w <= times * ticket.waiting.target for ticket, w in served)


def interval(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and half of its 95 % interval over independent seeds."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return mean, None
    spread = statistics.stdev(values) / math.sqrt(len(values))
    return mean, float(student.ppf(0.975, len(values) - 1)) * spread


def cost(runs: int, decisions: int) -> dict[str, float]:
    """Microseconds of one decision at 1,000 agents and 36 classes, median of the runs.

    A chat agent (6 units) has just gained room, one in ten others have some, and the heads of
    all classes wait, so that each call decides; what is measured is putting the agent into the
    kept roster and the call, over the decisions it made.
    """
    random = Random("cost")
    matrices = [some_centre(i, 0.0).skills for i in range(1000 // AGENTS)]
    agents = [
        AgentView(f"{i:04}", own, 6, 6 - (random.random() < 0.1), True, random.random())
        for i, own in enumerate(own for skills in matrices for own in skills)
    ]
    roster = Roster(agents)
    figures = []
    for run_number in range(runs):
        times = []
        for i in range(decisions):
            tickets = [_ticket(f"{run_number}.{i}.{n}", 0.0, random) for n in range(36)]
            heads = [
                replace(ticket.waiting, needs=asked, created_at=-random.random() * 1000)
                for ticket, asked in zip(tickets, CLASSES.values(), strict=True)
            ]
            freed = replace(random.choice(agents), used=4, idle_since=float(i))
            began = time.perf_counter()
            roster.put(freed)
            made = len(assign(heads, roster, 0.0, RULES))
            times.append((time.perf_counter() - began) / max(made, 1))
        times.sort()
        figures.append((times[len(times) // 2], times[int(len(times) * 0.99)]))
    return {
        "decision_p50_us": statistics.median(p50 for p50, _ in figures) * 1e6,
        "decision_p99_us": statistics.median(p99 for _, p99 in figures) * 1e6,
    }


def cases(options: argparse.Namespace) -> list[tuple[str, Case]]:
    planned = []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for load in options.load or [0.90, 0.97]:
            for policy in POLICIES:
                case = Case(policy, load, False, seed, options.matrix, options.days, options.peak)
                planned.append((f"load {load:.2f}", case))
        for policy in ("shouli", "pooled"):
            case = Case(policy, 0.90, True, seed, options.matrix, options.days, options.peak)
            planned.append(("0.90 + burst", case))
    for matrix in range(1, options.matrices + 1):
        for seed in range(options.first_seed, options.first_seed + max(1, options.seeds // 3)):
            for policy in ("shouli", "pooled"):
                case = Case(policy, 0.90, False, seed, matrix, options.days, options.peak)
                planned.append((f"matrix {matrix}", case))
    return planned


def table(results: Sequence[tuple[str, Case, Outcome]]) -> list[dict[str, Any]]:
    rows = []
    groups = dict.fromkeys((name, case.policy) for name, case, _ in results)
    for name, policy in groups:
        own = [o for n, case, o in results if (n, case.policy) == (name, policy)]
        reference = [o for n, case, o in results if (n, case.policy) == (name, "shouli")]
        ahead = [a.sla - b.sla for a, b in zip(reference, own, strict=True)]
        row: dict[str, Any] = {"scenario": name, "policy": policy, "seeds": len(own)}
        row["sla"], row["sla_ci"] = interval([o.sla for o in own])
        row["shouli_ahead"], row["ahead_ci"] = interval(ahead)
        row["urgent_sla"], row["urgent_ci"] = interval([o.urgent_sla for o in own])
        row["mean_wait"] = statistics.fmean(o.mean_wait for o in own)
        row["p99_wait"] = statistics.fmean(o.p99_wait for o in own)
        row["longest_wait"] = max(o.longest_wait for o in own)
        row["over_4t"] = statistics.fmean(o.over_4t for o in own)
        row["tickets"] = sum(o.tickets for o in own)
        row["decision_p99_us"] = max(o.decision_p99_us for o in own)
        rows.append(row)
    return rows


def _pm(value: float, half: float | None) -> str:
    return f"{value:6.2f} ±{half:5.2f}" if half is not None else f"{value:6.2f}       "


def show(rows: Sequence[dict[str, Any]]) -> None:
    print(
        f"{'scenario':<14}{'policy':<9}{'n':>3} {'SLA %':>14} {'shouli ahead':>15}"
        f" {'urgent %':>13} {'mean s':>7} {'p99 s':>7} {'max s':>7} {'>4T %':>6} {'tickets':>8}"
    )
    for row in rows:
        print(
            f"{row['scenario']:<14}{row['policy']:<9}{row['seeds']:>3}"
            f" {_pm(row['sla'], row['sla_ci']):>14}"
            f" {_pm(row['shouli_ahead'], row['ahead_ci']):>15}"
            f" {_pm(row['urgent_sla'], row['urgent_ci']):>13}"
            f" {row['mean_wait']:7.1f} {row['p99_wait']:7.0f} {row['longest_wait']:7.0f}"
            f" {row['over_4t']:6.2f} {row['tickets']:8}"
        )
    print("± is half a 95 % interval over seeds (Student's t); “ahead” is paired by seed.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="2 seeds of 1 day, 2 matrices")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--days", type=int, default=3, help="days a seed")
    parser.add_argument("--load", type=float, action="append", help="default: 0.90 and 0.97")
    parser.add_argument("--peak", type=float, default=0.20, help="peaks above the quiet hours")
    parser.add_argument("--matrix", type=int, default=0, help="which skill matrix")
    parser.add_argument("--matrices", type=int, default=8, help="how many more to try")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--json", action="store_true", help="the table as data")
    options = parser.parse_args()
    if options.quick:
        options.seeds, options.days, options.matrices = 2, 1, 2
    planned = cases(options)
    results: list[tuple[str, Case, Outcome]] = []
    with ProcessPoolExecutor(options.jobs) as pool:
        outcomes = pool.map(run, [case for _, case in planned])
        for (name, case), outcome in zip(planned, outcomes, strict=True):
            results.append((name, case, outcome))
            if sys.stderr.isatty():
                print(f"\r{len(results)}/{len(planned)}", end="", file=sys.stderr)
    rows, costs = table(results), cost(runs=5, decisions=500)
    if options.json:
        data = {"options": vars(options), "rows": rows, "cost": costs}
        print(json.dumps(data, ensure_ascii=False))
        return
    show(rows)
    print(
        "one decision at 1,000 agents and 36 classes:"
        f" p50 {costs['decision_p50_us']:.0f} µs, p99 {costs['decision_p99_us']:.0f} µs"
    )


if __name__ == "__main__":
    main()
