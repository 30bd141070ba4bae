"""The opening hours of the centre and of its teams, with the holidays they keep."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import structlog

from config.holidays import CHINA, calendars_missing, known
from config.sections import Hours
from models.opening import Opening, SpecialDay
from models.routing import Line
from router.sla import Calendar, Calendars, parse_period

_log = structlog.stdlib.get_logger(__name__)

CENTRE = "centre"
"""What the hours without a team are called in warnings and metrics."""

_SHOWN = timedelta(days=366)
"""How far people are shown what days differ."""


_OF_CHINA = (
    (
        "暂按法律所列的节日放假，不含调休。国务院办公厅通常在十月底到十二月初公布下一年的安排，"
        "公布之前不必处理，其他功能不受影响；公布之后，"
    ),
    (
        "Until then the days that the law names are kept, without make-up days. The State Council"
        " publishes each next year between the end of October and early December: before that"
        " there is nothing to do, and nothing else is affected. After it:"
    ),
)
_ELSEWHERE = ("暂按没有节假日。", "Until then there are none.")


class Gap(NamedTuple):
    """A year whose public holidays nobody has told yet."""

    team: str
    country: str
    year: int

    def __str__(self) -> str:
        zh, en = _OF_CHINA if self.country == CHINA else _ELSEWHERE
        return (
            f"{self.team}：受理还不知道 {self.country} {self.year} 年的放假安排，{zh}"
            "请升级受理，或把放假的日期写进 hours.holidays、调休上班的写进 hours.workdays。"
            f" / {self.team}: Shouli does not know the holidays of {self.country} in {self.year}"
            f" yet. {en} Upgrade Shouli, or write the days off as hours.holidays and the weekends"
            " that are worked as hours.workdays."
        )


class Overlap(NamedTuple):
    """Two periods of one day that share time: both count, as one stretch. It may be a slip."""

    team: str
    day: str
    one: str
    other: str

    def __str__(self) -> str:
        return (
            f"{self.team}：hours.periods 里 {self.day} 的 {self.one} 和 {self.other} 有重叠，"
            "现在按合在一起算。请检查有没有写错。"
            f" / {self.team}: of hours.periods, {self.one} and {self.other} on {self.day} overlap,"
            " and count as one stretch. Look whether one of them is a slip."
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
    public = known(hours.country, _today(hours, now).year)
    closed = (public.days - public.workdays) | set(hours.holidays)
    worked = dict.fromkeys(public.workdays - set(hours.holidays), str(hours.makeup_like))
    return Calendar.of(
        hours.time_zone,
        {str(day): periods for day, periods in hours.periods.items()},
        holidays=closed,
        workdays=worked | {day: str(like) for day, like in hours.workdays.items()},
    )


def openings(hours: Hours, now: float) -> list[Opening]:
    """As people are shown it: the centre, and its teams in the order in which they are tried."""
    everybodys = Line()
    lines = [
        (name, Line(channels=t.channels, accounts=t.accounts, domains=t.domains))
        for name, t in hours.teams.items()
    ]
    return [
        _opening(name, line, hours.of_team(name) if name else hours, now)
        for name, line in (("", everybodys), *lines)
    ]


def _opening(team: str, line: Line, hours: Hours, now: float) -> Opening:
    own, today = calendar(hours, now), _today(hours, now)
    told, is_open = {*hours.holidays, *hours.workdays}, own.is_open(now)
    last = today + _SHOWN
    taken_care_of = known(hours.country, today.year).years | {day.year for day in told}
    return Opening(
        team=team,
        channels=line.channels,
        accounts=line.accounts,
        domains=line.domains,
        time_zone=hours.time_zone,
        country=hours.country,
        week=tuple(tuple(map(str, periods)) for periods in own.weekly),
        days=tuple(
            SpecialDay(day, tuple(map(str, periods)), public=day not in told)
            for day, periods in sorted(own.days.items())
            if today <= day < last
        ),
        open=is_open,
        until=own.closes(now) if is_open else own.next_open(now),
        missing=tuple(sorted({today.year, last.year} - taken_care_of)),
    )


def gaps(hours: Hours, now: float) -> Sequence[Gap]:
    """What is not known of this year's holidays, and late in the year of the next one's."""
    told: dict[str, tuple[str, set[date]]] = {
        name: (own.country, {*own.holidays, *own.workdays}) for name, own in _everybodys(hours)
    }
    return [Gap(*gap) for gap in calendars_missing(told, _today(hours, now))]


def overlaps(hours: Hours) -> list[Overlap]:
    """The periods of one day that overlap, of the centre and of teams with a week of their own."""
    weeks = [(name, own.periods) for name, own in _everybodys(hours)]
    centre = hours.periods
    return [
        Overlap(name, str(day), str(one), str(other))
        for name, week in weeks
        if name == CENTRE or week != centre
        for day, periods in week.items()
        for one, other in pairwise(sorted(map(parse_period, periods)))
        if other.start < one.end
    ]


def _everybodys(hours: Hours) -> list[tuple[str, Hours]]:
    """The hours of the centre and of each team, complete."""
    return [(CENTRE, hours), *((name, hours.of_team(name)) for name in hours.teams)]


def warn(hours: Hours, now: float) -> None:
    """Writes every gap to the log."""
    for gap in gaps(hours, now):
        _log.warning("holidays missing", remedy=str(gap), **gap._asdict())


def _today(hours: Hours, now: float) -> date:
    return datetime.fromtimestamp(now, ZoneInfo(hours.time_zone)).date()
