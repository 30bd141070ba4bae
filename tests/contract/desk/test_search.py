"""The box that finds tickets: who may find what, what is shown of it, and what is told besides."""

import pytest

from models.agent import Role
from models.message import Sender
from models.store.tickets.search_index import INDEXING
from tests.contract.desk.conftest import Desk, Visit
from tests.contract.desk.world import World
from tests.contract.store.makers import follow
from tests.contract.store.searching import index
from tests.fakes import FakeClock


async def found(desk: Desk, text: str, **more: object) -> list[str]:
    answer = await desk.post("/search", {"text": text, **more})
    assert answer.status == 200
    return [one["ticket"]["id"] for one in answer.json["found"]]


async def test_what_is_shown_of_a_find(house: World, visit: Visit) -> None:
    await house.person("wang", Role.SUPERVISOR)
    said = "之前说过几次了，耳机左边没有声音，请打 13800138000 给我，谢谢"
    ticket = await house.ticket(text=said, sender=Sender(external_id="c1", phone="13912345678"))
    await index(house.store)
    desk = await visit("wang")
    answer = (await desk.post("/search", {"text": "没有声音"})).json
    (one,) = answer["found"]
    assert (one["ticket"]["id"], one["by"]) == (ticket, "words")
    passage = one["passage"]
    assert (passage["side"], passage["hit"]) == ("customer", "没有声音")
    assert passage["before"].endswith("耳机左边")
    assert passage["after"] == "，请打 138****8000 给我，谢谢"
    assert (answer["before"], answer["misread"], answer["unread"]) == (None, None, 0)
    # Whoever knows the number finds it, and sees no more of it than elsewhere.
    (one,) = (await desk.post("/search", {"text": "138 0013 8000"})).json["found"]
    assert one["passage"]["hit"] == "138****8000"
    (one,) = (await desk.post("/search", {"text": "80013"})).json["found"]
    assert one["passage"]["hit"] == "138****8000"
    answer = await desk.post("/search", {"text": "13912345678"})
    assert answer.json["found"][0]["by"] == "phone"
    assert b"13912345678" not in answer.raw


async def test_an_agent_finds_what_they_may_see(house: World, visit: Visit) -> None:
    li, han = await house.person("li"), await house.person("han")
    await house.person("wang", Role.SUPERVISOR)
    mine, theirs, free = [await house.ticket(f"k{n}", text="退款没到") for n in range(3)]
    await house.give(mine, li)
    await house.give(theirs, han)
    await index(house.store)
    assert await found(await visit("li"), "退款") == [free, mine]
    assert await found(await visit("han"), "退款") == [free, theirs]
    assert await found(await visit("wang"), "退款") == [free, theirs, mine]
    number = (await house.store.tickets.get(theirs)).number
    assert await found(await visit("li"), number) == []
    assert await found(await visit("han"), number) == [theirs]


async def test_a_number_is_found_at_once_and_first(house: World, visit: Visit) -> None:
    await house.person("wang", Role.SUPERVISOR)
    ticket = await house.ticket("k1")
    number = (await house.store.tickets.get(ticket)).number
    desk = await visit("wang")
    assert await found(desk, number) == [ticket], "nobody has read it yet"
    other = await house.ticket("k2", text=f"请问 {number} 处理了吗")
    await index(house.store)
    assert await found(desk, f" {number} ") == [ticket, other]


async def test_the_end_of_a_number_is_enough_today(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    li = await house.person("li")
    ticket = await house.ticket("k1")
    await house.give(ticket, li)
    end = (await house.store.tickets.get(ticket)).number[-2:]
    desk = await visit("li")
    said = await house.ticket("k2", text=f"买了 {end} 件")
    assert await found(desk, end) == [ticket], "nobody has read it yet"
    await index(house.store)
    answer = (await desk.post("/search", {"text": end})).json
    assert [(one["ticket"]["id"], one["by"]) for one in answer["found"]] == [
        (ticket, "number"),
        (said, "words"),
    ]
    assert (await desk.post("/search", {"text": end[-1]})).status == 422
    # To whom it is none of their business it does not exist.
    await house.person("han")
    assert await found(await visit("han"), end) == [said]
    clock.pass_(86400.0)
    assert await found(await visit("li"), end) == [said], "that was yesterday"


async def test_a_number_that_was_misread(house: World, visit: Visit) -> None:
    li = await house.person("li")
    await house.person("han")
    ticket = await house.ticket("k1")
    await house.give(ticket, li)
    number = (await house.store.tickets.get(ticket)).number
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    answer = (await (await visit("li")).post("/search", {"text": wrong})).json
    assert (answer["found"], answer["misread"]) == ([], {"like": [number]})
    # To whom it is none of their business it does not exist.
    answer = (await (await visit("han")).post("/search", {"text": wrong})).json
    assert answer["misread"] == {"like": []}


async def test_page_by_page(house: World, visit: Visit, clock: FakeClock) -> None:
    await house.person("wang", Role.SUPERVISOR)
    made = [await house.ticket(f"k{n}", text="退款") for n in range(5)]
    await index(house.store)
    desk = await visit("wang")
    first = (await desk.post("/search", {"text": "退款", "limit": 2})).json
    rest = await found(desk, "退款", before=first["before"])
    assert [one["ticket"]["id"] for one in first["found"]] + rest == made[::-1]


async def test_what_is_not_read_yet_is_told(house: World, visit: Visit) -> None:
    await house.person("wang", Role.SUPERVISOR)
    await house.ticket(text="退款")
    store = house.store
    await follow(store, INDEXING)
    answer = (await (await visit("wang")).post("/search", {"text": "退款"})).json
    assert (answer["found"], answer["unread"]) == ([], 1)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"text": "退"}, "too_short"),
        ({"text": "？！"}, "too_short"),
        ({"text": "  "}, "invalid_field"),
        ({"text": "退" * 201}, "invalid_field"),
        ({"text": "退款", "before": -1}, "invalid_field"),
        ({"text": "退款", "limit": 1000}, "invalid_field"),
        ({}, "missing_field"),
    ],
)
async def test_what_is_no_question(
    house: World, visit: Visit, body: dict[str, object], code: str
) -> None:
    await house.person("li")
    answer = await (await visit("li")).post("/search", body)
    assert (answer.status, answer.json["code"]) == (422, code)


async def test_a_token_that_only_reads_may_ask(house: World, visit: Visit) -> None:
    await house.person("wang", Role.SUPERVISOR)
    ticket = await house.ticket(text="退款")
    await index(house.store)
    desk = await visit("wang")
    made = (await desk.post("/tokens", {"name": "crm", "days": 30, "read_only": True})).json
    reader = await visit()
    reader.headers = {"Authorization": f"Bearer {made['token']}"}
    assert await found(reader, "退款") == [ticket]
    assert (await reader.post(f"/tickets/{ticket}/junk", {})).status == 403
