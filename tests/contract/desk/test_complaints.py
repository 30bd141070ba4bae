"""Complaints at the desk's door: from filing to the review, and the ledger of a month."""

import csv
import io
from typing import Any

import pytest
from openpyxl import load_workbook

from models.agent import Role
from models.complaint import Gap
from tests.contract.desk.conftest import Desk, Visit
from tests.contract.desk.world import World

GAPS = [gap for gap in Gap if gap != Gap.TASKS]


async def people(house: World) -> dict[str, str]:
    return {
        "li": await house.person("li", name="李雷"),
        "wang": await house.person("wang", name="王芳", skills={"dept:物流部": 1}),
        "chen": await house.person("chen", Role.SUPERVISOR, name="陈班长"),
    }


def missing(answer: Any) -> list[str]:
    return [gap["gap"] for gap in answer.json["gaps"]]


async def settle(li: Desk, wang: Desk, chen: Desk, path: str, ticket: str, wang_id: str) -> None:
    """Everything that closes a complaint but the sub-tasks."""
    await li.call("PATCH", path, {"outcome": "补发", "responsibility": "承运商", "cause": "延误"})
    said = await li.post(f"{path}/word", {"word": "accepted", "said": "可以"})
    assert missing(said) == ["call_back", "review"]
    await li.post(f"/tickets/{ticket}/helpers", {"agent": wang_id})
    called = await wang.post(f"{path}/call-back", {"reached": True, "words": "客户认可"})
    assert missing(called) == ["review"]
    reviewed = await chen.post(f"{path}/review", {"passed": True, "words": "同意"})
    assert missing(reviewed) == []


async def test_from_filing_to_closing(house: World, visit: Visit) -> None:
    ids = await people(house)
    ticket = await house.ticket(text="包裹十天没到")
    path = f"/tickets/{ticket}/complaint"
    chen = await visit("chen")
    before = await chen.get(path)
    shown = before.json["complaint"]
    assert (shown["department"], shown["matter"]) == ("物流部", "包裹十天没到")
    assert missing(before) == [gap for gap in GAPS if gap != "department"]
    await house.give(ticket, ids["li"])
    li, wang = await visit("li"), await visit("wang")
    assert (await wang.get(path)).status == 404, "none of her business yet"
    await li.post(f"/tickets/{ticket}/resolve")
    refused = await chen.post(f"/tickets/{ticket}/close")
    assert (refused.status, refused.json["code"]) == (409, "unsettled")
    await settle(li, wang, chen, path, ticket, ids["wang"])
    assert (await chen.post(f"/tickets/{ticket}/close")).status == 200


async def test_the_handler_neither_reviews_nor_calls_back(house: World, visit: Visit) -> None:
    ids = await people(house)
    ticket = await house.ticket()
    await house.give(ticket, ids["chen"])
    chen, path = await visit("chen"), f"/tickets/{ticket}/complaint"
    assert (await chen.get(path)).json["handled"] is True
    called = await chen.post(f"{path}/call-back", {"reached": True})
    assert (called.status, called.json["code"]) == (409, "conflict")
    await chen.call("PATCH", path, {"outcome": "补发", "responsibility": "承运商"})
    assert (await chen.post(f"{path}/review", {"passed": True})).status == 409


async def test_an_agent_does_not_review(house: World, visit: Visit) -> None:
    ids = await people(house)
    ticket = await house.ticket()
    await house.give(ticket, ids["li"])
    li = await visit("li")
    answer = await li.post(f"/tickets/{ticket}/complaint/review", {"passed": True})
    assert answer.status == 403


async def test_a_major_one_opens_sub_tasks_by_department(
    house: World, visit: Visit, clock: Any
) -> None:
    ids = await people(house)
    ticket = await house.ticket()
    await house.give(ticket, ids["li"])
    li, wang, path = await visit("li"), await visit("wang"), f"/tickets/{ticket}/complaint"
    unknown = {"title": "查", "department": "没有部"}
    body = {"major": True, "why": "媒体曝光", "tasks": [unknown]}
    refused = await li.post(f"{path}/major", body)
    assert (refused.status, refused.json["field"]) == (422, "department")
    assert (await li.get(path)).json["complaint"]["major"] is False
    tasks = [{"title": "查件", "department": "物流部"}, {"title": "核赔", "department": "财务部"}]
    assert (await li.post(f"{path}/major", body | {"tasks": tasks})).json["complaint"]["major"]
    again = await li.post(f"{path}/major", body | {"tasks": tasks})
    assert missing(again).count("tasks") == 1
    due = {task["department"]: task["due_at"] for task in
           (await li.get(f"/tickets/{ticket}/helping")).json["tasks"]}  # fmt: skip
    assert due == {"物流部": clock.now + 7200, "财务部": clock.now + 3600}
    (mine,) = (await wang.get("/subtasks")).json["tasks"]
    assert (mine["title"], mine["department"]) == ("查件", "物流部")
    assert (await li.post(f"{path}/major", {"major": False, "why": "误判"})).status == 403


async def test_a_correction_makes_it_one_and_the_department_gets_it(
    house: World, visit: Visit
) -> None:
    await people(house)
    from tests.contract.store.makers import labels

    ticket = await house.ticket(labels=labels(type="咨询"))
    chen, path = await visit("chen"), f"/tickets/{ticket}/complaint"
    assert (await chen.get(path)).status == 404
    await chen.post(f"/tickets/{ticket}/labels", {"facet": "type", "value": "投诉"})
    assert (await chen.get(path)).json["complaint"]["department"] == "物流部"
    refused = await chen.post(f"{path}/send", {"department": "没有部"})
    assert refused.status == 422
    sent = await chen.post(f"{path}/send", {"department": "财务部"})
    assert sent.json["complaint"]["department"] == "财务部"
    found = await house.store.tickets.get(ticket)
    assert found.skill_class == "dept:财务部:1"


async def test_who_complains_is_masked_and_its_reveal_is_written_down(
    house: World, visit: Visit
) -> None:
    await people(house)
    ticket = await house.ticket(text="没收到货，请打13900002222")
    chen, path = await visit("chen"), f"/tickets/{ticket}/complaint"
    shown = await chen.call("PATCH", path, {"complainant": "13800001111"})
    assert shown.json["complaint"]["matter"] == "没收到货，请打139****2222"
    (line,) = (await chen.get("/complaints/ledger?month=2027-01")).json["complaints"]
    assert line["matter"] == "没收到货，请打139****2222"
    assert shown.json["complaint"]["complainant"] == "138****1111"
    assert (await chen.post(f"{path}/reveal")).json == {"complainant": "13800001111"}
    actions = [row["action"] for row in await house.store.tickets.history(ticket)]
    assert "complaint.reveal" in actions


async def test_repeats_are_shown_and_linked_by_hand(house: World, visit: Visit) -> None:
    await people(house)
    first = await house.ticket("k1", text="没收到货")
    again = await house.ticket("k2", text="还是没收到货")
    chen = await visit("chen")
    shown = await chen.get(f"/tickets/{again}/complaint")
    number = (await house.store.tickets.get(first)).number
    assert [one["number"] for one in shown.json["repeated"]] == [number]
    path = f"/tickets/{again}/complaint/link"
    assert (await chen.post(path, {"first": None})).json["repeated"] == []
    linked = await chen.post(path, {"first": number})
    assert linked.json["complaint"]["repeat_of"] == first
    assert (await chen.post(path, {"first": "20990101000012"})).status == 404


async def test_an_improvement_by_its_owner(house: World, visit: Visit, clock: Any) -> None:
    ids = await people(house)
    ticket = await house.ticket()
    chen, li, wang = await visit("chen"), await visit("li"), await visit("wang")
    path = f"/tickets/{ticket}/complaint/improvements"
    body = {"text": "换承运商", "owner": ids["wang"], "due_at": clock.now + 86400}
    assert (await chen.post(path, body | {"owner": "nobody"})).status == 422
    (one,) = (await chen.post(path, body)).json["improvements"]
    assert one["owner"]["name"] == "王芳"
    assert [x["id"] for x in (await wang.get("/improvements")).json["improvements"]] == [one["id"]]
    assert (await li.get("/improvements")).json["improvements"] == []
    assert (await li.post(f"/improvements/{one['id']}/done", {"proof": "x"})).status == 404
    done = await wang.post(f"/improvements/{one['id']}/done", {"proof": "合同编号 88"})
    assert (done.json["state"], done.json["proof"]) == ("done", "合同编号 88")


async def test_the_ledger_of_a_month(house: World, visit: Visit) -> None:
    await people(house)
    await house.ticket("k1", text="没收到货\uffff，订单 20270115001")
    second = await house.ticket("k2", text="发票错了，订单 20270115002")
    chen = await visit("chen")
    values = {"outcome": "=1+1", "department": "财务部", "product": "手机", "cause": "开票"}
    values |= {"responsibility": "＝1+1\n"}
    await chen.call("PATCH", f"/tickets/{second}/complaint", values)
    month = "/complaints/ledger?month=2027-01"
    everything = (await chen.get(month)).json["complaints"]
    assert [row["department"] for row in everything] == ["物流部", "财务部"]
    assert everything[1]["ticket_id"] == second
    filtered = (await chen.get(f"{month}&department=财务部&product=手机&cause=开票")).json
    assert [row["product"] for row in filtered["complaints"]] == ["手机"]
    assert (await chen.get("/complaints/ledger?month=2027-02")).json["complaints"] == []
    assert (await chen.get("/complaints/ledger?month=2027-13")).status == 422
    raw = (await chen.get(f"{month}&format=csv")).raw
    assert raw.startswith(b"\xef\xbb\xbf"), "or Excel takes it for GBK"
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
    assert [row["处理结果 Outcome"] for row in rows] == ["", "'=1+1"], "no formula"
    assert [row["责任认定 Responsibility"] for row in rows] == ["", "'＝1+1\n"]
    book = load_workbook(io.BytesIO((await chen.get(f"{month}&format=xlsx")).raw))
    sheet, summary = book.worksheets
    heads = [cell.value for cell in sheet[1]]
    cell = sheet.cell(3, heads.index("处理结果 Outcome") + 1)
    assert (cell.value, cell.data_type) == ("=1+1", "s")
    lines = {(row[1], row[2]) for row in summary.iter_rows(min_row=2, values_only=True)}
    assert {("物流部", 1), ("财务部", 1), ("手机", 1), ("开票", 1)} <= lines
    li = await visit("li")
    assert (await li.get(month)).status == 403


@pytest.mark.parametrize("body", [{"word": "silence"}, {"word": ""}, {}])
async def test_silence_is_no_word(house: World, visit: Visit, body: dict[str, str]) -> None:
    await people(house)
    ticket = await house.ticket()
    chen = await visit("chen")
    assert (await chen.post(f"/tickets/{ticket}/complaint/word", body)).status == 422
