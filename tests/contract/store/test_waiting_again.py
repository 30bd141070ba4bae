"""What comes back to a queue stands at once where the clock would put it.

By a bare deadline, or as if it were still in time, it would go before who came first.
"""

from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from sqlalchemy import select

from models.agent import Presence
from models.complaint import filing
from models.routing import Needs, Position, Rules
from models.store import Store
from models.tables import ticket
from models.ticket import TicketState
from router.keys import position
from tests.contract.store.makers import agent, envelope, labels, owned, thread, waiting
from tests.fakes import FakeClock

RULES = Rules(version="t", required_facets=(), targets={}, units={})
STANDS = partial(position, rules=RULES)

Coming = Callable[[Store, FakeClock], Awaitable[str]]


async def _written_to_again(store: Store, clock: FakeClock, to: TicketState) -> str:
    ticket_id, person = await owned(store)
    clock.pass_(400)
    await store.tickets.move(ticket_id, person, to)
    await store.agents.present(person, Presence.BREAK)
    clock.pass_(600)
    e = envelope("k2", now=clock())
    await thread(store, e, conversation_key="talk-k1", text="还没好", position_of=STANDS)
    return ticket_id


async def _reopened(store: Store, clock: FakeClock) -> str:
    return await _written_to_again(store, clock, TicketState.RESOLVED)


async def _answered(store: Store, clock: FakeClock) -> str:
    return await _written_to_again(store, clock, TicketState.PENDING)


async def _woken(store: Store, clock: FakeClock) -> str:
    ticket_id, person = await owned(store)
    await store.tickets.snooze(ticket_id, person, 600.0)
    clock.pass_(600)
    assert await store.maintenance.wake(STANDS) == 1
    return ticket_id


async def _sent(store: Store, clock: FakeClock) -> str:
    """To the department that a complaint is laid at."""
    ticket_id = await waiting(store, filing=filing(labels(), "物流部", 30, "丢件"))
    boss = await agent(store, "boss")
    clock.pass_(600)
    needs = Needs(required=(("dept:财务部", 1),))
    await store.complaints.send(ticket_id, boss, "财务部", needs, 7200.0, STANDS)
    return ticket_id


@pytest.mark.parametrize(
    ("coming", "since", "late"),
    [(_answered, 0, False), (_woken, 0, False), (_sent, 0, False), (_reopened, 1000, True)],
)
async def test_it_stands_at_once_where_the_clock_would_put_it(
    store: Store, clock: FakeClock, coming: Coming, since: float, late: bool
) -> None:
    """``since`` seconds before, its waiting began: what was settled counts on with its age."""
    ticket_id = await coming(store, clock)
    (waits,) = await store.queue.heads(5)
    assert waits.created_at == clock() - since
    t = ticket.c
    query = select(t.relax_step, t.late, t.sort_key, t.next_step_at).where(t.id == ticket_id)
    async with store.db.read() as conn:
        stored = Position(*(await conn.execute(query)).one())
    assert stored == STANDS(waits, clock())
    assert stored.late is late
