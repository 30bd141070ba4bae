"""「进度」 is answered at once, to whom it belongs, and makes no ticket."""

from typing import Any

import pytest
from sqlalchemy import select

from models.store import Store
from models.tables import message, outbound
from models.ticket import TicketState
from tests.contract.store.makers import agent, envelope
from tests.contract.workers.system import MAIL, SILENT, System, acknowledgement, says
from tests.fakes import FakeClock


@pytest.fixture
async def system(store: Store) -> System:
    return System(store, settings=acknowledgement(channels=SILENT))


async def told(store: Store) -> list[str]:
    """Every text of ours, in the order in which it was said."""
    o = outbound.c
    async with store.db.read() as conn:
        return list(
            (await conn.execute(select(o.text).order_by(o.conversation_id, o.seq))).scalars()
        )


async def one(store: Store) -> Any:
    (found,) = await store.tickets.page()
    return found


async def test_the_owner_is_told_the_true_state(system: System, clock: FakeClock) -> None:
    await system.bring(envelope("a", says("包裹三天没动")))
    ticket = await one(system.store)
    await system.bring(envelope("b", says("进度")))
    assert system.answers == 1
    person = await agent(system.store)
    await system.store.agents.change(person, None, alias="8021")
    await system.dispatcher.run()
    await system.bring(envelope("c", says("Status?")))
    await system.store.tickets.move(ticket.id, person, TicketState.RESOLVED)
    clock.pass_(60)
    await system.bring(envelope("d", says(ticket.number)))
    waiting, active, resolved = await told(system.store)
    assert (
        waiting
        == f"工单{ticket.number}：已受理，等待分配，我们将在今天 16:05（北京时间）前联系您。"
    )
    assert active == f"Ticket {ticket.number}: agent 8021 is working on it."
    assert (
        resolved
        == f"工单{ticket.number}：已于今天 16:00（北京时间）解决。如仍有问题，请直接回复。"
    )
    assert (await one(system.store)).state == TicketState.RESOLVED


async def test_what_was_merged_stands_as_the_ticket_in_which_it_goes_on(
    system: System, clock: FakeClock
) -> None:
    await system.bring(envelope("a", says("包裹三天没动")))
    kept = await one(system.store)
    person = await agent(system.store)
    await system.dispatcher.run()
    await system.bring(envelope("b", says("还是那个包裹", talk="other")))
    (gone,) = [t for t in await system.store.tickets.page() if t.id != kept.id]
    await system.store.merging.merge(gone.id, kept.id, person)
    await system.bring(envelope("c", says(gone.number, talk="other")))
    await system.store.tickets.move(kept.id, person, TicketState.RESOLVED)
    await system.bring(envelope("d", says(gone.number, talk="other")))
    active, resolved = await told(system.store)
    assert active == f"工单{gone.number}：坐席正在处理。"
    assert resolved.startswith(f"工单{gone.number}：已于今天")


async def test_a_ticket_that_is_late_is_said_to_be_late(system: System, clock: FakeClock) -> None:
    await system.bring(envelope("a", says("包裹三天没动")))
    clock.pass_(301)
    await system.bring(envelope("b", says("查进度")))
    assert "已超过原定时间" in (await told(system.store))[0]


async def test_a_stranger_learns_nothing_and_gets_no_ticket(system: System) -> None:
    await system.bring(envelope("a", says("包裹三天没动")))
    ticket = await one(system.store)
    stranger = {"sender": "zhang", "talk": "other"}
    await system.bring(
        envelope("b", says(f"工单号：{ticket.number}", **stranger)),
        envelope("c", says("进度查询", **stranger)),
    )
    assert await told(system.store) == ["未查询到您的工单。如需帮助，请直接描述您的问题。"] * 2
    assert (await one(system.store)).id == ticket.id
    m = message.c
    async with system.store.db.read() as conn:
        lost = (await conn.execute(select(m.text).where(m.ticket_id.is_(None)))).scalars().all()
    assert sorted(lost) == sorted([f"工单号：{ticket.number}", "进度查询"])


@pytest.mark.parametrize(
    ("level", "shown"), [("verified", True), ("claimed", False), ("unknown", False)]
)
async def test_by_mail_only_the_proven_address_sees_its_tickets(
    system: System, level: str, shown: bool
) -> None:
    await system.bring(envelope("a", says("包裹三天没动", trust=level), **MAIL))
    asking = says("", "another", trust=level, subject="Re: 进度")
    await system.bring(envelope("b", asking, **MAIL))
    (text,) = await told(system.store)
    assert ("等待分配" in text) == shown
    assert ("未查询到" in text) != shown
    await system.bring(envelope("c", asking, **MAIL))
    # Who may be anybody is written to once a day.
    assert len(await told(system.store)) == 1 + shown
    assert len(await system.store.tickets.page()) == 1


async def test_a_forged_mail_is_a_message_for_people(system: System) -> None:
    await system.bring(envelope("a", says("进度", trust="failed"), **MAIL))
    assert await told(system.store) == []
    assert (await one(system.store)).state == TicketState.WAITING


async def test_more_than_the_word_is_a_message(system: System) -> None:
    await system.bring(envelope("a", says("进度太慢了，我要投诉")))
    assert await told(system.store) == []
    assert (await one(system.store)).state == TicketState.WAITING


async def test_asking_reopens_nothing_and_takes_no_capacity(system: System) -> None:
    person = await agent(system.store)
    await system.bring(envelope("a", says("包裹三天没动")))
    ticket = await one(system.store)
    await system.store.tickets.move(ticket.id, person, TicketState.RESOLVED)
    await system.bring(envelope("b", says("进度")))
    found = await one(system.store)
    assert (found.state, found.epoch) == (TicketState.RESOLVED, ticket.epoch + 1)
    assert (await system.store.agents.get(person)).used == 0


async def test_the_same_question_again_is_answered_once(system: System) -> None:
    again = says("进度", external_id="same")
    await system.bring(envelope("a", again))
    await system.bring(envelope("b", again))
    assert len(await told(system.store)) == 1


async def test_what_is_edited_into_a_matter_becomes_a_ticket(system: System) -> None:
    await system.bring(envelope("a", says("进度", external_id="x")))
    assert await system.store.tickets.page() == []
    edited = says("进度？我的退款一个月没到", external_id="x", kind="edit", revision=1)
    await system.bring(envelope("b", edited))
    assert (await one(system.store)).state == TicketState.WAITING
    assert system.classifier.seen == ["进度？我的退款一个月没到"]


async def test_a_question_can_be_withdrawn(system: System) -> None:
    await system.bring(envelope("a", says("进度", external_id="x")))
    await system.bring(envelope("b", says("", external_id="x", kind="delete")))
    assert await system.store.tickets.page() == []


async def test_one_customer_is_answered_so_often_a_day(system: System, clock: FakeClock) -> None:
    for number in range(22):
        await system.bring(envelope(f"k{number}", says("进度")))
    assert len(await told(system.store)) == 20
    clock.pass_(86_401)
    await system.bring(envelope("later", says("进度")))
    assert len(await told(system.store)) == 21


async def test_the_answer_names_the_version_it_was_made_from(system: System) -> None:
    await system.bring(envelope("a", says("进度")))
    o = outbound.c
    async with system.store.db.read() as conn:
        (template,) = (await conn.execute(select(o.template))).scalars()
    assert template.startswith("progress.none/zh@0-")
