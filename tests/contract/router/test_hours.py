"""The calendars of real years against a count by minute, and what is said where data end.

The count knows the settings and the tables that the State Council published, typed in here by
hand; it shares no code with the calendar.
"""

import io
import json
import logging
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
import structlog

from config.sections import Hours, TeamHours
from models.opening import SpecialDay
from workers.monitoring.logs import configure
from workers.rules.hours import calendar, calendars, gaps, openings, overlaps, warn

WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WORKDAYS = WEEK[:5]


def days(text: str) -> set[date]:
    """“2026-02-15..23 2026-05-04” as dates."""
    found = set()
    for part in text.split():
        first, _, last = part.partition("..")
        start = date.fromisoformat(first)
        for offset in range(int(last or start.day) - start.day + 1):
            found.add(start + timedelta(days=offset))
    return found


PRC_OFF = days(
    "2025-01-28..31 2025-02-01..04 2025-04-04..06 2025-05-01..05 2025-05-31 2025-06-01..02"
    " 2025-10-01..08 2026-01-01..03 2026-02-15..23 2026-04-04..06 2026-05-01..05"
    " 2026-06-19..21 2026-09-25..27 2026-10-01..07"
)
PRC_WORKED = days(
    "2025-01-26 2025-02-08 2025-04-27 2025-09-28 2025-10-11 2026-01-04 2026-02-14 2026-02-28"
    " 2026-05-09 2026-09-20 2026-10-10"
)
ENGLAND_OFF = days("2026-04-03 2026-04-06 2026-05-04 2026-05-25 2026-08-31 2026-12-25 2026-12-28")


def hours(zone: str, country: str, periods: dict[str, tuple[str, ...]], **more: object) -> Hours:
    values = {"holidays": (), "workdays": {}, "makeup_like": "monday", "teams": {}} | more
    return Hours(time_zone=zone, country=country, periods=periods, **values)


class Scene(NamedTuple):
    """Hours, the days they are off and worked besides, and when to look (UTC days)."""

    hours: Hours
    off: set[date]
    worked: dict[date, str]
    begins: tuple[str, ...]


TWICE = dict.fromkeys(WORKDAYS, ("08:30-12:00", "13:30-17:45"))
SCENES = {
    "spring festival": Scene(
        hours("Asia/Shanghai", "CN", TWICE),
        PRC_OFF,
        dict.fromkeys(PRC_WORKED, "monday"),
        ("2025-01-24", "2026-02-12", "2026-02-20", "2026-02-26"),
    ),
    "make-up Saturdays like a Friday": Scene(
        hours("Asia/Shanghai", "CN", TWICE | {"friday": ("09:00-15:00",)}, makeup_like="friday"),
        PRC_OFF,
        dict.fromkeys(PRC_WORKED, "friday"),
        ("2025-09-26", "2025-10-09", "2026-05-07", "2026-09-18", "2026-10-08"),
    ),
    "overnight through National Day": Scene(
        hours("Asia/Shanghai", "CN", dict.fromkeys(WEEK, ("20:00-04:30", "10:00-11:00"))),
        PRC_OFF,
        dict.fromkeys(PRC_WORKED, "monday"),
        ("2025-09-29", "2026-09-29", "2026-10-06"),
    ),
    "an admin's word over the table": Scene(
        hours(
            "Asia/Shanghai",
            "CN",
            TWICE,
            holidays=(date(2026, 10, 10), date(2026, 9, 29)),
            workdays={date(2026, 10, 3): "tuesday"},
        ),
        PRC_OFF | {date(2026, 10, 10), date(2026, 9, 29)},
        dict.fromkeys(PRC_WORKED - {date(2026, 10, 10)}, "monday")
        | {date(2026, 10, 3): "tuesday"},
        ("2026-09-27", "2026-10-02", "2026-10-08"),
    ),
    "New York springs and falls": Scene(
        hours("America/New_York", "", dict.fromkeys(WEEK, ("00:30-02:45", "22:00-01:30"))),
        set(),
        {},
        ("2026-03-07", "2026-10-31"),
    ),
    "London with bank holidays": Scene(
        hours("Europe/London", "GB-ENG", dict.fromkeys(WORKDAYS, ("08:00-12:15", "12:45-20:00"))),
        ENGLAND_OFF,
        {},
        ("2026-03-27", "2026-04-02", "2026-12-23"),
    ),
    "Lord Howe's half hour": Scene(
        hours(
            "Australia/Lord_Howe", "", {"sunday": ("01:10-02:40",), "saturday": ("21:00-03:00",)}
        ),
        set(),
        {},
        ("2026-04-03", "2026-10-02"),
    ),
}


def periods_of(scene: Scene, day: date) -> list[tuple[int, int]]:
    """Minutes since midnight, as a clerk would read the settings."""
    if day in scene.worked:
        weekday = scene.worked[day]
    elif day in scene.off:
        return []
    else:
        weekday = WEEK[day.weekday()]
    found = []
    for text in scene.hours.periods.get(weekday, ()):  # type: ignore[call-overload]
        ends = [int(clock[:2]) * 60 + int(clock[3:]) for clock in text.split("-")]
        found.append((ends[0], ends[1] if ends[1] > ends[0] else ends[1] + 1440))
    return found


def clerk(scene: Scene) -> Callable[[int], bool]:
    """Tells whether somebody who looks at the wall clock at an instant finds the team there."""
    zone = ZoneInfo(scene.hours.time_zone)

    @cache
    def periods(day: date) -> list[tuple[int, int]]:
        return periods_of(scene, day)

    @cache
    def finds(instant: int) -> bool:
        wall = datetime.fromtimestamp(instant, UTC).astimezone(zone)
        minute = wall.hour * 60 + wall.minute
        today, yesterday = wall.date(), wall.date() - timedelta(days=1)
        return any(a <= minute < b for a, b in periods(today)) or any(
            a <= minute + 1440 < b for a, b in periods(yesterday)
        )

    return finds


def cases() -> list[tuple[str, int, int, int]]:
    """Two hundred and more: (scene, first minute, minutes to the second, seconds to add)."""
    random = Random("bar 6")
    found = []
    for name, scene in SCENES.items():
        for begin in scene.begins:
            start = int(datetime.fromisoformat(begin).replace(tzinfo=UTC).timestamp())
            for _ in range(10):
                first = start + 60 * random.randrange(1440)
                found.append((name, first, random.randrange(1, 4320), random.randrange(1, 40_000)))
    return found


CASES = cases()
LONGEST = 9000
"""Minutes that the clerk counts at most: six days and a bit."""


def test_there_are_enough_cases_of_each_kind() -> None:
    assert len(CASES) >= 200
    assert {name for name, *_ in CASES} == set(SCENES)


@pytest.mark.parametrize("name", SCENES)
def test_two_hundred_cases_against_a_count_by_minute(name: str) -> None:
    scene = SCENES[name]
    counted = calendar(scene.hours, datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    open_at = clerk(scene)
    for case in (c for c in CASES if c[0] == name):
        _, first, minutes, seconds = case
        assert counted.is_open(first) == open_at(first), case
        total = 60 * sum(open_at(first + 60 * i) for i in range(minutes))
        assert counted.business_seconds_between(first, first + 60 * minutes) == total, case
        opens = next(first + 60 * i for i in range(LONGEST * 4) if open_at(first + 60 * i))
        assert counted.next_open(first) == opens, case
        left, at = seconds, first
        while not (open_at(at) and left <= 60):
            left -= 60 * open_at(at)
            at += 60
        assert counted.add_business_seconds(first, seconds) == at + left, case


NOW = datetime(2026, 11, 25, tzinfo=UTC).timestamp()
CHINA = hours("Asia/Shanghai", "CN", TWICE)


def test_a_year_that_is_not_published_yet_warns_and_keeps_what_the_law_names() -> None:
    (gap,) = gaps(CHINA, datetime(2099, 5, 1, tzinfo=UTC).timestamp())
    assert (gap.team, gap.country, gap.year) == ("centre", "CN", 2099)
    assert "2099" in str(gap)
    assert "hours.holidays" in str(gap)
    far = calendar(CHINA, datetime(2099, 5, 1, tzinfo=UTC).timestamp())
    may_day = datetime(2099, 5, 1, 9, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()
    assert not far.is_open(may_day)
    assert far.is_open(may_day + 7 * 86_400)


def test_next_year_is_not_missed_before_its_list_is_usually_out() -> None:
    """The centre's own December counts: it begins in Shanghai while it is November in London."""
    eve = datetime(2099, 11, 30, 23, 59, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()
    assert [gap.year for gap in gaps(CHINA, eve)] == [2099]
    assert [gap.year for gap in gaps(CHINA, eve + 60)] == [2099, 2100]


def test_the_log_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text of a warning must not have the name of a field that the log leaves out."""
    stream = io.StringIO()
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    configure("info", "json", "clock", stream)
    warn(CHINA, datetime(2099, 5, 1, tzinfo=UTC).timestamp())
    structlog.reset_defaults()
    assert "hours.holidays" in json.loads(stream.getvalue())["remedy"]


def test_a_date_of_the_operators_fills_the_gap() -> None:
    december = datetime(2099, 12, 1, 12, tzinfo=UTC).timestamp()
    year = max(gap.year for gap in gaps(CHINA, december))
    told = CHINA.model_copy(update={"holidays": (date(year, 1, 1),)})
    left = gaps(told, december)
    assert year not in {gap.year for gap in left}


def test_periods_of_one_day_that_share_time_are_told() -> None:
    """Also of an overnight shift and what begins in it; what touches or follows does not."""
    week = {
        "monday": ("13:00-18:00", "08:30-13:00"),
        "tuesday": ("08:30-18:00", "12:00-13:00"),
        "friday": ("22:00-06:00", "23:00-24:00"),
        "saturday": ("05:00-09:00",),
    }
    own = {"accounts": ("uk@shop.example",), "periods": {"sunday": ("09:00-12:00", "11:00-15:00")}}
    same = {"accounts": ("cn@shop.example",)}
    found = overlaps(hours("Asia/Shanghai", "CN", week, teams={"own": own, "same": same}))
    assert [tuple(one) for one in found] == [
        ("centre", "tuesday", "08:30-18:00", "12:00-13:00"),
        ("centre", "friday", "22:00-06:00", "23:00-24:00"),
        ("own", "sunday", "09:00-12:00", "11:00-15:00"),
    ]
    assert "tuesday 的 08:30-18:00 和 12:00-13:00 有重叠" in str(found[0])


def test_what_can_be_computed_has_no_gap() -> None:
    assert gaps(hours("Europe/London", "GB", TWICE), NOW) == []
    assert gaps(hours("UTC", "", TWICE), NOW) == []


def test_a_team_has_its_own_hours_and_the_centres_where_it_says_nothing() -> None:
    team = {"accounts": ("uk@shop.example",), "time_zone": "Europe/London", "country": "GB"}
    both = calendars(hours("Asia/Shanghai", "CN", TWICE, teams={"uk": team}), NOW)
    nine = datetime(2026, 10, 1, 9, tzinfo=ZoneInfo("Europe/London")).timestamp()
    assert both.of("email", "uk@shop.example", "物流").is_open(nine)
    assert not both.of("email", "cn@shop.example", "物流").is_open(nine)
    assert both.of("email", "uk@shop.example", "").weekly == both.general.weekly


@pytest.mark.parametrize("country", ["XX", "China", "GB-XX"])
def test_an_unknown_country_is_refused(country: str) -> None:
    with pytest.raises(ValueError, match="CN"):
        hours("UTC", country, {})


def test_a_team_without_tickets_is_refused() -> None:
    with pytest.raises(ValueError, match="channels"):
        hours("UTC", "", {}, teams={"nobody": {"time_zone": "UTC"}})


def test_what_people_are_shown_of_a_holiday_and_the_days_worked_for_it() -> None:
    own = {date(2026, 10, 3): "friday", date(2026, 12, 30): "monday"}
    hours = CHINA.model_copy(update={"holidays": (date(2026, 12, 31),), "workdays": own})
    eve = datetime(2026, 9, 30, 20, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()
    (centre,) = openings(hours, eve)
    days = {one.day: one for one in centre.days}
    assert min(days) >= date(2026, 9, 30)
    assert (days[date(2026, 10, 1)].periods, days[date(2026, 10, 1)].public) == ((), True)
    makeup = days[date(2026, 10, 10)]
    assert (makeup.periods, makeup.public) == (centre.week[0], True), "the make-up Saturday"
    assert days[date(2026, 10, 3)] == SpecialDay(date(2026, 10, 3), centre.week[4], public=False)
    assert days[date(2026, 12, 31)] == SpecialDay(date(2026, 12, 31), (), public=False)
    assert max(days) < date(2028, 1, 1), "nobody knows yet"
    assert centre.open is False
    assert (
        centre.until == datetime(2026, 10, 3, 8, 30, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()
    )


def test_a_team_is_shown_with_what_is_its_own() -> None:
    team = TeamHours(accounts=("uk@shop.example",), time_zone="Europe/London", country="GB")
    hours = CHINA.model_copy(update={"teams": {"overseas": team}})
    teatime = datetime(2026, 11, 27, 16, tzinfo=ZoneInfo("Europe/London")).timestamp()
    centre, overseas = openings(hours, teatime)
    assert (centre.team, centre.open, centre.accounts) == ("", False, ())
    assert (overseas.team, overseas.open, overseas.accounts) == ("overseas", True, team.accounts)
    assert overseas.until == teatime + 1.75 * 3600, "on Fridays to a quarter to six"
    assert (overseas.week, overseas.country) == (centre.week, "GB")
    (blind, _) = openings(hours, datetime(2099, 5, 1, tzinfo=UTC).timestamp())
    assert blind.missing == (2099, 2100)
    told = hours.model_copy(update={"holidays": (date(2099, 10, 1),)})
    (blind, _) = openings(told, datetime(2099, 5, 1, tzinfo=UTC).timestamp())
    assert blind.missing == (2100,), "of 2099 somebody took care"
