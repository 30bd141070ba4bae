"""Answers: numbered, five at most, and what WeCom could not deliver after all; files."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
from aiohttp import web

from channels.wecom.api import Api
from channels.wecom.reading import answer_of, number_of
from channels.wecom.refusals import undelivered
from models.errors import Permanent, Temporary
from models.message import Attachment, Choice, OutboundMessage, ReplyRoute
from tests.contract.channels.drivers.wechat import said_no
from tests.contract.channels.drivers.wecom import ACCESS_TOKEN, CORP_SECRET, CUSTOMER, Wecom
from tests.contract.channels.platform import DROP, Asked, Misdeed, Platform, platform

ANSWER = "01900000-0000-7000-8000-000000000001"


class Company(Wecom):
    """A company whose customers have sent files."""

    media: Callable[[], web.Response] | None = None
    login: Any = None

    def answers(self, asked: Asked) -> Any:
        if asked.path.endswith("/gettoken") and self.login is not None:
            return self.login
        if asked.path.endswith("/media/get"):
            return self.media() if self.media else {}
        return super().answers(asked)


class Line:
    def __init__(self, company: Company, fake: Platform) -> None:
        self.company, self.fake = company, fake
        channel: Any = company.create(fake.url)
        self.api = Api(channel._options)

    def answer(self, text: str = "已为您退款。", **changes: Any) -> OutboundMessage:
        return self.company.answer(text, **changes)

    @property
    def sent(self) -> list[Asked]:
        return self.fake.of("/kf/send_msg")


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    company = Company()
    async with platform(company) as fake:
        yield Line(company, fake)


def attachment(content: bytes, mime: str, name: str = "合同.pdf") -> dict[str, Any]:
    file = Attachment(id="f", name=name, mime=mime, size=len(content), sha256="aa")
    return {"attachments": (file,), "files": {"aa": content}}


# -- numbers ---------------------------------------------------------------------------


def test_a_number_tells_its_answer_and_is_never_the_same() -> None:
    numbers = {number_of(ANSWER) for _ in range(50)}
    assert len(numbers) == 50
    assert {answer_of(number) for number in numbers} == {ANSWER}


@pytest.mark.parametrize("number", ["", "x", "短", "from_msgid_4622416642169452483"[:21]])
def test_the_numbers_of_others_tell_nothing(number: str) -> None:
    assert answer_of(number) is None


@pytest.mark.parametrize("why", [0, 6, 99, None, "6", [6]], ids=str)
def test_whatever_the_reason_it_is_told_in_both_languages(why: object) -> None:
    zh, _, en = undelivered(why).partition(" / ")
    assert zh.startswith("企业微信没有送达")
    assert en.startswith("WeCom did not deliver it")


# -- answers ---------------------------------------------------------------------------


async def test_what_five_messages_cannot_hold_is_not_begun(line: Line) -> None:
    route = ReplyRoute(adapter="wecom", address=CUSTOMER, quota_left=1)
    result = await line.api.send(line.answer("长" * 1000, route=route))
    assert (result.state, line.sent) == ("failed", [])
    assert "2 条" in result.error


async def test_an_account_that_was_taken_from_the_settings_says_nothing(line: Line) -> None:
    result = await line.api.send(line.answer(account="presale"))
    assert (result.state, line.sent) == ("failed", [])
    assert "presale" in result.error


@pytest.mark.parametrize(
    ("mime", "size", "kind"),
    [
        ("image/png", 100, "image"),
        ("image/jpeg", 11 * 1024 * 1024, "file"),
        ("image/gif", 100, "file"),
        ("application/pdf", 100, "file"),
        ("audio/amr", 100, "voice"),
        ("video/mp4", 100, "video"),
    ],
)
async def test_files_go_as_what_wecom_shows(line: Line, mime: str, size: int, kind: str) -> None:
    result = await line.api.send(line.answer("", **attachment(b"x" * size, mime)))
    assert result.state == "sent", result.error
    (upload,) = line.fake.of("/media/upload")
    assert upload.query["type"] == kind
    assert 'filename="合同.pdf"'.encode() in upload.raw
    (said,) = line.sent
    assert said.fields["msgtype"] == kind
    assert said.fields[kind] == {"media_id": "MEDIA"}


@pytest.mark.parametrize("size", [0, 5, 20 * 1024 * 1024 + 1])
async def test_files_that_wecom_does_not_take_are_not_begun(line: Line, size: int) -> None:
    result = await line.api.send(line.answer("好", **attachment(b"x" * size, "text/plain")))
    assert (result.state, line.fake.asked) == ("failed", [])
    assert "合同.pdf" in result.error


async def test_an_upload_that_fails_leaves_nothing_said(line: Line) -> None:
    line.fake.misdeeds = [DROP]
    result = await line.api.send(line.answer("好", **attachment(b"x" * 100, "text/plain")))
    assert (result.state, line.sent) == ("retry", [])


async def test_choices_are_a_menu_below_the_last_words(line: Line) -> None:
    choices = (Choice(value="rate:5", label="满意"), Choice(value="rate:1", label="不满意"))
    text = "很" * 500 + "\n请评价这次服务。"
    assert (await line.api.send(line.answer(text, choices=choices))).state == "sent"
    assert "".join(line.company.said(line.fake)) == text
    assert line.company.buttons(line.fake) == [("满意", "rate:5"), ("不满意", "rate:1")]
    menus = [one.fields["msgtype"] for one in line.sent]
    assert menus == ["text"] * (len(menus) - 1) + ["msgmenu"]
    assert all(len(one.fields["msgmenu"]["head_content"].encode()) <= 1024
               for one in line.sent if "msgmenu" in one.fields)  # fmt: skip


async def test_a_second_part_that_fails_is_for_a_person(line: Line) -> None:
    line.fake.misdeeds = [None, said_no(95001)]
    result = await line.api.send(line.answer("长" * 1000))
    assert result.state == "unknown"
    assert "1/2" in result.error


# -- the access token ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ({"errcode": 40001, "errmsg": "invalid credential"}, "Secret"),
        ({"errcode": 40013, "errmsg": "invalid corpid"}, "企业 ID"),
        ({"errcode": 60020, "errmsg": "not allow to access from your ip"}, "可信 IP"),
        ({"nothing": 1}, "访问令牌"),
        (web.Response(status=500, text="oops"), "访问令牌"),
    ],
    ids=str,
)
async def test_without_a_token_nothing_was_sent(line: Line, said: Any, names: str) -> None:
    line.company.login = said
    result = await line.api.send(line.answer())
    assert (result.state, line.sent) == ("retry", [])
    assert names in result.error
    assert CORP_SECRET not in result.error
    line.company.login = None
    assert (await line.api.send(line.answer())).state == "sent"


@pytest.mark.parametrize("code", [40014, 42001])
async def test_a_token_that_is_over_is_replaced(line: Line, code: int) -> None:
    line.fake.misdeeds = [said_no(code)]
    assert (await line.api.send(line.answer())).state == "sent"
    assert len(line.fake.of("/gettoken")) == 2


# -- files of customers ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ('attachment; filename="contract.pdf"', "contract.pdf"),
        ('attachment; filename="合同.pdf"', "合同.pdf"),
        ("attachment; filename*=utf-8''%E5%90%88%E5%90%8C.pdf", "合同.pdf"),
        ("attachment", ""),
        ("nonsense;;=", ""),
    ],
)
async def test_a_file_is_fetched_with_what_it_is_called(line: Line, told: str, name: str) -> None:
    line.company.media = partial(
        web.Response,
        body=b"%PDF-1.7",
        content_type="application/pdf",
        headers={"Content-Disposition": told},
    )
    found = await line.api.fetch("MEDIA", named=True)
    assert (found.content, found.mime, found.name) == (b"%PDF-1.7", "application/pdf", name)
    assert (await line.api.fetch("MEDIA", named=False)).name == ""
    asked = line.fake.of("/media/get")[0]
    assert asked.query == {"access_token": ACCESS_TOKEN, "media_id": "MEDIA"}


@pytest.mark.parametrize(
    ("misdeeds", "expected"),
    [
        ([said_no(40007, "invalid media_id")], Permanent),
        ([said_no(-1)], Temporary),
        ([DROP, DROP], Temporary),  # a GET is asked twice
        ([Misdeed(500)], Temporary),
        ([Misdeed(200, body="")], Temporary),
        ([Misdeed(200, body="x" * (20 * 1024 * 1024 + 1))], Permanent),
    ],
    ids=["gone", "busy", "dropped", "broken", "empty", "too large"],
)
async def test_a_file_that_is_not_given(
    line: Line, misdeeds: list[Misdeed | None], expected: Any
) -> None:
    line.fake.misdeeds = misdeeds
    with pytest.raises(expected):
        await line.api.fetch("MEDIA", named=True)
