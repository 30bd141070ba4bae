"""Feishu's events, encrypted and signed or with a token alone, and its server API."""

import base64
import hashlib
import json
import os
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from channels import feishu
from channels.feishu.proof import WINDOW_SECONDS
from channels.feishu.writing import MAX_BYTES, weight
from models.message import ReplyRoute
from models.ports import Channel
from tests.contract.channels.house import House
from tests.contract.channels.kit import SECRET, Driver, Expected, Heard, Tampering, marked
from tests.contract.channels.platform import DROP, SLOW, Asked, Misdeed, Platform

APP, APP_SECRET = "cli_shouli", "an app secret that nobody logs"
ENCRYPT_KEY, TOKEN = "an encrypt key that nobody logs", "a verification token that nobody logs"
TENANT_TOKEN = "t-nobody-logs-this-one-either"
_HEARD: Mapping[int, Heard] = {200: "acknowledged", 503: "again", 401: "refused"}

_LARGEST = {"text": 150 * 1024, "post": 30 * 1024, "interactive": 30 * 1024}
"""Bytes of a request, by type of message, as Feishu documents them."""


def event(number: int) -> dict[str, Any]:
    """A message in a direct chat, as Feishu documents its event."""
    at = str(1764036000_000 + number * 1000)
    return {
        "schema": "2.0",
        "header": {
            "event_id": f"{number:032x}",
            "event_type": "im.message.receive_v1",
            "create_time": at,
            "token": TOKEN,
            "app_id": APP,
            "tenant_key": "2ca1d211f64f6438",
        },
        "event": {
            "sender": {
                "sender_id": {"union_id": "on_1", "user_id": "e33ggbyz", "open_id": "ou_1"},
                "sender_type": "user",
                "tenant_key": "2ca1d211f64f6438",
            },
            "message": {
                "message_id": f"om_{number}",
                "create_time": at,
                "update_time": at,
                "chat_id": "oc_1",
                "chat_type": "p2p",
                "message_type": "text",
                "content": json.dumps({"text": marked(number)}, ensure_ascii=False),
            },
        },
    }


def sealed(told: object, key: str = ENCRYPT_KEY) -> bytes:
    """A request body as Feishu encrypts it."""
    plain = json.dumps(told, ensure_ascii=False).encode()
    missing = 16 - len(plain) % 16
    iv = os.urandom(16)
    digest = hashlib.sha256(key.encode()).digest()
    encryptor = Cipher(algorithms.AES(digest), modes.CBC(iv)).encryptor()
    closed = encryptor.update(plain + bytes([missing]) * missing) + encryptor.finalize()
    return json.dumps({"encrypt": base64.b64encode(iv + closed).decode()}).encode()


def headers(raw: bytes, at: float | None = None, key: str = ENCRYPT_KEY) -> dict[str, str]:
    """What Feishu sends beside a body that it signs."""
    now, nonce = str(int(time.time() if at is None else at)), "1608725989"
    return {
        "Content-Type": "application/json; charset=utf-8",
        "X-Lark-Request-Timestamp": now,
        "X-Lark-Request-Nonce": nonce,
        "X-Lark-Signature": hashlib.sha256(f"{now}{nonce}{key}".encode() + raw).hexdigest(),
    }


def refusal(code: int, status: int = 400, **told: str) -> Misdeed:
    return Misdeed(status, told, json.dumps({"code": code, "msg": "no"}))


class _Feishu(Driver):
    channel = "feishu"
    account = "feishu"
    payloads = "feishu"
    secrets: ClassVar = (APP_SECRET, ENCRYPT_KEY, TOKEN, TENANT_TOKEN)
    limit = MAX_BYTES
    size = staticmethod(weight)

    def create(self, url: str, **options: Any) -> Channel:
        values: dict[str, Any] = {
            "app_id": APP,
            "app_secret": APP_SECRET,
            "bot_name": "受理",
            "base_url": url,
            "pace_seconds": 0.0,
            "repeat_seconds": 0.0,
            "timeout_seconds": 2.0,
        }
        return feishu.create({**values, **self.proofs(), **options}, SECRET)

    def proofs(self) -> Mapping[str, Any]:
        raise NotImplementedError

    def route(self) -> ReplyRoute:
        return ReplyRoute(adapter="feishu", address="oc_1/om_1")

    def answers(self, asked: Asked) -> Any:
        if asked.path.endswith("/tenant_access_token/internal"):
            assert asked.fields == {"app_id": APP, "app_secret": APP_SECRET}
            return {"code": 0, "msg": "ok", "tenant_access_token": TENANT_TOKEN, "expire": 7200}
        assert asked.headers["Authorization"] == f"Bearer {TENANT_TOKEN}"
        if asked.path.endswith("/im/v1/messages"):
            assert asked.query == {"receive_id_type": "chat_id"}
            assert asked.fields["receive_id"] == "oc_1"
        else:
            assert "receive_id" not in asked.fields
        # Of one number there is one message, however often it is sent within the hour.
        assert 0 < len(asked.fields["uuid"]) <= 50
        assert len(asked.raw) <= _LARGEST[asked.fields["msg_type"]]
        return {"code": 0, "msg": "success", "data": {"message_id": shown(asked)}}

    def said(self, platform: Platform) -> list[str]:
        replied = platform.of("/im/v1/messages/om_1/reply")
        return [words(one) for one in {one.fields["uuid"]: one for one in replied}.values()]

    def buttons(self, platform: Platform) -> list[tuple[str, str]]:
        replied = platform.of("/im/v1/messages/om_1/reply")
        cards = [one.fields for one in replied if one.fields["msg_type"] == "interactive"]
        rows = [json.loads(one["content"])["elements"][-1]["actions"] for one in cards]
        return [(b["text"]["content"], b["value"]["choice"]) for row in rows for b in row]

    def outcomes(self) -> Mapping[str, Expected]:
        retry, failed, sent = (frozenset({word}) for word in ("retry", "failed", "sent"))
        flood = refusal(99991400, 429, **{"x-ogw-ratelimit-reset": "7"})
        return {
            "429": Expected(flood, retry, 7.0),
            "busy group": Expected(refusal(230020), retry, 1.0),
            # Sent again at once under the same number, of which Feishu shows one.
            "500": Expected(Misdeed(500, body="oops"), sent),
            "internal": Expected(refusal(2200, 200), sent),
            "being sent": Expected(refusal(230049), sent),
            "dropped": Expected(DROP, sent),
            "slow": Expected(SLOW, sent),
            "no JSON": Expected(Misdeed(200, body="<html>"), sent),
            "token": Expected(refusal(99991663), sent),
            "withdrawn": Expected(refusal(230011), sent),
            "deleted": Expected(refusal(230110), sent),
            "scope": Expected(refusal(99991672), retry, 60.0),
            "not in the group": Expected(refusal(230002), failed),
            "not available": Expected(refusal(230013), failed),
            "no bot": Expected(refusal(230006), failed),
            "not known here": Expected(refusal(239999), failed),
        }


def shown(asked: Asked) -> str:
    return f"om_answer_{asked.fields['uuid']}"


def words(asked: Asked) -> str:
    """What a person reads, and that nothing else is in it."""
    content = json.loads(asked.fields["content"])
    if asked.fields["msg_type"] == "text":
        assert list(content) == ["text"]
        return str(content["text"])
    if asked.fields["msg_type"] == "interactive":
        assert content["elements"][0]["text"]["tag"] == "plain_text"
        return str(content["elements"][0]["text"]["content"])
    elements = [one for line in content["zh_cn"]["content"] for one in line]
    assert {one["tag"] for one in elements} == {"text"}
    return "\n".join("" if one["text"] == " " else one["text"] for one in elements)


class FeishuEncrypted(_Feishu):
    label = "feishu-encrypted"

    def proofs(self) -> Mapping[str, Any]:
        return {"encrypt_key": ENCRYPT_KEY, "verification_token": TOKEN}

    async def deliver(
        self, house: House, platform: Platform, number: int, tampering: Tampering = ""
    ) -> Heard:
        raw = sealed(event(number))
        old = time.time() - WINDOW_SECONDS - 1
        key = "another key" if tampering == "wrong" else ENCRYPT_KEY
        told = headers(raw, old if tampering == "old" else None, key)
        if tampering == "absent":
            del told["X-Lark-Signature"]
        url = f"{house.url}/feishu/events"
        async with house.http.post(url, data=raw, headers=told) as response:
            return _HEARD[response.status]


class FeishuToken(_Feishu):
    """Without an Encrypt Key nothing is signed: the token in the body is all there is."""

    label = "feishu-token"
    tampering: ClassVar = ("absent", "wrong")

    def proofs(self) -> Mapping[str, Any]:
        return {"verification_token": TOKEN}

    async def deliver(
        self, house: House, platform: Platform, number: int, tampering: Tampering = ""
    ) -> Heard:
        told = event(number)
        if tampering == "absent":
            del told["header"]["token"]
        if tampering == "wrong":
            told["header"]["token"] = "another token"
        url = f"{house.url}/feishu/events"
        async with house.http.post(url, json=told) as response:
            return _HEARD[response.status]
