"""New text told apart from quotation and signature, as real programs write them."""

import re

import pytest

from channels.email.markup import read
from channels.email.quote import split
from tests.growth import LINEAR, growth

NEW = "您好，问题还没有解决。\n请尽快处理，谢谢。"

QUOTED = {
    "QQ": '------------------ 原始邮件 ------------------\n发件人: "客服" <s@example.com>;\n'
    '发送时间: 2024年1月1日(星期一) 中午12:00\n收件人: "张三" <z@qq.com>;\n主题: 回复',
    "QQ phone": "---原始邮件---\n发件人: 客服<s@example.com>\n发送时间: 2024年1月1日",
    "163 web": '在 2024-01-01 12:00:00，"客服" <s@example.com> 写道：\n旧内容',
    "163 old": 'At 2024-01-01 12:00:00, "客服" <s@example.com> wrote:\n旧内容',
    "NetEase Mail Master": "---- 回复的原邮件 ----\n| 发件人 | 客服<s@example.com> |",
    "Foxmail": "发件人： 客服\n发送时间： 2024-01-01 12:00\n收件人： z\n主题： 回复\n旧内容",
    "Outlook zh": "发件人: 客服 <s@example.com> \n发送时间: 2024年1月1日 12:00\n"
    "收件人: 张三 <z@example.com>\n主题: 回复: 退款\n\n旧内容",
    "Outlook en": "________________________________\nFrom: Support <s@example.com>\n"
    "Sent: Monday, January 1, 2024 12:00 PM\nTo: Z <z@example.com>\nSubject: Re: refund\n\nold",
    "Outlook classic": "-----Original Message-----\nFrom: Support\nold",
    "Gmail zh": "客服 <s@example.com> 于2024年1月1日周一 12:00写道：\n\n> 旧内容\n> 旧内容",
    "Gmail en": "On Mon, Jan 1, 2024 at 12:00 PM Support <s@example.com> wrote:\n\n> old\n> old",
    "Gmail wrapped": "On Mon, Jan 1, 2024 at 12:00 PM Customer Support Team\n"
    "<s@example.com> wrote:\n\n> old",
    "Apple Mail zh": "> 在 2024年1月1日，12:00，客服 <s@example.com> 写道：\n> \n> 旧内容",
    "Apple Mail en": "> On Jan 1, 2024, at 12:00, Support <s@example.com> wrote:\n> \n> old",
    "Thunderbird zh": "在 2024/1/1 12:00, 客服 写道:\n> 旧内容\n> 旧内容",
    "Thunderbird en": "On 1/1/24 12:00, Support wrote:\n> old",
    "traditional": "客服 <s@example.com> 於 2024年1月1日 週一 下午12:00寫道：\n> 舊內容",
    "bare signs": "> 旧内容\n> 旧内容",
}


@pytest.mark.parametrize("program", QUOTED)
def test_the_quotation_is_cut(program: str) -> None:
    text = f"{NEW}\n\n\n{QUOTED[program]}\n"
    start, end = split(text)
    assert text[start:end].strip() == NEW


@pytest.mark.parametrize(
    "signature",
    ["发自我的iPhone", "发自我的手机", "Sent from my iPhone", "-- \n张三\n销售部", "--\nZhang"],
)
def test_the_signature_is_cut(signature: str) -> None:
    text = f"{NEW}\n\n{signature}\n"
    start, end = split(text)
    assert text[start:end].strip() == NEW


def test_signature_above_a_quotation() -> None:
    text = f"{NEW}\n\n发自我的iPhone\n\n{QUOTED['QQ']}"
    start, end = split(text)
    assert text[start:end].strip() == NEW


@pytest.mark.parametrize(
    "text",
    [
        NEW,
        "",
        # Nothing new: a forwarded mail is all there is to read.
        QUOTED["Outlook zh"],
        f"\n\n{QUOTED['QQ']}",
        # Answers between and below what they quote.
        "> 什么时候发货？\n\n明天。\n\n> 能退款吗？\n\n可以。",
        "On Mon, Jan 1, 2024, Support wrote:\n> When?\nTomorrow.\n> Refund?\nYes.",
        # What only looks like a marker.
        "发件人：我不认识这个人，请问怎么办？",
        "From: is a word.\nNothing follows.",
        "On the phone your colleague wrote: nothing",
        "我在网上写道：这个产品很好",
        "a\n-- \n" + "\n".join(["line"] * 30),
    ],
)
def test_on_doubt_everything_is_new(text: str) -> None:
    assert tuple(split(text)) == (0, len(text))


_FIELDS = ("发件人：客服", "时间：今天", "主题：退款")


def _apart(lines: int) -> str:
    """A quoted header, the second field of which is so many lines below the first."""
    return "\n".join([_FIELDS[0], *["…"] * (lines - 2), *_FIELDS[1:]])


@pytest.mark.parametrize(
    ("tail", "quoted"),
    [
        # 发件人： begins a quoted header where two more fields follow within six lines.
        (_apart(2), True),
        (_apart(6), True),
        (_apart(7), False),
        ("发件人：客服\n时间：今天\n旧内容", False),
        ("发件人：\n时间：今天\n主题：退款", False),  # a form that somebody has filled in
        # The line that Outlook draws above it goes with it, from five characters on.
        ("_____\n" + _apart(2), True),
        ("-----\n\n\n" + _apart(2), True),
        # “>” lines at the very end are a quotation; one alone may be anything.
        ("> 旧", False),
        ("> 旧\n\n> 旧", True),
        # A line over a quotation, also when it was wrapped: up to three lines.
        ("On Mon, Jan 1, 2024 at 12:00 PM\nCustomer Support\n<s@x.example> wrote:\n> old", True),
        ("On Mon, Jan 1, 2024 at 12\nPM\nSupport\n<s@x.example> wrote:\n> old", False),
        ("On Mon, Jan 1, 2024, Support wrote:\n> old\n\n> old\n\n发自我的iPhone", True),
        ("On Mon, Jan 1, 2024, Support wrote:\nold", True),
        ("On Mon, Jan 1, 2024, Support wrote:\n> old\nNo, I did not.", False),
        # A signature is not longer than twelve lines; the first of two lines of dashes counts.
        ("-- " + "\nx" * 12, True),
        ("-- " + "\nx" * 13, False),
        ("-- \n张三\n-- \n销售部", True),
        ("---\n张三", False),
        ("发自我的iPhone\n-- \n张三", True),
        ("发自我的iPhone\n张三", False),
    ],
)
def test_where_the_new_part_ends(tail: str, quoted: bool) -> None:
    text = f"{NEW}\n\n{tail}\n"
    start, end = split(text)
    assert text[start:end].strip() == (NEW if quoted else text.strip())


@pytest.mark.parametrize(
    ("above", "kept"), [("____\n", "____"), ("我的问题如下\n", "我的问题如下"), ("_____\n\n", "")]
)
def test_what_stands_above_a_quoted_header_is_text_unless_it_is_a_rule(
    above: str, kept: str
) -> None:
    text = f"{NEW}\n{above}{_apart(2)}\n"
    start, end = split(text)
    assert text[start:end].strip() == f"{NEW}\n{kept}".strip()


@pytest.mark.parametrize(
    ("text", "marked", "new"),
    [
        ("上[旧]", 1, "上"),
        ("[旧]下", 1, "下"),
        ("[旧]", 1, "[旧]"),  # a forwarded mail is all there is to read
        ("上[旧]下", 1, "上[旧]下"),  # an answer around a quotation
        ("上[旧]\n发自我的iPhone", 1, "上"),
        ("On 1/1/24, Support wrote:\n[旧]下", 1, "下"),
        ("上[旧]中[旧]下", 2, "上[旧]中[旧]下"),
        ("上[旧]中[旧]", 2, "上[旧]中[旧]"),
    ],
)
def test_what_html_marks_as_quoted(text: str, marked: int, new: str) -> None:
    ranges = [(at.start(), at.end()) for at in re.finditer(r"\[旧\]", text)]
    assert len(ranges) == marked
    start, end = split(text, ranges)
    assert text[start:end].strip() == new


@pytest.mark.parametrize(
    ("source", "new"),
    [
        ('<p>新的</p><div class="gmail_quote">某人写道<blockquote>旧</blockquote></div>', "新的"),
        ('<blockquote type="cite">旧的</blockquote><p>新的</p>', "新的"),
        ('<p>新的</p><blockquote type="cite">旧</blockquote><p>发自我的iPhone</p>', "新的"),
        (
            (
                '<div>On 1/1/24 12:00, Support wrote:</div><blockquote type="cite">旧</blockquote>'
                "<p>新的</p>"
            ),
            "新的",
        ),
    ],
)
def test_html_anchors(source: str, new: str) -> None:
    reading = read(source)
    start, end = split(reading.text, reading.quoted)
    assert reading.text[start:end].strip() == new


def test_answers_around_a_marked_quotation_are_shown_whole() -> None:
    reading = read('<p>上</p><blockquote type="cite">旧</blockquote><p>下</p>')
    assert tuple(split(reading.text, reading.quoted)) == (0, len(reading.text))


@pytest.mark.parametrize(
    "line", ["On " + "a" * 390 + ":", "> x", "发件人：x", "-" * 390, "在" * 300]
)
def test_time_is_linear(line: str) -> None:
    assert growth(lambda size: split(f"{line}\n" * size), 125) < LINEAR
