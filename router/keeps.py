"""Whom a waiting ticket could go to, and what keeps it from each of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from models.routing import AgentView, Needs, Waiting
from router.needs import ladder
from router.policy import Standing


class Keeps(NamedTuple):
    """Whom a waiting ticket could go to, by name, and what keeps it from each of them."""

    free: Sequence[str]
    removed: Mapping[str, Sequence[str]]
    """By “capacity”, “presence” and “excluded”, as in ``Standing``."""

    offline: Sequence[str]
    too_small: int = 0
    """Of those without capacity, how many would not have enough even with nothing to do."""


def keeps(
    ticket: Waiting,
    standing: Standing,
    online: Iterable[AgentView],
    offline: Mapping[str, Mapping[str, int]],
    steps: int,
) -> Keeps:
    """Who is in question for ``ticket``, by id: all that ``standing`` counts, and who is away.

    ``offline`` maps everybody else with an account to their skills. Who is away is in question
    on every rung where nobody is there: a rung without anybody is skipped at once.
    """
    rungs = ladder(ticket.needs, steps)
    removed: dict[str, list[str]] = {"capacity": [], "presence": [], "excluded": []}
    free: list[str] = []
    too_small = 0
    for agent in online:
        if not _meets(agent.skills, rungs[: standing.step + 1]):
            continue
        if agent.agent_id in ticket.excluded:
            removed["excluded"].append(agent.agent_id)
        elif not agent.ready:
            removed["presence"].append(agent.agent_id)
        elif agent.capacity - agent.used < ticket.units:
            removed["capacity"].append(agent.agent_id)
            too_small += agent.capacity < ticket.units
        else:
            free.append(agent.agent_id)
    asked = rungs[: standing.step + 1] if standing.online else rungs
    away = [agent_id for agent_id, skills in offline.items() if _meets(skills, asked)]
    return Keeps(free, removed, away, too_small)


def _meets(skills: Mapping[str, int], rungs: Iterable[Needs]) -> bool:
    return any(
        all(skills.get(skill, 0) >= level for skill, level in rung.required + rung.preferred)
        for rung in rungs
    )
