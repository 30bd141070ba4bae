"""A person's work with tickets, through the API."""

import pytest

from models.agent import Presence, Role
from models.message import Sender
from models.ticket import TicketState
from tests.contract.desk.conftest import Visit
from tests.contract.desk.makers import state
from tests.contract.desk.world import World
from tests.contract.store import makers
from tests.fakes import FakeClock


async def test_a_ticket_shows_its_talk_its_labels_and_why(house: World, visit: Visit) -> None:
    me = await house.person("li", name="小李")
    ticket = await house.ticket()
    await house.give(ticket, me)
    view = (await (await visit("li")).get(f"/tickets/{ticket}")).json
    assert [m["text"] for m in view["messages"]] == ["包裹三天没动"]
    assert view["customer"]["email"] == "w***@example.com"
    assert "王女士" not in str(view)
    kind, domain, urgency = view["labels"]
    assert kind["facet_name"] == {"zh": "类型", "en": "Type"}
    assert kind["value_name"] == {"zh": "投诉", "en": "Complaint"}
    assert [r["text"] for r in kind["reasons"]] == ["投诉", "没人理", "请问"]
    assert (domain["accepted"], domain["confidence"]) == (False, 0.46)
    assert urgency["by"] == "floor"
    (decision,) = view["decisions"]
    assert decision["agent"]["name"] == "小李"
    assert "小李技能等级最高" in decision["text"]["zh"]
    assert view["ticket"]["due_at"] is not None
    assert {"ticket.created", "ticket.queued", "ticket.assigned"} <= {
        line["kind"] for line in view["history"]
    }


async def test_a_ticket_is_found_by_its_number(house: World, visit: Visit) -> None:
    await house.person("li")
    ticket = await house.ticket()
    desk = await visit("li")
    number = (await house.store.tickets.get(ticket)).number
    assert (await desk.get(f"/tickets/{number}")).json["ticket"]["id"] == ticket


async def test_an_offer_is_accepted(house: World, visit: Visit) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    await house.give(ticket, me, offer=20.0)
    moved = (await (await visit("li")).post(f"/tickets/{ticket}/accept")).json
    assert moved["ticket"]["state"] == "active"
    assert moved["actions"] == [
        "reply", "transfer", "pend", "snooze", "help", "resolve", "return", "merge", "split",
        "junk", "correct",
    ]  # fmt: skip


async def test_an_offer_is_declined_and_dispatched_again(house: World, visit: Visit) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    await house.give(ticket, me, offer=20.0)
    desk = await visit("li")
    assert (await desk.post(f"/tickets/{ticket}/decline", {"reason": " "})).status == 422
    answer = await desk.post(f"/tickets/{ticket}/decline", {"reason": "不熟悉"})
    assert answer.json["ticket"]["state"] == "waiting"
    assert house.bell.rung == ["dispatch"]
    assert (await desk.post(f"/tickets/{ticket}/accept")).status == 409
    view = (await desk.get(f"/tickets/{ticket}")).json
    (declined,) = view["decisions"]
    assert (declined["outcome"], declined["end_words"]) == ("declined", "不熟悉")


async def test_a_foreign_ticket_does_not_exist(house: World, visit: Visit) -> None:
    other = await house.person("wang")
    await house.person("li")
    ticket = await house.ticket()
    await house.give(ticket, other)
    desk = await visit("li")
    message = (await (await visit("wang")).get(f"/tickets/{ticket}")).json["messages"][0]["id"]
    for method, path, body in [
        ("GET", "", None),
        ("POST", "/accept", None),
        ("POST", "/decline", {"reason": "x"}),
        ("POST", "/take", None),
        ("POST", "/reply", {"text": "x", "client_id": "client-0001"}),
        ("POST", "/resolve", None),
        ("POST", "/pend", None),
        ("POST", "/transfer", {}),
        ("POST", "/transfer/accept", None),
        ("POST", "/transfer/decline", {"reason": "x"}),
        ("POST", "/transfer/withdraw", None),
        ("POST", "/help", {}),
        ("POST", "/resume", None),
        ("POST", "/return", {"reason": "x"}),
        ("POST", "/merge", {"into": "x"}),
        ("POST", "/unmerge", None),
        ("POST", "/split", {"messages": ["x"]}),
        ("POST", "/junk", None),
        ("POST", "/unjunk", None),
        ("POST", "/block", None),
        ("POST", "/unblock", None),
        ("POST", "/reveal", None),
        ("POST", "/labels", {"facet": "domain", "value": "发票"}),
        ("GET", f"/messages/{message}/raw", None),
        ("GET", f"/messages/{message}/html", None),
        ("GET", f"/messages/{message}/attachments/a1", None),
    ]:
        answer = await desk.call(method, f"/tickets/{ticket}{path}", body)
        assert (answer.status, answer.json["code"]) == (404, "not_found"), path
    assert await state(house.store, ticket) == "active"


async def test_a_ticket_that_was_mine_is_seen_but_not_touched(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    me, other = await house.person("li"), await house.person("wang")
    ticket = await house.ticket()
    await house.give(ticket, me)
    desk = await visit("li")
    clock.pass_(1)
    offered = await desk.post(f"/tickets/{ticket}/transfer", {"agent": other, "note": "请跟进"})
    assert offered.json["ticket"]["owner"]["id"] == me
    handed = await (await visit("wang")).post(f"/tickets/{ticket}/transfer/accept")
    assert handed.json["ticket"]["owner"]["id"] == other
    view = (await desk.get(f"/tickets/{ticket}")).json
    assert view["decisions"][-1]["text"]["zh"] == "由Li转给Wang：请跟进"
    assert view["actions"] == []
    for path in ("junk", "block", "reply", "resolve", "take"):
        body = {"text": "x", "client_id": "client-0001"} if path == "reply" else None
        assert (await desk.post(f"/tickets/{ticket}/{path}", body)).status == 409, path
    refused = await desk.post(f"/tickets/{ticket}/labels", {"facet": "type", "value": "咨询"})
    assert refused.json["code"] == "not_yours"


async def test_resolving_frees_capacity(house: World, visit: Visit) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    await house.give(ticket, me)
    assert (await house.store.agents.get(me)).used == 2
    moved = await (await visit("li")).post(f"/tickets/{ticket}/resolve")
    assert moved.json["ticket"]["state"] == "resolved"
    assert (await house.store.agents.get(me)).used == 0
    assert house.bell.rung == ["dispatch"]


async def test_pending_is_taken_up_again_by_its_owner_only(house: World, visit: Visit) -> None:
    me = await house.person("li")
    await house.person("wang")
    ticket = await house.ticket()
    await house.give(ticket, me)
    desk = await visit("li")
    pended = (await desk.post(f"/tickets/{ticket}/pend")).json
    assert pended["actions"] == ["take", "resolve", "merge", "split", "junk", "correct"]
    assert (await (await visit("wang")).post(f"/tickets/{ticket}/take")).status == 404
    assert (await desk.post(f"/tickets/{ticket}/take")).json["ticket"]["state"] == "active"


async def test_taking_needs_readiness_and_room(house: World, visit: Visit) -> None:
    await house.person("li", presence=Presence.BREAK)
    tickets = [await house.ticket(f"k{n}") for n in range(4)]
    desk = await visit("li")
    refused = await desk.post(f"/tickets/{tickets[0]}/take")
    assert (refused.status, refused.json["code"]) == (409, "not_ready")
    await desk.call("PUT", "/me/presence", {"presence": "ready"})
    for ticket in tickets[:3]:
        assert (await desk.post(f"/tickets/{ticket}/take", {})).status == 200
    full = await desk.post(f"/tickets/{tickets[3]}/take")
    assert full.status == 409
    assert full.json["message"]["zh"] == "该坐席未就绪或已满负荷，接不了这张工单。"


async def test_a_supervisor_assigns(house: World, visit: Visit) -> None:
    li = await house.person("li", presence=Presence.BUSY, name="小李")
    await house.person("boss", Role.SUPERVISOR, name="赵班长")
    await house.person("wang")
    ticket = await house.ticket()
    assert (
        await (await visit("wang")).post(f"/tickets/{ticket}/take", {"agent": li})
    ).status == 403
    boss = await visit("boss")
    unknown = await boss.post(f"/tickets/{ticket}/take", {"agent": "x"})
    assert (unknown.status, unknown.json["field"]) == (422, "agent")
    answer = await boss.post(f"/tickets/{ticket}/take", {"agent": li})
    assert answer.json["ticket"]["owner"] == {"id": li, "name": "小李"}
    view = (await boss.get(f"/tickets/{ticket}")).json
    assert view["decisions"][0]["text"]["zh"] == "由赵班长指派给小李。"


async def test_transfer_to_a_skill_keeps_the_language(house: World, visit: Visit) -> None:
    me = await house.person("li")
    needs = makers.Needs(
        required=(("domain:物流", 1), ("lang:en", 1)), never_drop=frozenset({"lang:en"})
    )
    ticket = await house.ticket(needs=needs)
    await house.give(ticket, me)
    desk = await visit("li")
    wrong = await desk.post(f"/tickets/{ticket}/transfer", {"skill": "domain:天文"})
    assert (wrong.status, wrong.json["field"]) == (422, "skill")
    both = await desk.post(f"/tickets/{ticket}/transfer", {"skill": "triage", "agent": me})
    assert both.status == 422
    nobody = await desk.post(f"/tickets/{ticket}/transfer", {"skill": "domain:发票"})
    assert (nobody.status, nobody.json["message"]["zh"]) == (409, "没有别人能接这张工单。")
    await house.person("wang", skills={"domain:发票": 2})
    moved = await desk.post(f"/tickets/{ticket}/transfer", {"skill": "domain:发票"})
    assert moved.json["ticket"]["state"] == "active"
    assert house.bell.rung == ["dispatch"]
    taken = await (await visit("wang")).post(f"/tickets/{ticket}/transfer/accept")
    assert taken.json["ticket"]["skill_class"] == "domain:发票:1+lang:en:1!"


async def test_sorting_out_of_triage_is_no_transfer(house: World, visit: Visit) -> None:
    me = await house.person("li")
    ticket = await house.ticket(needs=makers.Needs(required=(("triage", 1),)))
    await house.give(ticket, me)
    moved = await (await visit("li")).post(f"/tickets/{ticket}/transfer", {"skill": "domain:发票"})
    assert moved.json["ticket"]["state"] == "waiting"
    assert moved.json["ticket"]["skill_class"] == "domain:发票:1"


async def test_transfer_back_to_the_queue_goes_to_somebody_else(
    house: World, visit: Visit
) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    await house.give(ticket, me)
    await (await visit("li")).post(f"/tickets/{ticket}/transfer", {})
    (head,) = await house.store.queue.heads(1)
    assert head.excluded == {me}


async def test_junk_uses_no_capacity_and_comes_back(house: World, visit: Visit) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    await house.give(ticket, me)
    desk = await visit("li")
    marked = (await desk.post(f"/tickets/{ticket}/junk")).json
    assert (marked["ticket"]["state"], marked["actions"]) == ("invalid", ["unjunk", "correct"])
    assert (await house.store.agents.get(me)).used == 0
    back = (await desk.post(f"/tickets/{ticket}/unjunk")).json
    assert (back["ticket"]["state"], back["ticket"]["owner"]) == ("waiting", None)
    assert "dispatch" in house.bell.rung
    assert (await desk.post(f"/tickets/{ticket}/unjunk")).status == 409


async def test_a_blocked_senders_next_message_is_junk(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    await house.give(ticket, me)
    desk = await visit("li")
    assert (await desk.post(f"/tickets/{ticket}/block")).json == {"blocked": True}
    assert (await desk.get(f"/tickets/{ticket}")).json["customer"]["blocked"] is True
    e = makers.envelope("k9", now=await house.store.db.now())
    await makers.thread(house.store, e, conversation_key="talk-9")
    assert (await house.store.tickets.counts())["invalid"] == 1
    clock.pass_(1)
    assert (await desk.post(f"/tickets/{ticket}/unblock")).json == {"blocked": False}
    assert (await desk.get(f"/tickets/{ticket}")).json["customer"]["blocked"] is False


async def test_a_correction_reroutes_what_waits(house: World, visit: Visit) -> None:
    me = await house.person("li", name="小李")
    ticket = await house.ticket()
    desk = await visit("li")
    answer = await desk.post(f"/tickets/{ticket}/labels", {"facet": "domain", "value": "发票"})
    domain = answer.json["labels"][1]
    assert (domain["value"], domain["by"], domain["by_name"]) == ("发票", me, "小李")
    found = await house.store.tickets.get(ticket)
    assert (found.skill_class, found.target) == ("domain:发票:1", 600.0)
    assert house.bell.rung == ["dispatch"]


async def test_a_correction_leaves_owned_tickets_where_they_are(
    house: World, visit: Visit
) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    await house.give(ticket, me)
    desk = await visit("li")
    await desk.post(f"/tickets/{ticket}/labels", {"facet": "domain", "value": "发票"})
    found = await house.store.tickets.get(ticket)
    assert (found.state, found.owner_id) == (TicketState.ACTIVE, me)
    assert house.bell.rung == []


@pytest.mark.parametrize(
    ("facet", "value", "field"),
    [("colour", "red", "facet"), ("domain", "天文", "value"), ("domain", "", "value")],
)
async def test_a_correction_must_be_in_the_taxonomy(
    house: World, visit: Visit, facet: str, value: str, field: str
) -> None:
    await house.person("li")
    ticket = await house.ticket()
    desk = await visit("li")
    answer = await desk.post(f"/tickets/{ticket}/labels", {"facet": facet, "value": value})
    assert (answer.status, answer.json["field"]) == (422, field)


async def test_what_else_is_open_of_the_customer_is_told(house: World, visit: Visit) -> None:
    """The same matter, written once more; of the same conversation and of others nothing."""
    me, other = await house.person("li"), await house.person("wang", name="小王")
    wang = Sender(external_id="w", name="王女士", email="w@example.com")
    zhao = Sender(external_id="z", name="赵", email="z@example.com")
    first = await house.ticket("k1", mail=True, sender=wang, subject="退款")
    again = await house.ticket("k2", mail=True, sender=wang, subject="补充 13812345678")
    done = await house.ticket("k3", mail=True, sender=wang)
    await house.ticket("k4", mail=True, sender=zhao)
    for ticket, owner in ((first, me), (again, other), (done, other)):
        await house.give(ticket, owner)
    await house.store.tickets.move(done, other, TicketState.RESOLVED)
    view = (await (await visit("li")).get(f"/tickets/{first}")).json
    (told,) = view["same_customer"]
    assert (told["id"], told["state"], told["owner"]["name"]) == (again, "active", "小王")
    assert (told["subject"], told["visible"]) == ("补充 138****5678", False)
    (mine,) = (await (await visit("wang")).get(f"/tickets/{again}")).json["same_customer"]
    assert (mine["id"], mine["visible"]) == (first, False)


async def test_a_ticket_is_set_down_for_a_time(house: World, visit: Visit) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    await house.give(ticket, me)
    li = await visit("li")
    assert (await li.post(f"/tickets/{ticket}/snooze", {"seconds": 5})).status == 422
    moved = (await li.post(f"/tickets/{ticket}/snooze", {"seconds": 3600})).json
    assert moved["ticket"]["state"] == "snoozed"
    assert moved["ticket"]["wake_at"] == 1_800_000_000.0 + 3600
    assert "take" in moved["actions"]
