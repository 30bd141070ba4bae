"""Through the platforms' own fakes and real processes: a picture from Telegram, a thread in Slack,
a form by HTTP, words from WeChat, WeCom, Feishu and DingTalk; each is answered where it came from.
"""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import aiohttp
from aiohttp import web

from tests.contract.channels.drivers.dingtalk import ACCESS_TOKEN as DINGTALK_TOKEN
from tests.contract.channels.drivers.dingtalk import (
    CLIENT_ID,
    CLIENT_SECRET,
    TICKET,
    DingtalkStream,
)
from tests.contract.channels.drivers.feishu import APP_SECRET as FEISHU_SECRET
from tests.contract.channels.drivers.feishu import ENCRYPT_KEY, FeishuEncrypted, words
from tests.contract.channels.drivers.ingest import KEY, Ingest
from tests.contract.channels.drivers.slack import APP, BOT, SlackSockets
from tests.contract.channels.drivers.telegram import TOKEN, TelegramPolling
from tests.contract.channels.drivers.wechat import (
    ACCESS_TOKEN,
    AES_KEY,
    APP_SECRET,
    APPID,
    WechatSealed,
)
from tests.contract.channels.drivers.wechat import TOKEN as WECHAT_TOKEN
from tests.contract.channels.drivers.wecom import AES_KEY as WECOM_KEY
from tests.contract.channels.drivers.wecom import CORP_ID, CORP_SECRET, KFID, Wecom
from tests.contract.channels.drivers.wecom import TOKEN as WECOM_TOKEN
from tests.contract.channels.house import House
from tests.contract.channels.kit import marked
from tests.contract.channels.platform import Asked, Platform, platform
from tests.flow.clients import Agent, at_the_desk, texts, until
from tests.flow.system import Prepared, embedded


class Bot(TelegramPolling):
    """A bot to whom somebody sends a picture."""

    def answers(self, asked: Asked) -> Any:
        method = asked.path.rpartition("/")[2]
        if method == "getFile":
            told = {"file_id": "large", "file_unique_id": "l", "file_path": "photos/1.jpg"}
            return {"ok": True, "result": told}
        if method == "1.jpg":
            return web.Response(body=b"a broken parcel")
        return super().answers(asked)

    def show(self, number: int) -> None:
        size = {"file_id": "large", "file_unique_id": "l", "width": 9, "height": 9}
        person = {"id": 4711, "is_bot": False, "first_name": "小明"}
        said = {
            "message_id": number, "date": 1764036000, "from": person,
            "chat": {"id": 4711, "type": "private"}, "caption": marked(number), "photo": [size],
        }  # fmt: skip
        self._ready[number], self._given[number] = {"update_id": number, "message": said}, 0


class Remote:
    """What drivers ask of a house, of one that is another process."""

    failing = False

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url, self.http = url, http


def settings(
    bot: Platform,
    slack: Platform,
    hook: Platform,
    wechat: Platform,
    company: Platform,
    robot: Platform,
    service: Platform,
) -> dict[str, str]:
    source = f'secrets = ["{KEY}"], webhook = "{hook.url}/hook", part_chars = 70'
    return {
        "SHOULI_CHANNELS__INGEST__SOURCES": f"{{form = {{{source}}}}}",
        "SHOULI_CHANNELS__TELEGRAM": (
            f'{{token = "{TOKEN}", base_url = "{bot.url}", poll_seconds = 0, pace_seconds = 0}}'
        ),
        "SHOULI_CHANNELS__SLACK": (
            f'{{bot_token = "{BOT}", app_token = "{APP}", base_url = "{slack.url}/api/"}}'
        ),
        "SHOULI_CHANNELS__WECHAT": (
            f'{{appid = "{APPID}", token = "{WECHAT_TOKEN}", app_secret = "{APP_SECRET}",'
            f' encoding_aes_keys = ["{AES_KEY}"], base_url = "{wechat.url}"}}'
        ),
        "SHOULI_CHANNELS__FEISHU": (
            f'{{app_id = "cli_shouli", app_secret = "{FEISHU_SECRET}",'
            f' encrypt_key = "{ENCRYPT_KEY}", base_url = "{company.url}"}}'
        ),
        "SHOULI_CHANNELS__DINGTALK": (
            f'{{client_id = "{CLIENT_ID}", client_secret = "{CLIENT_SECRET}",'
            f' base_url = "{robot.url}", pace_seconds = 0}}'
        ),
        "SHOULI_CHANNELS__WECOM": (
            f'{{corp_id = "{CORP_ID}", secret = "{CORP_SECRET}", token = "{WECOM_TOKEN}",'
            f' encoding_aes_keys = ["{WECOM_KEY}"], accounts = {{service = "{KFID}"}},'
            f' history = true, base_url = "{service.url}"}}'
        ),
        "SHOULI_DECLARED": '{"ingest/form" = {type = "投诉"}}',
    }


async def test_each_is_heard_and_answered_where_it_came_from(
    prepared: Prepared, home: Path
) -> None:
    bot, slack, form, wechat = Bot(), SlackSockets(), Ingest(), WechatSealed()
    company, robot, service = FeishuEncrypted(), DingtalkStream(), Wecom()
    drivers = (bot, slack, form, wechat, company, robot, service)
    async with AsyncExitStack() as stack:
        fakes = [await stack.enter_async_context(platform(one)) for one in drivers]
        for driver, fake in zip(drivers, fakes, strict=True):
            driver.create(fake.url)
        system = embedded(home, prepared, settings(*fakes))
        stack.callback(system.destroy)
        await asyncio.to_thread(system.start)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        house = cast("House", Remote(system.intake, http))
        async with at_the_desk(system, "chen", "lilei", "hanmeimei", "wangfang") as people:
            bot.show(1)
            assert await slack.deliver(house, fakes[1], 2) == "acknowledged"
            assert await form.deliver(house, fakes[2], 3) == "acknowledged"
            assert await wechat.deliver(house, fakes[3], 4) == "acknowledged"
            assert await company.deliver(house, fakes[4], 5) == "acknowledged"
            assert await robot.deliver(house, fakes[5], 6) == "acknowledged"
            assert await service.deliver(house, fakes[6], 7) == "acknowledged"
            for number in range(1, 8):
                who, ticket = await _whose(people, marked(number))
                if number == 1:
                    await _picture(who, ticket["ticket"]["id"])
                if number == 3:
                    (kind,) = [one for one in ticket["labels"] if one["facet"] == "type"]
                    assert (kind["value"], kind["by"]) == ("投诉", "declared")
                # Resolved, so that whoever is able to has room for the next.
                await who.reply(ticket["ticket"]["id"], f"答复{number}", "resolved")
            said = {
                "1": lambda: bot.said(fakes[0]),
                "2": lambda: [one.fields["text"] for one in fakes[1].of("/chat.postMessage")],
                "3": lambda: form.said(fakes[2]),
                "4": lambda: wechat.said(fakes[3]),
                "5": lambda: [words(one) for one in fakes[4].of("/im/v1/messages")],
                "6": lambda: robot.said(fakes[5]),
                "7": lambda: service.said(fakes[6]),
            }
            for number, heard in said.items():
                await until(f"answer {number}", lambda n=number, h=heard: f"答复{n}" in h())
            hooks = [one for one in fakes[2].of("/hook") if one.fields["text"] == "答复3"]
            assert len(hooks) == 1
        await asyncio.to_thread(system.stop)
        logged = system.tail(100_000)
        secrets = (TOKEN, BOT, APP, KEY, ACCESS_TOKEN, *wechat.secrets, *company.secrets)
        secrets += (CLIENT_SECRET, DINGTALK_TOKEN, TICKET, *service.secrets)
        assert [secret for secret in secrets if secret in logged] == []


async def _whose(people: list[Agent], text: str) -> tuple[Agent, dict[str, Any]]:
    """Who was given the ticket with this text, wherever the classifier has led it."""

    async def found() -> tuple[Agent, dict[str, Any]] | None:
        for person in people:
            for listed in await person.queue():
                ticket = await person.ticket(listed["id"])
                if text in texts(ticket):
                    return person, ticket
        return None

    return cast("tuple[Agent, dict[str, Any]]", await until(f"{text} with somebody", found))


async def _picture(who: Agent, ticket_id: str) -> None:
    """The file arrives by itself, and can be downloaded."""

    async def stored() -> Any:
        (message,) = [m for m in (await who.ticket(ticket_id))["messages"] if m["attachments"]]
        (file,) = message["attachments"]
        return (message["id"], file) if file["state"] == "stored" else None

    message_id, file = await until("the picture", stored)
    path = f"tickets/{ticket_id}/messages/{message_id}/attachments/{file['id']}"
    assert (await who.ask("GET", path)).body == b"a broken parcel"
