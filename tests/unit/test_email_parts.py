"""The tree of a mail, beside the standard library's parser, and its limits."""

import email
import email.message
import email.policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.parts import DEPTH_LIMIT, HEADER_LIMIT, PART_LIMIT, Budget, parse
from models.errors import Permanent


def built() -> bytes:
    mail = EmailMessage(policy=email.policy.SMTP)
    mail["Subject"] = "x"
    mail.set_content("plain 正文\n")
    mail.add_alternative("<p>html 正文</p>", subtype="html")
    mail.add_attachment(b"\x00\x01binary" * 50, maintype="application", subtype="zip")
    mail.add_attachment("inner\n", subtype="csv", filename="数据.csv")
    return mail.as_bytes()


def leaves(raw: bytes) -> list[tuple[str, bytes]]:
    return [(part.type.main, part.content()) for part in parse(raw).walk() if not part.children]


def reference(raw: bytes) -> list[tuple[str, Any]]:
    parsed = email.message_from_bytes(raw, policy=email.policy.compat32)
    return [
        (part.get_content_type(), part.get_payload(decode=True))
        for part in parsed.walk()
        if not part.is_multipart()
    ]


@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
def test_like_the_standard_library_on_ordinary_mail(newline: bytes) -> None:
    raw = built().replace(b"\r\n", newline)
    assert leaves(raw) == reference(raw)


@given(
    st.lists(
        st.sampled_from(
            [b"--a\r\n", b"--a--\r\n", b"--b\r\n", b"--ab\r\n", b"\r\n", b"text\r\n", b"X: y\r\n"]
        ),
        max_size=12,
    )
)
def test_no_part_reaches_outside_the_mail(lines: list[bytes]) -> None:
    raw = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"".join(lines)
    for part in parse(raw).walk():
        assert 0 <= part.start <= part.end <= len(raw)
        for child in part.children:
            assert part.start <= child.start <= child.end <= part.end


HEAD = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


@pytest.mark.parametrize(
    ("raw", "contents"),
    [
        (HEAD + b"preamble\r\n--b\r\n\r\none\r\n--b--\r\nepilogue", [b"one"]),
        (HEAD + b"--b\r\n\r\none\r\n--b\r\n\r\ntwo", [b"one", b"two"]),
        (HEAD + b"--b  \r\n\r\none\r\n--b--", [b"one"]),
        (HEAD + b"--b\r\n\r\none\r\n--bb\r\n--b--\r\n", [b"one\r\n--bb"]),
        (HEAD + b"flat body", [b"flat body"]),
        (b"no header at all\r\nsecond line", [b"no header at all\r\nsecond line"]),
        (b"Subject: x\r\nbody without an empty line", [b"body without an empty line"]),
        (b"Subject: x\r\nstray line\r\nFrom: a@b.example\r\n\r\nbody", [b"body"]),
        (b"   \r\n\r\nSubject: x\r\n\r\nbody", [b"body"]),
        (b"From me Mon Jan 1\r\nSubject: x\r\n\r\nbody", [b"body"]),
        (b"\xef\xbb\xbfSubject: x\r\n\r\nbody", [b"body"]),
        (b"Subject: x\rFrom: a@b.example\r\rbody\rmore", [b"body\nmore"]),
        (b"Subject: x\r\r\nFrom: a@b.example\r\r\n\r\r\nbody\r\r\nmore", [b"body\r\nmore"]),
        (HEAD + b"--other\r\nContent-Type: a/b\r\n\r\none\r\n--other--\r\n", [b"one"]),
        (HEAD + b"--no frame\r\nbut text", [b"--no frame\r\nbut text"]),
        (b"", [b""]),
    ],
)
def test_broken_mail_keeps_its_text(raw: bytes, contents: list[bytes]) -> None:
    assert [content for _, content in leaves(raw)] == contents


@pytest.mark.parametrize(
    ("encoding", "body", "content"),
    [
        (b"base64", b"5L2g\r\n5aW9", "你好".encode()),
        (b"BASE64 ", b"5L2g5aW9=", "你好".encode()),
        (b"base64", b"5L2g5aW9!!x", "你好".encode()),
        (b"base64", b"5L2g\r\n5Q==\r\npb0=\r\n", "你好".encode()),
        (b"base64", b"5L2g5Q==\r\n_____\r\nusers mailing list\r\n", b"\xe4\xbd\xa0\xe5"),
        (b"base64", b"5L2g5Q==\r\nOf a list\r\n", b"\xe4\xbd\xa0\xe5"),
        (b"base64", b"Hello, it was never encoded.", b"Hello, it was never encoded."),
        (b"quoted-printable", b"a= \t\r\nb", b"ab"),
        (b"quoted-printable", b"a=\r\nb=3D", b"ab="),
        (b"x-uuencode", b"begin 644 f\r\n#86)C\r\n`\r\nend\r\n", b"abc"),
        (b"8bit", b"as is", b"as is"),
        (b"nonsense", b"as is", b"as is"),
    ],
)
def test_transfer_encodings(encoding: bytes, body: bytes, content: bytes) -> None:
    raw = b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body
    assert parse(raw).content() == content


def nested(depth: int) -> bytes:
    raw = b""
    for level in range(depth):
        boundary = b"b%d" % level
        raw += b"Content-Type: multipart/mixed; boundary=%b\r\n\r\n--%b\r\n" % (boundary, boundary)
    return raw + b"\r\nhello"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"X: " + b"y" * HEADER_LIMIT + b"\r\n\r\nbody", "mail_header_too_large"),
        (b"X: y\r\n" * 100_000 + b"\r\nbody", "mail_header_too_large"),
        (HEAD + b"--bx\r\n" * 100_001, "mail_broken_boundaries"),
        (
            HEAD + (b"--b\r\nX: " + b"y" * 60_000 + b"\r\n\r\nz\r\n") * 20,
            "mail_header_too_large",
        ),
    ],
)
def test_limits(raw: bytes, code: str) -> None:
    with pytest.raises(Permanent) as refusal:
        parse(raw)
    assert refusal.value.code == code
    assert " / " in str(refusal.value)


def test_just_inside_the_limits() -> None:
    assert len(parse(HEAD + b"--b\r\n\r\nx\r\n" * (PART_LIMIT - 1)).children) == PART_LIMIT - 1
    assert [content for _, content in leaves(nested(DEPTH_LIMIT))] == [b"hello"]


def test_parts_beyond_the_limit_are_left_to_the_original() -> None:
    budget = Budget()
    root = parse(HEAD + b"--b\r\n\r\nx\r\n" * (5 * PART_LIMIT), budget)
    assert len(root.children) == PART_LIMIT - 1
    assert budget.passed
    inside = Budget()
    parse(HEAD + b"--b\r\n\r\nx\r\n" * (PART_LIMIT - 1), inside)
    assert not inside.passed


@pytest.mark.parametrize("depth", [DEPTH_LIMIT + 1, 2_000])
def test_what_is_nested_deeper_is_kept_as_it_came(depth: int) -> None:
    ((_, content),) = leaves(nested(depth))
    assert content.endswith(b"hello")


def test_a_header_of_many_recipients_or_one_endless_line() -> None:
    many = b"To: " + b",\r\n ".join(b"user%d@customer.example" % n for n in range(9_000))
    root = parse(many + b"\r\nSubject: s\r\n\r\nbody")
    assert (root.headers.text("subject"), root.content()) == ("s", b"body")
    endless = b"X-Report: " + b"y " * 60_000
    assert parse(endless + b"\r\nSubject: s\r\n\r\nbody").headers.text("subject") == "s"
