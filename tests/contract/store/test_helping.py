"""Helpers and sub-tasks: others work on a ticket, which stays its owner's."""

import pytest
from sqlalchemy import select

from models.errors import Conflict, NotFound, Rejected
from models.store import Store
from models.store.tickets.helping import DUE, HELPERS, subtask_due
from models.tables import event
from models.ticket import TicketState
from tests.contract.store.makers import agent, follow, owned
from tests.fakes import FakeClock


async def state(store: Store, ticket_id: str) -> tuple[str, str | None]:
    found = await store.tickets.get(ticket_id)
    return str(found.state), found.owner_id


async def used(store: Store, agent_id: str) -> int:
    return (await store.agents.get(agent_id)).used


async def told(store: Store, kind: str) -> list[str | None]:
    """Whom events of a kind were addressed to."""
    query = select(event.c.agent_id).where(event.c.kind == kind).order_by(event.c.seq)
    async with store.db.read() as conn:
        return list((await conn.execute(query)).scalars())


async def test_with_helpers_until_the_last_task_is_done(store: Store, clock: FakeClock) -> None:
    ticket_id, owner = await owned(store)
    helper = await agent(store, "wang")
    before = await used(store, owner)
    first = await store.helping.open(
        ticket_id, owner, title="查物流", assignee_id=helper, due_at=1.0
    )
    clock.pass_(1)
    second = await store.helping.open(
        ticket_id, owner, title="查仓库", department="物流部", due_at=1.0
    )
    assert await state(store, ticket_id) == ("helping", owner)
    assert (await used(store, owner), await used(store, helper)) == (before, 0)
    await store.helping.finish(first, helper, "在路上")
    assert await state(store, ticket_id) == ("helping", owner)
    await store.helping.take(second, helper, 0)
    with pytest.raises(Conflict):
        await store.helping.take(second, helper, 0)
    await store.helping.finish(second, helper, "有货")
    assert await state(store, ticket_id) == ("active", owner)
    results = [(task.state, task.result) for task in await store.helping.tasks(ticket_id)]
    assert results == [("done", "在路上"), ("done", "有货")]
    with pytest.raises(Conflict):
        await store.helping.finish(second, helper, "又一次")
    assert [h.agent_id for h in await store.helping.helpers(ticket_id)] == [helper]


async def test_the_owner_answers_while_others_help(store: Store) -> None:
    ticket_id, owner = await owned(store)
    await store.helping.open(ticket_id, owner, title="查", department="物流部", due_at=1.0)
    await store.tickets.reply(ticket_id, owner, "正在查", "client-0001", TicketState.ACTIVE)
    assert await state(store, ticket_id) == ("helping", owner)


async def test_helping_uses_the_units_that_are_set_and_the_recount_agrees(store: Store) -> None:
    ticket_id, owner = await owned(store)
    helper = await agent(store, "wang", capacity=1)
    await store.helping.ask(ticket_id, owner, helper, 2)
    await store.helping.ask(ticket_id, owner, helper, 2)
    assert await used(store, helper) == 2, "once, and past the capacity if need be"
    assert await store.maintenance.recount() == []
    await store.helping.dismiss(ticket_id, owner, helper)
    assert await used(store, helper) == 0
    assert await store.maintenance.recount() == []
    with pytest.raises(NotFound):
        await store.helping.dismiss(ticket_id, owner, helper)


async def test_a_helper_with_a_task_is_not_sent_away(store: Store) -> None:
    ticket_id, owner = await owned(store)
    helper = await agent(store, "wang")
    task = await store.helping.open(ticket_id, owner, title="查", assignee_id=helper, due_at=1.0)
    with pytest.raises(Conflict):
        await store.helping.dismiss(ticket_id, owner, helper)
    await store.helping.cancel(task, owner, "不用了")
    await store.helping.dismiss(ticket_id, owner, helper)
    seen = await store.helping.seen_by([ticket_id], helper, ())
    assert seen == {ticket_id}, "who helped may still look"


async def test_the_owner_is_no_helper_and_somebody_must_be_asked(store: Store) -> None:
    ticket_id, owner = await owned(store)
    with pytest.raises(Rejected):
        await store.helping.ask(ticket_id, owner, owner, 0)
    with pytest.raises(Rejected):
        await store.helping.open(ticket_id, owner, title="查", due_at=1.0)


async def test_who_sees_it(store: Store) -> None:
    ticket_id, owner = await owned(store)
    stranger = await agent(store, "zhao")
    task = await store.helping.open(ticket_id, owner, title="查", department="物流部", due_at=1.0)
    sees, of = store.helping.seen_by, [ticket_id, "another"]
    assert await sees(of, stranger, {"物流部"}) == {ticket_id}
    assert await sees(of, stranger, {"财务部"}) == set()
    assert [t.id for t in await store.helping.open_tasks(stranger, {"物流部"})] == [task]
    assert await store.helping.open_tasks(stranger, {"财务部"}) == []
    await store.helping.take(task, stranger, 0)
    assert [t.id for t in await store.helping.open_tasks(stranger, ())] == [task]


async def test_what_is_late_is_told_once(store: Store, clock: FakeClock) -> None:
    ticket_id, owner = await owned(store)
    helper = await agent(store, "wang")
    due = clock.now + 60
    late = await store.helping.open(ticket_id, owner, title="查", assignee_id=helper, due_at=due)
    done = await store.helping.open(ticket_id, owner, title="查", assignee_id=helper, due_at=due)
    await store.helping.finish(done, helper, "好")
    assert await store.timers.of(done) == []
    clock.pass_(3600)
    for _ in range(2):
        assert await store.timers.fire_due({DUE: subtask_due}) == []
    assert sorted(map(str, await told(store, "subtask.late"))) == sorted([owner, helper])
    assert (await store.helping.task(late)).late_at == clock.now
    assert (await store.helping.task(done)).late_at is None


async def test_nobody_helps_with_a_ticket_that_has_ended(store: Store) -> None:
    ticket_id, owner = await owned(store)
    helper = await agent(store, "wang")
    await store.helping.open(ticket_id, owner, title="查", assignee_id=helper, due_at=1.0, units=1)
    await store.tickets.mark_junk(ticket_id, owner)
    await follow(store, HELPERS)
    assert await store.helping.helpers(ticket_id) == []
    assert [task.state for task in await store.helping.tasks(ticket_id)] == ["cancelled"]
    assert await used(store, helper) == 0
    with pytest.raises(Conflict):
        await store.helping.ask(ticket_id, owner, helper, 0)
    await follow(store, HELPERS)


async def test_taken_over_it_is_still_with_helpers(store: Store) -> None:
    ticket_id, owner = await owned(store)
    other = await agent(store, "wang")
    await store.helping.open(ticket_id, owner, title="查", department="物流部", due_at=1.0)
    await store.tickets.take(ticket_id, other, forced=True)
    await follow(store, HELPERS)
    assert await state(store, ticket_id) == ("helping", other)


async def test_notes_stay_in_order_and_the_event_holds_no_words(
    store: Store, clock: FakeClock
) -> None:
    ticket_id, owner = await owned(store)
    await store.notes.write(ticket_id, owner, "客户情绪激动")
    clock.pass_(1)
    await store.notes.write(ticket_id, owner, "已电话安抚")
    assert [n.text for n in await store.notes.of(ticket_id)] == ["客户情绪激动", "已电话安抚"]
    written = [e for e in await store.events.of_ticket(ticket_id) if e.kind == "note.written"]
    assert len(written) == 2
    assert all(e.conversation_id is None and "text" not in e.data for e in written)
    with pytest.raises(NotFound):
        await store.notes.write("nothing", owner, "x")
