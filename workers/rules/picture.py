"""A rehearsal as a picture: SVG, drawn by hand, readable in print and on any screen."""

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

_WIDTH = 960
_INK, _SOFT, _GRID = "#1f2933", "#667481", "#dfe4e8"
_LIVE, _DRAFT, _ALARM = "#9aa8b4", "#0f7b6c", "#c2410c"
_ROW = 30
_LEFT = 190
_MOST_ROWS = 12

_SECTIONS = (
    ("by_urgency", "按紧急程度", "by urgency"),
    ("by_tier", "按客户等级", "by tier"),
    ("by_class", "按技能类别（最多的）", "by skill class, the largest"),
)


def picture(report: Mapping[str, Any]) -> str:
    """The SVG of a report of ``workers.rules.rehearsal.rehearse``."""
    parts = [*_head(report)]
    y = 150
    for drawn, height in _blocks(report, y):
        parts += drawn
        y += height
    parts.append("</svg>\n")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y + 10}"'
        f' viewBox="0 0 {_WIDTH} {y + 10}" font-family="Noto Sans CJK SC, Noto Sans SC,'
        ' PingFang SC, Microsoft YaHei, WenQuanYi Zen Hei, Droid Sans Fallback, sans-serif">'
        f'<rect width="{_WIDTH}" height="{y + 10}" fill="#fff"/>' + "\n".join(parts)
    )


def _head(report: Mapping[str, Any]) -> Iterator[str]:
    live, draft = report["live"], report["draft"]
    yield _text(40, 44, "分单演练 Rehearsal", 24, _INK, weight=600)
    names = f"{'+'.join(report['rules']['live'])} → {'+'.join(report['rules']['draft'])}"
    yield _text(
        40,
        68,
        f"{report['tickets']} 张工单 tickets · {report['agents']} 名坐席 agents ·"
        f" 规则 rules {names}",
        13,
        _SOFT,
    )
    for x, name, colour in ((700, "现行 live", _LIVE), (800, "草案 draft", _DRAFT)):
        yield f'<rect x="{x}" y="34" width="12" height="12" rx="3" fill="{colour}"/>'
        yield _text(x + 18, 45, name, 13, _INK)
    cards = (
        ("达标率 SLA", percent(live["sla"]), percent(draft["sla"])),
        ("平均等待 mean wait", span(live["mean_wait"]), span(draft["mean_wait"])),
        ("P95 等待 wait", span(live["p95_wait"]), span(draft["p95_wait"])),
        ("负荷 occupancy", *(percent(x["occupancy"]["mean"]) for x in (live, draft))),
    )
    for i, (name, before, after) in enumerate(cards):
        x = 40 + i * 222
        yield f'<rect x="{x}" y="84" width="206" height="52" rx="8" fill="#f4f6f7"/>'
        yield _text(x + 14, 104, name, 12, _SOFT)
        yield _text(x + 14, 126, before, 15, _SOFT)
        yield _text(x + 88, 126, f"→ {after}", 17, _DRAFT, weight=600)


def _blocks(report: Mapping[str, Any], y: int) -> Iterator[tuple[list[str], int]]:
    for key, zh, en in _SECTIONS:
        rows = _rows(report, key)
        block = [_title(y, f"达标率 SLA {zh} {en}")]
        block += [part for i, row in enumerate(rows) for part in _bars(y + 44 + i * _ROW, *row)]
        block += _axis(y + 36, y + 44 + len(rows) * _ROW)
        height = 56 + len(rows) * _ROW
        y += height
        yield block, height
    block = [_title(y, "坐席负荷 occupancy by agent"), *_occupancy(report, y + 44)]
    y += 150
    yield block, 150
    yield [_title(y, "技能够不够 can the skills carry it"), *_bound(report, y + 44)], 150


def _rows(report: Mapping[str, Any], key: str) -> list[tuple[str, float, float, int]]:
    live, draft = report["live"][key], report["draft"][key]
    names = sorted(
        live.keys() | draft.keys(),
        key=lambda name: (-draft.get(name, live.get(name))["tickets"], name),
    )
    empty = {"sla": None, "tickets": 0}
    return [
        (
            name or "–",
            live.get(name, empty)["sla"] or 0.0,
            draft.get(name, empty)["sla"] or 0.0,
            draft.get(name, empty)["tickets"],
        )
        for name in names[:_MOST_ROWS]
    ]


_SCALE = 560.0


def _bars(y: int, name: str, live: float, draft: float, tickets: int) -> Iterator[str]:
    yield _text(_LEFT - 12, y + 15, short(name), 12, _INK, anchor="end", tip=name)
    for offset, share, colour in ((0, live, _LIVE), (11, draft, _DRAFT)):
        width = max(share * _SCALE, 1.0)
        yield (
            f'<rect x="{_LEFT}" y="{y + offset}" width="{width:.1f}" height="9" rx="2"'
            f' fill="{colour}"/>'
        )
    moved = draft - live
    colour = _SOFT if abs(moved) < 0.0005 else _DRAFT if moved > 0 else _ALARM
    text = f"{percent(draft)}  {moved * 100:+.1f}"
    yield _text(_LEFT + _SCALE + 14, y + 15, text, 12, colour, weight=600)
    yield _text(_WIDTH - 40, y + 15, str(tickets), 12, _SOFT, anchor="end")


def _axis(top: int, bottom: int) -> Iterator[str]:
    for percent in (0, 25, 50, 75, 100):
        x = _LEFT + percent / 100 * _SCALE
        yield (
            f'<line x1="{x}" y1="{top}" x2="{x}" y2="{bottom - 8}" stroke="{_GRID}"'
            ' stroke-dasharray="2 3"/>'
        )
        yield _text(x, top - 4, f"{percent} %", 10, _SOFT, anchor="middle")


def _occupancy(report: Mapping[str, Any], y: int) -> Iterator[str]:
    sides = [report[side]["occupancy"]["by_agent"] for side in ("live", "draft")]
    top = max([1.0, *(share for side in sides for share in side.values())])
    right = _LEFT + _SCALE
    yield f'<line x1="{_LEFT}" y1="{y + 34}" x2="{right}" y2="{y + 34}" stroke="{_GRID}"/>'
    full = _LEFT + _SCALE / top
    yield (
        f'<line x1="{full}" y1="{y - 2}" x2="{full}" y2="{y + 76}" stroke="{_ALARM}"'
        ' stroke-dasharray="3 3"/>'
    )
    yield _text(full, y - 8, "100 %", 10, _ALARM, anchor="middle")
    for row, (name, side, colour) in enumerate(
        zip(("现行 live", "草案 draft"), sides, (_LIVE, _DRAFT), strict=True)
    ):
        line = y + 16 + row * 38
        yield _text(_LEFT - 12, line + 4, name, 12, _INK, anchor="end")
        for agent, share in side.items():
            yield (
                f'<circle cx="{_LEFT + share / top * _SCALE:.1f}" cy="{line}" r="6"'
                f' fill="{colour}" fill-opacity="0.45"><title>{escape(agent)}'
                f" {percent(share)}</title></circle>"
            )
        spread = report[("live", "draft")[row]]["occupancy"]["spread"]
        text = f"± {percent(spread)}"
        yield _text(_LEFT + _SCALE + 14, line + 4, text, 12, colour, weight=600)


def _bound(report: Mapping[str, Any], y: int) -> Iterator[str]:
    lines = list(bound_sentences(report))
    for i, (text, bad) in enumerate(lines[:5]):
        yield f'<circle cx="46" cy="{y + i * 22 - 4}" r="4" fill="{_ALARM if bad else _DRAFT}"/>'
        yield _text(60, y + i * 22, text, 13, _INK)


_MOST_UNCOVERED = 6


def bound_sentences(report: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """What the bound says, each with whether it is a reason to worry."""
    whole, busiest = report["bound"], report["busiest"]
    if whole["uncovered"]:
        yield _uncovered(whole["uncovered"]), True
    yield from _load(whole["occupancy"], "整段时间，", "all the time:")
    if busiest is not None:
        hours = f"{busiest['hour']}:00–{busiest['hour'] + 1}:00"
        yield from _load(busiest["occupancy"], f"最忙的 {hours}，", f"busiest hour, {hours}:")
    yield from _training(whole, busiest)


def _uncovered(classes: Sequence[str]) -> str:
    """Classes differ by preferred skills, too, which keep nobody from them in the end."""
    named = list(dict.fromkeys(short(name.partition("|")[0]) for name in classes))
    more = f" 等 {len(named)} 类 in all" if len(named) > _MOST_UNCOVERED else ""
    return f"没有人能接 nobody can serve: {'、'.join(named[:_MOST_UNCOVERED])}{more}"


def _load(occupancy: float | None, zh: str, en: str) -> Iterator[tuple[str, bool]]:
    if occupancy is not None:
        share = percent(occupancy)
        text = f"{zh}最好的规则也要 {share} 的人力 / {en} the best rules need {share} of"
        yield f"{text} the capacity", occupancy > 1


def _training(
    whole: Mapping[str, Any], busiest: Mapping[str, Any] | None
) -> Iterator[tuple[str, bool]]:
    """Whom to train first; where no single skill helps, why."""
    sides = [side for side in (whole, busiest) if side is not None]
    best: Sequence[Mapping[str, Any]] = next((s["training"] for s in sides if s["training"]), ())
    for training in best[:2]:
        skill, level = short(training["skill"]), training["level"]
        down = percent(training["occupancy"])
        yield (
            (f"先培训 train first: {training['agent_id']} · {skill}（{level} 级 level）→ {down}"),
            False,
        )
    if best or whole["uncovered"]:
        return
    if any((side["occupancy"] or 0.0) > 1 for side in sides):
        yield (
            "再会一门技能也不够：缺的是人手 / one more skill is not enough: people are short",
            True,
        )
    else:
        yield "技能够用，不必为此培训 / the skills do; nobody need be trained for this", False


def _title(y: int, text: str) -> str:
    return _text(40, y + 16, text, 15, _INK, weight=600)


def _text(
    x: float,
    y: float,
    text: str,
    size: int,
    colour: str,
    *,
    anchor: str = "start",
    weight: int = 400,
    tip: str = "",
) -> str:
    title = f"<title>{escape(tip)}</title>" if tip else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}"'
        f' text-anchor="{anchor}" font-weight="{weight}">{title}{escape(text)}</text>'
    )


def short(name: str) -> str:
    """A skill class as it fits: levels of 1 and the facet's name say nothing there."""
    name = re.sub(r":([2-5])(?![0-9])", r" ≥\1", re.sub(r":1(?![0-9])", "", name.replace("!", "")))
    for long, short in (("domain:", ""), ("type:", ""), ("lang:", ""), ("|", " · ")):
        name = name.replace(long, short)
    return name if len(name) <= 22 else name[:21] + "…"


def percent(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.1f} %"


def span(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
