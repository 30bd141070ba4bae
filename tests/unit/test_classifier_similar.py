"""The most similar come first, and only those that may be seen."""

import numpy as np
import pytest

from classifier.features import Rows
from classifier.similar import Index
from classifier.spans import anonymous


def rows(*each: dict[int, float]) -> Rows:
    columns = [column for row in each for column in row]
    values = [value for row in each for value in row.values()]
    starts = np.cumsum([0, *map(len, each)])
    return Rows(np.array(columns, np.int64), np.array(values, np.float64), starts)


INDEX = Index(["a", "b", "empty", "a"], rows({0: 1.0}, {0: 0.6, 1: 0.8}, {}, {1: 1.0}), 3)


def test_the_best_row_of_a_key_counts_and_little_is_nothing() -> None:
    found = INDEX.search(rows({0: 0.6, 1: 0.8}), 5, 0.1)
    assert [(each.key, pytest.approx(each.score)) for each in found] == [("b", 1.0), ("a", 0.8)]
    assert [each.key for each in INDEX.search(rows({0: 1.0}), 1, 0.1)] == ["a"]
    assert INDEX.search(rows({2: 1.0}), 5, 0.1) == []
    assert INDEX.search(rows({}), 5, 0.1) == []


def test_what_may_not_be_seen_gives_its_place_to_the_next() -> None:
    found = INDEX.search(rows({0: 0.6, 1: 0.8}), 1, 0.1, frozenset({"a"}))
    assert [each.key for each in found] == ["a"]


def test_an_index_is_joined_without_what_is_gone() -> None:
    more = Index(["c"], rows({2: 1.0}), 3)
    joined = INDEX.joined(more, frozenset({"b", "empty"}))
    assert joined.keys == ("b", "empty", "c")
    assert [each.key for each in joined.search(rows({2: 1.0}), 5, 0.1)] == ["c"]
    (best,) = joined.search(rows({0: 0.6, 1: 0.8}), 1, 0.1)
    assert (best.key, best.score) == ("b", pytest.approx(1.0))


def test_personal_data_is_named_and_not_told() -> None:
    text = "已寄往人民路12号，电话13812345678，退款 35 元。"
    found = anonymous(text, "zh")
    assert "13812345678" not in found
    assert "人民路" not in found
    assert "〔电话〕" in found
    assert found.endswith("退款 35 元。")
    assert anonymous("Mail li@example.com.", "en") == "Mail [e-mail address]."
    assert anonymous("没有", "zh") == "没有"
