"""Mails that are attached to a mail (“forward as attachment”)."""

import pytest

from channels.email.body import LONGEST_TEXT
from tests.unit.letters import normalize, read

_OLD = (
    "From: 李雷 <li@other.example>\r\nDate: Mon, 5 Jan 2026 10:00:00 +0800\r\nSubject: 漏水\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n\r\n洗碗机漏水，地板泡坏了。\r\n"
)
_HEAD = "From: 李雷 <li@other.example>\nDate: Mon, 5 Jan 2026 10:00:00 +0800\nSubject: 漏水"
_LONG = "上个月我写的这封信一直没有人回复，现在原样附上，请把退款和地板的赔偿一起给个说法。"


def mail(words: str, *attached: str, kind: str = "message/rfc822", **fields: str) -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    parts = [f"Content-Type: text/plain; charset=utf-8\r\n\r\n{words}"] if words else []
    parts += [f"Content-Type: {kind}\r\n\r\n{each}" for each in attached]
    body = "".join(f"--b\r\n{part}\r\n" for part in parts)
    start = f"From: wang@customer.example\r\n{head}Content-Type: multipart/mixed; boundary=b\r\n"
    return f"{start}\r\n{body}--b--\r\n".encode()


@pytest.mark.parametrize("words", ["请处理", "FYI", "\r\n发自我的 iPhone"])
@pytest.mark.parametrize("kind", ["message/rfc822", 'application/octet-stream; name="a.eml"'])
def test_below_a_word_or_two_they_are_the_matter(words: str, kind: str) -> None:
    message = read(mail(words, _OLD, kind=kind))
    assert message.text == f"{words.strip()}\n\n{_HEAD}\n\n洗碗机漏水，地板泡坏了。"
    assert message.text == message.text_full
    assert len(message.attachments) == 1


def test_below_more_they_stand_where_one_reads_on() -> None:
    quoted = (
        f"{_LONG}\r\n\r\n在 2026-01-06 10:00:00，客服 <s@our.example> 写道：\r\n> 您好\r\n> 请稍候"
    )
    message = read(mail(quoted, _OLD))
    assert message.text == _LONG
    assert message.text_full.endswith(f"> 请稍候\n\n{_HEAD}\n\n洗碗机漏水，地板泡坏了。")


def test_what_is_quoted_below_a_word_or_two_stays_below() -> None:
    quoted = (
        "见附件\r\n\r\n在 2026-01-06 10:00:00，客服 <s@our.example> 写道：\r\n> 您好\r\n> 请稍候"
    )
    message = read(mail(quoted, _OLD))
    assert message.text == f"见附件\n\n{_HEAD}\n\n洗碗机漏水，地板泡坏了。"
    assert message.text_full.endswith("> 请稍候")
    start, end = message.meta["cut"]
    assert message.text_full[start:end].strip() == message.text


def test_several_without_a_word_are_all_read() -> None:
    message = read(mail("", _OLD, _OLD.replace("漏水，地板泡坏了", "又漏水了")))
    assert message.text.count(_HEAD) == 2
    assert message.text.endswith("洗碗机又漏水了。")
    assert len(read(mail("", *[_OLD] * 9)).text.split(_HEAD)) == 4


def test_they_share_the_room_that_one_mail_has() -> None:
    long = _OLD.replace("漏水，", "漏水，地板也漏水，\r\n" * 30_000)
    message = read(mail("请处理", long, long, long))
    assert LONGEST_TEXT - 10_000 < len(message.text_full) < LONGEST_TEXT
    assert message.meta["text_shortened"]
    assert "text_shortened" not in read(mail("请处理", long)).meta


def test_ours_are_no_words_of_the_customers() -> None:
    ours = _OLD.replace("li@other.example", "Support@example.com")
    assert read(mail("什么意思", ours)).text_full == "什么意思"


@pytest.mark.parametrize(
    ("kind", "attached"),
    [
        ("message/rfc822", "no mail at all"),
        ('text/plain; name="notes.txt"', _OLD),
        ("message/rfc822", "From: a@b.example\r\nX: " + "x" * 600_000),
    ],
)
def test_what_is_none_or_passes_a_limit_is_a_file(kind: str, attached: str) -> None:
    message, files = normalize(mail("请看", attached, kind=kind))
    assert message.text_full == "请看"
    assert len(files) == 1


def test_what_a_program_returns_is_not_read_to_anybody() -> None:
    raw = mail("自动回复", _OLD, **{"Auto-Submitted": "auto-replied"})
    assert read(raw).text_full == "自动回复"


_HTML = "<p>机器坏了，请来修。</p>"


@pytest.mark.parametrize("name", ["", '; filename="mail.html"'])
def test_a_mail_that_is_nothing_but_an_attached_text_is_read(name: str) -> None:
    head = f"Content-Type: text/html; charset=utf-8\r\nContent-Disposition: attachment{name}"
    message, files = normalize(f"From: wang@customer.example\r\n{head}\r\n\r\n{_HTML}".encode())
    assert (message.text, message.html) == ("机器坏了，请来修。", _HTML)
    assert [content.decode() for content in files.values()] == [_HTML]


@pytest.mark.parametrize(
    ("name", "said"), [("", "机器坏了，请来修。"), ('; filename="mail.html"', "")]
)
def test_in_a_mail_without_a_word_an_attached_text_without_a_name_is_the_text(
    name: str, said: str
) -> None:
    marked = f"text/html; charset=utf-8\r\nContent-Disposition: attachment{name}"
    message, files = normalize(mail("", _HTML, kind=marked))
    assert message.text == said
    assert len(files) == 1
    assert read(mail("请看附件", _HTML, kind=marked)).text_full == "请看附件"


def test_the_icon_that_a_mac_sends_with_a_file_is_none() -> None:
    both = (
        "--c\r\nContent-Type: application/applefile; name=a.pdf\r\n\r\nicon\r\n"
        "--c\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\n%PDF-1.4\r\n--c--"
    )
    message = read(mail("请看", both, kind="multipart/appledouble; boundary=c"))
    assert [(file.name, file.mime) for file in message.attachments] == [
        ("a.pdf", "application/pdf")
    ]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("发票.pdf" + " " * 90 + ".exe", "发票.pdf .exe"),
        ("a.exe. . ", "a.exe"),
        ("..", "attachment-1.bin"),
        ("\u202efdp.exe", "fdp.exe"),
    ],
)
def test_names_that_hide_what_a_file_is(name: str, safe: str) -> None:
    message = read(mail("请看", "x", kind=f'application/octet-stream; name="{name}"'))
    assert [file.name for file in message.attachments] == [safe]
