"""WeCom Customer Service, as documented: a sealed notification, pages to fetch, and answers."""

import time
from collections.abc import Mapping
from typing import Any, ClassVar

from channels import wecom
from models.message import ReplyRoute
from models.ports import Channel
from models.sending import utf8_bytes
from tests.contract.channels.drivers.wechat import said_no, sealed, sign
from tests.contract.channels.house import House
from tests.contract.channels.kit import SECRET, Driver, Expected, Heard, Tampering, marked
from tests.contract.channels.platform import DROP, SLOW, Asked, Misdeed, Platform

CORP_ID = "ww0123456789abcdef"
CORP_SECRET = "a-kf-secret-that-nobody-logs_0123456789abcd"
TOKEN = "WecomTokenThatNobodyLogs"
AES_KEY = "wecomkeythatnobodylogs23456789ABCDEFGHIJKLM"
ACCESS_TOKEN = "access-token_that-nobody_logs"
NOTICE = "ENCApHxnGDNAVNY4AaSJKj4Tb5mwsEMzxhFmHVGcra996NR"
KFID = "wkAJ2GCAAASSm4_FhToWMFea0xAFfd3Q"
CUSTOMER = "wmAJ2GCAAAme1XQRC-NI-q0_ZM9ukoAw"

_HEARD: Mapping[int, Heard] = {200: "acknowledged", 503: "again", 401: "refused"}


def text(number: int, **changes: Any) -> dict[str, Any]:
    """A customer's message, as a page holds it."""
    return {
        "msgid": f"from_msgid_{number}",
        "open_kfid": KFID,
        "external_userid": CUSTOMER,
        "send_time": 1764036000 + number,
        "origin": 3,
        "msgtype": "text",
        "text": {"content": marked(number)},
        **changes,
    }


def notification(open_kfid: str = KFID, notice: str = NOTICE) -> bytes:
    """What WeCom seals when something came to an account."""
    told = {
        "ToUserName": CORP_ID, "CreateTime": "1764036000", "MsgType": "event",
        "Event": "kf_msg_or_event", "Token": notice, "OpenKfId": open_kfid,
    }  # fmt: skip
    inner = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in told.items())
    return f"<xml>{inner}</xml>".encode()


def rung(
    plain: bytes, *, token: str = TOKEN, age: int = 0, key: str = AES_KEY, corp_id: str = CORP_ID
) -> tuple[dict[str, str], bytes]:
    """Query and body with which WeCom rings."""
    encrypt = sealed(plain, corp_id, key)
    now, nonce = str(int(time.time()) - age), "1372623149"
    query = {"timestamp": now, "nonce": nonce, "msg_signature": sign(token, now, nonce, encrypt)}
    body = (
        f"<xml><ToUserName><![CDATA[{CORP_ID}]]></ToUserName>"
        f"<Encrypt><![CDATA[{encrypt}]]></Encrypt><AgentID><![CDATA[]]></AgentID></xml>"
    )
    return query, body.encode()


class Wecom(Driver):
    label = "wecom"
    channel = "wecom"
    account = "service"
    absent: ClassVar = {
        "reply": "WeCom does not tell what a message quotes",
        "edit": "what was sent cannot be edited in WeChat",
    }
    secrets: ClassVar = (CORP_SECRET, TOKEN, AES_KEY, ACCESS_TOKEN, NOTICE)
    limit = 2048
    size = staticmethod(utf8_bytes)

    def __init__(self) -> None:
        self.inbox: list[dict[str, Any]] = []
        """What came to the account; its places are the cursors."""

    def create(self, url: str, **options: Any) -> Channel:
        self.inbox = []
        values: dict[str, Any] = {
            "corp_id": CORP_ID,
            "secret": CORP_SECRET,
            "token": TOKEN,
            "encoding_aes_keys": [AES_KEY],
            "accounts": {"service": KFID},
            "history": True,
            "base_url": url,
            "timeout_seconds": 2.0,
        }
        return wecom.create({**values, **options}, SECRET)

    def route(self) -> ReplyRoute:
        return ReplyRoute(adapter="wecom", address=CUSTOMER)

    def answers(self, asked: Asked) -> Any:
        if asked.path.endswith("/gettoken"):
            assert asked.query == {"corpid": CORP_ID, "corpsecret": CORP_SECRET}
            return {
                "errcode": 0, "errmsg": "ok", "access_token": ACCESS_TOKEN, "expires_in": 7200,
            }  # fmt: skip
        assert asked.query["access_token"] == ACCESS_TOKEN
        if asked.path.endswith("/kf/sync_msg"):
            return self.page(asked.fields)
        if asked.path.endswith("/media/upload"):
            return {"errcode": 0, "type": asked.query["type"], "media_id": "MEDIA"}
        return {"errcode": 0, "errmsg": "ok", "msgid": asked.fields["msgid"]}

    def page(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Two at a time, so that there is always another page."""
        begin = int(asked.get("cursor") or 0)
        end = min(begin + 2, len(self.inbox))
        return {
            "errcode": 0,
            "errmsg": "ok",
            "next_cursor": str(end),
            "has_more": int(end < len(self.inbox)),
            "msg_list": self.inbox[begin:end],
        }

    def said(self, platform: Platform) -> list[str]:
        posted = platform.of("/kf/send_msg")
        assert {(one.fields["touser"], one.fields["open_kfid"]) for one in posted} == {
            (CUSTOMER, KFID)
        }
        numbers = [one.fields["msgid"] for one in posted]
        assert len(set(numbers)) == len(numbers)
        assert all(len(number) <= 32 for number in numbers)
        return [
            str(
                one.fields["text"]["content"]
                if "text" in one.fields
                else one.fields["msgmenu"]["head_content"]
            )
            for one in posted
        ]

    def buttons(self, platform: Platform) -> list[tuple[str, str]]:
        menus = [one.fields for one in platform.of("/kf/send_msg") if "msgmenu" in one.fields]
        clicks = [item["click"] for menu in menus for item in menu["msgmenu"]["list"]]
        return [(click["content"], click["id"]) for click in clicks]

    def outcomes(self) -> Mapping[str, Expected]:
        retry, failed, unknown = (frozenset({word}) for word in ("retry", "failed", "unknown"))
        return {
            "429": Expected(Misdeed(429, {"Retry-After": "19"}), retry, 19.0),
            "500": Expected(Misdeed(500, body="oops"), unknown),
            "502": Expected(Misdeed(502, body="<html>"), unknown),
            "nonsense": Expected(Misdeed(200, body="<html>"), unknown),
            "no code": Expected(Misdeed(200, body="{}"), unknown),
            "endless": Expected(said_no(0, "x" * 70_000), unknown),
            "dropped": Expected(DROP, unknown),
            "slow": Expected(SLOW, unknown),
            "moved": Expected(Misdeed(302, {"Location": "/else"}), failed),
            "busy": Expected(said_no(-1, "system error"), retry, 1.0),
            "too often": Expected(said_no(45009), retry, 60.0),
            "our address": Expected(said_no(60020), retry, 60.0),
            "not permitted": Expected(said_no(48002), retry, 60.0),
            "no such account": Expected(said_no(95004), retry, 60.0),
            "five messages": Expected(said_no(95001), failed),
            "48 hours": Expected(said_no(95002), failed),
            "ended": Expected(said_no(95013), failed),
            "taken over": Expected(said_no(95018), failed),
            "no such customer": Expected(said_no(40096), failed),
            "not documented": Expected(said_no(99999, "something new"), failed),
        }

    async def deliver(
        self, house: House, platform: Platform, number: int, tampering: Tampering = ""
    ) -> Heard:
        self.inbox.append(text(number))
        query, body = rung(
            notification(),
            token="AnotherToken" if tampering == "wrong" else TOKEN,
            age=301 if tampering == "old" else 0,
        )
        if tampering == "absent":
            del query["msg_signature"]
        url = f"{house.url}/wecom/callback"
        async with house.http.post(url, params=query, data=body) as response:
            if response.status == 200:
                assert await response.text() == "success"
            return _HEARD[response.status]
