"""What changes between a person's look and their move: the transaction judges, not the look."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from models.agent import Role
from models.errors import Temporary
from models.store import Store
from models.store.tickets.waiting import load_needs
from tests.contract.desk.conftest import Desk, Visit
from tests.contract.desk.world import World
from tests.contract.store import makers
from tests.contract.store.meeting import before_the_next_write

CALM = makers.labels(type="咨询")
WHY = {"reason": "不归我们"}


async def mine(house: World, visit: Visit, key: str = "k1") -> tuple[str, Desk, str]:
    me, ticket = await house.person("li"), await house.ticket(key, labels=CALM)
    await house.give(ticket, me)
    return ticket, await visit("li"), me


async def _split(house: World, ticket: str) -> dict[str, Any]:
    found = await house.store.tickets.get(ticket)
    await makers.thread(house.store, makers.envelope("k1b"), conversation_key="talk-k1")
    log = await house.store.conversations.log(found.conversation_id)
    return {"messages": [log[-1].id]}


@pytest.mark.parametrize("move", ["junk", "return", "merge", "split", "helpers", "subtasks"])
async def test_what_has_changed_hands_is_moved_by_nobody_else(
    house: World, visit: Visit, monkeypatch: pytest.MonkeyPatch, move: str
) -> None:
    ticket, desk, me = await mine(house, visit)
    other, third = await house.person("wang"), await house.person("han")
    second = await house.ticket("k2", labels=CALM)
    await house.give(second, me)
    bodies: dict[str, Any] = {
        "return": WHY, "merge": {"into": second}, "split": await _split(house, ticket),
        "helpers": {"agent": third}, "subtasks": {"title": "查件", "agent": third},
    }  # fmt: skip
    take = house.store.tickets.take
    before_the_next_write(
        house.store, monkeypatch, lambda: take(ticket, other, forced=True, by=other)
    )
    answer = await desk.post(f"/tickets/{ticket}/{move}", bodies.get(move))
    assert answer.status == 409, answer.json
    found = await house.store.tickets.get(ticket)
    assert (found.state, found.owner_id) == ("active", other)
    assert (await house.store.agents.get(third)).used == 0


async def test_nothing_is_merged_into_what_has_changed_hands(
    house: World, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket, desk, me = await mine(house, visit)
    other, second = await house.person("wang"), await house.ticket("k2", labels=CALM)
    await house.give(second, me)
    take = house.store.tickets.take
    before_the_next_write(
        house.store, monkeypatch, lambda: take(second, other, forced=True, by=other)
    )
    answer = await desk.post(f"/tickets/{ticket}/merge", {"into": second})
    assert answer.status == 409, answer.json
    assert (await house.store.tickets.get(ticket)).owner_id == me


async def test_an_agent_does_not_return_what_waits_again(
    house: World, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket, desk, me = await mine(house, visit)
    release = house.store.tickets.release
    before_the_next_write(house.store, monkeypatch, lambda: release(ticket, me, None, ""))
    assert (await desk.post(f"/tickets/{ticket}/return", WHY)).status == 409
    assert (await house.store.tickets.get(ticket)).state == "waiting"


async def test_nobody_takes_what_another_has_set_down(
    house: World, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket, desk, me = await mine(house, visit)
    other, store = await house.person("wang"), house.store
    await store.tickets.snooze(ticket, me, 600.0)

    async def changes_hands() -> None:
        await store.tickets.take(ticket, other, forced=True, by=other)
        await store.tickets.snooze(ticket, other, 600.0)

    before_the_next_write(store, monkeypatch, changes_hands)
    assert (await desk.post(f"/tickets/{ticket}/take")).status == 409
    found = await store.tickets.get(ticket)
    assert (found.state, found.owner_id) == ("snoozed", other)


@pytest.mark.parametrize("move", ["snooze", "return", "junk"])
async def test_what_the_customer_has_just_said_is_not_put_away_unread(
    house: World, visit: Visit, move: str
) -> None:
    """As for resolving: it would lie there where nobody looks."""
    ticket, desk, _ = await mine(house, visit)
    body = {"snooze": {"seconds": 3600.0}, "return": WHY}.get(move, {}) | {"seen": 1}
    await makers.thread(house.store, makers.envelope("k1b"), conversation_key="talk-k1")
    assert (await desk.post(f"/tickets/{ticket}/{move}", body)).status == 409
    assert (await house.store.tickets.get(ticket)).state == "active"
    assert (await desk.post(f"/tickets/{ticket}/{move}", body | {"seen": 2})).status == 200


async def test_of_two_corrections_the_last_says_where_it_waits(
    house: World, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first finds out where the ticket belongs; before it is corrected, the second is."""
    ticket, store = await house.ticket(labels=CALM), house.store
    await house.person("li")
    await house.person("boss", Role.SUPERVISOR)
    desk, boss = await visit("li"), await visit("boss")

    async def second() -> None:
        answer = await boss.post(f"/tickets/{ticket}/labels", {"facet": "domain", "value": "支付"})
        assert answer.status == 200

    before_the_next_write(store, monkeypatch, second)
    first = await desk.post(f"/tickets/{ticket}/labels", {"facet": "domain", "value": "发票"})
    assert first.status == 200
    assert await _belongs(store, ticket) == "发票"
    assert {c.after for c in await store.corrections.all()} == {"支付", "发票"}


async def _belongs(store: Store, ticket_id: str) -> str:
    """What a waiting ticket is about, which its queue agrees with."""
    found = await store.tickets.get(ticket_id)
    assert found.labels is not None
    domain = found.labels.facets["domain"].value
    needs = await store.tickets.needs(found.skill_class or "")
    assert needs is not None
    assert load_needs(needs).required == ((f"domain:{domain}", 1),)
    return domain


async def test_a_desk_that_dies_correcting_leaves_no_ticket_in_the_wrong_queue(
    house: World, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each transaction, before and after: it is corrected and where it belongs, or neither."""
    ticket, store = await house.ticket(labels=CALM), house.store
    await house.person("li")
    desk = await visit("li")
    assert await _belongs(store, ticket) == "物流"
    asked = {"facet": "domain", "value": "发票"}
    outcomes = []
    for fatal in range(1, 9):
        with monkeypatch.context() as dying:
            opened = _dies_at(store, dying, fatal)
            answer = await desk.post(f"/tickets/{ticket}/labels", asked)
        outcomes.append((answer.status, await _belongs(store, ticket)))
        if len(opened) < fatal:
            break
    assert outcomes[0] == (503, "物流")
    assert (503, "发票") in outcomes, "it died right after the correction"
    assert outcomes[-1] == (200, "发票")


def _dies_at(store: Store, monkeypatch: pytest.MonkeyPatch, fatal: int) -> list[int]:
    """From the ``fatal``th transaction or look on nothing is reached; those so far are counted."""
    opened: list[int] = []

    def dying(real: Callable[..., Any]) -> Callable[..., Any]:
        @asynccontextmanager
        async def opening(*args: Any, **more: Any) -> AsyncIterator[Any]:
            opened.append(1)
            if len(opened) >= fatal:
                raise Temporary("the process is gone")
            async with real(*args, **more) as tx:
                yield tx

        return opening

    for name in ("write", "read"):
        monkeypatch.setattr(store.db, name, dying(getattr(store.db, name)))
    return opened


async def test_a_major_complaint_and_its_tasks_are_one_thing(
    house: World, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one that a crash left without its tasks would stay so: it is major already."""
    ticket, store = await house.ticket(), house.store
    await house.person("boss", Role.SUPERVISOR)
    desk = await visit("boss")
    write, writes = store.db.write, []

    def dying() -> Any:
        writes.append(1)
        if len(writes) > 1:
            raise Temporary("the disk is gone")
        return write()

    monkeypatch.setattr(store.db, "write", dying)
    tasks = [{"title": "查明原因", "department": "物流部"}]
    body = {"major": True, "why": "媒体", "tasks": tasks}
    await desk.post(f"/tickets/{ticket}/complaint/major", body)
    major = (await store.complaints.get(ticket)).major
    assert (major, len(await store.helping.tasks(ticket))) == (True, 1)
