"""The opening hours of the centre and of its teams, with the holidays they keep."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import structlog

from config.holidays import CHINA, calendars_missing, known
from config.sections import Hours
from models.routing import Line
from router.sla import Calendar, Calendars

_log = structlog.stdlib.get_logger(__name__)

CENTRE = "centre"
"""What the hours without a team are called in warnings and metrics."""


class Gap(NamedTuple):
    """A year whose public holidays nobody has told yet."""

    team: str
    country: str
    year: int

    def __str__(self) -> str:
        law = ("暂按法律所列节日、不含调休", "the holidays of the law are kept, no make-up days")
        rest = law if self.country == CHINA else ("暂按无节假日", "none are kept")
        return (
            f"{self.team}：没有 {self.country} {self.year} 年的节假日数据，{rest[0]}；"
            "请升级受理，或在 hours.holidays 与 hours.workdays 里写明。"
            f" / {self.team}: the holidays of {self.country} in {self.year} are not known,"
            f" {rest[1]}; upgrade Shouli, or write them as hours.holidays and hours.workdays."
        )


def calendars(hours: Hours, now: float) -> Calendars:
    """The calendars that count at ``now`` (its year tells which holidays to look up)."""
    lines = [
        (Line(channels=t.channels, accounts=t.accounts, domains=t.domains), hours.of_team(name))
        for name, t in hours.teams.items()
    ]
    return Calendars(
        calendar(hours, now), tuple((line, calendar(own, now)) for line, own in lines)
    )


def calendar(hours: Hours, now: float) -> Calendar:
    """One calendar: public holidays, then public make-up days, then the operator's word."""
    public = known(hours.country, _year(hours, now))
    closed = (public.days - public.workdays) | set(hours.holidays)
    worked = dict.fromkeys(public.workdays - set(hours.holidays), str(hours.makeup_like))
    return Calendar.of(
        hours.time_zone,
        {str(day): periods for day, periods in hours.periods.items()},
        holidays=closed,
        workdays=worked | {day: str(like) for day, like in hours.workdays.items()},
    )


def gaps(hours: Hours, now: float) -> Sequence[Gap]:
    """What is not known of this year's and the next one's holidays."""
    told: dict[str, tuple[str, set[date]]] = {
        name: (own.country, {*own.holidays, *own.workdays})
        for name, own in ((CENTRE, hours), *((n, hours.of_team(n)) for n in hours.teams))
    }
    return [Gap(*gap) for gap in calendars_missing(told, _year(hours, now))]


def warn(hours: Hours, now: float) -> None:
    """Writes every gap to the log."""
    for gap in gaps(hours, now):
        _log.warning("holidays missing", text=str(gap), **gap._asdict())


def _year(hours: Hours, now: float) -> int:
    return datetime.fromtimestamp(now, ZoneInfo(hours.time_zone)).year
