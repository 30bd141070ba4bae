"""Which mail a machine wrote, and what a machine may answer (RFC 3834, RFC 3464, RFC 5321)."""

from typing import Any

import pytest

from channels.email.guard import automatic_kind, no_automatic_answer
from channels.email.headers import Headers, Value

LETTER = Value("text/plain", {})
OWN = {"support@shop.example"}


def headers(**fields: str) -> Headers:
    named = {name.replace("_", "-"): value.encode() for name, value in fields.items()}
    return Headers(list(named.items()))


def kind(
    sender: str = "li@customer.example", shape: Value = LETTER,
    transport: dict[str, Any] | None = None, **fields: str,
) -> tuple[str, str]:  # fmt: skip
    return automatic_kind(
        headers(**fields), shape, sender, transport or {}, own=OWN, loop_mark="ours"
    )


def silence(
    sender: str = "li@customer.example", shape: Value = LETTER, fact: str = "",
    trust: str = "verified", transport: dict[str, Any] | None = None, **fields: str,
) -> str:  # fmt: skip
    return no_automatic_answer(headers(**fields), shape, fact, sender, trust, transport or {})


@pytest.mark.parametrize(
    "field",
    ["list-id", "list-post", "list-unsubscribe", "list-help", "list-subscribe", "list-owner",
     "mailing-list"],
)  # fmt: skip
def test_what_lists_add(field: str) -> None:
    """RFC 2369, RFC 2919; and what lists wrote before those."""
    assert kind(**{field: "<mailto:x@lists.example>"}) == ("list", "list")


@pytest.mark.parametrize(
    "field",
    ["x-autoreply", "x-autorespond", "x-autoreply-from", "x-mail-autoreply",
     "x-auto-reply-from"],
)  # fmt: skip
def test_what_absence_notes_add(field: str) -> None:
    assert kind(**{field: "yes"}) == ("auto_reply", "precedence")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("bulk", ("list", "precedence")),
        ("list", ("list", "precedence")),
        ("junk", ("list", "precedence")),
        ("Bulk (sent to many)", ("list", "precedence")),
        ("auto_reply", ("auto_reply", "precedence")),
        ("first-class", ("none", "")),
        ("", ("none", "")),
    ],
)
def test_precedence(value: str, found: tuple[str, str]) -> None:
    assert kind(precedence=value) == found


@pytest.mark.parametrize(
    "subject",
    ["自动回复: 我在休假", "自动回复", "【自动回复】", "[自动答复] 退款", "（自动回复）退款",
     "外出自动回复：我在外地", "休假自动答复: 退款", "自動回覆：退款", "自動回復: 退款",
     "Automatic reply: refund", "Auto-Reply: refund", "auto reply Re: refund", "Autoreplied: x",
     "Out of Office AutoReply: refund", "自动回复: Re: 怎么退款？",
     "外出通知", "休假通知: 回复: 退款", "Auto: Re: refund",
     "AUTO: Li Lei is out of the office (returning 12/01)",
     "AUTO-RESPONSE: refund", "Autoreply", "Out of Office: back on Monday",
     "[Out of the office] refund", "out-of-office", "Absence du bureau : facture", "Autosvar: x",
     "自动回复/Auto Reply: 退款", "AUTO: 王芳 不在办公室 (返回 2026-01-05)",
     "Li Lei is out of the office (returning 12/01)", "Vacation: Re: refund",
     "Automatisk svar: faktura", "Automatická odpověď: dotaz", "Otomatik Yanıt: x"],
)  # fmt: skip
def test_absence_notes_without_a_header_are_known_by_their_subject(subject: str) -> None:
    assert kind(subject=subject) == ("auto_reply", "subject")


@pytest.mark.parametrize(
    "subject",
    ["退款", "", "回复：自动回复", "Re: Automatic reply: refund", "自动回复功能怎么关",
     "Your automatic reply is rude", "autoreplying does not work", "Out of order",
     "Automatiska dörrar", "Otomatik kapı", "自动回复 无法关闭", "自动回复？怎么回事",
     "自动回复：怎么关闭", "自动回复：为什么每天都发", "Auto reply not working",
     "Out of office hours: who answers?",
     "Automatic reply: how can I stop it", "外出通知：明天不在家，请改约", "休假通知怎么设置",
     "Auto: insurance"],
)  # fmt: skip
def test_what_people_write_about_them_is_no_absence_note(subject: str) -> None:
    assert kind(subject=subject) == ("none", "")


@pytest.mark.parametrize(
    ("value", "machine"),
    [("no", False), ("No", False), ("no (a person)", False), ("", False),
     ("auto-generated", True), ("auto-replied", True), ("auto-notified; owner-email=x", True)],
)  # fmt: skip
def test_auto_submitted(value: str, machine: bool) -> None:
    """RFC 3834 §5: all but “no” is a machine's, whatever the word."""
    found = ("auto_reply", "auto_submitted") if machine else ("none", "")
    assert kind(auto_submitted=value) == found


@pytest.mark.parametrize("daemon", ["mailer-daemon", "postmaster", "mail-daemon"])
@pytest.mark.parametrize(
    ("transport", "fields", "bounce"),
    [
        ({"mail_from": ""}, {}, True),
        ({}, {"return-path": "<>"}, True),
        ({"mail_from": "x@y.example"}, {"auto-submitted": "auto-replied"}, True),
        ({"mail_from": "x@y.example"}, {}, False),
        ({}, {"return-path": "<x@y.example>"}, False),
    ],
)
def test_a_postmaster_may_be_a_person(
    daemon: str, transport: dict[str, str], fields: dict[str, str], bounce: bool
) -> None:
    found = ("bounce", "null_sender") if bounce else ("none", "")
    assert kind(f"{daemon}@y.example", transport=transport, **fields) == found


@pytest.mark.parametrize(
    "subject",
    ["退信：退款", "系统退信", "邮件传输失败！", "未送达: 退款", "Undeliverable: refund",
     "Mail delivery failed: returning message to sender", "Delivery Status Notification (Failure)",
     "failure notice", "failure delivery", "Mail Not Delivered", "Mail could not be delivered",
     "Permanent Delivery Failure", "Delayed Mail (still being retried)",
     "Warning: message 14jRTi-0007jE-00 delayed 24 hours"],
)  # fmt: skip
def test_a_bounce_that_comes_over_imap_is_known_by_its_subject(subject: str) -> None:
    assert kind("mailer-daemon@y.example", subject=subject) == ("bounce", "subject")
    assert kind(subject=subject) == ("none", "")


def test_a_null_sender_alone_makes_nobody_a_daemon() -> None:
    assert kind(transport={"mail_from": ""}) == ("none", "")
    assert kind("", transport={"mail_from": ""}) == ("none", "")


def test_a_server_may_call_itself_anything() -> None:
    sender = "microsoftexchange329e71ec@corp.example"
    assert kind(sender, transport={"mail_from": ""}, subject="无法送达: 退款")[0] == "bounce"
    assert kind(sender, subject="无法送达: 退款") == ("none", "")


def test_a_receipt_whose_report_was_lost_around_it() -> None:
    receipt = Value("message/disposition-notification", {})
    assert automatic_kind(
        headers(), Value("multipart/mixed", {}), "li@customer.example", {},
        own=OWN, loop_mark="ours", parts=[LETTER, receipt],
    ) == ("auto_reply", "receipt")  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"report-type": "delivery-status"}, ("bounce", "report")),
        ({"report-type": "Delivery-Status"}, ("bounce", "report")),
        ({}, ("bounce", "report")),
        ({"report-type": "disposition-notification"}, ("auto_reply", "report")),
    ],
)
def test_only_a_report_of_delivery_is_a_bounce(
    parameters: dict[str, str], found: tuple[str, str]
) -> None:
    """RFC 3464 §2; that somebody has read a mail (RFC 8098) a program tells, and asks nothing."""
    shape = Value("multipart/report", parameters)
    assert kind(shape=shape) == found
    assert silence(shape=shape) == "report"


@pytest.mark.parametrize(
    "subject",
    ["Report Domain: shop.example Submitter: google.com Report-ID: <1234>",
     "Report domain: shop.example Submitter: qq.com  Report-ID: 20261127.1",
     "[Preview] Report Domain: shop.example Submitter: outlook.com Report-ID: a"],
)  # fmt: skip
def test_reports_about_who_sends_in_our_name_are_programs(subject: str) -> None:
    """RFC 7489 §7.2.1.1: they come daily, without a header of their own."""
    assert kind(subject=subject) == ("auto_reply", "report")
    assert kind(subject="How do I report domain abuse? Submitter: me") == ("none", "")


@pytest.mark.parametrize(
    ("method", "found"),
    [("REPLY", ("auto_reply", "calendar")), ("REQUEST", ("none", "")),
     ("COUNTER", ("none", "")), ("", ("none", ""))],
)  # fmt: skip
def test_who_accepts_an_invitation_has_written_nothing(
    method: str, found: tuple[str, str]
) -> None:
    """RFC 6047 §2.4; who invites us, or wants another time, has."""
    calendar = Value("text/calendar", {"method": method})
    assert automatic_kind(
        headers(), Value("multipart/alternative", {}), "li@customer.example", {},
        own=OWN, loop_mark="ours", parts=[LETTER, calendar],
    ) == found  # fmt: skip


def test_only_a_calendar_replies_to_an_invitation() -> None:
    words = Value("text/plain", {"method": "reply"})
    assert automatic_kind(
        headers(), LETTER, "li@customer.example", {}, own=OWN, loop_mark="ours", parts=[words]
    ) == ("none", "")


def test_our_own_is_known_before_all_else() -> None:
    list_mail = {"list-id": "<l.example>", "auto-submitted": "auto-replied"}
    assert kind(**list_mail, **{"x-shouli-loop": "ours"}) == ("self", "loop")
    assert kind(**{"x-shouli-loop": "another's"}) == ("none", "")
    assert kind("support@shop.example", **list_mail) == ("self", "own_address")
    assert kind("support@other.example") == ("none", "")
    assert kind(**list_mail) == ("auto_reply", "auto_submitted")
    assert kind(**list_mail, **{"x-failed-recipients": "x@y.example"}) == ("bounce", "report")


@pytest.mark.parametrize(
    ("value", "reason"),
    [("All", "suppress"), ("OOF", "suppress"), ("AutoReply", "suppress"), ("DR", "suppress"),
     ("RN", "suppress"), ("NRN", "suppress"), ("DR,RN", "suppress"), ("x, oof", "suppress"),
     ("None", ""), ("", ""), ("allowed", "")],
)  # fmt: skip
def test_exchange_asks_for_silence(value: str, reason: str) -> None:
    """[MS-OXCMAIL] 2.2.3.2.14."""
    assert silence(**{"x-auto-response-suppress": value}) == reason


@pytest.mark.parametrize(
    ("sender", "reason"),
    [("noreply", "noreply"), ("no-reply", "noreply"), ("no_reply", "noreply"),
     ("donotreply", "noreply"), ("do-not-reply", "noreply"), ("mailer-daemon", "noreply"),
     ("postmaster", "noreply"), ("No.Reply", "noreply"), ("reply", ""), ("li", "")],
)  # fmt: skip
def test_who_says_so_by_the_address_wants_no_answer(sender: str, reason: str) -> None:
    assert silence(f"{sender}@customer.example") == reason


def test_who_may_be_answered_by_a_machine() -> None:
    assert silence() == ""
    assert silence(fact="list") == "list"
    assert silence("") == "no_sender"
    assert silence(transport={"mail_from": ""}) == "null_sender"
    assert silence(**{"return-path": "<>"}) == "null_sender"
    assert silence(transport={"mail_from": "li@customer.example"}) == ""
    assert silence(trust="claimed") == silence(trust="failed") == "unverified"
