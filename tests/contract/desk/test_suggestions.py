"""Answers by example: similar, masked, and only out of what the agent may see."""

from pathlib import Path

from models.agent import Role
from models.ticket import TicketState
from tests.contract.desk.conftest import Visit
from tests.contract.desk.world import World
from tests.contract.workers.watching import champion, stored
from tests.fakes import FakeClock


async def resolved(house: World, key: str, agent_id: str, text: str, answer: str) -> str:
    ticket_id = await house.ticket(key, text=text, subject="我是13912345678")
    await house.give(ticket_id, agent_id)
    await house.store.tickets.reply(
        ticket_id, agent_id, answer, f"{key}-r", TicketState.RESOLVED, ()
    )
    return ticket_id


async def test_agents_are_offered_what_they_may_see(
    house: World, visit: Visit, clock: FakeClock, tmp_path: Path
) -> None:
    await house.store.bundles.promote(
        await stored(house.store, champion(), tmp_path / "made"), None
    )
    li, wang = await house.person("li"), await house.person("wang")
    await house.person("boss", Role.SUPERVISOR)
    mine = await resolved(house, "k1", li, "请问发票怎么办理", "在订单页申请，或致电13812345678。")
    theirs = await resolved(house, "k2", wang, "请问发票怎么办理呢", "已补开。")
    other = await resolved(house, "k3", li, "物流太差了我要投诉", "非常抱歉。")
    ticket_id = await house.ticket("k9", text="你好，请问发票怎么办理")
    found = (await (await visit("li")).get(f"/tickets/{ticket_id}/suggestions")).json
    (best, *rest) = found["tickets"]
    assert best["ticket_id"] == mine
    assert best["score"] > 0.5
    assert "13812345678" not in best["text"]
    assert "〔电话〕" in best["text"]
    assert best["subject"] == "我是〔电话〕"
    assert {each["ticket_id"] for each in rest} <= {other}
    supervised = (await (await visit("boss")).get(f"/tickets/{ticket_id}/suggestions")).json
    assert {each["ticket_id"] for each in supervised["tickets"][:2]} == {mine, theirs}
    # What is resolved later is found once the index is old enough, itself never.
    await house.give(ticket_id, li)
    await house.store.tickets.reply(ticket_id, li, "办好了", "k9-r", TicketState.RESOLVED, ())
    clock.pass_(31)
    again = await house.ticket("k10", text="你好，请问发票怎么办理")
    found = (await (await visit("li")).get(f"/tickets/{again}/suggestions")).json
    assert found["tickets"][0]["ticket_id"] == ticket_id
    itself = (await (await visit("li")).get(f"/tickets/{ticket_id}/suggestions")).json
    assert ticket_id not in {each["ticket_id"] for each in itself["tickets"]}
    assert (await (await visit("wang")).get(f"/tickets/{mine}/suggestions")).status == 404


async def test_canned_answers_are_admins_and_offered_to_all(
    house: World, visit: Visit, tmp_path: Path
) -> None:
    await house.store.bundles.promote(
        await stored(house.store, champion(), tmp_path / "made"), None
    )
    await house.person("li")
    await house.person("root", Role.ADMIN)
    admin, agent = await visit("root"), await visit("li")
    body = {"title": "发票怎么办理", "zh": "在订单页申请。", "en": "On the order's page."}
    canned_id = (await admin.post("/canned", body)).json["id"]
    assert (await agent.post("/canned", body)).status == 403
    assert (await admin.post("/canned", {"title": "空的"})).status == 422
    assert [each["title"] for each in (await agent.get("/canned")).json["canned"]] == [
        "发票怎么办理"
    ]
    ticket_id = await house.ticket("k1", text="请问发票怎么办理")
    (offered,) = (await agent.get(f"/tickets/{ticket_id}/suggestions")).json["canned"]
    assert (offered["id"], offered["text"]) == (canned_id, "在订单页申请。")
    changed = await admin.call("PUT", f"/canned/{canned_id}", body | {"zh": "在“我的”里申请。"})
    assert changed.status == 200
    (offered,) = (await agent.get(f"/tickets/{ticket_id}/suggestions")).json["canned"]
    assert offered["text"] == "在“我的”里申请。"
    assert (await agent.call("DELETE", f"/canned/{canned_id}")).status == 403
    assert (await admin.call("DELETE", f"/canned/{canned_id}")).status == 204
    assert (await admin.call("DELETE", f"/canned/{canned_id}")).status == 404
    assert (await agent.get(f"/tickets/{ticket_id}/suggestions")).json["canned"] == []


async def test_without_a_champion_nothing_is_offered(house: World, visit: Visit) -> None:
    await house.person("li")
    ticket_id = await house.ticket("k1")
    found = (await (await visit("li")).get(f"/tickets/{ticket_id}/suggestions")).json
    assert found == {"canned": [], "tickets": []}
