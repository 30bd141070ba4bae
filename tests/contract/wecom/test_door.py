"""Who may ring, and what is read when somebody does."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.contract.channels.drivers.wechat import sealed, sign
from tests.contract.channels.drivers.wecom import (
    AES_KEY,
    CORP_ID,
    KFID,
    NOTICE,
    TOKEN,
    Wecom,
    notification,
    rung,
    text,
)
from tests.contract.channels.house import House, house
from tests.contract.channels.platform import Platform, platform

NEW_KEY = "anotherkeythatnobodylogs456789ABCDEFGHIJKLM"


class Line:
    """A channel at its platform, and the way to ring."""

    def __init__(self, driver: Wecom, fake: Platform, lent: House) -> None:
        self.driver, self.fake, self.house = driver, fake, lent

    async def ring(self, query: dict[str, str], body: bytes) -> int:
        url = f"{self.house.url}/wecom/callback"
        async with self.house.http.post(url, params=query, data=body) as response:
            return response.status

    async def greet(self, echo: str) -> tuple[int, str]:
        now, nonce = str(int(time.time())), "1372623149"
        encrypt = sealed(echo.encode(), CORP_ID, AES_KEY)
        query = {"timestamp": now, "nonce": nonce, "echostr": encrypt}
        query["msg_signature"] = sign(TOKEN, now, nonce, encrypt)
        async with self.house.http.get(
            f"{self.house.url}/wecom/callback", params=query
        ) as response:
            # What somebody wanted to hear back is no page for a browser.
            echoes = response.status == 200
            assert (response.headers.get("X-Content-Type-Options") == "nosniff") is echoes
            return response.status, await response.text()

    @property
    def numbers(self) -> list[str]:
        return [envelope.dedupe_key for envelope in self.house.accepted]

    async def settled(self) -> None:
        """Until the look at the start is over."""
        async with asyncio.timeout(5):
            while not self.fake.of("/kf/sync_msg"):
                await asyncio.sleep(0.005)
        await self.house.channel._syncing.heard(KFID, "")  # type: ignore[attr-defined]


Opening = Callable[..., Awaitable[Line]]


@pytest.fixture
async def opening(tmp_path: Path) -> AsyncIterator[Opening]:
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> Line:
            driver = Wecom()
            fake = await stack.enter_async_context(platform(driver))
            channel = driver.create(fake.url, **options)
            lent = await stack.enter_async_context(house(tmp_path, channel))
            line = Line(driver, fake, lent)
            await line.settled()
            return line

        yield start


async def test_it_shows_that_it_knows_token_and_key(opening: Opening) -> None:
    line = await opening()
    assert await line.greet("1616140317555161061") == (200, "1616140317555161061")
    status, told = await line.greet("<script>alert(1)</script>")
    assert (status, "script" in told) == (401, False)


async def test_who_is_not_wecom_reads_nothing(opening: Opening) -> None:
    line = await opening()
    line.driver.inbox.append(text(1))
    asked = len(line.fake.of("/kf/sync_msg"))
    query, body = rung(notification(), token="Another")
    assert await line.ring(query, body) == 401
    query, body = rung(notification(), age=301)
    assert await line.ring(query, body) == 401
    query, body = rung(notification(), key=NEW_KEY)
    assert await line.ring(query, body) == 400
    query, body = rung(notification(), corp_id="ww9999999999999999")
    assert await line.ring(query, body) == 400
    query, _ = rung(notification())
    assert await line.ring(query, b"<xml></xml>") == 401
    assert await line.ring(query, b"no xml") == 400
    assert await line.ring(query, b"x" * 200_000) == 400
    assert len(line.fake.of("/kf/sync_msg")) == asked
    assert line.numbers == []


async def test_the_old_key_is_good_beside_the_new_one(opening: Opening) -> None:
    line = await opening(encoding_aes_keys=[NEW_KEY, AES_KEY])
    line.driver.inbox.append(text(1))
    assert await line.ring(*rung(notification())) == 200
    line.driver.inbox.append(text(2))
    assert await line.ring(*rung(notification(), key=NEW_KEY)) == 200
    assert line.numbers == ["from_msgid_1", "from_msgid_2"]


async def test_the_notice_is_shown_to_wecom(opening: Opening) -> None:
    line = await opening()
    line.driver.inbox.append(text(1))
    assert await line.ring(*rung(notification())) == 200
    asked = line.fake.of("/kf/sync_msg")[-1].fields
    assert (asked["token"], asked["open_kfid"]) == (NOTICE, KFID)


async def test_news_of_an_account_that_is_not_ours_is_left_alone(opening: Opening) -> None:
    line = await opening()
    line.driver.inbox.append(text(1))
    other = notification("wkOtherAccountOfTheCompany")
    assert await line.ring(*rung(other)) == 200
    assert line.numbers == []


async def test_news_that_name_no_account_are_of_all(opening: Opening) -> None:
    line = await opening()
    line.driver.inbox.append(text(1))
    assert await line.ring(*rung(notification(""))) == 200
    assert line.numbers == ["from_msgid_1"]


async def test_what_else_wecom_tells_is_taken_and_read_by_nobody(opening: Opening) -> None:
    line = await opening()
    line.driver.inbox.append(text(1))
    told = notification().replace(b"kf_msg_or_event", b"change_contact")
    assert await line.ring(*rung(told)) == 200
    assert line.numbers == []


async def test_it_comes_again_while_it_cannot_be_stored(opening: Opening) -> None:
    line = await opening()
    line.driver.inbox.append(text(1))
    line.house.failing = True
    assert await line.ring(*rung(notification())) == 503
    line.house.failing = False
    assert await line.ring(*rung(notification())) == 200
    assert line.numbers == ["from_msgid_1"]
