"""Rehearsals at the terminal: what is asked for, a progress bar, a table, a picture."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

from config.settings import load, load_rules
from models.errors import Rejected
from models.routing import Rulebook
from models.store import Store
from router.simulate import Shift
from router.sla import Calendars
from workers.commands.options import ConfigOption, JsonOption
from workers.commands.terminal import Terminal
from workers.monitoring import logs
from workers.rules.active_rules import ActiveRules
from workers.rules.hours import calendars
from workers.rules.picture import bound_sentences, percent, picture, short, span
from workers.rules.publishing import content_of, parsed
from workers.rules.rehearsal import Side, asked_for, rehearse, with_skills
from workers.rules.traffic import (
    Traffic,
    described,
    read_described,
    read_staffing,
    recorded,
    staffed,
)

DaysOption = Annotated[float, typer.Option(min=0.01, max=366, help="最近多少天 / Last days.")]
StaffOption = Annotated[
    Path | None, typer.Option(help="草案的人员（[[staff]]） / Staffing of the draft.")
]
SkillOption = Annotated[
    list[str] | None,
    typer.Option(help="草案里某人多会一项：li:domain:支付=3，可多次 / A skill somebody learns."),
]
TrafficOption = Annotated[
    Path | None, typer.Option(help="描述的来量与人员（TOML、JSON） / Described traffic.")
]


def _drawable(file: Path | None) -> Path | None:
    """Found out before a minute of playing, not after."""
    if file is not None and (file.is_dir() or not file.parent.is_dir()):
        raise typer.BadParameter(f"{file}：写不了这个文件 / this file cannot be written")
    return file


PictureOption = Annotated[
    Path | None, typer.Option(callback=_drawable, help="另存为 SVG 图 / Save as SVG.")
]


_MOST_CLASSES = 12


@dataclass(frozen=True, slots=True)
class Asked:
    """On which traffic, and what else than the rules the draft changes."""

    days: float
    traffic: Path | None
    staff: Path | None
    taught: Mapping[str, Mapping[str, int]]


def simulate(
    rules: Annotated[
        Path | None, typer.Option(help="草案规则文件；不写则用现行的 / Draft rules.")
    ] = None,
    days: DaysOption = 7.0,
    traffic: TrafficOption = None,
    staff: StaffOption = None,
    skill: SkillOption = None,
    as_json: JsonOption = False,
    picture: PictureOption = None,
    config: ConfigOption = None,
) -> None:
    """按来量演练规则、技能或人员的变化 / Rehearse other rules, skills or staffing on traffic."""
    from workers.assembly.wiring import make_active_rules, make_store

    settings = load(config, environ=os.environ)
    logs.configure("warning", settings.log.format, "simulate")
    asked = Asked(days, traffic, staff, taught(skill))
    drafted = None
    if rules is not None:
        drafted = parsed(content_of(rules)).model_copy(update={"version": rules.stem})

    async def recorded_() -> dict[str, Any]:
        store = make_store(settings)
        try:
            active_rules = make_active_rules(settings, store)
            await active_rules.refresh()
            book = active_rules.book if drafted is None else Rulebook(drafted)
            return await on_store(store, active_rules, book, asked)
        finally:
            await store.close()

    def described_() -> dict[str, Any]:
        """Needs no database: the rules of the settings are the live ones."""
        assert traffic is not None
        drawn = described(read_described(traffic))
        live = load_rules(settings)
        hours = calendars(settings.hours, drawn.arrivals[0].at)
        return _played(drawn, Rulebook(live), Rulebook(drafted or live), hours, asked)

    tell(asyncio.run(recorded_()) if traffic is None else described_(), as_json, picture)


async def on_store(
    store: Store, active_rules: ActiveRules, draft: Rulebook, asked: Asked
) -> dict[str, Any]:
    """The report for a draft, beside the rules in force, on recorded or described traffic.

    Raises:
        Rejected: nothing came in that time.
    """
    if asked.traffic is not None:
        traffic = described(read_described(asked.traffic))
    else:
        until = await store.db.now()
        since = until - asked.days * 86400.0
        traffic = await recorded(store, since, until, active_rules.calendars.general)
    if not traffic.arrivals:
        raise Rejected(
            "这段时间没有工单可以演练：加大 --days，或用 --traffic 描述来量。"
            " / No ticket came in that time: take more --days, or describe --traffic."
        )
    return _played(traffic, active_rules.book, draft, active_rules.calendars, asked)


def _played(
    traffic: Traffic, live: Rulebook, draft: Rulebook, hours: Calendars, asked: Asked
) -> dict[str, Any]:
    shifts = list(traffic.shifts)
    if asked.staff is not None:
        begins, ends = _around(shifts, traffic)
        staff = read_staffing(asked.staff).staff
        shifts = [*staffed(staff, traffic.zone, begins, ends)]
    unknown = asked.taught.keys() - {shift.agent_id for shift in shifts}
    if unknown:
        named = "、".join(sorted(unknown))
        raise Rejected(
            f"这段时间里没有 {named} 的班：账号写错了，或那时没有就绪过。用 --staff 可以写明谁在。"
            f" / {named} had no shift in that time: no such login, or never ready in it. --staff "
            "says who is there."
        )
    learnt = {skill for skills in asked.taught.values() for skill in skills}
    if idle := learnt and learnt - asked_for(traffic, draft, hours):
        named = "、".join(sorted(idle))
        raise Rejected(
            f"没有工单需要技能 {named}，多会它什么都不会变。"
            f" / No ticket asks for {named}: learning it would change nothing."
        )
    drafted = Side(draft, with_skills(shifts, asked.taught))
    with _progress() as progress:
        return rehearse(traffic, Side(live, traffic.shifts), drafted, hours, progress)


def _around(shifts: list[Shift], traffic: Traffic) -> tuple[float, float]:
    moments = [a.at for a in traffic.arrivals]
    moments += [at for shift in shifts for at in (shift.begins, shift.ends)]
    return min(moments), max(moments)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], object]]:
    """A bar on standard error, so that what is printed can be piped."""
    columns = ("演练 rehearsing", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def taught(skills: list[str] | None) -> dict[str, dict[str, int]]:
    """“li:domain:支付=3” as agent to skill and level.

    Raises:
        typer.BadParameter: it is not written like that.
    """
    found: dict[str, dict[str, int]] = {}
    for text in skills or ():
        agent, _, rest = text.partition(":")
        name, _, level = rest.rpartition("=")
        if not (agent and name and level in {"1", "2", "3", "4", "5"}):
            raise typer.BadParameter(
                f"{text}: 写成 坐席:技能=等级 / write agent:skill=level (1-5)"
            )
        found.setdefault(agent, {})[name] = int(level)
    return found


def tell(report: Mapping[str, Any], as_json: bool, file: Path | None) -> None:
    """Prints a report as JSON or as a table, and draws its picture where one is wanted."""
    if file is not None:
        file.write_text(picture(report), "utf-8")
    if as_json:
        sys.stdout.write(json.dumps(report, ensure_ascii=False, indent=1) + "\n")
        return
    out = Terminal()
    out.show(_table(report), least=100)
    for text, bad in _notes(report):
        out.print(f"{'!' if bad else '·'} {text}", markup=False)
    if file is not None:
        out.print(f"图 picture: {file}", markup=False)


def _notes(report: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """What stands under the table, each with whether it is a reason to worry."""
    moved = report["differences"]
    yield (
        (
            f"{moved['moved']} 张换人，{moved['gained']} 张变为达标，{moved['lost']} 张变为超时 /"
            f" {moved['moved']} go to somebody else, {moved['gained']} become timely,"
            f" {moved['lost']} late"
        ),
        False,
    )
    for side, name in (("live", "现行 live"), ("draft", "草案 draft")):
        occupancy, unserved = report[side]["occupancy"], report[side]["unserved"]
        yield (
            (
                f"{name}：负荷 occupancy {percent(occupancy['mean'])}"
                f" ± {percent(occupancy['spread'])}，无人接 never given {unserved}"
            ),
            unserved > 0,
        )
    if report["estimated_handle"]:
        number = report["estimated_handle"]
        yield (
            (
                f"{number} 张还没有处理完，按同类的平均时长算 /"
                f" {number} not finished yet: taken to last as long as others of their type"
            ),
            False,
        )
    yield from bound_sentences(report)


_SOURCES = {
    "recorded": "实际来量 recorded traffic",
    "recorded, everybody in opening hours": (
        "实际来量，没有在岗记录，按营业时间人人在岗"
        " recorded traffic, everybody there in opening hours"
    ),
    "described": "描述的来量 described traffic",
}


def _table(report: Mapping[str, Any]) -> Table:
    source = f"{report['tickets']} 张工单 tickets · {_SOURCES[report['source']]}"
    table = Table(title=f"分单演练 Rehearsal · {source}")
    for name in ("", "工单 n", "现行 live", "草案 draft", "±", "均 mean", "P95", "P99.9"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    _row(table, "全部 all", report["live"], report["draft"])
    for key in ("by_urgency", "by_tier", "by_class"):
        table.add_section()
        live, draft = report["live"][key], report["draft"][key]
        names = sorted(draft, key=lambda name: -draft[name]["tickets"])
        for name in names[:_MOST_CLASSES]:
            _row(table, short(name) or "–", live.get(name), draft[name])
    return table


def _row(
    table: Table, name: str, live: Mapping[str, Any] | None, draft: Mapping[str, Any]
) -> None:
    before = live["sla"] if live else None
    moved = "" if before is None else f"{(draft['sla'] - before) * 100:+.1f}"
    table.add_row(
        escape(name),
        str(draft["tickets"]),
        percent(before),
        percent(draft["sla"]),
        moved,
        *(span(draft[key]) for key in ("mean_wait", "p95_wait", "p999_wait")),
    )
