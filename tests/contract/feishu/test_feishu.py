"""What Feishu alone has: its handshake and sealed events, a number for each message, its files."""

import base64
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from channels.feishu import FeishuChannel, create
from channels.feishu import api as api_module
from channels.feishu.proof import opened
from models.errors import Permanent, Rejected, Temporary
from models.message import Attachment, ReplyRoute, SendResult
from tests.contract.channels.drivers.feishu import (
    APP,
    APP_SECRET,
    ENCRYPT_KEY,
    TENANT_TOKEN,
    TOKEN,
    FeishuEncrypted,
    FeishuToken,
    event,
    headers,
    refusal,
    sealed,
    words,
)
from tests.contract.channels.house import House, house
from tests.contract.channels.kit import marked
from tests.contract.channels.platform import DROP, Asked, Misdeed, Platform, platform

SHA = "a" * 64


class Company(FeishuEncrypted):
    """Feishu with files, whose tokens differ, and that knows what it was given."""

    def __init__(self) -> None:
        self.tokens = 0
        self.shown: dict[str, str] = {}
        self.breaks = 0
        """How many messages are shown before the line breaks, and Feishu's answer is lost."""

    @property
    def token(self) -> str:
        return f"{TENANT_TOKEN}-{self.tokens}"

    def answers(self, asked: Asked) -> Any:
        if asked.path.endswith("/internal"):
            self.tokens += 1
            return {"code": 0, "tenant_access_token": self.token, "expire": 7200}
        if asked.headers["Authorization"] != f"Bearer {self.token}":
            return web.json_response({"code": 99991663, "msg": "Invalid access token"}, status=400)
        match asked.path.rpartition("/")[2]:
            case "img_1":
                assert asked.query == {"type": "image"}
                return web.Response(body=b"png", content_type="image/png")
            case "file_large":
                return web.Response(body=b"0" * 2000)
            case "images":
                return {"code": 0, "data": {"image_key": "img_ours"}}
            case "files":
                return {"code": 0, "data": {"file_key": "file_ours"}}
        self.shown.setdefault(asked.fields["uuid"], asked.fields["content"])
        if self.breaks:
            self.breaks -= 1
            return web.Response(status=502, text="the line broke")
        return {"code": 0, "data": {"message_id": f"om_{asked.fields['uuid']}"}}


class Place:
    """A house with Feishu in it, and the company behind."""

    def __init__(self, house: House, fake: Platform, company: Company) -> None:
        self.house, self.fake, self.company = house, fake, company
        assert isinstance(house.channel, FeishuChannel)
        self.channel = house.channel

    async def posted(self, raw: bytes, told: dict[str, str]) -> tuple[int, str]:
        url = f"{self.house.url}/feishu/events"
        async with self.house.http.post(url, data=raw, headers=told) as response:
            return response.status, await response.text()

    async def hear(self, told: dict[str, Any]) -> None:
        raw = sealed(told)
        assert (await self.posted(raw, headers(raw)))[0] == 200
        await self.house.work()

    async def answer(self, text: str = "已为您退款。", **changes: Any) -> SendResult:
        return await self.channel.send(replace(self.company.answer(text), **changes))

    def messages(self) -> list[Asked]:
        """What Feishu was asked to send, in order."""
        return [one for one in self.fake.asked if "uuid" in one.fields]


Start = Callable[..., Awaitable[Place]]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> Place:
            company = Company()
            fake = await stack.enter_async_context(platform(company))
            channel = company.create(fake.url, **options)
            return Place(await stack.enter_async_context(house(tmp_path, channel)), fake, company)

        yield start


# -- events ----------------------------------------------------------------------------

HANDSHAKE = {"type": "url_verification", "challenge": "ajls384kdjx98XX", "token": TOKEN}


async def test_feishus_handshake_sealed(place: Start) -> None:
    made = await place()
    raw = sealed(HANDSHAKE)
    # Its own SDKs look for no signature here: it may come without.
    for told in (headers(raw), {"Content-Type": "application/json"}):
        status, text = await made.posted(raw, told)
        assert (status, json.loads(text)) == (200, {"challenge": "ajls384kdjx98XX"})
    for forged in (
        json.dumps(HANDSHAKE).encode(),
        sealed({**HANDSHAKE, "token": "another"}),
        sealed(HANDSHAKE, "another key"),
    ):
        assert (await made.posted(forged, headers(forged)))[0] == 401
    assert made.house.accepted == []


async def test_feishus_handshake_with_a_token_alone(place: Start) -> None:
    made = await place(encrypt_key=None)
    status, text = await made.posted(json.dumps(HANDSHAKE).encode(), {})
    assert (status, json.loads(text)) == (200, {"challenge": "ajls384kdjx98XX"})
    assert (await made.posted(json.dumps({**HANDSHAKE, "token": "x"}).encode(), {}))[0] == 401
    assert (await made.posted(json.dumps({**HANDSHAKE, "token": None}).encode(), {}))[0] == 401


async def test_with_an_encrypt_key_nothing_else_is_taken(place: Start) -> None:
    made = await place()
    plain = json.dumps(event(1)).encode()
    others = sealed(event(1), "another key")
    foreign = event(1)
    foreign["header"]["token"] = "of another app"
    wrong = sealed(foreign)
    signed_by_another = sealed(event(1))
    for raw, told in (
        (plain, headers(plain)),
        (others, headers(others)),
        (wrong, headers(wrong)),
        (signed_by_another, headers(signed_by_another, key="another key")),
        (signed_by_another, headers(sealed(event(2)))),
        (signed_by_another, {}),
    ):
        assert (await made.posted(raw, told))[0] == 401
    assert made.house.accepted == []


async def test_an_encrypt_key_alone_is_proof_enough(place: Start) -> None:
    made = await place(verification_token=None)
    await made.hear(event(1))
    assert [text for _, text in await made.house.said()] == [marked(1)]


async def test_what_is_sealed_is_refused_where_the_key_is_not_set(
    place: Start, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    made = await place(encrypt_key=None)
    raw = sealed(event(1))
    assert (await made.posted(raw, headers(raw)))[0] == 401
    # Where it is logged to depends on whether a test before this one has configured that.
    assert "it is encrypted: set encrypt_key" in caplog.text + capsys.readouterr().out


def test_a_padding_that_is_none_is_refused() -> None:
    """PKCS#7: all bytes of it say how many they are."""
    whole = base64.b64decode(json.loads(sealed({"a": "b"}))["encrypt"])
    assert opened(ENCRYPT_KEY, base64.b64encode(whole).decode()) == b'{"a": "b"}'
    # CBC: a bit turned in the block before turns the same one in the padding.
    turned = bytearray(whole)
    turned[14] ^= 1
    with pytest.raises(Rejected):
        opened(ENCRYPT_KEY, base64.b64encode(turned).decode())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"encrypt": 5}',
        b'{"encrypt": ""}',
        b'{"encrypt": "not base64!"}',
        b'{"encrypt": "AAAA"}',
        b'{"encrypt": "' + b"A" * 64 + b'"}',
        sealed(event(1))[:-10] + b'AAAAAAA="}',
        b"[" * 100_000,
    ],
)
async def test_no_bytes_break_the_door(place: Start, raw: bytes) -> None:
    made = await place()
    assert (await made.posted(raw, headers(raw)))[0] == 401


@pytest.mark.parametrize(
    "odd",
    [
        {"X-Lark-Signature": "\u00e9"},
        {"X-Lark-Request-Timestamp": "\u00b2"},
        {"X-Lark-Request-Timestamp": "9" * 5000},
        {"X-Lark-Request-Timestamp": "-1"},
        {"X-Lark-Request-Nonce": "\u00e9"},
    ],
)
async def test_headers_of_any_bytes_are_refused(place: Start, odd: dict[str, str]) -> None:
    made = await place()
    raw = sealed(event(1))
    assert (await made.posted(raw, headers(raw) | odd))[0] == 401


async def test_what_comes_seven_hours_late_is_taken(place: Start) -> None:
    made = await place()
    raw = sealed(event(1))
    late = headers(raw, time.time() - 7 * 3600 - 15 * 60)
    assert (await made.posted(raw, late))[0] == 200


async def test_an_event_is_known_by_its_id_however_it_is_written(place: Start) -> None:
    made = await place(encrypt_key=None)
    for raw in (json.dumps(event(1)), json.dumps(event(1), indent=1)):
        assert (await made.posted(raw.encode(), {}))[0] == 200
    assert {one.dedupe_key for one in made.house.accepted} == {event(1)["header"]["event_id"]}
    await made.house.work()
    assert [text for _, text in await made.house.said()] == [marked(1)]


async def test_one_message_under_two_events_is_there_once(place: Start) -> None:
    made = await place()
    await made.hear(event(1))
    twin = event(1)
    twin["header"]["event_id"] = "another"
    await made.hear(twin)
    assert [text for _, text in await made.house.said()] == [marked(1)]


async def test_edits_and_recalls_reach_the_message(place: Start) -> None:
    made = await place()
    await made.hear(event(1))
    change = event(1)
    change["header"] |= {"event_id": "edit", "event_type": "im.message.updated_v1"}
    change["event"]["message"] |= {"content": '{"text": "收到了"}', "update_time": "1764036099000"}
    await made.hear(change)
    assert next(text for _, text in await made.house.said()) == "收到了"
    gone = event(1)
    gone["header"] |= {"event_id": "gone", "event_type": "im.message.recalled_v1"}
    gone["event"] = {"message_id": "om_1", "chat_id": "oc_1", "recall_time": "1764036199000"}
    await made.hear(gone)
    assert {text for _, text in await made.house.said()} == {""}


# -- answers ---------------------------------------------------------------------------


async def test_one_answer_is_shown_once_though_the_line_breaks(place: Start) -> None:
    made = await place()
    made.company.breaks = 2
    result = await made.answer()
    assert (result.state, len(made.messages())) == ("sent", 3)
    assert len(made.company.shown) == 1


ENDLESS = Misdeed(
    body=json.dumps({"code": 0, "msg": "x" * 70_000, "data": {"message_id": "om_1"}})
)


@pytest.mark.parametrize(
    "misdeed",
    [DROP, ENDLESS, Misdeed(302, {"Location": "/login"})],
    ids=["dropped", "endless", "moved"],
)
async def test_what_stays_unclear_is_left_to_a_person(place: Start, misdeed: Misdeed) -> None:
    made = await place()
    made.fake.misdeeds = [misdeed] * 3
    result = await made.answer()
    assert result.state == "unknown"
    sent = made.messages()
    assert len(sent) == 3, "not for ever"
    assert len({one.fields["uuid"] for one in sent}) == 1
    assert made.fake.of("/login") == [], "the token goes nowhere else"


@pytest.mark.parametrize(
    "then",
    [refusal(230002), refusal(230011), refusal(230049), refusal(99991400, 429), Misdeed(500)],
)
async def test_a_refusal_tells_nothing_of_what_came_before_it(place: Start, then: Misdeed) -> None:
    made = await place()
    made.fake.misdeeds = [DROP, then, then]
    assert (await made.answer()).state == "unknown"
    assert all(one.path.endswith("/reply") for one in made.messages())


async def test_what_is_being_sent_is_waited_for(place: Start) -> None:
    made = await place()
    made.fake.misdeeds = [DROP, refusal(230049)]
    assert (await made.answer()).state == "sent"


async def test_each_part_has_a_number_of_its_own(place: Start) -> None:
    made = await place()
    assert (await made.answer("一二三四五六七八九十" * 1500)).state == "sent"
    numbers = [one.fields["uuid"] for one in made.messages()]
    assert len(set(numbers)) == len(numbers) == 3


async def test_sending_again_within_the_hour_shows_it_once(place: Start) -> None:
    made = await place()
    for attempt in (1, 2):
        assert (await made.answer("一二三" * 5000, attempts=attempt)).state == "sent"
    assert len(made.messages()) == 2 * len(made.company.shown)


async def test_what_does_not_reach_feishu_is_tried_again(place: Start) -> None:
    made = await place()
    assert (await made.answer()).state == "sent"
    client = made.channel._api._client
    client._url = "http://127.0.0.1:9/open-apis"  # it goes away, and the token is still good
    assert (await made.answer()).state == "retry"


async def test_an_answer_goes_into_the_chat_where_its_question_is_gone(place: Start) -> None:
    made = await place()
    made.fake.misdeeds = [refusal(230011)]
    assert (await made.answer()).state == "sent"
    replied, posted = made.messages()
    assert replied.path.endswith("/im/v1/messages/om_1/reply")
    assert (posted.path, posted.fields["receive_id"]) == ("/open-apis/im/v1/messages", "oc_1")


async def test_in_a_direct_chat_nothing_is_quoted(place: Start) -> None:
    made = await place()
    assert (await made.answer(route=ReplyRoute(adapter="feishu", address="oc_1"))).state == "sent"
    (posted,) = made.messages()
    assert posted.query == {"receive_id_type": "chat_id"}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("您好，3 < 5 且 5 > 3，A & B", "text"),
        ('<at user_id="all">所有人</at> 请看', "post"),
        ("写成 <b>粗体</b> 即可\n\n第二段", "post"),
        ("[点这里](https://evil.example.com)", "post"),
        ("实体写作 &lt;at&gt;", "post"),
    ],
)
async def test_words_are_never_marks(place: Start, text: str, kind: str) -> None:
    made = await place()
    assert (await made.answer(text)).state == "sent"
    (sent,) = made.messages()
    assert sent.fields["msg_type"] == kind
    assert words(sent) == text


async def test_lone_surrogates_do_not_stop_an_answer(place: Start) -> None:
    made = await place()
    assert (await made.answer("半个表情 \ud83d 也要送到")).state == "sent"


def _file(name: str, mime: str, size: int) -> dict[str, Any]:
    file = Attachment(id="f", name=name, mime=mime, size=size, sha256=SHA)
    return {"attachments": (file,), "files": {SHA: b"x" * size}}


async def test_an_answer_takes_its_files_along(place: Start) -> None:
    made = await place()
    assert (await made.answer("见附件", **_file("发票.pdf", "application/pdf", 3))).state == "sent"
    (uploaded,) = made.fake.of("/im/v1/files")
    assert uploaded.headers["Content-Type"].startswith("multipart/form-data")
    for told in ("file_type", "pdf", "file_name", "发票.pdf", "xxx"):
        assert told.encode() in uploaded.raw
    first, second = made.messages()
    assert first.fields["msg_type"] == "text"
    assert second.fields["msg_type"] == "file"
    assert json.loads(second.fields["content"]) == {"file_key": "file_ours"}
    assert made.fake.asked.index(uploaded) < made.fake.asked.index(first), "unseen things first"


async def test_a_picture_is_shown_as_one(place: Start) -> None:
    made = await place()
    assert (await made.answer("", **_file("a.png", "image/png", 3))).state == "sent"
    (sent,) = made.messages()
    assert json.loads(sent.fields["content"]) == {"image_key": "img_ours"}


async def test_a_picture_that_feishu_finds_none_is_a_file(place: Start) -> None:
    made = await place()
    made.fake.misdeeds = [refusal(234011)]
    assert (await made.answer("", **_file("a.png", "image/png", 3))).state == "sent"
    (sent,) = made.messages()
    assert json.loads(sent.fields["content"]) == {"file_key": "file_ours"}


@pytest.mark.parametrize("file", [("发票.pdf", "application/pdf"), ("a.png", "image/png")])
@pytest.mark.parametrize(
    "misdeed", [DROP, Misdeed(500), refusal(99991400, 429), Misdeed(200, body='{"code": 0}')]
)
async def test_what_fails_while_uploading_has_shown_nothing(
    place: Start, misdeed: Misdeed, file: tuple[str, str]
) -> None:
    made = await place()
    made.fake.misdeeds = [misdeed]
    result = await made.answer("见附件", **_file(*file, 3))
    assert result.state == "retry"
    assert made.messages() == []


@pytest.mark.parametrize("size", [0, 30 * 1024 * 1024 + 1])
async def test_a_file_that_feishu_does_not_take(place: Start, size: int) -> None:
    made = await place()
    result = await made.answer("见附件", **_file("大.zip", "application/zip", size))
    assert result.state == "failed"
    assert "大.zip" in result.error
    assert made.fake.asked == []


# -- the token -------------------------------------------------------------------------


async def test_a_token_is_asked_for_once_and_again_before_its_end(place: Start) -> None:
    made = await place()
    for _ in range(3):
        assert (await made.answer()).state == "sent"
    assert made.company.tokens == 1
    tokens = made.channel._api._client._token
    for ahead, asked in ((6590, 1), (6610, 2), (6620, 2)):  # ten minutes before its end
        tokens._clock = lambda ahead=ahead: time.monotonic() + ahead  # type: ignore[misc]
        assert (await made.answer()).state == "sent"
        assert made.company.tokens == asked


async def test_a_token_that_is_over_is_changed_for_all(place: Start) -> None:
    made = await place()
    assert (await made.answer()).state == "sent"
    made.company.tokens += 1  # somebody has taken it back
    assert (await made.answer()).state == "sent"
    assert made.company.tokens == 3


async def test_a_token_that_is_never_taken_is_not_asked_for_for_ever(place: Start) -> None:
    made = await place()
    made.fake.misdeeds = [refusal(99991663)] * 2
    result = await made.answer()
    assert result.state == "retry"
    assert result.retry_after > 60
    assert made.company.tokens == 2


@pytest.mark.parametrize(
    ("told", "status", "least"),
    [({"code": 10014, "msg": "app secret invalid"}, 200, 300.0), ({}, 500, 1.0), ({}, 200, 1.0)],
)
async def test_without_a_token_nothing_is_sent(
    place: Start, monkeypatch: pytest.MonkeyPatch, told: Any, status: int, least: float
) -> None:
    made = await place()
    monkeypatch.setattr(
        made.company, "answers", lambda asked: web.json_response(told, status=status)
    )
    result = await made.answer()
    assert result.state == "retry"
    assert result.retry_after >= least
    assert made.messages() == []
    assert APP_SECRET not in result.error


# -- files -----------------------------------------------------------------------------


def _ref(key: str, kind: str = "file") -> dict[str, str]:
    return {"message": "om_1", "key": key, "type": kind}


async def test_files_are_fetched_with_the_message_that_brought_them(place: Start) -> None:
    made = await place()
    file = await made.channel.fetch("feishu", _ref("img_1", "image"))
    assert (file.content, file.mime) == (b"png", "image/png")
    assert made.fake.asked[-1].path == "/open-apis/im/v1/messages/om_1/resources/img_1"
    made.company.tokens += 1  # a token is changed here, too
    assert (await made.channel.fetch("feishu", _ref("img_1", "image"))).content == b"png"


@pytest.mark.parametrize(
    ("misdeed", "error"),
    [
        (refusal(234003), Permanent),
        (refusal(239999, 404), Permanent),
        (refusal(99991672), Temporary),
        (refusal(99991400, 429), Temporary),
        (Misdeed(503), Temporary),
        (Misdeed(302, {"Location": "/login"}), Temporary),
        (DROP, Temporary),
    ],
)
async def test_a_file_that_is_not_given(
    place: Start, misdeed: Misdeed, error: type[Exception]
) -> None:
    made = await place()
    made.fake.misdeeds = [misdeed] * 2  # aiohttp asks again once, by itself
    with pytest.raises(error):
        await made.channel.fetch("feishu", _ref("img_1", "image"))
    assert made.fake.of("/login") == [], "the token goes nowhere else"


async def test_a_file_that_is_too_large(place: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_module, "MAX_FILE_BYTES", 1000)
    made = await place()
    with pytest.raises(Permanent):
        await made.channel.fetch("feishu", _ref("file_large"))


async def test_a_platform_that_is_away_gives_files_later() -> None:
    channel = FeishuToken().create("http://127.0.0.1:9")
    assert isinstance(channel, FeishuChannel)
    with pytest.raises(Temporary):
        await channel.fetch("feishu", _ref("img_1"))


# -- settings --------------------------------------------------------------------------

WHOLE = {"app_id": APP, "app_secret": APP_SECRET, "encrypt_key": ENCRYPT_KEY}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"app_id": "shouli"}, "cli_"),
        ({"app_secret": " "}, "App Secret|不能为空"),
        ({"encrypt_key": None}, "encrypt_key 和 verification_token"),
        ({"encrypt_key": ""}, "不能为空"),
        ({"base_url": "open.feishu.cn"}, "pattern"),
    ],
)
def test_wrong_options_are_told(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told) as raised:
        create({**WHOLE, **changes}, b"")
    assert APP_SECRET not in str(raised.value)
    assert ENCRYPT_KEY not in str(raised.value)


async def test_lark_is_the_same_with_another_address(place: Start) -> None:
    made = await place()
    channel = create({**WHOLE, "base_url": f"{made.fake.url}/"}, b"")
    assert (await channel.send(made.company.answer("hello"))).state == "sent"
    assert made.fake.asked[0].path == "/open-apis/auth/v3/tenant_access_token/internal"
