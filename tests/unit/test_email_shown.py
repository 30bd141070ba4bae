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


def new(source: str) -> str:
    reading = read(source)
    start, end = split(reading.text, reading.quoted, reading.signed)
    return reading.text[start:end].strip()


@pytest.mark.parametrize(
    ("signature", "cut"),
    [
        ("冰箱坏了，请派人来修", False),
        ("王芳<br>还有，什么时候退款？", False),
        ("王芳<br>麻烦尽快", False),
        ("王芳<br>我的电话 138", False),
        ("Wang<br>I need it on Monday.", False),
        ("王芳<br>如有疑问，请随时联系我们", True),
        ("王芳<br>请考虑环境保护，非必要请勿打印本邮件。", True),
        ("王芳<br>发自我的 iPhone", True),
        ("王芳<br>https://x.example/?id=1", True),
        ("王芳<br>我司官网 x.example", True),
    ],
)
def test_people_write_where_the_cursor_stands(signature: str, cut: bool) -> None:
    """Web mailers put the signature below it, or around it."""
    said = new(f'<div>您好</div><div id="Signature">{signature}</div>')
    assert (said == "您好") == cut


@pytest.mark.parametrize(
    ("words", "quoted", "shown"),
    [
        ("错误如下：", "npm ERR! 404<br>npm ERR! 500", True),
        ("I got the following:", "npm ERR! 404", True),
        ("错误如下：", "$ npm run<br>&gt; build<br>&gt; tsc", True),
        ("您好：", "旧的答复", False),
        ("我的意见如下：", "在 2026/1/4 10:00, 客服 写道：<br>旧的答复", False),
        ("我的意见如下：", "发件人：客服<br>时间：今天<br>主题：退款<br>旧的答复", False),
    ],
)
def test_what_somebody_pastes_as_a_quotation_is_shown(
    words: str, quoted: str, shown: bool
) -> None:
    said = new(f'<div>{words}</div><blockquote type="cite">{quoted}</blockquote>')
    assert (said == words) != shown
