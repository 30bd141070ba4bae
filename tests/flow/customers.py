"""Customers who read what they get: by mail, in a chat, on the page behind a link.

Whatever reaches one of them lies in their inbox until a test takes it out and compares it word
for word. What nobody took out was not expected.
"""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

import aiohttp

from tests.flow.clients import MAILBOX, Relay, Visitor, letter, post_until_stored, until
from tests.flow.system import System

_TAG = re.compile(r"<[^>]+>")


@dataclass
class Inbox:
    """What has reached one customer, and how much of it was looked at."""

    name: str
    looked_at: int = 0

    def received(self) -> Sequence[Any]:
        """Everything so far, in the order in which it came."""
        raise NotImplementedError

    def unexpected(self) -> list[str]:
        """What has come and nobody asked for."""
        return [self.text_of(one) for one in self.received()[self.looked_at :]]

    def text_of(self, one: Any) -> str:
        raise NotImplementedError

    async def next(self) -> Any:
        """The next that comes, or that has come."""
        await until(f"a text for {self.name}", lambda: len(self.received()) > self.looked_at)
        self.looked_at += 1
        return self.received()[self.looked_at - 1]

    def check(self, one: Any, text: str, choices: Sequence[str] = ()) -> None:
        """It is exactly this text, with exactly these choices."""
        raise NotImplementedError

    async def gets(self, text: str, choices: Sequence[str] = ()) -> Any:
        """The next is exactly this."""
        one = await self.next()
        self.check(one, text, choices)
        return one


@dataclass
class Correspondent(Inbox):
    """Somebody who writes mails, and answers what they got last."""

    system: System = field(kw_only=True)
    relay: Relay = field(kw_only=True)

    def received(self) -> Sequence[EmailMessage]:
        return [one.message for one in self.relay.to(self.name)]

    def text_of(self, one: EmailMessage) -> str:
        """What a reader of either form reads: the two say the same."""
        plain, shown = one.get_body(("plain",)), one.get_body(("html",))
        assert plain is not None
        assert shown is not None
        text = str(plain.get_content()).replace("\r\n", "\n").removesuffix("\n")
        read = html.unescape(_TAG.sub("", str(shown.get_content())))
        assert "".join(read.split()) == "".join(text.split())
        return text

    def check(self, one: EmailMessage, text: str, choices: Sequence[str] = ()) -> None:
        """A mail has no buttons: its choices are words."""
        wanted = "\n".join([text, *filter(None, [" / ".join(choices)])])
        assert self.text_of(one) == wanted, f"{self.name} got {self.text_of(one)}, not {wanted}"

    async def write(
        self,
        text: str,
        subject: str,
        to: str = MAILBOX,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """A mail about something new, unless its headers say otherwise."""
        raw = letter(self.name, text, subject=subject, to=to, headers=headers)
        await post_until_stored(self.system.smtp_port, self.name, raw, to=to)

    async def answer(self, text: str) -> None:
        """Answers the last mail that was looked at, as mail programs do."""
        last = self.received()[self.looked_at - 1]
        to = str(last["Reply-To"] or last["From"].addresses[0].addr_spec)
        known = {"In-Reply-To": str(last["Message-ID"]), "References": str(last["Message-ID"])}
        await self.write(text, str(last["Subject"]), to, known)


@dataclass
class Chatter(Inbox):
    """Somebody in a chat, with buttons to press."""

    visitor: Visitor = field(kw_only=True)

    def received(self) -> Sequence[dict[str, Any]]:
        lines = self.visitor.lines
        return [lines[seq] for seq in sorted(lines) if lines[seq]["from"] == "us"]

    def text_of(self, one: dict[str, Any]) -> str:
        return str(one["text"])

    def check(self, one: dict[str, Any], text: str, choices: Sequence[str] = ()) -> None:
        buttons = [choice["label"] for choice in one.get("choices", ())]
        got = (self.text_of(one), buttons)
        assert got == (text, list(choices)), f"{self.name} got {got}, not {text} {choices}"

    async def press(self, line: dict[str, Any], label: str) -> None:
        """Presses a button of a line that came."""
        (value,) = (one["value"] for one in line["choices"] if one["label"] == label)
        await self.visitor.say(label, choice=value)


# -- the page behind a link ------------------------------------------------------------


class _Words(HTMLParser):
    """What stands on a page, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.pieces.append(data.strip())


async def page(http: aiohttp.ClientSession, url: str) -> list[str]:
    """The words of a page as a browser shows them, its title first."""
    async with http.get(url) as response:
        return await _read(response)


async def submit(http: aiohttp.ClientSession, url: str, form: dict[str, str]) -> list[str]:
    """The words of the page that answers a form."""
    async with http.post(url, data=form) as response:
        return await _read(response)


async def _read(response: aiohttp.ClientResponse) -> list[str]:
    assert response.status == 200, (response.url, response.status, await response.text())
    words = _Words()
    words.feed(await response.text())
    return words.pieces
