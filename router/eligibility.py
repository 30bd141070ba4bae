"""Whom a waiting ticket could go to, and what keeps it from each of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from models.routing import AgentView, Needs, Waiting
from router.needs import ladder
from router.policy import Standing


class Eligibility(NamedTuple):
    """Whom a waiting ticket could go to, by name, and what keeps it from each of them."""

    free: Sequence[str]
    removed: Mapping[str, Sequence[str]]
    """By “capacity”, “presence” and “excluded”, as in ``Standing``."""

    offline: Sequence[str]
    too_small: int
    """Of those without capacity, how many would not have enough even with nothing to do."""


def eligibility(
    ticket: Waiting,
    standing: Standing,
    online: Mapping[str, Sequence[AgentView]],
    offline: Mapping[str, Mapping[str, int]],
    steps: int,
) -> Eligibility:
    """Who is in question for ``ticket``, by id: all that ``standing`` counts, and who is away.

    ``online`` is as ``router.policy.in_question`` has it; ``offline`` maps everybody else with an
    account to their skills. Who is away is in question on every rung where nobody is there: a
    rung without anybody is skipped at once.
    """
    rungs = ladder(ticket.needs, steps)
    asked = rungs[: standing.step + 1] if standing.online else rungs
    names = {outcome: [one.agent_id for one in agents] for outcome, agents in online.items()}
    return Eligibility(
        free=names.pop("free"),
        removed=names,
        offline=[agent_id for agent_id, skills in offline.items() if _meets(skills, asked)],
        too_small=sum(one.capacity < ticket.units for one in online["capacity"]),
    )


def _meets(skills: Mapping[str, int], rungs: Iterable[Needs]) -> bool:
    return any(
        all(skills.get(skill, 0) >= level for skill, level in rung.required + rung.preferred)
        for rung in rungs
    )
