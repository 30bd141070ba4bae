"""The words of rich text."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.rtf import text, unpacked


def header(size: int, kind: bytes = b"LZFu") -> bytes:
    return struct.pack("<II4sI", 0, size, kind, 0)


# The two examples of [MS-OXRTFCP] §3, from the specification.
SIMPLE = bytes.fromhex(
    "2d0000002b0000004c5a4675f1c5c7a703000a00726370673132354232"
    "0af32068656c090020627705b06c647d0a800fa0"
)
REPEATED = bytes.fromhex("1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0")


def test_the_specifications_own_examples() -> None:
    assert unpacked(SIMPLE) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
    assert unpacked(REPEATED) == b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"
    assert text(unpacked(SIMPLE)) == "hello world"


def test_what_is_not_compressed_is_taken_as_it_is() -> None:
    assert unpacked(header(4, b"MELA") + b"{\\rt and more") == b"{\\rt"


def test_a_place_behind_the_window() -> None:
    """More letters than the window holds, and then the last four of them again."""
    letters = bytes(65 + number % 26 for number in range(8 * 600))
    rows = b"".join(b"\0" + letters[at : at + 8] for at in range(0, len(letters), 8))
    place = (207 + len(letters) - 4) % 4096
    again = bytes([1]) + struct.pack(">H", place << 4 | 2)
    assert unpacked(header(len(letters) + 4) + rows + again) == letters + letters[-4:]


@pytest.mark.parametrize("packed", [b"", header(9), header(9, b"abcd") + b"x" * 20])
def test_what_is_no_rich_text_says_nothing(packed: bytes) -> None:
    assert unpacked(packed) == b""
    assert text(packed) == ""


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (r"{\rtf1 a\par b\line c\tab d}", "a\nb\nc\td"),
        (r"{\rtf1{\fonttbl{\f0 SimSun;}}{\*\generator X;}{\info{\title t}}a}", "a"),
        (r"{\rtf1\ansicpg936 \'c4\'e3\'ba\'c3, ok}", "你好, ok"),
        (r"{\rtf1\uc1 \u20320?\u-26497?x}", "你\u987fx"),
        (r"{\rtf1{\uc2 \u20320\'c4\'e3}b}", "你b"),
        (r"{\rtf1\uc1 \u20320?a\'62c}", "你abc"),
        (r"{\rtf1\ansicpg1251 \'c3\'e4\'e5?}", "Где?"),
        (r"{\rtf1{\info{\title \u20320?\par}}a}", "a"),
        (r"{\rtf1 \{a\}\\\~b}", "{a}\\ b"),
        (
            r"{\rtf1\fromhtml1{\*\htmltag64 <p>}a\htmlrtf\par\htmlrtf0 {\*\htmltag72 </p>}b}",
            "a\nb",
        ),
        ("{\\rtf1 a\r\nb}", "ab"),
        ("{\\rtf1 a\\\nb}", "a\nb"),
        (r"{\rtf1 a\-b\~c}", "ab c"),
        (r"{\rtf1\ansicpg\uc\u a}", "a"),
        (r"no {\rtf1 text}", ""),
        (r"{\rtf1 a}}}} b", "a b"),
    ],
)
def test_words_without_looks(source: str, words: str) -> None:
    assert text(source.encode()) == words


@given(st.binary(max_size=200))
def test_nothing_raises(noise: bytes) -> None:
    text(b"{\\rtf1 " + noise)
    unpacked(header(1_000) + noise)
