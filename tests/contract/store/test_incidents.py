"""Many complaints about one matter become one incident, whose text reaches each member once."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from models.agent import Role
from models.errors import Conflict, NotFound, Rejected
from models.message import Sender
from models.similarity import Alarm, dump, feature, fingerprint
from models.store import Store
from models.store.complaints.incident_detection import StoredFingerprint, incident_follower
from models.store.complaints.incidents import TELL, Incident, tell
from tests.contract.store import makers
from tests.fakes import FakeClock

ALARM = Alarm(at_least=3, window=1800.0, similarity=0.3)
FOLLOWER = incident_follower(ALARM, ("type:投诉",), ("supervisor", "admin"))


def _alike(*words: str) -> bytes:
    return dump(fingerprint({feature(word): 1.0 for word in words}))


async def _complain(
    store: Store, key: str, *words: str, counts: bool = True, customer: str = "", **options: Any
) -> str:
    said = words or ("三号线", "停运", key)
    return await makers.waiting(
        store,
        key,
        fingerprint=StoredFingerprint(_alike(*said), counts),
        sender=Sender(external_id=customer or f"customer-{key}"),
        **options,
    )


async def _notice(store: Store) -> None:
    await makers.follow(store, FOLLOWER)


async def _events(store: Store, kind: str) -> list[Mapping[str, Any]]:
    return [
        dict(e.data) | {"agent": e.agent_id} for e in await store.events.after(0) if e.kind == kind
    ]


async def _members(store: Store, incident_id: str) -> list[str | None]:
    return [m.ticket_id for m in await store.incidents.members(incident_id)]


async def _texts(store: Store, ticket_ids: Sequence[str]) -> list[list[str]]:
    """What we have said on each ticket's conversation."""
    said = []
    for ticket_id in ticket_ids:
        ticket = await store.tickets.get(ticket_id)
        log = await store.conversations.log(ticket.conversation_id)
        said.append([entry.text for entry in log if entry.side == "us"])
    return said


async def _people(store: Store) -> tuple[str, str]:
    li = await makers.agent(store, "li")
    chen = await store.agents.add("chen", "Chen", Role.SUPERVISOR, "hash", {})
    return li, chen


async def _opened(store: Store, count: int = 3) -> tuple[Incident, list[str]]:
    tickets = [await _complain(store, f"k{n}") for n in range(count)]
    await _notice(store)
    (found,) = await store.incidents.page()
    return found, tickets


async def test_enough_customers_open_one_incident_and_the_group_is_told(store: Store) -> None:
    _, chen = await _people(store)
    tickets = [await _complain(store, f"k{n}") for n in range(2)]
    await _notice(store)
    assert await store.incidents.page() == []
    tickets.append(await _complain(store, "k2"))
    await _complain(store, "other", "发票", "抬头")
    await _notice(store)
    (found,) = await store.incidents.page()
    assert (found.state, found.drill, found.domain, found.members) == ("open", False, "物流", 3)
    assert sorted(await _members(store, found.id)) == sorted(tickets)
    (alert,) = await _events(store, "incident.alert")
    assert (alert["agent"], alert["incident"]) == (chen, found.id)
    assert len(await _events(store, "incident.opened")) == 1


async def test_later_ones_join_and_open_no_second(store: Store) -> None:
    found, tickets = await _opened(store)
    tickets += [await _complain(store, f"later{n}") for n in range(4)]
    await _notice(store)
    assert [i.id for i in await store.incidents.page()] == [found.id]
    assert sorted(await _members(store, found.id)) == sorted(tickets)


async def test_one_customer_who_writes_often_is_no_crisis(store: Store) -> None:
    for n in range(6):
        await _complain(store, f"k{n}", customer="wang")
    await _notice(store)
    assert await store.incidents.page() == []


async def test_what_is_spread_over_hours_is_no_crisis(store: Store, clock: FakeClock) -> None:
    for n in range(6):
        await _complain(store, f"k{n}")
        clock.pass_(1000.0)
        await _notice(store)
    assert await store.incidents.page() == []


async def test_only_complaints_are_compared_and_a_person_s_word_counts(store: Store) -> None:
    li, _ = await _people(store)
    inquiry = makers.labels(type="咨询")
    tickets = [await _complain(store, f"k{n}", counts=False, labels=inquiry) for n in range(3)]
    await _notice(store)
    assert await store.incidents.page() == []
    for ticket_id in tickets:
        await store.tickets.correct(ticket_id, li, "type", "投诉")
    await _notice(store)
    assert len(await store.incidents.page()) == 1


async def test_junk_and_corrected_ones_do_not_count(store: Store) -> None:
    li, _ = await _people(store)
    junk, wrong = await _complain(store, "k0"), await _complain(store, "k1")
    await store.tickets.mark_junk(junk, li)
    await store.tickets.correct(wrong, li, "type", "咨询")
    await _complain(store, "k2")
    await _complain(store, "k3")
    await _notice(store)
    assert await store.incidents.page() == []


async def test_two_clocks_open_one(store: Store) -> None:
    for n in range(5):
        await _complain(store, f"k{n}")
    await asyncio.gather(*(_notice(store) for _ in range(4)))
    assert len(await store.incidents.page()) == 1


async def test_a_closed_one_is_joined_by_nobody_and_a_new_one_needs_as_many(store: Store) -> None:
    _, chen = await _people(store)
    found, _ = await _opened(store)
    await store.incidents.close(found.id, chen, "信号故障，已恢复")
    for n in range(2):
        await _complain(store, f"late{n}")
    await _notice(store)
    assert (await store.incidents.get(found.id)).members == 3
    assert len(await store.incidents.page(state="open")) == 0
    await _complain(store, "late2")
    await _notice(store)
    assert len(await store.incidents.page(state="open")) == 1


async def _approve(store: Store, found: Incident, li: str, chen: str, zh: str = "正在抢修") -> str:
    text_id = await store.incidents.draft(found.id, li, zh, "Being repaired")
    await store.incidents.approve(found.id, text_id, chen, second_person=True)
    return text_id


async def _fire(store: Store) -> None:
    assert await store.timers.fire_due({TELL: tell}) == []


async def test_an_approved_text_reaches_each_member_once(store: Store) -> None:
    li, chen = await _people(store)
    found, tickets = await _opened(store)
    text_id = await _approve(store, found, li, chen)
    await store.incidents.approve(found.id, text_id, chen, second_person=True)  # pressed twice
    for _ in range(3):
        await _fire(store)
    assert await _texts(store, tickets) == [["正在抢修"]] * 3
    assert (await store.incidents.get(found.id)).told == 3


async def test_who_joins_later_gets_it_too_and_nobody_again(
    store: Store, clock: FakeClock
) -> None:
    li, chen = await _people(store)
    found, tickets = await _opened(store)
    await _approve(store, found, li, chen)
    await _fire(store)
    late = await _complain(store, "late")
    await _notice(store)
    await _fire(store)
    assert await _texts(store, [*tickets, late]) == [["正在抢修"]] * 4
    clock.pass_(60.0)
    await _approve(store, found, li, chen, "已经恢复")
    await _fire(store)
    assert await _texts(store, [*tickets, late]) == [["正在抢修", "已经恢复"]] * 4


async def test_killed_while_it_writes_nobody_is_written_to_twice(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a batch is nothing; and the next one goes on behind what is done."""
    monkeypatch.setattr("models.store.complaints.incidents._AT_ONCE", 2)
    li, chen = await _people(store)
    found, tickets = await _opened(store, 5)
    await _approve(store, found, li, chen)
    ((timer_id),) = await store.timers.due({TELL: tell}, 10)

    async def killed(tx: Any, fired: Any) -> None:
        await tell(tx, fired)
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        await store.timers.fire(timer_id, {TELL: killed})
    assert await _texts(store, tickets) == [[]] * 5
    for _ in range(4):
        await _fire(store)
    assert await _texts(store, tickets) == [["正在抢修"]] * 5
    assert [e["members"] for e in await _events(store, "incident.told")] == [2, 2, 1]


async def test_a_text_needs_another_person_and_words(store: Store) -> None:
    li, chen = await _people(store)
    found, tickets = await _opened(store)
    text_id = await store.incidents.draft(found.id, chen, "正在抢修", "")
    with pytest.raises(Conflict):
        await store.incidents.approve(found.id, text_id, chen, second_person=True)
    with pytest.raises(Rejected):
        await store.incidents.draft(found.id, li, " ", "")
    with pytest.raises(NotFound):
        await store.incidents.approve(found.id, "none", chen, second_person=True)
    await _fire(store)
    assert await _texts(store, tickets) == [[]] * 3
    await store.incidents.approve(found.id, text_id, chen, second_person=False)
    await _fire(store)
    assert await _texts(store, tickets) == [["正在抢修"]] * 3


async def test_who_was_taken_out_is_not_written_to(store: Store) -> None:
    li, chen = await _people(store)
    found, _ = await _opened(store)
    first, *others = await store.incidents.members(found.id)
    await store.incidents.remove(found.id, first.id, chen)
    await _approve(store, found, li, chen)
    await _fire(store)
    assert await _texts(store, [str(first.ticket_id)]) == [[]]
    assert await _texts(store, [str(m.ticket_id) for m in others]) == [["正在抢修"]] * 2
    with pytest.raises(NotFound):
        await store.incidents.remove(found.id, "none", chen)


async def test_a_closed_one_takes_no_text(store: Store) -> None:
    li, chen = await _people(store)
    found, tickets = await _opened(store)
    await _approve(store, found, li, chen)
    await store.incidents.close(found.id, chen, "已恢复")
    await _fire(store)
    assert await _texts(store, tickets) == [[]] * 3
    with pytest.raises(Conflict):
        await store.incidents.draft(found.id, li, "正在抢修", "")
    with pytest.raises(Conflict):
        await store.incidents.close(found.id, chen, "again")


async def test_a_drill_runs_the_same_way_and_writes_to_nobody(store: Store) -> None:
    li, chen = await _people(store)
    drill_id = await store.incidents.drill(chen, "季度演练", 12, ("supervisor",))
    found = await store.incidents.get(drill_id)
    assert (found.drill, found.title, found.members, found.told) == (True, "季度演练", 12, 0)
    assert [e["agent"] for e in await _events(store, "incident.alert")] == [chen]
    await _approve(store, found, li, chen)
    await _fire(store)
    assert (await store.incidents.get(drill_id)).told == 12
    assert await store.outbound.page() == []
    assert await _events(store, "message.out") == []
    # What really happens meanwhile is not part of it.
    for n in range(3):
        await _complain(store, f"k{n}")
    await _notice(store)
    assert len(await store.incidents.page()) == 2
    assert (await store.incidents.get(drill_id)).members == 12
    await store.incidents.close(drill_id, chen, "用时 5 分钟")
    assert (await store.incidents.get(drill_id)).summary == "用时 5 分钟"
