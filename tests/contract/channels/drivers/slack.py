"""Slack, by the Events API and by Socket Mode, through slack_sdk's own clients."""

import asyncio
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from aiohttp import WSMsgType, web
from slack_sdk.signature import SignatureVerifier

from channels import slack
from models.message import ReplyRoute
from models.ports import Channel
from tests.contract.channels.house import House
from tests.contract.channels.kit import SECRET, Driver, Expected, Heard, Tampering, marked
from tests.contract.channels.platform import DROP, SLOW, Asked, Misdeed, Platform

BOT, APP = "xoxb-nobody-logs-this-token", "xapp-1-nobody-logs-this-one-either"
SIGNING = "a signing secret that nobody logs"
_HEARD: Mapping[int, Heard] = {200: "acknowledged", 503: "again", 401: "refused"}


def event(number: int) -> dict[str, Any]:
    """A message in a channel, as Slack documents its envelope."""
    ts = f"{1764036000 + number}.000100"
    return {
        "token": "legacy",
        "team_id": "T1",
        "api_app_id": "A1",
        "type": "event_callback",
        "event_id": f"Ev{number:08}",
        "event_time": 1764036000 + number,
        "authorizations": [{"team_id": "T1", "user_id": "UBOT", "is_bot": True}],
        "event": {
            "type": "message",
            "channel": "C1",
            "channel_type": "channel",
            "user": "U1",
            "text": marked(number),
            "ts": ts,
            "thread_ts": "1764036000.000100",
            "team": "T1",
        },
    }


def said_no(word: str, status: int = 200, **headers: str) -> Misdeed:
    return Misdeed(status, headers, json.dumps({"ok": False, "error": word}))


class _Slack(Driver):
    channel = "slack"
    account = "slack"
    payloads = "slack"
    secrets: ClassVar = (BOT, APP, SIGNING)
    limit = 4000

    def create(self, url: str, **options: Any) -> Channel:
        values = {
            "bot_token": BOT,
            "base_url": f"{url}/api/",
            "pace_seconds": 0.0,
            "timeout_seconds": 2,
        }
        return slack.create({**values, **self.way(), **options}, SECRET)

    def way(self) -> Mapping[str, Any]:
        raise NotImplementedError

    def route(self) -> ReplyRoute:
        return ReplyRoute(adapter="slack", address="C1/1764036000.000100")

    def answers(self, asked: Asked) -> Any:
        if asked.path.endswith("/auth.test"):
            return {"ok": True, "team_id": "T1", "user_id": "UBOT"}
        return {"ok": True, "ts": "1764036099.000100", "channel": "C1"}

    def said(self, platform: Platform) -> list[str]:
        posted = platform.of("/chat.postMessage")
        assert {one.fields["thread_ts"] for one in posted} == {"1764036000.000100"}
        return [str(one.fields["text"]) for one in posted]

    def buttons(self, platform: Platform) -> list[tuple[str, str]]:
        rows = [
            one.fields["blocks"]
            for one in platform.of("/chat.postMessage")
            if "blocks" in one.fields
        ]
        buttons = [b for blocks in rows for b in blocks[-1]["elements"]]
        return [(b["text"]["text"], b["value"]) for b in buttons]

    def outcomes(self) -> Mapping[str, Expected]:
        retry, failed, unknown = (frozenset({word}) for word in ("retry", "failed", "unknown"))
        flood = said_no("ratelimited", 429, **{"Retry-After": "31"})
        return {
            "429": Expected(flood, retry, 31.0),
            "500": Expected(Misdeed(500, body="oops"), unknown),
            "internal": Expected(said_no("internal_error"), unknown),
            "dropped": Expected(DROP, unknown),
            "slow": Expected(SLOW, unknown),
            "token": Expected(said_no("token_expired"), retry, 1.0),
            "no scope": Expected(said_no("missing_scope"), retry, 60.0),
            "no direct messages": Expected(said_no("messages_tab_disabled"), retry, 60.0),
            "gone": Expected(said_no("channel_not_found"), failed),
            "not documented": Expected(said_no("something_new"), failed),
        }


class SlackEvents(_Slack):
    label = "slack-events"

    def way(self) -> Mapping[str, Any]:
        return {"signing_secret": SIGNING}

    async def deliver(
        self, house: House, platform: Platform, number: int, tampering: Tampering = ""
    ) -> Heard:
        raw = json.dumps(event(number))
        now = str(int(time.time()) - (301 if tampering == "old" else 0))
        secret = "another secret" if tampering == "wrong" else SIGNING
        signature = SignatureVerifier(secret).generate_signature(timestamp=now, body=raw)
        headers = {"Content-Type": "application/json", "X-Slack-Request-Timestamp": now}
        if tampering != "absent":
            headers["X-Slack-Signature"] = str(signature)
        url = f"{house.url}/slack/events"
        async with house.http.post(url, data=raw, headers=headers) as response:
            return _HEARD[response.status]


class SlackSockets(_Slack):
    """Slack gives an event again when it was not acknowledged."""

    label = "slack-sockets"
    tampering: ClassVar = ()  # the socket is ours: nobody else can write to it

    def __init__(self) -> None:
        self._socket: web.WebSocketResponse | None = None
        self._acked: dict[str, asyncio.Event] = {}

    def create(self, url: str, **options: Any) -> Channel:
        self.__init__()  # type: ignore[misc]
        self._url = url
        return super().create(url, **options)

    def way(self) -> Mapping[str, Any]:
        return {"app_token": APP}

    def answers(self, asked: Asked) -> Any:
        if asked.path.endswith("/apps.connections.open"):
            return {"ok": True, "url": f"{self._url.replace('http', 'ws')}/socket"}
        return super().answers(asked)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The platform's end of the socket."""
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        await socket.send_json({"type": "hello", "num_connections": 1})
        self._socket = socket
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                told = json.loads(message.data)
                self._acked.setdefault(told["envelope_id"], asyncio.Event()).set()
        return socket

    async def deliver(
        self, house: House, platform: Platform, number: int, tampering: Tampering = ""
    ) -> Heard:
        while self._socket is None or self._socket.closed:
            await asyncio.sleep(0.01)
        envelope_id = str(uuid.uuid4())
        acked = self._acked.setdefault(envelope_id, asyncio.Event())
        frame = {"type": "events_api", "envelope_id": envelope_id, "payload": event(number)}
        await self._socket.send_json({**frame, "accepts_response_payload": False})
        patience = 0.5 if house.failing else 10.0  # a real one waits longer
        try:
            await asyncio.wait_for(acked.wait(), patience)
        except TimeoutError:
            return "again"
        return "acknowledged"
