"""The calendar against a count by minute that knows nothing but what a wall clock shows."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import Rejected
from router.sla import WEEKDAYS, Calendar, Period, parse_period

WORKWEEK = dict.fromkeys(
    ("monday", "tuesday", "wednesday", "thursday", "friday"), ("08:30-12:00", "13:00-18:00")
)
NATIONAL_DAY = [date(2026, 10, day) for day in range(1, 8)]
CHINA = Calendar.of("Asia/Shanghai", WORKWEEK, NATIONAL_DAY, {date(2026, 10, 10): "wednesday"})
NIGHTS = Calendar.of(
    "Europe/Berlin", dict.fromkeys(("saturday", "sunday"), ("22:00-06:30", "05:00-07:00"))
)
NEW_YORK = Calendar.of("America/New_York", {"sunday": ("00:30-01:30", "02:15-04:00")})
SANTIAGO = Calendar.of(
    "America/Santiago", {"saturday": ("20:00-02:00",), "sunday": ("00:10-00:50",)}
)
ST_JOHNS = Calendar.of("America/St_Johns", dict.fromkeys(("saturday", "sunday"), ("23:10-00:20",)))
LORD_HOWE = Calendar.of("Australia/Lord_Howe", {"sunday": ("01:10-02:20",)})
WHOLE_DAYS = Calendar.of(
    "America/Havana", {"saturday": ("00:00-24:00",), "sunday": ("00:00-24:00",)}
)


def at(text: str, zone: str = "Asia/Shanghai") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def shown(calendar: Calendar, instant: float) -> bool:
    """Whether the clock on the wall shows a time within a period: the oracle."""
    wall = datetime.fromtimestamp(instant, UTC).astimezone(calendar.zone)
    minute = wall.hour * 60 + wall.minute
    today, yesterday = wall.date(), wall.date() - timedelta(days=1)
    for day, shift in ((today, 0), (yesterday, 1440)):
        hours = calendar.days[day] if day in calendar.days else calendar.weekly[day.weekday()]
        if any(start <= (minute + shift) * 60 < end for start, end in hours):
            return True
    return False


MOMENTS = [
    (CHINA, at("2026-09-30T07:00"), 11),
    (NIGHTS, at("2026-03-27T20:00", "Europe/Berlin"), 4),
    (NIGHTS, at("2026-10-23T20:00", "Europe/Berlin"), 4),
    (NEW_YORK, at("2026-03-07T12:00", "America/New_York"), 2),
    (NEW_YORK, at("2026-10-31T12:00", "America/New_York"), 2),
    (SANTIAGO, at("2026-04-03T12:00", "America/Santiago"), 3),
    (SANTIAGO, at("2026-09-04T12:00", "America/Santiago"), 3),
    (ST_JOHNS, at("2010-11-05T12:00", "America/St_Johns"), 3),
    (ST_JOHNS, at("2010-03-12T12:00", "America/St_Johns"), 3),
    (LORD_HOWE, at("2026-04-04T12:00", "Australia/Lord_Howe"), 2),
    (LORD_HOWE, at("2026-10-03T12:00", "Australia/Lord_Howe"), 2),
    (WHOLE_DAYS, at("2026-03-06T12:00", "America/Havana"), 4),
    (WHOLE_DAYS, at("2026-10-30T12:00", "America/Havana"), 4),
]


@pytest.mark.parametrize(("calendar", "start", "days"), MOMENTS)
def test_every_minute_is_what_the_wall_clock_shows(
    calendar: Calendar, start: float, days: int
) -> None:
    minutes = [start + 60 * i for i in range(days * 1440)]
    truth = [shown(calendar, minute) for minute in minutes]
    assert [calendar.is_open(minute) for minute in minutes] == truth
    total = 0
    for minute, is_open in list(zip(minutes, truth, strict=True)):
        if (minute - start) % 1260 == 0:
            assert calendar.business_seconds_between(start, minute) == total
        total += 60 * is_open
    assert calendar.business_seconds_between(start, minutes[-1] + 60) == total > 0


@given(st.sampled_from(MOMENTS), st.integers(0, 3000), st.integers(0, 1500), st.integers(0, 59))
def test_adding_and_counting_are_inverse(
    moment: tuple[Calendar, float, int], offset: int, minutes: int, seconds: int
) -> None:
    calendar, start, _ = moment
    begin, amount = start + offset * 60 + seconds, minutes * 60 + seconds
    end = calendar.add_business_seconds(begin, amount)
    assert end is not None
    assert calendar.business_seconds_between(begin, end) == amount
    assert calendar.business_seconds_between(end, begin) == -amount
    if amount:
        assert shown(calendar, end - 1), "it ends within open time, not after a pause"
    opens = calendar.next_open(begin)
    assert opens is not None
    assert shown(calendar, opens)
    assert calendar.business_seconds_between(begin, opens) == 0


def test_a_holiday_week_and_the_saturday_worked_for_it() -> None:
    assert CHINA.next_open(at("2026-09-30T18:00")) == at("2026-10-08T08:30")
    assert CHINA.is_open(at("2026-10-10T09:00"))
    assert not CHINA.is_open(at("2026-10-10T12:30"))
    assert CHINA.add_business_seconds(at("2026-09-30T17:00"), 2 * 3600) == at("2026-10-08T09:30")


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [("08:29:59.9", False), ("08:30:00", True), ("11:59:59.9", True), ("12:00:00", False)],
)
def test_a_period_begins_and_ends_by_the_second(moment: str, is_open: bool) -> None:
    assert CHINA.is_open(at(f"2026-10-08T{moment}")) is is_open


def test_open_times_are_told_in_order_and_cut() -> None:
    wanted = [("08T17:00", "08T18:00"), ("09T08:30", "09T12:00"), ("09T13:00", "09T13:30")]
    told = CHINA.spans(at("2026-10-08T17:00"), at("2026-10-09T13:30"))
    assert list(told) == [(at(f"2026-10-{a}"), at(f"2026-10-{b}")) for a, b in wanted]
    assert list(CHINA.spans(at("2026-10-08T12:00"), at("2026-10-08T13:00"))) == []
    assert list(CHINA.spans(at("2026-10-08T09:00"), at("2026-10-08T09:00"))) == []


def test_an_opening_ends_where_nobody_is_there_any_more() -> None:
    assert CHINA.closes(at("2026-10-08T08:30")) == at("2026-10-08T12:00")
    assert CHINA.closes(at("2026-10-08T12:00")) is None
    assert NIGHTS.closes(at("2026-05-02T23:00", "Europe/Berlin")) == at(
        "2026-05-03T07:00", "Europe/Berlin"
    ), "the night shift and the early one touch"
    always = Calendar.of("Asia/Shanghai", dict.fromkeys(WEEKDAYS, ("00:00-24:00",)))
    assert always.closes(at("2026-10-08T12:00")) is None
    holiday = Calendar.of(
        "Asia/Shanghai", dict.fromkeys(WEEKDAYS, ("00:00-24:00",)), [date(2026, 10, 26)]
    )
    assert holiday.closes(at("2026-10-08T12:00")) == at("2026-10-26T00:00")


@pytest.mark.parametrize("text", ["08:30-12:00", "00:00-24:00", "22:00-06:00", "23:00-00:30"])
def test_a_period_is_written_as_it_was_read(text: str) -> None:
    assert str(parse_period(text)) == text


def test_a_holiday_does_not_end_the_night_shift_before_it() -> None:
    calendar = Calendar.of("Asia/Shanghai", {"monday": ("22:00-06:00",)}, [date(2026, 10, 6)])
    assert calendar.is_open(at("2026-10-06T05:59"))
    assert not calendar.is_open(at("2026-10-06T06:00"))


def test_a_skipped_hour_is_nobodys_and_a_repeated_hour_counts_twice() -> None:
    calendar = Calendar.of("America/New_York", {"sunday": ("01:00-04:00",)})
    spring, autumn = (
        at("2026-03-08T00:00", str(calendar.zone)),
        at("2026-11-01T00:00", str(calendar.zone)),
    )
    assert calendar.business_seconds_between(spring, spring + 86_400) == 2 * 3600
    assert calendar.business_seconds_between(autumn, autumn + 86_400) == 4 * 3600


def test_a_calendar_that_ends_says_so() -> None:
    never = Calendar.of("Asia/Shanghai", {})
    assert never.next_open(0.0) is None
    assert never.add_business_seconds(0.0, 1) is None
    assert never.business_seconds_between(0.0, 1e9) == 0
    once = Calendar(ZoneInfo("Asia/Shanghai"), ((),) * 7, {date(2026, 10, 1): (Period(0, 3600),)})
    assert once.next_open(at("2026-01-01T00:00")) == at("2026-10-01T00:00")
    assert once.next_open(at("2026-10-01T01:00")) is None
    assert once.add_business_seconds(at("2026-01-01T00:00"), 3601) is None


def test_nothing_to_add_is_now_even_when_closed() -> None:
    night = at("2026-10-08T03:00")
    assert CHINA.add_business_seconds(night, 0) == night


def test_fractions_of_a_second_survive() -> None:
    noon = at("2026-10-08T11:59:59.75")
    assert CHINA.add_business_seconds(noon, 0.5) == at("2026-10-08T13:00:00.25")


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("08:30-12:00", Period(30_600, 43_200)),
        ("08:30–12:00", Period(30_600, 43_200)),
        (" 08:30 - 12:00", Period(30_600, 43_200)),
        ("00:00-24:00", Period(0, 86_400)),
        ("22:00-06:00", Period(79_200, 108_000)),
    ],
)
def test_periods_are_read(text: str, period: Period) -> None:
    assert parse_period(text) == period


@pytest.mark.parametrize("text", ["", "8:30-12:00", "09:00-09:00", "24:00-06:00", "00:00-24:30"])
def test_what_is_no_period_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Rejected, match="08:30-12:00"):
        parse_period(text)


def test_unknown_zones_and_weekdays_are_refused() -> None:
    with pytest.raises(Rejected, match="time zone"):
        Calendar.of("Asia/Atlantis", {})
    with pytest.raises(Rejected, match="weekday"):
        Calendar.of("Asia/Shanghai", {"funday": ()})
