"""Why a ticket went to an agent, and why one still waits, as data and as sentences."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from models.routing import TRIAGE, Decision, Needs, Waiting
from router.eligibility import Eligibility
from router.policy import REST, Standing


class Text(NamedTuple):
    """One statement in both languages."""

    zh: str
    en: str


Called = Mapping[str, Text]
"""What people call a skill; one that is not there is called by its value."""

_UNCALLED: Called = {}


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
        "其他工单最不靠{name}，留出少有人能替的同事",
        "other work depends on {name} least, which keeps those free whom few can replace",
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

_ONLY_INTERRUPTED = Text(
    "没有人空着，只有{name}手上有可打断的工单",
    "nobody has room, and only {name} has work that may be set aside",
)

_INTERRUPTS = Text(
    "为此暂时放下一张可打断的工单", "one interruptible ticket of theirs was set aside for it"
)

_WAITS_FOR: Mapping[str, Text] = {
    "turn": Text(
        "{free} 名符合的坐席有空，轮到时即分配",
        "{free} matching have room; it is given as soon as its turn comes",
    ),
    "nobody": Text(
        "需要有此技能的坐席上线，或由班长指派",
        "one with these skills must come online, or a supervisor assigns it",
    ),
    "declined": Text(
        "稍后重新向他们开放，或由班长指派",
        "it is opened to them again later, or a supervisor assigns it",
    ),
    "capacity": Text(
        "有人结束一张工单即可分配", "it is given as soon as one of them finishes a ticket"
    ),
    "presence": Text("有人就绪即可分配", "it is given as soon as one of them is ready"),
}

_MOST_NAMED = 5

_EITHER = Text(
    "有人结束一张工单或就绪即可分配",
    "it is given as soon as one of them finishes a ticket, or is ready",
)

_TOO_SMALL = Text(
    "他们的容量小于这张工单所占的 {units}：请调大容量，或由班长指派",
    "their capacity is less than the {units} it takes: raise it, or a supervisor assigns it",
)

_OFFLINE = Text("有此技能但不在线的：{names}", "who has them and is offline: {names}")

_NOBODY_LEARNT = Text(
    "没有任何账号有此技能：给人加上，或由班长指派",
    "nobody with an account has them: give somebody the skills, or a supervisor assigns it",
)


def explain(
    decision: Decision, ticket: Waiting, names: Mapping[str, str], called: Called = _UNCALLED
) -> Explanation:
    """Why ``decision`` chose its agent. ``names`` maps agent ids to what people call them."""
    counts = _counts(decision)
    matching = sum(n for outcome, n in counts.items() if outcome not in ("skill", "level"))
    reason = _decided_by(decision)
    name = names.get(decision.agent_id, decision.agent_id)
    removed = [key for key in _REMOVED if counts[key]]
    alone = decision.interrupts and reason == "only"
    chosen = _ONLY_INTERRUPTED if alone else _WHY_CHOSEN[reason]
    clauses = [
        _needs_text(ticket.needs, called),
        _matching_text(matching),
        *(_filled(_REMOVED[key], n=counts[key]) for key in removed),
        _filled(chosen, name=name),
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


def why_not_yet(
    ticket: Waiting,
    standing: Standing,
    now: float,
    kept: Eligibility,
    names: Mapping[str, str],
    called: Called = _UNCALLED,
) -> Explanation:
    """Why ``ticket`` still waits and what would change it."""
    reason = _held_by(standing)
    waited, due = now - ticket.created_at, ticket.created_at + ticket.target - now
    clauses = [
        _needs_text(standing.needs, called),
        _waited_text(waited),
        _due_text(due),
        _matching_text(standing.online),
        *(
            _with_names(_filled(_REMOVED[key], n=standing.removed[key]), kept.removed[key], names)
            for key in ("capacity", "presence", "excluded")
            if key in standing.removed
        ),
        _filled(_helped_by(reason, standing, kept), free=standing.free, units=ticket.units),
    ]
    if kept.offline and reason != "turn":
        listed = _listed(kept.offline, names)
        clauses.append(
            Text(_OFFLINE.zh.format(names=listed.zh), _OFFLINE.en.format(names=listed.en))
        )
    if standing.next_step_at is not None:
        clauses.append(_relaxing_text(standing.next_step_at - now, standing.next_online))
    return Explanation(
        facts={
            "ticket_id": ticket.ticket_id,
            "reason": reason,
            "waited_seconds": waited,
            "due_in_seconds": due,
            **_standing_facts(standing, kept),
        },
        text=_sentence(clauses),
    )


def _standing_facts(standing: Standing, kept: Eligibility) -> dict[str, object]:
    """What of a queue and its agents decides how long a ticket waits."""
    agents = (("free", kept.free), *kept.removed.items(), ("offline", kept.offline))
    return {
        "needs": standing.needs.skill_class,
        "relax_step": standing.step,
        "key": standing.key,
        "late": standing.late,
        "matching": standing.online,
        "free": standing.free,
        "removed": dict(standing.removed),
        "agents": {outcome: list(ids) for outcome, ids in agents if ids},
        "next_step_at": standing.next_step_at,
        "next_matching": standing.next_online,
    }


def _helped_by(reason: str, standing: Standing, kept: Eligibility) -> Text:
    """What would change a wait."""
    if reason == "nobody" and not kept.offline:
        return _NOBODY_LEARNT
    if reason == "capacity" and standing.removed.get("presence"):
        return _EITHER
    if reason == "capacity" and kept.too_small == standing.removed["capacity"]:
        return _TOO_SMALL
    return _WAITS_FOR[reason]


def _with_names(text: Text, agents: Sequence[str], names: Mapping[str, str]) -> Text:
    if not agents:
        return text
    listed = _listed(agents, names)
    return Text(f"{text.zh}（{listed.zh}）", f"{text.en} ({listed.en})")


def _listed(agents: Sequence[str], names: Mapping[str, str]) -> Text:
    """The first few by name, and how many more."""
    known = [names.get(agent, agent) for agent in agents[:_MOST_NAMED]]
    zh, en = "、".join(known), ", ".join(known)
    more = len(agents) - len(known)
    return Text(f"{zh} 等 {len(agents)} 人", f"{en} and {more} more") if more else Text(zh, en)


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


def _needs_text(needs: Needs, called: Called) -> Text:
    clauses = []
    if (TRIAGE, 1) in needs.required:
        clauses.append(
            Text("分类不确定，由人工判断", "the classifier was not sure, a person decides")
        )
    required = [need for need in needs.required if need[0] != TRIAGE]
    if required:
        named = skill_names(required, called)
        clauses.append(Text(f"需要技能 {named.zh}", f"it needs the skill {named.en}"))
    if needs.preferred:
        named = skill_names(needs.preferred, called)
        clauses.append(Text(f"优先 {named.zh}", f"{named.en} preferred"))
    if not clauses:
        clauses.append(Text("不需要特别的技能", "no particular skill is needed"))
    english = ", ".join(clause.en for clause in clauses)
    return Text(
        "因为" + "，".join(clause.zh for clause in clauses), english[0].upper() + english[1:]
    )


def skill_names(needs: Sequence[tuple[str, int]], called: Called = _UNCALLED) -> Text:
    """Skills as people call them, the level only where it is more than 1."""
    named = [_skill(skill, level, called) for skill, level in needs]
    return Text("、".join(n.zh for n in named), ", ".join(n.en for n in named))


def _skill(skill: str, level: int, called: Called) -> Text:
    """“domain:物流” is 物流 to an agent, Delivery in English; a language is said to be one."""
    facet, _, value = skill.rpartition(":")
    plain = _language(value) if facet == "lang" else Text(value, value)
    zh, en = called.get(skill, plain)
    if level > 1:
        return Text(f"{zh}（{level} 级以上）", f"{en} (level {level} or more)")
    return Text(zh, en)


_LANGUAGES = {
    "ar": ("阿拉伯语", "Arabic"),
    "de": ("德语", "German"),
    "en": ("英语", "English"),
    "es": ("西班牙语", "Spanish"),
    "fr": ("法语", "French"),
    "id": ("印尼语", "Indonesian"),
    "it": ("意大利语", "Italian"),
    "ja": ("日语", "Japanese"),
    "ko": ("韩语", "Korean"),
    "ms": ("马来语", "Malay"),
    "pt": ("葡萄牙语", "Portuguese"),
    "ru": ("俄语", "Russian"),
    "th": ("泰语", "Thai"),
    "vi": ("越南语", "Vietnamese"),
}
"""The languages of customers by their codes (ISO 639-1); another one is told by its code."""


def _language(code: str) -> Text:
    """A language in both languages: “en” is 英语, English."""
    return Text(*_LANGUAGES.get(code, (f"语种 {code}", f"language {code}")))


def _matching_text(number: int) -> Text:
    if not number:
        return Text("没有在线坐席符合", "no online agent matches")
    return Text(f"{number} 名在线坐席符合", _agents(number))


def _agents(number: int) -> str:
    return "1 online agent matches" if number == 1 else f"{number} online agents match"


def _due_text(due: float) -> Text:
    span = _span(abs(due))
    if due < 0:
        return Text(f"已超时 {span.zh}", f"it is {span.en} late")
    return Text(f"距响应时限还有 {span.zh}", f"its answer is due in {span.en}")


def _waited_text(waited: float) -> Text:
    """Less than nothing: closed hours before it is due have moved the beginning of its clock."""
    span = _span(abs(waited))
    if waited < 0:
        return Text(
            f"非营业时间不计，时限顺延到 {span.zh}后起算",
            f"closed hours do not count, so its time runs from {span.en} from now on",
        )
    return Text(f"已等待 {span.zh}", f"it has waited {span.en}")


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
