"""Files that agents send along with an answer."""

import pytest

from desk import files
from tests.contract.desk.conftest import Answer, Desk, Visit
from tests.contract.desk.world import World

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32


async def put(desk: Desk, ticket: str, name: str, content: bytes) -> Answer:
    return await desk.post(f"/tickets/{ticket}/uploads", params={"name": name}, data=content)


async def test_a_file_goes_out_with_the_answer_and_can_be_fetched(
    house: World, visit: Visit
) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    await house.give(ticket, me)
    desk = await visit("li")
    file = (await put(desk, ticket, "收据.png", PNG)).json
    assert (file["name"], file["mime"], file["size"]) == ("收据.png", "image/png", len(PNG))
    body = {"text": "请看附件", "client_id": "client-0001", "files": [file["id"]]}
    assert (await desk.post(f"/tickets/{ticket}/reply", body)).status == 201
    blank = {"text": " ", "client_id": "client-0002", "files": []}
    refused = await desk.post(f"/tickets/{ticket}/reply", blank)
    assert (refused.status, refused.json["field"]) == (422, "text")
    message = (await desk.get(f"/tickets/{ticket}")).json["messages"][-1]
    assert [shown["name"] for shown in message["attachments"]] == ["收据.png"]
    at = f"/tickets/{ticket}/messages/{message['id']}/attachments/{file['id']}"
    got = await desk.get(at)
    assert got.raw == PNG
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Content-Disposition"].startswith("attachment;")


async def test_a_file_is_answer_enough(house: World, visit: Visit) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    await house.give(ticket, me)
    desk = await visit("li")
    file = (await put(desk, ticket, "收据.png", PNG)).json
    body = {"text": "", "client_id": "client-0001", "files": [file["id"]], "then": "resolved"}
    assert (await desk.post(f"/tickets/{ticket}/reply", body)).status == 201
    told = (await desk.get(f"/tickets/{ticket}")).json
    assert told["ticket"]["state"] == "resolved"
    assert (told["messages"][-1]["text"], len(told["messages"][-1]["attachments"])) == ("", 1)


@pytest.mark.parametrize("name", ["../x", "a\\b", "a\nb", "..", ""])
async def test_a_name_is_a_name(house: World, visit: Visit, name: str) -> None:
    await house.person("li")
    ticket = await house.ticket()
    assert (await put(await visit("li"), ticket, name, b"x")).status == 422


async def test_too_large_and_empty_are_refused(
    house: World, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LARGEST_FILE", 1_000)
    await house.person("li")
    ticket = await house.ticket()
    desk = await visit("li")
    assert (await put(desk, ticket, "a", b"x" * 1_001)).status == 413
    assert (await put(desk, ticket, "a", b"")).status == 422
    assert (await put(desk, ticket, "a", b"x" * 1_000)).status == 201


async def test_strangers_upload_nothing(house: World, visit: Visit) -> None:
    ticket = await house.ticket()
    assert (await put(await visit(), ticket, "a", b"x")).status == 401
