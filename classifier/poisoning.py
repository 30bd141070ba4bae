"""Whose corrections may be poisoned: one agent who flips a class against everybody else.

An agent's corrections are held against a model that has learnt nothing from that agent. Where
the others' word leads elsewhere far more often than it does for the others themselves, the
agent is named, with examples and with what the corrections do to the gate. Nothing is left
out by itself: an agent may also be the first to see something new.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from classifier.corrections import CorrectedExample
from classifier.predict import Classifier
from models.training import Correction

FOLDS = 4
"""Groups of agents that are left out together: so many models are trained."""

_FEWEST = 5
_LEAST_SHARE = 0.5
_CHANCE = 0.001
_FLOOR = 0.15
"""A rate of contradiction that honest work has anyhow: messages are ambiguous."""

_MOST_SUSPECTS = 5
_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class _Held:
    """A correction and what a model without its agent decides."""

    correction: Correction
    against: bool


def find(
    corrected: Sequence[CorrectedExample],
    without: Callable[[frozenset[str]], Classifier],
    influence: Callable[[Classifier], dict[str, dict[str, float]]],
    *,
    progress: Callable[[float], None] = lambda _share: None,
) -> list[dict[str, Any]]:
    """Suspected (agent, facet, from, to), the worst first, as JSON.

    ``without`` trains a model that knows nothing of these agents, ``influence`` says what the
    agent's corrections add to the challenger on the judging sets.
    """
    agents = Counter(each.agent_id for one in corrected for each in one.corrections)
    groups = _groups([agent for agent, count in agents.items() if count >= _FEWEST])
    held: list[_Held] = []
    for number, group in enumerate(groups, start=1):
        held += _held(corrected, group, without(group))
        progress(0.7 * number / len(groups))
    suspects = _suspects(held, len(agents))
    for number, suspect in enumerate(suspects, start=1):
        suspect["influence"] = influence(without(frozenset({suspect["agent"]})))
        progress(0.7 + 0.3 * number / len(suspects))
    return suspects


def _groups(agents: Sequence[str]) -> list[frozenset[str]]:
    count = min(FOLDS, len(agents))
    return [frozenset(sorted(agents)[at::count]) for at in range(count)]


def _held(
    corrected: Sequence[CorrectedExample], group: frozenset[str], model: Classifier
) -> list[_Held]:
    theirs = [
        (one, each) for one in corrected for each in one.corrections if each.agent_id in group
    ]
    labels = model.classify([one.example.item for one, _ in theirs])
    return [
        _Held(each, given.facets[each.facet].value != one.example.labels[each.facet])
        for (one, each), given in zip(theirs, labels, strict=True)
    ]


def _suspects(held: Sequence[_Held], agents: int) -> list[dict[str, Any]]:
    flips: dict[tuple[str, str, str, str], list[_Held]] = {}
    for each in held:
        c = each.correction
        flips.setdefault((c.agent_id, c.facet, c.before, c.after), []).append(each)
    found: list[dict[str, Any]] = []
    for (agent, facet, before, after), given in flips.items():
        others = [
            x for x in held if x.correction.agent_id != agent and x.correction.facet == facet
        ]
        # Two virtual corrections: a handful of others cannot be known to never err.
        usual = (sum(x.against for x in others) + 2 * _FLOOR) / (len(others) + 2)
        against = sum(x.against for x in given)
        chance = _tail(len(given), against, max(usual, _FLOOR)) * max(len(flips), 1)
        if len(given) < _FEWEST or against < _LEAST_SHARE * len(given) or chance > _CHANCE:
            continue
        found.append(
            {
                "agent": agent,
                "facet": facet,
                "before": before,
                "after": after,
                "given": len(given),
                "against": against,
                "usual": round(usual, 3),
                "chance": chance,
                "alone": agents == 1,
                "corrections": [x.correction.id for x in given],
                "examples": [x.correction.ticket_id for x in given if x.against][:_EXAMPLES],
            }
        )
    return sorted(found, key=lambda suspect: suspect["chance"])[:_MOST_SUSPECTS]


def _tail(count: int, least: int, share: float) -> float:
    """The probability of at least ``least`` of ``count`` at ``share`` each (binomial).

    By logarithms: of a thousand and more, the ways to choose half are beyond any float.
    """
    yes, no = math.log(share), math.log1p(-share)
    return math.fsum(
        math.exp(_log_ways(count, hits) + hits * yes + (count - hits) * no)
        for hits in range(least, count + 1)
    )


def _log_ways(count: int, hits: int) -> float:
    return math.lgamma(count + 1) - math.lgamma(hits + 1) - math.lgamma(count - hits + 1)
