"""Telegram, by webhook and by getUpdates, through python-telegram-bot's own client."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, ClassVar

from channels import telegram
from models.message import ReplyRoute
from models.ports import Channel
from models.sending import utf16_units
from tests.contract.channels.house import House
from tests.contract.channels.kit import SECRET, Driver, Expected, Heard, Tampering, marked
from tests.contract.channels.platform import DROP, SLOW, Asked, Misdeed, Platform

TOKEN = "123456789:AAE-nobody-logs-this-token-of-a-bot"
_HEARD: Mapping[int, Heard] = {200: "acknowledged", 503: "again", 401: "refused"}


def update(number: int) -> dict[str, Any]:
    """A message in a private chat, as the Bot API documents it."""
    person = {"id": 4711, "is_bot": False, "first_name": "小明", "language_code": "zh-hans"}
    return {
        "update_id": 1000 + number,
        "message": {
            "message_id": 100 + number,
            "from": person,
            "chat": {"id": 4711, "first_name": "小明", "type": "private"},
            "date": 1764036000 + number,
            "text": marked(number),
        },
    }


def failure(status: int, description: str, **parameters: Any) -> Misdeed:
    told: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
    if parameters:
        told["parameters"] = parameters
    return Misdeed(status, body=json.dumps(told))


class _Telegram(Driver):
    channel = "telegram"
    account = "telegram"
    payloads = "telegram"
    absent: ClassVar = {"delete": "the Bot API does not tell bots of deletions"}
    secrets: ClassVar = (TOKEN, TOKEN.partition(":")[2])
    limit = 4096
    size = staticmethod(utf16_units)
    webhook: ClassVar[bool]

    def create(self, url: str, **options: Any) -> Channel:
        values: dict[str, Any] = {
            "token": TOKEN,
            "base_url": url,
            "username": "shouli_bot",
            "pace_seconds": 0.0,
            "timeout_seconds": 2.0,
            "poll_seconds": 0,
        }
        if self.webhook:
            values["webhook"] = "https://bot.example.com/telegram/webhook"
        return telegram.create({**values, **options}, SECRET)

    def route(self) -> ReplyRoute:
        return ReplyRoute(adapter="telegram", address="-100123/55")

    def answers(self, asked: Asked) -> Any:
        method = asked.path.rpartition("/")[2]
        if method == "getUpdates":
            return self.updates(int(asked.query.get("offset", 0)))
        if method in {"setWebhook", "deleteWebhook"}:
            return {"ok": True, "result": True}
        chat = {"id": int(asked.fields.get("chat_id", 1)), "type": "private"}
        return {"ok": True, "result": {"message_id": 900, "date": 1764036000, "chat": chat}}

    async def updates(self, offset: int) -> Any:
        await asyncio.sleep(0.005)
        return {"ok": True, "result": []}

    def said(self, platform: Platform) -> list[str]:
        return [str(one.fields["text"]) for one in platform.of("/sendMessage")]

    def buttons(self, platform: Platform) -> list[tuple[str, str]]:
        markups = [
            json.loads(str(one.fields["reply_markup"]))
            for one in platform.of("/sendMessage")
            if "reply_markup" in one.fields
        ]
        buttons = [b for markup in markups for row in markup["inline_keyboard"] for b in row]
        return [(b["text"], b["callback_data"]) for b in buttons]

    def outcomes(self) -> Mapping[str, Expected]:
        retry, failed, unknown = (frozenset({word}) for word in ("retry", "failed", "unknown"))
        flood = failure(429, "Too Many Requests: retry after 17", retry_after=17)
        return {
            "429": Expected(flood, retry, 17.0),
            "500": Expected(failure(500, "Internal Server Error"), unknown),
            "502": Expected(Misdeed(502, body="<html>"), unknown),
            "dropped": Expected(DROP, unknown),
            "slow": Expected(SLOW, unknown),
            "token": Expected(failure(401, "Unauthorized"), retry, 1.0),
            "blocked": Expected(failure(403, "Forbidden: bot was blocked by the user"), failed),
            "no chat": Expected(failure(400, "Bad Request: chat not found"), failed),
        }


class TelegramWebhook(_Telegram):
    label = "telegram-webhook"
    webhook = True
    tampering: ClassVar = ("absent", "wrong")

    async def deliver(
        self, house: House, platform: Platform, number: int, tampering: Tampering = ""
    ) -> Heard:
        while not platform.of("/setWebhook"):
            await asyncio.sleep(0.005)
        secret = platform.of("/setWebhook")[-1].fields["secret_token"]
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret}
        if tampering == "absent":
            headers = {}
        if tampering == "wrong":
            headers = {"X-Telegram-Bot-Api-Secret-Token": "0" * 64}
        url = f"{house.url}/telegram/webhook"
        async with house.http.post(url, json=update(number), headers=headers) as response:
            return _HEARD[response.status]


class TelegramPolling(_Telegram):
    """The platform gives every update until one greater than it is asked for."""

    label = "telegram-polling"
    webhook = False
    tampering: ClassVar = ()  # we ask, over TLS: nobody else can answer
    orders: ClassVar = False  # updates are given in the order of their numbers

    def __init__(self) -> None:
        self._ready: dict[int, dict[str, Any]] = {}
        self._given: dict[int, int] = {}
        self._more = asyncio.Event()

    def create(self, url: str, **options: Any) -> Channel:
        self.__init__()  # type: ignore[misc]
        return super().create(url, **options)

    async def updates(self, offset: int) -> Any:
        self._ready = {n: u for n, u in self._ready.items() if n >= offset}
        for number in self._ready:
            self._given[number] = self._given.get(number, 0) + 1
        await asyncio.sleep(0.005)
        return {"ok": True, "result": [self._ready[n] for n in sorted(self._ready)]}

    async def deliver(
        self, house: House, platform: Platform, number: int, tampering: Tampering = ""
    ) -> Heard:
        made = update(number)
        key = made["update_id"]
        self._given[key] = 0
        self._ready[key] = made
        while key in self._ready:
            if self._given[key] > 1:
                del self._ready[key]
                return "again"  # it was given, and asked for again
            await asyncio.sleep(0.005)
        return "acknowledged"
