"""kill -9 at the three moments that matter, in each way into each channel.

(a) a message has come and is not stored, (b) it is stored and its sender was not told, (c) its
sender was told. Then the platform does what it does by itself: it delivers again what was not
acknowledged. Nothing may be lost, nothing doubled.

All channels are in the same moment when the process dies: one kill is a cell of each.
``CRASH_CELLS`` is how often each cell is played in each way in (2 when it is not set, 20 in the
campaign).
"""

import asyncio
import contextlib
import json
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import aiohttp
import aiosmtplib
import pytest
from sqlalchemy import select

from channels import email
from config.settings import load as load_settings
from models.ports import Channel
from models.tables import message
from tests.contract.channels.drivers.dingtalk import (
    CLIENT_ID,
    CLIENT_SECRET,
    DingtalkHttp,
    DingtalkStream,
)
from tests.contract.channels.drivers.email import Smtp
from tests.contract.channels.drivers.feishu import APP_SECRET, ENCRYPT_KEY, FeishuEncrypted
from tests.contract.channels.drivers.imap import PASSWORD, Imap
from tests.contract.channels.drivers.ingest import KEY, Ingest
from tests.contract.channels.drivers.slack import APP, BOT, SIGNING, SlackEvents, SlackSockets
from tests.contract.channels.drivers.telegram import TOKEN, TelegramPolling, TelegramWebhook
from tests.contract.channels.drivers.webchat import Webchat
from tests.contract.channels.drivers.wechat import AES_KEY, APPID, WechatSealed
from tests.contract.channels.drivers.wechat import TOKEN as WECHAT_TOKEN
from tests.contract.channels.drivers.wecom import AES_KEY as WECOM_KEY
from tests.contract.channels.drivers.wecom import CORP_ID, CORP_SECRET, KFID, Wecom
from tests.contract.channels.drivers.wecom import TOKEN as WECOM_TOKEN
from tests.contract.channels.house import House
from tests.contract.channels.kit import Driver
from tests.contract.channels.platform import Platform, platform
from tests.flow.clients import until
from tests.flow.load import UNLIMITED, unprocessed
from tests.flow.system import SHOULI, Prepared, System, embedded
from tests.services import ValkeyServer, valkey_server
from workers.assembly.wiring import make_store

TIMES = int(os.environ.get("CRASH_CELLS", "2"))
PLANTED = Path(__file__).parent / "cells"

_AGAIN = 0.1


@dataclass
class Remote:
    """What drivers ask of a house, of one that is another process."""

    url: str
    http: aiohttp.ClientSession
    channel: Channel
    failing: bool = True
    """To the socket's driver: do not wait long for an acknowledgement."""


@dataclass
class Cells:
    """A system that is killed, and the platforms around it, which are not."""

    system: System
    order: Path
    http: aiohttp.ClientSession
    imap: Imap
    platforms: dict[str, Platform] = field(default_factory=dict)
    acknowledged: set[int] = field(default_factory=set)

    def settings(self, turn: tuple[Driver, Driver]) -> dict[str, str]:
        """All channels open, their platforms where the fakes are."""
        telegram, dingtalk = turn
        bot, slack = self.platforms[telegram.label].url, self.platforms["slack-sockets"].url
        robot, receive = self.platforms[dingtalk.label].url, dingtalk.label.rpartition("-")[2]
        service = self.platforms["wecom"].url
        hook = 'webhook = "https://bot.example.com/x", ' if telegram.label.endswith("hook") else ""
        return {
            "SHOULI_CHANNELS__EMAIL__MAILBOXES": (
                '[{address = "support@example.com", account = "support"}]'
            ),
            "SHOULI_CHANNELS__EMAIL__IMAP": (
                f'[{{host = "127.0.0.1", port = {self.imap.port}, security = "none",'
                f' username = "support@example.com", password = "{PASSWORD}", history = true,'
                " lease_seconds = 2}]"
            ),
            "SHOULI_CHANNELS__INGEST__SOURCES": f'{{form = {{secrets = ["{KEY}"]}}}}',
            "SHOULI_CHANNELS__TELEGRAM": (
                f'{{token = "{TOKEN}", base_url = "{bot}", {hook}poll_seconds = 0}}'
            ),
            "SHOULI_CHANNELS__DINGTALK": (
                f'{{client_id = "{CLIENT_ID}", client_secret = "{CLIENT_SECRET}",'
                f' receive = "{receive}", base_url = "{robot}"}}'
            ),
            "SHOULI_CHANNELS__FEISHU": (
                f'{{app_id = "cli_shouli", app_secret = "{APP_SECRET}",'
                f' encrypt_key = "{ENCRYPT_KEY}"}}'
            ),
            "SHOULI_CHANNELS__SLACK": (
                f'{{bot_token = "{BOT}", signing_secret = "{SIGNING}", app_token = "{APP}",'
                f' base_url = "{slack}/api/"}}'
            ),
            "SHOULI_CHANNELS__WECHAT": (
                f'{{appid = "{APPID}", token = "{WECHAT_TOKEN}",'
                f' encoding_aes_keys = ["{AES_KEY}"]}}'
            ),
            "SHOULI_CHANNELS__WECOM": (
                f'{{corp_id = "{CORP_ID}", secret = "{CORP_SECRET}", token = "{WECOM_TOKEN}",'
                f' encoding_aes_keys = ["{WECOM_KEY}"], accounts = {{service = "{KFID}"}},'
                f' history = true, base_url = "{service}"}}'
            ),
        }

    async def begin(self, turn: tuple[Driver, Driver]) -> None:
        """Starts the intake that was killed, or the first, and waits for its doors."""
        self.system.environ |= self.settings(turn)
        await asyncio.to_thread(self.system.start, wait=False)
        await until("the doors are open", self._open)

    async def _open(self) -> bool:
        assert self.system.lives("intake"), self.system.tail()
        with contextlib.suppress(OSError, aiohttp.ClientError):
            async with self.http.get(f"{self.system.intake}/readyz") as response:
                return response.status == 200
        return False

    async def deliver(self, driver: Driver, number: int) -> None:
        """As the platform does: until it is acknowledged, whatever dies meanwhile."""
        boxes = [{"address": "support@example.com", "account": "support"}]
        mailbox = email.create({"port": self.system.smtp_port, "mailboxes": boxes}, b"")
        remote = cast("House", Remote(self.system.intake, self.http, mailbox))
        while True:
            with contextlib.suppress(OSError, aiohttp.ClientError, aiosmtplib.SMTPException):
                heard = await driver.deliver(remote, self.platforms[driver.label], number)
                assert heard != "refused", f"{driver.label} refuses its own platform"
                if heard == "acknowledged":
                    self.acknowledged.add(number)
                    return
            await asyncio.sleep(_AGAIN)

    async def play(
        self, cell: str, always: list[Driver], turn: tuple[Driver, Driver], first: int
    ) -> None:
        """One kill, in the same moment of every channel."""
        drivers = [*always, *turn]
        if cell != "c":
            self.order.write_text(json.dumps({"cell": cell, "count": len(drivers)}))
        work = [
            asyncio.create_task(self.deliver(driver, number))
            for number, driver in enumerate(drivers, first)
        ]
        if cell == "c":
            await asyncio.wait_for(asyncio.gather(*work), 30)
            await asyncio.to_thread(self.system.kill, "intake")
        else:
            await until(f"the kill of cell {cell}", lambda: not self.system.lives("intake"))
            mine = set(range(first, first + len(drivers)))
            assert not mine & self.acknowledged, "told before the commit"
        await self.begin(turn)
        await asyncio.wait_for(asyncio.gather(*work), 30)


@pytest.fixture
def killed(prepared: Prepared, home: Path) -> Iterator[tuple[System, Path, ValkeyServer]]:
    """The intake alone, which is killed; the worker comes when all has been taken in."""
    order = home / "order"
    with valkey_server() as valkey:
        paths = filter(None, (str(PLANTED), os.environ.get("PYTHONPATH", "")))
        planted = {"PYTHONPATH": os.pathsep.join(paths), "CRASH_CELL": str(order)}
        services = {"SHOULI_REDIS_URL": valkey.url}
        system = embedded(home, prepared, {**UNLIMITED, **planted, **services})
        system.commands = {"intake": [SHOULI, "intake"]}
        try:
            yield system, order, valkey
        finally:
            system.destroy()


@asynccontextmanager
async def cells(system: System, order: Path, ways: list[Driver]) -> AsyncIterator[Cells]:
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        made = Cells(system, order, http, next(way for way in ways if isinstance(way, Imap)))
        for driver in ways:
            fake = await stack.enter_async_context(platform(driver))
            await stack.enter_async_context(driver.around())
            driver.create(fake.url)
            made.platforms[driver.label] = fake
        yield made


async def test_a_kill_loses_nothing_and_doubles_nothing(
    killed: tuple[System, Path, ValkeyServer],
) -> None:
    system, order, _ = killed
    always: list[Driver] = [
        Smtp(), Imap(), Webchat(), Ingest(), SlackEvents(), SlackSockets(), FeishuEncrypted(),
        WechatSealed(), Wecom(),
    ]  # fmt: skip
    turns: list[tuple[Driver, Driver]] = [
        (TelegramPolling(), DingtalkStream()),
        (TelegramWebhook(), DingtalkHttp()),
    ]
    played: Counter[tuple[str, str]] = Counter()
    count = 0
    async with cells(system, order, [*always, *turns[0], *turns[1]]) as made:
        # A bot is polled or posted: each in its turn, and all others in both.
        for turn in turns:
            drivers = [*always, *turn]
            if made.system.lives("intake"):
                await asyncio.to_thread(system.kill, "intake")
            await made.begin(turn)
            for _ in range(TIMES):
                for cell in "abc":
                    await made.play(cell, always, turn, count + 1)
                    count += len(drivers)
                    played.update((driver.label, cell) for driver in drivers)
        found = await _threaded(system)
    print(f"{sum(played.values())} cells, {count} messages, {len(made.acknowledged)} acknowledged")
    assert min(played.values()) >= TIMES
    assert made.acknowledged == set(range(1, count + 1))
    assert found == Counter(range(1, count + 1)), "lost or doubled"


async def _threaded(system: System) -> Counter[int]:
    """How often each number stands in a message, once a worker has read all of them."""
    await asyncio.to_thread(system.kill, "intake")
    system.commands = {"work": [SHOULI, "work"]}
    system.start(wait=False)
    store = make_store(load_settings(environ=_known(system.environ)))
    try:

        async def nothing_left() -> bool:
            return not await unprocessed(store)

        await until("everything is read", nothing_left, 60)
        async with store.db.read() as conn:
            texts = (await conn.execute(select(message.c.text))).scalars().all()
    finally:
        await store.close()
    return Counter(int(n) for text in texts for n in re.findall(r"〔(\d+)〕", text))


def _known(environ: dict[str, str]) -> dict[str, Any]:
    return {name: value for name, value in environ.items() if name.startswith("SHOULI_")}
