"""The moves of a ticket's life at the desk's door."""

import pytest

from models.agent import Role
from models.message import Recipient
from models.tables import complaint
from tests.contract.desk.conftest import Desk, Visit
from tests.contract.desk.world import World
from tests.contract.store import makers
from tests.fakes import FakeClock

CALM = makers.labels(type="咨询")
LI = Recipient(address="li@firm.example", name="李四")


async def mine(house: World, visit: Visit) -> tuple[str, Desk, str]:
    me, ticket = await house.person("li"), await house.ticket(labels=CALM)
    await house.give(ticket, me)
    return ticket, await visit("li"), me


async def view(desk: Desk, ticket: str) -> dict:
    return (await desk.get(f"/tickets/{ticket}")).json


async def test_a_transfer_is_seen_by_both_and_by_whose_it_is(house: World, visit: Visit) -> None:
    ticket, desk, me = await mine(house, visit)
    other = await house.person("wang")
    await house.person("han")
    assert (await (await visit("wang")).get(f"/tickets/{ticket}")).status == 404
    await desk.post(f"/tickets/{ticket}/transfer", {"agent": other, "note": "请跟进"})
    theirs = await visit("wang")
    (listed,) = (await theirs.get("/queue")).json["tickets"]
    assert listed["transfer"]["note"] == "请跟进"
    assert listed["owner"]["id"] == me
    assert (await view(theirs, ticket))["actions"] == ["receive", "refuse"]
    assert "withdraw" in (await view(desk, ticket))["actions"]
    assert (await (await visit("han")).get(f"/tickets/{ticket}")).status == 404
    refused = await theirs.post(f"/tickets/{ticket}/transfer/decline", {"reason": "不熟"})
    assert refused.status == 200
    assert "transfer" in (await view(desk, ticket))["actions"]


async def test_a_team_sees_what_is_offered_to_it(house: World, visit: Visit) -> None:
    ticket, desk, _ = await mine(house, visit)
    await house.person("wang", skills={"team:夜班": 1})
    await desk.post(f"/tickets/{ticket}/transfer", {"skill": "team:夜班"})
    theirs = await visit("wang")
    assert [t["id"] for t in (await theirs.get("/queue")).json["tickets"]] == [ticket]
    assert (await view(theirs, ticket))["actions"] == ["receive"]
    await desk.post(f"/tickets/{ticket}/transfer/withdraw")
    assert (await theirs.get("/queue")).json["tickets"] == []


async def test_helpers_and_back(house: World, visit: Visit) -> None:
    ticket, desk, _ = await mine(house, visit)
    helping = await desk.post(f"/tickets/{ticket}/help", {"note": "问仓库"})
    assert helping.json["ticket"]["state"] == "helping"
    assert "resume" in helping.json["actions"]
    back = await desk.post(f"/tickets/{ticket}/resume")
    assert back.json["ticket"]["state"] == "active"


async def test_only_a_supervisor_closes_reopens_and_settles(house: World, visit: Visit) -> None:
    ticket, desk, _ = await mine(house, visit)
    await house.person("boss", Role.SUPERVISOR)
    boss = await visit("boss")
    back = await desk.post(f"/tickets/{ticket}/return", {"reason": "不归我们管"})
    assert back.json["ticket"]["state"] == "returned"
    for path, body in (("close", None), ("reopen", {"reason": "x"})):
        assert (await desk.post(f"/tickets/{ticket}/{path}", body)).status == 403
    reopened = await boss.post(f"/tickets/{ticket}/reopen", {"reason": "查过了，归我们"})
    assert reopened.json["ticket"]["state"] == "waiting"
    assert (await desk.post(f"/tickets/{ticket}/resolve")).status == 403
    assert (await desk.post(f"/tickets/{ticket}/return", {"reason": "x"})).status == 403
    assert (await boss.post(f"/tickets/{ticket}/resolve")).json["ticket"]["state"] == "resolved"
    closed = await boss.post(f"/tickets/{ticket}/close")
    assert (closed.json["ticket"]["state"], closed.json["actions"]) == ("closed", ["correct"])


async def test_whoever_ended_it_by_a_slip_takes_it_back(house: World, visit: Visit) -> None:
    ticket, desk, me = await mine(house, visit)
    assert "retake" not in (await view(desk, ticket))["actions"]
    ended = await desk.post(f"/tickets/{ticket}/resolve")
    assert "retake" in ended.json["actions"]
    await house.person("boss", Role.SUPERVISOR)
    boss = await visit("boss")
    assert "retake" not in (await view(boss, ticket))["actions"]
    assert (await boss.post(f"/tickets/{ticket}/retake")).status == 409
    back = await desk.post(f"/tickets/{ticket}/retake")
    assert (back.json["ticket"]["state"], back.json["ticket"]["owner"]["id"]) == ("active", me)
    told = {one["by"]: one["text"]["zh"] for one in (await view(desk, ticket))["decisions"]}
    assert told["retaken"] == "Li结束后又自己收回，继续处理。"


async def test_what_a_complaint_lacks_is_said_in_words(house: World, visit: Visit) -> None:
    ticket, desk, _ = await mine(house, visit)
    await house.person("boss", Role.SUPERVISOR)
    async with house.store.db.write() as tx:
        row = {"ticket_id": ticket, "opened_at": tx.now, "updated_at": tx.now}
        await tx.insert(complaint, [row | {"complained_at": tx.now}])
    await desk.post(f"/tickets/{ticket}/resolve")
    refused = await (await visit("boss")).post(f"/tickets/{ticket}/close")
    assert (refused.status, refused.json["code"]) == (409, "unsettled")
    assert "班长复核" in refused.json["message"]["zh"]


async def test_two_become_one_and_two_again(house: World, visit: Visit, clock: FakeClock) -> None:
    ticket, desk, _ = await mine(house, visit)
    other = await house.ticket("k2", labels=CALM)
    number = (await house.store.tickets.get(ticket)).number
    merged = await desk.post(f"/tickets/{other}/merge", {"into": number})
    assert merged.json["ticket"]["state"] == "merged"
    assert "unmerge" in merged.json["actions"]
    shown = (await view(desk, ticket))["links"]["parts"]
    assert [(p["id"], p["elsewhere"], len(p["messages"])) for p in shown] == [(other, True, 1)]
    assert (await view(desk, other))["links"]["merged_into"]["number"] == number
    body = {"text": "查到了", "client_id": "client-0001", "part": other}
    assert (await desk.post(f"/tickets/{ticket}/reply", body)).status == 201
    unmerged = await desk.post(f"/tickets/{other}/unmerge")
    assert unmerged.json["ticket"]["state"] == "waiting"
    assert (await view(desk, ticket))["links"]["parts"] == []


async def test_those_in_copy_of_a_part_get_its_answer_where_chosen(
    house: World, visit: Visit
) -> None:
    """By their numbers in its own conversation, which mean others in that of the ticket."""
    me, desk = await house.person("li"), await visit("li")
    ticket = await house.ticket("k1", labels=CALM, mail=True)
    other = await house.ticket("k2", labels=CALM, mail=True, cc=(LI,))
    await house.give(ticket, me)
    number = (await house.store.tickets.get(ticket)).number
    await desk.post(f"/tickets/{other}/merge", {"into": number})
    shown = await view(desk, ticket)
    offered = {"number": 1, "name": "李四", "address": "l***@firm.example", "chosen": False}
    assert shown["cc"] == []
    assert [part["cc"] for part in shown["links"]["parts"]] == [[offered]]
    body = {"text": "查到了", "client_id": "client-0001", "part": other, "cc": [1]}
    assert (await desk.post(f"/tickets/{ticket}/reply", body)).status == 201
    (part,) = (await view(desk, ticket))["links"]["parts"]
    assert part["messages"][-1]["cc"] == ["李四"]
    assert part["cc"] == [offered | {"chosen": True}]
    wrong = {"text": "查到了", "client_id": "client-0002", "cc": [1]}
    assert (await desk.post(f"/tickets/{ticket}/reply", wrong)).status == 409


@pytest.mark.parametrize("into", ["nope", "theirs"])
async def test_nothing_is_merged_into_anothers_ticket(
    house: World, visit: Visit, into: str
) -> None:
    ticket, desk, _ = await mine(house, visit)
    if into == "theirs":
        into = await house.ticket("k2", labels=CALM)
        await house.give(into, await house.person("wang"))
    refused = await desk.post(f"/tickets/{ticket}/merge", {"into": into})
    assert (refused.status, refused.json["field"]) == (422, "into")


async def test_a_part_is_split_off(house: World, visit: Visit) -> None:
    ticket, desk, _ = await mine(house, visit)
    await makers.thread(
        house.store, makers.envelope("b"), conversation_key="talk-k1", text="发票错了"
    )
    second = (await view(desk, ticket))["messages"][1]["id"]
    answer = await desk.post(f"/tickets/{ticket}/split", {"messages": [second]})
    assert answer.status == 201
    made = (await view(desk, answer.json["id"]))["links"]["split_from"]
    assert made["id"] == ticket
    assert house.bell.rung == ["drain.live"]


async def test_an_admin_sees_somebody_off(house: World, visit: Visit) -> None:
    ticket, desk, me = await mine(house, visit)
    heir = await house.person("wang")
    boss = await house.person("boss", Role.ADMIN)
    admin = await visit("boss")
    assert (await desk.post(f"/agents/{heir}/leave", {})).status == 403
    assert (await admin.post(f"/agents/{boss}/leave", {})).status == 409
    left = await admin.post(f"/agents/{me}/leave", {"to": heir})
    assert left.json["handed"]["tickets"] == 1
    assert (await view(admin, ticket))["ticket"]["owner"]["id"] == heir
    assert (await desk.get("/queue")).status == 401
