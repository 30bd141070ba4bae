"""What every channel has to show, and what its driver has to know about its platform.

A driver plays the platform's side of the wire: it delivers a message as the platform does, and
says in the platform's own terms what it was answered. Everything else is the kit's.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from aiohttp import web

from models.message import Envelope, Lane, OutboundMessage, ReplyRoute
from models.ports import Channel
from models.sending import Size, characters
from tests.contract.channels.house import House
from tests.contract.channels.platform import Asked, Misdeed, Platform

HERE = Path(__file__).parent

CASES = ("text", "attachment", "reply", "edit", "delete")
"""Payloads that every channel has, or says why its platform knows no such thing."""

Heard = Literal["acknowledged", "again", "refused"]
"""What the platform was told: it is stored; try again; you are not who you say."""

Tampering = Literal["", "absent", "wrong", "old"]

SECRET = b"k" * 32


@dataclass(frozen=True)
class Expected:
    """What an attempt to send has to be called after this misdeed."""

    misdeed: Misdeed
    states: frozenset[str]
    at_least: float = 0.0


class Driver:
    """One way into one channel. Subclasses fill in what is their platform's."""

    label: str
    """Unique; its payloads are in the folder of this name unless ``payloads`` says another."""

    channel: str
    """The name in the registry."""

    payloads: ClassVar[str] = ""
    absent: ClassVar[Mapping[str, str]] = {}
    """Cases that the platform does not have, and why."""

    tampering: ClassVar[tuple[Tampering, ...]] = ("absent", "wrong", "old")
    """Forgeries that the platform's kind of proof can be told apart from the real thing."""

    orders: ClassVar[bool] = True
    """Whether ``order_key`` tells the order of what was said."""

    secrets: ClassVar[tuple[str, ...]] = ()
    """What may stand in no log."""

    limit: ClassVar[int | None] = None
    size: ClassVar[Size] = staticmethod(characters)
    voice: ClassVar[str] = ""
    """Where the voice is tested instead, for one that does not speak HTTP."""

    def create(self, url: str, **options: Any) -> Channel:
        """The channel, with its platform at ``url``."""
        raise NotImplementedError

    def answers(self, asked: Asked) -> Any:
        """What the platform says when it behaves."""
        return {}

    @asynccontextmanager
    async def around(self) -> AsyncIterator[None]:
        """What of the platform does not speak HTTP, while the channel is open."""
        yield

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The platform's end of a WebSocket, where there is one."""
        raise NotImplementedError

    async def deliver(
        self, house: House, platform: Platform, number: int, tampering: Tampering = ""
    ) -> Heard:
        """Delivers message ``number`` of one sender once. Its text holds “〔number〕”."""
        raise NotImplementedError

    def said(self, platform: Platform) -> list[str]:
        """The texts of what the platform was given to show, in order."""
        return []

    def buttons(self, platform: Platform) -> list[tuple[str, str]]:
        """(label, value) of every button that the platform was given to show."""
        return []

    def outcomes(self) -> Mapping[str, Expected]:
        """Misdeeds, and what has become of an answer after each."""
        return {}

    def route(self) -> ReplyRoute:
        return ReplyRoute(adapter=self.channel, address="4711")

    def answer(self, text: str, **changes: Any) -> OutboundMessage:
        values: dict[str, Any] = {
            "id": "01900000-0000-7000-8000-000000000001",
            "conversation_id": "c",
            "conversation_key": "talk",
            "channel": self.channel,
            "account": self.account,
            "seq": 2,
            "kind": "reply",
            "text": text,
            "route": self.route(),
        }
        return OutboundMessage(**values | changes)

    account: ClassVar[str] = ""

    @property
    def folder(self) -> Path:
        return HERE / (self.payloads or self.label)


def marked(number: int) -> str:
    return f"第〔{number}〕条：包裹没有收到 📦"


@dataclass(frozen=True)
class Payload:
    """One captured payload, and what is to be read from it."""

    driver: Driver
    name: str

    @property
    def _file(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.driver.folder / f"{self.name}.json").read_text())
        return found

    def envelope(self) -> Envelope:
        found = self._file
        body = found["body"]
        raw = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        return Envelope(
            id="01900000-0000-7000-8000-000000000000",
            channel=self.driver.channel,
            account=found.get("account", self.driver.account),
            dedupe_key="captured-payload",
            body=raw.encode(),
            received_at=1_800_000_000.0,
            lane=Lane.LIVE,
            transport=found.get("transport", {}),
        )

    def expected(self) -> list[dict[str, Any]]:
        return list(self._file["messages"])


def payloads(driver: Driver) -> list[Payload]:
    return [Payload(driver, path.stem) for path in sorted(driver.folder.glob("*.json"))]


def differences(wanted: Any, found: Any, at: str = "") -> list[str]:
    """Where ``found`` lacks what is ``wanted``; what is not mentioned may be anything."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return [d for k, v in wanted.items() for d in differences(v, found.get(k), f"{at}.{k}")]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = enumerate(zip(wanted, found, strict=True))
        return [d for n, (w, f) in pairs for d in differences(w, f, f"{at}[{n}]")]
    return [] if wanted == found else [f"{at}: {found!r} instead of {wanted!r}"]
