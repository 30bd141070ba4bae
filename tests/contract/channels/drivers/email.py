"""SMTP: a mail server that sends again what was not taken."""

from email.message import EmailMessage
from email.policy import SMTP
from typing import Any, ClassVar

import aiosmtplib

from channels import email
from channels.email import EmailChannel
from models.ports import Channel
from tests.contract.channels.house import House
from tests.contract.channels.kit import SECRET, Driver, Heard, Tampering, marked
from tests.contract.channels.platform import Platform


class Smtp(Driver):
    label = "email-smtp"
    channel = "email"
    account = "support"
    absent: ClassVar = {
        "edit": "a mail that was sent cannot be changed",
        "delete": "a mail that was sent cannot be taken back",
    }
    tampering: ClassVar = ()  # SMTP has no signatures; what proves a sender is in ``trust``
    orders: ClassVar = False  # senders' clocks prove nothing: mails are in order of arrival
    voice = "tests/contract/email/test_outbound.py"

    def create(self, url: str, **options: Any) -> Channel:
        boxes = [{"address": "support@example.com", "account": "support"}]
        return email.create({"port": 0, "mailboxes": boxes, **options}, SECRET)

    async def deliver(
        self, house: House, platform: Platform, number: int, tampering: Tampering = ""
    ) -> Heard:
        assert isinstance(house.channel, EmailChannel)
        mail = EmailMessage(policy=SMTP)
        mail["From"], mail["To"] = "wang@customer.example", "support@example.com"
        mail["Message-ID"] = f"<{number}@customer.example>"
        mail.set_content(marked(number))
        client = aiosmtplib.SMTP(
            hostname="127.0.0.1", port=house.channel.port, start_tls=False, timeout=20
        )
        try:
            await client.connect()
            await client.mail("wang@customer.example")
            await client.rcpt("support@example.com")
            code, _ = await client.data(mail.as_bytes())
        except aiosmtplib.SMTPResponseException as refusal:
            code = refusal.code
        finally:
            client.close()
        return "acknowledged" if code == 250 else "again" if code < 500 else "refused"
