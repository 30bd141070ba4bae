"""Ways to route the tickets of a simulated centre: the production policy, and simpler ones."""

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from heapq import heappop, heappush, nsmallest
from random import Random
from typing import Any, Protocol

from bench.centre import AGENTS, RECENT, RULES, Centre, Ticket
from models.routing import AgentView, Decision, Needs, Waiting
from router.keys import deadlines_missed, sort_key
from router.policy import assign
from router.roster import Roster, flexibility

MAIL_SHARE = 0.5
"""Of the tickets of the lowest urgency, where mail may be interrupted."""

STICKY_SHARE, PASSED_SHARE, PASSED_SECONDS = 0.33, 0.10, 15.0
"""Of the full model: customers with a previous agent; offers let pass, and for how long."""


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
        if missed < 2 - waiting.interrupts:
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
