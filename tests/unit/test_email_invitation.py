"""What an invitation says of its event."""

import pytest

from channels.email.invitation import words

_ZONE = "BEGIN:VTIMEZONE\nDTSTART:16010101T000000\nEND:VTIMEZONE\n"
_ALARM = "BEGIN:VALARM\nDESCRIPTION:Reminder\nEND:VALARM\n"


def calendar(*fields: str) -> str:
    event = "\n".join(fields)
    return f"BEGIN:VCALENDAR\n{_ZONE}BEGIN:VEVENT\n{event}\n{_ALARM}END:VEVENT\nEND:VCALENDAR"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            [
                "DTEND;TZID=Asia/Shanghai:20260105T160000",
                "DTSTART;TZID=Asia/Shanghai:20260105T150000",
                "LOCATION:三楼",
                "DESCRIPTION:谈退款\\, 请带\n  合同\\n谢谢",
                "SUMMARY;LANGUAGE=zh:碰头",
            ],
            "碰头\n2026-01-05 15:00 – 16:00 (Asia/Shanghai)\n三楼\n谈退款, 请带 合同\n谢谢",
        ),
        (["DTSTART:20260105T230000Z", "DTEND:20260106T003000Z"],
         "2026-01-05 23:00 – 2026-01-06 00:30 (UTC)"),
        (["SUMMARY:盘点", "DTSTART;VALUE=DATE:20260105"], "盘点\n2026-01-05"),
        (["SUMMARY:盘点", "DTSTART:soon"], "盘点"),
        (["SUMMARY:盘点", "DTSTART:20260105T090000"], "盘点\n2026-01-05 09:00"),
        (["UID:1"], ""),
    ],
)  # fmt: skip
def test_in_the_organisers_words_and_by_their_clock(fields: list[str], said: str) -> None:
    assert words(calendar(*fields)) == said


def test_of_many_events_the_first_are_read() -> None:
    many = "\n".join(calendar(f"SUMMARY:{number}") for number in range(9))
    assert words(many) == "0\n\n1\n\n2\n\n3"
    assert words("no calendar") == ""


def test_what_is_no_event_stays_out_of_one() -> None:
    task = "BEGIN:VTODO\nLOCATION:五楼\nEND:VTODO"
    event = "BEGIN:VEVENT\nSUMMARY: 盘点 \nEND:VEVENT"
    assert words(f"{task}\n{event}\n{task}\n{event}") == "盘点\n\n盘点"


def test_without_an_end_it_is_read_and_takes_no_time() -> None:
    assert words("BEGIN:VEVENT\nSUMMARY:盘点") == "盘点"
    assert words("BEGIN:VEVENT\n" * 40_000) == ""
