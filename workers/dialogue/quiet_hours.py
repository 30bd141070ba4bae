"""Hours in which nobody is told anything that they did not ask for."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo


def after_quiet(at: float, period: str, zone: ZoneInfo) -> float:
    """``at``, or when the quiet ``period`` (“21:00-08:00”, local time) that it falls in ends.

    Seconds since the epoch. An empty period is never.
    """
    if not period:
        return at
    begin, end = (_minutes(part) for part in period.split("-"))
    local = datetime.fromtimestamp(at, zone)
    now = local.hour * 60 + local.minute
    inside = begin <= now < end if begin < end else now >= begin or now < end
    if not inside:
        return at
    day = local.date() + timedelta(days=1 if begin > end and now >= begin else 0)
    clock = datetime(day.year, day.month, day.day, end // 60, end % 60, tzinfo=zone)
    return clock.timestamp()


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)
