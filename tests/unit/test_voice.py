"""Answers cut to a platform's length: nothing is lost, no part is too long, no emoji torn."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.voice import Size, characters, retry_after, split, utf16_units

TEXT = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("。\n 👩‍🚀中a"))
)


@settings(max_examples=60)
@given(TEXT, st.integers(8, 40), st.sampled_from([characters, utf16_units]))
def test_parts_are_the_text_and_fit(text: str, limit: int, size: Size) -> None:
    parts = split(text, limit, size)
    assert "".join(parts) == text
    assert all(size(part) <= limit for part in parts)
    assert parts == [text] or all(parts)


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        ("一二三四\n五六七", 6, ["一二三四\n", "五六七"]),
        ("一二。三四五六", 5, ["一二。", "三四五六"]),
        ("ab👩‍🚀cd", 4, ["ab", "👩‍🚀c", "d"]),
        ("", 4, [""]),
    ],
)
def test_where_it_is_cut(text: str, limit: int, parts: list[str]) -> None:
    assert split(text, limit, characters) == parts


def test_sizes() -> None:
    assert [size("中😀") for size in (characters, utf16_units)] == [2, 3]


def test_retry_after() -> None:
    told = ["7", " 30 ", "Wed, 21 Oct 2026 07:28:00 GMT", "", "-3", "1e9", "99999999"]
    assert [retry_after(one) for one in told] == [7.0, 30.0, 0, 0, 0, 0, 0]
