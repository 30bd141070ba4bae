"""What gathers over the years is counted once, when it happens; what moves, where it stands."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import insert, text, update

from models.clocks import ClockKind
from models.migrations import migrate
from models.store import Store
from models.store.ground.database import Database
from models.store.tickets.tallies import TALLIES
from models.tables import clock as clock_table
from models.tables import customer, ticket
from models.ticket import TicketState
from tests.contract.store.makers import follow, opened, owned, waiting
from tests.contract.store.plans import steps_of, watched
from tests.contract.store.upgrading import schema_at
from tests.fakes import FakeClock


async def ended(store: Store, key: str) -> str:
    ticket_id, person = await owned(store, key, login=f"li-{key}")
    await store.tickets.move(ticket_id, person, TicketState.RESOLVED)
    return ticket_id


async def test_what_is_closed_or_merged_is_tallied_and_what_moves_is_counted(
    store: Store,
) -> None:
    kept, person = await owned(store)
    gone, closed = await waiting(store, "k2"), await ended(store, "k3")
    assert await store.tickets.counts() == {"active": 1, "waiting": 1, "resolved": 1}
    await store.ending.close(closed, person)
    await store.merging.merge(gone, kept, person)
    await follow(store, TALLIES)
    assert await store.tickets.counts() == {"active": 1, "closed": 1, "merged": 1}
    await store.merging.undo(gone, person)
    await follow(store, TALLIES)
    await follow(store, TALLIES)
    assert await store.tickets.counts() == {"active": 1, "waiting": 1, "closed": 1}


@pytest.fixture
async def db(empty_url: str, clock: FakeClock) -> AsyncIterator[Database]:
    made = Database(empty_url, clock=clock)
    yield made
    await made.close()


async def test_an_older_database_is_counted_once_and_goes_on_from_there(
    empty_url: str, db: Database, clock: FakeClock
) -> None:
    """Whatever an older program does until it has been replaced is in the event log, too."""
    await schema_at(db, "0040")
    store = opened(empty_url, clock=clock)
    try:
        kept, person = await owned(store)
        gone, closed = await waiting(store, "k2"), await ended(store, "k3")
        await store.ending.close(closed, person)
        await store.merging.merge(gone, kept, person)
        async with db.write() as tx:
            row = dict.fromkeys(("channel", "account", "lane", "tier", "domain", "type"), "x")
            row |= {"id": "c" * 36, "ticket_id": closed, "kind": "resolution", "urgency": "x"}
            times = dict.fromkeys(("target", "started_at", "breached_at"), 1.0)
            await tx.conn.execute(insert(clock_table).values(row | times | {"hours": "natural"}))
        await migrate(db)
        at_rest = {"active": 1, "closed": 1, "merged": 1}
        assert await store.tickets.counts() == at_rest
        assert (await store.clocks.breaches())["resolution"] == 1
        again = await ended(store, "k4")
        await store.ending.close(again, person)
        async with db.write() as tx:
            tx.emit("clock.breached", ticket=again, number="1", clock="first_answer")
        for _ in range(2):
            await follow(store, TALLIES)
        assert await store.tickets.counts() == at_rest | {"closed": 2}
        found = await store.clocks.breaches()
        assert {kind for kind, times in found.items() if times == 1} == {
            "resolution", "first_answer",
        }  # fmt: skip
        assert set(found) == set(ClockKind)
    finally:
        await store.close()


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("analysed", [False, True])
async def test_escalated_tickets_are_found_by_an_index_of_theirs(
    store: Store, analysed: bool
) -> None:
    """SQLite changes its mind when it has statistics: then it read every ticket there was."""
    await owned(store)
    async with store.db.write() as tx:
        await tx.conn.execute(update(ticket).values(escalation=2))
        whose = (await tx.conn.execute(text("SELECT conversation_id FROM ticket"))).scalar_one()
        of = (await tx.conn.execute(customer.select())).mappings().one()["id"]
        same = {"conversation_id": whose, "customer_id": of, "channel": "x", "lane": "live"}
        same |= {"state": "closed", "created_at": 1.0, "updated_at": 1.0}
        await tx.insert(
            ticket, [same | {"id": f"old-{n}", "number": f"n-{n}"} for n in range(500)]
        )
        if analysed:
            await tx.conn.execute(text("ANALYZE"))
    assert await store.clocks.escalated() == {1: 0, 2: 1, 3: 0}
    async with watched(store.db) as asked:
        await store.clocks.escalated()
    ((statement, values),) = asked.statements.items()
    assert "ix_ticket_escalated" in " ".join(await steps_of(store, statement, values))
