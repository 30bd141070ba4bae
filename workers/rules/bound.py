"""Whether a skill matrix can carry its load at all, and which skill to train next.

A linear program (a transportation problem, as for the skill-based pools of Wallace and Whitt,
2005): x[g, c] is the work of class c that group g does, in unit-seconds. Every class is done,
no group works more than the share ρ of its time, and ρ is as small as it can be. ρ above 1:
no rule whatever can serve this load with these skills. It lives here and not in ``router``,
which every process loads and which knows no library: SciPy takes a second to load.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from models.routing import Need, Needs
from router.needs import ladder

_MOST_TRIED = 400
"""Trainings that are solved exactly; of more, those of the dearest classes."""

_LISTED = 5


class Group(NamedTuple):
    """Agents with equal skills; ``seconds`` are their unit-seconds of staffed capacity."""

    agents: tuple[str, ...]
    skills: Mapping[str, int]
    seconds: float


class Training(NamedTuple):
    """One agent who learns one skill, and the least occupancy that then would do."""

    agent_id: str
    skill: str
    level: int
    occupancy: float


class Bound(NamedTuple):
    """What the best of all rules could do.

    ``occupancy`` is ρ, None where nothing can be served; ``uncovered`` classes, which nobody can
    serve, are left out of it. ``prices``: what one more hour of a class adds to ρ.
    ``bottleneck``: the agents who are used to the full ρ.
    """

    occupancy: float | None
    uncovered: tuple[str, ...]
    prices: Mapping[str, float]
    bottleneck: tuple[str, ...]
    training: tuple[Training, ...]

    def report(self) -> dict[str, Any]:
        found = self._asdict()
        found["carries"] = (
            self.occupancy is not None and self.occupancy <= 1 and not self.uncovered
        )
        found["training"] = [training._asdict() for training in self.training]
        return found


def bound(work: Mapping[Needs, float], groups: Sequence[Group], steps: int) -> Bound:
    """The bound for ``work`` (unit-seconds by class); ``steps`` relaxations are allowed."""
    asked = {needs: ladder(needs, steps) for needs in work}
    covered = {n: w for n, w in work.items() if any(_can(g.skills, asked[n]) for g in groups)}
    uncovered = tuple(sorted(n.skill_class for n in work if n not in covered))
    solved = _solve(covered, groups, asked)
    if solved is None:
        return Bound(None, uncovered, {}, (), ())
    occupancy, prices, used = solved
    bottleneck = tuple(
        agent
        for group, share in zip(groups, used, strict=True)
        if share >= occupancy - 1e-6
        for agent in group.agents
    )
    training = _trainings(covered, groups, asked, prices, occupancy)
    named = {needs.skill_class: price for needs, price in prices.items() if price > 1e-12}
    return Bound(occupancy, uncovered, named, bottleneck, training)


def _can(skills: Mapping[str, int], rungs: Sequence[Needs]) -> bool:
    """Whether an agent may take a class on any rung of its relaxation."""
    return any(
        all(skills.get(skill, 0) >= level for skill, level in needs.required + needs.preferred)
        for needs in rungs
    )


def _solve(
    work: Mapping[Needs, float], groups: Sequence[Group], asked: Mapping[Needs, Sequence[Needs]]
) -> tuple[float, dict[Needs, float], list[float]] | None:
    """(ρ, the price of each class per hour, each group's share of its time)."""
    import numpy as np
    from scipy.optimize import linprog

    classes = list(work)
    pairs = [
        (g, c)
        for g, group in enumerate(groups)
        for c, needs in enumerate(classes)
        if _can(group.skills, asked[needs])
    ]
    if not pairs:
        return None
    rho = len(pairs)
    upper = np.zeros((len(groups), rho + 1))
    equal = np.zeros((len(classes), rho + 1))
    for i, (g, c) in enumerate(pairs):
        upper[g, i] = equal[c, i] = 1.0
    upper[:, rho] = [-group.seconds for group in groups]
    cost = np.zeros(rho + 1)
    cost[rho] = 1.0
    found = linprog(
        cost, upper, np.zeros(len(groups)), equal, [work[needs] for needs in classes],
        method="highs",
    )  # fmt: skip
    if not found.success:
        return None
    prices = {n: float(p) * 3600 for n, p in zip(classes, found.eqlin.marginals, strict=True)}
    done = upper[:, :rho] @ found.x[:rho]
    used = [
        float(d) / group.seconds if group.seconds else 0.0
        for d, group in zip(done, groups, strict=True)
    ]
    return float(found.x[rho]), prices, used


def _trainings(
    work: Mapping[Needs, float],
    groups: Sequence[Group],
    asked: Mapping[Needs, Sequence[Needs]],
    prices: Mapping[Needs, float],
    occupancy: float,
) -> tuple[Training, ...]:
    """The best of all single skills, each solved anew with one agent who has it."""
    worth: dict[tuple[int, Need], float] = {}
    for g, missing, price in _missing(groups, asked, prices):
        worth[g, missing] = max(worth.get((g, missing), 0.0), price)
    tried = sorted(worth, key=lambda key: (-worth[key], key))[:_MOST_TRIED]
    found = []
    for g, (skill, level) in tried:
        after = _solve(work, [*_trained(groups, g, skill, level)], asked)
        if after is not None and after[0] < occupancy - 1e-6:
            found.append(Training(groups[g].agents[0], skill, level, after[0]))
    found.sort(key=lambda training: (training.occupancy, training.agent_id, training.skill))
    return tuple(found[:_LISTED])


def _missing(
    groups: Sequence[Group], asked: Mapping[Needs, Sequence[Needs]], prices: Mapping[Needs, float]
) -> Iterator[tuple[int, Need, float]]:
    """(group, the one skill it lacks for a class that costs, the class's price)."""
    for needs, price in prices.items():
        if price <= 1e-12:
            continue
        for (g, group), rung in product(enumerate(groups), asked[needs]):
            wanted = rung.required + rung.preferred
            lacking = [need for need in wanted if group.skills.get(need[0], 0) < need[1]]
            if len(lacking) == 1 and group.seconds and not _can(group.skills, asked[needs]):
                yield g, lacking[0], price


def _trained(groups: Sequence[Group], g: int, skill: str, level: int) -> Iterator[Group]:
    """The groups after one of the g-th has learnt a skill; its agents share their time alike."""
    for i, group in enumerate(groups):
        if i != g:
            yield group
            continue
        share = group.seconds / len(group.agents)
        yield Group(group.agents[1:], group.skills, group.seconds - share)
        yield Group(group.agents[:1], {**group.skills, skill: level}, share)
