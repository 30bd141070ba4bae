"""Answers to people and groups, pictures and files with them, and the files of customers."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from channels.dingtalk import DingtalkChannel
from channels.dingtalk import api as api_module
from channels.dingtalk.client import refused
from channels.dingtalk.refusals import ERROR_TEXTS
from models.errors import Permanent, Temporary
from models.message import Attachment, ReplyRoute, SendResult
from models.platform_api import OutcomeUnknown
from tests.contract.channels.drivers.dingtalk import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    GROUP,
    STAFF,
    DingtalkHttp,
    done,
    said_no,
    words,
)
from tests.contract.channels.platform import DROP, Asked, Misdeed, Platform, platform

SHA = "a" * 64


class Company(DingtalkHttp):
    """DingTalk with files, and tokens that end."""

    def __init__(self) -> None:
        self.tokens = 0
        self.robot = CLIENT_ID
        self.url = ""
        self.file: Any = None

    @property
    def token(self) -> str:
        return f"{ACCESS_TOKEN}-{self.tokens}"

    def answers(self, asked: Asked) -> Any:
        if asked.path == "/v1.0/oauth2/accessToken":
            self.tokens += 1
            return {"accessToken": self.token, "expireIn": 7200}
        if asked.path.startswith("/bucket/"):
            assert "x-acs-dingtalk-access-token" not in asked.headers
            assert asked.query["Signature"] == "a+b/c="
            return self.file or web.Response(body=b"png", content_type="image/png")
        if asked.path == "/media/upload":
            if asked.query["access_token"] != self.token:
                return {"errcode": 40014, "errmsg": "不合法的access_token"}
            return {"errcode": 0, "errmsg": "ok", "media_id": "@ours", "type": asked.query["type"]}
        if asked.headers["x-acs-dingtalk-access-token"] != self.token:
            told = {"code": "InvalidAuthentication", "message": "不合法的access_token"}
            return web.json_response(told, status=400)
        assert asked.fields["robotCode"] == self.robot
        if asked.path == "/v1.0/robot/messageFiles/download":
            assert asked.fields["downloadCode"] == "mIof"
            return {"downloadUrl": f"{self.url}/bucket/1.png?Signature=a%2Bb%2Fc%3D"}
        return {"processQueryKey": f"key-{len(asked.raw)}"}


class Place:
    def __init__(self, company: Company, fake: Platform, channel: DingtalkChannel) -> None:
        self.company, self.fake, self.channel = company, fake, channel

    async def answer(self, text: str = "已为您退款。", **changes: Any) -> SendResult:
        return await self.channel.send(replace(self.company.answer(text), **changes))

    def messages(self) -> list[Asked]:
        """What DingTalk was asked to send, in order."""
        return [one for one in self.fake.asked if "msgKey" in one.fields]


Start = Callable[..., Awaitable[Place]]


@pytest.fixture
async def place() -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> Place:
            company = Company()
            fake = await stack.enter_async_context(platform(company))
            company.url = fake.url
            channel = company.create(fake.url, **options)
            assert isinstance(channel, DingtalkChannel)
            return Place(company, fake, channel)

        yield start


# -- whom, and what --------------------------------------------------------------------


async def test_a_person_is_written_to_and_nobody_else(place: Start) -> None:
    made = await place()
    result = await made.answer()
    assert (result.state, bool(result.provider_id)) == ("sent", True)
    (sent,) = made.messages()
    assert sent.path == "/v1.0/robot/oToMessages/batchSend"
    assert sent.fields["userIds"] == [STAFF]
    assert "openConversationId" not in sent.fields


async def test_a_group_is_answered_in_the_group(place: Start) -> None:
    made = await place()
    route = ReplyRoute(adapter="dingtalk", address=f"group/{GROUP}")
    assert (await made.answer(route=route)).state == "sent"
    (sent,) = made.messages()
    assert sent.path == "/v1.0/robot/groupMessages/send"
    assert sent.fields["openConversationId"] == GROUP
    assert "userIds" not in sent.fields


async def test_a_robot_of_another_code_speaks_under_it(place: Start) -> None:
    made = await place(robot_code="dingrobot")
    made.company.robot = "dingrobot"
    assert (await made.answer()).state == "sent"
    assert (await made.channel.fetch("dingtalk", {"code": "mIof"})).content == b"png"


@pytest.mark.parametrize(
    "text",
    [
        "您好，3 < 5 且 5 > 3，A & B",
        "@所有人 请看 @all",
        "# 不是标题\n**不是粗体** [不是链接](https://evil.example.com)",
        '他说："\\n" 不是换行',
    ],
)
async def test_what_is_written_is_what_is_read(place: Start, text: str) -> None:
    """Plain text without a list of people to call: nobody is called, nothing is a mark."""
    made = await place()
    assert (await made.answer(text)).state == "sent"
    (sent,) = made.messages()
    assert words(sent) == text
    assert not sent.fields.keys() & {"at", "isAtAll", "atUserIds"}


async def test_lone_surrogates_do_not_stop_an_answer(place: Start) -> None:
    made = await place()
    assert (await made.answer("半个表情 \ud83d 也要送到")).state == "sent"


@pytest.mark.parametrize("text", ["“" * 9_000, '"\\\n' * 5_000, "👩‍🚀" * 2_000])
async def test_no_message_is_longer_than_dingtalk_takes(place: Start, text: str) -> None:
    made = await place()
    assert (await made.answer(text)).state == "sent"
    sent = made.messages()
    assert len(sent) > 1
    assert max(len(one.fields["msgParam"].encode()) for one in sent) <= 15_000
    assert "".join(words(one) for one in sent) == text


# -- at most once ----------------------------------------------------------------------


@pytest.mark.parametrize("misdeed", [DROP, Misdeed(502), Misdeed(200, body='{"x": 1}')])
async def test_what_is_unclear_is_sent_once_and_left_to_a_person(
    place: Start, misdeed: Misdeed
) -> None:
    made = await place()
    made.fake.misdeeds = [misdeed]
    assert (await made.answer()).state == "unknown"
    assert len(made.messages()) == 1


async def test_what_does_not_reach_dingtalk_is_tried_again(place: Start) -> None:
    made = await place()
    assert (await made.answer()).state == "sent"
    made.channel._api._client._url = "http://127.0.0.1:9"  # it goes away; the token is good
    assert (await made.answer()).state == "retry"


async def test_who_is_stopped_in_the_middle_is_not_told_the_beginning_again(place: Start) -> None:
    made = await place()
    slowly = done(processQueryKey="k", flowControlledStaffIdList=[STAFF])
    made.fake.misdeeds = [None, slowly]
    result = await made.answer("一二三四五六七八九十" * 1000)
    assert result.state == "unknown"
    assert "1/3" in result.error


async def test_another_person_in_a_list_is_not_meant(place: Start) -> None:
    made = await place()
    made.fake.misdeeds = [done(processQueryKey="k", invalidStaffIdList=["somebody"])]
    assert (await made.answer()).state == "sent"


# -- files with an answer --------------------------------------------------------------


def _file(name: str, mime: str, size: int) -> dict[str, Any]:
    file = Attachment(id="f", name=name, mime=mime, size=size, sha256=SHA)
    return {"attachments": (file,), "files": {SHA: b"x" * size}}


async def test_an_answer_takes_its_files_along(place: Start) -> None:
    made = await place()
    assert (await made.answer("见附件", **_file("发票.PDF", "application/pdf", 3))).state == "sent"
    (uploaded,) = made.fake.of("/media/upload")
    assert uploaded.query == {"access_token": made.company.token, "type": "file"}
    for part in (b'name="media"', b'.PDF"', b"xxx"):
        assert part in uploaded.raw
    first, second = made.messages()
    assert first.fields["msgKey"] == "sampleText"
    assert second.fields["msgKey"] == "sampleFile"
    told = {"mediaId": "@ours", "fileName": "发票.PDF", "fileType": "pdf"}
    assert json.loads(second.fields["msgParam"]) == told
    assert made.fake.asked.index(uploaded) < made.fake.asked.index(first), "unseen things first"


async def test_a_picture_is_shown_as_one(place: Start) -> None:
    made = await place()
    assert (await made.answer("", **_file("a.png", "image/png", 3))).state == "sent"
    (sent,) = made.messages()
    assert sent.fields["msgKey"] == "sampleImageMsg"
    assert json.loads(sent.fields["msgParam"]) == {"photoURL": "@ours"}


async def test_a_picture_that_dingtalk_finds_none_is_a_file(place: Start) -> None:
    made = await place()
    made.fake.misdeeds = [
        Misdeed(200, body='{"errcode": 40004, "errmsg": "不合法的媒体文件类型"}')
    ]
    assert (await made.answer("", **_file("a.png", "image/png", 3))).state == "sent"
    (sent,) = made.messages()
    assert sent.fields["msgKey"] == "sampleFile"


@pytest.mark.parametrize(
    ("misdeed", "state"),
    [
        (DROP, "retry"),
        (Misdeed(500), "retry"),
        (Misdeed(200, body='{"errcode": 90018, "errmsg": "too fast"}'), "retry"),
        (Misdeed(200, body='{"errcode": 60020, "errmsg": "ip"}'), "retry"),
        (Misdeed(200, body='{"errcode": 0, "errmsg": "ok"}'), "retry"),
        (Misdeed(200, body='{"errcode": 40004, "errmsg": "type"}'), "failed"),
    ],
)
async def test_what_fails_while_uploading_has_shown_nothing(
    place: Start, misdeed: Misdeed, state: str
) -> None:
    made = await place()
    made.fake.misdeeds = [misdeed]
    result = await made.answer("见附件", **_file("发票.exe", "application/x-msdownload", 3))
    assert result.state == state
    assert made.messages() == []


@pytest.mark.parametrize("size", [0, 20 * 1024 * 1024 + 1])
async def test_a_file_that_dingtalk_does_not_take(place: Start, size: int) -> None:
    made = await place()
    result = await made.answer("见附件", **_file("大.zip", "application/zip", size))
    assert result.state == "failed"
    assert "大.zip" in result.error
    assert made.fake.asked == []


# -- the token -------------------------------------------------------------------------


async def test_a_token_is_asked_for_once_and_again_before_its_end(place: Start) -> None:
    made = await place()
    tokens = made.channel._api._client._token
    for ahead, asked in ((0, 1), (6890, 1), (6910, 2), (6920, 2)):  # five minutes before
        tokens._clock = lambda ahead=ahead: time.monotonic() + ahead  # type: ignore[misc]
        assert (await made.answer()).state == "sent"
        assert made.company.tokens == asked


async def test_a_token_that_is_over_is_changed_for_all(place: Start) -> None:
    made = await place()
    assert (await made.answer()).state == "sent"
    made.company.tokens += 1  # somebody has taken it back
    assert (await made.answer()).state == "sent"
    assert made.company.tokens == 3
    made.company.tokens += 1
    assert (await made.answer("", **_file("a.png", "image/png", 3))).state == "sent"
    assert made.company.tokens == 5


async def test_a_token_that_is_never_taken_is_not_asked_for_for_ever(place: Start) -> None:
    made = await place()
    made.fake.misdeeds = [said_no("InvalidAuthentication", 401)] * 2
    result = await made.answer()
    assert result.state == "retry"
    assert result.retry_after > 60
    assert made.company.tokens == 2


@pytest.mark.parametrize(
    ("told", "status", "least", "said"),
    [
        (
            {"code": "invalidClientIdOrSecret", "message": "无效的clientId"},
            400,
            300.0,
            "client_id",
        ),
        ({"code": "Forbidden.AccessDenied.IpNotInWhiteList"}, 403, 300.0, "白名单"),
        ({"code": "Throttling"}, 429, 1.0, "令牌"),
        ({}, 500, 1.0, "令牌"),
        ({}, 200, 1.0, "令牌"),
        ({"accessToken": "", "expireIn": 7200}, 200, 1.0, "令牌"),
        ({"accessToken": "x", "expireIn": None}, 200, 1.0, "令牌"),
    ],
)
async def test_without_a_token_nothing_is_sent(
    place: Start, monkeypatch: pytest.MonkeyPatch, told: Any, status: int, least: float, said: str
) -> None:
    made = await place()
    monkeypatch.setattr(
        made.company, "answers", lambda asked: web.json_response(told, status=status)
    )
    result = await made.answer()
    assert result.state == "retry"
    assert result.retry_after >= least
    assert said in result.error
    assert made.messages() == []
    assert CLIENT_SECRET not in result.error


# -- files of customers ----------------------------------------------------------------

REF = {"code": "mIof"}


async def test_files_are_fetched_in_two_steps_and_the_second_has_no_token(place: Start) -> None:
    made = await place()
    file = await made.channel.fetch("dingtalk", REF)
    assert (file.content, file.mime) == (b"png", "image/png")
    made.company.tokens += 1  # a token is changed here, too
    assert (await made.channel.fetch("dingtalk", REF)).content == b"png"


async def test_an_address_is_asked_as_it_was_signed(place: Start) -> None:
    """Another way to write the same is another address to who checks the signature."""
    asked: list[str] = []

    class Http:
        def get(self, url: object, **_: object) -> None:
            asked.append(str(url))
            raise OSError

    http: Any = Http()
    url = "https://bucket.example.com/a%7eb?Signature=a%2Bb%2Fc%3D&x=%7E"
    with pytest.raises(OutcomeUnknown):
        await (await place()).channel._api._client.download(http, url, 9)
    assert asked == [url]


@pytest.mark.parametrize(
    ("misdeed", "error"),
    [
        (said_no("invalidParameter.robotCode.downloadCode"), Permanent),
        (said_no("somethingNew", 404), Permanent),
        (said_no("invalidParameter.robotCode.notExsit"), Temporary),
        (said_no("Forbidden.AccessDenied.AccessTokenPermissionDenied", 403), Temporary),
        (said_no("Forbidden.AccessDenied.QpsLimitForApi", 403), Temporary),
        (Misdeed(503), Temporary),
        (done(x=1), Temporary),
        (done(downloadUrl="file:///etc/passwd"), Temporary),
        (done(downloadUrl="http://[/"), Temporary),
        (DROP, Temporary),
    ],
)
async def test_a_file_that_is_not_given(
    place: Start, misdeed: Misdeed, error: type[Exception]
) -> None:
    made = await place()
    made.fake.misdeeds = [misdeed]
    with pytest.raises(error):
        await made.channel.fetch("dingtalk", REF)


@pytest.mark.parametrize("status", [302, 403, 404, 500])
async def test_an_address_that_gives_nothing_is_asked_for_anew(place: Start, status: int) -> None:
    made = await place()
    made.company.file = web.Response(status=status, headers={"Location": "/v1.0/elsewhere"})
    with pytest.raises(Temporary):
        await made.channel.fetch("dingtalk", REF)
    assert made.fake.of("/elsewhere") == []


async def test_a_file_that_is_too_large(place: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_module, "MAX_FILE_BYTES", 1000)
    made = await place()
    made.company.file = web.Response(body=b"0" * 2000)
    with pytest.raises(Permanent):
        await made.channel.fetch("dingtalk", REF)


# -- what codes mean -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("staffId.notExisted", "离职"),
        ("invalidParameter.userIds.invalid", "离职"),
        ("invalidParameter.robotCode.notExsit", "robot_code"),
        ("invalidParameter.openConversationId.invalid", "群"),
        ("invalidParameter.msgParam.invalid", "参数"),
        ("template.stopped", "robot_code"),
        ("bot.stopped", "停用"),
        ("Forbidden.AccessDenied.SomethingNew", "不允许"),
        ("60020", "白名单"),
        ("brandNew", "没有接受"),
    ],
)
def test_every_code_has_a_sentence_and_dingtalks_own_words(code: str, said: str) -> None:
    told = ERROR_TEXTS.refused(refused(code, "their own words", 400))
    zh, _, en = told.partition(" / ")
    assert said in zh + en
    assert en
    assert told.endswith(f"[{code} their own words]")
