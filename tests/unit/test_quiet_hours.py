from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from workers.dialogue.quiet_hours import after_quiet

ZONE = ZoneInfo("Asia/Shanghai")


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()


@pytest.mark.parametrize(
    ("period", "given", "allowed"),
    [
        ("21:00-08:00", "2026-11-25 20:59", "2026-11-25 20:59"),
        ("21:00-08:00", "2026-11-25 21:00", "2026-11-26 08:00"),
        ("21:00-08:00", "2026-12-31 23:30", "2027-01-01 08:00"),
        ("21:00-08:00", "2026-11-26 07:59", "2026-11-26 08:00"),
        ("21:00-08:00", "2026-11-26 08:00", "2026-11-26 08:00"),
        ("12:00-14:00", "2026-11-26 13:00", "2026-11-26 14:00"),
        ("12:00-14:00", "2026-11-26 11:00", "2026-11-26 11:00"),
        ("", "2026-11-26 03:00", "2026-11-26 03:00"),
    ],
)
def test_quiet_hours_end_when_they_say(period: str, given: str, allowed: str) -> None:
    assert after_quiet(at(given), period, ZONE) == at(allowed)
