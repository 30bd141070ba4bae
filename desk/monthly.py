"""A month's figures as a file: the whole, day by day, and by each dimension."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from desk import sheets
from desk.sheets import Cell, Sheet, month_span
from models.figures import DIMENSION_NAMES, FIGURES, Dimension, Figures, value_of
from models.store import Store

_FORMATS = {"count": "#,##0", "share": "0.0%", "seconds": "[h]:mm:ss", "score": "0.00"}
_DAY_SECONDS = 86_400

_UNKNOWN = "（未知 unknown）"


class Month(NamedTuple):
    """Everything that stands in the file of a month."""

    whole: Sequence[tuple[str, Figures]]
    daily: Sequence[tuple[str, Figures]]
    groups: Mapping[Dimension, Sequence[tuple[str, Figures]]]


async def read_month(
    store: Store, month: str, zone: tzinfo, dimensions: Sequence[Dimension]
) -> Month:
    """The figures of a month “2026-11”; what has not ended is reckoned up to now."""
    since, until = month_span(month, zone)
    days = list(_days(since, until, zone))
    names = await store.agents.names()
    whole = await store.kpi.figures([since, until])
    daily = await store.kpi.figures([day.timestamp() for day in days] + [until])
    return Month(
        [(month, figures) for figures in whole],
        [(f"{days[figures.period]:%Y-%m-%d}", figures) for figures in daily],
        {
            by: [
                (names.get(found.group, found.group) or _UNKNOWN, found)
                for found in await store.kpi.figures([since, until], by)
            ]
            for by in dimensions
        },
    )


def _days(since: float, until: float, zone: tzinfo) -> Sequence[datetime]:
    first, after = datetime.fromtimestamp(since, zone), datetime.fromtimestamp(until, zone)
    days = [first]
    # By the calendar, not by seconds: a day may have 23 or 25 hours.
    while (following := days[-1] + timedelta(days=1)) < after:
        days.append(following)
    return days


def month_file(month: Month, form: str) -> bytes:
    """As “xlsx”, a sheet for each table, or as “csv”, all below each other."""
    tables = [("总览 Whole", "月份 Month", month.whole), ("按日 Daily", "日期 Day", month.daily)]
    tables += [
        (" ".join(DIMENSION_NAMES[by]), " ".join(DIMENSION_NAMES[by]), rows)
        for by, rows in month.groups.items()
    ]
    if form == "xlsx":
        return sheets.as_xlsx([_sheet(title, of, rows) for title, of, rows in tables])
    heads = ["表 Table", "项 Of", *_heads()]
    lines: list[list[Cell]] = [
        [title, name, *_values(figures)] for title, _, rows in tables for name, figures in rows
    ]
    return sheets.as_csv(Sheet("", heads, lines))


def _sheet(title: str, of: str, rows: Sequence[tuple[str, Figures]]) -> Sheet:
    formats = ["", *(_FORMATS[figure.unit] for figure in FIGURES.values())]
    cells = [[name, *_in_days(_values(figures))] for name, figures in rows]
    return Sheet(title, [of, *_heads()], cells, formats)


def _heads() -> list[str]:
    return [f"{figure.zh} {figure.en}" for figure in FIGURES.values()]


def _values(figures: Figures) -> list[float | None]:
    return [value_of(figures, name) for name in FIGURES]


def _in_days(values: Sequence[float | None]) -> list[Cell]:
    """Lengths of time as spreadsheets hold them: in days."""
    return [
        value / _DAY_SECONDS if figure.unit == "seconds" and value is not None else value
        for value, figure in zip(values, FIGURES.values(), strict=True)
    ]
