"""How many there have been ever, counted as it happens: no scrape counts years from the beginning.

What moves is counted where it stands; what does not move any more, and what has been missed, is
tallied from the event log. A tally is as old as the follower's last reading.
"""

from collections import Counter
from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.clocks import ClockKind
from models.events import STATE_CHANGES
from models.store.effects.followers import Follower
from models.store.ground.database import Event, Tx
from models.tables import counter
from models.ticket import TicketState

AT_REST = frozenset({TicketState.CLOSED, TicketState.MERGED})
"""Where tickets stay, and gather for years; from the other states that have ended, they close."""

ON_THE_WAY = frozenset(TicketState) - AT_REST

_BREACHED = "clock.breached"


async def tickets_at_rest(conn: AsyncConnection) -> dict[str, int]:
    """How many tickets are ``AT_REST``, by state; a state without any is not there."""
    found = await _read(conn, [_tickets(state) for state in AT_REST])
    return {state: n for state in AT_REST if (n := found.get(_tickets(state), 0))}


async def breached_ever(conn: AsyncConnection) -> dict[str, int]:
    """How many runs have been breached, by kind of clock; every kind is there."""
    found = await _read(conn, [_breached(kind) for kind in ClockKind])
    return {kind.value: found.get(_breached(kind), 0) for kind in ClockKind}


def _tickets(state: str) -> str:
    return f"tickets {state}"


def _breached(kind: str) -> str:
    return f"breached {kind}"


async def _read(conn: AsyncConnection, names: Collection[str]) -> dict[str, int]:
    query = select(counter.c.name, counter.c.value).where(counter.c.name.in_(sorted(names)))
    return {row.name: row.value for row in await conn.execute(query)}


async def _tally(tx: Tx, events: Sequence[Event]) -> None:
    by: Counter[str] = Counter()
    for event in events:
        if event.kind == _BREACHED:
            by[_breached(event.data["clock"])] += 1
            continue
        if event.data["state"] in AT_REST:
            by[_tickets(event.data["state"])] += 1
        if event.data["before"] in AT_REST:
            by[_tickets(event.data["before"])] -= 1
    for name, times in sorted(by.items()):
        await tx.bump(name, times)


TALLIES = Follower("tallies", frozenset(STATE_CHANGES) | {_BREACHED}, _tally)
"""Begins where migration 0041 has counted what there was before it."""
