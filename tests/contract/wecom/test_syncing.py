"""Pages that are fetched: the cursor moves after the commit, and nobody reads beside another."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from channels.wecom.client import WecomClient
from channels.wecom.options import Options
from channels.wecom.syncing import Syncing
from models.errors import Temporary
from models.ports import Door
from tests.contract.channels.drivers.wechat import WechatSealed
from tests.contract.channels.drivers.wecom import KFID, NOTICE, Wecom, text
from tests.contract.channels.house import House, SilentBus, house
from tests.contract.channels.platform import Asked, Platform, platform


class Account(Wecom):
    """An account whose pages may fail."""

    failures: list[Any]
    gate: asyncio.Event

    def __init__(self) -> None:
        super().__init__()
        self.failures = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def _after_the_gate(self, asked: Asked) -> Any:
        await self.gate.wait()
        return self.failures.pop(0) if self.failures else self.page(asked.fields)

    def answers(self, asked: Asked) -> Any:
        if asked.path.endswith("/kf/sync_msg"):
            return self._after_the_gate(asked)
        return super().answers(asked)


class Line:
    """Readers of one account over one store: each is what one process has."""

    def __init__(self, driver: Account, fake: Platform, lent: House) -> None:
        self.driver, self.fake, self.house = driver, fake, lent
        self.made: list[Syncing] = []

    def process(self, **changes: Any) -> Syncing:
        inbox = self.driver.inbox
        channel: Any = self.driver.create(self.fake.url, **changes)
        self.driver.inbox = inbox
        options: Options = channel._options
        h = self.house
        door = Door(h.accept, None, h.store, SilentBus(), h.clock)  # type: ignore[arg-type]
        self.made.append(Syncing(options, WecomClient(options), door))
        return self.made[-1]

    @property
    def numbers(self) -> list[str]:
        return [envelope.dedupe_key for envelope in self.house.accepted]

    @property
    def cursors(self) -> list[str]:
        return [str(one.fields.get("cursor", "")) for one in self.fake.of("/kf/sync_msg")]


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    driver = Account()
    # A channel of another platform: only its store is wanted.
    channel = WechatSealed().create("http://127.0.0.1:9")
    async with platform(driver) as fake, house(tmp_path, channel) as lent:
        made = Line(driver, fake, lent)
        try:
            yield made
        finally:
            driver.gate.set()
            for syncing in made.made:
                await syncing.stop()


async def test_all_pages_are_read_and_next_time_only_what_is_new(line: Line) -> None:
    syncing = line.process()
    line.driver.inbox += [text(number) for number in range(5)]
    await syncing.heard(KFID, NOTICE)
    assert line.numbers == [f"from_msgid_{number}" for number in range(5)]
    assert line.cursors == ["", "2", "4"]
    line.driver.inbox.append(text(5))
    await syncing.heard(KFID, NOTICE)
    assert line.cursors[3:] == ["5"]
    assert line.numbers[5:] == ["from_msgid_5"]


async def test_what_was_not_stored_is_asked_for_again(line: Line) -> None:
    syncing = line.process()
    line.driver.inbox += [text(number) for number in range(3)]
    line.house.failing = True
    with pytest.raises(Temporary):
        await syncing.heard(KFID, NOTICE)
    line.house.failing = False
    await syncing.heard(KFID, NOTICE)
    assert line.cursors == ["", "", "2"]
    assert line.numbers == ["from_msgid_0", "from_msgid_1", "from_msgid_2"]


async def test_of_one_second_the_page_tells_the_order(line: Line) -> None:
    syncing = line.process()
    line.driver.inbox += [text(n, send_time=1764036000) for n in (7, 3, 9, 1)]
    await syncing.heard(KFID, NOTICE)
    envelopes = line.house.accepted
    assert [e.dedupe_key[-1] for e in sorted(envelopes, key=lambda e: e.id)] == list("7391")
    assert [e.dedupe_key[-1] for e in sorted(envelopes, key=lambda e: e.received_at)] == [*"7391"]


async def test_an_empty_page_is_not_the_end(line: Line) -> None:
    syncing = line.process()
    line.driver.failures = [
        {"errcode": 0, "next_cursor": "0", "has_more": 1, "msg_list": []},
    ]
    line.driver.inbox.append(text(1))
    await syncing.heard(KFID, NOTICE)
    assert line.numbers == ["from_msgid_1"]


async def test_a_page_that_leads_to_itself_is_left(line: Line) -> None:
    syncing = line.process()
    again = {"errcode": 0, "next_cursor": "x", "has_more": 1, "msg_list": [text(1)]}
    line.driver.failures = [again] * 9
    with pytest.raises(Temporary, match="same page"):
        await syncing.heard(KFID, NOTICE)
    assert len(line.cursors) == 2


async def test_without_history_only_what_is_written_from_now_on_comes_in(line: Line) -> None:
    syncing = line.process(history=False)
    now = int(line.house.clock())
    line.driver.inbox += [text(1, send_time=now - 3600), text(2, send_time=now)]
    await syncing.heard(KFID, NOTICE)
    assert line.numbers == ["from_msgid_2"]
    line.driver.inbox.append(text(3, send_time=now - 3600))
    await line.process(history=False).heard(KFID, NOTICE)
    assert line.numbers == ["from_msgid_2"], "what was before the first start stays history"


async def test_a_notice_that_is_over_is_left_out(line: Line) -> None:
    syncing = line.process()
    line.driver.failures = [{"errcode": 95007, "errmsg": "invalid msg token"}]
    line.driver.inbox.append(text(1))
    await syncing.heard(KFID, NOTICE)
    assert line.numbers == ["from_msgid_1"]
    assert ["token" in one.fields for one in line.fake.of("/kf/sync_msg")] == [True, False]


async def test_who_rings_meanwhile_shares_the_next_reading(line: Line) -> None:
    syncing = line.process()
    line.driver.gate.clear()
    line.driver.inbox.append(text(1))
    first = asyncio.create_task(syncing.heard(KFID, NOTICE))
    while not line.cursors:
        await asyncio.sleep(0.005)
    others = [asyncio.create_task(syncing.heard(KFID, NOTICE)) for _ in range(20)]
    await asyncio.sleep(0.05)
    line.driver.gate.set()
    await asyncio.gather(first, *others)
    assert line.numbers == ["from_msgid_1"]
    assert len(line.cursors) == 2, "one for the first, and one for the twenty"


async def test_two_processes_take_turns(line: Line) -> None:
    one, other = line.process(), line.process()
    line.driver.gate.clear()
    line.driver.inbox.append(text(1))
    first = asyncio.create_task(one.heard(KFID, NOTICE))
    while not line.cursors:
        await asyncio.sleep(0.005)
    second = asyncio.create_task(other.heard(KFID, NOTICE))
    await asyncio.sleep(0.3)
    assert len(line.cursors) == 1, "it waits for the one that reads"
    line.driver.gate.set()
    await asyncio.gather(first, second)
    assert line.numbers == ["from_msgid_1"]
    assert line.cursors == ["", "1"]


@pytest.mark.parametrize("alone", [True, False])
async def test_at_the_start_it_reads_what_nobody_rang_for(line: Line, alone: bool) -> None:
    """Also where another process looks now and then: it may be the one that died."""
    line.driver.inbox.append(text(1))
    if not alone:
        assert await line.process()._my_turn()
    syncing = line.process()
    syncing.start()
    async with asyncio.timeout(5):
        while not line.numbers:
            await asyncio.sleep(0.005)
    assert line.numbers == ["from_msgid_1"]
    assert "token" not in line.fake.of("/kf/sync_msg")[0].fields


@pytest.mark.parametrize(
    "failure",
    [
        {"errcode": 48002, "errmsg": "api forbidden"},
        {"errcode": 0},
        {"errcode": 0, "msg_list": "nonsense"},
        {},
    ],
    ids=str,
)
async def test_what_fails_twice_is_told(line: Line, failure: Any) -> None:
    syncing = line.process()
    line.driver.inbox.append(text(1))
    bad = [failure] * 2
    line.driver.failures = [*bad]
    await syncing._look()
    assert syncing.trouble is None, "once is nothing"
    await syncing._look()
    if failure == {"errcode": 0}:
        assert syncing.trouble is None, "a page without a list is an empty one"
        return
    assert "channels.wecom" in (syncing.trouble or "")
    await syncing._look()
    assert syncing.trouble is None
    assert line.numbers == ["from_msgid_1"]


async def test_a_look_that_fails_spares_the_other_accounts(line: Line) -> None:
    other = "wkOtherAccountOfTheCompany"
    syncing = line.process(accounts={"presale": other, "service": KFID})
    line.driver.failures = [{"errcode": 95004, "errmsg": "open_kfid not exist"}]
    line.driver.inbox.append(text(1))
    await syncing._look()
    assert [e.account for e in line.house.accepted] == ["service"]


async def test_stopping_ends_a_reading_between_two_pages(line: Line) -> None:
    syncing = line.process()
    line.driver.inbox += [text(number) for number in range(8)]
    line.house.gate.clear()
    reading = asyncio.create_task(syncing.heard(KFID, NOTICE))
    await line.house.entered.wait()
    stopping = asyncio.create_task(syncing.stop())
    await asyncio.sleep(0.02)
    line.house.gate.set()
    await stopping
    with pytest.raises(Temporary):
        await reading
    assert line.numbers == ["from_msgid_0", "from_msgid_1"], "the page under way is stored"
    await line.process().heard(KFID, NOTICE)
    assert line.numbers == [f"from_msgid_{number}" for number in range(8)]
