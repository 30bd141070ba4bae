"""A routing worker is killed at each of its awaits, from the first read to the push.

The awaits are found by running it once. Whatever was done by then, one sweep of another worker
brings everything to the same rest, and I1–I3 and I7 hold (DESIGN §4, I8).
"""

import asyncio
import types
from collections.abc import AsyncIterator, Awaitable, Coroutine, Generator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from models.store import Store, open_store
from models.store.database import Event
from models.tables import agent as agents
from models.tables import assignment
from models.ticket import TicketState
from tests.contract.store.conftest import FakeClock
from tests.contract.store.makers import agent, waiting
from tests.machines.house import HOURS, RULES
from workers.dispatch import Dispatcher
from workers.ruling import Ruling

_ROOT = Path(__file__).parents[3]


@types.coroutine
def _until(
    work: Coroutine[Any, Any, Any], at: int | None, seen: list[str]
) -> Generator[Any, Any, Any]:
    """Runs ``work`` and notes where it waits; its task is cancelled at await number ``at``.

    What the database had begun by then rolls back or commits, as after a kill.
    """
    task = asyncio.current_task()
    assert task is not None
    answer, error = None, None
    while True:
        try:
            waits_for = work.throw(error) if error is not None else work.send(answer)
        except StopIteration as done:
            return done.value
        if len(seen) == at:
            task.cancel()
        seen.append(_place(work))
        answer, error = None, None
        try:
            answer = yield waits_for
        except BaseException as thrown:  # noqa: BLE001  it is the worker's to answer
            error = thrown


def _place(work: Any) -> str:
    """Which of our functions waits for which, outermost first, with the innermost line."""
    names, line, at = [], 0, work
    while at is not None and getattr(at, "cr_frame", None) is not None:
        if Path(at.cr_frame.f_code.co_filename).is_relative_to(_ROOT):
            names.append(at.cr_frame.f_code.co_name)
            line = at.cr_frame.f_lineno
        at = at.cr_await
    return f"{' > '.join(names)}:{line}"


@asynccontextmanager
async def worker(
    url: str, folder: Path, clock: FakeClock, pushes: list[float]
) -> AsyncIterator[Store]:
    """A store of its own, that dies with its worker; its push awaits as a bus does."""
    store = open_store(
        url, master_key=b"m" * 32, blob_dir=folder, zone=ZoneInfo("UTC"), clock=clock, pool_size=2
    )

    async def push(_events: Sequence[Event]) -> None:
        pushes.append(clock())
        await asyncio.sleep(0)

    store.db.on_commit = push
    try:
        yield store
    finally:
        await store.close()


async def test_wherever_it_is_killed_one_sweep_brings_the_same_rest(
    store: Store, url: str, clock: FakeClock, tmp_path: Path
) -> None:
    people = [await agent(store, login, capacity=4) for login in ("li", "han")]
    points = await _killed(store, url, clock, tmp_path, people, None)
    # From the first read to the push, which the run made sure of.
    for step in ("_agents", "heads", "claim"):
        assert any(step in point for point in points), points
    for at in range(len(points)):
        await _killed(store, url, clock, tmp_path, people, at)
    print(f"{len(points)} awaits: ", *dict.fromkeys(points), sep="\n")


async def _killed(
    store: Store, url: str, clock: FakeClock, folder: Path, people: list[str], at: int | None
) -> list[str]:
    """One life of a worker over two new tickets and its end; returns its awaits."""
    ids = [await waiting(store, f"{at} {n}") for n in range(2)]
    seen: list[str] = []
    pushes: list[float] = []
    async with worker(url, folder / "blobs", clock, pushes) as own:
        dispatcher = Dispatcher(own, Ruling(own, RULES, HOURS), monotonic=clock)
        life = asyncio.create_task(_life(_until(dispatcher.run(), at, seen)))
        await asyncio.wait([life])
        assert life.cancelled() == (at is not None), (at, seen[-1:], life)
        assert life.cancelled() or len(pushes) == len(ids)
    await _check(store)
    # The sweep of the next worker.
    await Dispatcher(store, Ruling(store, RULES, HOURS), monotonic=clock).run()
    for ticket_id in ids:
        found = await store.tickets.get(ticket_id)
        assert found.state == TicketState.OFFERED, (
            at,
            seen[-1],
            "I3: it waits beside free agents",
        )
        told = [e.kind for e in await store.events.of_ticket(ticket_id)]
        assert told.count("ticket.assigned") == 1, (at, seen[-1])
    await _check(store)
    for ticket_id in ids:
        await store.tickets.mark_junk(ticket_id, people[0])
    return seen


async def _life(work: Awaitable[Any]) -> None:
    await work


async def _check(store: Store) -> None:
    """I1, I2 and I7."""
    assert await store.upkeep.recount() == []
    async with store.db.read() as conn:
        live = select(assignment.c.ticket_id).where(assignment.c.ended_at.is_(None))
        held = list((await conn.execute(live)).scalars())
        over = select(agents.c.id).where(agents.c.used > agents.c.capacity)
        assert (await conn.execute(over)).all() == []
    assert len(held) == len(set(held))
    owned = await store.tickets.page(states=["offered", "active"], limit=200)
    assert sorted(held) == sorted(ticket.id for ticket in owned)
