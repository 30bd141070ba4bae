"""From what a ticket is about to what an agent must be able to do, and by when."""

from collections.abc import Mapping
from dataclasses import replace

from models.complaint import FACET, KIND, department_skill
from models.routing import TRIAGE, Need, Needs, Rules, Targets

NO_SKILL_LANGUAGES = frozenset({"", "und", "zh"})
"""Every agent writes Chinese; an undetermined language is nobody's speciality."""


def needs(labels: Mapping[str, str], accepted: bool, lang: str, rules: Rules) -> Needs:
    """What the labels (facet to value) ask for.

    ``accepted`` is False where the classifier abstained: people with the triage skill then
    decide, in the customer's language. A required facet without a label is left to them too.
    ``lang`` is BCP 47; only its language counts, so “en-GB” and “en” are one skill.
    """
    known = accepted and all(labels.get(facet) for facet in rules.required_facets)
    required: list[Need] = []
    preferred: list[Need] = []
    if known:
        skills = [f"{facet}:{labels[facet]}" for facet in rules.required_facets]
        required += [(skill, rules.levels.get(skill, 1)) for skill in skills]
        preferred += [
            (f"{facet}:{labels[facet]}", rules.preferred_level)
            for facet in rules.preferred_facets
            if labels.get(facet)
        ]
    else:
        required.append((TRIAGE, 1))
    language = lang.replace("_", "-").partition("-")[0].lower()
    if language not in NO_SKILL_LANGUAGES:
        required.append((f"lang:{language}", 1))
    return Needs(
        required=tuple(sorted(required)),
        preferred=tuple(sorted(preferred)),
        never_drop=frozenset(
            skill for skill, _ in required + preferred if skill.startswith(rules.never_drop)
        ),
        overflow=next(
            (rules.overflow[skill] for skill, _ in required if skill in rules.overflow), ""
        ),
    )


def department(labels: Mapping[str, str], rules: Rules) -> str:
    """The department whose matter a complaint is by its domain; “” for none, or no complaint."""
    if labels.get(FACET) != KIND:
        return ""
    domain = labels.get("domain", "")
    return next((name for name, dept in rules.departments.items() if domain in dept.domains), "")


def sent_to(asked: Needs, department: str) -> Needs:
    """The needs of what goes to a department: its skill, and what is never dropped."""
    kept = (need for need in asked.required if need[0] in asked.never_drop)
    required = tuple(sorted({(department_skill(department), 1), *kept}))
    return Needs(required=required, never_drop=asked.never_drop)


def target(urgency: str, lane: str, tier: str, rules: Rules, *, channel: str = "") -> float:
    """Seconds until the first human answer is due.

    Raises:
        KeyError: the rules name no targets for ``lane``.
    """
    targets = targets_of(channel, lane, rules)
    factor = targets.by_tier.get(tier, rules.tier_factor.get(tier, 1.0))
    return targets.by_urgency.get(urgency, targets.default) * factor


def targets_of(channel: str, lane: str, rules: Rules) -> Targets:
    """The targets of a channel: its own, else those of its lane."""
    return rules.targets.get(channel) or rules.targets[lane]


def ladder(needs: Needs, steps: int) -> tuple[Needs, ...]:
    """``needs`` and what is left of them after each of at most ``steps`` relaxations.

    First every preferred skill that may be dropped is dropped, then required levels sink by
    one, never below 1 and never for a skill of ``never_drop``. Each rung asks for less than
    the one before, so the agents who match only grow in number. It ends early where nothing
    is left to relax. The overflow group is the last rung: its members join those before.
    """
    rungs = [needs]
    last = steps - 1 if needs.overflow else steps
    while len(rungs) <= last:
        lower = _relaxed(rungs[-1])
        if lower == rungs[-1]:
            break
        rungs.append(lower)
    if needs.overflow and steps:
        rungs.append(_overflowing(needs))
    return tuple(rungs)


def _overflowing(needs: Needs) -> Needs:
    """The overflow group, and of it those who meet what is never dropped."""
    asked = (*needs.required, *needs.preferred)
    kept = tuple(need for need in asked if need[0] in needs.never_drop)
    return replace(needs, required=tuple(sorted({(needs.overflow, 1), *kept})), preferred=())


def _relaxed(needs: Needs) -> Needs:
    kept = tuple(need for need in needs.preferred if need[0] in needs.never_drop)
    if kept != needs.preferred:
        return replace(needs, preferred=kept)
    return replace(
        needs,
        required=tuple(
            (skill, level if skill in needs.never_drop else max(level - 1, 1))
            for skill, level in needs.required
        ),
    )
