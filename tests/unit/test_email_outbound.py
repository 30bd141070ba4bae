"""Answers as they are written; what a relay makes of them is a contract test."""

import email
import email.policy
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email import create
from channels.email.guard import LOOP_HEADER
from channels.email.options import Options
from channels.email.outbound import NO_RELAY, as_html, reply_subject, write
from channels.email.thread import Threads
from models.errors import Permanent
from models.message import Attachment, OutboundMessage, ReplyRoute

OPTIONS = Options.model_validate(
    {"mailboxes": [{"address": "support@example.com", "account": "support"}]}
)
THREADS = Threads(b"s")


def answer(address: str = "z@customer.example", **changes: Any) -> OutboundMessage:
    values: dict[str, Any] = {
        "id": "i",
        "conversation_id": "c",
        "conversation_key": "abcdefghijklmnop",
        "channel": "email",
        "account": "support",
        "seq": 1,
        "kind": "reply",
        "text": "t",
        "route": ReplyRoute(adapter="email", address=address),
        **changes,
    }
    return OutboundMessage(**values)


@given(st.text(max_size=80), st.text(max_size=80), st.lists(st.text(max_size=40), max_size=3))
def test_no_header_can_be_injected(subject: str, parent: str, references: list[str]) -> None:
    letter = write(
        answer(
            subject=f"{subject}\r\nBcc: evil@x.example", in_reply_to=parent, references=references
        ),
        OPTIONS,
        THREADS,
    )
    head = letter.content.partition(b"\r\n\r\n")[0]
    parsed = email.message_from_bytes(head, policy=email.policy.compat32)
    allowed = {
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Reply-To",
        "In-Reply-To",
        "References",
        "Content-Type",
        "Content-Transfer-Encoding",
        "MIME-Version",
    }
    assert set(parsed.keys()) <= allowed
    assert len(parsed.get_all("To", [])) == 1


_HOSTILE = st.lists(
    st.sampled_from(
        ["=?utf-8?q?x=0D=0ABcc:_evil=40x.example=0D=0A=0D=0Ay?=", "=?utf-8?b?eA0KQmNjOiB5?=", "=?",
         "?=", "=", "?", "q?=0D=0ABcc:_y", "utf-8", "=\x00?", "=\u202e?", "\r\nBcc: y", "\"", "\\",
         "; filename*=utf-8''x%0D%0ABcc:%20y", " ", "包裹", "<", ">", "@a"]
    ),
    max_size=6,
).map("".join)  # fmt: skip
"""Pieces of what decodes to line ends: the library decodes what it is given to write."""


@given(_HOSTILE, _HOSTILE, st.lists(_HOSTILE, max_size=2), _HOSTILE)
def test_what_decodes_to_line_ends_is_written_as_it_stands(
    subject: str, parent: str, references: list[str], name: str
) -> None:
    """A subject that was encoded twice wrote a Bcc, and the body, of our answer."""
    file = Attachment(id="1", name=name, mime="text/plain", size=1, sha256="a" * 64)
    letter = write(
        answer(
            subject=subject, in_reply_to=parent, references=references,
            attachments=(file,), files={"a" * 64: b"x"},
        ),
        OPTIONS,
        THREADS,
    )  # fmt: skip
    assert b"\r\nBcc" not in letter.content
    whole = email.message_from_bytes(letter.content, policy=email.policy.compat32)
    body, attached = whole.get_payload()
    assert body.get_content_type() == "multipart/alternative"
    names = {"content-type", "content-transfer-encoding", "content-disposition", "mime-version"}
    assert {key.lower() for key in attached} == names
    assert attached.get_payload(decode=True) == b"x"
    lines = letter.content.partition(b"\r\n\r\n")[0].split(b"\r\n")
    told = {line.partition(b":")[0] for line in lines if line[:1] not in b" \t"}
    assert told <= {
        b"From", b"To", b"Subject", b"Date", b"Message-ID", b"Reply-To", b"In-Reply-To",
        b"References", b"MIME-Version", b"Content-Type",
    }  # fmt: skip


def test_a_subject_encoded_twice_is_the_customers_text() -> None:
    twice = "=?utf-8?q?x=0D=0ABcc:_e=40x.example?="
    assert reply_subject(twice) == "Re: = ?utf-8?q?x=0D=0ABcc:_e=40x.example?="


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "a@b.example, c@d.example",
        "a@b.example\r\nBcc: c@d.example",
        "<a@b.example>",
        "é@b..example",
        "a@b..example",
        "a@b.example.",
        "a@[",
        "=?utf-8?q?x?=@b.example",
        "=?utf-8?q?a=0D=0ABcc=3Ax?=é@b.example",
    ],
)
def test_an_address_that_is_none_or_two_is_refused(address: str) -> None:
    with pytest.raises(Permanent) as refusal:
        write(answer(address), OPTIONS, THREADS)
    assert refusal.value.code == "mail_bad_recipient"


@pytest.mark.parametrize(
    ("address", "sent_to"),
    [
        ("用户@b.example", "用户@b.example"),
        ("用户@例子.公司", "用户@xn--fsqu00a.xn--55qx5d"),
        ("zhang@例子.公司", "zhang@xn--fsqu00a.xn--55qx5d"),
    ],
)
def test_names_of_all_the_world_stand_as_they_are_and_hosts_in_ascii(
    address: str, sent_to: str
) -> None:
    letter = write(answer(address), OPTIONS, THREADS)
    assert letter.recipient == sent_to
    assert f"To: {sent_to}".encode() in letter.content.splitlines()
    assert b"=?" not in letter.content.partition(b"To: ")[2].partition(b"\r\n")[0]


@pytest.mark.parametrize("local", ["a..b", "a.", ".a"])
def test_full_stops_where_some_providers_have_put_them_are_quoted(local: str) -> None:
    letter = write(answer(f"{local}@mobile.example"), OPTIONS, THREADS)
    assert letter.recipient == f'"{local}"@mobile.example'
    assert f'To: "{local}"@mobile.example'.encode() in letter.content.splitlines()


def test_long_identifiers_are_never_encoded_or_broken() -> None:
    long = [f"{letter * 90}@server.prod.outlook.example" for letter in "abc"]
    content = write(answer(in_reply_to=long[2], references=long), OPTIONS, THREADS).content
    parsed = email.message_from_bytes(content, policy=email.policy.compat32)
    assert parsed["In-Reply-To"] == f"<{long[2]}>"
    assert parsed["References"].split() == [f"<{one}>" for one in long]
    assert b"References: <aaa" in content
    assert max(map(len, content.split(b"\r\n"))) < 998


def test_an_account_without_mailbox_is_refused() -> None:
    with pytest.raises(Permanent) as refusal:
        write(answer(account="gone"), OPTIONS, THREADS)
    assert refusal.value.code == "mail_no_account"


@pytest.mark.parametrize(
    ("subject", "reply"),
    [
        ("退款", "Re: 退款"),
        ("Re: 退款", "Re: 退款"),
        ("回复：退款", "回复：退款"),
        ("Refund", "Re: Refund"),
        ("", "Re: 您的来信 / Your message"),
    ],
)
def test_re_once(subject: str, reply: str) -> None:
    assert reply_subject(subject) == reply


def test_every_attempt_has_the_same_message_id() -> None:
    first, second = (write(answer(), OPTIONS, THREADS) for _ in range(2))
    assert first.message_id == second.message_id
    assert THREADS.key_of_message_id(first.message_id) == "abcdefghijklmnop"
    assert THREADS.key_of_address(first.sender) == "abcdefghijklmnop"


async def test_without_a_relay_an_answer_waits_and_says_why() -> None:
    result = await create({}, b"").send(answer())
    assert (result.state, result.error) == ("retry", NO_RELAY)


async def test_what_cannot_be_addressed_has_failed() -> None:
    channel = create({"relay": {"host": "localhost"}}, b"")
    assert (await channel.send(answer("nobody"))).state == "failed"


def test_an_answer_is_text_html_and_its_files() -> None:
    content = b"%PDF-1.4"
    file = Attachment(
        id="1", name="发票.pdf\r\nBcc: x@y", mime="application/pdf", size=8, sha256="aa"
    )
    letter = write(
        answer(text="您好 <b>\n见 https://a.example/?x=1&y=2 。\n\n再见", attachments=[file],
               files={"aa": content}),
        OPTIONS,
        THREADS,
    )  # fmt: skip
    mail = email.message_from_bytes(letter.content, policy=email.policy.default)
    assert "Bcc" not in mail
    body = mail.get_body(("plain",))
    markup = mail.get_body(("html",))
    assert body is not None
    assert markup is not None
    assert (
        body.get_content().replace("\r", "")
        == "您好 <b>\n见 https://a.example/?x=1&y=2 。\n\n再见\n"
    )
    link = "https://a.example/?x=1&amp;y=2"
    assert (
        f'<body><p>您好 &lt;b&gt;<br>\n见 <a href="{link}">{link}</a> 。</p><p>再见</p></body>'
        in markup.get_content().replace("\r", "")
    )
    (attached,) = mail.iter_attachments()
    assert attached.get_content() == content
    assert attached.get_filename() == "发票.pdf Bcc: x@y"
    assert attached.get_content_type() == "application/pdf"


def test_what_a_program_answers_says_so_and_comes_from_nobody() -> None:
    """RFC 3834 §5; where the way back is an address of its own, it is for people alone."""
    mailbox = OPTIONS.mailboxes[0]
    plain = OPTIONS.model_copy(
        update={"mailboxes": [mailbox.model_copy(update={"plus": not mailbox.plus})]}
    )
    for options in (OPTIONS, plain):
        by_program, by_person = (write(answer(kind=k), options, THREADS) for k in ("ack", "reply"))
        said = email.message_from_bytes(by_program.content, policy=email.policy.default)
        assert said["Auto-Submitted"] == "auto-replied"
        assert said["X-Auto-Response-Suppress"] == "All"
        assert said[LOOP_HEADER] == THREADS.loop_mark()
        written = email.message_from_bytes(by_person.content, policy=email.policy.default)
        assert not {"Auto-Submitted", "X-Auto-Response-Suppress", LOOP_HEADER} & set(written)
        plus = options.mailboxes[0].plus
        assert ("Reply-To" in written) == plus
        assert (by_program.sender == "") == plus
        assert by_person.sender == (written["Reply-To"] or mailbox.address)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("reply", "已为您退款。\n", "已为您退款。\n\n示例商城\n400-000-0000\n"),
        ("reply", "", "示例商城\n400-000-0000\n"),
        ("ack", "已受理", "已受理\n"),
    ],
)
def test_an_agents_answer_is_signed_by_its_mailbox(kind: str, text: str, expected: str) -> None:
    mailbox = OPTIONS.mailboxes[0].model_copy(update={"signature": "\n示例商城\n400-000-0000\n"})
    options = OPTIONS.model_copy(update={"mailboxes": [mailbox]})
    letter = write(answer(kind=kind, text=text), options, THREADS)
    body = email.message_from_bytes(letter.content, policy=email.policy.default).get_body(
        ("plain",)
    )
    assert body is not None
    assert body.get_content().replace("\r", "") == expected


@pytest.mark.parametrize("mime", ["message/rfc822", "multipart/mixed", "text/html; x=\r\ny", ""])
def test_a_file_of_an_awkward_type_is_bytes(mime: str) -> None:
    file = Attachment(id="1", name="a", mime=mime, size=1, sha256="aa")
    letter = write(answer(attachments=[file], files={"aa": b"x"}), OPTIONS, THREADS)
    mail = email.message_from_bytes(letter.content, policy=email.policy.default)
    (attached,) = mail.iter_attachments()
    assert attached.get_content_type() == "application/octet-stream"
    assert attached.get_content() == b"x"


@given(st.text(max_size=200))
def test_html_of_any_text_holds_no_markup_but_ours(text: str) -> None:
    assert set(re.findall(r"<(/?\w+)", as_html(text))) <= {
        "html", "/html", "head", "/head", "meta", "body", "/body", "p", "/p", "br", "a", "/a",
    }  # fmt: skip
