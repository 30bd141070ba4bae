"""A customer's copy: everything of theirs, and nothing of anybody else."""

import io
import json
import zipfile
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from desk.copy_file import page, write_copy
from models.errors import Conflict, NotFound
from models.message import Lane, Recipient, Sender, Trust
from models.satisfaction import Answer, Score
from models.store import Store
from models.store.privacy.copies import Copy
from models.ticket import TicketState
from tests.contract.store.makers import agent, decision, envelope, thread
from tests.contract.store.personal import (
    ADDRESS,
    FILE,
    FILE_HASH,
    MAIL,
    NAME,
    PHONE,
    PROVEN,
    SCAN,
    WORDS,
    customer_of,
    erase,
    resolved,
    write,
)

ZONE = ZoneInfo("Asia/Shanghai")


async def of(store: Store, ticket_id: str) -> Copy:
    return await store.copies.of(await customer_of(store, ticket_id))


async def zipped(store: Store, ticket_id: str) -> zipfile.ZipFile:
    out = io.BytesIO()
    await write_copy(await of(store, ticket_id), store.blobs, ZONE, out)
    return zipfile.ZipFile(out)


def lines(copy: Copy) -> list[dict[str, Any]]:
    return [line for talk in copy.conversations for line in talk["lines"]]


async def test_all_that_is_theirs_is_in_it(store: Store) -> None:
    await store.blobs.put({FILE_HASH: FILE})
    ticket_id = await write(store, "1", attachments=(SCAN,), external_id="m1")
    edit = envelope("e", channel="email", account="a", lane=Lane.MAIL)
    await thread(store, edit, kind="edit", external_id="m1", revision=2, **(MAIL | {"text": "改"}))
    chat = {"sender": Sender(external_id="web:u1", name=NAME, email=ADDRESS), "trust": PROVEN}
    await write(store, "2", channel="webchat", **chat)
    await resolved(store, ticket_id)
    archive = await zipped(store, ticket_id)
    assert set(archive.namelist()) == {"data.json", "index.html", "files/0001-given-name.pdf"}
    assert archive.read("files/0001-given-name.pdf") == FILE
    data = json.loads(archive.read("data.json"))
    assert {(one["channel"], one["email"]) for one in data["identities"]} == {
        ("email", ADDRESS), ("webchat", ADDRESS),
    }  # fmt: skip
    assert data["identities"][0]["phone"] in {PHONE, None}
    assert sorted(one["state"] for one in data["tickets"]) == ["resolved", "waiting"]
    (mine,) = [one for one in data["tickets"] if one["state"] == "resolved"]
    assert mine["labels"]["domain"]["value"] == "物流"
    assert [step["state"] for step in mine["steps"]][-1:] in ([], ["resolved"])
    assert mine["created_at"] == "2027-01-15T08:00:00Z"
    (talk,) = [one for one in data["conversations"] if one["channel"] == "email"]
    theirs, ours = talk["lines"]
    assert (theirs["from"], theirs["text"]) == ("customer", "改")
    assert [one["text"] for one in theirs["earlier"]] == [WORDS]
    assert (ours["from"], ours["text"]) == ("us", f"{NAME}您好，{WORDS}")
    html = archive.read("index.html").decode()
    assert all(word in html for word in (NAME, ADDRESS, WORDS, mine["number"], "已解决"))


async def test_whom_they_put_in_copy_is_in_it_where_an_answer_went_there(store: Store) -> None:
    named = (Recipient(address="li@firm.example"), Recipient(address="bo@firm.example"))
    ticket_id = await write(store, "1", cc=named)
    who = await agent(store)
    assert await store.queue.claim(await decision(store, ticket_id, who), None)
    await store.tickets.reply(ticket_id, who, "好", "c1", TicketState.ACTIVE, cc=[1])
    await store.tickets.reply(ticket_id, who, "好", "c2", TicketState.RESOLVED)
    copy = await of(store, ticket_id)
    ours = [line for line in lines(copy) if line["from"] == "us"]
    assert [line.get("cc") for line in ours] == [["li@firm.example"], None]
    assert page(copy, ZONE).count("li@firm.example") == 1


async def test_nothing_of_others_is_in_it(store: Store) -> None:
    """Of a stranger in their mails, of others in a group, and of us."""
    group = {"conversation_key": "group", "private": False, "channel": "slack"}
    ticket_id = await write(store, "1", **group)
    other: dict[str, Any] = {
        "sender": Sender(external_id="U2", name="同事"), "trust": Trust(level="platform"),
        "text": "同事的话", "text_full": "同事的话", "subject": "",
    }  # fmt: skip
    await write(store, "2", **group, **other)
    who = await agent(store, "secret-login")
    assert await store.queue.claim(await decision(store, ticket_id, who), None)
    await store.tickets.correct(ticket_id, who, "domain", "售后", None)
    await store.notes.write(ticket_id, who, "内部备注")
    await store.tickets.reply(ticket_id, who, "已补发", "c1", TicketState.RESOLVED)
    archive = await zipped(store, ticket_id)
    whole = archive.read("data.json").decode() + archive.read("index.html").decode()
    assert WORDS in whole
    assert "已补发" in whole
    for word in ("同事", "U2", "内部备注", who, "secret-login", "Secret"):
        assert word not in whole
    assert (
        json.loads(archive.read("data.json"))["tickets"][0]["labels"]["domain"]["by"] == "person"
    )


async def test_what_they_wrote_is_no_markup_and_no_path(store: Store) -> None:
    await store.blobs.put({FILE_HASH: FILE})
    name = "../../<b>\r\n.html"
    file = SCAN.model_copy(update={"name": name})
    ticket_id = await write(
        store, "1", text="<script>", text_full="<script>", attachments=(file,), subject="<i>"
    )
    archive = await zipped(store, ticket_id)
    (path,) = [one for one in archive.namelist() if one.startswith("files/")]
    assert "/" not in path.removeprefix("files/")
    assert path.isprintable()
    html = page(await of(store, ticket_id), ZONE)
    assert "<script>" not in html
    assert "<b>" not in html
    assert "<i>" not in html


async def test_a_file_that_was_never_fetched_is_named_only(store: Store) -> None:
    pending = SCAN.model_copy(update={"sha256": None, "state": "pending"})
    ticket_id = await write(store, "1", attachments=(pending, SCAN))
    archive = await zipped(store, ticket_id)
    assert set(archive.namelist()) == {"data.json", "index.html"}, "the other one's is gone"
    copy = await of(store, ticket_id)
    paths = [file["path"] for file in lines(copy)[0]["files"]]
    assert paths == [None, "files/0001-given-name.pdf"]


async def test_a_rating_is_theirs(store: Store) -> None:
    ticket_id = await write(store, "1")
    who = await resolved(store, ticket_id)
    said = Answer(Score.SATISFIED, True, "很快")
    await store.surveys.enter(ticket_id, said, who, 86_400.0, 86_400.0)
    (one,) = (await of(store, ticket_id)).tickets
    assert [(asked["score"], asked["words"]) for asked in one["surveys"]] == [(4, "很快")]


async def test_who_took_it_is_written_down(store: Store) -> None:
    ticket_id = await write(store, "1")
    admin = await agent(store, "admin")
    await store.copies.handed_out(await customer_of(store, ticket_id), admin, ticket_id)
    (line,) = await store.tickets.history(ticket_id)
    assert (line["action"], line["agent_id"]) == ("customer.copy", admin)


async def test_of_who_was_erased_there_is_none(store: Store) -> None:
    ticket_id = await write(store, "1")
    await resolved(store, ticket_id)
    await erase(store, ticket_id)
    with pytest.raises(Conflict, match="was erased"):
        await of(store, ticket_id)
    with pytest.raises(NotFound):
        await store.copies.of("nobody")
