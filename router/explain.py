"""Why a ticket went to an agent, and why one still waits, as data and as sentences."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from models.routing import TRIAGE, Decision, Needs, Waiting
from router.policy import REST, Standing


class Text(NamedTuple):
    """One statement in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The facts of a decision or a wait, and the same as prose.

    ``facts`` is JSON-serialisable. Its ``reason`` is a stable word: what told the chosen agent
    from the next (“named”, “sticky”, “level”, “load”, “flexibility”, “idle”, “id”, or “only”
    one), or what a ticket waits for (“turn”, “nobody”, “declined”, “capacity”, “presence”).
    """

    facts: Mapping[str, object]
    text: Text


_WHY_CHOSEN: Mapping[str, Text] = {
    "sticky": Text("{name}此前接待过该客户且现在有空", "{name} served this customer before"),
    "named": Text("{name}是该客户等级的专属客户经理", "{name} is named for the customer's tier"),
    "only": Text("只有{name}现在有空", "only {name} has room now"),
    "level": Text("{name}技能等级最高", "{name} has the highest skill level"),
    "load": Text("{name}负荷最低", "{name} has the lowest load"),
    "flexibility": Text(
        "{name}能接的其他工单最少，先用专长，留出多面手",
        "{name} can take the least other work, which keeps the versatile free",
    ),
    "idle": Text("{name}空闲最久", "{name} has been idle the longest"),
    "id": Text("条件相同，按编号轮到{name}", "all else being equal, {name} comes first by id"),
}

_REMOVED: Mapping[str, Text] = {
    "capacity": Text("{n} 名已满负荷", "{n} at full capacity"),
    "presence": Text("{n} 名未就绪", "{n} not ready"),
    "excluded": Text("{n} 名已拒接或未应答", "{n} declined or did not answer"),
    "level": Text("{n} 名技能等级不足", "{n} with too low a level"),
    "skill": Text("{n} 名缺少所需技能", "{n} without the skills"),
}

_RELAXED = Text("要求已放宽 {n} 步", "the needs are relaxed by {n}")
"""By waiting, or at once where no online agent matched: the decision does not say which."""

_INTERRUPTS = Text(
    "为此暂时放下一张可打断的工单", "one interruptible ticket of theirs was set aside for it"
)

_WAITS_FOR: Mapping[str, Text] = {
    "turn": Text(
        "{free} 名符合的坐席有空，轮到时即分配",
        "{free} matching have room; it is given as soon as its turn comes",
    ),
    "nobody": Text(
        "没有在线坐席符合；需要有此技能的坐席上线，或由班长指派",
        "no online agent matches: one with these skills must come online, or a supervisor"
        " assigns it",
    ),
    "declined": Text(
        "符合的坐席都已拒接或未应答；稍后重新开放，或由班长指派",
        "everyone who matches has declined or did not answer: it is opened to them again"
        " later, or a supervisor assigns it",
    ),
    "capacity": Text(
        "符合的坐席现在都满负荷；有人结束一张工单即可分配",
        "everyone who matches is at full capacity: it is given when one of them finishes",
    ),
    "presence": Text(
        "符合的坐席都未就绪；有人就绪即可分配",
        "nobody who matches is ready: it is given when one of them is",
    ),
}


def explain(decision: Decision, ticket: Waiting, names: Mapping[str, str]) -> Explanation:
    """Why ``decision`` chose its agent. ``names`` maps agent ids to what people call them."""
    counts = _counts(decision)
    matching = sum(n for outcome, n in counts.items() if outcome not in ("skill", "level"))
    reason = _decided_by(decision)
    name = names.get(decision.agent_id, decision.agent_id)
    removed = [key for key in _REMOVED if counts[key]]
    clauses = [
        _needs_text(ticket.needs),
        Text(f"{matching} 名在线坐席符合", f"{_agents(matching)}"),
        *(_filled(_REMOVED[key], n=counts[key]) for key in removed),
        _filled(_WHY_CHOSEN[reason], name=name),
    ]
    if decision.interrupts:
        clauses.append(_INTERRUPTS)
    if decision.relax_step:
        clauses.insert(1, _filled(_RELAXED, n=decision.relax_step))
    return Explanation(
        facts={
            "ticket_id": decision.ticket_id,
            "epoch": decision.epoch,
            "agent_id": decision.agent_id,
            "reason": reason,
            "needs": ticket.needs.skill_class,
            "relax_step": decision.relax_step,
            "key": decision.key,
            "rules_version": decision.rules_version,
            "matching": matching,
            "outcomes": dict(counts),
            "candidates": [
                {"agent_id": c.agent_id, "outcome": c.outcome, "detail": c.detail}
                for c in decision.candidates
            ],
        },
        text=_sentence(clauses),
    )


def why_not_yet(ticket: Waiting, standing: Standing, now: float) -> Explanation:
    """Why ``ticket`` still waits and what would change it."""
    reason = _held_by(standing)
    removed = [key for key in _REMOVED if key in standing.removed]
    waited, due = now - ticket.created_at, ticket.created_at + ticket.target - now
    clauses = [
        _needs_text(standing.needs),
        Text(f"已等待 {_span(waited).zh}", f"it has waited {_span(waited).en}"),
        _due_text(due),
        Text(f"{standing.online} 名在线坐席符合", f"{_agents(standing.online)}"),
        *(
            _filled(_REMOVED[key], n=standing.removed[key])
            for key in removed
            if key not in ("skill", "level")
        ),
        _filled(_WAITS_FOR[reason], free=standing.free),
    ]
    if standing.next_step_at is not None:
        clauses.append(_relaxing_text(standing.next_step_at - now, standing.next_online))
    return Explanation(
        facts={
            "ticket_id": ticket.ticket_id,
            "reason": reason,
            "needs": standing.needs.skill_class,
            "relax_step": standing.step,
            "key": standing.key,
            "late": standing.late,
            "waited_seconds": waited,
            "due_in_seconds": due,
            "matching": standing.online,
            "free": standing.free,
            "removed": dict(standing.removed),
            "next_step_at": standing.next_step_at,
            "next_matching": standing.next_online,
        },
        text=_sentence(clauses),
    )


def _counts(decision: Decision) -> Counter[str]:
    counts: Counter[str] = Counter()
    for candidate in decision.candidates:
        listed = candidate.agent_id != REST
        counts[candidate.outcome] += 1 if listed else int(candidate.detail)
    return counts


def _decided_by(decision: Decision) -> str:
    """The first step of the agent order on which the chosen and the next best differ."""
    if decision.named:
        return "named"
    if decision.sticky:
        return "sticky"
    details = [c.detail for c in decision.candidates if c.outcome in ("chosen", "ranked")]
    if len(details) < 2:
        return "only"
    chosen, second = (dict(part.split("=") for part in detail.split()) for detail in details[:2])
    if chosen["level"] != second["level"]:
        return "level"
    if _share(chosen["used"]) != _share(second["used"]):
        return "load"
    if chosen["flexibility"] != second["flexibility"]:
        return "flexibility"
    return "idle" if chosen["idle_since"] != second["idle_since"] else "id"


def _share(used: str) -> float:
    part, _, whole = used.partition("/")
    return int(part) / max(int(whole), 1)


def _held_by(standing: Standing) -> str:
    """What a waiting ticket waits for."""
    if standing.free:
        return "turn"
    if not standing.online:
        return "nobody"
    if standing.removed.get("excluded", 0) == standing.online:
        return "declined"
    return "capacity" if standing.removed.get("capacity") else "presence"


def _needs_text(needs: Needs) -> Text:
    clauses = []
    if (TRIAGE, 1) in needs.required:
        clauses.append(
            Text("分类不确定，由人工判断", "the classifier was not sure, a person decides")
        )
    required = [need for need in needs.required if need[0] != TRIAGE]
    if required:
        named = _skills(required)
        clauses.append(Text(f"需要技能 {named.zh}", f"it needs the skill {named.en}"))
    if needs.preferred:
        named = _skills(needs.preferred)
        clauses.append(Text(f"优先 {named.zh}", f"{named.en} preferred"))
    if not clauses:
        clauses.append(Text("不需要特别的技能", "no particular skill is needed"))
    english = ", ".join(clause.en for clause in clauses)
    return Text(
        "因为" + "，".join(clause.zh for clause in clauses), english[0].upper() + english[1:]
    )


def _skills(needs: Sequence[tuple[str, int]]) -> Text:
    """Skills as people call them, the level only where it is more than 1."""
    named = [_skill(skill, level) for skill, level in needs]
    return Text("、".join(n.zh for n in named), ", ".join(n.en for n in named))


def _skill(skill: str, level: int) -> Text:
    """“domain:物流” is 物流 to an agent; a language is said to be one."""
    facet, _, value = skill.rpartition(":")
    zh, en = (f"语种 {value}", f"language {value}") if facet == "lang" else (value, value)
    if level > 1:
        return Text(f"{zh}（{level} 级以上）", f"{en} (level {level} or more)")
    return Text(zh, en)


def _agents(number: int) -> str:
    return "1 online agent matches" if number == 1 else f"{number} online agents match"


def _due_text(due: float) -> Text:
    span = _span(abs(due))
    if due < 0:
        return Text(f"已超时 {span.zh}", f"it is {span.en} late")
    return Text(f"距响应时限还有 {span.zh}", f"its answer is due in {span.en}")


def _relaxing_text(seconds: float, online: int) -> Text:
    span = _span(seconds)
    return Text(
        f"{span.zh}后放宽要求，届时 {online} 名在线坐席符合",
        f"in {span.en} its needs are relaxed; then {_agents(online)}",
    )


def _span(seconds: float) -> Text:
    """A length of time as people say it, to two units at most."""
    whole = max(int(seconds), 0)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    if hours:
        return Text(f"{hours} 小时 {minute} 分", f"{hours} h {minute} min")
    if minutes:
        return Text(f"{minutes} 分 {second} 秒", f"{minutes} min {second} s")
    return Text(f"{second} 秒", f"{second} s")


def _filled(text: Text, **values: object) -> Text:
    return Text(text.zh.format(**values), text.en.format(**values))


def _sentence(clauses: Sequence[Text]) -> Text:
    return Text(
        "；".join(clause.zh for clause in clauses) + "。",
        "; ".join(clause.en for clause in clauses) + ".",
    )
