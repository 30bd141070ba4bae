"""Mails that are handed on with hardly a word."""

import pytest

from tests.unit.letters import mail, read

COMPLAINT = "空调一直滴水，要求换机。"
HEADER = (
    "发件人: 客户 <k@other.example>\n发送时间: 2024年1月1日 11:00\n收件人: 王五\n主题: 投诉\n\n"
)
LONG = "我们上个月就这个问题联系过你们，当时答应一周内上门，到现在也没有人来，请给个说法。"


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("Fwd: 投诉", f"FYI\n\n{HEADER}{COMPLAINT}"),
        ("转发：投诉", f"请看下面\n\n{HEADER}{COMPLAINT}"),
        ("投诉", f"请处理\n\n-------- 转发邮件信息 --------\n{HEADER}{COMPLAINT}"),
        (
            "投诉",
            f"FYI\n\nBegin forwarded message:\n\nFrom: k\nSubject: x\nDate: y\n\n{COMPLAINT}",
        ),
    ],
)
def test_what_is_handed_on_is_read(subject: str, body: str) -> None:
    message = read(mail(body, Subject=subject))
    assert message.text.startswith(body[:2])
    assert message.text.endswith(COMPLAINT)


@pytest.mark.parametrize("mark", ["Fw", "FWD", "WG", "转发", "转寄", "轉寄", "轉發"])
def test_by_the_subject_that_programs_write(mark: str) -> None:
    body = f"FYI\n\n{HEADER}{COMPLAINT}"
    assert read(mail(body, Subject=f"{mark}：投诉")).text.endswith(COMPLAINT)
    assert read(mail(body, Subject=f"{mark} 投诉")).text == "FYI"


@pytest.mark.parametrize(
    "heading",
    [
        "---------- 转发的邮件 ----------",
        "---- 转发的消息 ----",
        "-------- 轉寄的郵件 --------",
        "---- 轉寄的訊息 ----",
        "開始轉寄：",
        "开始转发的邮件：",
        "-------- 转发的原始邮件 --------",
        "---------- Forwarded message ---------",
        "-------- Weitergeleitete Nachricht --------",
        "---- Message transféré ----",
    ],
)
def test_by_the_heading_that_programs_write(heading: str) -> None:
    quoted = f"{heading}\n{HEADER}{COMPLAINT}"
    assert read(mail(f"请处理\n\n{quoted}", Subject="投诉")).text.endswith(COMPLAINT)


@pytest.mark.parametrize(
    ("subject", "comment"),
    [
        ("Re: Fwd: 投诉", "FYI"),
        ("回复: 投诉", "好的"),
        ("Re: x", "Anything below?"),
        ("Re: x", "麻烦看下"),
        ("Re: x", "第三条有问题，请看附件批注。"),
        ("Re: x", "以下是我的要求。另外请开一张红字发票，金额三百元，请在本周内寄到公司。"),
        ("Re: x", "I replied to your colleague by phone. The lamp came in red and not in blue."),
        ("Fwd: 投诉", LONG),
    ],
)
def test_answers_and_long_comments_are_read_alone(subject: str, comment: str) -> None:
    assert read(mail(f"{comment}\n\n{HEADER}{COMPLAINT}", Subject=subject)).text == comment


@pytest.mark.parametrize(
    "comment",
    ["请见下文红字。", "答复见下", "您好，我的回复见下方红色字体，谢谢",
     "Please see my answers in red.",
     "My comments below.", "Replies inline",
     # So plainly that it counts in a longer comment.
     "您好，问卷里的几个问题我在下面用红字逐条回答了，还有不清楚的地方请直接打电话给我。",
     "您好，您问的几个问题，答案都用批注写在原文里了，还有不清楚的地方请直接打电话给我。",
     "Thanks for the questions. I have answered each of them, please find it inline today."],
)  # fmt: skip
def test_answers_between_the_lines_are_read_where_a_comment_points_at_them(comment: str) -> None:
    body = f"{comment}\n\n{HEADER}贵司有多少人？约 300 人"
    assert read(mail(body, Subject="Re: 问卷")).text.endswith("约 300 人")
