"""Nothing is left that waits for somebody who has left, whatever it is."""

import pytest
from sqlalchemy import Column, ColumnElement, func, select

from models.agent import Role
from models.errors import Conflict
from models.routing import Line
from models.store import Store
from models.store.tickets.helping import HELPERS
from models.tables import (
    agent,
    credential,
    follow_up,
    helper,
    improvement,
    metadata,
    subtask,
    ticket,
    transfer,
)
from models.ticket import OPEN_STATES
from tests.contract.store import makers
from tests.contract.store.makers import filed, follow, rules_content
from tests.contract.store.meeting import meeting
from tests.fakes import FakeClock

_OPEN = ticket.c.state.in_(sorted(OPEN_STATES))
ACTING: dict[Column, ColumnElement[bool]] = {
    ticket.c.owner_id: _OPEN,
    ticket.c.sticky_id: _OPEN,
    transfer.c.from_id: transfer.c.ended_at.is_(None),
    transfer.c.to_id: transfer.c.ended_at.is_(None),
    follow_up.c.owner_id: follow_up.c.ended_at.is_(None),
    follow_up.c.sticky_id: follow_up.c.ended_at.is_(None),
    helper.c.agent_id: helper.c.ended_at.is_(None),
    subtask.c.assignee_id: subtask.c.state == "open",
    improvement.c.owner_id: improvement.c.state == "open",
    credential.c.agent_id: credential.c.agent_id.is_not(None),
}
"""Columns that name who has to do something, or may, and while what."""

PAST = {
    "assignment.agent_id", "canned.updated_by", "complaint.called_back_by",
    "complaint.reviewed_by", "correction.agent_id", "customer_link.undone_by",
    "dictionary_word.added_by",
    "follow_up.handler_id", "follow_up.reviewed_by", "follow_up_attempt.agent_id",
    "helper.added_by", "improvement.created_by", "improvement.ended_by", "incident.closed_by",
    "incident.opened_by", "incident_text.approved_by", "incident_text.author_id",
    "note.agent_id", "outbound.agent_id", "presence_span.agent_id", "request_key.agent_id",
    "retraining.started_by",
    "rules_publication.by", "rules_publication.ended_by", "rules_version.created_by",
    "subtask.created_by", "subtask.ended_by", "survey.agent_id", "survey.entered_by",
    "upload.agent_id", "wording.drafted_by", "wording.published_by",
}  # fmt: skip
"""Columns that only say who did something."""

KEPT = {"recovery_code.agent_id", "second_factor.agent_id"}
"""Of what, like the password, is there when somebody comes back."""

LOGISTICS = Line(domains=("物流",))


def _people() -> dict[str, Column]:
    """Every column that names a person, by its name."""
    return {
        f"{table.name}.{column.name}": column
        for table in metadata.tables.values()
        for column in table.c
        if any(key.column is agent.c.id for key in column.foreign_keys)
    }


async def _left(store: Store, agent_id: str) -> dict[str, int]:
    """How much still waits for somebody."""
    found = {}
    async with store.db.read() as conn:
        for column, active in ACTING.items():
            query = select(func.count()).where(column == agent_id, active)
            found[str(column)] = (await conn.execute(query)).scalar_one()
    return {name: count for name, count in found.items() if count}


def test_every_column_that_names_a_person_is_known_here() -> None:
    acting = {f"{column.table.name}.{column.name}" for column in ACTING}
    assert _people().keys() == acting | PAST | KEPT
    assert not acting & PAST


async def _everything(store: Store, clock: FakeClock) -> tuple[str, str, str]:
    """Somebody who has a part in everything there is, a colleague, and whose ticket it is."""
    await store.rules.first(
        rules_content(tier_first={"gold": ["li", "han"], "vip": ["li"]}), "file"
    )
    named = await store.rules.draft(
        rules_content(tier_first={"gold": ["wu", "li"]}), None, "for", 1
    )
    await store.rules.publish(named, LOGISTICS, None, "for logistics")
    _, li = await makers.owned(store)
    other, han = await makers.owned(store, "k2", login="han")
    given, _ = await makers.owned(store, "k3", login="wang")
    wang = (await store.tickets.get(given)).owner_id
    assert wang is not None
    await store.transfers.offer(given, wang, 600.0, to=li)
    await store.helping.ask(other, han, li, 1)
    await store.helping.open(other, han, title="查仓库", assignee_id=li, due_at=9e9)
    await store.helping.open(
        other, han, title="查件", assignee_id=li, department="物流部", due_at=9e9
    )
    complaint = await filed(store, "k4")
    await store.improvements.add(complaint, han, text="改包装", owner_id=li, due_at=9e9)
    await store.agents.grant(li, "token", "secret-token", 1e9, "script")
    return li, han, other


async def test_all_of_it_goes_to_a_colleague(store: Store, clock: FakeClock) -> None:
    li, _han, other = await _everything(store, clock)
    wu = await makers.agent(store, "wu")
    before = (await store.agents.get(li)).used
    assert len(await _left(store, li)) >= 6
    handed = await store.offboarding.leave(li, None, wu)
    assert handed == {
        "tickets": 1, "offers": 1, "follow_ups": 0, "helping": 1, "improvements": 1,
        "customers": 3,
    }  # fmt: skip
    assert await _left(store, li) == {}
    assert {task.assignee_id for task in await store.helping.tasks(other)} == {wu}
    assert [h.agent_id for h in await store.helping.helpers(other)] == [wu]
    assert (await store.agents.get(wu)).used == before
    (improving,) = await store.improvements.open(wu)
    assert improving.text == "改包装"
    in_force = {p.line: p.number for p in await store.rules.published()}
    tiers = {
        line: (await store.rules.get(number)).content["tier_first"]
        for line, number in in_force.items()
    }
    assert tiers[LOGISTICS] == {"gold": ["wu"]}
    assert [tiers[line] for line in tiers if line != LOGISTICS] == [
        {"gold": ["wu", "han"], "vip": ["wu"]}
    ]


async def test_without_a_colleague_it_goes_to_queues_departments_and_who_asked(
    store: Store, clock: FakeClock
) -> None:
    li, han, other = await _everything(store, clock)
    await store.offboarding.leave(li, None)
    assert await _left(store, li) == {}
    tasks = {task.title: task for task in await store.helping.tasks(other)}
    alone, departments = tasks["查仓库"], tasks["查件"]
    assert (alone.state, alone.result[:6]) == ("cancelled", "执行人已离岗")
    assert (departments.state, departments.assignee_id) == ("open", None)
    assert len(await store.improvements.open(han)) == 1
    (general,) = [p for p in await store.rules.published() if p.line != LOGISTICS]
    assert (await store.rules.get(general.number)).content["tier_first"] == {
        "gold": ["han"], "vip": [],
    }  # fmt: skip


async def test_improvements_of_the_last_one_need_a_name(store: Store, clock: FakeClock) -> None:
    complaint = await filed(store)
    li = await makers.agent(store)
    await store.improvements.add(complaint, li, text="改包装", owner_id=li, due_at=9e9)
    with pytest.raises(Conflict):
        await store.offboarding.leave(li, None)
    boss = await store.agents.add("boss", "Boss", Role.ADMIN, "hash", {})
    await store.offboarding.leave(li, None)
    assert len(await store.improvements.open(boss)) == 1


async def test_who_helped_with_what_is_theirs_now_does_not_any_more(
    store: Store, clock: FakeClock
) -> None:
    ticket_id, li = await makers.owned(store)
    han = await makers.agent(store, "han")
    await store.helping.ask(ticket_id, li, han, 1)
    await store.helping.open(ticket_id, li, title="查仓库", assignee_id=han, due_at=9e9)
    await store.offboarding.leave(li, None, han)
    await follow(store, HELPERS)
    assert HELPERS.name == "helping"
    assert await store.helping.helpers(ticket_id) == []
    (task,) = await store.helping.tasks(ticket_id)
    assert (task.state, task.assignee_id) == ("cancelled", han)
    found = await store.tickets.get(ticket_id)
    assert (found.state, found.owner_id) == ("active", han)
    assert (await store.agents.get(han)).used == found.units


@pytest.mark.parametrize("shut_out", ["demoted", "disabled", "left"])
async def test_two_admins_who_shut_each_other_out_at_once_leave_one(
    store: Store, monkeypatch: pytest.MonkeyPatch, shut_out: str
) -> None:
    one, other = [
        await store.agents.add(name, name.title(), Role.ADMIN, "hash", {})
        for name in ("li", "han")
    ]

    async def shut(person: str, by: str) -> None:
        if shut_out == "left":
            await store.offboarding.leave(person, by)
        elif shut_out == "disabled":
            await store.agents.change(person, by, disabled_at=await store.db.now())
        else:
            await store.agents.change(person, by, role=Role.SUPERVISOR)

    outcomes = await meeting(
        store, monkeypatch, lambda: shut(one, other), lambda: shut(other, one)
    )
    assert outcomes[0] is None
    assert isinstance(outcomes[1], Conflict)
    assert [a.login for a in await store.agents.all() if a.role == Role.ADMIN] == ["han"]
