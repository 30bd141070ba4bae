"""Complaints: filed before anybody has them, linked when repeated, closed only when settled."""

import json

import pytest
from sqlalchemy import select, update

from models.agent import Role
from models.complaint import Filing, Gap, Word, filing
from models.errors import Conflict, NotFound, Rejected
from models.message import Sender
from models.routing import Needs
from models.store import Store
from models.store.complaints.improvements import DUE, improvement_due
from models.store.tickets.settling import closing_gaps
from models.tables import complaint, customer_link, event
from models.ticket import Label, Labels
from tests.contract.store.makers import (
    agent,
    decision,
    envelope,
    filed,
    in_hands,
    labelled,
    labels,
    routed,
    thread,
    waiting,
)
from tests.fakes import FakeClock

DAY = 86400.0
PROVEN = {"lookup": "l", "kind": "phone", "evidence": {}}
ALL = {"department": "物流部", "outcome": "已补发", "responsibility": "承运商"}


async def test_labels_from_before_a_complaint_was_filed_are_not_its_own(store: Store) -> None:
    """Two have read it at one moment: one has filed it, the other knows nothing of that."""
    await thread(store, envelope("k1", now=await store.db.now()))
    (reading,) = await store.queue.unlabelled(10)
    ticket_id = await labelled(store, labels())
    person = await agent(store)
    await store.tickets.mark_junk(ticket_id, person)
    await store.tickets.unmark_junk(ticket_id, person)
    late = routed(reading, labels=labels(type="求助"), filing=None)
    assert await store.queue.route([late]) == []
    found = await store.tickets.get(ticket_id)
    assert found.labels is not None
    assert found.labels.facets["type"].value == "投诉"
    (again,) = await store.queue.unlabelled(10)
    assert again.complaint
    assert await store.queue.route([routed(again)]) == [ticket_id]


async def kinds(store: Store, start: str = "complaint.") -> list[str]:
    async with store.db.read() as conn:
        found = (await conn.execute(select(event.c.kind).order_by(event.c.seq))).scalars()
        return [kind for kind in found if kind.startswith(start)]


async def test_its_fields_are_there_before_anybody_has_it(store: Store, clock: FakeClock) -> None:
    since = clock.now
    ticket_id = await filed(store, text="包裹十天没到，我要投诉")
    found = await store.complaints.get(ticket_id)
    assert (await store.tickets.get(ticket_id)).owner_id is None
    assert (found.complained_at, found.matter) == (since, "包裹十天没到，我要投诉")
    assert (found.department, found.domain, found.complainant) == ("物流部", "物流", "")
    assert await kinds(store) == ["complaint.opened"]


async def test_what_is_no_complaint_is_none(store: Store) -> None:
    ticket_id = await filed(store, labels=labels(type="咨询"))
    with pytest.raises(NotFound):
        await store.complaints.get(ticket_id)
    assert await store.complaints.gaps(ticket_id) == ()


async def test_a_guess_that_was_not_accepted_makes_none() -> None:
    guess = Label(value="投诉", confidence=0.4, accepted=False)
    assert filing(Labels(facets={"type": guess}, bundle="b"), "", 30) is None


async def test_no_classifier_takes_back_what_was_filed(store: Store) -> None:
    ticket_id = await filed(store, key="k1")
    await thread(store, envelope("k2"), conversation_key="talk-k1", text="电话 13800138000")
    (grown,) = await store.queue.unlabelled(10)
    assert grown.complaint
    await store.queue.route([routed(grown, labels=labels(type="求助"), filing=None)])
    assert (await store.complaints.get(ticket_id)).domain == "物流"
    await thread(store, envelope("k3"), conversation_key="talk-k1", text="还是要投诉！")
    await labelled(store, labels(domain="售后"), "品控部")
    back = await store.complaints.get(ticket_id)
    assert (back.domain, back.department) == ("售后", "品控部")
    assert back.matter.endswith("还是要投诉！"), "the matter grows with what the customer says"
    assert await kinds(store) == ["complaint.opened", "complaint.changed"]


async def test_labels_are_told_that_a_complaint_is_filed_until_a_person_takes_it_back(
    store: Store,
) -> None:
    ticket_id = await filed(store, key="k1")
    person = await agent(store)
    await store.tickets.correct(ticket_id, person, "type", "咨询")
    assert await kinds(store) == ["complaint.opened", "complaint.withdrawn"]
    await thread(store, envelope("k2"), conversation_key="talk-k1", text="哦，已经收到了")
    (grown,) = await store.queue.unlabelled(10)
    assert not grown.complaint


async def test_a_complaint_that_a_machine_took_back_once_is_opened_by_the_next_label(
    store: Store,
) -> None:
    """Databases of the days when a later label withdrew complaints have such rows."""
    ticket_id = await filed(store, key="k1")
    async with store.db.write() as tx:
        await tx.conn.execute(update(complaint).values(withdrawn_at=tx.now))
    await thread(store, envelope("k2"), conversation_key="talk-k1", text="还是要投诉！")
    await labelled(store, labels())
    assert (await store.complaints.get(ticket_id)).matter.endswith("还是要投诉！")
    assert await kinds(store) == ["complaint.opened", "complaint.opened"]


async def test_labels_that_say_the_same_again_tell_nothing(store: Store) -> None:
    ticket_id = await filed(store, key="k1", text="包裹十天没到")
    before = await store.complaints.get(ticket_id)
    await thread(
        store, envelope("k2"), conversation_key="talk-k1", text="在", hollow=True,
        sender=Sender(external_id="stranger"),
    )  # fmt: skip
    async with store.db.write() as tx:
        await tx.conn.exec_driver_sql("UPDATE ticket SET label_due = true")
    await labelled(store, labels())
    assert await store.complaints.get(ticket_id) == before
    assert await kinds(store) == ["complaint.opened"]


async def test_the_same_person_under_another_customer_repeats_too(store: Store) -> None:
    first = await filed(store, key="k1", text="包裹十天没到", sender=Sender(external_id="wang"))
    other = await filed(store, key="k2", text="别的事", sender=Sender(external_id="wang-2"),
                        labels=labels(type="咨询"))  # fmt: skip
    one = (await store.tickets.get(first)).customer_id
    two = (await store.tickets.get(other)).customer_id
    async with store.db.write() as tx:
        link = {"id": tx.new_id(), "first_id": min(one, two), "second_id": max(one, two)}
        await tx.insert(customer_link, [link | PROVEN | {"at": tx.now}])
    again = await filed(store, key="k3", text="包裹十天没到", sender=Sender(external_id="wang-2"))
    assert (await store.complaints.get(again)).repeat_of == first


async def test_a_persons_word_makes_it_one_and_makes_it_none(store: Store) -> None:
    ticket_id = await filed(store, labels=labels(type="咨询"), text="发错货了")
    person = await agent(store)

    async def correct(value: str) -> None:
        await store.tickets.correct(
            ticket_id, person, "type", value, lambda given: filing(given, "品控部", 30)
        )

    await correct("投诉")
    found = await store.complaints.get(ticket_id)
    assert (found.matter, found.department) == ("发错货了", "品控部")
    await correct("咨询")
    with pytest.raises(NotFound):
        await store.complaints.get(ticket_id)
    await correct("投诉")
    assert (await store.complaints.get(ticket_id)).matter == "发错货了"


async def test_words_that_were_withdrawn_are_not_kept_as_the_matter(store: Store) -> None:
    ticket_id = await filed(store, key="k1", text="我的卡号是 6222")
    gone = envelope("k2")
    await thread(
        store, gone, conversation_key="talk-k1", kind="delete", external_id="k1", revision=1
    )
    assert (await store.complaints.get(ticket_id)).matter == ""


async def test_the_same_matter_again_is_linked_to_the_first(
    store: Store, clock: FakeClock
) -> None:
    first = await filed(store, "k1", text="订单 20261101001 没到")
    clock.pass_(3 * DAY)
    other_order = await filed(store, "k2", text="订单 20261102002 破损")
    clock.pass_(3 * DAY)
    again = await filed(store, "k3", text="20261101001 还是没到，再次投诉")
    clock.pass_(3 * DAY)
    third = await filed(store, "k4", text="20261101001 第三次了")
    somebody = Sender(external_id="other")
    theirs = await filed(store, "k5", text="20261101001 没到", sender=somebody)
    repeats = {
        id_: (await store.complaints.get(id_)).repeat_of
        for id_ in (first, other_order, again, third, theirs)
    }
    assert repeats == {first: None, other_order: None, again: first, third: first, theirs: None}
    assert [id_ for id_, _, _ in await store.complaints.repeated(first)] == [again, third]
    assert [id_ for id_, _, _ in await store.complaints.repeated(third)] == [first, again]
    assert await store.complaints.repeated(theirs) == []


async def test_after_the_time_set_it_is_a_new_one(store: Store, clock: FakeClock) -> None:
    await filed(store, "k1", text="一直没收到")
    clock.pass_(30 * DAY + 1)
    late = await filed(store, "k2", text="一直没收到")
    assert (await store.complaints.get(late)).repeat_of is None


async def test_two_in_one_batch_are_linked_too(store: Store) -> None:
    for key in ("k1", "k2"):
        await thread(store, envelope(key), conversation_key=f"talk-{key}", text="没收到货")
    due = await store.queue.unlabelled(10)
    await store.queue.route(
        [routed(one, filing=Filing("物流", "", one.text, 30 * DAY)) for one in due]
    )
    found = [(await store.complaints.get(one.ticket_id)).repeat_of for one in due]
    assert sorted(found, key=str) == sorted([None, due[0].ticket_id], key=str)


async def test_a_person_links_and_unlinks(store: Store) -> None:
    first, second = (
        await filed(store, "k1"),
        await filed(store, "k2", labels=labels(domain="支付"), text="多扣了钱"),
    )
    person = await agent(store)
    await store.complaints.link(second, person, first)
    assert (await store.complaints.get(second)).repeat_of == first
    with pytest.raises(Rejected):
        await store.complaints.link(first, person, second)
    with pytest.raises(Rejected):
        await store.complaints.link(first, person, first)
    await store.complaints.link(second, person, None)
    assert (await store.complaints.get(second)).repeat_of is None


async def test_what_repeats_one_that_is_linked_goes_along(store: Store) -> None:
    """All about one matter repeat its first: no chain, and no circle without a first."""
    first, second, third = [
        await filed(store, f"k{n}", labels=labels(domain=domain), text=text)
        for n, (domain, text) in enumerate(
            (("物流", "包裹没到"), ("支付", "多扣了钱"), ("售后", "屏幕坏了"))
        )
    ]
    person = await agent(store)
    await store.complaints.link(third, person, second)
    await store.complaints.link(second, person, first)
    assert {t for t, *_ in await store.complaints.repeated(third)} == {first, second}
    with pytest.raises(Rejected):
        await store.complaints.link(first, person, third)


async def test_it_is_closed_by_nothing_but_all_conditions(store: Store) -> None:
    ticket_id = await filed(store, department="")
    handler = await in_hands(store, ticket_id)
    boss = await store.agents.add("boss", "Boss", Role.SUPERVISOR, "h", {})
    colleague = await agent(store, "wang")

    async def gaps() -> list[Gap]:
        async with store.db.write() as tx:
            return list(await closing_gaps(tx, ticket_id))

    everything = [gap for gap in Gap if gap != Gap.TASKS]
    assert await gaps() == everything
    with pytest.raises(Conflict):
        await store.complaints.review(ticket_id, boss, passed=True, words="")
    with pytest.raises(Conflict):
        await store.complaints.hear(ticket_id, handler, Word.ACCEPTED, "可以")
    await store.complaints.change(ticket_id, handler, ALL)
    assert await gaps() == [Gap.CUSTOMER_WORD, Gap.CALL_BACK, Gap.REVIEW]
    await store.complaints.hear(ticket_id, handler, Word.ACCEPTED, "可以")
    for refused in (
        store.complaints.call_back(ticket_id, handler, reached=True, words=""),
        store.complaints.review(ticket_id, handler, passed=True, words=""),
    ):
        with pytest.raises(Conflict):
            await refused
    await store.complaints.call_back(ticket_id, colleague, reached=False, words="无人接听")
    assert await gaps() == [Gap.CALL_BACK, Gap.REVIEW]
    await store.complaints.call_back(ticket_id, colleague, reached=True, words="满意")
    await store.complaints.call_back(ticket_id, colleague, reached=False, words="再打没人接")
    await store.complaints.review(ticket_id, boss, passed=False, words="责任写清楚")
    assert await gaps() == [Gap.REVIEW]
    task = await store.helping.open(
        ticket_id, handler, title="查仓库", department="物流部", due_at=0.0
    )
    await store.complaints.review(ticket_id, boss, passed=True, words="可以")
    assert await gaps() == [Gap.TASKS]
    await store.helping.finish(task, colleague, "查过了")
    assert await gaps() == []
    await store.complaints.change(ticket_id, handler, {"responsibility": "仓库"})
    assert await gaps() == [Gap.REVIEW], "a review of something else is none"
    audited = {row["action"] for row in await store.tickets.history(ticket_id)}
    assert audited >= {"complaint.changed", "complaint.reviewed", "complaint.called_back"}


async def test_who_handed_it_on_does_not_call_back(store: Store) -> None:
    ticket_id = await filed(store)
    first = await in_hands(store, ticket_id)
    second = await agent(store, "wang")
    await store.tickets.take(ticket_id, second, forced=True)
    assert await store.complaints.handlers(ticket_id) == {first, second}
    with pytest.raises(Conflict):
        await store.complaints.call_back(ticket_id, first, reached=True, words="")


async def test_the_complainant_is_sealed_and_nothing_private_is_told(store: Store) -> None:
    ticket_id, person = await filed(store), await agent(store)
    await store.complaints.change(
        ticket_id, person, {"complainant": "王小明 13800001111", "outcome": "秘密结果"}
    )
    assert (await store.complaints.get(ticket_id)).complainant == "王小明 13800001111"
    async with store.db.read() as conn:
        sealed = (await conn.execute(select(complaint.c.complainant))).scalar_one()
        told = (await conn.execute(select(event.c.data))).scalars().all()
    assert "王小明".encode() not in sealed
    said = json.dumps(
        [*told, await store.tickets.history(ticket_id)], ensure_ascii=False, default=str
    )
    assert "王小明" not in said
    assert "秘密结果" not in json.dumps(told, ensure_ascii=False)
    await store.complaints.change(ticket_id, person, {"complainant": ""})
    assert (await store.complaints.get(ticket_id)).complainant == ""


async def test_a_change_that_changes_nothing_is_not_told(store: Store) -> None:
    ticket_id, person = await filed(store), await agent(store)
    await store.complaints.change(ticket_id, person, {"department": "物流部"})
    assert await kinds(store) == ["complaint.opened"]


async def test_an_improvement_has_an_owner_a_date_and_a_proof(
    store: Store, clock: FakeClock
) -> None:
    ticket_id = await filed(store)
    boss, owner = await agent(store, "boss"), await agent(store, "owner")
    add = store.improvements.add
    first = await add(ticket_id, boss, text="换承运商", owner_id=owner, due_at=clock.now + DAY)
    second = await add(ticket_id, boss, text="培训", owner_id=owner, due_at=clock.now + DAY)
    await store.improvements.finish(first, owner, "合同 2026-11 已签")
    with pytest.raises(Conflict):
        await store.improvements.cancel(first, boss, "不需要")
    assert [one.id for one in await store.improvements.open(owner)] == [second]
    clock.pass_(DAY + 1)
    for _ in range(2):
        assert await store.timers.fire_due({DUE: improvement_due}) == []
    late = await store.improvements.get(second)
    done = await store.improvements.get(first)
    assert (late.late_at, done.late_at) == (clock.now, None)
    assert (done.state, done.proof, done.ended_by) == ("done", "合同 2026-11 已签", owner)
    assert (await kinds(store, "improvement.")).count("improvement.late") == 1
    with pytest.raises(NotFound):
        await add(
            await filed(store, "k9", labels=labels(type="咨询")),
            boss,
            text="x",
            owner_id=owner,
            due_at=0,
        )


async def test_it_is_sent_to_its_department_with_a_deadline_of_its_own(
    store: Store, clock: FakeClock
) -> None:
    ticket_id, boss = await filed(store), await agent(store, "boss")
    clock.pass_(600)
    dept = Needs(required=(("dept:财务部", 1),))
    await store.complaints.send(ticket_id, boss, "财务部", dept, 7200.0)
    found = await store.tickets.get(ticket_id)
    assert (found.skill_class, found.due_at) == ("dept:财务部:1", clock.now + 7200)
    assert found.queued_at == clock.now - 600, "its age is kept"
    assert (await store.complaints.get(ticket_id)).department == "财务部"
    person = await agent(store, "cai", {"dept:财务部": 1})
    assert await store.queue.claim(await decision(store, ticket_id, person), None)
    with pytest.raises(Conflict):
        await store.complaints.send(ticket_id, boss, "财务部", dept, 7200.0)


async def test_the_matter_of_two_conversations_is_in_the_order_in_which_it_was_said(
    store: Store, clock: FakeClock
) -> None:
    """Each counts its own lines: what came into the other one later has a lower number."""
    survivor = await filed(store, labels=labels(type="咨询"), text="先说的")
    gone, person = await waiting(store, "k2"), await agent(store)
    for n, text in enumerate(("然后说的", "再说的")):
        clock.pass_(60)
        await thread(store, envelope(f"n{n}", now=clock()), conversation_key="talk-k1", text=text)
    await store.merging.merge(gone, survivor, person)
    clock.pass_(60)
    await thread(store, envelope("z", now=clock()), conversation_key="talk-k2", text="最后说的")
    await store.tickets.correct(
        survivor, person, "type", "投诉", lambda given: filing(given, "品控部", 30)
    )
    found = await store.complaints.get(survivor)
    assert found.matter == "先说的\n然后说的\n再说的\n最后说的"
