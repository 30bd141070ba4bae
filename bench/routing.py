"""A simulated service centre that is routed by the production policy, and by simpler ones.

    python -m bench.routing [--quick] [--seeds 10] [--days 3] [--load 0.9 --load 0.97] [--json]

It ends with what one decision costs in process at 1,000 agents and 36 classes.

The centre is that of `bench.centre`, its peaks 20 % above the quiet hours unless --peak says
otherwise, the burst on top of load 0.90. Every ticket is counted, those served after the last
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
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from heapq import heappop, heappush
from random import Random
from typing import Any, NamedTuple

from scipy.stats import t as student

from bench.centre import (
    AGENTS,
    CLASSES,
    RULES,
    Centre,
    Ticket,
    everybody_can_everything,
    some_centre,
    some_ticket,
)
from bench.policies import (
    Full,
    Interrupting,
    Policy,
    Production,
    RoundRobinPush,
    RoundRobinToFree,
)
from models.routing import AgentView
from router.policy import assign
from router.roster import Roster


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
            tickets = [some_ticket(f"{run_number}.{i}.{n}", 0.0, random) for n in range(36)]
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
