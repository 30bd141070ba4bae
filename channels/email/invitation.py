"""What a calendar says of an event: its name, when, where and what it is about (RFC 5545)."""

import re
from collections.abc import Iterator
from itertools import islice

_MOST_EVENTS = 4
_BEGIN = re.compile(r"^BEGIN:VEVENT\b", re.M | re.I)
_END = re.compile(r"^(?:BEGIN:VALARM|END:VEVENT)\b", re.M | re.I)
"""Before its alarms, which have a description of their own: “Reminder”."""

_FIELD = re.compile(
    r"^(summary|dtstart|dtend|location|description)((?:;[^:\n]{0,200})?):([^\n]*)", re.M | re.I
)
_FOLDED = re.compile(r"\n[ \t]")
_ESCAPED = re.compile(r"\\([\\,;])")
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d\d(Z?))?")
_ZONE = re.compile(r"tzid=\"?([^\";]{1,80})", re.I)


def words(calendar: str) -> str:
    """In the organiser's words and by the organiser's clock, a line each; “” without an event.

    ``calendar`` has Unix line ends.
    """
    events = islice(_events(_FOLDED.sub("", calendar)), _MOST_EVENTS)
    return "\n\n".join(filter(None, ("\n".join(_lines(event)) for event in events)))


def _events(calendar: str) -> Iterator[str]:
    """Yields the fields of each; the last may have lost its end."""
    position = 0
    while begin := _BEGIN.search(calendar, position):
        end = _END.search(calendar, begin.end())
        position = end.end() if end else len(calendar)
        yield calendar[begin.end() : position]


def _lines(event: str) -> Iterator[str]:
    found: dict[str, tuple[str, str]] = {}
    for name, parameters, value in _FIELD.findall(event):
        found.setdefault(name.lower(), (parameters, value))
    for name in ("summary", "dtstart", "location", "description"):
        parameters, value = found.get(name, ("", ""))
        if name == "dtstart":
            line = _when(value, found.get("dtend", ("", ""))[1], parameters)
        else:
            line = _ESCAPED.sub(r"\1", value.replace("\\n", "\n").replace("\\N", "\n")).strip()
        if line:
            yield line


def _when(start: str, end: str, parameters: str) -> str:
    """“2024-01-01 15:00 – 16:00 (Asia/Shanghai)”; “” where no time is to be read."""
    begins, ends = _TIME.match(start), _TIME.match(end)
    if begins is None:
        return ""
    date, clock = _said(begins)
    last, until = _said(ends) if ends else ("", "")
    if not clock:
        return date
    until = until if last == date else f"{last} {until}".strip()
    zone = _ZONE.search(parameters)
    place = zone[1] if zone else "UTC" if begins[6] else ""
    return f"{date} {clock}{f' – {until}' if until else ''}{f' ({place})' if place else ''}"


def _said(time: re.Match[str]) -> tuple[str, str]:
    year, month, day, hour, minute, _ = time.groups()
    return f"{year}-{month}-{day}", f"{hour}:{minute}" if hour else ""
