"""What one version of the rules changes in another, setting by setting."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from models.routing import Rules
from router.explain import Text


class Change(NamedTuple):
    """One setting that differs; None where it is not there."""

    where: str
    before: Any
    after: Any
    text: Text


NAMES: Mapping[str, Text] = {
    "required_facets": Text("必备技能的维度", "facets that are required skills"),
    "preferred_facets": Text("优先技能的维度", "facets that are preferred skills"),
    "preferred_level": Text("优先技能的最低等级", "the least level of a preferred skill"),
    "never_drop": Text("永不放宽的技能", "skills that are never relaxed"),
    "levels": Text("必备技能的最低等级", "least levels of required skills"),
    "overflow": Text("溢出组", "overflow groups"),
    "relax_at": Text("放宽的时点", "when needs are relaxed"),
    "late_factor": Text("超时排序系数", "the factor of a late ticket's key"),
    "give_way_factor": Text("未超时排序系数", "the factor of the key of a ticket in time"),
    "late_aim": Text("超时工单的目标", "what a late ticket aims at"),
    "late_gives_way": Text("超时工单的让路", "how far a late ticket gives way"),
    "last_deadline_seconds": Text("最后的时限", "the last deadline"),
    "last_scarcity": Text("最后的稀缺加权", "the last weight of scarcity"),
    "scarcity": Text("稀缺加权", "the weight of scarcity"),
    "scarcity_of_few": Text("极少人会的加权", "the weight of what very few can do"),
    "mean_handle_seconds": Text("平均处理时长", "the mean handling time"),
    "natural_limit": Text("自然时间上限", "limits in natural time"),
    "targets": Text("时限", "targets"),
    "live": Text("在线会话", "chat"),
    "mail": Text("邮件", "mail"),
    "by_urgency": Text("按紧急程度", "by urgency"),
    "by_tier": Text("按客户等级", "by tier"),
    "default": Text("默认", "default"),
    "hours": Text("计时方式", "counted in"),
    "tier_factor": Text("客户等级系数", "tier factors"),
    "tier_first": Text("等级专属坐席", "a tier's own agents"),
    "interrupting": Text("可打断他人的紧急程度", "urgencies that interrupt"),
    "interruptible": Text("可被打断的通道", "lanes that are interrupted"),
    "units": Text("占用容量", "capacity used"),
    "offer_seconds": Text("接单时限", "time to accept"),
    "departments": Text("责任部门", "departments"),
    "en": Text("英文名", "English name"),
    "seconds": Text("时限", "its deadline"),
    "domains": Text("业务域", "domains"),
    "takes": Text("直接受理投诉", "takes complaints straight"),
    "repeat_days": Text("重复投诉的天数", "days of a repeated complaint"),
    "helper_units": Text("协办占用容量", "capacity used by helping"),
}

_ABSENT = Text("无", "nothing")


def changes(before: Rules, after: Rules) -> list[Change]:
    """What ``after`` changes in ``before``, setting by setting; versions aside."""
    old, new = _flat(before), _flat(after)
    return [
        Change(where, old.get(where), new.get(where), _changed(where, old, new))
        for where in dict.fromkeys((*old, *new))
        if old.get(where) != new.get(where)
    ]


def _flat(rules: Rules) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def walk(at: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                walk(f"{at}.{key}" if at else key, inner)
        else:
            found[at] = value

    walk("", rules.model_dump(mode="json", exclude={"version"}))
    return found


def _changed(where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Text:
    names = [NAMES.get(part, Text(part, part)) for part in where.split(".")]
    before, after = (_shown(side, where) for side in (old, new))
    return Text(
        f"{'·'.join(n.zh for n in names)}：{before.zh} → {after.zh}",
        f"{', '.join(n.en for n in names)}: {before.en} → {after.en}",
    )


def _shown(side: Mapping[str, Any], where: str) -> Text:
    if where not in side or side[where] is None:
        return _ABSENT
    value = side[where]
    seconds = where.startswith(("targets", "natural_limit", "offer_seconds")) or "seconds" in where
    if seconds and isinstance(value, int | float) and "by_tier" not in where:
        return _time(float(value))
    if isinstance(value, list):
        return Text(
            "、".join(map(str, value)) or _ABSENT.zh, ", ".join(map(str, value)) or _ABSENT.en
        )
    return (
        Text(f"{value:g}", f"{value:g}") if isinstance(value, float) else Text(*[str(value)] * 2)
    )


def _time(seconds: float) -> Text:
    for size, zh, en in ((3600, "小时", "h"), (60, "分钟", "min")):
        if seconds >= size and seconds % size == 0:
            return Text(f"{seconds / size:g} {zh}", f"{seconds / size:g} {en}")
    return Text(f"{seconds:g} 秒", f"{seconds:g} s")
