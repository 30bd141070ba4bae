"""Figures counted in SQL against a count by hand of the same rows, over random months.

``FIGURE_TICKETS`` and ``FIGURE_MONTHS`` ask for more than make test has time for (make campaign:
10 months of 5,000 tickets). Times are whole minutes, so that intervals can be counted by minute.
"""

import math
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select

from models.agent import Presence
from models.figures import DIMENSIONS, Dimension, Figures
from models.store import Store
from models.store.figures.steps import KEEPING
from models.tables import (
    presence_span,
)
from models.ticket import OPEN_STATES, TicketState
from tests.contract.store import makers
from tests.contract.store.month import BOUNDS, DAY, MINUTE, START, Month, Rows
from tests.fakes import FakeClock

TICKETS = int(os.environ.get("FIGURE_TICKETS", "250"))
MONTHS = int(os.environ.get("FIGURE_MONTHS", "1"))


class ByHand:
    """The definitions of docs/figures.md, one row after the other."""

    def __init__(self, rows: Rows, by: Dimension | None, now: float) -> None:
        self._by, self._now = by, now
        self._rows = rows
        self._tickets = {
            row["id"]: row
            for row in rows["ticket"]
            if not row["junk"] and row["state"] != "merged"
        }
        self._team = {row["id"]: row["team"] for row in rows["agent"]}
        self._tier = {row["id"]: row["tier"] for row in rows["customer"]}
        self.found: dict[tuple[int, str], dict[str, float]] = defaultdict(
            lambda: defaultdict(float)
        )

    def count(self) -> dict[tuple[int, str], dict[str, float]]:
        if self._by is None:
            for number in range(len(BOUNDS) - 1):
                self.found[number, ""]["volume"] += 0
        self._arrivals()
        self._answers()
        self._handling()
        self._changes()
        self._clocks()
        if self._by in {None, "agent", "team"}:
            self._occupancy()
        return self.found

    def _group(self, row: Mapping[str, Any], person: str | None) -> str:
        if self._by == "channel":
            return str(row["channel"])
        if self._by in {"domain", "region"}:
            return self._label(row, self._by)
        if self._by == "tier":
            return self._tier[row["customer_id"]]
        if self._by == "agent":
            return person or ""
        return self._team[person] if self._by == "team" and person else ""

    @staticmethod
    def _label(row: Mapping[str, Any], facet: str) -> str:
        facets = row["labels"]["facets"] if row["labels"] else {}
        return facets[facet]["value"] if facet in facets else ""

    @staticmethod
    def _period(at: float | None) -> int | None:
        for number, (start, end) in enumerate(pairwise(BOUNDS)):
            if at is not None and start <= at < end:
                return number
        return None

    def _arrivals(self) -> None:
        taken: set[tuple[int, str, str]] = set()
        if self._by in {"agent", "team"}:
            for row in self._rows["assignment"]:
                period = self._period(row["accepted_at"])
                if period is not None and row["ticket_id"] in self._tickets:
                    mine = self._tickets[row["ticket_id"]]
                    taken.add((period, self._group(mine, row["agent_id"]), mine["id"]))
        else:
            for row in self._tickets.values():
                period = self._period(row["created_at"])
                if period is not None:
                    taken.add((period, self._group(row, None), row["id"]))
        complaints = {
            row["ticket_id"]: row for row in self._rows["complaint"] if not row["withdrawn_at"]
        }
        for period, group, ticket_id in taken:
            found = self.found[period, group]
            found["volume"] += 1
            found["repeats"] += self._came_before(self._tickets[ticket_id])
            found["complaints"] += ticket_id in complaints
            repeat = complaints.get(ticket_id, {}).get("repeat_of")
            found["repeated_complaints"] += repeat is not None

    def _came_before(self, mine: Mapping[str, Any]) -> bool:
        return any(
            row["customer_id"] == mine["customer_id"]
            and self._label(row, "domain") == self._label(mine, "domain")
            and 0 < mine["created_at"] - row["created_at"] <= 7 * DAY
            for row in self._tickets.values()
        )

    def _answers(self) -> None:
        waits: dict[tuple[int, str], list[float]] = defaultdict(list)
        writers: dict[str, str] = {}
        for row in sorted(self._rows["outbound"], key=lambda row: row["created_at"]):
            if row["kind"] == "reply":
                writers.setdefault(row["ticket_id"], row["agent_id"])
        for row in self._tickets.values():
            period = self._period(row["first_answer_at"])
            if period is not None:
                group = self._group(row, writers[row["id"]])
                waits[period, group].append(row["first_answer_at"] - row["created_at"])
        for key, seconds in waits.items():
            found = self.found[key]
            found["answered"], found["first_answer_sum"] = len(seconds), sum(seconds)
            found["first_answer_p90"] = sorted(seconds)[math.ceil(len(seconds) * 9 / 10) - 1]

    def _handling(self) -> None:
        tickets: dict[tuple[int, str], set[str]] = defaultdict(set)
        for row in self._rows["assignment"]:
            period = self._period(row["ended_at"])
            mine = self._tickets.get(row["ticket_id"])
            if period is None or mine is None or row["accepted_at"] is None:
                continue
            key = period, self._group(mine, row["agent_id"])
            tickets[key].add(mine["id"])
            self.found[key]["handling_sum"] += row["ended_at"] - row["accepted_at"]
        for key, ids in tickets.items():
            self.found[key]["handled"] = len(ids)

    def _changes(self) -> None:
        last: dict[tuple[int, str, str], float] = {}
        reopened: set[tuple[int, str, str]] = set()
        for row in self._rows["ticket_step"]:
            period, mine = self._period(row["at"]), self._tickets.get(row["ticket_id"])
            if period is None or mine is None:
                continue
            key = period, self._group(mine, row["agent_id"]), mine["id"]
            if row["state"] == "resolved" and row["before"] not in {"resolved", "merged"}:
                last[key] = max(last.get(key, 0.0), row["at"])
            if row["before"] in {"resolved", "closed"} and row["state"] in OPEN_STATES:
                reopened.add(key)
        for (period, group, ticket_id), at in last.items():
            found = self.found[period, group]
            found["resolved"] += 1
            found["resolution_sum"] += at - self._tickets[ticket_id]["created_at"]
        for period, group, _ in reopened:
            self.found[period, group]["reopened"] += 1

    def _clocks(self) -> None:
        for row in self._rows["clock"]:
            period, mine = self._period(row["started_at"]), self._tickets.get(row["ticket_id"])
            if period is None or mine is None or row["outcome"] not in {"met", "missed"}:
                continue
            group = self._group(mine, row["agent_id"])
            group = row[self._by] if self._by in {"domain", "tier"} else group
            self.found[period, group][f"{row['kind']} {row['outcome']}"] += 1

    def _occupancy(self) -> None:
        for one in self._team:
            spans = [r for r in self._rows["presence_span"] if r["agent_id"] == one]
            held = [r for r in self._rows["assignment"] if r["agent_id"] == one]
            present = self._minutes(
                (r["started_at"], r["ended_at"]) for r in spans if r["presence"] != "offline"
            )
            busy = self._minutes(
                (r["accepted_at"], r["ended_at"]) for r in held if r["accepted_at"] is not None
            )
            for number, (start, end) in enumerate(pairwise(BOUNDS)):
                inside = {m for m in present if start <= m * MINUTE < end}
                if inside:
                    found = self.found[number, self._group({}, one)]
                    found["signed_in_seconds"] += MINUTE * len(inside)
                    found["occupied_seconds"] += MINUTE * len(inside & busy)

    def _minutes(self, intervals: Iterator[tuple[float, float | None]]) -> set[int]:
        minutes: set[int] = set()
        for start, end in intervals:
            until = min(BOUNDS[-1], self._now, end if end is not None else math.inf)
            minutes.update(range(int(max(start, START)) // MINUTE, int(until) // MINUTE))
        return minutes


def differences(
    found: Sequence[Figures], by_hand: Mapping[tuple[int, str], Mapping[str, float]]
) -> list[str]:
    told = {(f.period, f.group): f for f in found}
    unlike = [f"only by hand: {key}" for key in by_hand.keys() - told.keys()]
    unlike += [f"only in SQL: {key}" for key in told.keys() - by_hand.keys()]
    for key in told.keys() & by_hand.keys():
        counted = {f"{kind} met": n for kind, (n, _) in told[key].clocks.items() if n}
        counted |= {f"{kind} missed": n for kind, (_, n) in told[key].clocks.items() if n}
        by_clock = {name: n for name, n in by_hand[key].items() if " " in name}
        if counted != by_clock:
            unlike.append(f"{key}: {counted}, by hand {by_clock}")
        for name in Figures.__dataclass_fields__.keys() - {"period", "group", "clocks"}:
            mine, theirs = getattr(told[key], name) or 0.0, by_hand[key].get(name, 0.0)
            if not math.isclose(mine, theirs, rel_tol=1e-9):
                unlike.append(f"{key} {name}: {mine}, by hand {theirs}")
    return unlike


@pytest.mark.parametrize("seed", range(MONTHS))
async def test_a_random_month(store: Store, clock: FakeClock, seed: int) -> None:
    month = Month(seed, TICKETS)
    await month.store(store)
    clock.now = float(BOUNDS[-1] - 5 * DAY)  # the last period is not over
    for by in (None, *DIMENSIONS):
        started = time.perf_counter()
        found = await store.kpi.figures(BOUNDS, by)
        print(f"{TICKETS} tickets by {by}: {time.perf_counter() - started:.2f} s")
        assert differences(found, ByHand(month.rows, by, clock.now).count()) == []


async def test_an_end_that_is_taken_back_is_no_reopening(store: Store, clock: FakeClock) -> None:
    ticket_id, me = await makers.owned(store)
    await store.tickets.reply(ticket_id, me, "您好", "client-1", TicketState.RESOLVED)
    clock.pass_(5.0)
    await store.ending.retake(ticket_id, me)
    clock.pass_(60.0)
    await store.tickets.move(ticket_id, me, TicketState.RESOLVED)
    await makers.follow(store, KEEPING)
    (found,) = await store.kpi.figures([clock.now - DAY, clock.now + DAY])
    assert (found.resolved, found.reopened) == (1, 0)


async def test_what_happens_is_kept_for_figures(store: Store, clock: FakeClock) -> None:
    """Through the store's own moves: taken, answered, resolved, reopened."""
    ticket_id = await makers.waiting(store)
    me = await makers.agent(store)
    await store.agents.present(me, Presence.READY)
    clock.pass_(100.0)
    await store.queue.claim(await makers.decision(store, ticket_id, me), None)
    clock.pass_(60.0)
    await store.tickets.reply(ticket_id, me, "您好", "client-1", TicketState.RESOLVED)
    clock.pass_(3600.0)
    await makers.thread(
        store, makers.envelope("k9", now=clock.now), conversation_key="talk-k1", text="还没好"
    )
    await store.agents.present(me, Presence.OFFLINE)
    await makers.follow(store, KEEPING)
    (figures,) = [
        found
        for found in await store.kpi.figures([clock.now - DAY, clock.now + DAY], "agent")
        if found.group == me
    ]
    assert (figures.volume, figures.answered, figures.handled) == (1, 1, 1)
    assert (figures.resolved, figures.reopened) == (1, 1)
    assert figures.handling == 60.0
    assert figures.resolution == figures.first_answer
    assert figures.occupied_seconds == 60.0
    async with store.db.read() as conn:
        spans = (await conn.execute(select(presence_span.c.presence))).scalars().all()
    assert sorted(spans)[-1] == "ready"


async def test_how_many_periods(store: Store) -> None:
    for bounds in ([], [1.0], list(map(float, range(200)))):
        with pytest.raises(ValueError, match="bounds"):
            await store.kpi.figures(bounds)
