"""A person's work with tickets, through the API."""

from pathlib import Path
from typing import Any

import pytest

from models.agent import Presence, Role
from models.message import Lane, Recipient, ReplyRoute, Sender
from models.store import Store
from models.ticket import TicketState
from tests.contract.desk.conftest import Visit, say
from tests.contract.desk.makers import ticks
from tests.contract.desk.world import World, mail_with_file
from tests.contract.store import makers
from tests.fakes import FakeClock


async def state(store: Store, ticket: str) -> str:
    return (await store.tickets.get(ticket)).state.value


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


async def test_a_list_says_who_waits_for_the_next_answer(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    me = await house.person("li")
    ticket = await house.ticket("k1")
    await house.give(ticket, me)
    desk = await visit("li")

    async def since() -> float | None:
        (mine,) = (await desk.get("/queue")).json["tickets"]
        found: float | None = mine["unanswered_since"]
        return found

    async def write(key: str, **options: Any) -> None:
        e = makers.envelope(key, now=clock.now)
        await makers.thread(house.store, e, conversation_key="talk-k1", **options)

    assert await since() is None, "until the first answer its deadline counts"
    await say(desk, ticket)
    assert await since() is None
    clock.pass_(60.0)
    await write("k2")
    asked = clock.now
    clock.pass_(5.0)
    await write("k3")
    assert await since() == asked
    await say(desk, ticket, client_id="client-0002")
    assert await since() is None
    await write("k4", auto="auto_reply")
    assert await since() is None, "nobody wrote that"


async def test_what_is_owed_next_comes_first(
    house: World, visit: Visit, clock: FakeClock, tmp_path: Path
) -> None:
    me = await house.person("li")
    put_by, quiet, asked, first = [await house.ticket(f"k{n}") for n in range(4)]
    desk = await visit("li")
    for n, ticket in enumerate((put_by, quiet, asked)):
        await house.give(ticket, me)
        await say(desk, ticket, client_id=f"client-{n:04}")
        if ticket == put_by:
            await house.store.tickets.snooze(ticket, me, 3600.0)
    await house.give(first, me)
    until = (await house.store.tickets.get(first)).due_at
    assert until is not None
    clock.pass_(until - clock.now - 10.0)
    await makers.thread(
        house.store, makers.envelope("k9", now=clock.now), conversation_key="talk-k2"
    )

    async def mine() -> list[Any]:
        found: list[Any] = (await desk.get("/queue")).json["tickets"]
        return found

    assert [t["id"] for t in await mine()] == [asked, first, quiet, put_by]
    # Its clock is known a moment later, and gives the next answer more time than the first has.
    await ticks(house.store, tmp_path)
    found = await mine()
    assert [t["id"] for t in found] == [first, asked, quiet, put_by]
    due = found[1]["next_answer_due_at"]
    assert due > found[0]["due_at"] > clock.now
    assert [t["next_answer_due_at"] for t in found] == [None, due, None, None]


async def test_what_i_have_ended_today(house: World, visit: Visit, clock: FakeClock) -> None:
    me = await house.person("li")
    before, first, second, open_ = [await house.ticket(f"k{n}") for n in range(4)]
    await house.give(before, me)
    await house.store.tickets.move(before, me, TicketState.RESOLVED)
    clock.pass_(8 * 3600.0 + 1)  # past midnight in Shanghai; 16:00 it was
    for ticket in (first, second, open_):
        await house.give(ticket, me)
    desk = await visit("li")
    assert (await desk.post(f"/tickets/{first}/resolve", {})).status == 200
    clock.pass_(1.0)
    await say(desk, second, then="resolved")
    ended = (await desk.get("/queue/ended")).json["tickets"]
    assert [(one["id"], one["state"]) for one in ended] == [
        (second, "resolved"),
        (first, "resolved"),
    ]
    await house.person("han")
    assert (await (await visit("han")).get("/queue/ended")).json == {"tickets": []}
    await desk.post(f"/tickets/{first}/retake")
    ended = (await desk.get("/queue/ended")).json["tickets"]
    assert [one["id"] for one in ended] == [second]


async def test_the_queue_has_offers_first_and_counts_what_waits(
    house: World, visit: Visit
) -> None:
    me = await house.person("li")
    active, offered, _ = [await house.ticket(f"k{n}") for n in range(3)]
    await house.give(active, me)
    await house.give(offered, me, offer=20.0)
    queue = (await (await visit("li")).get("/queue")).json
    assert [(t["id"], t["state"]) for t in queue["tickets"]] == [
        (offered, "offered"),
        (active, "active"),
    ]
    assert queue["tickets"][0]["preview"] == "包裹三天没动"
    assert queue["waiting"] == {"total": 1, "oldest": 1_800_000_000.0}


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


async def test_an_answer_is_stored_once_and_sent(house: World, visit: Visit) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    await house.give(ticket, me)
    desk = await visit("li")
    first = await say(desk, ticket, then="pending")
    again = await say(desk, ticket, then="pending")
    assert first.status == again.status == 201
    assert first.json["id"] == again.json["id"]
    assert await state(house.store, ticket) == "pending"
    assert house.bell.rung[:2] == ["deliver", "dispatch"]
    view = (await desk.get(f"/tickets/{ticket}")).json
    (answer,) = [m for m in view["messages"] if m["side"] == "us"]
    assert (answer["text"], answer["state"], answer["author"]) == ("您好", "queued", "Li")
    other = await say(desk, ticket, "别的话")
    assert (other.status, other.json["message"]["zh"]) == (
        409,
        "这个 client_id 已用于另一条答复，请换一个新的。",
    )


@pytest.mark.parametrize(
    "body",
    [
        {"text": "  ", "client_id": "client-0001"},
        {"text": "a\0b", "client_id": "client-0001"},
        {"text": "x" * 20_001, "client_id": "client-0001"},
        {"text": "x", "client_id": "short"},
        {"text": "x"},
        {"text": "x", "client_id": "client-0001", "then": "closed"},
    ],
)
async def test_an_answer_that_cannot_be_sent(
    house: World, visit: Visit, body: dict[str, str]
) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    await house.give(ticket, me)
    answer = await (await visit("li")).post(f"/tickets/{ticket}/reply", body)
    assert answer.status == 422
    assert house.bell.rung == []


async def test_what_may_not_arrive_is_said_before_it_is_written(
    house: World, visit: Visit
) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    await house.give(ticket, me)
    desk = await visit("li")
    assert (await desk.get(f"/tickets/{ticket}")).json["reply_doubt"] is None
    house.problems["talk"] = "送不到。"
    assert (await desk.get(f"/tickets/{ticket}")).json["reply_doubt"] == "送不到。"


async def test_a_waiting_answer_says_why(house: World, visit: Visit) -> None:
    me = await house.person("li")
    ticket = await house.ticket(mail=True)
    await house.give(ticket, me)
    house.problems["email"] = "未配置发信服务器。"
    desk = await visit("li")
    told = (await say(desk, ticket)).json["delivery_problem"]
    view = (await desk.get(f"/tickets/{ticket}")).json
    assert view["messages"][-1]["waits_because"] == view["delivery_problem"] == told
    assert "请告诉管理员" in told


async def test_only_an_admin_is_told_which_setting_is_missing(house: World, visit: Visit) -> None:
    ticket = await house.ticket(mail=True)
    house.problems["email"] = "请设置 channels.email.relay。"
    told = {}
    for login, role in (("chen", Role.SUPERVISOR), ("root", Role.ADMIN)):
        await house.person(login, role)
        view = (await (await visit(login)).get(f"/tickets/{ticket}")).json
        told[role] = view["delivery_problem"]
    assert told[Role.ADMIN] == "请设置 channels.email.relay。"
    assert "relay" not in told[Role.SUPERVISOR]


async def test_who_has_left_keeps_their_name(house: World, visit: Visit) -> None:
    me = await house.person("li")
    await house.person("chen", Role.SUPERVISOR)
    ticket = await house.ticket()
    await house.give(ticket, me)
    await say(await visit("li"), ticket, then="resolved")
    await house.store.offboarding.leave(me, None)
    view = (await (await visit("chen")).get(f"/tickets/{ticket}")).json
    (answer,) = [m for m in view["messages"] if m["side"] == "us"]
    assert (view["ticket"]["owner"]["name"], answer["author"]) == ("Li", "Li")


async def test_resolving_frees_capacity(house: World, visit: Visit) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    await house.give(ticket, me)
    assert (await house.store.agents.get(me)).used == 2
    moved = await (await visit("li")).post(f"/tickets/{ticket}/resolve")
    assert moved.json["ticket"]["state"] == "resolved"
    assert (await house.store.agents.get(me)).used == 0
    assert house.bell.rung == ["dispatch"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("resolve", {}),
        ("pend", {}),
        ("reply", {"text": "好了", "client_id": "client-0001", "then": "resolved"}),
        ("reply", {"text": "好了", "client_id": "client-0001", "then": "pending"}),
    ],
)
async def test_what_the_customer_wrote_meanwhile_is_not_passed_over(
    house: World, visit: Visit, path: str, body: dict[str, object]
) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    await house.give(ticket, me)
    desk = await visit("li")
    read = (await desk.get(f"/tickets/{ticket}")).json["messages"][-1]["seq"]
    more = makers.envelope("k2", b"more", now=await house.store.db.now())
    await makers.thread(house.store, more, conversation_key="talk-k1", text="等等，还有一件")
    refused = await desk.post(f"/tickets/{ticket}/{path}", body | {"seen": read})
    assert (refused.status, refused.json["message"]["zh"]) == (
        409, "客户刚又发来消息，请看过再操作。"
    )  # fmt: skip
    view = (await desk.get(f"/tickets/{ticket}")).json
    assert view["ticket"]["state"] == "active"
    assert [message["side"] for message in view["messages"]] == ["customer", "customer"]
    # An answer that leaves the ticket open hides nothing.
    await say(desk, ticket, "稍等", client_id="client-0002", seen=read)
    read = (await desk.get(f"/tickets/{ticket}")).json["messages"][-1]["seq"]
    assert (await desk.post(f"/tickets/{ticket}/{path}", body | {"seen": read})).status < 300
    assert await state(house.store, ticket) in {"resolved", "pending"}


async def test_a_long_talk_comes_in_pages_that_are_quick_to_show(
    house: World, visit: Visit
) -> None:
    me = await house.person("li")
    long = "请回电" + "。" * 250_000
    ticket = await house.ticket(text=long, text_full=long)
    await house.give(ticket, me)
    for n in range(2):
        more = makers.envelope(f"more{n}", b"more", now=await house.store.db.now())
        told = {"text": f"第{n}封", "text_full": long}
        await makers.thread(house.store, more, conversation_key="talk-k1", **told)
    desk, read, after = await visit("li"), [], 0
    for size in (1, 2):
        view = (await desk.get(f"/tickets/{ticket}?after={after}")).json
        assert len(view["messages"]) == size
        read += [message["text"][:3] for message in view["messages"]]
        after = view["next_after"]
    assert read == ["请回电", "第0封", "第1封"]
    rest = (await desk.get(f"/tickets/{ticket}?after={after}")).json
    assert (rest["messages"], rest["next_after"]) == ([], None)


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


async def test_reveal_is_written_down(house: World, visit: Visit) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    shown = (await (await visit("li")).post(f"/tickets/{ticket}/reveal")).json
    assert (shown["name"], shown["email"]) == ("王女士", "wang@example.com")
    identity = await house.store.tickets.identity_of(ticket)
    (line,) = await house.store.tickets.history(identity)
    assert (line["action"], line["agent_id"]) == ("identity.reveal", me)


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


async def test_downloads_never_run_and_are_written_down(house: World, visit: Visit) -> None:
    me = await house.person("li")
    evil = b"<script>alert(1)</script>"
    files = mail_with_file(evil)
    await house.store.blobs.put({files["attachments"][0].sha256: evil})
    ticket = await house.ticket(mail=True, body=b"From: x\r\n\r\nhi", html="<b>hi</b>", **files)
    desk = await visit("li")
    (message,) = (await desk.get(f"/tickets/{ticket}")).json["messages"]
    path = f"/tickets/{ticket}/messages/{message['id']}"
    assert message["original"] == "eml"
    raw = await desk.get(f"{path}/raw")
    assert raw.raw == b"From: x\r\n\r\nhi"
    assert raw.headers["Content-Disposition"].endswith(f"{message['id']}.eml")
    file = await desk.get(f"{path}/attachments/a1")
    assert file.raw == evil
    for answer in (raw, file):
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''")
    assert '"' not in file.headers["Content-Disposition"]
    formatted = await desk.get(f"{path}/html")
    policy = formatted.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "frame-ancestors 'self'" in policy
    assert (await desk.get(f"{path}/attachments/none")).status == 404
    done = {(h["action"], h["agent_id"]) for h in await house.store.tickets.history(ticket)}
    assert done == {("message.raw", me), ("message.attachment", me)}


async def test_a_message_of_another_conversation_is_not_served(house: World, visit: Visit) -> None:
    await house.person("li")
    one, two = await house.ticket("k1"), await house.ticket("k2")
    desk = await visit("li")
    (message,) = (await desk.get(f"/tickets/{two}")).json["messages"]
    assert (await desk.get(f"/tickets/{one}/messages/{message['id']}/raw")).status == 404


async def test_a_stranger_in_the_talk_is_flagged(house: World, visit: Visit) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    await house.give(ticket, me)
    e = makers.envelope("k2", now=await house.store.db.now())
    stranger = Sender(external_id="other", name="陌生人", email="x@evil.example")
    await makers.thread(house.store, e, conversation_key="talk-k1", sender=stranger)
    view = (await (await visit("li")).get(f"/tickets/{ticket}")).json
    assert [m["quarantined"] for m in view["messages"]] == [False, True]
    assert view["messages"][1]["author"] == "陌***"


async def test_where_answers_go_is_said_when_it_is_not_who_wrote(
    house: World, visit: Visit
) -> None:
    await house.person("li")
    sender = Sender(external_id="w", email="wang@x.example")
    own = await house.ticket(
        "k1", sender=sender, reply_route=ReplyRoute(adapter="email", address="Wang@x.example")
    )
    other = await house.ticket(
        "k2", sender=sender, meta={"answers_elsewhere": "t***@evil.example"},
        reply_route=ReplyRoute(adapter="email", address="thief@evil.example"),
    )  # fmt: skip
    desk = await visit("li")
    view = (await desk.get(f"/tickets/{own}")).json
    assert (view["answers_to"], view["messages"][0]["answers_elsewhere"]) == (None, None)
    view = (await desk.get(f"/tickets/{other}")).json
    assert view["answers_to"] == "t***@evil.example"
    assert view["messages"][0]["answers_elsewhere"] == "t***@evil.example"


async def test_a_message_that_only_a_key_can_read_is_shown_as_that(
    house: World, visit: Visit
) -> None:
    await house.person("li")
    locked, plain = await house.ticket("k1", meta={"encrypted": True}), await house.ticket("k2")
    desk = await visit("li")
    views = [(await desk.get(f"/tickets/{ticket}")).json for ticket in (locked, plain)]
    assert [view["messages"][0]["encrypted"] for view in views] == [True, False]


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


async def test_who_else_has_a_mail_is_told(house: World, visit: Visit) -> None:
    await house.person("li")
    ticket = await house.ticket("k1", meta={"also_to": ["李四", "b***@firm.example"]})
    view = (await (await visit("li")).get(f"/tickets/{ticket}")).json
    assert view["messages"][0]["also_to"] == ["李四", "b***@firm.example"]


async def test_an_agent_chooses_who_gets_a_copy(house: World, visit: Visit) -> None:
    """By number, and sees no address whole; nobody is chosen by itself."""
    me = await house.person("li")
    cc = (
        Recipient(address="li@firm.example", name="李四"),
        Recipient(address="bo@firm.example"),
        Recipient(address="W@example.com", name="the customer, who gets it anyway"),
    )
    ticket = await house.ticket(mail=True, cc=cc)
    await house.give(ticket, me)
    desk = await visit("li")
    view = await desk.get(f"/tickets/{ticket}")
    assert view.json["cc"] == [
        {"number": 1, "name": "李四", "address": "l***@firm.example", "chosen": False},
        {"number": 2, "name": "", "address": "b***@firm.example", "chosen": False},
    ]
    assert b"bo@firm" not in view.raw
    said = {"text": "您好", "client_id": "client-0001", "cc": [1, 2]}
    assert (await desk.post(f"/tickets/{ticket}/reply", said)).status == 201
    view = (await desk.get(f"/tickets/{ticket}")).json
    assert view["messages"][-1]["cc"] == ["李四", "b***@firm.example"]
    assert [one["chosen"] for one in view["cc"]] == [True, True]
    stranger = said | {"client_id": "client-0002", "cc": [4]}
    refused = await desk.post(f"/tickets/{ticket}/reply", stranger)
    assert (refused.status, refused.json["code"]) == (409, "conflict")
    for wrong in ([0], ["li@firm.example"], [*range(1, 22)]):
        refused = await desk.post(f"/tickets/{ticket}/reply", said | {"cc": wrong})
        assert refused.status == 422


async def test_who_is_in_copy_is_shown_as_that(house: World, visit: Visit) -> None:
    await house.person("li")
    cc = (Recipient(address="li@firm.example", name="李四"),)
    ticket = await house.ticket("k1", mail=True, cc=cc)
    account = {"channel": "email", "account": "help@example.com", "lane": Lane.MAIL}
    e = makers.envelope("k2", now=await house.store.db.now(), **account)
    sender = Sender(external_id="li@firm.example", name="李四", email="li@firm.example")
    await makers.thread(house.store, e, conversation_key="talk-k1", sender=sender)
    shown = (await (await visit("li")).get(f"/tickets/{ticket}")).json["messages"]
    told = [(one["quarantined"], one["in_copy"], one["author"]) for one in shown]
    assert told == [(False, False, "王***"), (True, True, "李***")]


async def test_what_was_edited_and_withdrawn_is_shown_as_that(house: World, visit: Visit) -> None:
    await house.person("li")
    file = mail_with_file(b"file")
    await house.store.blobs.put({file["attachments"][0].sha256: b"file"})
    ticket = await house.ticket(text="我的卡号是 6222", text_full="我的卡号是 6222", **file)
    desk = await visit("li")
    change = {"conversation_key": "talk-k1", "external_id": "k1"}
    e = makers.envelope("e", now=await house.store.db.now())
    await makers.thread(house.store, e, kind="edit", revision=1, text="改好了", **change)
    (message,) = (await desk.get(f"/tickets/{ticket}")).json["messages"]
    assert message["text"] == "改好了"
    assert [version["text"] for version in message["earlier"]] == ["我的卡号是 6222"]
    path = f"/tickets/{ticket}/messages/{message['id']}"
    assert (await desk.get(f"{path}/attachments/a1")).raw == b"file"
    note = (await house.store.conversations.log(await talk_of(house, ticket)))[1]
    assert (await desk.get(f"/tickets/{ticket}/messages/{note.id}/raw")).status == 404
    d = makers.envelope("d", now=await house.store.db.now())
    await makers.thread(house.store, d, kind="delete", text="", **change)
    view = await desk.get(f"/tickets/{ticket}")
    assert b"6222" not in view.raw
    (message,) = view.json["messages"]
    assert (message["text"], message["earlier"], message["attachments"]) == ("", [], [])
    assert message["withdrawn_at"] is not None
    assert message["original"] is None
    for rest in ("/raw", "/attachments/a1"):
        assert (await desk.get(path + rest)).status == 404
    kinds = {line["kind"] for line in view.json["history"]}
    assert "message.withdrawn" in kinds


async def talk_of(house: World, ticket: str) -> str:
    return (await house.store.tickets.get(ticket)).conversation_id


async def test_an_answer_of_unknown_fate_is_decided(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    me = await house.person("li")
    ticket, other = await house.ticket(), await house.ticket("k2")
    await house.give(ticket, me)
    desk = await visit("li")
    answer = (await say(desk, ticket)).json["id"]
    path = f"/tickets/{ticket}/answers/{answer}/decide"
    assert (await desk.post(path, {"action": "resend"})).status == 409
    lease = await house.store.outbound.lease(1, 0.0)
    assert lease is not None
    clock.pass_(1)
    await house.store.outbound.expire([])
    elsewhere = f"/tickets/{other}/answers/{answer}/decide"
    assert (await desk.post(elsewhere, {"action": "sent"})).status == 404
    decided = await desk.post(path, {"action": "sent"})
    assert decided.json == {"state": "sent"}


async def test_lists_are_paged_and_filtered(house: World, visit: Visit, clock: FakeClock) -> None:
    await house.person("boss", Role.SUPERVISOR)
    made = []
    for number in range(3):
        clock.pass_(1)
        made.append(await house.ticket(f"k{number}"))
    boss = await visit("boss")
    first = (await boss.get("/tickets?limit=2")).json
    rest = (await boss.get(f"/tickets?limit=2&before={first['before']}")).json
    assert [t["id"] for t in first["tickets"] + rest["tickets"]] == made[::-1]
    assert rest["before"] is None
    assert (await boss.get("/tickets?state=active")).json["tickets"] == []
    for bad in ("state=lost", "q=2026", "limit=0", "limit=x", "colour=red"):
        assert (await boss.get(f"/tickets?{bad}")).status == 422, bad


async def test_a_list_tells_who_wrote_and_what_they_said_first_and_last(
    house: World, visit: Visit
) -> None:
    await house.person("chen", role=Role.SUPERVISOR)
    ticket = await house.ticket("k1")
    for key, text in (("e2", "在吗？电话 13812345678"), ("e3", "x" * 500)):
        e = makers.envelope(key, now=await house.store.db.now())
        await makers.thread(house.store, e, conversation_key="talk-k1", text=text, text_full=text)
        [found] = (await (await visit("chen")).get("/tickets?state=waiting")).json["tickets"]
        assert (found["id"], found["customer"]) == (ticket, "王***")
        assert found["opening"] == "包裹三天没动"
        assert found["preview"] == text.replace("13812345678", "138****5678")[:80]


async def test_agents_see_what_waits(house: World, visit: Visit) -> None:
    me = await house.person("li")
    free, mine = await house.ticket("k1"), await house.ticket("k2")
    await house.give(mine, me)
    found = (await (await visit("li")).get("/tickets?state=waiting")).json["tickets"]
    assert [(t["id"], t["preview"]) for t in found] == [(free, "包裹三天没动")]


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


async def test_a_supervisor_sees_why_it_waits_and_what_the_router_knew(
    house: World, visit: Visit
) -> None:
    me = await house.person("li")
    await house.person("wang", Role.SUPERVISOR)
    ticket = await house.ticket()
    assert (await (await visit("li")).get(f"/tickets/{ticket}")).json["waits"] is None
    boss = await visit("wang")
    waits = (await boss.get(f"/tickets/{ticket}")).json["waits"]
    assert waits == {"text": {"zh": "在等", "en": "waits"}, "facts": {"reason": "turn"}}
    await house.give(ticket, me)
    view = (await boss.get(f"/tickets/{ticket}")).json
    (decision,) = view["decisions"]
    assert decision["facts"]["candidates"] == [
        {"agent": {"id": me, "name": "Li"}, "outcome": "chosen", "detail": ""}
    ]
    assert decision["facts"]["others"] == {}
    assert "take" in view["actions"], "a supervisor may take it from them"
    await boss.post(f"/tickets/{ticket}/take", {})
    decisions = (await boss.get(f"/tickets/{ticket}")).json["decisions"]
    assert [d["by"] for d in decisions if d["facts"] is None] == ["hand"]


async def test_what_waits_is_read_to_its_end_and_what_is_due_comes_first(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    await house.person("boss", Role.SUPERVISOR)
    made = []
    for number, target in enumerate((900.0, 100.0, 500.0, 100.0, 300.0)):
        clock.pass_(1)
        made.append(await house.ticket(f"k{number}", target=target))
    boss, seen = await visit("boss"), []
    path = "/tickets?state=waiting&order=due&limit=2"
    before: str | None = ""
    while before is not None:
        page = (await boss.get(path + (f"&before={before}" if before else ""))).json
        seen += [ticket["id"] for ticket in page["tickets"]]
        before = page["before"]
        if len(seen) == 2:  # what was read last is taken meanwhile: nothing is left out for it
            await house.give(seen[1], await house.person("li"))
    assert seen == [made[1], made[3], made[4], made[2], made[0]]
    total = (await boss.get("/queue")).json["waiting"]["total"]
    assert total == len(made) - 1
    refused = await boss.get("/tickets?state=active&order=due")
    assert (refused.status, refused.json["field"]) == (422, "order")
