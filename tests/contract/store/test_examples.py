"""Resolved tickets as examples, and canned answers, on both databases."""

import pytest

from models.errors import NotFound
from models.store import Store
from models.ticket import TicketState
from tests.contract.store import makers
from tests.fakes import FakeClock


async def resolved(store: Store, key: str, agent_id: str, answer: str, text: str) -> str:
    ticket_id = await makers.waiting(store, key, text=text)
    assert await store.queue.claim(await makers.decision(store, ticket_id, agent_id), None)
    await store.tickets.reply(ticket_id, agent_id, "稍等", f"{key}-1", TicketState.ACTIVE, ())
    await store.tickets.reply(ticket_id, agent_id, answer, f"{key}-2", TicketState.RESOLVED, ())
    return ticket_id


async def test_resolved_tickets_with_an_answer_are_examples(
    store: Store, clock: FakeClock
) -> None:
    li = await makers.agent(store, "li")
    first = await resolved(store, "k1", li, "已补发", "包裹丢了")
    clock.pass_(1)
    second = await resolved(store, "k2", li, "已开票", "发票没开")
    clock.pass_(1)
    unanswered, wang = await makers.owned(store, "k3", login="wang")
    await store.tickets.move(unanswered, wang, TicketState.RESOLVED)
    await makers.waiting(store, "k4")
    assert await store.examples.resolved(10) == [second, first]
    assert await store.examples.resolved(1) == [second]
    questions = {each.ticket_id: each for each in await store.examples.questions([first, second])}
    assert questions[first].text == "包裹丢了"
    assert (questions[first].lane, questions[first].lang) == ("live", "zh")
    answers = await store.examples.answers([first, second, unanswered])
    assert {key: each.text for key, each in answers.items()} == {
        first: "已补发",
        second: "已开票",
    }
    ids = [first, second, unanswered]
    assert await store.examples.had_by(li, ids) == {first, second}
    assert await store.examples.had_by(wang, ids) == {unanswered}


async def test_canned_answers_are_written_changed_and_retired(store: Store) -> None:
    boss = await makers.agent(store, "boss")
    first = await store.canned.add("怎么开发票", "请在订单页申请。", "", boss)
    second = await store.canned.add("包裹不动", "我们催一下。", "We will ask.", boss)
    await store.canned.change(first, "如何开发票", "请在“我的订单”申请。", "See your order.", boss)
    found = {each.id: each for each in await store.canned.all()}
    assert found[first].title == "如何开发票"
    assert found[first].en == "See your order."
    await store.canned.retire(second, boss)
    assert [each.id for each in await store.canned.all()] == [first]
    with pytest.raises(NotFound):
        await store.canned.retire(second, boss)
    with pytest.raises(NotFound):
        await store.canned.change("nobody", "x", "y", "", boss)
