"""How customers are told a time: with the day, up to the minute, and in which zone."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from models.texts import Language, language_of, spoken


def at(text: str, zone: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("zone", "lang", "when", "said"),
    [
        ("Asia/Shanghai", "zh", "2026-11-27T18:30:00", "今天 18:30（北京时间）"),
        ("Asia/Shanghai", "en", "2026-11-27T18:30:00", "18:30 today (Beijing time)"),
        ("Asia/Shanghai", "zh", "2026-12-01T09:00:00", "12月1日 09:00（北京时间）"),
        ("Asia/Shanghai", "en", "2026-12-01T09:00:00", "09:00 on 01 Dec (Beijing time)"),
        ("PRC", "zh", "2026-11-27T18:30:01", "今天 18:31（北京时间）"),
        ("Asia/Singapore", "zh", "2026-11-27T18:30:00", "今天 18:30（UTC+8）"),
        ("America/New_York", "en", "2026-11-27T18:30:00", "18:30 today (UTC−5)"),
        ("America/New_York", "en", "2026-07-27T18:30:00", "18:30 on 27 Jul (UTC−4)"),
        ("Asia/Kolkata", "en", "2026-11-27T18:30:00", "18:30 today (UTC+5:30)"),
        ("America/St_Johns", "zh", "2026-11-27T18:30:00", "今天 18:30（UTC−3:30）"),
        ("UTC", "en", "2026-11-27T18:30:00", "18:30 today (UTC)"),
        ("Europe/London", "en", "2026-11-27T18:30:00", "18:30 today (UTC)"),
    ],
)
def test_a_time_names_its_zone(zone: str, lang: Language, when: str, said: str) -> None:
    now = at("2026-11-27T08:00:00", zone)
    assert spoken(at(when, zone), now, ZoneInfo(zone), lang) == said


def test_today_is_today_where_the_centre_is() -> None:
    """Late in Beijing it is another day than in UTC."""
    now = datetime.fromisoformat("2026-11-27T15:30:00+00:00").timestamp()
    later = now + 3600.0
    assert spoken(later, now, ZoneInfo("Asia/Shanghai"), "en") == "00:30 on 28 Nov (Beijing time)"
    assert spoken(later, now, ZoneInfo("UTC"), "en") == "16:30 today (UTC)"


@pytest.mark.parametrize(
    ("lang", "told"),
    [("zh-Hant-HK", "zh"), ("und", "zh"), ("", "zh"), ("en-GB", "en"), ("fr", "en"),
     ("und-Latn", "en"), ("und-Zzzz", "en")],
)  # fmt: skip
def test_who_reads_no_chinese_is_told_in_english(lang: str, told: str) -> None:
    assert language_of(lang) == told
