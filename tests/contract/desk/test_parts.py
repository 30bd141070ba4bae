"""What customers say in the conversations of merged tickets is not put away unread."""

from typing import Any

import pytest

from desk import links
from tests.contract.desk.conftest import Desk, Visit
from tests.contract.desk.world import World
from tests.contract.store import makers
from tests.contract.store.meeting import before_the_next_write

CALM = makers.labels(type="咨询")
ANSWER = {"text": "好了", "client_id": "client-0001"}
SET_DOWN: list[tuple[str, dict[str, Any]]] = [
    ("resolve", {}),
    ("pend", {}),
    ("snooze", {"seconds": 3600.0}),
    ("return", {"reason": "不归我们"}),
    ("junk", {}),
    ("reply", ANSWER | {"then": "resolved"}),
    ("reply", ANSWER | {"then": "pending"}),
]
"""Moves after which nobody looks at the ticket, with what they need."""


async def merged(house: World, visit: Visit) -> tuple[str, str, Desk]:
    """A ticket in hand, one merged into it, and who has them."""
    me, desk = await house.person("li"), await visit("li")
    ticket = await house.ticket("k1", labels=CALM)
    await house.give(ticket, me)
    part = await house.ticket("k2", labels=CALM)
    await house.store.merging.merge(part, ticket, me)
    return ticket, part, desk


async def word(house: World, key: str = "again", talk: str = "talk-k2") -> None:
    e = makers.envelope(key, now=await house.store.db.now())
    await makers.thread(house.store, e, conversation_key=talk, text="还有一件")


async def labelled(house: World) -> str:
    """The one new ticket, which waits from now on."""
    (due,) = [one for one in await house.store.queue.unlabelled(10) if one.state == "new"]
    await house.store.queue.route([makers.routed(due)])
    return due.ticket_id


async def read(desk: Desk, ticket: str) -> dict[str, Any]:
    """How far a page shows a ticket, as the desk's own page tells it."""
    view = (await desk.get(f"/tickets/{ticket}")).json
    parts = {part["id"]: part["messages"][-1]["seq"] for part in view["links"]["parts"]}
    return {"seen": view["messages"][-1]["seq"], "seen_parts": parts}


@pytest.mark.parametrize(("path", "body"), SET_DOWN)
async def test_a_word_in_a_merged_conversation_is_read_first(
    house: World, visit: Visit, path: str, body: dict[str, Any]
) -> None:
    ticket, part, desk = await merged(house, visit)
    known = await read(desk, ticket)
    assert known == {"seen": 1, "seen_parts": {part: 1}}
    await word(house)
    refused = await desk.post(f"/tickets/{ticket}/{path}", body | known)
    assert (refused.status, refused.json["message"]["zh"]) == (
        409, "客户刚又发来消息，请看过再操作。"
    )  # fmt: skip
    assert (await house.store.tickets.get(ticket)).state == "active"
    known = await read(desk, ticket)
    assert known["seen_parts"] == {part: 2}
    assert (await desk.post(f"/tickets/{ticket}/{path}", body | known)).status < 300


async def test_a_word_between_the_look_and_the_move_counts(
    house: World, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket, _, desk = await merged(house, visit)
    known = await read(desk, ticket)
    before_the_next_write(house.store, monkeypatch, lambda: word(house))
    assert (await desk.post(f"/tickets/{ticket}/resolve", known)).status == 409


async def test_what_was_merged_meanwhile_has_not_been_read(house: World, visit: Visit) -> None:
    ticket, _, desk = await merged(house, visit)
    known = await read(desk, ticket)
    third = await house.ticket("k3", labels=CALM)
    assert (await desk.post(f"/tickets/{third}/merge", {"into": ticket})).status == 200
    assert (await desk.post(f"/tickets/{ticket}/resolve", known)).status == 409
    known = await read(desk, ticket)
    assert (await desk.post(f"/tickets/{ticket}/resolve", known)).status == 200


async def test_two_parts_of_one_conversation_are_read_together(house: World, visit: Visit) -> None:
    """The page shows the conversation with each: who has read it in the one has read it."""
    ticket, part, desk = await merged(house, visit)
    await word(house, "b", "talk-k3")
    await word(house, "c", "talk-k3")
    whole = await labelled(house)
    talk = (await house.store.tickets.get(whole)).conversation_id
    log = await house.store.conversations.log(talk)
    me = (await house.store.tickets.get(ticket)).owner_id
    assert me is not None
    await house.store.merging.split(whole, [log[1].id], me)
    split = await labelled(house)
    for one in (whole, split):
        await house.store.merging.merge(one, ticket, me)
    for first, second, status in ((0, 0, 409), (0, 2, 200), (2, 0, 200)):
        known = {"seen": 1, "seen_parts": {part: 1, whole: first, split: second}}
        assert (await desk.post(f"/tickets/{ticket}/resolve", known)).status == status
        if status == 200:
            assert (await desk.post(f"/tickets/{ticket}/retake")).status == 200


async def test_a_client_that_knows_of_no_parts_goes_on_as_before(
    house: World, visit: Visit
) -> None:
    ticket, _, desk = await merged(house, visit)
    await word(house)
    assert (await desk.post(f"/tickets/{ticket}/resolve", {"seen": 1})).status == 200


async def test_of_a_long_merged_conversation_the_end_is_shown(
    house: World, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came last is what somebody waits for, and what has to be read before it is set down."""
    monkeypatch.setattr(links, "_MOST", 2)
    ticket, _, desk = await merged(house, visit)
    for key in ("b", "c"):
        await word(house, key)
    (shown,) = (await desk.get(f"/tickets/{ticket}")).json["links"]["parts"]
    assert [line["seq"] for line in shown["messages"]] == [2, 3]
    known = await read(desk, ticket)
    assert (await desk.post(f"/tickets/{ticket}/resolve", known)).status == 200
