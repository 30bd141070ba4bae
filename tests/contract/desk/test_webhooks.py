"""Webhooks are the admin's: added with a secret that is shown once, stopped, read, sent again."""

import pytest

from models.agent import Role
from tests.contract.desk.conftest import Visit
from tests.contract.desk.world import World
from tests.receiver import Receiver

URL = "https://crm.example/hook"


async def test_an_admin_adds_stops_and_reads_webhooks(house: World, visit: Visit) -> None:
    await house.person("root", Role.ADMIN)
    admin = await visit("root")
    made = await admin.post("/webhooks", {"url": URL, "kinds": ["ticket.assigned"]})
    assert made.status == 201
    assert len(made.json["secret"]) >= 32
    path = f"/webhooks/{made.json['id']}"
    known = (await admin.get("/webhooks")).json
    (listed,) = known["webhooks"]
    assert known["kinds"]["ticket.created"] == {"zh": "新工单", "en": "a new ticket"}
    assert (listed["url"], listed["kinds"]) == (URL, ["ticket.assigned"])
    assert "secret" not in listed
    assert (await admin.call("PATCH", path, {"disabled": True})).status == 204
    assert (await admin.get("/webhooks")).json["webhooks"][0]["disabled"]
    assert (await admin.get(f"{path}/events?state=failed")).json == {"events": []}
    assert (await admin.post(f"{path}/redeliver", {})).json == {"events": 0}
    assert (await admin.post(f"{path}/redeliver", {"seq": 7})).status == 404


async def test_a_webhook_is_deleted_with_what_it_is_still_owed(house: World, visit: Visit) -> None:
    root = await house.person("root", Role.ADMIN)
    await house.person("chen", Role.SUPERVISOR)
    admin, chen = await visit("root"), await visit("chen")
    asked = {"url": URL, "client_id": "one-and-only"}
    path = f"/webhooks/{(await admin.post('/webhooks', asked)).json['id']}"
    await house.ticket()
    await house.store.webhooks.spread()
    (owed,) = await house.store.webhooks.all()
    assert owed.due > 1
    assert (await chen.call("DELETE", path)).status == 403
    gone = await admin.call("DELETE", path)
    assert (gone.status, gone.json) == (200, {"due": owed.due, "failed": 0})
    assert (await admin.get("/webhooks")).json["webhooks"] == []
    assert (await admin.call("DELETE", path)).status == 404
    assert (await admin.get(f"{path}/events")).status == 404
    assert (await admin.post("/webhooks", asked)).status == 409, "a retry does not bring it back"
    (entry,) = (await admin.get("/audit?action=webhook.deleted")).json["entries"]
    assert (entry["agent_id"], entry["detail"]) == (
        root, {"url": URL, "due": owed.due, "failed": 0},
    )  # fmt: skip


async def test_what_cannot_be_a_webhook_is_refused(house: World, visit: Visit) -> None:
    await house.person("root", Role.ADMIN)
    admin = await visit("root")
    for url in ("ftp://crm.example/", "crm.example", "http://", "http://me:pw@crm.example/"):
        answer = await admin.post("/webhooks", {"url": url})
        assert (answer.status, answer.json["field"]) == (422, "url"), url
    gone = {"url": URL, "kinds": ["ticket.created", "ticket.gone"]}
    answer = await admin.post("/webhooks", gone)
    assert (answer.status, answer.json["field"]) == (422, "kinds")
    assert "ticket.gone" in answer.json["message"]["zh"]
    assert (await admin.get("/webhooks")).json["webhooks"] == []
    assert (await admin.get("/webhooks/nobody/events")).status == 404
    assert (await admin.call("PATCH", "/webhooks/nobody", {"disabled": True})).status == 404


async def test_what_is_inside_gets_no_events_unless_a_setting_names_it(
    house: World, visit: Visit
) -> None:
    await house.person("root", Role.ADMIN)
    admin = await visit("root")
    inside = ("http://localhost:6379/", "http://10.1.2.3/", "http://169.254.169.254/latest",
              "http://[::1]/", "http://[::ffff:10.1.2.3]/", "http://100.100.100.200/")  # fmt: skip
    for url in inside:
        answer = await admin.post("/webhooks", {"url": url})
        assert (answer.status, answer.json["field"]) == (422, "url"), url
        assert "desk.webhook_networks" in answer.json["message"]["zh"]
    assert (await admin.post("/webhooks", {"url": "http://8.8.4.4/"})).status == 201


async def test_nobody_else_sees_them(house: World, visit: Visit) -> None:
    await house.person("chen", Role.SUPERVISOR)
    chen = await visit("chen")
    assert (await chen.get("/webhooks")).status == 403
    assert (await chen.post("/webhooks", {"url": URL})).status == 403


async def _hook(house: World, receiver: Receiver) -> str:
    receiver.secret = "s" * 32
    made, _ = await house.store.webhooks.add(receiver.url, (), receiver.secret.encode(), "root")
    return made


async def test_a_test_is_signed_as_events_are_and_moves_none_of_them(
    house: World, visit: Visit
) -> None:
    await house.person("root", Role.ADMIN)
    admin = await visit("root")
    async with Receiver() as receiver:
        hook = await _hook(house, receiver)
        await house.ticket()
        await house.store.webhooks.spread()
        before = await house.store.webhooks.all()
        owed = await house.store.webhooks.log(hook)
        for _ in range(2):
            answer = await admin.post(f"/webhooks/{hook}/test")
            assert answer.status == 200
            assert (answer.json["status"], answer.json["error"]) == (204, "")
            assert 0 < answer.json["seconds"] < 2
        first, second = receiver.taken
        assert receiver.wrong == []
        assert (first["kind"], first["data"], first["id"]) == ("webhook.test", {"test": True}, 0)
        assert first.keys() == second.keys() == {
            "id", "kind", "at", "ticket", "conversation_id", "agent_id", "data",
        }  # fmt: skip
    assert await house.store.webhooks.all() == before
    assert await house.store.webhooks.log(hook) == owed
    tried = (await admin.get("/audit?action=webhook.tried")).json["entries"]
    assert [entry["detail"] for entry in tried] == [{"outcome": "HTTP 204"}] * 2
    assert (await admin.post("/webhooks/nobody/test")).status == 404


@pytest.mark.parametrize(
    ("act", "status", "error"),
    [("500", 500, "HTTP 500"), ("redirect", 307, "HTTP 307"),
     ("drop", None, "ServerDisconnectedError"), ("hang", None, "TimeoutError")],
)  # fmt: skip
async def test_a_test_tells_what_was_answered_and_its_first_bytes(
    house: World, visit: Visit, act: str, status: int | None, error: str
) -> None:
    await house.person("root", Role.ADMIN)
    admin = await visit("root")
    async with Receiver() as receiver:
        hook = await _hook(house, receiver)
        receiver.answers, receiver.says = [act], "签" * 200
        told = (await admin.post(f"/webhooks/{hook}/test")).json
        assert receiver.taken == []
    assert (told["status"], told["error"]) == (status, error)
    assert told["said"] == ("签" * 166 if act == "500" else ""), "500 bytes, and no half character"
    assert (await house.store.webhooks.all())[0].failures == 0


async def test_a_test_does_not_go_inside(house: World, visit: Visit) -> None:
    """The guard looks at the address that is connected to, as it does for events."""
    await house.person("root", Role.ADMIN)
    admin = await visit("root")
    made, _ = await house.store.webhooks.add("http://10.1.2.3/", (), b"s" * 32, "root")
    told = (await admin.post(f"/webhooks/{made}/test")).json
    assert told["status"] is None
    assert "desk.webhook_networks" in told["error"]
    await house.person("chen", Role.SUPERVISOR)
    assert (await (await visit("chen")).post(f"/webhooks/{made}/test")).status == 403
