"""Answers through the API: once, to whom, by which way, and what becomes of them."""

import pytest

from models.agent import Role
from models.message import Recipient, ReplyRoute, Sender
from tests.contract.desk.conftest import Visit, say
from tests.contract.desk.makers import state
from tests.contract.desk.world import World
from tests.contract.store import makers
from tests.fakes import FakeClock


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
