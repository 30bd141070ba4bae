"""What is masked can be recognised and not copied, however short it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.masking import masked


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("13812345678", "138****5678"),
        ("6222021234567890128", "622****0128"),
        ("02062345678", "020****5678"),
        ("6234567890", "6****90"),
        ("62345678", "6****78"),
        ("1234567", "1****67"),
        ("123456", "1***"),
        ("李雷", "李***"),
        ("李", "李***"),
        ("", ""),
        ("li.lei@shop.example", "l***@shop.example"),
        ("@shop.example", "***@shop.example"),
        ('"li@lei"@shop.example', '"***@shop.example'),
    ],
)
def test_what_is_shown(value: str, shown: str) -> None:
    assert masked(value) == shown


@given(st.text("0123456789", min_size=1, max_size=24))
def test_four_characters_are_hidden_or_all_but_one(number: str) -> None:
    beginning, end = masked(number).split("*")[0], masked(number).split("*")[-1]
    assert number.startswith(beginning)
    assert number.endswith(end)
    assert len(beginning + end) <= max(len(number) - 4, 1)
