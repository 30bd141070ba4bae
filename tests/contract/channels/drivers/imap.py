"""IMAP: a mailbox elsewhere, on a server small enough to be read here."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any, ClassVar

from channels import email
from channels.email import imap
from models.ports import Channel
from tests.contract.channels.drivers.email import Smtp
from tests.contract.channels.house import House
from tests.contract.channels.kit import SECRET, Heard, Tampering, marked
from tests.contract.channels.platform import Platform

PASSWORD = "authorisation-code-93hx"
_SECONDS = 8.0


@dataclass
class Kept:
    """A mail in the mailbox."""

    uid: int
    raw: bytes
    seen: bool = False


@dataclass
class FakeImap:
    """One folder. Like 163 it selects nothing for programs that do not say who they are."""

    validity: int = 7
    mails: list[Kept] = field(default_factory=list)
    came: str = " 1-Jan-2024 12:00:00 +0800"
    """INTERNALDATE of all mails, by the server's own clock."""

    refusal: str = ""
    """What is said to every LOGIN, where it is refused."""

    sessions: int = 0
    over: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _idle: dict[asyncio.StreamWriter, str] = field(default_factory=dict)

    def put(self, raw: bytes) -> Kept:
        mail = Kept(len(self.mails) + 1, raw)
        self.mails.append(mail)
        for writer in self._idle:
            writer.write(b"* %d EXISTS\r\n" % len(self.mails))
        return mail

    def tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sessions += 1
        known, told = False, 0
        writer.write(b"* OK ready\r\n")
        with suppress(ConnectionError):
            while line := (await reader.readline()).decode("utf-8", "replace").strip():
                if line == "DONE":
                    writer.write(f"{self._idle.pop(writer)} OK done\r\n".encode())
                    continue
                tag, _, words = line.partition(" ")
                told = len(self.mails) if words.upper().startswith("UID SEARCH") else told
                command = words.upper()
                known = known or command.startswith("ID ")
                if command.startswith("IDLE"):
                    self._idle[writer] = tag
                    writer.write(b"+ idling\r\n")
                    if len(self.mails) > told:
                        writer.write(b"* %d EXISTS\r\n" % len(self.mails))
                elif command.startswith("LOGIN") and self.refusal:
                    writer.write(f"{tag} NO {self.refusal}\r\n".encode())
                elif command.startswith("SELECT") and not known:
                    writer.write(f"{tag} NO Unsafe Login\r\n".encode())
                else:
                    writer.write(self._answer(command) + f"{tag} OK done\r\n".encode())
        self._idle.pop(writer, None)
        writer.close()
        self.over += 1
        self.tell()

    def _answer(self, command: str) -> bytes:
        if command.startswith("CAPABILITY"):
            return b"* CAPABILITY IMAP4rev1 IDLE ID\r\n"
        if command.startswith("STATUS"):
            facts = (self.validity, len(self.mails) + 1)
            return b"* STATUS INBOX (UIDVALIDITY %d UIDNEXT %d)\r\n" % facts
        if command.startswith("UID SEARCH"):
            first = int(re.findall(r"UID (\d+):\*", command)[0])
            found = [str(m.uid) for m in self.mails if m.uid >= first] or (
                [str(self.mails[-1].uid)] if self.mails else []
            )
            return f"* SEARCH {' '.join(found)}\r\n".encode()
        if command.startswith("UID FETCH"):
            return b"".join(self._fetched(m, command) for m in self._named(command))
        if command.startswith("UID STORE"):
            for mail in self._named(command):
                mail.seen = True
            self.tell()
        return b""

    def _named(self, command: str) -> list[Kept]:
        numbers = command.split(" ")[2].split(",")
        return [mail for mail in self.mails if str(mail.uid) in numbers]

    def _fetched(self, mail: Kept, command: str) -> bytes:
        if "BODY.PEEK" in command:
            head = b"* %d FETCH (UID %d BODY[]<0> {%d}\r\n" % (mail.uid, mail.uid, len(mail.raw))
            return head + mail.raw + b")\r\n"
        return (
            f"* {mail.uid} FETCH (UID {mail.uid} RFC822.SIZE {len(mail.raw)}"
            f' INTERNALDATE "{self.came}")\r\n'
        ).encode()


class Imap(Smtp):
    label = "email-imap"
    payloads: ClassVar = "email-smtp"
    secrets: ClassVar = (PASSWORD,)

    def __init__(self) -> None:
        self.port = 1
        self.server = FakeImap()

    def create(self, url: str, **options: Any) -> Channel:
        boxes = [{"address": "support@example.com", "account": "support"}]
        box = {
            "host": "127.0.0.1", "port": self.port, "security": "none",
            "username": "support@example.com", "password": PASSWORD, "history": True,
        }  # fmt: skip
        return email.create({"port": 0, "mailboxes": boxes, "imap": [box], **options}, SECRET)

    @asynccontextmanager
    async def around(self) -> AsyncIterator[None]:
        self.server = FakeImap()
        listening = await asyncio.start_server(self.server.serve, "127.0.0.1", 0)
        self.port = listening.sockets[0].getsockname()[1]
        pause, imap._FIRST_PAUSE = imap._FIRST_PAUSE, 0.05
        try:
            yield
        finally:
            imap._FIRST_PAUSE = pause
            listening.close()
            await listening.wait_closed()

    async def deliver(
        self, house: House, platform: Platform, number: int, tampering: Tampering = ""
    ) -> Heard:
        """Acknowledged is a mail that is flagged; one that is not stays and is read again."""
        raw = _mail(number)
        waiting = [mail for mail in self.server.mails if mail.raw == raw and not mail.seen]
        over = self.server.over
        mail = waiting[0] if waiting else self.server.put(raw)
        with suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS):
                while not mail.seen and not (house.failing and self.server.over > over):
                    await self.server.changed.wait()
        return "acknowledged" if mail.seen else "again"


def _mail(number: int) -> bytes:
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"] = "wang@customer.example", "support@example.com"
    mail["Message-ID"] = f"<{number}@customer.example>"
    mail.set_content(marked(number))
    return mail.as_bytes()
