"""When a team is there, as people are shown it: its week, the days that differ, and now."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A date with periods of its own, none where it is closed.

    ``public``: by the country's calendar, as a holiday or a 调休 working day; else the settings
    say so.
    """

    day: date
    periods: tuple[str, ...]
    public: bool


@dataclass(frozen=True, slots=True)
class Opening:
    """The hours of the centre (``team`` is “”) or of a team, as they hold at a moment.

    ``channels``, ``accounts`` and ``domains`` say whose tickets go by them, empty ones of all.
    ``week`` has the periods (“09:00-18:00”) of each weekday, Monday first; ``days`` are those
    from today on that differ, in order, for a year. ``until``: when it closes if it is ``open``,
    else when it opens, in seconds since the epoch; None where that is not in sight. ``missing``
    are years of those days whose public holidays are not known yet, nor given by hand.
    """

    team: str
    channels: tuple[str, ...]
    accounts: tuple[str, ...]
    domains: tuple[str, ...]
    time_zone: str
    country: str
    week: tuple[tuple[str, ...], ...]
    days: tuple[SpecialDay, ...]
    open: bool
    until: float | None
    missing: tuple[int, ...]
