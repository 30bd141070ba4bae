"""What Telegram alone has: one process that asks, an offset that waits for the commit, files."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from channels.telegram import polling, webhook
from models.errors import Permanent, Temporary
from models.message import Attachment
from tests.contract.channels.drivers.telegram import (
    TelegramPolling,
    TelegramWebhook,
    failure,
    update,
)
from tests.contract.channels.house import House, house
from tests.contract.channels.kit import marked
from tests.contract.channels.platform import Asked, Platform, platform


class Bot(TelegramPolling):
    """A bot whose files can be fetched."""

    size_told = 4

    def answers(self, asked: Asked) -> Any:
        method = asked.path.rpartition("/")[2]
        if method == "getFile":
            told = {"file_id": "F", "file_unique_id": "U", "file_size": self.size_told}
            return {"ok": True, "result": {**told, "file_path": "photos/file_1.jpg"}}
        if method == "file_1.jpg":
            return web.Response(body=b"jpeg")
        return super().answers(asked)


Opened = tuple[House, Platform, Any]


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    async with AsyncExitStack() as stack:

        async def start(driver: Any) -> Opened:
            fake = await stack.enter_async_context(platform(driver))
            lent = await stack.enter_async_context(house(tmp_path, driver.create(fake.url)))
            return lent, fake, driver

        yield start


async def test_the_offset_moves_after_the_commit(bot: Any) -> None:
    lent, fake, driver = await bot(Bot())
    lent.gate.clear()
    delivering = asyncio.create_task(driver.deliver(lent, fake, 7))
    await lent.entered.wait()
    await asyncio.sleep(0.1)
    assert not any("offset" in one.query for one in fake.of("/getUpdates"))
    lent.gate.set()
    assert await delivering == "acknowledged"
    told = [one.query["offset"] for one in fake.of("/getUpdates") if "offset" in one.query]
    assert told == ["1008"], "said once, after the commit"


async def test_no_fault_ends_the_polling(bot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "_RENEW_SECONDS", 0.02)
    lent, fake, driver = await bot(Bot())
    refused = asyncio.Event()

    async def refuse(*_: object) -> None:
        refused.set()
        raise Permanent("the database refuses the connection: somebody changes its password")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(lent.store.leases, "take", refuse)
        await asyncio.wait_for(refused.wait(), 5)
        await asyncio.sleep(0.05)
    assert await asyncio.wait_for(driver.deliver(lent, fake, 1), 5) == "acknowledged"


async def test_a_token_that_is_wrong_is_told_until_it_is_right(
    bot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "PAUSES", (0.02,))

    class Closed(Bot):
        wrong = True

        def answers(self, asked: Asked) -> Any:
            if self.wrong and asked.path.endswith("/getUpdates"):
                told = {"ok": False, "error_code": 401, "description": "Unauthorized"}
                return web.json_response(told, status=401)
            return super().answers(asked)

    lent, _, driver = await bot(Closed())
    async with asyncio.timeout(10):
        while lent.channel.trouble is None:
            await asyncio.sleep(0.01)
        assert "收不到消息（InvalidToken）" in lent.channel.trouble
        driver.wrong = False
        while lent.channel.trouble is not None:
            await asyncio.sleep(0.01)


async def test_only_one_process_asks(bot: Any) -> None:
    lent, fake, driver = await bot(Bot())
    await driver.deliver(lent, fake, 1)
    other = driver.create(fake.url)
    from models.ports import Door
    from tests.contract.channels.house import SilentBus

    await other.open(Door(lent.accept, web.Application(), lent.store, SilentBus(), lent.clock))
    await asyncio.sleep(0.2)
    try:
        assert other._ear._held is None
        assert lent.channel._ear._held is not None
    finally:
        await other.close()


async def test_numbers_that_begin_anew_after_a_quiet_week(bot: Any) -> None:
    lent, fake, driver = await bot(Bot())
    assert await driver.deliver(lent, fake, 7) == "acknowledged"
    lower = update(2) | {"update_id": 5}
    reused = update(3) | {"update_id": 1007}
    for one in (lower, reused):
        driver._given[one["update_id"]] = 0
        driver._ready[one["update_id"]] = one
        while one["update_id"] in driver._ready:
            await asyncio.sleep(0.01)
    await lent.work()
    assert [text for _, text in await lent.said()] == [marked(2), marked(3), marked(7)]


async def test_files(bot: Any) -> None:
    lent, fake, driver = await bot(Bot())
    file = await lent.channel.fetch("telegram", {"file_id": "F"})
    assert file.content == b"jpeg"
    (asked,) = fake.of("/file_1.jpg")
    assert asked.path.startswith("/file/bot")
    cases = (
        (failure(400, "Bad Request: wrong file_id"), Permanent),
        (failure(429, "Too Many Requests", retry_after=3), Temporary),
        (failure(500, "Internal"), Temporary),
    )
    for misdeed, error in cases:
        fake.misdeeds = [misdeed]
        with pytest.raises(error):
            await lent.channel.fetch("telegram", {"file_id": "F"})
    driver.size_told = 21 * 1024 * 1024
    with pytest.raises(Permanent):
        await lent.channel.fetch("telegram", {"file_id": "F"})


async def test_an_answer_takes_its_files_along(bot: Any) -> None:
    lent, fake, driver = await bot(TelegramWebhook())
    sha = "a" * 64
    file = Attachment(id="f", name="发票.pdf", mime="application/pdf", size=3, sha256=sha)
    answer = replace(driver.answer("见附件"), attachments=(file,), files={sha: b"%PDF"})
    fake_result = await lent.channel.send(answer)
    assert fake_result.state == "sent"
    (sent,) = fake.of("/sendDocument")
    assert b"%PDF" in sent.raw
    (said,) = fake.of("/sendMessage")
    assert '"message_id": 55' in said.fields["reply_parameters"]
    assert (await lent.channel.send(replace(answer, text=""))).state == "sent"
    assert len(fake.of("/sendMessage")) == 1
    assert b'"message_id": 55' in fake.of("/sendDocument")[1].raw


async def test_a_webhook_of_nonsense_is_refused(bot: Any) -> None:
    lent, fake, _ = await bot(TelegramWebhook())
    while not fake.of("/setWebhook"):
        await asyncio.sleep(0.01)
    (told,) = fake.of("/setWebhook")
    headers = {"X-Telegram-Bot-Api-Secret-Token": told.fields["secret_token"]}
    for body in (b"", b"[]", b"\xff", b'{"update_id": "x"}'):
        url = f"{lent.url}/telegram/webhook"
        async with lent.http.post(url, data=body, headers=headers) as response:
            assert response.status == 400
    assert lent.accepted == []


async def test_a_webhooks_secret_of_any_bytes_is_refused(bot: Any) -> None:
    lent, _, _ = await bot(TelegramWebhook())
    headers = {"X-Telegram-Bot-Api-Secret-Token": "\udcff\u00e9"}
    async with lent.http.post(f"{lent.url}/telegram/webhook", headers=headers) as response:
        assert response.status == 401


async def test_the_address_is_told_until_telegram_has_heard_it(
    bot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "PAUSES", (0.02,))

    class Away(TelegramWebhook):
        away = True

        def answers(self, asked: Asked) -> Any:
            if self.away:
                return web.Response(status=502)
            return super().answers(asked)

    lent, fake, driver = await bot(Away())
    async with asyncio.timeout(10):
        while lent.channel.trouble is None:
            await asyncio.sleep(0.01)
        assert "收不到消息（NetworkError）" in lent.channel.trouble
        driver.away = False
        while lent.channel.trouble is not None:
            await asyncio.sleep(0.01)
    heard = len(fake.of("/setWebhook"))
    await asyncio.sleep(0.1)
    assert len(fake.of("/setWebhook")) == heard, "told once"


async def test_who_polls_after_a_webhook_is_given_updates_again(
    bot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "PAUSES", (0.02,))

    class Posted(Bot):
        """It posts to an address that it was told once."""

        webhook_set = True

        def answers(self, asked: Asked) -> Any:
            if asked.path.endswith("/deleteWebhook"):
                assert asked.fields.get("drop_pending_updates") in {None, False}
                self.webhook_set = False
            if self.webhook_set and asked.path.endswith("/getUpdates"):
                why = "Conflict: can't use getUpdates method while webhook is active"
                told = {"ok": False, "error_code": 409, "description": why}
                return web.json_response(told, status=409)
            return super().answers(asked)

    lent, fake, driver = await bot(Posted())
    assert await asyncio.wait_for(driver.deliver(lent, fake, 1), 10) == "acknowledged"

    driver.webhook_set = True  # another process was told to have updates posted
    async with asyncio.timeout(10):
        while lent.channel.trouble is None:
            await asyncio.sleep(0.01)
    assert driver.webhook_set, "who polled before does not take it from them"


async def test_all_of_an_answer_goes_into_its_topic(bot: Any) -> None:
    lent, fake, driver = await bot(Bot())
    answer = driver.answer("长" * 5000)
    route = answer.route.model_copy(update={"address": "-100200/80/12"})
    assert (await lent.channel.send(replace(answer, route=route))).state == "sent"
    said = fake.of("/sendMessage")
    assert [one.fields["message_thread_id"] for one in said] == ["12", "12"]
    assert ["reply_parameters" in one.fields for one in said] == [True, False]


async def test_an_address_in_an_answer_is_not_opened_for_a_preview(bot: Any) -> None:
    lent, fake, driver = await bot(Bot())
    answer = driver.answer("请在这里重设密码，只能用一次：https://example.com/reset/7f3a")
    assert (await lent.channel.send(answer)).state == "sent"
    (said,) = fake.of("/sendMessage")
    assert json.loads(said.fields["link_preview_options"]) == {"is_disabled": True}


async def test_a_group_that_became_a_supergroup_is_followed(bot: Any) -> None:
    lent, fake, driver = await bot(Bot())
    moved = failure(
        400,
        "Bad Request: group chat was upgraded to a supergroup chat",
        migrate_to_chat_id=-100777,
    )
    fake.misdeeds = [moved]
    assert (await lent.channel.send(driver.answer("长" * 5000))).state == "sent"
    told = [one.fields["chat_id"] for one in fake.of("/sendMessage")]
    assert told == ["-100123", "-100777", "-100777"], "the new number is learned once"


async def test_a_file_too_large_to_be_sent_is_told_before_anything_is(bot: Any) -> None:
    lent, fake, driver = await bot(Bot())
    size = 50 * 1024 * 1024 + 1
    large = Attachment(id="a", name="影片.mp4", mime="video/mp4", size=size, state="stored")
    result = await lent.channel.send(replace(driver.answer("见附件"), attachments=(large,)))
    assert result.state == "failed"
    assert "影片.mp4" in result.error
    assert not fake.of("/sendMessage")


async def test_a_file_that_is_not_there_just_now_is_asked_for_again(bot: Any) -> None:
    lent, fake, _ = await bot(Bot())
    fake.misdeeds = [
        failure(400, "Bad Request: wrong file_id or the file is temporarily unavailable"),
        failure(400, "Bad Request: file is too big"),
    ]
    with pytest.raises(Temporary):
        await lent.channel.fetch("telegram", {"file_id": "F"})
    with pytest.raises(Permanent, match="20 MB"):
        await lent.channel.fetch("telegram", {"file_id": "F"})


@pytest.mark.parametrize(
    ("description", "sentence"),
    [
        ("Forbidden: bot was blocked by the user", "客户屏蔽了机器人"),
        ("Bad Request: TOPIC_CLOSED", "这个话题已关闭"),
        ("Bad Request: something new", "Telegram 没有接受"),
    ],
)
async def test_a_refusal_is_told_in_words(bot: Any, description: str, sentence: str) -> None:
    lent, fake, driver = await bot(Bot())
    fake.misdeeds = [failure(403 if "Forbidden" in description else 400, description)]
    result = await lent.channel.send(driver.answer("您好"))
    assert result.state == "failed"
    assert result.error.startswith(sentence)
    assert description.rpartition(": ")[2].lower() in result.error.lower()
