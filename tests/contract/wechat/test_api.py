"""Answers and files: one token at a time, five messages at most, files of WeChat's own hosts."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from channels.wechat.api import Api
from channels.wechat.options import Options
from models.errors import Permanent, Temporary
from models.message import Attachment, OutboundMessage, ReplyRoute
from tests.contract.channels.drivers.wechat import (
    ACCESS_TOKEN,
    APP_SECRET,
    OPENID,
    WechatSealed,
    said_no,
)
from tests.contract.channels.platform import DROP, Asked, Misdeed, Platform, platform
from tests.fakes import FakeClock


class Account(WechatSealed):
    """An account whose tokens end, and whose customers have sent files."""

    def __init__(self) -> None:
        self.valid = ACCESS_TOKEN
        self.next: list[Any] = []
        self.media: Any = None
        self.url = ""

    def answers(self, asked: Asked) -> Any:
        if asked.path.endswith("/stable_token"):
            return self.next.pop(0) if self.next else self._token()
        if asked.query.get("access_token") != self.valid and not asked.path.startswith("/video"):
            return {"errcode": 40001, "errmsg": "invalid credential"}
        if asked.path.endswith("/media/get"):
            return self.media
        if asked.path.startswith("/video"):
            return web.Response(body=b"mp4", content_type="video/mp4")
        if asked.path.endswith("/media/upload"):
            return {"type": asked.query["type"], "media_id": "MEDIA", "created_at": 1764036000}
        return {"errcode": 0, "errmsg": "ok"}

    def _token(self) -> dict[str, Any]:
        return {"access_token": self.valid, "expires_in": 7200}


class Line:
    def __init__(self, account: Account, fake: Platform) -> None:
        self.account, self.fake, self.clock = account, fake, FakeClock(0.0)
        channel: Any = account.create(fake.url)
        self.api = Api(channel._options, self.clock)
        account.url = fake.url

    def answer(self, text: str = "已为您退款。", **changes: Any) -> OutboundMessage:
        return self.account.answer(text, **changes)

    @property
    def tokens(self) -> int:
        return len(self.fake.of("/stable_token"))

    @property
    def sent(self) -> int:
        return len(self.fake.of("/message/custom/send"))


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    account = Account()
    async with platform(account) as fake:
        yield Line(account, fake)


# -- the access token ------------------------------------------------------------------


async def test_the_token_is_asked_for_once_and_again_before_it_ends(line: Line) -> None:
    results = await asyncio.gather(*(line.api.send(line.answer()) for _ in range(8)))
    assert {result.state for result in results} == {"sent"}
    assert line.tokens == 1
    (asked,) = line.fake.of("/stable_token")
    assert asked.fields["grant_type"] == "client_credential"
    assert "force_refresh" not in asked.fields, "a refresh by force takes it from all others"
    assert APP_SECRET not in json.dumps(asked.query)
    line.clock.now += 6899
    await line.api.send(line.answer())
    assert line.tokens == 1
    line.clock.now += 2
    await line.api.send(line.answer())
    assert line.tokens == 2


async def test_a_refused_token_is_replaced_once_by_all_together(line: Line) -> None:
    await line.api.send(line.answer())
    line.account.valid = "the next one"
    results = await asyncio.gather(*(line.api.send(line.answer()) for _ in range(8)))
    assert {result.state for result in results} == {"sent"}
    assert line.tokens == 2
    assert line.sent == 1 + 8 + 8, "each was refused once, and sent once"


@pytest.mark.parametrize("code", [40001, 40014, 42001])
async def test_a_token_that_is_refused_again_waits_for_somebody(line: Line, code: int) -> None:
    line.fake.misdeeds = [said_no(code), said_no(code)]
    result = await line.api.send(line.answer())
    assert (result.state, line.sent) == ("retry", 2)
    assert result.retry_after >= 60
    assert "app_secret" in result.error


@pytest.mark.parametrize(
    "said",
    [
        {"errcode": 40125, "errmsg": "invalid appsecret"},
        {"errcode": 40164, "errmsg": "invalid ip 203.0.113.9, not in whitelist"},
        {"errcode": 48001, "errmsg": "api unauthorized"},
        {"errcode": 89503, "errmsg": "something to be confirmed"},
        {"nothing": 1},
        [],
        web.Response(status=500, text="oops"),
    ],
    ids=str,
)
async def test_without_a_token_nothing_was_sent(line: Line, said: Any) -> None:
    line.account.next = [said]
    result = await line.api.send(line.answer())
    assert (result.state, line.sent) == ("retry", 0)
    assert result.retry_after > 0
    assert (await line.api.send(line.answer())).state == "sent", "and mended it goes out"


async def test_without_a_secret_nothing_is_asked_for(line: Line) -> None:
    silent = line.account.create(line.fake.url, app_secret=None)
    assert "app_secret" in (silent.ready() or "")
    assert line.account.create(line.fake.url).ready() is None
    assert (await silent.send(line.answer())).state == "retry"
    with pytest.raises(Temporary, match="app_secret"):
        await silent.fetch("a", {"media_id": "m"})  # type: ignore[attr-defined]
    assert line.fake.asked == []


# -- answers ---------------------------------------------------------------------------


async def test_what_five_messages_cannot_hold_is_not_begun(line: Line) -> None:
    route = ReplyRoute(adapter="wechat", address=OPENID, quota_left=5)
    long = "字" * 682 * 5
    assert (await line.api.send(line.answer(long, route=route))).state == "sent"
    assert line.sent == 5
    result = await line.api.send(line.answer(long + "字" * 3, route=route))
    assert (result.state, line.sent) == ("failed", 5)
    assert "6" in result.error
    assert "5" in result.error


def test_it_says_how_many_messages_an_answer_takes(line: Line) -> None:
    channel: Any = line.account.create(line.fake.url)
    assert channel.takes("好", 0) == 1
    assert channel.takes("字" * 683, 2) == 4
    assert channel.takes("", 1) == 1


def picture(name: str = "收据.png", mime: str = "image/png", size: int = 4) -> Attachment:
    return Attachment(id="f", name=name, mime=mime, size=size, sha256="a" * 64)


async def test_pictures_are_put_there_first_and_sent_behind_the_words(line: Line) -> None:
    answer = replace(line.answer(), attachments=(picture(),), files={"a" * 64: b"\x89PNG"})
    assert (await line.api.send(answer)).state == "sent"
    (uploaded,) = line.fake.of("/media/upload")
    assert uploaded.query["type"] == "image"
    assert b"\x89PNG" in uploaded.raw
    assert b'name="media"' in uploaded.raw
    assert b'filename="image.png"' in uploaded.raw
    assert int(uploaded.headers["Content-Length"]) == len(uploaded.raw), "not in chunks"
    words, shown = line.fake.of("/message/custom/send")
    assert words.fields["msgtype"] == "text"
    assert shown.fields == {"touser": OPENID, "msgtype": "image", "image": {"media_id": "MEDIA"}}
    assert line.fake.asked.index(uploaded) < line.fake.asked.index(words)


@pytest.mark.parametrize(
    "file",
    [
        picture("合同.pdf", "application/pdf"),
        picture("演示.mp4", "video/mp4"),
        picture(size=11 * 1024 * 1024),
    ],
    ids=lambda file: str(file.name),
)
async def test_what_an_account_cannot_send_is_said_before_anything_is(
    line: Line, file: Attachment
) -> None:
    answer = replace(line.answer(), attachments=(file,), files={"a" * 64: b"%PDF"})
    result = await line.api.send(answer)
    assert result.state == "failed"
    assert file.name in result.error
    assert line.fake.asked == []


@pytest.mark.parametrize(
    ("misdeed", "state"),
    [
        (DROP, "retry"),
        (Misdeed(500), "retry"),
        (said_no(-1), "retry"),
        (said_no(40005), "failed"),
        (Misdeed(200, body="{}"), "retry"),
    ],
    ids=str,
)
async def test_where_a_file_is_not_taken_nothing_was_said(
    line: Line, misdeed: Misdeed, state: str
) -> None:
    line.fake.misdeeds = [misdeed]
    answer = replace(line.answer(), attachments=(picture(),), files={"a" * 64: b"\x89PNG"})
    result = await line.api.send(answer)
    assert (result.state, line.sent) == (state, 0)


async def test_a_picture_that_fails_behind_the_words_is_for_a_person(line: Line) -> None:
    line.fake.misdeeds = [None, None, said_no(45047)]
    answer = replace(line.answer(), attachments=(picture(),), files={"a" * 64: b"\x89PNG"})
    result = await line.api.send(answer)
    assert result.state == "unknown"
    assert "1/2" in result.error
    assert "45047" in result.error


# -- files -----------------------------------------------------------------------------


async def test_files_are_fetched_with_the_token(line: Line) -> None:
    line.account.media = web.Response(body=b"jpeg", content_type="image/jpeg")
    file = await line.api.fetch("media/../1")
    assert (file.content, file.mime) == (b"jpeg", "image/jpeg")
    (asked,) = line.fake.of("/media/get")
    assert asked.query == {"access_token": ACCESS_TOKEN, "media_id": "media/../1"}


async def test_a_stale_token_does_not_cost_a_file(line: Line) -> None:
    line.account.media = {"errcode": 40007}
    with pytest.raises(Permanent):
        await line.api.fetch("m")
    line.account.valid = "the next one"
    line.account.media = web.Response(body=b"amr", content_type="voice/amr")
    assert (await line.api.fetch("m")).content == b"amr"


async def test_a_video_is_where_its_answer_says_if_that_is_wechats(line: Line) -> None:
    line.account.media = {"video_url": f"{line.fake.url}/video/1?x=2"}
    assert (await line.api.fetch("m")).content == b"mp4"
    (asked,) = line.fake.of("/video/1")
    assert "access_token" not in asked.query


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:1/",
        "https://qq.com.example.com/v",
        "https://evilqq.com/v",
        "file:///etc/passwd",
        "ftp://mp.weixin.qq.com/v",
        "https://user@example.com/#.qq.com",
        "http://[",
        "nonsense",
    ],
)
async def test_other_hosts_are_not_asked(line: Line, url: str) -> None:
    line.account.media = {"video_url": url}
    with pytest.raises(Permanent):
        await line.api.fetch("m")


@pytest.mark.parametrize(
    ("media", "error"),
    [
        ({"errcode": 40007, "errmsg": "invalid media_id"}, Permanent),
        ({"errcode": -1, "errmsg": "system error"}, Temporary),
        ({"errcode": 45009, "errmsg": "reach max api daily quota limit"}, Temporary),
        ({"errcode": 48001, "errmsg": "api unauthorized"}, Temporary),
        (web.Response(status=502, text="oops"), Temporary),
        (web.Response(status=200), Temporary),
        (web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}), Temporary),
    ],
    ids=str,
)
async def test_files_that_are_not_to_be_had(line: Line, media: Any, error: type) -> None:
    line.account.media = media
    with pytest.raises(error):
        await line.api.fetch("m")


async def test_a_file_without_end_is_not_read_to_it(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.wechat.api.MAX_FILE_BYTES", 1000)
    line.account.media = web.Response(body=b"x" * 1001, content_type="image/jpeg")
    with pytest.raises(Permanent, match="20 MB"):
        await line.api.fetch("m")


# -- settings --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("appid", "gh_7f083739789a"),
        ("token", "with a space"),
        ("token", "ab"),
        ("encoding_aes_keys", ["too short"]),
        ("app_secret", " "),
        ("base_url", "api.weixin.qq.com"),
    ],
)
def test_settings_that_cannot_work_are_named(name: str, value: Any) -> None:
    right = {"appid": "wx0123456789abcdef", "token": "Token"}
    Options.model_validate(right)
    with pytest.raises(ValueError, match=name) as told:
        Options.model_validate({**right, name: value})
    assert "too short" not in str(told.value)
