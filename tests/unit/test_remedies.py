"""What is wrong with a value is said of what it is: a text has characters, a list has items."""

from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, Field, ValidationError

from models.remedies import remedy


def _same(value: Any) -> Any:
    return value


class _Given(BaseModel):
    """Behind a validator of one's own pydantic no longer knows a text from a list."""

    text: Annotated[str, AfterValidator(_same), Field(min_length=2, max_length=3)] = "ab"
    plain: Annotated[str, Field(min_length=2, max_length=3)] = "ab"
    items: Annotated[tuple[str, ...], AfterValidator(_same), Field(min_length=2, max_length=3)] = (
        "a",
        "b",
    )


@pytest.mark.parametrize(
    ("given", "zh", "en"),
    [
        ({"text": ""}, "至少要有 2 个字符。", "Must have at least 2 character(s)."),
        ({"text": "abcd"}, "最多 3 个字符。", "May have 3 character(s) at most."),
        ({"plain": ""}, "至少要有 2 个字符。", "Must have at least 2 character(s)."),
        ({"items": ["a"]}, "至少要有 2 项。", "Must have at least 2 item(s)."),
        ({"items": ["a"] * 4}, "最多 3 项。", "May have 3 item(s) at most."),
    ],
)
def test_lengths_are_told_in_characters_of_a_text_and_in_items_of_a_list(
    given: dict[str, object], zh: str, en: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        _Given.model_validate(given)
    assert remedy(refused.value.errors()[0]) == (zh, en)
