"""Webhooks are the admin's: added with a secret that is shown once, stopped, read, sent again."""

from models.agent import Role
from tests.contract.desk.conftest import Visit
from tests.contract.desk.world import World

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
