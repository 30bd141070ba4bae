"""The business calendar: when a team is there, and how long a time is in its hours.

The one rule: a team is open exactly while the clock on its wall shows a time within a period.
Where that clock jumps ahead, the skipped time is nobody's; where it is put back, the hour that
it shows twice counts twice. Instants are seconds since the epoch.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from models.errors import Rejected
from models.routing import Line

DAY = 86_400
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_SIGHT = 21 * DAY
"""Who is open for longer than that is open for good, as far as anybody is told."""

_CHUNK = 8 * DAY
_MOST_CHUNKS = 100
_PERIOD = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


class Period(NamedTuple):
    """Seconds on the wall clock since midnight; ``end`` beyond 86400 is the next morning."""

    start: int
    end: int

    def __str__(self) -> str:
        """As settings write it."""
        start, end = (f"{second // 3600:02}:{second % 3600 // 60:02}" for second in self._shown())
        return f"{start}-{end}"

    def _shown(self) -> tuple[int, int]:
        return self.start, self.end if self.end <= DAY else self.end - DAY


def parse_period(text: str) -> Period:
    """“08:30-12:00”, “00:00-24:00”, or “22:00-06:00” for a shift into the next day.

    Raises:
        Rejected: it is not written like that, or starts where it ends.
    """
    match = _PERIOD.fullmatch(text.replace(" ", "").replace("–", "-"))
    if match:
        hours = [int(part) for part in match.groups()]
        start = hours[0] * 3600 + hours[1] * 60
        end = hours[2] * 3600 + hours[3] * 60
        if start < DAY >= end and start != end:
            return Period(start, end if end > start else end + DAY)
    raise Rejected(
        f"“{text}”不是时段：写成 “08:30-12:00”，整天写 “00:00-24:00”，跨夜写 “22:00-06:00”"
        f" / “{text}” is no period: write “08:30-12:00”, “00:00-24:00” for a whole day, or"
        " “22:00-06:00” for a shift that ends on the next day",
        code="bad_period",
    )


@dataclass(frozen=True, slots=True)
class Calendar:
    """The hours of a team.

    ``weekly`` holds the periods of each weekday, Monday first; ``days`` those of single dates,
    which replace the weekday's: none on a holiday, a weekday's on a 调休 Saturday. A shift
    belongs whole to the day it starts on, so a holiday does not end the night shift before it.
    """

    zone: ZoneInfo
    weekly: tuple[tuple[Period, ...], ...]
    days: Mapping[date, tuple[Period, ...]]
    _chunks: dict[int, tuple[tuple[int, int], ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """What was worked out before, as every ticket of a day asks for the same."""

    @classmethod
    def of(
        cls,
        time_zone: str,
        periods: Mapping[str, Sequence[str]],
        holidays: Iterable[date] = (),
        workdays: Mapping[date, str] | None = None,
    ) -> "Calendar":
        """A calendar as settings write it.

        ``periods`` maps “monday” to “sunday” to their hours, ``workdays`` a 调休 date to the
        weekday whose hours it has; a date that is a holiday as well is worked.

        Raises:
            Rejected: a zone, weekday or period that does not exist.
        """
        try:
            zone = ZoneInfo(time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise Rejected(
                f"没有时区“{time_zone}”，例如 Asia/Shanghai"
                f" / “{time_zone}” is no time zone of the IANA list"
            ) from error
        worked = workdays or {}
        for day in (*periods, *worked.values()):
            if day not in WEEKDAYS:
                raise Rejected(f"“{day}” is no weekday: use {', '.join(WEEKDAYS)}")
        weekly = {day: _periods(periods.get(day, ())) for day in WEEKDAYS}
        days: dict[date, tuple[Period, ...]] = dict.fromkeys(holidays, ())
        days |= {day: weekly[weekday] for day, weekday in worked.items()}
        return cls(zone, tuple(weekly.values()), days)

    def is_open(self, at: float) -> bool:
        """Whether the team is there at ``at``."""
        wall = datetime.fromtimestamp(at, self.zone)
        second = wall.hour * 3600 + wall.minute * 60 + wall.second
        return any(start <= second < end for start, end in self._hours(wall.date()))

    def next_open(self, at: float) -> float | None:
        """``at`` if open, else the moment of the next opening; None if there is none."""
        if self.is_open(at):
            return at
        return next((start for start, _ in self._spans(at)), None)

    def closes(self, at: float) -> float | None:
        """When the opening ends that ``at`` is in; None if closed, or open for weeks on end."""
        if not self.is_open(at):
            return None
        end = at
        for start, stop in self.spans(at, at + _SIGHT):
            if start > end:
                break
            end = stop
        return end if end < at + _SIGHT else None

    def add_business_seconds(self, at: float, seconds: float) -> float | None:
        """The first moment by which ``seconds`` of open time have passed since ``at``.

        With 0 that is ``at`` itself, open or not. None if the calendar ends before.
        """
        left = seconds
        if left <= 0:
            return at
        for start, end in self._spans(at):
            if end - start >= left:
                return start + left
            left -= end - start
        return None

    def business_seconds_between(self, a: float, b: float) -> float:
        """Open time from ``a`` to ``b``; negative when ``b`` is the earlier one."""
        if b < a:
            return -self.business_seconds_between(b, a)
        total = 0.0
        for start, end in self._spans(a):
            if start >= b:
                break
            total += min(end, b) - start
        return total

    def spans(self, a: float, b: float) -> Iterator[tuple[float, float]]:
        """The open times from ``a`` to ``b``, in order; one that touches either is cut."""
        for start, end in self._spans(a):
            if start >= b:
                return
            yield start, min(end, b)

    def _hours(self, day: date) -> list[Period]:
        """What of ``day``, midnight to midnight, is open: in order, without overlap."""
        tail = self._periods_of(day - timedelta(days=1))
        parts = [Period(0, end - DAY) for _, end in tail if end > DAY]
        parts += [Period(start, min(end, DAY)) for start, end in self._periods_of(day)]
        return [Period(*part) for part in _merged(sorted(parts))]

    def _periods_of(self, day: date) -> tuple[Period, ...]:
        known = self.days.get(day)
        return self.weekly[day.weekday()] if known is None else known

    def _spans(self, at: float) -> Iterator[tuple[float, float]]:
        """Open spans after ``at`` in order; ends where nothing can follow.

        Works chunk by chunk of UTC, each from the local days around it: the order of instants
        is then right even where a clock is put back across midnight.
        """
        begin = at
        chunk = int(at // _CHUNK) * _CHUNK
        last = self._last_day(at)
        while _utc_day(chunk) <= last:
            end = chunk + _CHUNK
            for start, stop in self._open_around(chunk):
                lower, upper = max(start, begin), min(stop, end)
                if lower < upper:
                    yield lower, upper
            begin = chunk = end

    def _open_around(self, chunk: int) -> tuple[tuple[int, int], ...]:
        """The open spans of a chunk and the days beside it, in order, without overlap."""
        known = self._chunks.get(chunk)
        if known is None:
            first = _utc_day(chunk) - timedelta(days=1)
            days = [first + timedelta(days=offset) for offset in range(_CHUNK // DAY + 2)]
            known = tuple(_merged(sorted(span for day in days for span in self._instants(day))))
            if len(self._chunks) >= _MOST_CHUNKS:
                self._chunks.clear()
            self._chunks[chunk] = known
        return known

    def _last_day(self, at: float) -> date:
        """After this day there is nothing new: never, for a team with weekly hours."""
        if any(self.weekly):
            return date.max - timedelta(days=2 * _CHUNK // DAY)
        return max(self.days, default=_utc_day(at)) + timedelta(days=2)

    def _instants(self, day: date) -> Iterator[tuple[int, int]]:
        """The open spans of a local day, cut where the clock was changed within one."""
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 (a wall clock)
        for start, end in self._hours(day):
            opens, closes = midnight + timedelta(seconds=start), midnight + timedelta(seconds=end)
            before, after = self._offset(opens, fold=0), self._offset(closes, fold=1)
            wall = _as_utc(opens), _as_utc(closes)
            if before == after:
                yield wall[0] - before, wall[1] - before
                continue
            change = self._change(
                wall[0] - max(before, after), wall[1] - min(before, after), before
            )
            for lower, upper in (
                (wall[0] - before, min(wall[1] - before, change)),
                (max(wall[0] - after, change), wall[1] - after),
            ):
                if lower < upper:
                    yield lower, upper

    def _offset(self, wall: datetime, fold: int) -> int:
        """Seconds east of Greenwich at a wall time; ``fold`` 0 is before a change, 1 after."""
        offset = wall.replace(tzinfo=self.zone, fold=fold).utcoffset() or timedelta()
        return int(offset.total_seconds())

    def _change(self, low: int, high: int, before: int) -> int:
        """The first second in (low, high] at which the offset is no longer ``before``."""
        while high - low > 1:
            middle = (low + high) // 2
            offset = datetime.fromtimestamp(middle, self.zone).utcoffset() or timedelta()
            if offset.total_seconds() == before:
                low = middle
            else:
                high = middle
        return high


@dataclass(frozen=True, slots=True)
class Calendars:
    """The centre's hours, and those of the teams that have their own; the first fit counts."""

    general: Calendar
    teams: tuple[tuple[Line, Calendar], ...] = ()

    def of(self, channel: str, account: str, domain: str) -> Calendar:
        """The hours of the team that a ticket goes to."""
        return next(
            (hours for line, hours in self.teams if line.covers(channel, account, domain)),
            self.general,
        )


def _periods(texts: Sequence[str]) -> tuple[Period, ...]:
    return tuple(sorted(parse_period(text) for text in texts))


def _merged(spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Sorted spans with those that touch made one."""
    current: tuple[int, int] | None = None
    for start, end in spans:
        if current is None:
            current = start, end
        elif start <= current[1]:
            current = current[0], max(current[1], end)
        else:
            yield current
            current = start, end
    if current is not None:
        yield current


def _as_utc(wall: datetime) -> int:
    return int(wall.replace(tzinfo=UTC).timestamp())


def _utc_day(at: float) -> date:
    return datetime.fromtimestamp(at, UTC).date()
