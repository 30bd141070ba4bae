"""Answers cut to a platform's length, at its pace: nothing is lost, torn, or said twice."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.message import SendResult
from models.platform_api import retry_after
from models.sending import Pacer, Size, characters, in_turn, split, utf16_units

TEXT = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("。\n 👩‍🚀中a"))
)


@given(TEXT, st.integers(8, 40), st.sampled_from([characters, utf16_units]))
def test_parts_are_the_text_and_fit(text: str, limit: int, size: Size) -> None:
    parts = split(text, limit, size)
    assert "".join(parts) == text
    assert all(size(part) <= limit for part in parts)
    assert parts == [text] or all(parts)


# What is shown as one: families, flags of countries and of regions, keys, skin, accents.
SHOWN_AS_ONE = ("👩‍🚀", "🇨🇳", "🏴󠁧󠁢󠁷󠁬󠁳󠁿", "1️⃣", "👍🏽", "e\u0301", "中", "a")
LONGEST = max(map(utf16_units, SHOWN_AS_ONE))


@given(
    st.lists(st.sampled_from(SHOWN_AS_ONE), max_size=30),
    st.integers(LONGEST, 2 * LONGEST),
    st.sampled_from([characters, utf16_units]),
)
def test_nothing_is_torn_that_is_shown_as_one(shown: list[str], limit: int, size: Size) -> None:
    """Each part holds as much as fits of what follows whole (UTS #51, UAX #29)."""
    parts, filled = split("".join(shown), limit, size), [""]
    for one in shown:
        if size(filled[-1] + one) > limit:
            filled.append("")
        filled[-1] += one
    assert parts == filled


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        ("一二三四\n五六七", 6, ["一二三四\n", "五六七"]),
        ("一二三四五\n六七", 6, ["一二三四五\n", "六七"]),
        ("一二。三四五六", 5, ["一二。", "三四五六"]),
        ("一二三 四五。六七", 6, ["一二三 ", "四五。六七"]),
        ("ab👩‍🚀cd", 4, ["ab", "👩‍🚀c", "d"]),
        ("", 4, [""]),
        ("一二。四", 4, ["一二。四"]),
        # The stops within an address on the web end no sentence; behind it one does.
        ("请看 a.cn/b.html?x=1.5", 13, ["请看 a.cn/b.htm", "l?x=1.5"]),
        ("一二三四a.cn/b", 7, ["一二三四a.c", "n/b"]),
        ("好的谢谢!请看a.cn", 9, ["好的谢谢!", "请看a.cn"]),
        ("一二三完.四a.cn/b", 7, ["一二三完.", "四a.cn/b"]),
        # A line break before all else, and nothing that would leave less than half a part.
        ("一二三\n四。五六七", 6, ["一二三\n", "四。五六七"]),
        ("一二\n三四五六七", 6, ["一二\n三四五", "六七"]),
        ("一二。三四五六七", 6, ["一二。三四五", "六七"]),
        # What is longer than a part is torn all the same: nothing may be too long, or lost.
        ("👩‍🚀👩‍🚀", 2, ["👩‍", "🚀", "👩‍", "🚀"]),
        ("中😀", 1, ["中", "😀"]),
    ],
)
def test_where_it_is_cut(text: str, limit: int, parts: list[str]) -> None:
    assert split(text, limit, characters) == parts


def test_sizes() -> None:
    assert [size("中😀") for size in (characters, utf16_units)] == [2, 3]
    assert utf16_units("\ud800") == 1, "half a character is no reason to fail"
    assert split("😀中", 1, utf16_units) == ["😀", "中"], "one is sent, whatever its size"


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("7", 7), (" 30 ", 30), ("999999", 999_999), ("9999999", 0), ("1e9", 0), ("-3", 0), ("", 0),
     ("٣", 0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0)],
)  # fmt: skip
def test_retry_after(told: str, seconds: float) -> None:
    """RFC 9110 §10.2.3: seconds or a date; more than eleven days is nobody's meaning."""
    assert retry_after(told) == seconds


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was slept each time, of which nothing really passes."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return slept


async def test_each_place_has_a_pace_of_its_own(
    slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One message in each 2 s to a chat; the pace begins anew after a rest, and saves nothing."""
    now = 0.0
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    pacer = Pacer(2.0)
    waits = {}
    for now, place in enumerate("abaaa......ab......aa", 10):
        if place != ".":
            slept.clear()
            await pacer.wait(place)
            waits[now - 10] = (place, sum(slept))
    assert waits == {
        0: ("a", 0), 1: ("b", 0), 2: ("a", 0), 3: ("a", 1.0), 4: ("a", 2.0),
        11: ("a", 0), 12: ("b", 0), 19: ("a", 0), 20: ("a", 1.0),
    }  # fmt: skip


SENT, FAILED, RETRY = SendResult("sent", "id"), SendResult("failed"), SendResult("retry")
UNKNOWN = SendResult("unknown", error="timeout")


@pytest.mark.parametrize(
    ("results", "state", "taken"),
    [
        ((SENT,), "sent", 1),
        ((SENT, SendResult("sent", "second")), "sent", 2),
        ((FAILED, SENT), "failed", 1),
        ((RETRY, SENT), "retry", 1),
        ((UNKNOWN, SENT), "unknown", 1),
        # What went out already must not go out again: it is left to a person.
        ((SENT, RETRY, SENT), "unknown", 2),
        ((SENT, SENT, FAILED), "unknown", 3),
        ((), "failed", 0),
    ],
)
async def test_of_several_messages_the_first_that_is_not_sent_ends_it(
    results: Sequence[SendResult], state: str, taken: int
) -> None:
    begun = 0

    async def step(result: SendResult) -> SendResult:
        nonlocal begun
        begun += 1
        return result

    whole = await in_turn([lambda result=result: step(result) for result in results])  # type: ignore[misc]
    assert (whole.state, begun) == (state, taken)
    if state == "sent":
        assert whole == results[0], "it is known by its first message"
    elif taken > 1:
        assert f"{taken - 1} of {len(results)} were sent" in whole.error
    elif results:
        assert whole is results[0]


@pytest.mark.parametrize(
    ("why", "zh", "en"),
    [
        ("已满 5 条 / five are the most", "：已满 5 条", ": five are the most"),
        ("HTTP 500", "：HTTP 500", ": HTTP 500"),
        ("", "", ""),
    ],
)
async def test_why_the_rest_was_not_sent_is_said_in_each_language_once(
    why: str, zh: str, en: str
) -> None:
    """The desk shows one half of “Chinese / English”, and cannot where there are three."""

    async def step(result: SendResult) -> SendResult:
        return result

    refused = SendResult("failed", error=why)
    whole = await in_turn([lambda: step(SENT), lambda: step(refused)])
    assert whole.error == f"1/2 已送出，其余没有{zh} / 1 of 2 were sent{en}"


@pytest.mark.parametrize(
    ("seconds", "state"), [(3.0, "sent"), (60.0, "unknown"), (0.0, "unknown")]
)
async def test_an_answer_that_is_half_said_waits_for_some_seconds_where_it_is_asked_to(
    monkeypatch: pytest.MonkeyPatch, seconds: float, state: str
) -> None:
    slept: list[float] = []

    async def sleep(wanted: float) -> None:
        slept.append(wanted)

    monkeypatch.setattr("models.sending.asyncio.sleep", sleep)
    results = iter([SENT, SendResult("retry", error="429", retry_after=seconds), SENT, SENT])

    async def step() -> SendResult:
        return next(results)

    assert (await in_turn([step, step, step])).state == state
    assert slept == ([seconds] if state == "sent" else [])
