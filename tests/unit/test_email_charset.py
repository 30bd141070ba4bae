"""Bytes to text: declared, undeclared, and wrongly declared charsets."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.email.charset import decode, known

CHINESE = "您好，我的订单三天没有发货，请帮我查一下。"
TRADITIONAL = "您好，我的訂單三天沒有出貨，請幫我查一下。"
JAPANESE = "こんにちは、注文の状況を教えてください。"


@pytest.mark.parametrize(
    ("text", "encoding", "declared"),
    [
        (CHINESE, "utf-8", None),
        (CHINESE, "utf-8", "gb2312"),
        (CHINESE, "utf-8-sig", None),
        (CHINESE, "gbk", "gb2312"),
        (CHINESE, "gbk", "GB18030"),
        (CHINESE, "gbk", "iso-8859-1"),
        (CHINESE, "gbk", "us-ascii"),
        (CHINESE, "gbk", "utf-8"),
        (CHINESE, "gbk", "x-unknown"),
        (CHINESE, "gbk", None),
        (CHINESE, "utf-16", "utf-16"),
        (CHINESE, "utf-16-le", "UTF-16LE"),
        (CHINESE, "utf-7", "utf-7"),
        (CHINESE, "hz", "hz-gb-2312"),
        ("朱镕基，\u9555㐀", "gb18030", "gb2312"),
        (TRADITIONAL, "big5", "big5"),
        (TRADITIONAL, "big5", None),
        (TRADITIONAL, "big5", "iso-8859-1"),
        (JAPANESE, "shift_jis", "shift_jis"),
        (JAPANESE, "shift_jis", None),
        (JAPANESE, "iso2022_jp", "iso-2022-jp"),
        (JAPANESE, "iso2022_jp", None),
        (JAPANESE, "euc_jp", "euc-jp"),
        ("주문 상태를 알려 주세요", "cp949", "ks_c_5601-1987"),
        ("Où est ma commande, s'il vous plaît ?", "latin-1", "iso-8859-1"),
        ("Où est ma commande, s'il vous plaît ?", "latin-1", None),
        ("“quoted” — €5", "cp1252", "iso-8859-1"),
        ("Где мой заказ?", "koi8-r", "koi8-r"),
        ("Где мой заказ?", "cp1251", "windows-1251"),
        ("plain", "ascii", "no-such-charset"),
    ],
)
def test_a_reader_sees_the_text(text: str, encoding: str, declared: str | None) -> None:
    assert decode(text.encode(encoding), declared).removeprefix("\ufeff") == text


@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "big5"])
def test_a_character_cut_in_half_at_the_end_is_left_out(encoding: str) -> None:
    text = "一二三四五六七八九十"
    assert decode(text.encode(encoding)[:-1], encoding) == text[:-1]


def test_one_broken_byte_does_not_change_the_charset() -> None:
    raw = CHINESE.encode() + b"\xff" + CHINESE.encode()
    assert decode(raw, "gbk") == f"{CHINESE}\ufffd{CHINESE}"


@pytest.mark.parametrize("name", ["base64", "rot13", "zlib", "punycode", "idna", "mbcs", "", None])
def test_codecs_that_are_no_charsets_are_unknown(name: str | None) -> None:
    assert known(name) is None


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=400), st.none() | st.text(max_size=20))
def test_never_raises(data: bytes, declared: str | None) -> None:
    assert isinstance(decode(data, declared), str)


def test_a_mark_of_the_byte_order_is_no_text() -> None:
    assert decode(b"\xef\xbb\xbfhi") == "hi"
    assert decode("\ufeff你好".encode(), "gbk") == "你好"
