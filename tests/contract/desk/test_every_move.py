"""Every move of the table is taken through the desk's door, and told by one event each.

What is not a person's move comes from where it really comes from: the customer's word through
the threads, the router's claim through the queue.
"""

import pytest

from models.agent import Role
from models.events import STATE_CHANGES
from models.ticket import WAYS, TicketState
from tests.contract.desk.conftest import Answer, Desk, Visit
from tests.contract.desk.world import World
from tests.contract.store import makers

_S = TicketState
CALM = makers.labels(type="咨询")
"""A complaint has conditions before it is closed."""

SAID = {"reason": "说明"}
TO: dict[TicketState, tuple[str, dict | None]] = {
    _S.PENDING: ("pend", None),
    _S.SNOOZED: ("snooze", {"seconds": 600}),
    _S.HELPING: ("help", {}),
    _S.RESOLVED: ("resolve", None),
    _S.RETURNED: ("return", SAID),
    _S.INVALID: ("junk", None),
    _S.CLOSED: ("close", None),
}
"""What brings a ticket there, for who may do it."""

FROM: dict[tuple[TicketState, TicketState], tuple[str, dict | None]] = {
    (_S.WAITING, _S.ACTIVE): ("take", None),
    (_S.PENDING, _S.ACTIVE): ("take", None),
    (_S.SNOOZED, _S.ACTIVE): ("take", None),
    (_S.OFFERED, _S.ACTIVE): ("accept", None),
    (_S.OFFERED, _S.WAITING): ("decline", SAID),
    (_S.ACTIVE, _S.WAITING): ("transfer", {}),
    (_S.HELPING, _S.WAITING): ("transfer", {}),
    (_S.HELPING, _S.ACTIVE): ("resume", None),
    (_S.RESOLVED, _S.WAITING): ("reopen", SAID),
    (_S.RETURNED, _S.WAITING): ("reopen", SAID),
    (_S.INVALID, _S.WAITING): ("unjunk", None),
    (_S.MERGED, _S.WAITING): ("unmerge", None),
    (_S.MERGED, _S.RESOLVED): ("unmerge", None),
}
"""Where the way back, or on, has a name of its own."""

CUSTOMER = {
    (_S.PENDING, _S.WAITING),
    (_S.SNOOZED, _S.WAITING),
    (_S.RESOLVED, _S.ACTIVE),
    (_S.RETURNED, _S.ACTIVE),
}
"""What the customer's next word does."""

ALONE = {_S.WAITING, _S.RESOLVED, _S.RETURNED, _S.INVALID, _S.MERGED}
"""States from which a supervisor moves it on."""


class Walker:
    """Two people at their desks, and a customer with many conversations."""

    def __init__(self, house: World, li: Desk, boss: Desk, me: str, survivor: str) -> None:
        self.house, self.li, self.boss, self.me, self.survivor = house, li, boss, me, survivor
        self.keys: dict[str, str] = {}

    async def fresh(self) -> str:
        queue = self.house.store.queue
        await queue.route([makers.routed(due, labels=CALM) for due in await queue.unlabelled(50)])
        key = f"w{len(self.keys)}"
        ticket = await self.house.ticket(key, labels=CALM)
        self.keys[ticket] = f"talk-{key}"
        return ticket

    async def unrouted(self) -> str:
        key = f"w{len(self.keys)}"
        e = makers.envelope(key, now=await self.house.store.db.now())
        await makers.thread(self.house.store, e, conversation_key=f"talk-{key}")
        (found,) = await self.house.store.tickets.page(states=["new"])
        self.keys[found.id] = f"talk-{key}"
        return found.id

    async def be(self, state: TicketState, then: TicketState) -> str:
        """A ticket in ``state``, come there in a way from which ``then`` may follow."""
        if state == _S.NEW:
            return await self.unrouted()
        ticket = await self.fresh()
        if state == _S.WAITING:
            return ticket
        if state == _S.OFFERED:
            await self.house.give(ticket, self.me, offer=20.0)
            return ticket
        await self.post(self.li, ticket, "take", None)
        if state == _S.MERGED:
            if then == _S.RESOLVED:
                await self.post(self.li, ticket, "resolve", None)
            await self.merge(ticket)
        elif state != _S.ACTIVE:
            await self.post(self.li, ticket, *TO[state])
        return ticket

    async def go(self, ticket: str, at: TicketState, to: TicketState) -> None:
        if (at, to) in CUSTOMER:
            e = makers.envelope(f"next-{ticket}", now=await self.house.store.db.now())
            talk = self.keys[ticket]
            await makers.thread(self.house.store, e, conversation_key=talk, text="还有一件事")
        elif (at, to) == (_S.NEW, _S.WAITING):
            (due,) = await self.house.store.queue.unlabelled(1, [ticket])
            await self.house.store.queue.route([makers.routed(due, labels=CALM)])
        elif (at, to) == (_S.WAITING, _S.OFFERED):
            await self.house.give(ticket, self.me, offer=20.0)
        elif to == _S.MERGED:
            await self.merge(ticket)
        else:
            alone = at in ALONE and (at, to) != (_S.WAITING, _S.ACTIVE)
            desk = self.boss if alone or to == _S.INVALID else self.li
            await self.post(desk, ticket, *FROM.get((at, to), TO.get(to)))

    async def merge(self, ticket: str) -> None:
        await self.post(self.boss, ticket, "merge", {"into": self.survivor})

    async def post(self, desk: Desk, ticket: str, action: str, body: dict | None) -> Answer:
        view = (await desk.get(f"/tickets/{ticket}")).json
        # The page shows a button for it.
        assert action in view["actions"], (action, view["ticket"]["state"], view["actions"])
        answer = await desk.post(f"/tickets/{ticket}/{action}", body)
        assert answer.status == 200, answer.json
        return answer


@pytest.fixture
async def walker(house: World, visit: Visit) -> Walker:
    me, _ = await house.person("li"), await house.person("boss", Role.SUPERVISOR)
    await house.store.agents.change(me, None, capacity=100)
    survivor = await house.ticket("survivor", labels=CALM)
    await house.give(survivor, me)
    return Walker(house, await visit("li"), await visit("boss"), me, survivor)


async def test_every_move_of_the_table_is_taken(walker: Walker) -> None:
    store = walker.house.store
    for at, to in WAYS:
        ticket = await walker.be(at, to)
        assert (await store.tickets.get(ticket)).state == at
        before = await store.events.last()
        await walker.go(ticket, at, to)
        assert (await store.tickets.get(ticket)).state == to, (at, to)
        told = [e for e in await store.events.of_ticket(ticket) if e.seq > before]
        moves = [e.data for e in told if e.kind in STATE_CHANGES]
        assert [(m["before"], m["state"]) for m in moves] == [(at, to)]
        assert await store.upkeep.recount() == []
        if to == _S.WAITING:
            # Out of the way of what comes next.
            await store.tickets.mark_junk(ticket, walker.me)


async def test_no_other_move_is_taken(walker: Walker) -> None:
    """A closed ticket offers nothing, and refuses what is asked all the same."""
    ticket = await walker.be(_S.RESOLVED, _S.CLOSED)
    await walker.go(ticket, _S.RESOLVED, _S.CLOSED)
    asked = {**TO, **{("from", *pair): how for pair, how in FROM.items()}}
    for action, body in dict(asked.values()).items():
        answer = await walker.boss.post(f"/tickets/{ticket}/{action}", body)
        assert answer.status == 409, (action, answer.status)
    assert (await walker.house.store.tickets.get(ticket)).state == _S.CLOSED
