"""What programs write in a person's name without a header that says so."""

import pytest

from channels.email.notices import fact
from tests.unit.letters import mail, read


@pytest.mark.parametrize(
    ("subject", "text", "shows"),
    [
        ("撤回: 投诉，人呢？", "王芳(Fang Wang) 将撤回邮件“投诉，人呢？”。", "recall"),
        ("撤回：订单", "王芳 希望撤回邮件“订单”。", "recall"),
        ("回收: 訂單", "王芳 想要回收郵件「訂單」", "recall"),
        ("Recall: order 77", 'Wang, Fang would like to recall the message, "order 77".', "recall"),
        ("已读: 订单", "您的邮件 \n\n 收件人: 王芳\n 主题: 订单\n\n已于 11:00 阅读。", "receipt"),
        ("未读：订单", "您的邮件\n收件人: 王芳\n主题: 订单\n未阅读即被删除", "receipt"),
        ("收条：订单", "这是邮件收条，您发给 a@b.example 的邮件已被阅读", "receipt"),
        ("已读回执", "您发送的邮件已被王芳查看", "receipt"),
        ("Read: order 77", "Your message\n\n To: Wang\n\nwas read on Friday.", "receipt"),
        ("Re: 订单", "这是一封自动回复邮件，您的来信我已收到，会尽快回复。", "says_so"),
        ("Re: 订单", "您好！本邮件为系统自动回复。我这周在外地，周五回来。", "says_so"),
        ("Re: 订单", "来信收到，谢谢。（系统自动回复，请勿直接回复）", "says_so"),
        ("Re: 订单", "【自动回复】您好，您的邮件已收到，我会尽快处理！", "says_so"),
        ("Re: 订单", "[自动回复]您好，我目前正在休假，下周一回来。", "says_so"),
        ("Re: 订单", "您的来信已收到！（此为系统自动回复，请勿回复）", "says_so"),
        ("Re: order", "This is an automated response. I am back on Monday.", "says_so"),
    ],
)  # fmt: skip
def test_programs_are_known_by_their_own_words(subject: str, text: str, shows: str) -> None:
    assert fact(subject, text) == shows
    message = read(mail(text, Subject=subject))
    assert (message.auto, message.meta["no_auto"]) == ("auto_reply", shows)


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("撤回：我的投诉", "请撤回昨天的投诉，问题已经解决了，谢谢。"),
        ("撤回: 订单", "我想撤回邮件“订单”里说的话，另外请把发票寄给我。"),
        ("Recall: is my fridge affected", "I read that model X1 is recalled. Is mine?"),
        ("订单", "王芳 将撤回邮件“订单”。"),
        ("Re: 订单", "您的邮件已被我删除，请再发一次。"),
        ("已读: 订单", "你们的邮件我读了，还是没有退款。"),
        ("Read: order", "I read your message and it was not helpful."),
        ("Re: 订单", "这是自动回复吗？"),
        ("Re: 订单", "这是自动回复，我要找人工。"),
        ("Re: 订单", "收到的是一封自动回复，问题没有解决。"),
        ("Re: 订单", "【自动回复】是什么意思"),
        ("Re: 订单", "【自动回复】您好，您的邮件已收到。等了五天，没人理我。"),
        ("Re: 订单", "【自动回复】这几个字去掉。我目前没有收到货。"),
        ("Re: 订单", "This is an automated reply, I want a real person."),
        # A form on a website is sent by a program, and written by a person.
        ("网站留言", "姓名：王芳\n内容：冰箱不制冷\n（本邮件由系统自动发送，请勿回复）"),
        ("Re: 订单", "这是一封自动回复邮件。" + "退款一直没有到账。" * 80),
    ],
)
def test_what_people_write_is_theirs(subject: str, text: str) -> None:
    assert fact(subject, text) == ""
    assert read(mail(text, Subject=subject)).auto == "none"


def test_a_notice_is_short_whatever_stands_around_it() -> None:
    said = "这是一封自动回复邮件。"
    longest = said + "好" * (600 - len(said))
    assert (fact("", longest), fact("", longest + "。")) == ("says_so", "")
    assert fact("撤回: 订单", "\n王芳 将撤回邮件“订单”。\n") == "recall"
    assert fact("撤回: 订单", "") == ""


def test_only_what_is_new_is_looked_at() -> None:
    below = "\n\n在 2026-01-06 10:00:00，客服 <s@our.example> 写道：\n> （系统自动回复，请勿回复）"
    assert read(mail(f"还没有退款{below}", Subject="Re: 订单")).auto == "none"
