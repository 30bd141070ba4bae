"""What DingTalk posts: its signature, and what of a body may be read before it is stored."""

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from channels.dingtalk import create
from tests.contract.channels.drivers.dingtalk import (
    CLIENT_ID,
    CLIENT_SECRET,
    DingtalkHttp,
    message,
    signed,
)
from tests.contract.channels.house import House, house
from tests.contract.channels.kit import marked


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path, DingtalkHttp().create("http://127.0.0.1:9")) as made:
        yield made


async def posted(place: House, raw: bytes, told: dict[str, str]) -> int:
    url = f"{place.url}/dingtalk/messages"
    async with place.http.post(url, data=raw, headers=told) as response:
        return response.status


@pytest.mark.parametrize(
    "odd",
    [
        {"sign": "\u00e9"},
        {"sign": ""},
        {"timestamp": "\u00b2"},
        {"timestamp": "9" * 5000},
        {"timestamp": "-1"},
        {"timestamp": ""},
    ],
)
async def test_headers_of_any_bytes_are_refused(place: House, odd: dict[str, str]) -> None:
    assert await posted(place, json.dumps(message(1)).encode(), signed() | odd) == 401
    assert place.accepted == []


@pytest.mark.parametrize("off", [-3590, 3590])
async def test_an_hour_is_the_window(place: House, off: int) -> None:
    raw = json.dumps(message(1)).encode()
    assert await posted(place, raw, signed(time.time() + off)) == 200
    beyond = off + (20 if off > 0 else -20)
    assert await posted(place, raw, signed(time.time() + beyond)) == 401


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe", b"[]", b"null", b"{}", b"[" * 100_000])
async def test_what_is_signed_and_cannot_be_read_is_kept(place: House, raw: bytes) -> None:
    assert await posted(place, raw, signed()) == 200
    assert [one.body for one in place.accepted] == [raw]


async def test_what_is_sealed_is_refused_with_the_remedy(
    place: House, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await posted(place, b'{"encrypt": "AAAA"}', signed()) == 401
    # Where it is logged to depends on whether a test before this one has configured that.
    assert "it is encrypted: turn that off" in caplog.text + capsys.readouterr().out


async def test_one_message_is_known_by_its_number_however_it_is_written(place: House) -> None:
    for raw in (json.dumps(message(1)), json.dumps(message(1), indent=1)):
        assert await posted(place, raw.encode(), signed()) == 200
    assert {one.dedupe_key for one in place.accepted} == {message(1)["msgId"]}
    await place.work()
    assert [text for _, text in await place.said()] == [marked(1)]


# -- settings --------------------------------------------------------------------------

WHOLE = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"client_id": ""}, "client_id"),
        ({"client_id": "ding 钉钉"}, "只能有英文字母"),
        ({"client_secret": " "}, "不能为空"),
        ({"robot_code": "受理"}, "只能有英文字母"),
        ({"receive": "webhook"}, "receive"),
        ({"base_url": "api.dingtalk.com"}, "pattern"),
        ({"pace_seconds": 11}, "pace_seconds"),
    ],
)
def test_wrong_options_are_told(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told) as raised:
        create({**WHOLE, **changes}, b"")
    assert CLIENT_SECRET not in str(raised.value)


async def test_without_http_there_is_no_such_address(tmp_path: Path) -> None:
    async with house(tmp_path, create({**WHOLE, "base_url": "http://127.0.0.1:9"}, b"")) as made:
        assert await posted(made, b"{}", signed()) == 404
