"""The HTTP half: verifies, stores, and only then says 202."""

import asyncio
import hashlib
import hmac
import json
import re
from types import MappingProxyType

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage

from channels.ingest.body import Body, parse
from channels.ingest.options import Options, Source
from channels.ingest.reading import name as message_name
from channels.ingest.signing import KEY, SIGNATURE, TIMESTAMP, verified
from models.errors import NotFound, Rejected, Temporary
from models.ids import uuid7
from models.message import Envelope
from models.platform_api import TooLarge
from models.ports import Door
from models.rate_limit import Buckets, whole_seconds

_HEADERS = MappingProxyType(
    {
        "Shouli-Source": (
            r".{1,64}",
            "来源名，即设置里 channels.ingest.sources 的名字",
            "a source's name, as it stands under channels.ingest.sources",
        ),
        TIMESTAMP: (
            r"[0-9]{1,12}",
            "自 1970 年起的秒数，不是毫秒，也不是日期",
            "seconds since 1970, neither milliseconds nor a date",
        ),
        # No full stop: it parts what is signed.
        KEY: (
            r"[A-Za-z0-9_:-]{8,128}",
            "8–128 个 A-Za-z0-9_:-，例如 UUID",
            "8–128 of A-Za-z0-9_:-, a UUID for example",
        ),
        SIGNATURE: (
            r"v1=[0-9a-f]{64}",
            "v1= 加 64 位小写十六进制的 HMAC-SHA256",
            "v1= and the HMAC-SHA256 in 64 hex digits, lower case",
        ),
    }
)
"""Each header that must be there to how it is written, and how to say so."""

RETRY_SECONDS = 5
"""After a 503."""

_SENTENCES = MappingProxyType(
    {
        "header": (400, "缺少或写错了请求头 {}", "Header {} is missing or wrong"),
        "malformed": (400, "请求体不是合法的 JSON：{}", "The body is not valid JSON: {}"),
        "encoding": (
            400,
            "请求体与 Content-Encoding 或 Transfer-Encoding 说的不符：请直接发 JSON，不要压缩",
            "The body is not what Content-Encoding or Transfer-Encoding says: send plain JSON",
        ),
        "signature": (
            401,
            "签名不对或已过期：请检查来源、密钥和本机时间（允许相差 300 秒）",
            "The signature is wrong or old: check source, key and clock (300 s are allowed)",
        ),
        "not_found": (404, "没有这条消息，或地址不对", "No such message, or a wrong address"),
        "slow": (408, "请求体到得太慢，请重发", "The body came too slowly; send it again"),
        "conflict": (
            409,
            "这个 Idempotency-Key 已用于另一条内容，请换一个新的",
            "This Idempotency-Key was used for another body; make a new one",
        ),
        "taken": (
            409,
            "这个 id 和 revision 已用于另一条内容，没有收下：请换一个 id，修改请用 edit",
            "This id and revision were used for another body: make a new id, or an edit of it",
        ),
        "too_large": (413, "请求体超过 {} 字节，请拆开发送", "More than {} bytes; send less"),
        "invalid": (422, "内容不合格式：{}", "The body does not fit the schema: {}"),
        "rate": (
            429,
            "这个来源发得太快，什么都没有收下，请等 Retry-After 秒后用同一个 Idempotency-Key 重发",
            "This source sends too fast and nothing was taken; send the same after Retry-After",
        ),
        "busy": (
            503,
            "暂时无法保存，什么都没有收下，请用同一个 Idempotency-Key 稍后重发",
            "It cannot be stored just now and nothing was taken; send the same again later",
        ),
    }
)
"""Code to status, Chinese and English; {} is what it is about."""


class TooFast(Exception):
    """A source has used up its share; ``seconds`` until it may ask again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class HttpDoor:
    """``POST /v1/messages``, the status of what it took, and the schema of what it takes."""

    def __init__(self, options: Options, secret: bytes, door: Door) -> None:
        self._options = options
        self._secret = secret
        self._door = door
        self._rates = {
            name: Buckets(door.clock, source.requests_per_minute, source.request_burst)
            for name, source in options.sources.items()
        }

    def mount(self) -> None:
        add = self._door.http.router
        add.add_post("/v1/messages", self.receive)
        add.add_get("/v1/messages/{id}", self.status)
        add.add_get("/v1/schema.json", self.schema)

    async def schema(self, _request: web.Request) -> web.Response:
        return web.json_response(Body.model_json_schema())

    async def receive(self, request: web.Request) -> web.Response:
        """202 after the commit, and the same answer to the same request."""
        try:
            return await self._receive(request)
        except Rejected as error:
            return _problem(error.code, str(error))
        except TooFast as error:
            return _problem("rate", retry_after=error.seconds)
        except Temporary:
            return _problem("busy", retry_after=RETRY_SECONDS)

    async def _receive(self, request: web.Request) -> web.Response:
        name, timestamp, key, signature = _headers(request)
        raw = await self._body(request)
        source = self._options.sources.get(name)
        keys = source.keys if source else ()
        now = self._door.clock()
        if not verified(keys, signature, timestamp, key, raw, now) or source is None:
            raise Rejected("", code="signature")
        # Counted once it is proven who asks, or a stranger could use up a source's share.
        if wait := self._rates[name].wait(name):
            raise TooFast(wait)
        called = message_name(parse(raw), key)
        envelope = _envelope(name, source, key, raw, now, called)
        (receipt,) = await self._door.accept([envelope])
        if receipt.outcome in {"conflict", "taken"}:
            raise Rejected("", code=receipt.outcome)
        address = f"/v1/messages/{receipt.envelope_id}.{self._mac(receipt.envelope_id)}"
        answer = {"id": receipt.envelope_id, "state": "processing", "status": address}
        return web.json_response(answer, status=202, headers={"Location": address})

    async def _body(self, request: web.Request) -> bytes:
        most = self._options.max_bytes
        try:
            async with asyncio.timeout(self._options.body_seconds):
                return await self._door.bodies.read(request, most)
        except TooLarge:
            raise Rejected(str(most), code="too_large") from None
        except TimeoutError:
            raise Rejected("", code="slow") from None
        except (BadHttpMessage, web.RequestPayloadError) as error:
            # Not what its Content-Encoding or Transfer-Encoding says.
            raise Rejected(type(error).__name__, code="encoding") from None

    async def status(self, request: web.Request) -> web.Response:
        """What became of a message; only who was given the address can ask."""
        envelope_id, _, mac = request.match_info["id"].partition(".")
        if not hmac.compare_digest(mac.encode(), self._mac(envelope_id).encode()):
            return _problem("not_found")
        try:
            outcome = await self._door.store.envelopes.outcome(envelope_id)
        except NotFound:
            return _problem("not_found")
        except Temporary:
            return _problem("busy", retry_after=RETRY_SECONDS)
        answer: dict[str, object] = {"id": envelope_id, "state": "processing"}
        if outcome.done:
            answer["state"] = "recorded"
        if outcome.ticket is not None:
            number, state = outcome.ticket
            answer |= {"state": "ticket", "ticket": {"number": number, "state": state}}
        return web.json_response(answer, headers={"Cache-Control": "no-store"})

    def _mac(self, envelope_id: str) -> str:
        named = hmac.new(self._secret, f"status.{envelope_id}".encode(), hashlib.sha256)
        return named.hexdigest()[:32]


def _headers(request: web.Request) -> tuple[str, str, str, str]:
    """Source, timestamp, key and signature.

    Raises:
        Rejected: ``header``, with the name of the first that is missing or malformed.
    """
    for name, (pattern, zh, en) in _HEADERS.items():
        if not re.fullmatch(pattern, request.headers.get(name, ""), re.ASCII):
            raise Rejected(f"{name}：{zh} / {name}: {en}", code="header")
    source, timestamp, key, signature = (request.headers[name] for name in _HEADERS)
    return source, timestamp, key, signature


def _envelope(
    name: str, source: Source, key: str, raw: bytes, now: float, called: str
) -> Envelope:
    return Envelope(
        id=uuid7(now),
        channel="ingest",
        account=name,
        dedupe_key=key,
        body=raw,
        received_at=now,
        lane=source.lane,
        name=called,
    )


def _problem(code: str, about: str = "", retry_after: float = 0.0) -> web.Response:
    status, zh, en = _SENTENCES[code]
    headers = {"Retry-After": whole_seconds(retry_after)} if retry_after else {}
    told, _, meant = about.partition(" / ")  # what is lacking is said in both languages
    body = {"code": code, "zh": zh.format(told), "en": en.format(meant or told)}
    text = json.dumps(body, ensure_ascii=False)
    return web.json_response(text=text, status=status, headers=headers)
