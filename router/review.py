"""Rules before they are published: what is wrong with them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import Literal, NamedTuple

from models.complaint import department_skill
from models.routing import ORDERING, Line, Needs, Rules
from router.changes import NAMES, setting_name
from router.explain import Called, Text, skill_names
from router.needs import ladder, needs, target

_LEAST_SECONDS = 5.0
"""A target below what one sweep of the workers takes cannot be promised."""

_MOST_CLASSES = 2000

_LANES = ("live", "mail")


class Finding(NamedTuple):
    """One thing about rules; an “error” keeps them from being published.

    ``setting`` is what people call the setting at ``where``; empty where ``text`` names all.
    """

    level: Literal["error", "warning"]
    where: str
    text: Text
    setting: Text = Text("", "")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What rules must fit: the taxonomy, the people, and what comes in.

    ``facets`` maps each facet to its classes, the ordinal ``urgency`` from most to least.
    ``agents`` maps everybody with an account to their skills, ``places`` the lanes and channels
    there are to the lane of what comes there, ``langs`` are those of late, ``teams_closed`` the
    teams whose calendar never opens, ``most_capacity`` that of whoever has most, and ``called``
    what people call the skills.
    """

    facets: Mapping[str, Sequence[str]]
    agents: Mapping[str, Mapping[str, int]]
    places: Mapping[str, str]
    langs: Collection[str] = ()
    teams_closed: Sequence[str] = ()
    most_capacity: int | None = None
    called: Called = field(default_factory=dict)


def review(
    rules: Rules, around: Surroundings, line: Line | None = None, general: Rules | None = None
) -> list[Finding]:
    """Everything wrong with ``rules``, errors first.

    With ``line`` and ``general`` also what keeps them from being published to that line alone.
    """
    found = [
        *_unknown(rules, around),
        *_unserved(rules, around, line),
        *_targets(rules, around),
        *_load(rules, around),
        *_order(rules, around),
        *_overflow(rules, around),
        *_departments(rules, around),
        *(_alone(rules, general) if line and not line.everything and general else ()),
        *(_no_line(line, around) if line else ()),
    ]
    named = [_named(finding, around.called) for finding in found]
    return sorted(named, key=lambda finding: finding.level != "error")


def _named(finding: Finding, called: Called) -> Finding:
    name = setting_name(finding.where, called)
    said = name.zh and finding.text.zh.startswith(name.zh)
    return finding if said else finding._replace(setting=name)


def _unknown(rules: Rules, around: Surroundings) -> Iterator[Finding]:
    for key in ("required_facets", "preferred_facets"):
        for facet in getattr(rules, key):
            if facet not in around.facets:
                known = "、".join(around.facets)
                yield _error(
                    f"{key}.{facet}",
                    f"没有“{facet}”这个维度；有：{known}",
                    f"there is no facet “{facet}”; there are: {', '.join(around.facets)}",
                )
    for name in rules.natural_limit:
        facet, _, value = name.partition(":")
        yield from _value(f"natural_limit.{name}", facet, value, around)
    for urgency in rules.interrupting:
        yield from _value(f"interrupting.{urgency}", "urgency", urgency, around)
    yield from _unknown_asked(rules, around)
    yield from _unknown_lanes(rules)
    yield from _unknown_targets(rules, around)
    for tier, logins in rules.tier_first.items():
        for login in logins:
            if login not in around.agents:
                yield _warning(
                    f"tier_first.{tier}",
                    f"没有账号“{login}”，{tier} 客户将按一般顺序分配",
                    f"there is no account “{login}”; {tier} customers go to whoever comes first",
                )
    for agent, skills in sorted(around.agents.items()):
        yield from _unknown_skills(agent, skills, around)


def _unknown_asked(rules: Rules, around: Surroundings) -> Iterator[Finding]:
    for key in ("levels", "overflow"):
        for skill in getattr(rules, key):
            facet, colon, value = skill.partition(":")
            if colon and facet in around.facets:
                yield from _value(f"{key}.{skill}", facet, value, around)


def _unknown_lanes(rules: Rules) -> Iterator[Finding]:
    for key in ("units", "offer_seconds", "interruptible"):
        for lane in getattr(rules, key):
            if lane not in _LANES:
                known = "、".join(_LANES)
                yield _error(
                    f"{key}.{lane}",
                    f"没有通道“{lane}”；有：{known}",
                    f"there is no lane “{lane}”; there are: {', '.join(_LANES)}",
                )


def _unknown_targets(rules: Rules, around: Surroundings) -> Iterator[Finding]:
    for where, targets in rules.targets.items():
        if where not in around.places:
            known = "、".join(sorted(around.places))
            yield _error(
                f"targets.{where}",
                f"“{where}”既不是通道也不是渠道；有：{known}",
                f"“{where}” is neither a lane nor a channel; there are:"
                f" {', '.join(sorted(around.places))}",
            )
        for urgency in targets.by_urgency:
            at = f"targets.{where}.by_urgency.{urgency}"
            yield from _value(at, "urgency", urgency, around)
    for lane, key in product(_LANES, ("targets", "units")):
        if lane not in getattr(rules, key):
            yield _error(f"{key}.{lane}", f"缺少通道 {lane} 的设置", f"the lane {lane} has none")


def _unknown_skills(
    agent: str, skills: Mapping[str, int], around: Surroundings
) -> Iterator[Finding]:
    for skill in skills:
        facet, colon, value = skill.partition(":")
        if colon and facet in around.facets and value not in around.facets[facet]:
            yield _warning(
                f"agents.{agent}",
                f"{agent} 的技能“{skill}”在分类体系里没有",
                f"the skill “{skill}” of {agent} is not in the taxonomy",
            )


def _value(where: str, facet: str, value: str, around: Surroundings) -> Iterator[Finding]:
    there = around.facets.get(facet, ())
    if value not in there:
        yield _error(
            where,
            f"“{facet}”没有“{value}”这个类别；有：{'、'.join(there)}",
            f"“{facet}” has no class “{value}”; there are:"
            f" {', '.join(_english(facet, each, around) for each in there)}",
        )


def _english(facet: str, value: str, around: Surroundings) -> str:
    """A class by its English name, and as it is written in rules where that is another word."""
    name = around.called.get(f"{facet}:{value}")
    return value if name is None or name.en == value else f"{name.en} ({value})"


def _unserved(rules: Rules, around: Surroundings, line: Line | None) -> Iterator[Finding]:
    """Classes that would wait for ever: nobody with an account can take them when relaxed."""
    for asked in _classes(rules, around, line):
        rungs = ladder(asked, len(rules.relax_at))
        if not any(_can(skills, rung) for skills in around.agents.values() for rung in rungs):
            named = skill_names(asked.required, around.called)
            yield _error(
                f"class.{asked.skill_class}",
                f"没有坐席能接需要 {named.zh} 的工单：请给人加技能，或放宽规则",
                f"nobody can take tickets that need {named.en}: give somebody the skill, or relax",
            )


def _classes(rules: Rules, around: Surroundings, line: Line | None) -> Iterable[Needs]:
    facets = [f for f in rules.required_facets if f in around.facets]
    values = [
        [v for v in around.facets[f] if not (f == "domain" and line and line.domains)
         or (line is not None and v in line.domains)]
        for f in facets
    ]  # fmt: skip
    preferred = {f: around.facets[f][0] for f in rules.preferred_facets if around.facets.get(f)}
    found: dict[Needs, None] = {needs({}, False, "zh", rules): None}
    for number, chosen in enumerate(product(*values)):
        if number >= _MOST_CLASSES:
            break
        labels = preferred | dict(zip(facets, chosen, strict=True))
        for lang in ("zh", *around.langs):
            found[needs(labels, True, lang, rules)] = None
    return found


def _can(skills: Mapping[str, int], asked: Needs) -> bool:
    return all(skills.get(skill, 0) >= level for skill, level in asked.required + asked.preferred)


def _targets(rules: Rules, around: Surroundings) -> Iterator[Finding]:
    for where, targets in rules.targets.items():
        tiers = ("", *rules.tier_factor, *targets.by_tier)
        lane = around.places.get(where, where)
        for urgency in ("", *targets.by_urgency):
            least = min(target(urgency, lane, tier, rules, channel=where) for tier in tiers)
            key = f"targets.{where}.by_urgency.{urgency}" if urgency else f"targets.{where}"
            if least < _LEAST_SECONDS:
                yield _error(
                    key,
                    f"时限最短只有 {least:g} 秒，系统做不到（至少 {_LEAST_SECONDS:g} 秒）",
                    f"the target is only {least:g} s for some; it cannot be below"
                    f" {_LEAST_SECONDS:g} s",
                )
            elif least <= rules.offer_seconds.get(lane, 0.0):
                yield _error(
                    key,
                    f"时限最短 {least:g} 秒，还不到接单时限 {rules.offer_seconds[lane]:g} 秒",
                    f"the target is {least:g} s for some, no longer than the"
                    f" {rules.offer_seconds[lane]:g} s to accept an offer",
                )
        if targets.hours == "business" and around.teams_closed:
            named = "、".join(around.teams_closed)
            yield _error(
                f"targets.{where}.hours",
                f"{named} 从不营业，营业时间内的时限永远到不了",
                f"{named} never opens, so a target in business hours never comes",
            )
    for tier, factor in rules.tier_factor.items():
        if factor <= 0:
            yield _error(f"tier_factor.{tier}", "系数应大于 0", "a factor must be more than 0")


def _load(rules: Rules, around: Surroundings) -> Iterator[Finding]:
    """A ticket that is no load goes to one person without end, one too large to nobody."""
    for lane, units in rules.units.items():
        if units < 1:
            yield _error(f"units.{lane}", "至少占用 1", "it uses 1 unit at least")
        elif around.most_capacity is not None and units > around.most_capacity:
            most = around.most_capacity
            yield _error(
                f"units.{lane}",
                f"占用 {units}，但容量最大的坐席只有 {most}：谁都接不了",
                f"it uses {units} units, and nobody has more than {most}: nobody could take it",
            )
    for lane, seconds in rules.offer_seconds.items():
        if seconds <= 0:
            yield _error(
                f"offer_seconds.{lane}",
                "应大于 0；不要接单时限就不写这个通道",
                "it must be more than 0; leave the lane out for none",
            )
    for name, seconds in rules.natural_limit.items():
        if seconds < _LEAST_SECONDS:
            yield _error(
                f"natural_limit.{name}",
                f"时限至少 {_LEAST_SECONDS:g} 秒",
                f"it cannot be below {_LEAST_SECONDS:g} s",
            )


def _order(rules: Rules, around: Surroundings) -> Iterator[Finding]:
    steps = rules.relax_at
    if any(a >= b for a, b in pairwise(steps)) or any(not 0 < step < 1 for step in steps):
        yield _error(
            "relax_at",
            f"放宽时点应从小到大，都在 0 和 1 之间：{list(steps)}",
            f"the fractions must grow and lie between 0 and 1: {list(steps)}",
        )
    for where, targets in rules.targets.items():
        known = [u for u in around.facets.get("urgency", ()) if u in targets.by_urgency]
        for sooner, later in pairwise(known):
            if targets.by_urgency[sooner] > targets.by_urgency[later]:
                first, then = (_english("urgency", each, around) for each in (sooner, later))
                yield _error(
                    f"targets.{where}.by_urgency",
                    f"“{sooner}”比“{later}”更急，时限却更长",
                    f"“{first}” is more urgent than “{then}”, and yet its target is longer",
                )


def _overflow(rules: Rules, around: Surroundings) -> Iterator[Finding]:
    groups = rules.overflow
    told: set[frozenset[str]] = set()
    for skill in groups:
        way = [skill]
        while way[-1] in groups and groups[way[-1]] not in way:
            way.append(groups[way[-1]])
        back = groups.get(way[-1])
        if back is not None and frozenset(way[way.index(back) :]) not in told:
            circle = way[way.index(back) :]
            told.add(frozenset(circle))
            named = " → ".join([*circle, back])
            yield _error(
                "overflow", f"溢出组成了一个环：{named}", f"the overflow goes in a circle: {named}"
            )
    held = {skill for skills in around.agents.values() for skill in skills}
    for skill, group in groups.items():
        if group not in held:
            yield _warning(
                f"overflow.{skill}",
                f"没有坐席有溢出技能“{group}”",
                f"nobody has the overflow skill “{group}”",
            )


def _departments(rules: Rules, around: Surroundings) -> Iterator[Finding]:
    """What goes straight to a department without people would wait for ever."""
    held = {skill for skills in around.agents.values() for skill in skills}
    for name, department in rules.departments.items():
        skill = department_skill(name)
        for domain in department.domains:
            at = f"departments.{name}.domains.{domain}"
            yield from _value(at, "domain", domain, around)
        if department.takes and skill not in held:
            yield _error(
                f"departments.{name}.takes",
                f"投诉直接派给{name}，但没有人有技能“{skill}”",
                f"complaints go straight to {department.en}, but nobody has the skill “{skill}”",
            )
        if department.seconds < _LEAST_SECONDS:
            yield _error(
                f"departments.{name}.seconds",
                f"时限至少 {_LEAST_SECONDS:g} 秒",
                f"it cannot be below {_LEAST_SECONDS:g} s",
            )


def _alone(rules: Rules, general: Rules) -> Iterator[Finding]:
    for key in ORDERING:
        if getattr(rules, key) != getattr(general, key):
            yield _error(
                key,
                f"{NAMES[key].zh}决定所有业务线的先后，只能对全部发布",
                f"{NAMES[key].en} orders the tickets of all lines against each other; publish it"
                " to all",
            )


def _no_line(line: Line, around: Surroundings) -> Iterator[Finding]:
    """A slip in a name publishes to nobody, and nobody would notice."""
    for domain in line.domains:
        yield from _value(f"line.domains.{domain}", "domain", domain, around)
    channels = sorted({*around.places} - {*_LANES})
    for channel in line.channels:
        if channel not in channels:
            known = "、".join(channels)
            yield _error(
                f"line.channels.{channel}",
                f"没有渠道“{channel}”；有：{known}",
                f"there is no channel “{channel}”; there are: {', '.join(channels)}",
            )


def _error(where: str, zh: str, en: str) -> Finding:
    return Finding("error", where, Text(zh, en))


def _warning(where: str, zh: str, en: str) -> Finding:
    return Finding("warning", where, Text(zh, en))
