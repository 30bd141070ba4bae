"""A WeChat Official Account, as documented: posts, plain or sealed, and the API for answers."""

import base64
import hashlib
import json
import os
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from channels import wechat
from models.message import ReplyRoute
from models.ports import Channel
from models.sending import utf8_bytes
from tests.contract.channels.house import House
from tests.contract.channels.kit import SECRET, Driver, Expected, Heard, Tampering, marked
from tests.contract.channels.platform import DROP, SLOW, Asked, Misdeed, Platform

APPID = "wx0123456789abcdef"
APP_SECRET = "an0appsecretthatnobodylogs0f32ab"
TOKEN = "TokenThatNobodyLogs"
AES_KEY = "nobodylogsthiskeyeither0123456789ABCDEFGHIJ"
ACCESS_TOKEN = "87_access-token_that-nobody_logs"
OPENID = "o6_bmjrPTlm6_2sgVt7hMZOPfL2M"

_HEARD: Mapping[int, Heard] = {200: "acknowledged", 503: "again", 401: "refused"}


def xml(number: int, **changes: str) -> bytes:
    """A text, as WeChat posts it; ``changes`` are other fields, or other values of these."""
    told = {
        "ToUserName": "gh_7f083739789a",
        "FromUserName": OPENID,
        "CreateTime": str(1764036000 + number),
        "MsgType": "text",
        "Content": marked(number),
        "MsgId": str(23_000_000_000_000_000 + number),
        **changes,
    }
    inner = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in told.items())
    return f"<xml>{inner}</xml>".encode()


def sign(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


def sealed(
    message: bytes, appid: str = APPID, key: str = AES_KEY, padding: int | None = None
) -> str:
    """What WeChat puts into ``Encrypt``; ``padding`` is another byte than it pads with."""
    secret = base64.b64decode(key + "=")
    inner = os.urandom(16) + len(message).to_bytes(4, "big") + message + appid.encode()
    pad = 32 - len(inner) % 32
    encryptor = Cipher(algorithms.AES(secret), modes.CBC(secret[:16])).encryptor()
    filler = bytes([pad if padding is None else padding]) * (pad - 1) + bytes([pad])
    raw = encryptor.update(inner + filler) + encryptor.finalize()
    return base64.b64encode(raw).decode()


def wrapped(encrypt: str) -> bytes:
    """The post around it."""
    return (
        "<xml><ToUserName><![CDATA[gh_7f083739789a]]></ToUserName>"
        f"<Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>"
    ).encode()


def said_no(code: int, message: str = "no") -> Misdeed:
    told = {"errcode": code, "errmsg": f"{message} rid: 64a774ce-020c072d"}
    return Misdeed(200, body=json.dumps(told))


class _Wechat(Driver):
    channel = "wechat"
    account = APPID
    payloads = "wechat"
    absent: ClassVar = {
        "reply": "WeChat does not tell what a message quotes",
        "edit": "what was sent cannot be edited in WeChat",
        "delete": "accounts are not told that a message was withdrawn",
    }
    secrets: ClassVar = (APP_SECRET, TOKEN, AES_KEY, ACCESS_TOKEN)
    limit = 2048
    size = staticmethod(utf8_bytes)
    sealing: ClassVar[bool]

    def create(self, url: str, **options: Any) -> Channel:
        values: dict[str, Any] = {
            "appid": APPID,
            "app_secret": APP_SECRET,
            "token": TOKEN,
            "base_url": url,
            "timeout_seconds": 2.0,
        }
        if self.sealing:
            values["encoding_aes_keys"] = [AES_KEY]
        return wechat.create({**values, **options}, SECRET)

    def route(self) -> ReplyRoute:
        return ReplyRoute(adapter="wechat", address=OPENID)

    def answers(self, asked: Asked) -> Any:
        if asked.path.endswith("/stable_token"):
            return {"access_token": ACCESS_TOKEN, "expires_in": 7200}
        assert asked.query["access_token"] == ACCESS_TOKEN
        if asked.path.endswith("/media/upload"):
            return {"type": asked.query["type"], "media_id": "MEDIA", "created_at": 1764036000}
        return {"errcode": 0, "errmsg": "ok"}

    def said(self, platform: Platform) -> list[str]:
        posted = platform.of("/message/custom/send")
        assert {one.fields["touser"] for one in posted} == {OPENID}
        assert not any(b"\\u" in one.raw for one in posted), "shown as it is escaped"
        return [str(one.fields["text"]["content"]) for one in posted if "text" in one.fields]

    def outcomes(self) -> Mapping[str, Expected]:
        retry, failed, unknown = (frozenset({word}) for word in ("retry", "failed", "unknown"))
        return {
            "429": Expected(Misdeed(429, {"Retry-After": "19"}), retry, 19.0),
            "500": Expected(Misdeed(500, body="oops"), unknown),
            "502": Expected(Misdeed(502, body="<html>"), unknown),
            "nonsense": Expected(Misdeed(200, body="<html>"), unknown),
            "endless": Expected(said_no(0, "x" * 70_000), unknown),
            "dropped": Expected(DROP, unknown),
            "slow": Expected(SLOW, unknown),
            "moved": Expected(Misdeed(302, {"Location": "/else"}), failed),
            "busy": Expected(said_no(-1, "system error"), retry, 1.0),
            "quota of the day": Expected(said_no(45009), retry, 600.0),
            "too often": Expected(said_no(45011), retry, 1.0),
            "our address": Expected(said_no(40164), retry, 60.0),
            "48 hours": Expected(said_no(45015), failed),
            "five messages": Expected(said_no(45047), failed),
            "no such customer": Expected(said_no(40003), failed),
            "not a follower": Expected(said_no(43004), failed),
            "not permitted": Expected(said_no(48001), failed),
            "too long": Expected(said_no(45002), failed),
            "not documented": Expected(said_no(99999, "something new"), failed),
        }

    async def deliver(
        self, house: House, platform: Platform, number: int, tampering: Tampering = ""
    ) -> Heard:
        now, nonce = str(int(time.time()) - (301 if tampering == "old" else 0)), "486452656"
        token = "AnotherToken" if tampering == "wrong" else TOKEN
        query = {"timestamp": now, "nonce": nonce, "openid": OPENID}
        body = xml(number)
        if tampering != "absent":
            query["signature"] = sign(token, now, nonce)
        if self.sealing:
            encrypt = sealed(body)  # with other random bytes each time it comes
            body = wrapped(encrypt)
            query["encrypt_type"] = "aes"
            if tampering != "absent":
                query["msg_signature"] = sign(token, now, nonce, encrypt)
        url = f"{house.url}/wechat/callback"
        async with house.http.post(url, params=query, data=body) as response:
            if response.status == 200:
                assert await response.text() == "success"
            return _HEARD[response.status]


class WechatSealed(_Wechat):
    label = "wechat-sealed"
    sealing = True


class WechatPlain(_Wechat):
    label = "wechat-plain"
    sealing = False
