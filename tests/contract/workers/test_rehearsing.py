"""A rehearsal for the desk: the last tickets, in a child that ends when nobody waits for it."""

import asyncio
import os
from pathlib import Path

import pytest

from config.settings import load, load_rules
from models.routing import Line
from models.store import Store
from router.sla import WEEKDAYS, Calendar, Calendars
from tests.contract.store import makers
from tests.fakes import FakeClock
from workers.rules.active_rules import ActiveRules
from workers.rules.rehearsing import Rehearsing, Unplayed

RULES = load_rules(load(None, environ={}))
ALWAYS = Calendars(Calendar.of("UTC", {day: ["00:00-24:00"] for day in WEEKDAYS}))
EVERYTHING = Line()


async def _came(store: Store, clock: FakeClock, tickets: int) -> list[str]:
    """Tickets a minute apart, which wait; their numbers."""
    facets = {"type": "咨询", "domain": "物流", "urgency": "一般"}
    for number in range(tickets):
        await makers.waiting(store, f"k{number}", labels=makers.labels(**facets))
        clock.pass_(60.0)
    return [one.number for one in await store.records.arrivals(0.0, clock() + 1.0)]


async def _published(store: Store) -> ActiveRules:
    """The rules in force, and a version 2 under which nobody has any capacity for a ticket."""
    await store.rules.first(RULES.model_dump(mode="json"), "first")
    heavy = RULES.model_copy(update={"units": dict.fromkeys(RULES.units, 90)})
    await store.rules.draft(heavy.model_dump(mode="json"), None, "heavier", 1)
    return ActiveRules(store, RULES, ALWAYS)


def _children() -> set[str]:
    """Rehearsals that this process has begun and that still run."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has just ended
        if parent == os.getpid() and b"rehearsal_child" in words:
            found.add(process.name)
    return found


async def test_the_last_tickets_are_played_under_both_rules(
    store: Store, clock: FakeClock
) -> None:
    await makers.agent(store, "li")
    clock.pass_(60.0)
    numbers = await _came(store, clock, 14)
    rehearse = Rehearsing(store, await _published(store))
    report = await rehearse(2, EVERYTHING, 10)
    assert report["tickets"] == 10
    assert report["line"] == EVERYTHING.model_dump(mode="json")
    assert report["live"]["unserved"] < 10
    assert report["draft"]["unserved"] == 10
    moved = report["differences"]["tickets"]
    assert {one["ticket"] for one in moved} <= set(numbers[-10:]), "the last, not the first"
    assert {(one["live"], one["draft"]) for one in moved} == {("li", None)}
    elsewhere = await rehearse(2, Line(domains=("没有",)), 10)
    assert elsewhere["differences"]["moved"] == 0, "no ticket is of that line of business"


async def test_where_nothing_came_nothing_is_played(store: Store) -> None:
    with pytest.raises(Unplayed, match="31 天"):
        await Rehearsing(store, await _published(store))(1, EVERYTHING, 10)


async def test_who_takes_too_long_is_stopped_and_the_next_one_may_begin(
    store: Store, clock: FakeClock
) -> None:
    await _came(store, clock, 1)
    rehearse = Rehearsing(store, await _published(store), seconds=0.05)
    for _ in range(2):
        with pytest.raises(Unplayed, match="已停止"):
            await rehearse(1, EVERYTHING, 10)
        assert _children() == set()


async def test_one_at_a_time_and_who_goes_away_ends_theirs(store: Store, clock: FakeClock) -> None:
    await _came(store, clock, 1)
    rehearse = Rehearsing(store, await _published(store))
    first = asyncio.create_task(rehearse(1, EVERYTHING, 10))
    async with asyncio.timeout(10):
        while not _children():
            await asyncio.sleep(0.01)
    with pytest.raises(Unplayed, match="正在进行"):
        await rehearse(1, EVERYTHING, 10)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert _children() == set()
