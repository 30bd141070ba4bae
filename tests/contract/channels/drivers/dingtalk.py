"""DingTalk, as documented: robot messages over its Stream or by posts, and the API for answers."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from aiohttp import WSMsgType, web

from channels import dingtalk
from channels.dingtalk.api import MAX_BYTES, weight
from channels.dingtalk.proof import WINDOW_SECONDS
from models.message import ReplyRoute
from models.ports import Channel
from tests.contract.channels.house import House
from tests.contract.channels.kit import SECRET, Driver, Expected, Heard, Tampering, marked
from tests.contract.channels.platform import DROP, SLOW, Asked, Misdeed, Platform

CLIENT_ID = "dingshouli0123456789"
CLIENT_SECRET = "a client secret that nobody logs"
ACCESS_TOKEN = "an-access-token-that-nobody-logs"
TICKET = "a-ticket-that-nobody-logs/+="
STAFF, GROUP = "manager4711", "cidJ8k435QAsxsx/Uvwst+7NoMHCWTc0=="

TOPIC = "/v1.0/im/bot/messages/get"
_HEARD: Mapping[int, Heard] = {200: "acknowledged", 503: "again", 401: "refused"}

_LARGEST = 15_000
"""Bytes of a msgParam, as DingTalk documents it."""


def message(number: int, **changes: Any) -> dict[str, Any]:
    """A word in a direct chat, as DingTalk documents it."""
    return {
        "conversationId": "cidDirect0123==",
        "chatbotCorpId": "ding9f50b15bccd16741",
        "chatbotUserId": "$:LWCP_v1:$robot",
        "msgId": f"msg{number}==",
        "senderNick": "小明",
        "isAdmin": False,
        "senderStaffId": STAFF,
        "sessionWebhookExpiredTime": 1764041400000,
        "createAt": 1764036000000 + number * 1000,
        "senderCorpId": "ding9f50b15bccd16741",
        "conversationType": "1",
        "senderId": "$:LWCP_v1:$xiaoming",
        "sessionWebhook": "https://oapi.dingtalk.com/robot/sendBySession?session=0",
        "text": {"content": marked(number)},
        "robotCode": CLIENT_ID,
        "msgtype": "text",
        **changes,
    }


def signed(at: float | None = None, secret: str = CLIENT_SECRET) -> dict[str, str]:
    """What DingTalk sends beside a post."""
    now = str(round((time.time() if at is None else at) * 1000))
    digest = hmac.digest(secret.encode(), f"{now}\n{secret}".encode(), hashlib.sha256)
    sign = base64.b64encode(digest).decode()
    return {"Content-Type": "application/json; charset=utf-8", "timestamp": now, "sign": sign}


def said_no(code: str, status: int = 400, **headers: str) -> Misdeed:
    told = {"code": code, "requestid": "E6A4", "message": "no"}
    return Misdeed(status, headers, json.dumps(told))


def done(**told: Any) -> Misdeed:
    """What DingTalk says when it has done something, though not for everybody."""
    return Misdeed(200, body=json.dumps(told))


class _Dingtalk(Driver):
    channel = "dingtalk"
    account = "dingtalk"
    payloads = "dingtalk"
    absent: ClassVar = {
        "edit": "what was sent cannot be edited in DingTalk",
        "delete": "robots are not told that a message was recalled",
    }
    secrets: ClassVar = (CLIENT_SECRET, ACCESS_TOKEN, TICKET)
    limit = MAX_BYTES
    size = staticmethod(weight)
    receive: ClassVar[str]

    def create(self, url: str, **options: Any) -> Channel:
        values: dict[str, Any] = {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "receive": self.receive,
            "bot_name": "受理",
            "base_url": url,
            "upload_url": url,
            "pace_seconds": 0.0,
            "timeout_seconds": 2.0,
        }
        return dingtalk.create({**values, **options}, SECRET)

    def route(self) -> ReplyRoute:
        return ReplyRoute(adapter="dingtalk", address=f"user/{STAFF}")

    def answers(self, asked: Asked) -> Any:
        if asked.path == "/v1.0/oauth2/accessToken":
            assert asked.fields == {"appKey": CLIENT_ID, "appSecret": CLIENT_SECRET}
            return {"accessToken": ACCESS_TOKEN, "expireIn": 7200}
        assert asked.headers["x-acs-dingtalk-access-token"] == ACCESS_TOKEN
        assert asked.fields["robotCode"] == CLIENT_ID
        # Nothing but plain words, and nobody whom they call.
        assert asked.fields.keys() - {"userIds", "openConversationId"} == {
            "robotCode",
            "msgKey",
            "msgParam",
        }
        assert len(asked.fields["msgParam"].encode()) <= _LARGEST
        if asked.path == "/v1.0/robot/groupMessages/send":
            assert asked.fields["openConversationId"] == GROUP
            return {"processQueryKey": f"key-{uuid.uuid4()}"}
        assert asked.path == "/v1.0/robot/oToMessages/batchSend"
        assert asked.fields["userIds"] == [STAFF]
        lists = ("invalidStaffIdList", "flowControlledStaffIdList", "filteredStaffIdList")
        return {"processQueryKey": f"key-{uuid.uuid4()}", **{name: [] for name in lists}}

    def said(self, platform: Platform) -> list[str]:
        return [words(one) for one in platform.of("/oToMessages/batchSend")]

    def outcomes(self) -> Mapping[str, Expected]:
        retry, failed, unknown = (frozenset({word}) for word in ("retry", "failed", "unknown"))
        qps, staff = "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi", [STAFF]
        denied = "Forbidden.AccessDenied.AccessTokenPermissionDenied"
        fenced = done(status=1111, wait=5, source="x5", punish="deny", uuid="x")
        slowly = done(processQueryKey="key", flowControlledStaffIdList=staff)
        kept_back = done(processQueryKey="key", filteredStaffIdList=staff)
        nobody = done(processQueryKey="key", invalidStaffIdList=staff)
        used_up = said_no("Forbidden.AccessDenied.ApiCountLimitForOrg", 403)
        return {
            "429": Expected(said_no("Throttling", 429, **{"Retry-After": "7"}), retry, 7.0),
            "too many of the app": Expected(said_no(qps, 403), retry, 1.0),
            "too many of the address": Expected(fenced, retry, 300.0),
            "too many to the person": Expected(slowly, retry, 60.0),
            "the month used up": Expected(used_up, retry, 1800.0),
            "500": Expected(Misdeed(500, body="oops"), unknown),
            "system error": Expected(said_no("systemError", 500), unknown),
            "dropped": Expected(DROP, unknown),
            "slow": Expected(SLOW, unknown),
            "no JSON": Expected(Misdeed(200, body="<html>"), unknown),
            "endless": Expected(done(processQueryKey="key", more="x" * 70_000), unknown),
            "no key": Expected(done(requestId="x"), unknown),
            "token": Expected(said_no("InvalidAuthentication"), frozenset({"sent"})),
            "permission": Expected(said_no(denied, 403), retry, 300.0),
            "another robot": Expected(said_no("invalidParameter.robotCode.auth"), retry, 300.0),
            "left": Expected(said_no("staffId.notExisted"), failed),
            "nobody of ours": Expected(nobody, failed),
            "kept back": Expected(kept_back, failed),
            "a redirect": Expected(Misdeed(302, {"Location": "/login"}), failed),
            "not known here": Expected(said_no("somethingNew.of.theirs"), failed),
        }


def words(asked: Asked) -> str:
    """What a person reads, and that nothing else is in it."""
    assert asked.fields["msgKey"] == "sampleText"
    told = json.loads(asked.fields["msgParam"])
    assert list(told) == ["content"]
    return str(told["content"])


class DingtalkStream(_Dingtalk):
    """A message that was not acknowledged may come again, as a push of another number."""

    label = "dingtalk-stream"
    receive = "stream"
    tampering: ClassVar = ()  # the line is ours: nobody else can write to it

    def __init__(self) -> None:
        self.socket: web.WebSocketResponse | None = None
        self.acked: dict[str, asyncio.Event] = {}
        self.told: list[dict[str, Any]] = []
        self.lines = 0

    def create(self, url: str, **options: Any) -> Channel:
        self.__init__()  # type: ignore[misc]
        self.url = url
        return super().create(url, **options)

    def answers(self, asked: Asked) -> Any:
        if asked.path == "/v1.0/gateway/connections/open":
            assert asked.fields["clientId"] == CLIENT_ID
            assert asked.fields["clientSecret"] == CLIENT_SECRET
            assert asked.fields["subscriptions"] == [{"type": "CALLBACK", "topic": TOPIC}]
            return {"endpoint": f"{self.url.replace('http', 'ws')}/connect", "ticket": TICKET}
        return super().answers(asked)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The platform's end of a line."""
        assert request.query["ticket"] == TICKET
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        self.socket = socket
        self.lines += 1
        async for frame in socket:
            if frame.type is WSMsgType.TEXT:
                told = json.loads(frame.data)
                self.told.append(told)
                assert told["headers"]["contentType"] == "application/json"
                if told["code"] == 200:
                    self.acked.setdefault(told["headers"]["messageId"], asyncio.Event()).set()
        return socket

    async def line(self) -> web.WebSocketResponse:
        """The one that was opened last."""
        async with asyncio.timeout(30):
            while self.socket is None or self.socket.closed:
                await asyncio.sleep(0.01)
        return self.socket

    async def push(self, data: str, push: str = "", topic: str = TOPIC) -> asyncio.Event:
        """Sends a message; what is given back is set when it is acknowledged."""
        push = push or str(uuid.uuid4())
        headers = {
            "appId": "1305d5f5", "contentType": "application/json", "messageId": push,
            "time": str(round(time.time() * 1000)), "topic": topic,
        }  # fmt: skip
        frame = {"specVersion": "1.0", "type": "CALLBACK", "headers": headers, "data": data}
        await (await self.line()).send_json(frame)
        return self.acked.setdefault(push, asyncio.Event())

    async def deliver(
        self, house: House, platform: Platform, number: int, tampering: Tampering = ""
    ) -> Heard:
        acked = await self.push(json.dumps(message(number), ensure_ascii=False))
        patience = 0.5 if house.failing else 10.0  # a real one waits longer
        try:
            await asyncio.wait_for(acked.wait(), patience)
        except TimeoutError:
            return "again"
        return "acknowledged"


class DingtalkHttp(_Dingtalk):
    label = "dingtalk-http"
    receive = "http"

    async def deliver(
        self, house: House, platform: Platform, number: int, tampering: Tampering = ""
    ) -> Heard:
        old = time.time() - WINDOW_SECONDS - 1
        secret = "another secret" if tampering == "wrong" else CLIENT_SECRET
        told = signed(old if tampering == "old" else None, secret)
        if tampering == "absent":
            del told["sign"]
        raw, url = json.dumps(message(number)), f"{house.url}/dingtalk/messages"
        async with house.http.post(url, data=raw, headers=told) as response:
            return _HEARD[response.status]
