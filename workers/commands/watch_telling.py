"""The classifier at work, as the command line prints it."""

from collections.abc import Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from config.settings import Settings, load_taxonomy
from models.store import Store
from workers.commands.terminal import Terminal

_MEASURES = {
    "label": "标签占比 labels",
    "confidence": "把握 confidence",
    "unknown": "生词 unknown words",
}
_MOST_PAIRS = 5


async def shadow_of(settings: Settings, store: Store) -> dict[str, Any] | None:
    """What the challenger in shadow has said; None where there is none."""
    from workers.assembly.wiring import make_watch

    return await make_watch(settings, store, load_taxonomy(settings)).shadow()


def tell_shadow(told: Mapping[str, Any] | None, out: Terminal) -> None:
    """The challenger in shadow: how often it disagrees, and who was right."""
    if told is None:
        out.print("没有影子模型 / no challenger in shadow")
        return
    out.print(f"影子 in shadow: {told['bundle']}  {told['tickets']} 张工单 tickets", markup=False)
    columns = ("维度 facet", "对照 compared", "分歧 apart", "多为 mostly", "更正证实 proven right")
    table = Table(*columns)
    for each in told["facets"]:
        pairs = each["pairs"][:_MOST_PAIRS]
        right = each["right"]
        table.add_row(
            escape(each["facet"]),
            str(each["compared"]),
            f"{each['disagreed']} ({each['disagreed'] / max(1, each['compared']):.1%})",
            escape("\n".join(f"{p['champion']} → {p['challenger']}: {p['count']}" for p in pairs)),
            f"现役 champion {right['champion']}\n影子 challenger {right['challenger']}\n"
            f"都对 both {right['both']}\n都错 neither {right['neither']}",
        )
    out.show(table)


def tell_watch(told: Mapping[str, Any], out: Terminal) -> None:
    """Drift, agreement and alarms of the bundle that serves."""
    reference = told["reference"]
    if reference is None:
        out.print("现役模型还没有标过工单 / the champion has labelled nothing yet")
    else:
        kinds = {"first_week": "第一周 its first week", "training": "训练数据 what it learnt from"}
        dates = f" {reference['from']} … {reference['to']}"
        out.print(
            f"{told['bundle']}，对比 compared with {kinds[reference['kind']]}"
            + (dates if reference["kind"] == "first_week" else ""),
            markup=False,
        )
        out.show(_drift(told))
    out.show(_agreement(told))
    out.show(_trend(told["trend"]))
    for alarm in told["alarms"]:
        what = " ".join(filter(None, (alarm["measure"], alarm["facet"], alarm["channel"])))
        out.print(
            f"[red]报警 alarm[/] {alarm['kind']} {escape(what)}: "
            f"{alarm['value']:.3f}（{alarm['limit']:.2f}）"
        )


def _drift(told: Mapping[str, Any]) -> Table:
    days = sorted({point["day"] for each in told["series"] for point in each["points"]})[-7:]
    table = Table("PSI（条数 messages）", "维度 facet", "渠道 channel", *(day[5:] for day in days))
    for each in told["series"]:
        points = {point["day"]: point for point in each["points"]}
        cells = [_psi(points.get(day)) for day in days]
        channel = each["channel"] or "全部 all"
        table.add_row(_MEASURES[each["measure"]], escape(each["facet"]), escape(channel), *cells)
    return table


def _psi(point: Mapping[str, Any] | None) -> str:
    """With how many messages it rests on: of a handful it is large by chance alone."""
    if point is None or point["psi"] is None:
        return ""
    told = f"{point['psi']:.3f} ({point['cases']})"
    return f"[red]{told}[/]" if point["alarm"] else told


def _agreement(told: Mapping[str, Any]) -> Table:
    table = Table("维度 facet", "天 day", "标注 labelled", "更正 changed", "未被更正 left alone")
    for each in told["agreement"]:
        for point in each["points"][-7:]:
            share = "" if point["share"] is None else f"{point['share']:.1%}"
            table.add_row(
                escape(each["facet"]),
                point["day"],
                str(point["labelled"]),
                str(point["changed"]),
                share,
            )
    return table


def _trend(told: Mapping[str, Any]) -> Table:
    """Each figure of the last four weeks, and that of the four before; red where it got worse."""
    table = Table(
        "维度 facet",
        "类别 class",
        "标注 labelled",
        "误判 wrong",
        "漏判 missed",
        title=f"{told['now']} 起四周（此前四周） / four weeks from then on (the four before)",
    )
    for each in told["facets"]:
        row = _compared(each["before"], each["now"], "changed", each["worse"])
        table.add_row(escape(each["facet"]), "全部 all", _counts(each), row, "")
        for of in each["classes"]:
            shares = (
                _compared(of["before"], of["now"], name, name in of["worse"])
                for name in ("wrong", "missed")
            )
            table.add_row("", escape(of["value"]), _counts(of), *shares)
    return table


def _counts(of: Mapping[str, Any]) -> str:
    return f"{of['now']['labelled']} ({of['before']['labelled']})"


def _compared(before: Mapping[str, Any], now: Mapping[str, Any], name: str, worse: bool) -> str:
    was, is_ = ("–" if each[name] is None else f"{each[name]:.1%}" for each in (before, now))
    return f"[red]{is_}[/] ({was})" if worse else f"{is_} ({was})"
