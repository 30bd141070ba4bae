"""A raw mail, and what the mail channel reads in it."""

from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from channels.email import EmailChannel, create
from models.message import Envelope, InboundMessage, Lane, Normalized

SECRET = b"unit"
CHANNEL = create(
    {
        "mailboxes": [{"address": "support@example.com", "account": "support"}],
        "verifying_peers": ["192.0.2.0/24"],
    },
    SECRET,
)


def envelope(raw: bytes, **transport: Any) -> Envelope:
    facts = {"peer": "198.51.100.1", "mail_from": "z@customer.example", **transport}
    return Envelope("e1", "email", "support", "d", raw, 1_700_000_000.25, Lane.MAIL, facts)


def normalize(raw: bytes, channel: EmailChannel = CHANNEL, **transport: Any) -> Normalized:
    (normalized,) = channel.normalize(envelope(raw, **transport))
    return normalized


def read(raw: bytes, **transport: Any) -> InboundMessage:
    return normalize(raw, **transport).message


def mail(body: str = "您好\n", **headers: str) -> bytes:
    made = EmailMessage(policy=SMTP)
    made["From"] = headers.pop("From", "张三 <Z@Customer.example>")
    made["Subject"] = headers.pop("Subject", "退款")
    made["Message-ID"] = headers.pop("Message-ID", "<m1@customer.example>")
    for name, value in headers.items():
        made[name] = value
    made.set_content(body)
    return made.as_bytes()
