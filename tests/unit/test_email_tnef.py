"""What Outlook packs into “winmail.dat”."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.tnef import Words, files, words
from tests.unit.letters import normalize

_BEGIN, _TITLE, _DATA, _PROPERTIES, _CODE_PAGE = 0x69002, 0x18010, 0x6800F, 0x69005, 0x69007


def attribute(kind: int, value: bytes, level: int = 2) -> bytes:
    checksum = sum(value) & 0xFFFF
    return struct.pack("<BII", level, kind, len(value)) + value + struct.pack("<H", checksum)


def packed(*attributes: bytes) -> bytes:
    return struct.pack("<IH", 0x223E9F78, 1) + b"".join(attributes)


def _filled(value: bytes) -> bytes:
    return struct.pack("<I", len(value)) + value + bytes(-len(value) % 4)


def properties(*each: bytes) -> bytes:
    return struct.pack("<I", len(each)) + b"".join(each)


NUMBER = struct.pack("<HHI", 3, 0x3705, 1)
TIME = struct.pack("<HHQ", 0x40, 0x3007, 1)
NAMED = (
    struct.pack("<HH16sI", 3, 0x8000, b"g" * 16, 1) + _filled("名".encode("utf-16-le")) + b"1234"
)
NUMBERED = struct.pack("<HH16sII", 3, 0x8001, b"g" * 16, 0, 7) + b"1234"
NUMBERS = struct.pack("<HHIII", 0x1003, 0x3009, 2, 5, 6)
MANY = struct.pack("<HHI", 0x101F, 0x3008, 2) + _filled(b"a\0") + _filled(b"b\0")
OTHERS = (NUMBER, TIME, NAMED, NUMBERED, NUMBERS, MANY)
LONG_NAME = struct.pack("<HHI", 0x1F, 0x3707, 1) + _filled("合同 2024.docx\0".encode("utf-16-le"))
NARROW_NAME = struct.pack("<HHI", 0x1E, 0x3707, 1) + _filled("合同.docx\0".encode("gbk"))


def a_file(name: bytes, content: bytes, *more: bytes) -> bytes:
    title = attribute(_TITLE, name + b"\0")
    rest = b"".join(attribute(_PROPERTIES, one) for one in more)
    return attribute(_BEGIN, bytes(14)) + title + attribute(_DATA, content) + rest


def test_files_have_their_names_and_contents() -> None:
    data = packed(
        attribute(_CODE_PAGE, struct.pack("<II", 936, 0), level=1),
        attribute(0x2800C, b"body\0", level=1),
        a_file("发票.pdf".encode("gbk"), b"%PDF-1.4 x"),
        a_file(b"HETONG~1.DOC", b"two", properties(*OTHERS, LONG_NAME)),
        a_file(b"HETONG~2.DOC", b"three", properties(NARROW_NAME)),
        a_file(b"empty.txt", b""),
    )
    assert files(data) == [
        ("发票.pdf", b"%PDF-1.4 x"),
        ("合同 2024.docx", b"two"),
        ("合同.docx", b"three"),
    ]


@pytest.mark.parametrize(
    "more", [b"", b"\1", properties(LONG_NAME)[:20], struct.pack("<IHHI", 9, 0x1003, 1, 2**32 - 1)]
)
def test_a_name_that_cannot_be_read_is_the_short_one(more: bytes) -> None:
    assert files(packed(a_file(b"A.DOC", b"x", more))) == [("A.DOC", b"x")]


def test_the_long_name_counts_wherever_it_stands() -> None:
    long_name = attribute(_PROPERTIES, properties(LONG_NAME))
    data = [
        attribute(_BEGIN, b""),
        long_name,
        attribute(_TITLE, b"A.DOC\0"),
        attribute(_DATA, b"x"),
    ]
    assert files(packed(*data)) == [("合同 2024.docx", b"x")]


def test_a_name_is_a_string() -> None:
    number = struct.pack("<HHI", 0x102, 0x3707, 1) + _filled(b"no name")
    assert files(packed(a_file(b"A.DOC", b"x", properties(number)))) == [("A.DOC", b"x")]


def test_what_stands_before_the_first_file_is_none() -> None:
    stray = [attribute(_TITLE, b"a\0"), attribute(_DATA, b"x")]
    stray.append(attribute(_PROPERTIES, properties(LONG_NAME)))
    assert files(packed(*stray)) == []
    assert files(packed(*stray, a_file(b"b", b"two"))) == [("b", b"two")]


def test_without_its_sign_it_is_something_else() -> None:
    whole = packed(a_file(b"a", b"one"))
    assert files(b"\1\2\3\4" + whole[4:]) == []


def test_what_is_cut_off_is_left_out() -> None:
    whole = packed(a_file(b"a", b"one"), a_file(b"b", b"two"))
    assert files(whole) == [("a", b"one"), ("b", b"two")]
    assert files(whole[:-4]) == [("a", b"one")]
    assert files(b"\0" + whole) == []


def _mail(inner: bytes) -> bytes:
    return struct.pack("<HHI", 0x0D, 0x3701, 1) + _filled(b"i" * 16 + inner)


def test_a_mail_among_the_files_is_its_text_and_its_files() -> None:
    page = attribute(_CODE_PAGE, struct.pack("<II", 936, 0), level=1)
    inner = packed(page, attribute(0x69003, properties(PLAIN)), a_file(b"log.txt", b"E05"))
    title = attribute(_BEGIN, b"") + attribute(_TITLE, "投诉".encode("gbk") + b"\0")
    data = packed(
        page, a_file(b"a", b"one"), title, attribute(_PROPERTIES, properties(_mail(inner)))
    )
    text = ("投诉.txt", "请发货".encode())
    assert files(data) == [("a", b"one"), text, ("log.txt", b"E05")]
    html = packed(page, attribute(0x69003, properties(HTML)))
    nameless = [attribute(_BEGIN, b""), attribute(_PROPERTIES, properties(_mail(html)))]
    assert files(packed(*nameless)) == [("mail.txt", "请发货".encode())]


def test_of_mails_in_mails_three_are_opened() -> None:
    data = packed(a_file(b"a", b"one"))
    for opened in (True, True, True, False):
        data = packed(attribute(_BEGIN, b""), attribute(_PROPERTIES, properties(_mail(data))))
        assert files(data) == ([("a", b"one")] if opened else [])


def test_what_a_file_is_besides_is_no_mail() -> None:
    both = a_file(b"a", b"one", properties(_mail(packed(a_file(b"b", b"two")))))
    assert files(packed(both)) == [("a", b"one")]
    junk = [attribute(_BEGIN, b""), attribute(_PROPERTIES, properties(_mail(b"storage")))]
    assert files(packed(*junk)) == []


@pytest.mark.parametrize("kind", [0x1E, 0x1F])
def test_the_code_page_says_how_names_and_texts_are_written(kind: int) -> None:
    charset = "utf-16-le" if kind == 0x1F else "cp1251"
    page = attribute(_CODE_PAGE, struct.pack("<II", 1251, 0), level=1)
    said = "Где заказ 7?"
    name, text = (
        struct.pack("<HHI", kind, number, 1) + _filled(f"{said}\0".encode(charset))
        for number in (0x3707, 0x1000)
    )
    data = packed(page, attribute(0x69003, properties(text)), a_file(b"A", b"x", properties(name)))
    assert (files(data), words(data)) == ([(said, b"x")], Words(said))
    # One that is cut short says nothing.
    short = packed(attribute(_CODE_PAGE, b"\xe3\4\0", level=1), a_file(b"A", b"x"))
    assert (files(short), words(short)) == ([("A", b"x")], Words())


@given(st.binary(max_size=300))
def test_nothing_raises(data: bytes) -> None:
    files(packed(data))
    files(packed(a_file(b"a", b"x", data)))
    words(packed(attribute(0x69003, data)))
    words(packed(attribute(0x69003, properties(RICH, data))))


@pytest.mark.parametrize(
    ("kind", "name"),
    [("application/ms-tnef", "x.dat"), ("application/octet-stream", "WINMAIL.DAT")],
)
def test_the_agent_gets_the_files_themselves(kind: str, name: str) -> None:
    body = packed(a_file("发票.pdf".encode("gbk"), b"%PDF-1.4 x"))
    head = f"Content-Type: {kind}; name={name}\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    message, contents = normalize(head.encode() + body)
    (file,) = message.attachments
    assert (file.name, file.mime, contents[file.sha256 or ""]) == (
        "发票.pdf",
        "application/pdf",
        b"%PDF-1.4 x",
    )


def test_what_holds_no_file_is_kept_as_it_came() -> None:
    head = b"Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\n"
    message, _ = normalize(head + packed(attribute(0x2800C, b"body\0", level=1)))
    assert [file.name for file in message.attachments] == ["winmail.dat"]
    assert message.text == "body"


RTF = rb"{\rtf1\ansi\ansicpg936\pard \'c7\'eb\'be\'a1\'bf\'ec\'b7\'a2\'bb\'f5\par now}"
RICH = struct.pack("<HHI", 0x102, 0x1009, 1) + _filled(
    struct.pack("<II4sI", len(RTF) + 12, len(RTF), b"MELA", 0) + RTF
)
PLAIN = struct.pack("<HHI", 0x1F, 0x1000, 1) + _filled("请发货\0".encode("utf-16-le"))
NARROW = struct.pack("<HHI", 0x1E, 0x1000, 1) + _filled("请发货\0".encode("gbk"))
HTML = struct.pack("<HHI", 0x102, 0x1013, 1) + _filled("<p>请发货</p>".encode("gbk"))


@pytest.mark.parametrize(
    ("forms", "read"),
    [
        ((NUMBER, TIME, RICH), Words("请尽快发货\nnow")),
        ((RICH, PLAIN), Words("请发货")),
        ((NARROW,), Words("请发货")),
        ((HTML, RICH), Words("请尽快发货\nnow", "<p>请发货</p>")),
        ((NUMBER,), Words()),
        ((PLAIN, RICH[:-40]), Words("请发货")),
    ],
)
def test_the_text_may_be_packed_too(forms: tuple[bytes, ...], read: Words) -> None:
    page = attribute(_CODE_PAGE, struct.pack("<II", 936, 0), level=1)
    assert words(packed(page, attribute(0x69003, properties(*forms), level=1))) == read


def test_it_is_read_where_the_mail_says_nothing_else() -> None:
    body = packed(
        attribute(0x69003, properties(RICH), level=1),
        a_file(b"a.txt", b"one"),
    )
    head = b"Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\n"
    message, _ = normalize(head + body)
    assert message.text == "请尽快发货\nnow"
    assert [file.name for file in message.attachments] == ["a.txt"]
    part = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n--b\r\n"
    assert normalize(part + head + body + b"\r\n--b--\r\n").message.text == "Hello"
