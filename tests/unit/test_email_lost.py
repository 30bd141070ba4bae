"""Mails that lost their MIME header."""

from base64 import b64encode, encodebytes
from collections.abc import Callable
from quopri import encodestring

import pytest

from channels.email.headers import base64_bytes
from tests.unit.letters import normalize, read

HEAD = b"From: z@customer.example\r\nSubject: parcel\r\n\r\n"
WORDS = "您好，我的快递一直没有送到，请帮我查一下。单号是 88001，谢谢。"


@pytest.mark.parametrize("charset", ["utf-8", "gbk"])
@pytest.mark.parametrize("encode", [encodebytes, encodestring, b64encode])
def test_an_encoded_body_is_read(charset: str, encode: Callable[[bytes], bytes]) -> None:
    body = encode(WORDS.encode(charset))
    assert read(HEAD + body).text == WORDS
    kept = HEAD.replace(b"Subject", b"Content-Type: text/plain; charset=%b\r\nSubject")
    assert read(kept % charset.encode() + body).text == WORDS


@pytest.mark.parametrize("declared", ["7bit", "8bit", "Binary"])
@pytest.mark.parametrize("encode", [encodebytes, encodestring])
def test_a_body_that_is_said_to_be_plain_and_is_not(
    declared: str, encode: Callable[[bytes], bytes]
) -> None:
    head = HEAD.replace(b"Subject", b"Content-Transfer-Encoding: %b\r\nSubject")
    assert read(head % declared.encode() + encode(WORDS.encode())).text == WORDS
    html = b'<p style=3D"color:red">' + b"The parcel did not arrive, and nobody answers. " * 3
    wrapped = html[:70] + b"=\r\n" + html[70:]
    assert read(head % declared.encode() + wrapped).text.startswith('<p style="color:red">')


def test_a_few_words_that_are_all_escapes_are_read() -> None:
    head = HEAD.replace(b"Subject", b"Content-Transfer-Encoding: 7bit\r\nSubject")
    assert read(head + encodestring("快递没到".encode())).text == "快递没到"


def test_who_shows_an_escape_in_a_plain_text_has_written_it() -> None:
    head = HEAD.replace(b"Subject", b"Content-Transfer-Encoding: 7bit\r\nSubject")
    text = "Your mails show =E5=BF=AB=E9=80=92 in place of my name."
    assert read(head + text.encode()).text == text


@pytest.mark.parametrize(
    "text",
    [
        "What is this?\n\n" + b64encode(WORDS.encode()).decode(),
        b64encode(bytes(range(90))).decode(),
        b64encode(b"tokentokentokentokentoken").decode(),
        "PleaseCallMeBackToday123",
        "https://shop.example/a?x=E5B8&y=77\nx=20",
        "Quoted-printable writes =E5=BF=AB, and a=b",
        "Cell A1 says =41 where a letter should be.",
        '信里到处是 =3D" 这样的符号，什么意思？',
        "",
    ],
)
def test_what_a_person_wrote_stays(text: str) -> None:
    assert read(HEAD + text.encode()).text == text


def parts(preamble: str = "", second: str = "text/html") -> bytes:
    return (
        f"{preamble}--=_b 1\r\nContent-Type: text/plain\r\n\r\nWhere is it?\r\n"
        f"--=_b 1\r\nContent-Type: {second}; name=a.bin\r\n\r\n"
        "<p>Where is it?</p>\r\n--=_b 1--\r\n"
    ).encode()


@pytest.mark.parametrize("preamble", ["", "This is a multi-part message in MIME format.\r\n\r\n"])
def test_parts_are_told_apart(preamble: str) -> None:
    forms = parts(preamble).replace(b"; name=a.bin", b"")
    assert read(HEAD + forms).text_full == "Where is it?"
    message = read(HEAD + parts(preamble, "application/octet-stream"))
    assert (message.text, [file.name for file in message.attachments]) == (
        "Where is it?",
        ["a.bin"],
    )


def test_a_mail_quoted_with_its_parts_is_text() -> None:
    returned = "Hi. This is the qmail-send program.\r\n\r\n--- Below is a copy.\r\n\r\n"
    assert read(HEAD + parts(returned)).text.startswith("Hi. This is the qmail-send program.")
    told = "I got this MIME mail from you, and it is nonsense. " * 7 + "\r\n\r\n"
    assert read(HEAD + parts(told)).text.startswith("I got this")
    assert read(HEAD + parts("\r\n \r\n")).text_full.startswith("Where is it?")


@pytest.mark.parametrize("length", [30, 31, 32])
def test_a_footer_below_base64_is_none_of_it(length: int) -> None:
    content = b"x" * length
    footer = b"\r\n____________\r\nsales mailing list\r\nhttps://lists.example\r\n"
    assert base64_bytes(encodebytes(content) + footer) == content


@pytest.mark.parametrize("first", [encodebytes, encodestring])
@pytest.mark.parametrize(
    ("named", "second"), [("base64", encodebytes), ("quoted-printable", encodestring)]
)
def test_what_a_gateway_encoded_once_more_is_read(
    first: Callable[[bytes], bytes], named: str, second: Callable[[bytes], bytes]
) -> None:
    head = HEAD.replace(b"Subject", b"Content-Transfer-Encoding: %b\r\nSubject" % named.encode())
    assert read(head + second(first(WORDS.encode()))).text == WORDS


@pytest.mark.parametrize(
    "text",
    [
        "Your mails show =E5=BF=AB=E9=80=92 in place of my name.",
        f"What is this?\n\n{b64encode(WORDS.encode()).decode()}",
        b64encode(b"tokentokentokentokentoken").decode(),
    ],
)
def test_what_a_person_wrote_into_an_encoded_body_stays(text: str) -> None:
    head = HEAD.replace(b"Subject", b"Content-Transfer-Encoding: base64\r\nSubject")
    assert read(head + encodebytes(text.encode())).text == text


@pytest.mark.parametrize(
    "fields",
    [
        "Content-Type: text/plain\r\nContent-Disposition: attachment; filename=code.txt",
        "Content-Type: application/octet-stream; name=code.bin",
        "Content-Type: text/plain; name=code.txt\r\nContent-Transfer-Encoding: x-unknown",
    ],
)
def test_a_file_that_holds_base64_stays_as_it_is(fields: str) -> None:
    code = b64encode(WORDS.encode())
    part = f"--b\r\n{fields}\r\n\r\n".encode() + code + b"\r\n--b--\r\n"
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n" + HEAD + part
    assert list(normalize(raw).files.values()) == [code]


def test_by_its_type_in_capitals_as_well() -> None:
    head = HEAD.replace(b"Subject", b"Content-Type: TEXT/PLAIN; charset=utf-8\r\nSubject")
    assert read(head + b64encode(WORDS.encode())).text == WORDS


def test_what_says_that_it_is_text_has_no_parts() -> None:
    head = HEAD.replace(b"Subject", b"Content-Type: text/plain\r\nSubject")
    assert read(head + parts()).text.startswith("--=_b 1")


def test_an_escape_or_two_are_read_where_nothing_is_said() -> None:
    assert read(HEAD + b'<p style=3D"x">Where is it?').text == '<p style="x">Where is it?'


def test_escapes_among_other_signs_are_the_writers_in_an_encoded_body() -> None:
    head = HEAD.replace(b"Subject", b"Content-Transfer-Encoding: base64\r\nSubject")
    text = "=E5=BF=AB=E9=80=92=E5=BF=AB=E9=80=92 a=b"
    assert read(head + encodebytes(text.encode())).text == text
