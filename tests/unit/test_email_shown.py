"""What customers show in a mail, and what only looks like a quotation or like a signature."""

import pytest

from channels.email.markup import read
from channels.email.quote import split


@pytest.mark.parametrize(
    "text",
    [
        "执行安装后报错如下：\n> npm ERR! code E404\n> npm ERR! 404 Not Found",
        "The log says:\n\n> error 12: cannot open\n> error 13: giving up",
        "温度设定：\n> 30 度就报警\n>= 40 度停机",
        "问题 2:\n>>> import queue\n>>> queue.Queue(1)",
        "没到货\n--\n另外发票错了，请重开。",
        "没到货\n--\n王芳\n还有，什么时候能退款？",
        "没到货\n在 2026/1/4 10:00, 客服 写道：\n> 旧\n> 旧\n\n--\n还有，什么时候能退款？",
        "没到货\n在 2026/1/4 10:00, 客服 写道：\n> 旧\n> 旧\n\n--\n" + "行\n" * 13,
        # A year or a time alone with an address say nothing of who wrote.
        "没到货\n2026 年的账单请寄给 <z@example.com>：\n上海市人民路 1 号",
        "没到货\n12:00 以前请回复 <z@example.com>：\n过时作废",
        "It is broken.\n--\nThe lamp is, too, and I want another one.",
    ],
)
def test_what_is_shown_is_new(text: str) -> None:
    assert tuple(split(text)) == (0, len(text))


@pytest.mark.parametrize(
    "tail",
    [
        # A line that says who wrote or when, in a language that nobody told us of.
        "Ngày 4 tháng 1 năm 2026, Support viết thế này:\n> cũ\n> cũ",
        "Support 10:04:\n> old\n> old",
        "Support 4/1:\n> old\n> old",
        "support@example.com:\n> old\n> old",
        "客服写道：\n> 旧\n> 旧",
        "在 2026/1/4 10:00, 客服 写道：\n> 旧\n> 旧\n\n--\n" + "行\n" * 11,
    ],
)
def test_what_stands_below_who_wrote_or_when_is_quoted(tail: str) -> None:
    start, end = split(f"没到货\n\n{tail}")
    assert "> " not in f"没到货\n\n{tail}"[start:end]


@pytest.mark.parametrize(
    "signature",
    [
        "-- \n王芳\n请勿打印本邮件，好吗？",  # with the space there is no doubt (RFC 3676 §4.3)
        "- -- \n王芳\n请勿打印",
        "--\nThis message was sent from a phone. To reply, please use the number of the sender.",
        "--\n王芳\n采购部\nhttps://x.example/?id=1",
    ],
)
def test_a_signature_asks_for_nothing(signature: str) -> None:
    start, end = split(f"没到货\n{signature}")
    assert (start, end) == (0, 4)


def test_what_is_written_below_who_wrote_is_no_part_of_it() -> None:
    reading = read(
        "<div>在 2026/1/4 10:00, 客服 写道：</div><div>这里说的不对。</div>"
        '<blockquote type="cite">旧</blockquote><p>应该是三天。</p>'
    )
    start, end = split(reading.text, reading.quoted)
    assert (
        reading.text[start:end].strip().startswith("在 2026/1/4 10:00, 客服 写道：\n这里说的不对")
    )
    assert reading.text[start:end].strip().endswith("应该是三天。")
