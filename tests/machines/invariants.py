"""What must hold of tickets, people and decisions (docs/routing.md), in one place for all who ask.

Every oracle here is slow and plain: it looks at each ticket beside each person.
"""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.routing import AgentView, Decision, Needs, Rules, Waiting
from models.store import Store
from models.store.tickets.reading import Ticket
from models.store.tickets.waiting import load_needs
from models.tables import agent, assignment, skill_class, ticket
from models.ticket import LOADED_STATES, OPEN_STATES, TicketState
from router import needs as needs_module
from router import policy
from router.roster import Roster

Rows = Sequence[Mapping[Any, Any]]

_STEPS = 3
"""The last relaxation step: the one after it stands for a stage, and may be left again."""


def can(person: AgentView, asked: Needs) -> bool:
    return all(person.skills.get(s, 0) >= level for s, level in asked.required + asked.preferred)


def keeps_never_drop(skills: Mapping[str, int], asked: Needs) -> bool:
    both = asked.required + asked.preferred
    return all(skills.get(s, 0) >= level for s, level in both if s in asked.never_drop)


def eligible(
    person: AgentView, waits: Waiting, online: Collection[AgentView], now: float, rules: Rules
) -> bool:
    """By the rung of its age, or the first after it that anybody online matches."""
    rungs = needs_module.ladder(waits.needs, len(rules.relax_at))
    age = now - waits.created_at
    step = max(waits.relax_step, sum(age >= f * waits.target for f in rules.relax_at))
    first = min(step, len(rungs) - 1)
    last = next(
        (
            i
            for i in range(first, len(rungs))
            if any(can(a, rung) for a in online for rung in rungs[: i + 1])
        ),
        len(rungs) - 1,
    )
    return any(can(person, rung) for rung in rungs[: last + 1])


def check_decisions(
    heads: Collection[Waiting],
    online: Collection[AgentView],
    now: float,
    rules: Rules,
    decisions: Sequence[Decision],
) -> None:
    """I1, I2, I4 and I6 of what was decided together, one decision after the other."""
    left = {one.ticket_id: one for one in heads}
    people = {one.agent_id: one for one in online}
    roster = Roster(online)
    for decision in decisions:
        taken, person = left.pop(decision.ticket_id, None), people[decision.agent_id]
        assert taken is not None, "I1: a ticket is given once"
        assert decision.epoch == taken.epoch, "I1: a stale epoch"
        freed = person.interruptible if decision.interrupts else 0
        assert person.used - freed + taken.units <= person.capacity, "I2: over capacity"
        assert person.ready, "I2: not ready"
        assert person.agent_id not in taken.excluded, "I2: who declined"
        assert keeps_never_drop(person.skills, taken.needs), "I6: never dropped"
        assert eligible(person, taken, online, now, rules), "I6: only who may"
        key = policy.standing(taken, roster, now, rules).key
        for other in left.values():
            fits = person.used + other.units <= person.capacity
            could = fits and other.needs == taken.needs and person.agent_id not in other.excluded
            if could and eligible(person, other, online, now, rules):
                its = policy.standing(other, roster, now, rules).key
                assert its >= key, "I4: the smallest key of its class first"
        people[person.agent_id] = replace(person, used=person.used - freed + taken.units)


def judged(heads: Sequence[Waiting], roster: Roster, now: float, rules: Rules) -> list[Decision]:
    """Stands where the dispatcher asks the router, and judges each answer."""
    decisions = policy.assign(heads, roster, now, rules)
    online = [person for _, person in roster.members(roster.everybody)]
    check_decisions(heads, online, now, rules, decisions)
    return decisions


@dataclass(frozen=True)
class Books:
    """What the database says of everything at a moment when nobody moves."""

    tickets: Rows
    held: Rows
    people: Rows
    needs: Mapping[str, Needs]

    def check(self, overloaded: Collection[str] = ()) -> None:
        """I1, I2, I6 and I7; ``overloaded`` are people to whom somebody gave more by hand."""
        owners = {t["id"]: t["owner_id"] for t in self.tickets if t["state"] in LOADED_STATES}
        entries = Counter(row["ticket_id"] for row in self.held)
        assert entries == Counter(owners.keys()), "I1: one entry for each ticket that is owned"
        for row in self.held:
            assert row["agent_id"] == owners[row["ticket_id"]], "I1: one owner, and that one"
        self._check_loads(overloaded)
        self._check_never_dropped()

    def _check_loads(self, overloaded: Collection[str]) -> None:
        load: Counter[str] = Counter()
        for row in self.tickets:
            assert row["state"] in set(TicketState), "I7: one state"
            assert row["state"] != "waiting" or row["owner_id"] is None, "I1: nobody has it"
            if row["state"] in LOADED_STATES:
                load[row["owner_id"]] += row["units"]
        for row in self.people:
            assert row["used"] == load[row["id"]], "I7: units are live items"
            if row["id"] not in overloaded:
                assert row["used"] <= row["capacity"], "I2: over capacity"

    def _check_never_dropped(self) -> None:
        skills = {row["id"]: row["skills"] for row in self.people}
        for row in self.held:
            asked = self.needs.get(row["decision"].get("skill_class", ""))
            if asked is not None and "by" not in row["decision"]:
                kept = keeps_never_drop(skills[row["agent_id"]], asked)
                assert kept, "I6: never dropped"

    def check_heads(self, heads: Sequence[Waiting], depth: int) -> None:
        """I4: what is read of the backlog is, of each class and step, its first by key."""
        keys: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
        read: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
        by_id = {row["id"]: row for row in self.tickets}
        for row in self.tickets:
            if row["state"] == TicketState.WAITING and row["target"] is not None:
                keys[row["skill_class"], row["relax_step"]].append(row["sort_key"])
        for head in heads:
            read[head.skill_class, head.relax_step].append(by_id[head.ticket_id]["sort_key"])
        first = {group: sorted(found)[:depth] for group, found in keys.items()}
        assert {group: sorted(found) for group, found in read.items()} == first, "I4: its first"


async def read_books(store: Store) -> Books:
    async def read(conn: AsyncConnection) -> Books:
        rows = [(await conn.execute(query)).mappings().all() for query in _ASKED]
        classes = (await conn.execute(_CLASSES)).all()
        return Books(*rows, {row.name: load_needs(row.needs) for row in classes})

    return await store.db.look(read)


def _asked() -> Iterator[Select[Any]]:
    t, s, a = ticket.c, assignment.c, agent.c
    yield select(
        t.id, t.state, t.owner_id, t.units, t.epoch, t.skill_class, t.relax_step, t.late,
        t.sort_key, t.target, t.queued_at, t.excluded,
    ).order_by(t.id)  # fmt: skip
    live = s.ended_at.is_(None)
    yield select(s.ticket_id, s.agent_id, s.decision).where(live).order_by(s.ticket_id, s.agent_id)
    yield select(a.id, a.presence, a.used, a.capacity, a.skills).order_by(a.id)


_ASKED = tuple(_asked())
_CLASSES = select(skill_class)


class Relaxing:
    """I6 over time: what was relaxed stays so while a ticket waits for the same."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[object, int, bool]] = {}

    def look(self, books: Books) -> None:
        for row in books.tickets:
            # A ticket that was set down counts its waiting anew.
            same = row["skill_class"], row["queued_at"]
            before = self._seen.get(row["id"])
            if before is not None and before[0] == same:
                assert row["relax_step"] >= min(before[1], _STEPS), "I6: relaxation is monotone"
                assert row["late"] >= before[2], "I6: who is late stays late"
            self._seen[row["id"]] = same, row["relax_step"], row["late"]

    def forget(self, ticket_id: str) -> None:
        """Of one that was given other needs, perhaps forth and back."""
        self._seen.pop(ticket_id, None)


async def check_rest(store: Store, rules: Rules) -> None:
    """I3 and I4, where nobody moves and a sweep has ended."""
    live = Roster(await store.agents.online())
    heads, now = await store.queue.heads(1000), await store.db.now()
    assert not policy.assign(heads, live, now, rules), "I3: somebody waits beside a free agent"
    (await read_books(store)).check_heads(await store.queue.heads(2), 2)


async def check_served(store: Store, sweep: Callable[[], Awaitable[object]]) -> None:
    """I5: while those who have work finish it, all who wait are served."""
    for _ in range(len(await _open(store)) + 1):
        await sweep()
        await _finish(store)
        if not await _open(store):
            return
    raise AssertionError("I5: somebody starves")


async def _open(store: Store) -> list[Ticket]:
    return await store.tickets.page(states=sorted(OPEN_STATES), limit=500)


async def _finish(store: Store) -> None:
    for one in await store.tickets.page(states=sorted(LOADED_STATES), limit=500):
        assert one.owner_id is not None
        if one.state == TicketState.OFFERED:
            await store.tickets.accept(one.id, one.owner_id)
        await store.tickets.move(one.id, one.owner_id, TicketState.RESOLVED)
