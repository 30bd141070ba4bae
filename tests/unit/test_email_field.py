"""Mails of the field: what of each is new, from whom, and whether a program wrote it."""

from base64 import b64encode

import pytest

from tests.unit.letters import read

HEAD = "From: =?utf-8?B?546L6Iqz?= <wang@qq.example>\r\nMIME-Version: 1.0\r\nSubject: "
PLAIN = "\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
QQ = (
    "<div>还没收到</div><div>------------------&nbsp;原始邮件&nbsp;------------------</div>"
    '<div><b>发件人:</b> "客服" &lt;s@our.example&gt;;<br><b>发送时间:</b> 2026年11月26日<br>'
    "<b>主题:</b> x</div><div>您好</div>"
)


IOS = """发自我的iPhone

> 在 2026年11月26日，下午3:02，客服 <s@our.example> 写道：
>
> 您好"""
APPLE = """2026年11月26日 下午3:02，客服 <s@our.example> 写道：

您好"""
OUTLOOK = """获取 Outlook for iOS<https://aka.ms/o0ukef>
________________________________
发件人: 客服 <s@our.example>
发送时间: Thursday, November 26, 2026 3:02:11 PM
收件人: 王芳 <wang@qq.example>
主题: x

您好"""
ALIYUN = """------------------------------------------------------------------
发件人：客服<s@our.example>
日\u3000期：2026年11月26日 15:02:11
收件人：王芳<wang@qq.example>
主\u3000题：x

您好"""
NETEASE = """---- 回复的原邮件 ----
发件人\t客服<s@our.example>
日期\t2026年11月26日 15:02
主题\tx
您好"""
SAMSUNG = """从我的 Galaxy 发送


-------- 原始信息 --------
发件人： 客服 <s@our.example>
日期： 2026/11/26 15:02 (GMT+08:00)
主题： x

您好"""
HUAWEI = """发自我的华为手机
-------- 原始邮件 --------
发件人：客服 <s@our.example>
日期：2026年11月26日周四 15:02
主 题：x
您好"""


@pytest.mark.parametrize("said", [IOS, APPLE, OUTLOOK, ALIYUN, NETEASE, SAMSUNG, HUAWEI])
def test_what_programs_in_china_put_below_an_answer_is_not_new(said: str) -> None:
    message = read(f"{HEAD}Re: x{PLAIN}还没收到\r\n\r\n{said}\r\n".encode())
    assert (message.text, message.sender.name) == ("还没收到", "王芳")
    assert "您好" in message.text_full


def test_a_header_in_utf8_that_says_gb2312_beside_html_in_gb18030() -> None:
    """QQ and Foxmail, where the address book and the mail are in two charsets."""
    name = b64encode("王芳".encode()).decode()
    body = b64encode(QQ.encode("gb18030")).decode()
    raw = (
        f"From: =?gb2312?B?{name}?= <w@foxmail.example>\r\nSubject: =?gb2312?B?6YCA5qy+?=\r\n"
        "Content-Type: text/html; charset=gb18030\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        f"{body}\r\n"
    )
    message = read(raw.encode())
    assert (message.sender.name, message.subject, message.text) == ("王芳", "退款", "还没收到")


def test_a_short_mail_in_gbk_that_declares_nothing() -> None:
    raw = "From: 王 <a@x.example>\r\nSubject: U盘\r\n\r\n要A4纸\r\n".encode("gb18030")
    message = read(raw)
    assert (message.sender.name, message.subject, message.text) == ("王", "U盘", "要A4纸")


@pytest.mark.parametrize(
    "written",
    [
        "在 2026-11-26 15:02，客服 写道：\r\n> 您的单号是多少？\r\n\r\n单号是12345678",
        "> 您的单号是多少？\r\n12345678\r\n> 收货人？\r\n王芳",
    ],
)
def test_answers_below_and_between_what_they_quote_are_read(written: str) -> None:
    assert "12345678" in read(f"{HEAD}Re: x{PLAIN}{written}\r\n".encode()).text


@pytest.mark.parametrize(
    ("head", "auto"),
    [
        ("From: postmaster@corp.example\r\nSubject: 无法传递: 您的订单", "bounce"),
        ("From: w@x.example\r\nSubject: 撤回: 投诉", "none"),
        ("From: w@x.example\r\nSubject: 自动答复: 您的订单", "auto_reply"),
    ],
)
def test_what_exchange_writes_in_chinese(head: str, auto: str) -> None:
    transport = {"mail_from": ""} if auto == "bounce" else {}
    assert read(f"{head}{PLAIN}您好\r\n".encode(), **transport).auto == auto
