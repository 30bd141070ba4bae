"""A raw mail to the one schema."""

import json
from base64 import b64encode
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email import EmailChannel, create
from channels.email.body import Body
from channels.email.parts import Budget, parse
from channels.email.thread import Threads
from models.errors import Permanent
from tests.unit.letters import CHANNEL, SECRET, mail, normalize, read


def test_every_field_of_an_ordinary_mail() -> None:
    raw = mail(
        "您好，我要退款。\n\n在 2024/1/1 12:00, 客服 写道:\n> 旧内容\n",
        To="support@example.com",
        Date="Mon, 01 Jan 2024 20:00:00 +0800",
        **{"In-Reply-To": "<old@x.example>", "References": "<older@x.example> <old@x.example>"},
    )
    message = read(raw)
    assert message.sender.name == "张三"
    assert message.sender.email == "Z@Customer.example"
    assert message.sender.external_id == "z@customer.example"
    assert message.subject == "退款"
    assert message.text == "您好，我要退款。"
    assert "旧内容" in message.text_full
    start, end = message.meta["cut"]
    assert message.text_full[start:end].strip() == message.text
    assert message.lang == "zh"
    assert message.sent_at == datetime(2024, 1, 1, 12, tzinfo=UTC)
    assert message.received_at.timestamp() == 1_700_000_000.25
    assert message.external_id.startswith("m1@customer.example#")
    assert message.meta["message_id"] == "m1@customer.example"
    assert message.reply_to_external_id == "old@x.example"
    assert message.trust.level == "claimed"
    assert message.auto == "none"
    assert message.reply_route is not None
    assert message.reply_route.address == "Z@Customer.example"
    assert message.raw_ref == "e1"
    assert message.html is None
    json.loads(message.model_dump_json())


def test_twice_the_same_envelope_is_the_same_message() -> None:
    assert normalize(mail()) == normalize(mail())
    identifier = read(mail()).id
    assert identifier[14] == "7"
    assert identifier[19] in "89ab"


def test_the_same_message_id_over_another_body_is_another_message() -> None:
    one, two = read(mail("一")), read(mail("二"))
    assert one.meta["message_id"] == two.meta["message_id"]
    assert one.external_id != two.external_id
    assert one.conversation_key != two.conversation_key


def test_who_else_has_the_mail_is_known_by_name_or_masked() -> None:
    """Ours, the writer's own, and an alias that we do not know of are nobody else's."""
    everybody = "support@example.com, z@customer.example, 李四 <li@firm.example>"
    named = read(mail(To=everybody, Cc='boss@firm.example, "boss@firm.example" <b@firm.example>'))
    assert named.meta["also_to"] == ["李四", "b***@firm.example", "b***@firm.example"]
    signed = "support+k.0123456789abcdef@example.com"
    assert "also_to" not in read(mail(To=signed, Cc="support@example.com"), rcpt_tos=[signed]).meta
    alias = read(mail(To="service@alias.example", Cc="li@firm.example"))
    assert alias.meta["also_to"] == ["l***@firm.example"]
    forwarded = mail(To="a@alias.example, li@firm.example", **{"Delivered-To": "a@alias.example"})
    assert read(forwarded).meta["also_to"] == ["l***@firm.example"]


def in_copy(raw: bytes, channel: EmailChannel = CHANNEL, **transport: Any) -> list[str]:
    return [one.address for one in normalize(raw, channel, **transport).message.cc]


def test_whom_an_answer_may_go_to_as_well() -> None:
    """Neither ours, nor the writer, nor programs; of each one mail, whatever its spelling."""
    everybody = "support@example.com, Z@customer.EXAMPLE, 李四 <Li@firm.example>"
    raw = mail(To=everybody, Cc="bo@firm.example, LI@firm.example, No-Reply@shop.example")
    assert in_copy(raw) == ["LI@firm.example", "bo@firm.example"]
    named = read(mail(To=everybody, Cc='"x@y.example" <bo@firm.example>')).cc
    assert [one.name for one in named] == ["李四", ""], "an address is no name"
    support = {"To": "support@example.com"}
    assert in_copy(mail(**support, Cc="Support+abc@example.com, postmaster@x.example")) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"To": "service@alias.example"},  # which of them is ours?
        {"List-Id": "<talk.lists.example>"},
        {"Auto-Submitted": "auto-replied"},
        {"From": "a@customer.example, b@customer.example"},
        {"Cc": ", ".join(f"u{n}@firm.example" for n in range(21))},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_of_whose_mail_nobody_gets_a_copy(headers: dict[str, str]) -> None:
    usual = {"To": "support@example.com", "Cc": "li@firm.example"}
    assert in_copy(mail(**usual)) == ["li@firm.example"]
    assert in_copy(mail(**usual | headers)) == []


def test_a_mailbox_that_is_read_elsewhere_is_ours() -> None:
    box = {"host": "imap.163.com", "username": "Service@163.com", "password": "x"}
    elsewhere = create({"mailboxes": [{"address": "support@example.com"}], "imap": [box]}, SECRET)
    raw = mail(To="support@example.com", Cc="service@163.com, li@firm.example")
    assert in_copy(raw, elsewhere) == ["li@firm.example"]


def test_reply_to_decides_where_an_answer_goes_but_not_who_wrote() -> None:
    message = read(mail(**{"Reply-To": "other@customer.example"}))
    assert message.meta["answers_elsewhere"] == "o***@customer.example"
    proven = read(mail(**{"Reply-To": "other@customer.example"}), peer="192.0.2.9")
    assert proven.reply_route
    assert proven.reply_route.address == "other@customer.example"
    assert "answers_elsewhere" not in proven.meta
    assert "answers_elsewhere" not in read(mail(**{"Reply-To": "z@CUSTOMER.example"})).meta
    assert message.reply_route is not None
    assert message.reply_route.address == "other@customer.example"
    assert message.sender.email == "Z@Customer.example"


@pytest.mark.parametrize(
    ("reply_to", "address"),
    [
        ("support@example.com", "Z@Customer.example"),
        ("Support+x.y@Example.com", "Z@Customer.example"),
        ("support@example.com, other@customer.example", "other@customer.example"),
    ],
)
def test_an_answer_never_goes_to_ourselves(reply_to: str, address: str) -> None:
    route = read(mail(**{"Reply-To": reply_to})).reply_route
    assert route is not None
    assert route.address == address


def test_html_alone_is_read_and_sanitised() -> None:
    made = EmailMessage(policy=SMTP)
    made["From"] = "z@customer.example"
    made.set_content('<p>请<b>退款</b></p><script>x()</script><img src="cid:p">', subtype="html")
    message = read(made.as_bytes())
    assert message.text == "请退款"
    assert message.html is not None
    assert "<b>退款</b>" in message.html
    assert "script" not in message.html


def test_an_empty_plain_form_does_not_hide_the_html() -> None:
    made = EmailMessage(policy=SMTP)
    made.set_content(" \n")
    made.add_alternative("<p>请退款</p>", subtype="html")
    assert read(made.as_bytes()).text == "请退款"


@pytest.mark.parametrize(
    ("plain", "source", "text"),
    [
        # A converter left entities in it, or it only says that it is worse.
        ("金额&gt;100&nbsp;元", "<div>金额&gt;100&nbsp;元</div>", "金额>100 元"),
        ("您的邮箱不支持 HTML。", "<p>账单已出</p>", "账单已出"),
        ("HTML 页面打不开", "<p><img src=x></p>", "HTML 页面打不开"),
        ("账单已出", "<p>账单已出，请看</p>", "账单已出"),
        ("HTML" * 76, "<p>other</p>", "HTML" * 76),
        # Only the HTML tells where the signature begins.
        ("退款\n\n张三", '<p>退款</p><div class="moz-signature">张三</div>', "退款"),
    ],
)
def test_the_better_of_two_forms_is_read(plain: str, source: str, text: str) -> None:
    made = EmailMessage(policy=SMTP)
    made.set_content(plain)
    made.add_alternative(source, subtype="html")
    assert read(made.as_bytes()).text == text


def test_what_no_reader_sees_is_shown_nowhere() -> None:
    source = '<div style="display:none">预览&nbsp;&zwnj;</div><p>正文</p>'
    made = EmailMessage(policy=SMTP)
    made.set_content(source, subtype="html")
    message = read(made.as_bytes())
    assert message.text == "正文"
    made.clear_content()
    made.set_content("正文")
    made.add_alternative(source, subtype="html")
    both = read(made.as_bytes())
    assert message.html
    assert both.html
    assert "预览" not in message.html + both.html


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<html><body><p>hi</p></body></html>\r\n", "hi"),
        ("<!DOCTYPE html><body>hi</body>", "hi"),
        ("<html><p>code</p></html>\r\nWhy?", "<html><p>code</p></html>\nWhy?"),
        ("Why </html>", "Why </html>"),
    ],
)
def test_a_document_is_read_whatever_it_is_called(body: str, text: str) -> None:
    assert read(f"Content-Type: text/plain\r\n\r\n{body}".encode()).text == text


def test_html_may_say_its_charset_itself() -> None:
    source = '<html><head><meta charset="big5"></head><body>謝謝</body></html>'
    assert read(b"Content-Type: text/html\r\n\r\n" + source.encode("big5")).text == "謝謝"


def test_raw_headers_are_in_the_charset_of_the_parts() -> None:
    raw = (
        b"Subject: " + "詢問".encode("big5") + b"\r\nContent-Type: multipart/mixed; boundary=b"
        b"\r\n\r\n--b\r\nContent-Type: text/plain; charset=big5\r\n\r\nx\r\n--b--\r\n"
    )
    assert read(raw).subject == "詢問"


def _parts(kind: str, *parts: tuple[str, str]) -> bytes:
    lines = [f"Content-Type: multipart/{kind}; boundary=b-{kind}", ""]
    for content_type, body in parts:
        lines += [f"--b-{kind}", f"Content-Type: {content_type}", "", body]
    return "\r\n".join([*lines, f"--b-{kind}--", ""]).encode()


def test_a_form_for_other_programs_is_neither_shown_nor_a_file() -> None:
    raw = _parts(
        "alternative",
        ("text/plain", "text"),
        ("text/x-amp-html", "<!doctype html><p>amp</p>"),
        ("text/html", "<p>rich</p>"),
    )
    message = read(raw)
    assert (message.text, message.html, message.attachments) == ("text", "<p>rich</p>", ())


def test_text_below_a_file_is_shown_in_html_too() -> None:
    inner = _parts(
        "mixed", ("text/html", "<p>one</p>"), ("image/png; name=a.png", "x"), ("text/html", "two")
    ).decode()
    kind, _, body = inner.partition("\r\n\r\n")
    raw = _parts("alternative", ("text/plain", "one\r\ntwo"), (kind.partition(": ")[2], body))
    message = read(raw)
    assert message.html is not None
    assert "one" in message.html
    assert "two" in message.html
    assert [file.name for file in message.attachments] == ["a.png"]


def test_an_invitation_alone_is_read() -> None:
    raw = (
        b"Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VEVENT\r\n"
        b"SUMMARY;LANGUAGE=en:Accep\r\n tance\r\nDTSTART:20240102T140000Z\r\n"
        b"DESCRIPTION:on time\\, please\\nthanks\r\nEND:VEVENT\r\n"
    )
    message = read(raw)
    assert message.text == "Acceptance\n2024-01-02 14:00 (UTC)\non time, please\nthanks"
    assert [file.name for file in message.attachments] == ["attachment-1.ics"]


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>&nbsp;</p>", "盘点\n2026-01-05"),
        ("<p><img src='cid:a' alt='一张图'></p>", "一张图"),
        ("<p>请准时</p>", "请准时"),
    ],
)
def test_an_invitation_with_an_empty_page_is_read(page: str, text: str) -> None:
    event = "BEGIN:VEVENT\r\nSUMMARY:盘点\r\nDTSTART:20260105\r\nEND:VEVENT\r\n"
    calendar = f"Content-Type: text/calendar; charset=utf-8; method=REQUEST\r\n\r\n{event}"
    raw = (
        "Content-Type: multipart/alternative; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: text/plain\r\n\r\n\r\n"
        f"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{page}\r\n"
        f"--b\r\n{calendar}--b\r\n{calendar}--b--\r\n"
    )
    message = read(raw.encode())
    assert message.text == text
    assert len(message.attachments) == 2


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("%E5%8F%91%E7%A5%A8.pdf", "发票.pdf"),
        ("UTF-8''%E5%8F%91%E7%A5%A8.pdf", "发票.pdf"),
        ("%B7%A2%C6%B1-8812%2E%70%64%66", "发票-8812.pdf"),
        ("涨了100%A3.pdf", "涨了100%A3.pdf"),
        ("50%E9%20off.pdf", "50%E9%20off.pdf"),
        ("&#21457;&#31080;&#x41;.pdf", "发票&#x41;.pdf"),
        ("R&D #1.pdf", "R&D #1.pdf"),
        ("100%.pdf", "100%.pdf"),
        ("100%25.pdf", "100%25.pdf"),
        ("%FF%FE.pdf", "%FF%FE.pdf"),
        ("%E5%8F%91%2F%E7%A5%A8.pdf", "票.pdf"),
    ],
)
def test_a_name_that_is_encoded_for_the_web(name: str, shown: str) -> None:
    raw = f'Content-Type: a/b\r\nContent-Disposition: attachment; filename="{name}"\r\n\r\nx'
    assert [file.name for file in read(raw.encode()).attachments] == [shown]


@pytest.mark.parametrize(
    ("date", "sent"),
    [
        ("Mon, 01 Jan 2024 12:00:00 GMT+08:00", "2024-01-01T04:00:00+00:00"),
        ("2024-01-01 12:00:00 +0800", "2024-01-01T04:00:00+00:00"),
        ("2024-01-01T04:00:00Z", "2024-01-01T04:00:00+00:00"),
        ("2024年1月1日 4:00", "2024-01-01T04:00:00+00:00"),
        ("2024-13-01 12:00:00", None),
        ("2024-01-01 12:00:00 +9999", None),
        ("yesterday", None),
    ],
)
def test_dates_that_no_standard_knows(date: str, sent: str | None) -> None:
    found = read(f"Date: {date}\r\n\r\nx".encode()).sent_at
    assert (found and found.isoformat()) == sent


def test_files_are_named_measured_and_kept_by_content() -> None:
    made = EmailMessage(policy=SMTP)
    made.set_content("见附件\n")
    made.add_attachment(b"%PDF-1.4 x", maintype="application", subtype="pdf", filename="发票.pdf")
    made.add_attachment(b"MZ\x90", maintype="image", subtype="png", filename="..\\a/b.png")
    made.add_attachment(b"no picture", maintype="image", subtype="png", filename="x.png")
    made.add_attachment(
        b"\x89PNG\r\n\x1a\n", maintype="image", subtype="png", cid="<p1@x>", disposition="inline"
    )
    message, files = normalize(made.as_bytes())
    assert [(file.name, file.mime, file.size) for file in message.attachments] == [
        ("发票.pdf", "application/pdf", 10),
        ("b.png", "application/x-msdownload", 3),
        ("x.png", "application/octet-stream", 10),
        ("attachment-4.png", "image/png", 8),
    ]
    assert message.attachments[3].inline_cid == "p1@x"
    assert {file.sha256 for file in message.attachments} == set(files)
    assert len({file.id for file in message.attachments}) == 4
    assert message.text == "见附件"


def test_a_forwarded_mail_is_a_file_and_read_where_there_is_nothing_else() -> None:
    inner = EmailMessage(policy=SMTP)
    inner["Subject"] = "里面的"
    inner.set_content("里面的内容\n")
    outer = EmailMessage(policy=SMTP)
    outer.make_mixed()
    outer.attach(EmailMessage(policy=SMTP))
    outer.get_payload(0).set_type("message/rfc822")  # type: ignore[union-attr]
    outer.get_payload(0).set_payload([inner])  # type: ignore[union-attr]
    message = read(outer.as_bytes())
    assert message.text == "Subject: 里面的\n\n里面的内容"
    assert [file.name for file in message.attachments] == ["里面的.eml"]


def test_a_multipart_header_over_a_flat_body_is_shown() -> None:
    raw = (
        b"From: z@customer.example\r\nContent-Type: multipart/alternative; boundary=x\r\n\r\n"
        + "没有边界的正文".encode("gbk")
    )
    assert read(raw).text == "没有边界的正文"


@pytest.mark.parametrize("tag", ["<div>", "<b> "])
def test_what_lies_deep_in_html_is_read(tag: str) -> None:
    """More tags than there is room for, though not before the first word."""
    body = Body(Budget(), room=len(tag) * 1_300)
    deep = f"{tag * 1_600}在底下{tag.replace('<', '</') * 1_600}".encode()
    body.collect(parse(b"Content-Type: text/html\r\n\r\n" + deep))
    assert body.text().text.startswith("在底下")


def test_flowed_text_is_joined() -> None:
    raw = b"Content-Type: text/plain; format=flowed\r\n\r\none \r\n"
    raw += b"two\r\n> q \r\n> r\r\n> s \r\n> > t\r\n"
    assert read(raw).text_full == "one two\n> q r\n> s \n> > t"


@pytest.mark.parametrize(
    ("body", "lang"),
    [
        ("我的订单 ORDER-123 没有发货 please", "zh"),
        ("注文の状況を教えてください", "ja"),
        ("주문 상태를 알려 주세요", "ko"),
        ("The parcel is for 张三 and it has not come, can you please check", "en"),
        ("张三的 invoice", "zh"),
        ("Please tell me where my order is, thank you", "en"),
        ("Bitte senden", "und"),
        ("12345", "und"),
    ],
)
def test_language(body: str, lang: str) -> None:
    assert read(mail(body)).lang == lang


def test_control_characters_and_line_ends_never_pass() -> None:
    raw = b"From: a@b.example\r\nSubject: =?utf-8?Q?x=0D=0ABcc:=00_y?=\r\n\r\na\x00b\rc\x1b[0m"
    message = read(raw)
    assert message.subject == "x Bcc: y"
    assert message.text == "ab\nc[0m"


@pytest.mark.parametrize(
    ("headers", "transport", "auto", "reason"),
    [
        ({}, {}, "none", "unverified"),
        ({}, {"peer": "192.0.2.7"}, "none", ""),
        ({}, {"peer": "192.0.2.7", "mail_from": ""}, "none", "null_sender"),
        ({"Auto-Submitted": "auto-replied"}, {}, "auto_reply", "auto_submitted"),
        ({"Auto-Submitted": "no"}, {"peer": "192.0.2.7"}, "none", ""),
        ({"X-Autoreply": "yes"}, {}, "auto_reply", "precedence"),
        ({"Precedence": "bulk"}, {}, "list", "precedence"),
        ({"Precedence": "auto_reply"}, {}, "auto_reply", "precedence"),
        ({"List-Id": "<l.example>"}, {}, "list", "list"),
        ({"X-Auto-Response-Suppress": "OOF, AutoReply"}, {}, "none", "suppress"),
        ({"X-Failed-Recipients": "x@y.example"}, {}, "bounce", "report"),
        ({"From": "MAILER-DAEMON@x.example"}, {"mail_from": ""}, "bounce", "null_sender"),
        ({"From": "no-reply@x.example"}, {"peer": "192.0.2.7"}, "none", "noreply"),
        ({"From": "noreply-dmarc@x.example"}, {"peer": "192.0.2.7"}, "none", "noreply"),
        ({"From": "postmaster@x.example", "Subject": "系统退信"}, {}, "bounce", "subject"),
        ({"From": "PostMaster@qq.com", "Subject": "来自qq.com的退信"}, {}, "bounce", "subject"),
        ({"From": "postmaster@x.example", "Subject": "域名备案"}, {}, "none", "noreply"),
        ({"Subject": "自动回复：退款"}, {}, "auto_reply", "subject"),
        ({"Subject": "Automatische Antwort: Geld"}, {}, "auto_reply", "subject"),
        ({"Subject": "自动回复不了怎么办"}, {}, "none", "unverified"),
        ({"From": "Support@Example.com"}, {}, "self", "own_address"),
        ({"X-Shouli-Loop": Threads(SECRET).loop_mark()}, {}, "self", "loop"),
    ],
)
def test_machines_are_known_and_not_answered_by_machines(
    headers: dict[str, str], transport: dict[str, str], auto: str, reason: str
) -> None:
    message = read(mail(**headers), **transport)
    assert (message.auto, message.meta.get("no_auto", "")) == (auto, reason)


@pytest.mark.parametrize("report", ["disposition-notification", "feedback-report"])
def test_a_report_of_something_else_is_a_programs_mail(report: str) -> None:
    raw = (
        f"From: x@y.example\r\nContent-Type: multipart/report; report-type={report};"
        " boundary=b\r\n\r\n--b\r\n\r\nread\r\n--b--\r\n"
    )
    message = read(raw.encode())
    assert (message.auto, message.meta["no_auto"]) == ("auto_reply", "report")


def test_a_delivery_report_is_a_bounce() -> None:
    raw = (
        b"From: x@y.example\r\nContent-Type: multipart/report; report-type=delivery-status;"
        b" boundary=b\r\n\r\n--b\r\n\r\nfailed\r\n--b\r\n"
        b"Content-Type: message/delivery-status\r\n\r\nAction: failed\r\n--b--\r\n"
    )
    assert read(raw).auto == "bounce"


def test_an_answer_to_ours_comes_back_by_address_or_reference() -> None:
    threads = Threads(SECRET)
    first = read(mail())
    address = threads.reply_address("support@example.com", first.conversation_key)
    by_rcpt = read(mail("再问"), rcpt_tos=[address])
    by_header = read(mail("再问", To=address))
    assert by_rcpt.conversation_key == by_header.conversation_key == first.conversation_key
    assert by_rcpt.meta["threaded_by"] == "address"
    stranger = read(mail("再问", Subject="Re: 退款", **{"In-Reply-To": "<m1@customer.example>"}))
    assert stranger.conversation_key != first.conversation_key


def test_what_nobody_signed_is_named_for_the_senders_own_mails() -> None:
    names = {"In-Reply-To": "<m9@x.example>", "References": "<m1@x.example> <m9@x.example>"}
    message = read(mail("附件忘了", **names))
    assert message.meta["continues"] == ["m9@x.example", "m1@x.example"]
    many = " ".join(f"<m{n}@x.example>" for n in range(30))
    nearest = read(mail(References=many)).meta["continues"]
    assert nearest == [f"m{n}@x.example" for n in range(29, 19, -1)]
    assert "continues" not in read(mail()).meta


def test_what_we_signed_or_a_program_wrote_goes_on_from_nothing_else() -> None:
    names = {"In-Reply-To": "<m9@x.example>"}
    address = Threads(SECRET).reply_address("support@example.com", "a" * 16)
    assert "continues" not in read(mail(**names), rcpt_tos=[address]).meta
    assert "continues" not in read(mail(**names, **{"Auto-Submitted": "auto-replied"})).meta
    assert read(mail(**names, **{"List-Id": "<l.x.example>"})).meta["continues"]


def test_a_mailbox_that_is_encoded_whole_is_read_where_nothing_else_says_who_wrote() -> None:
    whole = b"From: =?utf-8?B?" + b64encode("王芳 <wang@qq.example>".encode()) + b"?=\r\n\r\nx"
    assert read(whole, mail_from=None).sender.email == "wang@qq.example"
    message = read(whole, mail_from="z@customer.example")
    assert (message.sender.name, message.sender.email) == ("王芳", "z@customer.example")
    assert read(whole, mail_from="").sender.email is None
    other = read(b'From: "ceo@bank.example" <>\r\n\r\nx', mail_from="z@customer.example")
    assert (other.sender.name, other.sender.email) == ("", "z@customer.example")


def test_without_from_the_envelope_says_who_wrote() -> None:
    message = read(b"Subject: x\r\n\r\nbody")
    assert message.sender.email == "z@customer.example"
    nobody = read(b"Subject: x\r\n\r\nbody", mail_from="")
    assert nobody.sender.email is None
    assert nobody.sender.external_id.startswith("unknown:")
    assert nobody.reply_route is None
    assert nobody.trust.level == "unknown"


def test_a_long_text_is_shortened_and_kept_whole_beside() -> None:
    message, files = normalize(b"\r\n" + b"x" * 2_000_000)
    assert len(message.text) == 500_000
    assert message.meta["text_shortened"] is True
    assert [file.name for file in message.attachments] == ["body.txt"]
    assert [len(content) for content in files.values()] == [2_000_000]


def test_enriched_text_is_read_without_its_commands() -> None:
    body = "<color><param>red</param><bold>急</bold></color>：a <<b>\r\nsame line\r\n\r\nnext"
    raw = b"Content-Type: text/enriched; charset=utf-8\r\n\r\n" + body.encode()
    assert read(raw).text == "急：a <b> same line\nnext"


def test_a_body_of_rich_text_is_read() -> None:
    rich = rb"{\rtf1\ansi\ansicpg936 \'cd\'cb\'bf\'ee\par }"
    message = read(b"Content-Type: application/rtf\r\n\r\n" + rich)
    assert message.text == "退款"
    assert len(message.attachments) == 1
    beside = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\n"
        b"Content-Type: text/rtf\r\n\r\n" + rich
    )
    assert read(beside).text == "hello", "where there is a text it is a file"


@pytest.mark.parametrize(
    ("plain", "text"),
    [
        ("View in browser: https://x.example/a?b=1", "<p>"),
        ("https://x.example/a", "<p>"),
        ("Why is https://x.example/a so slow today?", "plain"),
        ("没有网址", "plain"),
    ],
)
def test_a_plain_form_that_only_points_elsewhere(plain: str, text: str) -> None:
    told = "Your parcel 77 was left with the neighbours, please tell us if it has arrived."
    raw = (
        "Content-Type: multipart/alternative; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{plain}\r\n"
        f"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>{told}</p>\r\n--b--\r\n"
    ).encode()
    assert read(raw).text == (told if text == "<p>" else plain)


def test_files_written_into_an_encoded_text() -> None:
    written = b64encode(b"see below\r\nbegin 644 a.txt\r\n#86)C\r\n`\r\nend\r\n")
    raw = b"Content-Transfer-Encoding: base64\r\n\r\n" + written
    message, files = normalize(raw)
    assert message.text == "see below"
    assert [file.name for file in message.attachments] == ["a.txt"]
    assert list(files.values()) == [b"abc"]


def test_a_header_beside_a_body_in_utf_16() -> None:
    raw = (
        b"From: Li <l@customer.example>\r\nSubject: plain\r\n"
        b"Content-Type: text/plain; charset=utf-16be\r\n\r\n"
    ) + "你好".encode("utf-16-be")
    message = read(raw)
    assert (message.subject, message.sender.name, message.text) == ("plain", "Li", "你好")


def test_a_first_field_longer_than_what_is_looked_at_for_line_ends() -> None:
    raw = b"X-Report: " + b"y" * 100_000 + b"\r\n" + mail("您好\n")
    assert (read(raw).subject, read(raw).text) == ("退款", "您好")


def test_limits() -> None:
    with pytest.raises(Permanent) as refusal:
        read(bytes(64 * 1024 * 1024 + 1))
    assert refusal.value.code == "mail_too_large"


def test_mails_in_mails_in_mails_end_somewhere() -> None:
    message = read(b"Content-Type: message/rfc822\r\n\r\n" * 3_000)
    assert [file.mime for file in message.attachments] == ["message/rfc822"]


def test_parts_that_were_not_read_are_told_of() -> None:
    head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nnew words\r\n"
    file = b"--b\r\nContent-Type: image/png\r\n\r\nx\r\n"
    message = read(head + file * 3_000)
    assert message.text == "new words"
    assert message.meta["text_shortened"] is True


@given(
    st.lists(
        st.sampled_from(
            [
                b"Content-Type: multipart/mixed; boundary=a\r\n",
                b"Content-Type: text/html; charset=gbk\r\n",
                b"Content-Type: message/rfc822\r\n",
                b"Content-Transfer-Encoding: base64\r\n",
                b"Content-Disposition: attachment; filename*=utf-8''%ff\r\n",
                b"From: =?x?q?=00?= <@>\r\n",
                b"Date: Mon, 99 Foo 20000 99:99:99 +9999\r\n",
                b"Message-ID: <@>\r\n",
                b"\r\n",
                b"--a\r\n",
                b"--a--\r\n",
                b"<p>\xc4\xe3\r\n",
                b"\x00\xff\xfe",
            ]
        ),
        max_size=20,
    )
)
def test_whatever_comes_is_a_message(lines: list[bytes]) -> None:
    message = read(b"".join(lines))
    message.model_dump_json().encode()


def test_who_is_proven_to_be_another_has_no_say_in_where_answers_go() -> None:
    raw = mail(**{"Reply-To": "thief@evil.example"})
    shown = {"domain": "customer.example", "dmarc": "fail", "evidence": ""}
    message = read(raw, authentication=shown)
    assert message.trust.level == "failed"
    assert message.reply_route
    assert message.reply_route.address == "Z@Customer.example"
    assert message.meta["answers_elsewhere"] == "t***@evil.example"


@pytest.mark.parametrize("name", ['"boss@customer.example"', "boss＠customer.example"])
def test_an_address_for_a_name_does_not_hide_who_wrote(name: str) -> None:
    raw = f"From: {name} <thief@evil.example>\r\n\r\nx".encode()
    assert read(raw).sender.name == ""
    assert read("From: 小李 @ 上海 <li@x.example>\r\n\r\nx".encode()).sender.name == "小李 @ 上海"
