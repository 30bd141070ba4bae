"""The customer on other channels, and what a customer in a chat learns of the agent."""

import asyncio
import io
import json
import zipfile

from models.agent import Role
from models.event_tail import typing_topic
from models.ticket import TicketState
from tests.contract.desk.conftest import Visit, connect, frame
from tests.contract.desk.makers import PROVEN, by_mail
from tests.contract.desk.world import World


async def test_the_same_customer_elsewhere_is_shown_with_the_evidence(
    house: World, visit: Visit
) -> None:
    me = await house.person("li")
    ticket = await house.ticket(**PROVEN)
    await house.give(ticket, me)
    await by_mail(house)
    desk = await visit("li")
    person = (await desk.get(f"/tickets/{ticket}/customer")).json
    (link,) = person["links"]
    assert (link["kind"], link["value"]) == ("email", "w***@example.com")
    assert {proof["method"] for proof in link["proofs"]} == {"dmarc", "visitor token"}
    assert {identity["channel"] for identity in person["identities"]} == {"webchat", "email"}
    assert all(identity["email"] == "w***@example.com" for identity in person["identities"])
    (talk,) = person["conversations"]
    path = f"/tickets/{ticket}/customer"
    read = await desk.get(f"{path}/conversations/{talk['id']}")
    assert [message["text"] for message in read.json["messages"]] == ["上周的发票"]
    (line,) = await house.store.tickets.history(ticket)
    assert (line["action"], line["agent_id"]) == ("customer.read", me)
    assert (await desk.get(f"{path}/conversations/nope")).status == 404
    assert (await desk.post(f"{path}/links/nope/undo")).status == 404
    assert (await desk.post(f"{path}/links/{link['id']}/undo")).json == {"undone": True}
    assert (await desk.get(path)).json["links"] == []
    assert (await desk.get(f"{path}/conversations/{talk['id']}")).status == 404


async def test_the_customer_is_for_who_works_on_the_ticket(house: World, visit: Visit) -> None:
    me = await house.person("li")
    await house.person("zhao")
    await house.person("chen", Role.SUPERVISOR)
    ticket = await house.ticket(**PROVEN)
    await house.give(ticket, me)
    path = f"/tickets/{ticket}/customer"
    assert (await (await visit("zhao")).get(path)).status == 404
    assert (await (await visit()).get(path)).status == 401
    assert (await (await visit("chen")).get(path)).status == 200


async def test_the_visitor_learns_who_reads_and_writes(house: World, visit: Visit) -> None:
    me = await house.person("li")
    await house.person("chen", Role.SUPERVISOR)
    ticket = await house.ticket()
    await house.give(ticket, me)
    talk = (await house.store.tickets.get(ticket)).conversation_id
    desk, other = await visit("li"), await visit("chen")
    async with house.services.bus.subscribe("typing:us:*") as topics, asyncio.timeout(5):
        await anext(topics)
        assert (await other.post(f"/tickets/{ticket}/typing")).status == 204
        assert (await desk.post(f"/tickets/{ticket}/typing")).status == 204
        assert await anext(topics) == typing_topic("us", talk)
    assert (await other.post(f"/tickets/{ticket}/seen", {"seq": 1})).status == 204
    assert (await house.store.conversations.get(talk)).seen_seq == 0
    assert (await desk.post(f"/tickets/{ticket}/seen", {"seq": 1})).status == 204
    assert (await house.store.conversations.get(talk)).seen_seq == 1
    assert (await desk.post(f"/tickets/{ticket}/seen", {"seq": 99})).status == 204
    assert (await house.store.conversations.get(talk)).seen_seq == 1
    ws = await connect(desk)
    await frame(ws, "snapshot")
    await house.services.bus.publish(typing_topic("customer", "of somebody else"))
    await house.services.bus.publish(typing_topic("customer", talk))
    assert (await frame(ws, "typing"))["conversation_id"] == talk
    await ws.close()


async def test_an_admin_erases_a_customer_for_good(house: World, visit: Visit) -> None:
    me = await house.person("li")
    admin = await house.person("gao", Role.ADMIN)
    await house.person("chen", Role.SUPERVISOR)
    ticket = await house.ticket(**PROVEN)
    await house.give(ticket, me)
    desk, boss, agent = await visit("gao"), await visit("chen"), await visit("li")
    number = (await desk.get(f"/tickets/{ticket}")).json["ticket"]["number"]
    path, asked = f"/tickets/{ticket}/customer/erase", {"why": "本人要求", "confirm": number}
    assert (await boss.post(path, asked)).status == 403
    assert (await agent.post(path, asked)).status == 403
    mistyped = await desk.post(path, asked | {"confirm": "20260101000010"})
    assert (mistyped.status, mistyped.json["field"]) == (422, "confirm")
    still = await desk.post(path, asked)
    assert (still.status, still.json["code"]) == (409, "open")
    assert still.json["message"]["zh"] == "这位客户还有未结的工单，请先办结。"
    assert (await desk.get(f"/tickets/{ticket}")).json["erased_at"] is None
    await house.store.tickets.move(ticket, me, TicketState.RESOLVED)
    kept = await desk.post(path, asked)
    assert (kept.status, kept.json["code"]) == (409, "kept")
    erased = await desk.post(path, asked | {"despite": "监管部门要求"})
    assert (erased.status, erased.json["tickets"]) == (200, [number])
    view = (await desk.get(f"/tickets/{ticket}")).json
    assert view["erased_at"] == erased.json["at"]
    assert (view["ticket"]["state"], view["ticket"]["subject"]) == ("closed", "")
    assert all(not message["text"] for message in view["messages"])
    assert view["customer"]["name"] is None
    (line,) = [line for line in view["history"] if line["kind"] == "customer.erase"]
    assert (line["agent"]["id"], line["data"]["reason"]) == (admin, "本人要求")
    assert (await desk.post(path, asked)).json == {"at": erased.json["at"], "tickets": []}
    shown = (await desk.get(f"/tickets/{ticket}/customer")).json
    assert [one["name"] for one in shown["identities"]] == [None]
    assert (await desk.post(f"/tickets/{ticket}/reveal")).status == 404


async def test_an_admin_takes_a_copy_for_the_customer(house: World, visit: Visit) -> None:
    admin = await house.person("gao", Role.ADMIN)
    await house.person("chen", Role.SUPERVISOR)
    ticket = await house.ticket(**PROVEN)
    desk, boss = await visit("gao"), await visit("chen")
    path = f"/tickets/{ticket}/customer/copy"
    assert (await boss.get(path)).status == 403
    copy = await desk.get(path)
    assert (copy.status, copy.headers["Content-Type"]) == (200, "application/zip")
    assert copy.headers["Content-Disposition"].startswith('attachment; filename="customer-')
    archive = zipfile.ZipFile(io.BytesIO(copy.raw))
    data = json.loads(archive.read("data.json"))
    assert [one["email"] for one in data["identities"]] == ["wang@example.com"]
    assert "wang@example.com" in archive.read("index.html").decode()
    (line,) = await house.store.tickets.history(ticket)
    assert (line["action"], line["agent_id"]) == ("customer.copy", admin)
