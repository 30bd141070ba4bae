"""What a played centre comes to: service levels, waits, occupancy, and who got what."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, pstdev
from typing import Any

from router.simulate import Played, Served

LISTED = 100
"""Tickets that are listed one by one where two runs differ; all are counted."""


def figures(played: Played) -> dict[str, Any]:
    """The report of one run, JSON-serialisable. Shares are 0 to 1, times in seconds.

    Waits count from when the ticket's clock begins, so nights out of hours are no wait. What
    was never given to anybody has missed its target and waited to the end.
    """
    return {
        **_of(played.served, played),
        "unserved": sum(s.at is None for s in played.served),
        "by_urgency": _by(played, lambda s: s.job.urgency),
        "by_tier": _by(played, lambda s: s.job.tier),
        "by_class": _by(played, lambda s: s.job.waiting.skill_class),
        "occupancy": _occupancy(played),
    }


def _by(played: Played, name: Callable[[Served], str]) -> dict[str, Any]:
    groups: defaultdict[str, list[Served]] = defaultdict(list)
    for served in played.served:
        groups[name(served)].append(served)
    return {key: _of(group, played) for key, group in sorted(groups.items())}


def _of(served: Sequence[Served], played: Played) -> dict[str, Any]:
    waits = sorted(_wait(s, played) for s in served)
    return {
        "tickets": len(served),
        "sla": fmean(in_time(s) for s in served) if served else None,
        "mean_wait": fmean(waits) if waits else None,
        "p95_wait": quantile(waits, 0.95),
        "p999_wait": quantile(waits, 0.999),
        "longest_wait": waits[-1] if waits else None,
    }


def _wait(served: Served, played: Played) -> float:
    at = played.ended_at if served.at is None else served.at
    return max(at - served.job.waiting.created_at, 0.0)


def in_time(served: Served) -> bool:
    """Whether somebody had it when its answer was due."""
    ticket = served.job.waiting
    return served.at is not None and served.at <= ticket.created_at + ticket.target


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that ``share`` of an ordered sequence does not pass (nearest rank)."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)] if ordered else None


def _occupancy(played: Played) -> dict[str, Any]:
    by_agent = {
        agent: played.busy.get(agent, 0.0) / staffed
        for agent, staffed in sorted(played.staffed.items())
        if staffed > 0
    }
    shares = list(by_agent.values())
    total = sum(played.staffed.values())
    return {
        "mean": sum(played.busy.values()) / total if total else None,
        "spread": pstdev(shares) if shares else None,
        "least": min(shares, default=None),
        "most": max(shares, default=None),
        "by_agent": by_agent,
    }


def differences(live: Played, draft: Played) -> dict[str, Any]:
    """Who would have got what: tickets that go to another agent, and each agent's sum."""
    drafted = {s.job.waiting.ticket_id: s for s in draft.served}
    pairs = [(one, drafted[one.job.waiting.ticket_id]) for one in live.served]
    moved = [(one, other) for one, other in pairs if one.agent_id != other.agent_id]
    counts: dict[str, dict[str, int]] = {}
    for one, other in pairs:
        for key, agent in (("live", one.agent_id), ("draft", other.agent_id)):
            row = counts.setdefault(agent or "", {"live": 0, "draft": 0})
            row[key] += 1
    return {
        "moved": len(moved),
        "gained": sum(in_time(other) and not in_time(one) for one, other in pairs),
        "lost": sum(in_time(one) and not in_time(other) for one, other in pairs),
        "by_agent": dict(sorted(counts.items())),
        "tickets": [_moved(one, other, live, draft) for one, other in moved[:LISTED]],
    }


def _moved(one: Served, other: Served, live: Played, draft: Played) -> Mapping[str, Any]:
    return {
        "ticket": one.job.waiting.ticket_id,
        "recorded": one.job.recorded_agent,
        "live": one.agent_id,
        "draft": other.agent_id,
        "live_wait": _wait(one, live),
        "draft_wait": _wait(other, draft),
    }
