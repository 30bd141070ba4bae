"""The figures (KPI): for programs as JSON, for people as a month's file."""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import Field

from desk import bodies, queries
from desk.auth import API, who
from desk.errors import Refusal
from desk.monthly import month_file, read_month
from desk.services import SERVICES, DeskServices, Words
from desk.sheets import MIMES
from models.agent import Role
from models.figures import FIGURES, Dimension, Figures, dimensions_of, value_of
from models.store.figures.kpi import MOST_PERIODS

Every = Literal["whole", "day", "week", "month"]

Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2099, 12, 31))]
"""As ``bodies.Month``: the calendar ends where Python's does, and nothing is known of before."""


class FiguresQuery(bodies.Body):
    """From the first day to the last, both included, in the time zone of the house.

    Without the last, up to today; without the first, so many ``days``.
    """

    first: Day | None = None
    last: Day | None = None
    days: Annotated[int, Field(ge=1, le=366)] = 30
    every: Every = "whole"
    by: Dimension | None = None


class MonthQuery(bodies.Body):
    month: bodies.Month
    format: Literal["xlsx", "csv"] = "xlsx"


def first_days(first: date, last: date, every: Every) -> list[date]:
    """With which days periods begin; weeks begin on Monday."""
    starts = [first]
    while (following := _following(starts[-1], every)) is not None and following <= last:
        starts.append(following)
    return starts


def midnight(day: date, zone: tzinfo) -> float:
    """When a day begins, in seconds since the epoch."""
    return datetime.combine(day, time(), zone).timestamp()


def _following(day: date, every: Every) -> date | None:
    match every:
        case "day":
            return day + timedelta(days=1)
        case "week":
            return day + timedelta(days=7 - day.weekday())
        case "month":
            return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        case "whole":
            return None


async def figures(request: web.Request) -> web.Response:
    who(request, Role.SUPERVISOR)
    services, asked = request.app[SERVICES], queries.read(request, FiguresQuery)
    last = asked.last or datetime.fromtimestamp(services.clock(), services.zone).date()
    first = asked.first or last - timedelta(days=asked.days - 1)
    starts = first_days(first, last, asked.every)
    if len(starts) > MOST_PERIODS or last < first:
        words = Words(
            f"期间要有 1 到 {MOST_PERIODS} 段，且先始后终。",
            f"Ask for 1 to {MOST_PERIODS} periods, the first day before the last.",
        )
        raise Refusal(422, "periods", words, field="last")
    bounds = [midnight(day, services.zone) for day in (*starts, last + timedelta(days=1))]
    found = await services.store.kpi.figures(bounds, asked.by)
    names = await services.store.agents.names()
    return web.json_response(
        {
            "starts": [f"{day}" for day in starts],
            "last": f"{last}",
            "dimensions": _dimensions(services),
            "figures": {name: figure._asdict() for name, figure in FIGURES.items()},
            "rows": [_row(row, names if asked.by == "agent" else {}) for row in found],
        }
    )


def _dimensions(services: DeskServices) -> Sequence[Dimension]:
    return dimensions_of(services.taxonomy.facets)


def _row(row: Figures, names: dict[str, str]) -> dict[str, Any]:
    values = {name: value_of(row, name) for name in FIGURES}
    return {
        "period": row.period,
        "group": row.group,
        "name": names.get(row.group, row.group),
        "values": values,
    }


async def month(request: web.Request) -> web.Response:
    """A month's file; taking it out is written down."""
    person, services = who(request, Role.SUPERVISOR), request.app[SERVICES]
    asked = queries.read(request, MonthQuery)
    tables = await read_month(services.store, asked.month, services.zone, _dimensions(services))
    async with services.store.db.write() as tx:
        await tx.audit(person.id, "figures.month", asked.month, format=asked.format)
    content = await asyncio.to_thread(month_file, tables, asked.format)
    name = f"figures-{asked.month}.{asked.format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=content, content_type=MIMES[asked.format], headers=headers)


def routes() -> list[web.RouteDef]:
    return [web.get(f"{API}figures", figures), web.get(f"{API}figures/month", month)]
