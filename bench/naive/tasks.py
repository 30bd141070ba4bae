"""The worker: ``dramatiq bench.naive.tasks``. One job makes one mail a ticket."""

import email
import email.policy
import os
import time
from email.message import EmailMessage
from html.parser import HTMLParser

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bench.naive.classify import labels
from bench.naive.storage import connection

dramatiq.set_broker(RedisBroker(url=os.environ["NAIVE_REDIS"]))


class _Text(HTMLParser):
    """What is to be read in HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def body_text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain", "html"))
    if part is None:
        return ""
    content = str(part.get_content())
    if part.get_content_type() == "text/html":
        reader = _Text()
        reader.feed(content)
        content = "".join(reader.parts)
    return content.strip()


@dramatiq.actor
def process(mail_id: int) -> None:
    """Parses, classifies and files one stored mail."""
    db = connection()
    query = "SELECT mail_from, content FROM mail WHERE id = ?"
    mail_from, content = db.execute(query, (mail_id,)).fetchone()
    mail = email.message_from_bytes(content, policy=email.policy.default)
    text = body_text(mail)
    subject = str(mail["Subject"] or "")
    found, queue = labels(f"{subject}\n{text}")
    with db:
        db.execute(
            "INSERT OR IGNORE INTO ticket (mail_id, message_id, sender, subject, text,"
            " type, domain, urgency, queue, created_at) VALUES (?,?,?,?,?,?,?,?,?,?)",
            (
                mail_id, str(mail["Message-ID"] or ""), str(mail["From"] or mail_from),
                subject, text, found["type"], found["domain"], found["urgency"], queue,
                time.time(),
            ),
        )  # fmt: skip
