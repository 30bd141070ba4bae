"""Described centres: what is wrong is told by file, key and remedy, and never by a traceback."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from config.problems import ConfigurationError
from workers.rules.traffic import described, read_described, read_staffing

CENTRE = """
starts = "2026-11-23"
days = 1
tickets = 20
[labels.domain]
"物流" = 1.0
[[staff]]
name = "li"
count = 2
skills = { "domain:物流" = 3 }
[staff.periods]
monday = ["09:00-18:00"]
"""


def wrong(tmp_path: Path, text: str) -> str:
    file = tmp_path / "centre.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        read_described(file)
    return str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('"2026-11-23"', '"2026-13-45"', ["starts", "应为日期", "Must be a date"]),
        ("days = 1", 'days = 1\ntime_zone = "Asia/Nowhere"', ["time_zone", "没有时区", "IANA"]),
        ("days = 1", f"days = 1\nhours = {[0] * 24}", ["hours", "不能都是 0", "not all be 0"]),
        ("days = 1", f"days = 1\nweekdays = {[0] * 7}", ["weekdays", "不能都是 0"]),
        ('"物流" = 1.0', '"物流" = 0', ["labels.domain", "不能都是 0"]),
        ("09:00-18:00", "9am-6pm", ["staff.0.periods", "不是时段", "is no period"]),
    ],
)
def test_what_no_day_could_be_drawn_from_is_refused(
    tmp_path: Path, before: str, after: str, told: list[str]
) -> None:
    text = wrong(tmp_path, CENTRE.replace(before, after, 1))
    assert "centre.toml 有 1 处问题" in text
    assert "not started" not in text, "nothing was to be started"
    for part in told:
        assert part in text


def test_a_centre_has_people(tmp_path: Path) -> None:
    file = CENTRE[: CENTRE.index("[[staff]]")].replace("days = 1", "days = 1\nstaff = []")
    assert "至少写一名坐席" in wrong(tmp_path, file)


def test_nobody_is_there_twice(tmp_path: Path) -> None:
    """Their skills and capacity would be mixed, and the result would be about nobody."""
    again = '[[staff]]\nname = "li-2"\nskills = {}\n[staff.periods]\nmonday = ["09:00-10:00"]\n'
    told = wrong(tmp_path, CENTRE + again)
    assert "坐席 li-2 写了两次" in told
    assert max(map(len, told.splitlines())) < 250, "not the whole staff"


def test_a_date_may_be_written_bare_and_hours_are_those_of_its_zone(tmp_path: Path) -> None:
    file = tmp_path / "centre.toml"
    bare = CENTRE.replace('"2026-11-23"', "2026-11-23").replace(
        "days = 1", 'days = 1\ntime_zone = "UTC"'
    )
    file.write_text(bare, "utf-8")
    drawn = described(read_described(file))
    assert str(drawn.zone) == "UTC"
    (first, _) = drawn.shifts
    assert first.begins % 86400 == 9 * 3600


def test_staffing_alone_is_checked_alike(tmp_path: Path) -> None:
    staff: Any = tomllib.loads(CENTRE)["staff"]
    assert len(staff) == 1
    file = tmp_path / "staff.toml"
    file.write_text(CENTRE[CENTRE.index("[[staff]]") :].replace("18:00", "25:00"), "utf-8")
    with pytest.raises(ConfigurationError, match="is no period"):
        read_staffing(file)
