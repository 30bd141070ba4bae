"""The first word to customers: what it says, and to whom it is not said."""

from typing import Any

import pytest

from models.agent import Presence
from models.message import Lane
from models.store import Store
from models.store.tickets.handling import Ticket
from models.ticket import Reason, TicketState
from router.sla import Calendar
from tests.contract.store.makers import agent, envelope
from tests.contract.workers.system import SAFETY, System, acknowledgement, said, says
from tests.fakes import FakeClock


async def acks(store: Store) -> list[str]:
    found = []
    for t in await store.tickets.page():
        log = await store.conversations.log(t.conversation_id)
        found += [e.text for e in log if e.kind == "ack"]
    return found


async def test_the_customer_is_told_the_number_and_the_time(
    system: System, clock: FakeClock
) -> None:
    await agent(system.store)
    await system.bring(envelope("a"))
    (found,) = await system.store.tickets.page()
    assert await acks(system.store) == [f"投诉 {found.number} 今天 08:05（UTC）"]


@pytest.mark.parametrize("presence", [None, Presence.BREAK])
async def test_with_nobody_there_the_customer_is_told_so(
    system: System, presence: Presence | None
) -> None:
    if presence is not None:
        await system.store.agents.present(await agent(system.store), presence)
    await system.bring(envelope("a"))
    (found,) = await system.store.tickets.page()
    assert await acks(system.store) == [f"无人 {found.number}"]


async def _taken_back(system: System) -> Ticket:
    """A ticket whose customer took back all that they had said, before anybody read it."""
    gone = says("", kind="delete", external_id="a")
    await system.bring(envelope("a", says("包裹没动")), envelope("b", gone))
    (found,) = await system.store.tickets.page()
    assert (found.state, await acks(system.store)) == ("waiting", [])
    return found


async def test_who_takes_their_first_word_back_is_told_with_the_next(system: System) -> None:
    found = await _taken_back(system)
    for key in ("c", "d"):
        await system.bring(envelope(key, says("包裹还是没动")))
        assert await acks(system.store) == [f"无人 {found.number}"]


async def test_who_has_been_answered_is_not_told_of_their_first_word(system: System) -> None:
    found = await _taken_back(system)
    person = await agent(system.store)
    await system.store.tickets.take(found.id, person)
    await system.store.tickets.reply(found.id, person, "您好", "c1", TicketState.ACTIVE)
    await system.store.tickets.release(found.id, person, None, "")
    await system.bring(envelope("c", says("包裹还是没动")))
    assert (await system.store.tickets.get(found.id)).state == "waiting"
    assert await acks(system.store) == []


async def test_out_of_hours_the_customer_is_told_when(store: Store) -> None:
    monday = Calendar.of("UTC", {"monday": ["09:00-18:00"]})
    await System(store, monday).bring(envelope("a"))
    assert await acks(store) == ["下班 1月18日 09:00（UTC）"]  # 2027-01-15 is a Friday


async def test_who_may_be_in_danger_is_told_at_once_whom_to_call(store: Store) -> None:
    assert SAFETY.danger
    centre = System(store, Calendar.of("UTC", {"monday": ["09:00-18:00"]}))
    centre.classifier.reasons = (Reason(kind="floor", text=SAFETY.says("着火"), weight=1.0),)
    await centre.bring(envelope("a"))
    assert await acks(store) == ["下班 1月18日 09:00（UTC）\n120"]


@pytest.mark.parametrize(("type_", "accepted"), [("投诉", False), ("其他", True), ("没有", True)])
async def test_a_type_that_is_uncertain_or_not_to_be_named_is_called_feedback(
    system: System, type_: str, accepted: bool
) -> None:
    await agent(system.store)
    system.classifier.type, system.classifier.accepted = type_, accepted
    await system.bring(envelope("a"))
    (text,) = await acks(system.store)
    assert text.startswith("反馈")


@pytest.mark.parametrize(
    "options",
    [
        {"auto": "auto_reply"},
        {"auto": "list", "trust": "verified"},
        {"meta": {"no_auto": "bulk"}, "trust": "verified"},
        {"trust": "claimed"},
        {},
    ],
)
async def test_mail_is_acknowledged_only_to_proven_people(
    system: System, options: dict[str, Any]
) -> None:
    mail = {"channel": "email", "lane": Lane.MAIL}
    await system.bring(envelope("a", said(**options), **mail))
    assert await acks(system.store) == []
    await system.bring(envelope("b", said(trust="verified"), **mail))
    assert len(await acks(system.store)) == 1


async def test_acknowledgements_are_capped_an_address(system: System) -> None:
    await system.bring(*(envelope(f"k{i}") for i in range(5)))
    assert len(await acks(system.store)) == 2
    await system.bring(envelope("later"))
    assert len(await acks(system.store)) == 2


async def test_a_channel_can_be_told_to_be_silent(store: Store) -> None:
    quiet = System(store, settings=acknowledgement(channels={"webchat": False}))
    await quiet.bring(envelope("a"))
    assert await acks(store) == []
