"""Bounces as mail systems write them, and notes of absence in both languages."""

import pytest

from channels.email.thread import Threads
from models.message import InboundMessage, OutboundMessage, ReplyRoute
from tests.unit.letters import SECRET, mail, read

ANSWER = OutboundMessage(
    id="i", conversation_id="c", conversation_key="abcdefghijklmnop", channel="email",
    account="support", seq=3, kind="reply", text="t",
    route=ReplyRoute(adapter="email", address="z@customer.example"),
)  # fmt: skip
OURS = Threads(SECRET).message_id(ANSWER, "example.com")
STRANGERS = Threads(b"other").message_id(ANSWER, "example.com")


def returned(message_id: str = OURS) -> str:
    return f"From: support@example.com\nMessage-ID: <{message_id}>\nSubject: Re: x\n\n原文\n"


def dsn(
    status: str, message_id: str = OURS, kind: str = "message/rfc822", text: str = ""
) -> bytes:
    return (
        "From: MAILER-DAEMON@mx.customer.example (Mail Delivery System)\n"
        "To: support@example.com\nSubject: Undelivered Mail Returned to Sender\n"
        "Auto-Submitted: auto-replied\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        f"--b\nContent-Type: text/plain; charset=utf-8\n\n{text or 'This is the mail system.'}\n"
        "--b\nContent-Type: message/delivery-status\n\n"
        "Reporting-MTA: dns; mx.customer.example\n\n"
        f"Final-Recipient: rfc822; z@customer.example\n{status}\n"
        f"--b\nContent-Type: {kind}\n\n{returned(message_id)}\n--b--\n"
    ).encode()


POSTFIX = "Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 <z@c>: User unknown"
EXCHANGE = (
    "Action: failed\nStatus: 5.1.10\n"
    "Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound;\n Recipient not found"
)
COREMAIL = "Action: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 User not found: z@163.com"

QMAIL = f"""Hi. This is the qmail-send program at mx.customer.example.
I'm afraid I wasn't able to deliver your message to the following addresses.

<z@customer.example>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

{returned()}"""
EXIM = f"""This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its recipients.

  z@customer.example
    host mx.customer.example: 550 5.7.1 relaying denied

------ This is a copy of the message, including all the headers. ------

{returned()}"""
QQ = f"""抱歉，您的邮件被退回来了……
原邮件信息：
Message-ID: {OURS}
"""


def reported(raw: bytes, **transport: str) -> InboundMessage:
    return read(raw, mail_from="", **transport)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (dsn(POSTFIX), "5.1.1 550 5.1.1 <z@c>: User unknown"),
        (dsn(POSTFIX, kind="text/rfc822-headers"), "User unknown"),
        (dsn(EXCHANGE), "Recipient not found"),
        (dsn(COREMAIL), "User not found"),
        (mail(QMAIL, From="MAILER-DAEMON@mx.customer.example"), "(#5.1.1)"),
        (
            mail(EXIM, From="mailer-daemon@x.example", **{"X-Failed-Recipients": "z@c.example"}),
            "550 5.7.1 relaying denied",
        ),
        (mail(QQ, From="PostMaster@qq.com", Subject="系统退信"), ""),
    ],
    ids=["postfix", "headers only", "exchange", "coremail", "qmail", "exim", "qq"],
)
def test_a_bounce_becomes_news_of_the_answer(raw: bytes, words: str) -> None:
    message = reported(raw)
    assert (message.kind, message.reply_to_external_id) == ("status", OURS)
    assert message.meta["state"] == "failed"
    assert words in message.meta["error"]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("Action: delayed\nStatus: 4.4.1", "delayed"),
        ("Action: delivered\nStatus: 2.0.0", "delivered"),
        ("Action: relayed\nStatus: 2.0.0", "delayed"),
        ("Status: 5.2.2", "failed"),
        ("Status: 4.2.2", "delayed"),
        ("Action: Failed\nStatus: 5.1.1", "failed"),
        ("Action: relayed\nStatus: 5.0.0", "delayed"),
        ("ACTION: DELIVERED", "delivered"),
    ],
)
def test_what_a_status_means(status: str, state: str) -> None:
    assert reported(dsn(status)).meta["state"] == state


def test_what_a_server_says_in_words_is_not_the_status() -> None:
    message = reported(dsn(POSTFIX, text="Action: delayed\nStatus: 4.4.1\nwas sent before."))
    assert message.meta["state"] == "failed"
    assert message.meta["error"].endswith("5.1.1 550 5.1.1 <z@c>: User unknown")


def test_a_reason_may_not_say_whose_it_is() -> None:
    bare = "Action: failed\nStatus: 5.1.1\nDiagnostic-Code:  550 no such user"
    assert reported(dsn(bare)).meta["error"].endswith(": 5.1.1 550 no such user")


def test_each_whom_a_report_names_has_a_fate_of_their_own() -> None:
    status = (
        "Action: delivered\nStatus: 2.0.0\n\n"
        "Final-Recipient: rfc822;<Li@firm.example>\nAction: failed\nStatus: 5.1.1\n"
        "Diagnostic-Code: smtp; 550 no such user\n \n"
        "Final-Recipient: rfc822; nobody\nAction: failed\nStatus: 5.0.0"
    )
    message = reported(dsn(status))
    assert message.meta["state"] == "delivered"
    assert message.meta["fates"] == [
        {"address": "z@customer.example", "state": "delivered", "error": "2.0.0"},
        {"address": "Li@firm.example", "state": "failed", "error": "5.1.1 550 no such user"},
    ]
    text = f"Could not be delivered.\n\nMessage-ID: <{OURS}>\n"
    assert reported(mail(text, From="mailer-daemon@x.example")).meta["fates"] == []


def test_a_warning_without_fields_is_a_delay() -> None:
    text = f"Your message is delayed, we are still trying.\n\n{returned()}"
    assert reported(mail(text, From="mailer-daemon@x.example")).meta["state"] == "delayed"


def test_a_forged_report_changes_nothing() -> None:
    """Its identifier is not signed by us, or it is in a mail that is no bounce."""
    assert reported(dsn(POSTFIX, STRANGERS)).kind == "message"
    assert reported(dsn(POSTFIX, "abcdefghijklmnop.3.aaaaaaaaaaaaaaaa@example.com")).kind == (
        "message"
    )
    assert read(mail(f"550 5.1.1\n{returned()}")).kind == "message"
    assert read(mail(QMAIL)).kind == "message"


def test_what_the_returned_mail_says_is_not_the_reason() -> None:
    text = f"Could not be delivered.\n\nMessage-ID: <{OURS}>\n550 5.1.1 订单\n"
    assert "订单" not in reported(mail(text, From="mailer-daemon@x.example")).meta["error"]


@pytest.mark.parametrize(
    "subject",
    [
        "自动回复: 退款", "自动回复：您的来信", "[自动回复] 我在休假", "自动答复: 回复: 退款",
        "自動回覆：退款",
        "Automatic reply: refund", "Auto-Reply: refund", "Out of Office: Re: refund",
        "Out of the office until Monday", "AutoReply",
    ],
)  # fmt: skip
def test_an_absence_note_is_automatic(subject: str) -> None:
    assert read(mail(Subject=subject)).auto == "auto_reply"


@pytest.mark.parametrize(
    "subject",
    [
        "Re: 自动回复: 退款",
        "你们的自动回复没用",
        "Out of stock",
        "自动回复不了怎么办",
        "Automatically charged twice",
    ],
)
def test_a_person_who_writes_of_one_is_none(subject: str) -> None:
    assert read(mail(Subject=subject)).auto == "none"
