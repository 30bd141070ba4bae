"""What one version of the rules changes in another, setting by setting."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from models.routing import Rules
from router.explain import Called, Text, skill_names


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

_SAID: Mapping[Any, Text] = {
    True: Text("是", "yes"),
    False: Text("否", "no"),
    "business": Text("营业时间", "business hours"),
    "natural": Text("自然时间", "natural time"),
}

_Path = tuple[str, ...]

_UNCALLED: Called = {}


def changes(before: Rules, after: Rules, called: Called = _UNCALLED) -> list[Change]:
    """What ``after`` changes in ``before``, setting by setting; versions aside.

    ``called`` is what people call the classes (“domain:物流”) and the facets (“domain”).
    """
    old, new = _flat(before), _flat(after)
    return [
        Change(".".join(path), old.get(path), new.get(path), _changed(path, old, new, called))
        for path in dict.fromkeys((*old, *new))
        if old.get(path) != new.get(path)
    ]


def setting_name(where: str, called: Called = _UNCALLED) -> Text:
    """What people call the setting at a path (“targets.live.default”); empty for what is none."""
    path = tuple(where.split("."))
    if path[0] not in NAMES:
        return Text("", "")
    return _named(path, called)


def _flat(rules: Rules) -> dict[_Path, Any]:
    found: dict[_Path, Any] = {}

    def walk(at: _Path, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                walk((*at, key), inner)
        else:
            found[at] = value

    walk((), rules.model_dump(mode="json", exclude={"version"}))
    return found


def _changed(
    path: _Path, old: Mapping[_Path, Any], new: Mapping[_Path, Any], called: Called
) -> Text:
    name = _named(path, called)
    before, after = (_shown(side.get(path), path, called) for side in (old, new))
    return Text(f"{name.zh}：{before.zh} → {after.zh}", f"{name.en}: {before.en} → {after.en}")


def _named(path: _Path, called: Called) -> Text:
    names = [_name(path[: n + 1], called) for n in range(len(path))]
    return Text("·".join(n.zh for n in names), ", ".join(n.en for n in names))


def _name(path: _Path, called: Called) -> Text:
    """What the last part of a path is called: a setting, a class, a skill, or its own name."""
    part = path[-1]
    if path[-2:-1] == ("by_urgency",):
        return called.get(f"urgency:{part}", Text(part, part))
    if ":" in part:
        return skill_names([(part, 1)], called)
    return NAMES.get(part, Text(part, part))


def _shown(value: Any, path: _Path, called: Called) -> Text:
    if value is None:
        return _ABSENT
    if isinstance(value, list):
        items = [_item(one, path, called) for one in value]
        return Text(
            "、".join(one.zh for one in items) or _ABSENT.zh,
            ", ".join(one.en for one in items) or _ABSENT.en,
        )
    if isinstance(value, bool) or path[-1] == "hours":
        return _SAID[value]
    if isinstance(value, int | float):
        return _time(float(value)) if _in_seconds(path) else Text(*[f"{value:g}"] * 2)
    return _item(value, path, called)


def _in_seconds(path: _Path) -> bool:
    timed = path[0] in {"targets", "natural_limit", "offer_seconds"} or "seconds" in path[-1]
    return timed and "by_tier" not in path


_OF: Mapping[str, str] = {"interrupting": "urgency:", "domains": "domain:"}
"""Settings that name classes of one facet."""


def _item(value: Any, path: _Path, called: Called) -> Text:
    """One thing that a setting names, as people call it."""
    plain = Text(str(value), str(value))
    if path[-1] == "relax_at":
        return Text(*[f"{100 * value:g} %"] * 2)
    if path[-1] == "interruptible":
        return NAMES.get(value, plain)
    if path[0] == "overflow" and ":" in value:
        return skill_names([(value, 1)], called)
    return called.get(f"{_OF.get(path[-1], '')}{value}", plain)


def _time(seconds: float) -> Text:
    for size, zh, en in ((3600, "小时", "h"), (60, "分钟", "min")):
        if seconds >= size and seconds % size == 0:
            return Text(f"{seconds / size:g} {zh}", f"{seconds / size:g} {en}")
    return Text(f"{seconds:g} 秒", f"{seconds:g} s")
