"""The way of a message, through real doors and real processes, over both databases."""

from typing import Any

import aiohttp

from tests.flow.clients import (
    Agent,
    Relay,
    Visitor,
    at_the_desk,
    letter,
    post,
    post_until_stored,
    texts,
    until,
)
from tests.flow.system import System

COMPLAINT = "包裹一直没有送到，物流信息停了五天，我要投诉快递员！"


def _labels(ticket: dict[str, Any]) -> dict[str, str]:
    return {label["facet"]: label["value"] for label in ticket["labels"] if label["accepted"]}


async def test_a_complaint_by_mail_from_the_first_250_to_resolved(
    system: System, relay: Relay
) -> None:
    wang = "wang@qq.example"
    async with at_the_desk(system, "lilei", "hanmeimei", "chen") as (lilei, han, chen):
        raw = letter(wang, COMPLAINT, subject="投诉快递")
        envelope = await post_until_stored(system.smtp_port, wang, raw)
        ticket = await lilei.mine("the complaint", lambda t: COMPLAINT in texts(t))
        number, ticket_id = ticket["ticket"]["number"], ticket["ticket"]["id"]

        # Tagged, with the words that decided; routed, and told why.
        assert _labels(ticket) | {"type": "投诉", "domain": "物流"} == _labels(ticket)
        assert any(label["reasons"] for label in ticket["labels"])
        assert "李雷" in ticket["decisions"][-1]["text"]["zh"]
        assert ticket_id not in [t["id"] for t in await han.queue()]
        assigned = await lilei.heard("ticket.assigned", ticket_id)
        assert assigned["data"]["number"] == number
        known = await post(system.smtp_port, wang, raw)
        assert known == (250, f"2.0.0 Stored as {envelope}")

        # Acknowledged, as RFC 3834 wants it.
        (receipt,) = await until("the receipt", lambda: relay.to(wang))
        assert receipt.mail_from in {"", "<>", None}
        assert receipt.message["Auto-Submitted"] == "auto-replied"
        assert number in receipt.text
        assert "投诉" in receipt.text

        # Answered into the customer's thread.
        await lilei.reply(ticket_id, "王女士您好，快递今天送达。")
        _, answer = await until("the answer", lambda: len(relay.to(wang)) == 2 and relay.to(wang))
        original = next(line for line in raw.decode().splitlines() if "Message-ID" in line)
        first_id = original.partition(": ")[2].strip()
        assert answer.message["In-Reply-To"] == first_id
        assert first_id in answer.message["References"]
        assert "今天送达" in answer.text
        assert answer.message["Auto-Submitted"] is None

        # The customer answers that mail: the same ticket.
        back = str(answer.message["Reply-To"])
        again = letter(
            wang,
            "还是没有收到。",
            subject="Re: 投诉快递",
            to=back,
            headers={"In-Reply-To": str(answer.message["Message-ID"])},
        )
        await post_until_stored(system.smtp_port, wang, again, to=back)
        ticket = await lilei.mine("the second mail", lambda t: "还是没有收到" in texts(t))
        assert ticket["ticket"]["id"] == ticket_id
        assert [m["side"] for m in ticket["messages"]] == ["customer", "us", "us", "customer"]
        assert not any(m["quarantined"] for m in ticket["messages"])

        await _helped(lilei, han, ticket_id)
        await lilei.must("POST", f"tickets/{ticket_id}/resolve")
        assert (await lilei.ticket(ticket_id))["ticket"]["state"] == "resolved"
        assert ticket_id not in [t["id"] for t in await lilei.queue()]
        await _closed(lilei, han, chen, ticket_id)
        assert all("内部" not in mail.text for mail in relay.to(wang))


async def test_an_answer_to_several_of_whom_one_is_refused(system: System, relay: Relay) -> None:
    """One mail, one delivery; who is in copy answers into the ticket, and is not the customer."""
    zhao, li, bo = "zhao@firm.example", "li@firm.example", "bo@firm.example"
    relay.refuses = {bo}
    async with at_the_desk(system, "lilei") as (lilei,):
        headers = {"Cc": f"李四 <{li}>, {bo}"}
        raw = letter(zhao, COMPLAINT, subject="投诉快递", headers=headers)
        await post_until_stored(system.smtp_port, zhao, raw)
        ticket = await lilei.mine("the complaint", lambda t: COMPLAINT in texts(t))
        path = f"tickets/{ticket['ticket']['id']}"
        body = {"text": "您好，正在查。", "client_id": "answer-0001", "cc": [1, 2]}
        await lilei.must("POST", f"{path}/reply", body)

        (answer,) = await until("the answer", lambda: relay.to(li))
        assert (answer.rcpt_tos, answer.message["Cc"]) == ([zhao, li], li)
        assert [one for one in relay.to(zhao) if "正在查" in one.text] == [answer]

        async def told() -> dict[str, Any] | None:
            line = (await lilei.ticket(ticket["ticket"]["id"]))["messages"][-1]
            return line if line["state"] == "sent" else None

        line = await until("what became of it", told)
        assert line["cc"] == ["李四", "b***@firm.example"]
        assert "b***@firm.example" in line["error"]
        assert "550 5.1.1" in line["error"]
        assert "bo@firm" not in line["error"]

        back = str(answer.message["Reply-To"])
        again = letter(li, "单号是 SF001。", subject="Re: 投诉快递", to=back, headers={"Cc": zhao})
        await post_until_stored(system.smtp_port, li, again, to=back)
        ticket = await lilei.mine("the colleague's mail", lambda t: "SF001" in texts(t))
        last = ticket["messages"][-1]
        assert (last["quarantined"], last["in_copy"]) == (True, True)
        assert [one["chosen"] for one in ticket["cc"]] == [True, True]


async def _helped(owner: Agent, helper: Agent, ticket_id: str) -> None:
    """A colleague does a sub-task and writes a note; the ticket stays its owner's."""
    path = f"tickets/{ticket_id}"
    body = {"title": "内部：查仓库", "agent": helper.id}
    (task,) = (await owner.must("POST", f"{path}/subtasks", body))["tasks"]
    assert (await owner.ticket(ticket_id))["ticket"]["state"] == "helping"
    await helper.must("POST", f"{path}/notes", {"text": "内部：仓库已发货"})
    await helper.must("POST", f"{path}/subtasks/{task['id']}/done", {"result": "内部：已发"})
    back = (await owner.ticket(ticket_id))["ticket"]
    assert (back["state"], back["owner"]["id"]) == ("active", owner.id)


async def _closed(handler: Agent, caller: Agent, boss: Agent, ticket_id: str) -> None:
    """The complaint is closed when nothing is missing, and not before."""
    path = f"tickets/{ticket_id}/complaint"
    filed = (await boss.must("GET", path))["complaint"]
    assert filed["department"] == "物流部"
    early = await boss.ask("POST", f"tickets/{ticket_id}/close")
    assert (early.status, early.body["code"]) == (409, "unsettled")
    settled = {"outcome": "今天送达", "responsibility": "承运商", "cause": "延误"}
    await handler.must("PATCH", path, settled)
    await handler.must("POST", f"{path}/word", {"word": "accepted", "said": "收到就好"})
    refused = await handler.ask("POST", f"{path}/call-back", {"reached": True})
    assert refused.status == 409
    await caller.must("POST", f"{path}/call-back", {"reached": True, "words": "客户认可"})
    done = await boss.must("POST", f"{path}/review", {"passed": True, "words": "同意"})
    assert done["gaps"] == []
    await boss.must("POST", f"tickets/{ticket_id}/close")


async def test_a_chat_is_acknowledged_answered_and_shown(
    system: System, http: aiohttp.ClientSession
) -> None:
    async with (
        at_the_desk(system, "lilei", "hanmeimei") as (_, han),
        Visitor(system, http) as visitor,
    ):
        await visitor.say("请问电子发票在哪里开？我需要增值税专用发票")
        ticket = await han.mine("the chat", lambda t: "增值税专用发票" in texts(t))
        ticket_id, number = ticket["ticket"]["id"], ticket["ticket"]["number"]
        await han.heard("ticket.assigned", ticket_id)
        assert _labels(ticket)["domain"] == "发票"
        await until("the ticket number", lambda: visitor.ticket == number)
        (receipt,) = await until("the receipt", visitor.answers)
        assert number in receipt
        assert "咨询" in receipt

        await han.reply(ticket_id, "在“我的订单”里可以申请。")
        await until("the answer", lambda: "在“我的订单”里可以申请。" in visitor.answers())
        await visitor.drop()
        await visitor.say("谢谢，那抬头可以改吗？")
        await han.mine("the second line", lambda t: "抬头可以改吗" in texts(t))
        await until("both own lines", lambda: visitor.last_seq == 4)
        assert sorted(visitor.lines) == [1, 2, 3, 4]
        assert visitor.repeated == []
        await han.reply(ticket_id, "可以的。", then="resolved")
        await until("the last answer", lambda: visitor.answers()[-1] == "可以的。")


async def test_a_stranger_who_has_the_reply_address_is_quarantined(
    system: System, relay: Relay
) -> None:
    owner, stranger = "li@126.example", "mallory@evil.example"
    async with at_the_desk(system, "lilei") as (lilei,):
        await post_until_stored(
            system.smtp_port, owner, letter(owner, "快递派送不上门，物流太慢。", subject="快递")
        )
        ticket = await lilei.mine("the mail", lambda t: "派送不上门" in texts(t))
        ticket_id = ticket["ticket"]["id"]
        await lilei.reply(ticket_id, "马上为您联系。")
        answer = (await until("the answer", lambda: relay.to(owner)[1:]))[0]
        back = str(answer.message["Reply-To"])
        await post_until_stored(
            system.smtp_port,
            stranger,
            letter(stranger, "请改寄到我的地址。", to=back),
            to=back,
        )
        ticket = await lilei.mine("the stranger's mail", lambda t: "改寄到我的地址" in texts(t))
        assert ticket["ticket"]["id"] == ticket_id
        assert [m["quarantined"] for m in ticket["messages"] if m["side"] == "customer"] == [
            False,
            True,
        ]
        # The next answer still goes to the customer, and to nobody else.
        await lilei.reply(ticket_id, "已经联系好了。", then="resolved")
        await until("the second answer", lambda: len(relay.to(owner)) == 3)
        assert relay.to(stranger) == []


async def test_a_number_in_the_subject_opens_nothing(system: System) -> None:
    victim, stranger = "zhao@126.example", "eve@evil.example"
    async with at_the_desk(system, "lilei") as (lilei,):
        await post_until_stored(
            system.smtp_port, victim, letter(victim, "物流单号查不到，快递在哪？", subject="查件")
        )
        first = await lilei.mine("the mail", lambda t: "物流单号查不到" in texts(t))
        raw = letter(stranger, "我的快递呢？物流怎么不动", subject=first["ticket"]["number"])
        await post_until_stored(system.smtp_port, stranger, raw)
        second = await lilei.mine("the other mail", lambda t: "我的快递呢" in texts(t))
        assert second["ticket"]["id"] != first["ticket"]["id"]
        assert "物流单号查不到" not in texts(second)
        for ticket in (first, second):
            await lilei.must("POST", f"tickets/{ticket['ticket']['id']}/resolve")


async def test_automatic_mail_is_never_answered_by_a_machine(system: System, relay: Relay) -> None:
    away = "holiday@163.example"
    async with at_the_desk(system, "lilei", "chen") as (lilei, chen):
        raw = letter(
            away,
            "我正在休假，快递的事请联系我的同事，物流问题回来再说。",
            subject="自动回复：快递",
            headers={"Auto-Submitted": "auto-replied"},
        )
        await post_until_stored(system.smtp_port, away, raw)
        # Another customer's receipt comes later than the one that must not come.
        await post_until_stored(
            system.smtp_port,
            "next@163.example",
            letter("next@163.example", "快递丢件了，怎么赔？", subject="丢件"),
        )
        await until("the other receipt", lambda: relay.to("next@163.example"))
        assert relay.to(away) == []
        seen = await chen.must("GET", "tickets?limit=200")
        stored = [t for t in seen["tickets"] if t["subject"] == "自动回复：快递"]
        assert len(stored) == 1
        ticket = await chen.ticket(stored[0]["id"])
        assert ticket["messages"][0]["auto"] == "auto_reply"
        assert [m for m in ticket["messages"] if m["side"] == "us"] == []
        for listed in await lilei.queue() + await chen.queue():
            who = lilei if listed["owner"]["id"] == lilei.id else chen
            await who.must("POST", f"tickets/{listed['id']}/resolve")


async def test_junk_uses_no_capacity_and_a_blocked_sender_stays_out(system: System) -> None:
    spammer = "spam@spam.example"
    async with at_the_desk(system, "lilei", "chen") as (lilei, chen):

        async def used() -> int:
            return int((await lilei.must("GET", "me"))["used"])

        before = await used()
        first = letter(spammer, "快递代发，物流专线，全国最低价，加微信。", subject="物流专线")
        await post_until_stored(system.smtp_port, spammer, first)
        ticket = await lilei.mine("the spam", lambda t: "物流专线" in texts(t))
        ticket_id = ticket["ticket"]["id"]
        assert await used() == before + ticket["ticket"]["units"]
        await lilei.must("POST", f"tickets/{ticket_id}/block")
        await lilei.must("POST", f"tickets/{ticket_id}/junk")
        assert await used() == before

        second = letter(spammer, "再次推荐：物流专线七折。", subject="物流专线二")
        await post_until_stored(system.smtp_port, spammer, second)

        async def junked() -> list[Any]:
            found = await chen.must("GET", "tickets?junk=true&limit=200")
            return [t for t in found["tickets"] if t["subject"] == "物流专线二"]

        (kept,) = await until("the second one as junk", junked)
        assert kept["state"] == "invalid"
        assert kept["owner"] is None
        assert await used() == before

        # Unblocked and unmarked, it goes the ordinary way.
        await chen.must("POST", f"tickets/{kept['id']}/unblock")
        await chen.must("POST", f"tickets/{kept['id']}/unjunk")
        ticket = await lilei.mine("the pardoned one", lambda t: "七折" in texts(t))
        await lilei.must("POST", f"tickets/{ticket['ticket']['id']}/resolve")


async def test_a_greeting_is_held_for_its_content(
    system: System, http: aiohttp.ClientSession
) -> None:
    async with (
        at_the_desk(system, "lilei", "hanmeimei", "chen") as (_, han, chen),
        Visitor(system, http) as patient,
        Visitor(system, http) as silent,
    ):
        await patient.say("在吗")
        await silent.say("你好")
        await until("the greeting in the log", lambda: patient.last_seq == 1)
        await patient.say("发票抬头开错了，能重开吗")
        ticket = await han.mine("the content", lambda t: "抬头开错了" in texts(t))
        assert [m["text"] for m in ticket["messages"] if m["side"] == "customer"] == [
            "在吗",
            "发票抬头开错了，能重开吗",
        ]
        assert _labels(ticket)["domain"] == "发票"
        # Who says nothing more is heard all the same, when the hold is over.
        await until("the ticket of the silent one", lambda: silent.ticket, 30)

        async def queued() -> list[Any]:
            found = await chen.must("GET", "tickets?limit=200")
            mine = [t for t in found["tickets"] if t["number"] == silent.ticket]
            return [t for t in mine if t["state"] != "new"]

        (greeted,) = await until("it is in a queue", queued)
        owner = {han.id: han, chen.id: chen}.get((greeted["owner"] or {}).get("id", ""))
        if owner is not None:
            await owner.must("POST", f"tickets/{greeted['id']}/resolve")
        await han.must("POST", f"tickets/{ticket['ticket']['id']}/resolve")


async def test_an_unreadable_mail_goes_to_triage_with_the_original(system: System) -> None:
    sender = "broken@mailer.example"
    headers = b"".join(b"X-Trace-%d: passed\r\n" % n for n in range(40_000))
    raw = (
        b"From: broken@mailer.example\r\nTo: support@localhost\r\nSubject: many headers\r\n"
        + headers
        + b"\r\nx\r\n"
    )
    async with at_the_desk(system, "lilei", "chen") as (_, chen):
        await post_until_stored(system.smtp_port, sender, raw)
        ticket = await chen.mine("the broken mail", lambda t: t["ticket"]["trouble"])
        ticket_id = ticket["ticket"]["id"]
        assert "512" in ticket["ticket"]["trouble"]
        (message,) = ticket["messages"]
        (attached,) = message["attachments"]
        path = f"tickets/{ticket_id}/messages/{message['id']}"
        content = await chen.must("GET", f"{path}/attachments/{attached['id']}")
        assert content == raw
        assert await chen.must("GET", f"{path}/raw") == raw
        await chen.must("POST", f"tickets/{ticket_id}/resolve")
