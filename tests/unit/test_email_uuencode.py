"""Files that stand in the text."""

import binascii

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.uuencode import unpacked
from tests.unit.letters import normalize, read


def encoded(content: bytes, name: bytes = b"log.txt", newline: bytes = b"\n") -> bytes:
    rows = (content[at : at + 45] for at in range(0, len(content), 45))
    lines = [b"begin 644 " + name, *(binascii.b2a_uu(row).rstrip(b"\n") for row in rows)]
    return newline.join([*lines, b"`", b"end", b""])


@given(st.binary(min_size=1, max_size=300), st.sampled_from([b"\n", b"\r\n"]))
def test_the_text_is_left_and_the_file_is_whole(content: bytes, newline: bytes) -> None:
    text = b"before" + newline + encoded(content, newline=newline) + b"after"
    assert unpacked(text) == (b"before" + newline + b"after", ((b"log.txt", content),))


def test_spaces_that_were_lost_at_the_ends_of_lines() -> None:
    content = b"\0" * 90 + b"x"
    rows = encoded(content).replace(b"`", b" ").split(b"\n")
    text = b"\n".join(row.rstrip() for row in rows)
    assert unpacked(text).files == ((b"log.txt", content),)


@pytest.mark.parametrize(
    "text",
    [
        b"begin 644 days of waiting\nI still wait for the end\nend\n",
        b"begin 644 f\nend\n",
        b"begin 644 f\n#86)C\n",
        b"begin 644 f\n#86)C\nwritten between\n`\nend\n",
    ],
)
def test_what_only_begins_like_a_file_is_text(text: bytes) -> None:
    assert unpacked(text) == (text, ())


def test_a_file_behind_one_that_is_none() -> None:
    text = b"begin 644 a\n#86)C\n" + encoded(b"two", b"b") + encoded(b"three", b"c")
    assert unpacked(text) == (
        b"begin 644 a\n#86)C\n",
        ((b"b", b"two"), (b"c", b"three")),
    )


def test_the_agent_gets_files() -> None:
    head = b"From: z@customer.example\r\nContent-Type: text/plain; charset=gbk\r\n\r\n"
    body = "日志见下\r\n\r\n".encode("gbk") + encoded(b"E05", "日志.txt".encode("gbk"))
    message, contents = normalize(head + body)
    (file,) = message.attachments
    assert (message.text_full.strip(), file.name) == ("日志见下", "日志.txt")
    assert contents[file.sha256 or ""] == b"E05"


def test_in_a_part_that_is_nothing_else_only_the_file_counts() -> None:
    body = b"written above\n" + encoded(b"E05") + b"#86)C\n"
    for name in (b"x-uuencode", b"uuencode", b"x-uue", b"uue"):
        head = b"Content-Transfer-Encoding: " + name + b"\r\n\r\n"
        assert read(head + body).text == "E05"
        assert read(head + body.replace(b"\nend\n", b"\n")).text.startswith("E05")
        assert read(head + b"no file").text == "no file"


def test_so_many_files_and_no_more() -> None:
    many = encoded(b"x") * 101
    assert len(unpacked(many).files) == 100
    assert unpacked(many).text == encoded(b"x")


@pytest.mark.parametrize(("extra", "files"), [(b"", 1), (b"!!", 1), (b"!!!", 0)])
def test_a_line_may_have_a_sum_behind_it(extra: bytes, files: int) -> None:
    row = binascii.b2a_uu(b"E05").rstrip(b"\n") + extra
    found = unpacked(b"begin 644 f\n" + row + b"\n`\nend\n").files
    assert found == ((b"f", b"E05"),) * files


def test_a_file_alone() -> None:
    message = read(b"From: z@customer.example\r\nSubject: log\r\n\r\n" + encoded(b"E05"))
    assert ([file.name for file in message.attachments], message.text) == (["log.txt"], "")
