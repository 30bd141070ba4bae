"""A routing worker is killed (SIGKILL) at each of its awaits, from the first read to the push.

The awaits are those that the compiler sees in every function that a round enters: one that no
round waits at fails the test until it is met, or until ``OUT_OF_REACH`` says why it cannot be.
Whatever was done by then, one sweep of another worker brings everything to the same rest, and
I1–I7 hold (I8): I1, I2, I6 and I7 in what the dead one left behind as well, I4 and I6
in what the next one decides, I3 and I5 in that everybody is served at its end.
"""

import json
import multiprocessing
import signal
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import update

from models.agent import Presence
from models.routing import Needs
from models.store import Store
from models.tables import ticket
from models.ticket import OPEN_STATES, TicketState
from tests.contract.store.makers import agent, decision, opened, waiting
from tests.contract.workers import doomed
from tests.contract.workers.doomed import HOURS, RULES, Await, Place, Rivals, awaits_of
from tests.databases import migrated_sqlite
from tests.fakes import FakeClock
from tests.machines.invariants import Books, Relaxing, judged, read_books
from workers.messages import dispatch
from workers.messages.dispatch import Dispatcher
from workers.rules.active_rules import ActiveRules

_FORKS = multiprocessing.get_context("forkserver")

OUT_OF_REACH = {
    ("Dispatcher.run", "async with self._turn:"): "for the process's other round: none has begun",
    (
        "Database.look.<locals>.whole",
        "async with conn.begin():",
    ): "the driver begins with the first statement; on SQLite it is a thread that runs this",
    (
        "Tx.insert",
        "await self.conn.execute(self.upsert(table).on_conflict_do_nothing(), alike)",
    ): "no row of a round may be there already",
    ("_seen_through", "await asyncio.wait({trip})"): "only who is cancelled waits here",
}
"""Awaits, by function and text, at which no round between read and push waits; and why."""


@pytest.fixture(scope="module", autouse=True)
def nursery() -> None:
    """Children are forked from a process that has imported what they need."""
    _FORKS.set_forkserver_preload(
        ["workers.messages.dispatch", "workers.rules.active_rules", "asyncpg", "aiosqlite"]
    )


def able(skill: str) -> Needs:
    return Needs(required=((skill, 1),))


class Scene(NamedTuple):
    """Work of every kind that a round does, and what must become of it."""

    owners: dict[str, str]
    """Tickets to whom they belong in the end."""

    passed: str
    """The one of these that somebody had, and offered to the others."""

    waiting: tuple[str, ...]
    rivals: Rivals


async def people(store: Store) -> dict[str, str]:
    """One who can do each kind of work."""
    one_chat = dict.fromkeys(("giver", "taker", "forgiven"), 2) | {"busy": 1, "rival": 4}
    return {
        skill: await agent(store, skill, {skill: 3}, capacity=one_chat.get(skill, 4))
        for skill in ("free", "giver", "taker", "forgiven", "busy", "rival")
    }


async def change(store: Store, ticket_id: str, **values: Any) -> None:
    async with store.db.write() as tx:
        await tx.conn.execute(update(ticket).where(ticket.c.id == ticket_id).values(**values))


async def set_scene(store: Store, clock: FakeClock, who: dict[str, str], serial: int) -> Scene:
    async def new(name: str, skill: str, units: int = 2) -> str:
        return await waiting(store, f"{name}{serial}", needs=able(skill), units=units)

    async def held(name: str, skill: str) -> str:
        """A mail in the hands of whoever has the skill."""
        ticket_id = await new(name, skill, units=1)
        await change(store, ticket_id, lane="mail")
        assert await store.queue.claim(await decision(store, ticket_id, who[skill]), None)
        return ticket_id

    passed = await held("passed", "giver")
    await store.transfers.offer(passed, who["giver"], 600.0, skill="taker", needs=able("taker"))
    mail = await held("mail", "busy")
    # Withdrawn when it is interrupted.
    await store.transfers.offer(mail, who["busy"], 600.0, to=who["free"])
    urgent = await new("urgent", "busy", units=1)
    await change(store, urgent, interrupts=True)
    unwanted = await new("unwanted", "forgiven")
    await change(store, unwanted, excluded=[who["forgiven"]], updated_at=clock() - 60.0)
    free = [await new(f"free{n}.", "free") for n in range(2)]
    rivals = [await new(f"rival{n}.", "rival") for n in range(2)]
    owners = {passed: "taker", urgent: "busy", unwanted: "forgiven"}
    owners |= dict.fromkeys(free, "free")
    return Scene(
        {name: who[skill] for name, skill in owners.items()},
        passed,
        (mail,),
        Rivals(tuple(rivals), who["free"]),
    )


async def clear(store: Store, who: dict[str, str]) -> None:
    for one in await store.tickets.page(states=sorted(OPEN_STATES), limit=200):
        await store.tickets.mark_junk(one.id, who["free"])
    for person in who.values():
        await store.agents.present(person, Presence.READY)


def one_life(url: str, folder: Path, at: Place | None, rivals: Rivals) -> int | None:
    """How a worker's process ended."""
    process = _FORKS.Process(target=doomed.live, args=(url, folder, at, rivals))
    process.start()
    process.join(60.0)
    return process.exitcode


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "worker"
    made.mkdir()
    return made


async def test_wherever_it_is_killed_one_sweep_brings_the_same_rest(
    store: Store, url: str, clock: FakeClock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "assign", judged)
    clock.now = time.time()  # the worker lives in database time
    who = await people(store)
    scene = await set_scene(store, clock, who, 0)
    assert one_life(url, folder, None, scene.rivals) == 0
    await _settled(store, scene, "nowhere")
    places = _places(folder)
    for serial, at in enumerate(places, 1):
        await clear(store, who)
        scene, relaxing = await set_scene(store, clock, who, serial), Relaxing()
        relaxing.look(await _check(store))
        assert one_life(url, folder, at, scene.rivals) == -signal.SIGKILL, at[-1]
        relaxing.look(await _check(store))
        await Dispatcher(store, ActiveRules(store, RULES, HOURS), monotonic=clock).run()
        await _settled(store, scene, at[-1])
        relaxing.look(await _check(store))
    print(f"killed at {len(places)} places")


async def test_every_await_of_a_round_is_met(
    migrated_postgres_url: str, clock: FakeClock, tmp_path: Path
) -> None:
    """On one database or the other: SQLite has its transactions in a thread."""
    clock.now = time.time()
    met: set[tuple[str, str]] = set()
    there: set[tuple[str, str]] = set()
    for url in (migrated_sqlite(tmp_path), migrated_postgres_url):
        for place in await _places_of_one_round(url, clock, tmp_path):
            for step in place:
                met.add((step.function, step.text))
                there |= awaits_of(step.path, step.function)
    print(f"{len(there)} awaits, {len(met)} met:", *sorted(map(str, there - met)), sep="\n")
    assert there - met - OUT_OF_REACH.keys() == set()
    assert OUT_OF_REACH.keys() <= there, "a reason for what is no more"


async def _places_of_one_round(url: str, clock: FakeClock, folder: Path) -> list[Place]:
    store = opened(url, blob_dir=folder, clock=clock)
    try:
        scene = await set_scene(store, clock, await people(store), 0)
    finally:
        await store.close()
    assert one_life(url, folder, None, scene.rivals) == 0
    return _places(folder)


def _places(folder: Path) -> list[Place]:
    told = json.loads((folder / "awaits.json").read_text("utf-8"))
    return list(dict.fromkeys(tuple(Await(*step) for step in place) for place in told))


async def _settled(store: Store, scene: Scene, at: object) -> None:
    """The rest that every history comes to."""
    for ticket_id, owner in scene.owners.items():
        found = await store.tickets.get(ticket_id)
        assert found.owner_id == owner, (at, "I3, I5: it waits beside somebody free", found)
        told = [event.kind for event in await store.events.of_ticket(ticket_id)]
        once = 1 + (ticket_id == scene.passed)
        assert told.count("ticket.assigned") == once, (at, told)
    for ticket_id in scene.waiting:
        assert (await store.tickets.get(ticket_id)).state == TicketState.WAITING, at
    (await _check(store)).check_heads(await store.queue.heads(2), 2)


async def _check(store: Store) -> Books:
    """I1, I2, I6 and I7; nothing has to be mended."""
    assert await store.maintenance.recount() == []
    books = await read_books(store)
    books.check()
    return books
