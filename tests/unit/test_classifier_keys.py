"""Keys of runs and the table that finds them, held against plain dictionaries."""

import random

import numpy as np

from classifier import keys
from classifier.keys import KeyTable
from classifier.phrases import Phrases
from classifier.text import code_points

_TEXTS = ["退款退款不到账", "", "我", "refund 退款\U0001f600"]


def _plain(texts: list[str], most: int) -> list[tuple[int, str]]:
    return [
        (row, text[at : at + size])
        for row, text in enumerate(texts)
        for size in range(1, most + 1)
        for at in range(len(text) - size + 1)
    ]


def test_every_run_within_a_text_and_none_across() -> None:
    rows = np.repeat(np.arange(len(_TEXTS)), [len(text) for text in _TEXTS])
    found = keys.runs(code_points("".join(_TEXTS)), rows, np.full(len(rows), 3))
    expected = _plain(_TEXTS, 3)
    own = keys.of_runs(
        code_points("".join(run for _, run in expected)),
        np.array([len(run) for _, run in expected]),
    )
    pairs = zip(rows[found.starts].tolist(), found.keys.tolist(), strict=True)
    assert sorted(pairs) == sorted(zip([row for row, _ in expected], own.tolist(), strict=True))
    assert len(set(own.tolist())) == len({run for _, run in expected})


def test_a_run_longer_than_every_text() -> None:
    one = np.zeros(2, np.int64)
    assert len(keys.runs(code_points("ab"), one, one + 9).keys) == 3
    assert len(keys.runs(code_points(""), one[:0], one[:0]).keys) == 0


def test_how_long_a_run_may_be_depends_on_where_it_begins() -> None:
    found = keys.runs(code_points("abcd"), np.zeros(4, np.int64), np.array([1, 3, 1, 1]))
    assert sorted(found.starts.tolist()) == [0, 1, 1, 1, 2, 3]


def test_pairs_have_others_between_them() -> None:
    pieces = np.array([0, 0, 0, 1, 1])
    found = keys.pairs(code_points("abcde"), pieces, (2, 3))
    assert found.starts.tolist() == [0]
    assert found.keys.tolist() == keys.of_runs(code_points("ac"), np.array([2])).tolist()
    assert len(keys.pairs(code_points("a"), pieces[:1], (2, 3)).keys) == 0


def test_the_table_finds_what_a_dictionary_finds() -> None:
    draw = random.Random(1)
    known = {draw.getrandbits(64): column for column in range(5_000)}
    # Neighbours share a bucket and must still be told apart.
    known |= {0: 5_000, 1: 5_001, (1 << 64) - 1: 5_002}
    table = KeyTable.made(np.array(list(known), np.uint64), np.array(list(known.values())))
    asked = [*known, *(draw.getrandbits(64) for _ in range(5_000)), 2, 3]
    found = table.find(np.array(asked, np.uint64)).tolist()
    assert found == [known.get(key, -1) for key in asked]


def test_an_empty_table_finds_nothing() -> None:
    table = KeyTable.made(np.zeros(0, np.uint64), np.zeros(0, np.int64))
    assert table.find(np.arange(9, dtype=np.uint64)).tolist() == [-1] * 9


def test_phrases_at_every_place() -> None:
    phrases = Phrases(["不满意", "满意", "吗", "12315", "ship", "一直没", "没收到"])
    text = "一直没收到吗，不满意12315，membership ship ok吗"
    assert [(hit.phrase, hit.start) for hit in phrases.find(text)] == [
        ("一直没", 0),
        ("没收到", 2),
        ("吗", 5),
        ("不满意", 7),
        ("12315", 10),
        ("ship", 27),
        ("吗", 34),
    ]


def test_phrases_are_found_in_a_long_text_as_in_its_short_pieces() -> None:
    """Long texts are sieved by numpy, short ones looked at character by character."""
    phrases = Phrases(["不满意", "满意", "吗", "12315", "ship", "一直没", "没收到"])
    piece = "一直没收到吗，不满意12315，membership ship ok吗。"
    short = [(hit.phrase, hit.start) for hit in phrases.find(piece)]
    times = 20
    wanted = [
        (phrase, turn * len(piece) + start) for turn in range(times) for phrase, start in short
    ]
    assert [(hit.phrase, hit.start) for hit in phrases.find(piece * times)] == wanted
