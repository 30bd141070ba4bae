"""The mails that the benchmarks send: 4 KB, multipart, Chinese, each one different.

The words are those of the seed corpus, a few messages of one domain to a mail, because made-up
text would make classifying easier or harder than it is. The same arguments give the same mails.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.header import Header
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime, formataddr
from html import escape
from typing import NamedTuple

from classifier import seed
from config.settings import load, load_taxonomy

MAILBOX = "support@localhost"
SIZE = 4096
"""Bytes of most mails; those that say more are up to half as large again."""

_MIDNIGHT = datetime(2026, 11, 2, tzinfo=UTC)
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红梅鑫"
_GREETINGS = ("您好：", "你好，", "客服你好：", "尊敬的客服：", "您好，打扰了。", "")
_JOINTS = ("另外，", "还有一件事：", "顺便说一下，", "补充一点：", "再说一句，", "")
_THANKS = ("谢谢！", "麻烦尽快回复。", "盼复，谢谢。", "请帮忙看一下。", "等您的答复。", "")
_CRLF = compat32.clone(linesep="\r\n")
_LENGTHS = (60, 200)
"""Characters; the last text goes over. The corpus's own mails have 226 on average."""

_STYLE = "font-family:微软雅黑;font-size:14px"
_CHARSETS = ("utf-8", "utf-8", "utf-8", "gb18030")


class Mail(NamedTuple):
    """A mail as it goes over the wire, and its Message-ID with angle brackets."""

    message_id: str
    sender: str
    content: bytes


def mails(count: int, *, salt: str, without_domain: str = "") -> Iterator[Mail]:
    """``count`` mails; others for every ``salt``; none about ``without_domain``."""
    draw = random.Random(salt)
    corpus = seed.lines(load_taxonomy(load(None, environ={})))
    domains: dict[str, list[str]] = {}
    for line in corpus:
        if line["lang"] == "zh" and line["domain"] != without_domain:
            domains.setdefault(line["domain"], []).append(line["text"])
    names = sorted(domains)
    for number in range(count):
        yield _mail(number, domains[draw.choice(names)], draw, salt)


def _mail(number: int, texts: Sequence[str], draw: random.Random, salt: str) -> Mail:
    customer = draw.randrange(1_000_000)
    name = draw.choice(_SURNAMES) + "".join(draw.choices(_GIVEN, k=draw.choice((1, 2))))
    sender = f"customer{customer}@mail{customer % 97}.example.com"
    subject, *said = draw.sample(texts, len(texts))
    lines = [draw.choice(_GREETINGS), *_story(said, draw), draw.choice(_THANKS)]
    lines += [f"订单号 {draw.randrange(10**11, 10**12)}", name]
    charset = draw.choice(_CHARSETS)
    mail = MIMEMultipart("alternative", boundary=f"=_{draw.randrange(16**20):020x}")
    mail["Message-ID"] = f"<{number}.{draw.randrange(16**16):016x}@{salt}.example.com>"
    mail["Date"] = format_datetime(_MIDNIGHT + timedelta(seconds=number))
    mail["From"] = formataddr((str(Header(name, charset)), sender))
    mail["To"] = formataddr((str(Header("客户服务", charset)), MAILBOX))
    mail["Subject"] = Header(subject[:24], charset)
    mail["X-Mailer"] = "Foxmail 7.2.25.213[cn]"
    mail.attach(MIMEText("\r\n".join(lines), "plain", charset))
    html = "\r\n".join(f'<div style="{_STYLE}">{escape(line)}</div>' for line in lines)
    return Mail(mail["Message-ID"], sender, _filled(mail, html, charset))


def _story(texts: Sequence[str], draw: random.Random) -> list[str]:
    """Texts one after the other, until they are as long as a mail."""
    wanted = draw.randint(*_LENGTHS)
    lines: list[str] = []
    for text in texts:
        lines.append((draw.choice(_JOINTS) if lines else "") + text)
        if sum(map(len, lines)) >= wanted:
            break
    return lines


def _filled(mail: MIMEMultipart, html: str, charset: str) -> bytes:
    """The mail with its HTML part, styled at such length that the whole has ``SIZE`` bytes."""
    plain = mail.get_payload()
    bare = _rendered(mail, [*plain, MIMEText(_page(html, 0), "html", charset)])
    # Base64 writes 3 bytes as 4, and 76 characters as a line of 78.
    fill = max(0, (SIZE - len(bare)) * 3 * 76 // (4 * 78))
    return _rendered(mail, [*plain, MIMEText(_page(html, fill), "html", charset)])


def _rendered(mail: MIMEMultipart, parts: list[Message]) -> bytes:
    mail.set_payload(parts)
    return mail.as_bytes(policy=_CRLF)


def _page(html: str, fill: int) -> str:
    rule = "p{margin:0;font-family:'Microsoft YaHei',sans-serif;font-size:14px;color:#333}"
    style = (rule * (fill // len(rule) + 1))[:fill]
    return f"<html><head><style>{style}</style></head><body>{html}</body></html>"
