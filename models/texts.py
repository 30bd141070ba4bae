"""Every text that a customer gets by itself: what it is for, and what may stand in it."""

import hashlib
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

Language = Literal["zh", "en"]

LANGUAGES: tuple[Language, ...] = ("zh", "en")


@dataclass(frozen=True, slots=True)
class Kind:
    """What a text is for, in both languages, and the names that may stand in braces in it."""

    zh: str
    en: str
    names: frozenset[str]


def _kind(zh: str, en: str, *names: str) -> Kind:
    return Kind(zh, en, frozenset(names))


TEXTS: Mapping[str, Kind] = {
    "ack.open": _kind("上班时间的回执", "Acknowledgement within hours", "type", "number", "due"),
    "ack.away": _kind(
        "上班但无人在线的回执", "Acknowledgement when nobody is online", "type", "number", "due"
    ),
    "ack.closed": _kind(
        "下班时间的回执", "Acknowledgement when closed", "type", "number", "opens"
    ),
    "ack.danger": _kind(
        "回执里附上：可能有人有危险", "Added to it where somebody may be in danger"
    ),
    "progress.none": _kind("未查询到", "Nothing was found"),
    "progress.new": _kind("进度：刚收到", "Progress: just received", "number"),
    "progress.waiting": _kind("进度：等待分配", "Progress: it waits", "number", "due"),
    "progress.late": _kind("进度：已超时", "Progress: it is late", "number"),
    "progress.active": _kind("进度：处理中", "Progress: somebody has it", "number", "agent"),
    "progress.pending": _kind("进度：待客户回复", "Progress: it waits for you", "number"),
    "progress.snoozed": _kind("进度：挂起", "Progress: set down", "number", "due"),
    "progress.helping": _kind("进度：协办中", "Progress: with helpers", "number"),
    "progress.resolved": _kind("进度：已解决", "Progress: resolved", "number", "at"),
    "progress.closed": _kind("进度：已关闭", "Progress: closed", "number"),
    "progress.returned": _kind("进度：已退回", "Progress: returned", "number"),
    "progress.invalid": _kind("进度：未受理", "Progress: not accepted", "number"),
    "news.state": _kind("主动告知：有新进展", "News: it has moved on", "progress"),
    "news.late": _kind("主动告知：可能要晚", "News: it may be late", "number", "due"),
    "talk.silent": _kind("久无回音，对话结束", "The chat ends: nothing was said for long"),
    "survey.ask": _kind("满意度邀请", "Asking for a rating", "number"),
    "survey.link": _kind("满意度邀请（附链接）", "Asking, with a link", "number", "link"),
    "survey.solved": _kind("追问是否已解决", "Asking whether it is solved"),
    "survey.thanks": _kind("评价后的感谢", "Thanks for a rating"),
    "survey.sorry": _kind("不满意后的致歉", "An apology for a low rating"),
    "survey.unclear": _kind("没看懂的评价", "A rating that is not clear"),
    "survey.over": _kind("评价已截止", "It is too late to rate"),
}
"""By name. What they say is in ``config/texts.toml`` until another version is published."""


class Said(NamedTuple):
    """A text for one customer, and from which version of which template it was made."""

    text: str
    template: str


def language_of(lang: str) -> Language:
    """Chinese for who writes Chinese or nothing that can be told; else English.

    “und-Latn” is told: it is some language in Latin letters.
    """
    return "zh" if lang.lower() in {"und", ""} or lang.partition("-")[0].lower() == "zh" else "en"


_Format = Callable[[datetime, str], str]

_SAME_DAY: Mapping[Language, _Format] = {
    "zh": lambda at, zone: f"今天 {at:%H:%M}（{zone}）",
    "en": lambda at, zone: f"{at:%H:%M} today ({zone})",
}
_OTHER_DAY: Mapping[Language, _Format] = {
    "zh": lambda at, zone: f"{at.month}月{at.day}日 {at:%H:%M}（{zone}）",
    "en": lambda at, zone: f"{at:%H:%M} on {at:%d %b} ({zone})",
}


def spoken(at: float, now: float, zone: tzinfo, language: Language) -> str:
    """A time as one says it: rounded up to the minute, with the date unless it is today.

    It names the zone, which is the centre's: where a customer is, is not known.
    """
    when = datetime.fromtimestamp(-(-at // 60) * 60, zone)
    today = datetime.fromtimestamp(now, zone).date()
    form = (_SAME_DAY if when.date() == today else _OTHER_DAY)[language]
    return form(when, zone_name(when, language))


def spoken_opening(at: float | None, now: float, zone: tzinfo, language: Language) -> str:
    """When it opens again, as ``spoken``; None is not in sight."""
    if at is None:
        return {"zh": "下一个工作日", "en": "the next working day"}[language]
    return spoken(at, now, zone, language)


def receipt_name(*, is_open: bool, present: bool) -> str:
    """Which text acknowledges: by the hours, and by whether anybody is ready to answer."""
    if not is_open:
        return "ack.closed"
    return "ack.open" if present else "ack.away"


_BEIJING: Mapping[Language, str] = {"zh": "北京时间", "en": "Beijing time"}

_ON_BEIJING_TIME = frozenset(
    {"Asia/Shanghai", "Asia/Chongqing", "Asia/Chungking", "Asia/Harbin", "PRC"}
)
"""Names in the tz database of the one official time of mainland China."""


def zone_name(when: datetime, language: Language) -> str:
    """What people call the zone of a moment: 北京时间, else how far it is from UTC just then."""
    if isinstance(when.tzinfo, ZoneInfo) and when.tzinfo.key in _ON_BEIJING_TIME:
        return _BEIJING[language]
    offset = when.utcoffset() or timedelta()
    hours, minutes = divmod(abs(offset) // timedelta(minutes=1), 60)
    sign = "−" if offset < timedelta() else "+"
    return f"UTC{sign}{hours}" + (f":{minutes:02}" if minutes else "") if offset else "UTC"


def unfit(name: str, text: str) -> str | None:
    """Why ``text`` cannot be the template ``name`` (a sentence, zh / en), or None."""
    if name not in TEXTS:
        return f"没有名为 {name} 的文字 / There is no text of the name {name}"
    if not text.strip():
        return "不能为空 / It must not be blank"
    try:
        parts = [part for part in string.Formatter().parse(text) if part[1] is not None]
    except ValueError:
        return "花括号不成对 / A brace is not closed"
    if any(spec or conversion for _, _, spec, conversion in parts):
        return "占位符里只写名称 / A placeholder is a name alone"  # a width could fill the memory
    known = sorted(TEXTS[name].names)
    if unknown := {str(named) for _, named, _, _ in parts} - set(known):
        return (
            f"占位符只能是 {_listed(known)}，没有 {_listed(sorted(unknown))}"
            f" / Placeholders are {_listed(known)} only"
        )
    return None


def default_version(text: str) -> str:
    """How a version is called that nobody published: by what it says, for that may change."""
    return f"0-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def combined(said: Sequence[Said]) -> Said:
    """Several texts as the paragraphs of one."""
    return Said("\n".join(one.text for one in said), ",".join(one.template for one in said))


def _listed(names: Sequence[str]) -> str:
    return " ".join(f"{{{name}}}" for name in names)
