"""Header fields: what is read, and that nothing in them can hurt."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.headers import (
    Address,
    Headers,
    addresses,
    base64_bytes,
    clean_line,
    decoded,
    message_ids,
    parse_value,
    valid_address,
)


def word(text: bytes, charset: str, encoding: str = "B") -> str:
    return f"=?{charset}?{encoding}?{b64encode(text).decode()}?="


def test_neighbouring_words_are_joined_before_they_are_decoded() -> None:
    raw = "订单问题".encode()
    value = f"{word(raw[:4], 'utf-8')}\r\n {word(raw[4:], 'UTF-8')}"
    assert decoded(value.replace("\r\n", "").encode()) == "订单问题"


@pytest.mark.parametrize("place", range(1, 20))
def test_one_base64_that_was_cut_into_words(place: int) -> None:
    letters = b64encode("关于订单的问题".encode("gbk")).decode()
    first, second = letters[:place], letters[place:]
    assert decoded(f"=?gbk?B?{first}?= =?gbk?B?{second}?=".encode()) == "关于订单的问题"
    mixed = f"=?gbk?B?{b64encode('退款'.encode('gbk')).decode()}?= =?gbk?Q?=CE=CA?="
    assert decoded(mixed.encode()) == "退款问"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"=?gb2312?B?" + b64encode("退款问题".encode("gbk")) + b"?=", "退款问题"),
        (b"=?utf-8?Q?caf=C3=A9_cr=C3=A8me?=", "café crème"),
        (b"=?utf-8?Q?with spaces?= here", "with spaces here"),
        (b"Re: =?utf-8?B?5L2g5aW9?= and =?utf-8?Q?more?=", "Re: 你好 and more"),
        (b"=?utf-8?B?5L2g5aW9?= =?gbk?B?xOO6ww==?=", "你好你好"),
        (b"=?utf-8*en?Q?tagged?=", "tagged"),
        (b"=?utf-8?B?5L2g5aW?=", "你\ufffd"),
        (b"=?utf-8?X?unknown?=", "=?utf-8?X?unknown?="),
        (b"=?broken", "=?broken"),
        ("直接写中文".encode("gbk"), "直接写中文"),
        ("直接写中文".encode(), "直接写中文"),
        (b"a\x00b\x07c\x1b[31m", "abc[31m"),
        (b"=?utf-8?Q?x=0D=0ABcc:_evil?=", "x Bcc: evil"),
        (b"=?utf-8?B?5L2g5aW9", "你好"),
        (b"Re: =?utf-8?B?PT91dGYtOD9CPzVMMmc1YVc5Pz0=?=", "Re: 你好"),
        ("零\u200b宽\u2060度\u00ad".encode(), "零宽度"),
        ("👨\u200d👩".encode(), "👨\u200d👩"),
        ("退\u200c款\u200d问题 نمی\u200cخواهم".encode(), "退款问题 نمی\u200cخواهم"),
    ],
)
def test_unstructured(raw: bytes, text: str) -> None:
    assert decoded(raw).rstrip("\ufffd") == text.rstrip("\ufffd")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"Zhang San <z@example.com>", Address("Zhang San", "z@example.com")),
        (b'"Foo, Bar" <f@example.com>, second@example.com', Address("Foo, Bar", "f@example.com")),
        (b"z@example.com (Zhang)", Address("Zhang", "z@example.com")),
        (b"<z@example.com>", Address("", "z@example.com")),
        (b"z@example.com", Address("", "z@example.com")),
        (b'"z@example.com" <z@example.com>', Address("", "z@example.com")),
        (b"=?utf-8?B?5byg5LiJ?= <z@example.com>", Address("张三", "z@example.com")),
        ("张三 <z@example.com>".encode("gbk"), Address("张三", "z@example.com")),
        (b'"a\\"b" <z@example.com>', Address('a"b', "z@example.com")),
        (b"Group: one@example.com, two@example.com;", Address("", "one@example.com")),
        ("客户: 王芳 <w@example.com>, b@example.com;".encode(), Address("王芳", "w@example.com")),
        ("“夜班” 12:30 <w@example.com>".encode(), Address("“夜班” 12:30", "w@example.com")),
        (b"<@a.example,@b.example:z@example.com>", Address("", "z@example.com")),
        (b"nobody at all", Address("nobody at all", "")),
        (b"Zhang, San <z@example.com>", Address("Zhang, San", "z@example.com")),
        (b"Zhang, <z@example.com>", Address("Zhang", "")),
        ("张三 z@example.com".encode(), Address("张三", "z@example.com")),
        (b"Zhang <mailto:z@example.com>", Address("Zhang", "z@example.com")),
        # What no server takes for an address, and checks nobody by, is none here either.
        ("张三 〈z@example.com〉".encode(), Address("张三", "〈z@example.com〉")),
        ("〈书名〉 <z@example.com>".encode(), Address("〈书名〉", "z@example.com")),
        (b"evil@a.example <real@b.example>", Address("evil@a.example", "real@b.example")),
    ],
)
def test_first_mailbox(raw: bytes, expected: Address) -> None:
    assert addresses(Headers([("from", raw)]), "from")[0] == expected


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"attachment; filename=plain.txt", "plain.txt"),
        (b'attachment; filename="with; semicolon.txt"', "with; semicolon.txt"),
        (b"attachment; filename*=UTF-8''%E5%8F%91%E7%A5%A8.pdf", "发票.pdf"),
        (b"attachment; filename*=gb2312'zh'%B7%A2%C6%B1.pdf", "发票.pdf"),
        (b"a; filename*0*=UTF-8''%E5%8F; filename*1*=%91%E7%A5%A8; filename*2=.pdf", "发票.pdf"),
        (b"a; filename*0*=UTF-8''%E5%8; filename*1*=F%91%E7%A5%A8; filename*2=%.pdf", "发票%.pdf"),
        (b"a; filename*1=b.txt; filename*0=a", "ab.txt"),
        (b'attachment; filename="=?gbk?B?t6LGsS5wZGY=?="', "发票.pdf"),
        ('attachment; filename="发票.pdf"'.encode("gbk"), "发票.pdf"),
        (b"attachment; filename='single.txt'", "single.txt"),
        (b"attachment; filename", None),
    ],
)
def test_parameters(raw: bytes, name: str | None) -> None:
    value = parse_value(raw)
    assert value.parameters.get("filename") == name


@pytest.mark.parametrize(
    ("raw", "main", "parameters"),
    [
        (b"text / html; charset=gbk", "text/html", {"charset": "gbk"}),
        (b"TEXT/Plain charset=gbk; format=flowed", "text/plain",
         {"charset": "gbk", "format": "flowed"}),
        (b'attachment filename="a b.pdf"', "attachment", {"filename": "a b.pdf"}),
        (b'"text/html" ; charset=gbk', "text/html", {"charset": "gbk"}),
        (b"text/html (as ever); charset=gbk", "text/html", {"charset": "gbk"}),
        (b"attachment; filename*=utf-8''=?utf-8?B?5L2g5aW9?=.txt", "attachment",
         {"filename": "\u4f60\u597d.txt"}),
    ],
)  # fmt: skip
def test_values_with_spaces_and_without_semicolons(
    raw: bytes, main: str, parameters: dict[str, str]
) -> None:
    assert parse_value(raw) == (main, parameters)


def test_message_ids_keep_the_last() -> None:
    headers = Headers([("references", b"<a@b> junk <c@d>\r\n <e@f>")])
    assert message_ids(headers, "references", 2) == ["c@d", "e@f"]


@pytest.mark.parametrize(
    "address",
    ["a@b\r\nBcc: x@y.example", "a@b, c@d", "a b@c", "<a@b>", "a@@b", "@b", "a@", "a\x00@b"],
)
def test_no_address_that_could_be_two(address: str) -> None:
    assert valid_address(address) == ""


def test_lines_stay_one_line() -> None:
    assert clean_line("a\r\nb\x85c\u2028d\u202ee\tf") == "a b c de f"


def test_fields_of_one_name_keep_their_order_and_are_unfolded() -> None:
    headers = Headers(
        [("received", b" by a;\r\n Mon\r\n"), ("to", b" x\n"), ("received", b"\tby b\r\n")]
    )
    assert headers.raws("received") == [b"by a; Mon", b"by b"]
    assert headers.raw("received") == b"by a; Mon"
    assert (headers.raw("cc"), headers.text("cc"), headers.all("cc")) == (None, "", [])
    assert headers.has("cc", "to")
    assert not headers.has("cc", "x-to")


@given(st.text(st.sampled_from("a 中\t\x00\x85\u2028\u202e\u200f\ud800\r\n"), max_size=8))
def test_a_line_has_nothing_that_a_person_cannot_see(text: str) -> None:
    line = clean_line(text)
    assert line.isprintable()
    assert line == clean_line(line)


@given(st.binary(max_size=300))
def test_nothing_raises(data: bytes) -> None:
    headers = Headers([("from", data), ("content-type", data), ("message-id", data)])
    addresses(headers, "from")
    headers.value("content-type")
    message_ids(headers, "message-id")
    assert "\n" not in headers.text("from")
    base64_bytes(data)
