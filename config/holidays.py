"""Public holidays: what the libraries know of them, and what they do not.

China's year is decided each autumn by the State Council, so its data end where the library's
do. Such a year is not an error: the holidays that the law itself names are kept, without the
make-up days that nobody can know yet, and the operator is warned once there is something to do.
"""

from collections.abc import Collection, Mapping
from datetime import date
from functools import cache
from typing import NamedTuple

CHINA = "CN"
_AHEAD = 3
"""Years from the present one that are looked up where any year can be computed."""

_TOLD_BY = 12
"""The month from which next year is missed. Of 2021 to 2026 the lists came between 25 October and
8 December, and the first day of theirs that the law does not name is after the New Year."""


class Known(NamedTuple):
    """A country's days off, the weekend days worked for them, and the years it covers."""

    days: frozenset[date]
    workdays: frozenset[date]
    years: frozenset[int]


def is_known(country: str) -> bool:
    """Whether ``country`` has holidays here; “” stands for none.

    It is an ISO 3166 code, with the part of the country where holidays differ: GB-ENG, DE-BY.
    """
    if country in ("", CHINA):  # without loading the library, which takes a tenth of a second
        return True
    import holidays

    land, _, part = country.partition("-")
    parts = holidays.list_supported_countries().get(land)
    return parts is not None and (not part or part in parts)


@cache
def known(country: str, year: int) -> Known:
    """What is known of ``country`` around ``year``, the present one."""
    if not country:
        return Known(frozenset(), frozenset(), frozenset(range(year - 1, year + _AHEAD)))
    import chinese_calendar
    import holidays

    land, _, part = country.partition("-")
    wanted = range(year - 1, year + _AHEAD)
    by_law = holidays.country_holidays(land, subdiv=part or None, years=wanted)
    if country != CHINA:
        return Known(frozenset(by_law), frozenset(), frozenset(day.year for day in by_law))
    decided = frozenset(chinese_calendar.holidays)
    worked = frozenset(chinese_calendar.workdays)
    years = frozenset(day.year for day in decided)
    return Known(decided | {day for day in by_law if day.year not in years}, worked, years)


def calendars_missing(
    hours: Mapping[str, tuple[str, Collection[date]]], today: date
) -> list[tuple[str, str, int]]:
    """(team, country, year) for this year, and from December the next, if it is not known.

    ``hours`` maps a team to its country and to the dates that the operator gave: a year in
    which there is one of those was taken care of by hand.
    """
    return [
        (team, country, wanted)
        for team, (country, given) in hours.items()
        for wanted in (today.year, today.year + 1)[: 1 + (today.month >= _TOLD_BY)]
        if wanted not in known(country, today.year).years
        and not any(day.year == wanted for day in given)
    ]
