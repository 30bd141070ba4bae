"""Files that a platform keeps: fetched by themselves, tried again, or said to be gone."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from models.errors import Permanent, Temporary
from models.message import File
from models.store import Store
from models.tables import message as messages
from models.ticket import TicketState
from tests.contract.store.makers import envelope
from tests.contract.workers.system import FakeChannel, System, said
from tests.fakes import FakeClock
from workers.messages.fetching import Fetcher


class FilingChannel(FakeChannel):
    """A channel whose platform keeps the files."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[Mapping[str, Any]] = []
        self.answers: list[File | Exception] = []

    async def fetch(self, account: str, ref: Mapping[str, Any], /) -> File:
        self.fetched.append({"account": account, **ref})
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def bring_file(system: System, channel: FilingChannel, key: str) -> str:
    """A message with a file that is still elsewhere; the message's id."""
    pending = {"id": "f1", "name": "照片", "mime": "image/*", "size": 0, "state": "pending"}
    body = said(attachments=[pending], meta={"files": {"f1": {"file_id": "X"}}}, text="看图")
    await system.bring(envelope(key, body=body))
    async with system.store.db.read() as conn:
        query = select(messages.c.id).where(messages.c.external_id == key)
        return str((await conn.execute(query)).scalar_one())


async def attachment(store: Store, message_id: str) -> Any:
    async with store.db.read() as conn:
        query = select(messages.c.attachments).where(messages.c.id == message_id)
        return (await conn.execute(query)).scalar_one()[0]


async def test_files_are_fetched_by_themselves_and_tried_again(
    system: System, clock: FakeClock
) -> None:
    store, channel = system.store, FilingChannel()
    channel.answers = [Temporary("429"), OSError(), File(b"jpeg", "image/jpeg")]
    message_id = await bring_file(system, channel, "a")
    assert (await store.tickets.page())[0].state == TicketState.WAITING
    fetcher = Fetcher(store, {"webchat": channel, "email": system.mail})
    assert fetcher.wanted
    assert not Fetcher(store, {"email": system.mail}).wanted
    assert await fetcher.run() == 1
    assert await fetcher.run() == 0
    clock.pass_(11)
    await fetcher.run()
    assert (await attachment(store, message_id))["state"] == "pending"
    clock.pass_(21)
    await fetcher.run()
    found = await attachment(store, message_id)
    assert (found["state"], found["size"], found["mime"]) == ("stored", 4, "image/jpeg")
    assert await store.blobs.get(found["sha256"]) == b"jpeg"
    assert channel.fetched == [{"account": "site", "file_id": "X"}] * 3
    assert await fetcher.run() == 0


async def test_a_name_that_is_told_with_the_file_is_shown(system: System) -> None:
    store, channel = system.store, FilingChannel()
    channel.answers = [File(b"%PDF-1.7", "application/pdf", "合同\n\u202efdp.exe")]
    message_id = await bring_file(system, channel, "a")
    await Fetcher(store, {"webchat": channel}).run()
    assert (await attachment(store, message_id))["name"] == "合同 fdp.exe"


async def test_a_file_that_is_gone_is_said_to_be(system: System) -> None:
    store, channel = system.store, FilingChannel()
    channel.answers = [Permanent("gone")]
    message_id = await bring_file(system, channel, "a")
    await Fetcher(store, {"webchat": channel}).run()
    assert (await attachment(store, message_id))["state"] == "refused"
    assert await Fetcher(store, {"webchat": channel}).run() == 0


async def test_a_fetcher_that_died_is_succeeded_and_cannot_come_back(
    system: System, clock: FakeClock
) -> None:
    store, channel = system.store, FilingChannel()
    await bring_file(system, channel, "a")
    (dead,) = await store.files.lease(4, 60.0, ["webchat"])
    assert await store.files.lease(4, 60.0, ["webchat"]) == []
    clock.pass_(61)
    (heir,) = await store.files.lease(4, 60.0, ["webchat"])
    assert heir.attempts == 2
    assert await store.files.store(heir, File(b"x"))
    assert not await store.files.store(dead, File(b"y"))
    assert not await store.files.refuse(dead, "late")
