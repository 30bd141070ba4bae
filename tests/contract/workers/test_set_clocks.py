"""The clock of the database is set, or cannot be read for a while: nobody pays for it."""

from collections.abc import Awaitable, Callable

import pytest

from models.agent import Presence
from models.errors import Temporary
from models.message import Lane
from models.routing import Rules
from models.store import Store
from models.store.intake.envelopes import finish
from models.ticket import TicketState
from router.sla import Calendars
from tests.contract.store import makers
from tests.contract.store.makers import ALWAYS, rules_content
from tests.contract.workers.system import CLOCK
from tests.fakes import FakeClock, FakeDoorbell
from workers.effects.clock import Ticker
from workers.rules.active_rules import ActiveRules

HOUR = 3600.0
Move = Callable[[], Awaitable[object]]


async def _nothing() -> None:
    pass


class Wall:
    """A clock that nobody sets, and the database's beside it."""

    def __init__(self, store: Store, clock: FakeClock) -> None:
        self._clock = clock
        self._steady = 0.0
        rules = ActiveRules(store, Rules.model_validate(rules_content()), Calendars(ALWAYS))
        self.ticker = Ticker(
            store, FakeDoorbell(), rules, CLOCK, {}, (),
            steady=lambda: self._steady,
        )  # fmt: skip

    async def pass_(self, seconds: int, during: Move = _nothing) -> None:
        for _ in range(seconds):
            self._steady += 1.0
            self._clock.pass_(1.0)
            await during()
            await self.ticker.tick()


@pytest.fixture
def wall(store: Store, clock: FakeClock) -> Wall:
    return Wall(store, clock)


async def _chatting(store: Store, wall: Wall) -> tuple[str, str]:
    """A chat in the hands of somebody who has been there for a while; (its id, theirs)."""
    ticket_id, agent_id = await makers.owned(store)
    await wall.pass_(31, lambda: store.agents.beat([agent_id]))
    return ticket_id, agent_id


async def _is_theirs(store: Store, ticket_id: str, agent_id: str) -> bool:
    there = (await store.agents.get(agent_id)).presence == Presence.READY
    return there and (await store.tickets.get(ticket_id)).owner_id == agent_id


async def test_who_could_not_be_heard_of_keeps_their_chats(
    store: Store, clock: FakeClock, wall: Wall, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket_id, agent_id = await _chatting(store, wall)

    async def away(*_: object) -> None:
        raise Temporary("the database is away")

    with monkeypatch.context() as outage:
        outage.setattr(store.leases, "take", away)
        for _ in range(120):
            with pytest.raises(Temporary):
                await wall.pass_(1)
    await wall.pass_(29)
    assert await _is_theirs(store, ticket_id, agent_id)
    await wall.pass_(2)
    assert not await _is_theirs(store, ticket_id, agent_id), "who does not come back has gone"


async def test_a_clock_that_is_put_forward_takes_nobodys_chats(
    store: Store, clock: FakeClock, wall: Wall
) -> None:
    ticket_id, agent_id = await _chatting(store, wall)
    clock.pass_(HOUR)
    await wall.pass_(1)
    assert await _is_theirs(store, ticket_id, agent_id)
    await wall.pass_(31, lambda: store.agents.beat([agent_id]))
    assert await _is_theirs(store, ticket_id, agent_id)


async def test_a_clock_that_is_put_back_keeps_nothing_for_an_hour(
    store: Store, clock: FakeClock, wall: Wall
) -> None:
    await wall.pass_(1)
    offered, silent = await makers.waiting(store, "offered"), await makers.agent(store)
    assert await store.queue.claim(await makers.decision(store, offered, silent), 20.0)
    answered, sender = await makers.owned(store, "answered", login="wang")
    await store.tickets.reply(answered, sender, "好的", "client-1", TicketState.PENDING)
    assert await store.outbound.lease(10, 120.0), "by a process that dies"
    await makers.thread(store, makers.envelope("hello", now=clock.now), hollow=True)
    await store.envelopes.accept([makers.envelope("once")])
    await store.envelopes.fail(await makers.leased(store), "broken", 3, 10.0)
    await store.envelopes.accept([makers.envelope("mail", lane=Lane.MAIL)])
    assert await store.envelopes.lease(Lane.MAIL, 1, 30.0), "by a process that dies"

    clock.pass_(-HOUR)
    await wall.pass_(35)
    assert (await store.tickets.get(offered)).state == "waiting"
    assert (await store.agents.get(silent)).presence == Presence.OFFLINE
    assert len(await store.queue.unlabelled(10)) == 1
    for lane in (Lane.LIVE, Lane.MAIL):
        assert await store.envelopes.lease(lane, 1, 30.0), lane
    await wall.pass_(90)
    assert [sent.state for sent in await store.outbound.page()] == ["unknown"]


async def test_what_was_leased_after_it_was_put_back_stays_leased(
    store: Store, clock: FakeClock, wall: Wall
) -> None:
    await wall.pass_(1)
    clock.pass_(-HOUR)
    await store.envelopes.accept([makers.envelope("a")])
    held = await makers.leased(store)
    await wall.pass_(5)
    async with store.db.write() as tx:
        await finish(tx, held.token, [held.envelopes[0].id])
