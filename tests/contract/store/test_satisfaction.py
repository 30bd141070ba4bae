"""Figures of satisfaction counted in SQL against a count by hand of the same random surveys."""

import random
from collections import defaultdict
from typing import Any

import pytest

from models.figures import DIMENSIONS as OF_FIGURES
from models.figures import Dimension as OfFigures
from models.figures import Figures
from models.store import Store
from models.store.figures.satisfaction import (
    DIMENSIONS,
    Dimension,
    SatisfactionFigures,
    satisfaction_figures,
)
from models.tables import agent, conversation, customer, identity, survey, ticket
from tests.contract.store.month import BOUNDS, DAY, START, Month

SURVEYS = 400

Counts = dict[tuple[int, str], dict[str, int]]


def surveys(month: Month, seed: int) -> list[dict[str, Any]]:
    """Asked, answered, asked in vain, and told by a caller whom nobody asked."""
    draw, rows = random.Random(seed), []
    tickets = month.rows["ticket"]
    people = [row["id"] for row in month.rows["agent"]]
    for number in range(SURVEYS):
        mine = draw.choice(tickets)
        at = START - 3 * DAY + draw.random() * 40 * DAY
        asked = draw.random() < 0.8
        answered = not asked or draw.random() < 0.6
        scored = answered and draw.random() < 0.9
        rows.append(
            {
                "id": f"{number:036d}", "ticket_id": mine["id"],
                "conversation_id": mine["conversation_id"], "customer_id": mine["customer_id"],
                "resolved_at": float(number), "channel": draw.choice(["email", "webchat"]),
                "agent_id": draw.choice([*people, None]), "domain": draw.choice(["物流", ""]),
                "tier": draw.choice(["standard", "vip"]), "region": draw.choice(["华东", ""]),
                "lang": "zh", "keys": {}, "asked_at": at if asked else None,
                "expires_at": at + 7 * DAY, "score": draw.randint(1, 5) if scored else None,
                "solved": draw.choice([True, False, None]) if answered else None,
                # An answer may come in another period: the survey belongs to its question.
                "answered_at": at + draw.random() * 5 * DAY if answered else None,
            }
        )  # fmt: skip
    return rows


def by_hand(rows: list[dict[str, Any]], by: Dimension | None) -> Counts:
    found: Counts = defaultdict(lambda: defaultdict(int))
    for row in rows:
        at = row["asked_at"] if row["asked_at"] is not None else row["answered_at"]
        inside = [n for n in range(len(BOUNDS) - 1) if BOUNDS[n] <= at < BOUNDS[n + 1]]
        if not inside:
            continue
        column = "agent_id" if by == "agent" else by
        counts = found[inside[0], (column and row[column]) or ""]
        score = row["score"]
        counts["asked"] += row["asked_at"] is not None
        counts["replied"] += row["asked_at"] is not None and score is not None
        counts["answers"] += score is not None
        counts["content"] += score in {4, 5}
        counts["total"] += score or 0
        counts["solved"] += row["solved"] is True
        counts["unsolved"] += row["solved"] is False
    return found


@pytest.mark.parametrize("seed", range(3))
async def test_random_surveys(store: Store, seed: int) -> None:
    month = Month(seed, 60)
    rows = surveys(month, seed)
    for table in (agent, customer, identity, conversation, ticket):
        async with store.db.write() as tx:
            await tx.insert(table, month.rows[table.name])
    async with store.db.write() as tx:
        await tx.insert(survey, rows)
    names = SatisfactionFigures.__dataclass_fields__.keys() - {"period", "group"}
    for by in (None, *DIMENSIONS):
        async with store.db.read() as conn:
            found = await satisfaction_figures(conn, BOUNDS, by)
        told = {
            (one.period, one.group): {name: getattr(one, name) for name in names} for one in found
        }
        assert told == {key: dict(counts) for key, counts in by_hand(rows, by).items()}


@pytest.mark.parametrize("by", [None, *OF_FIGURES])
async def test_they_stand_among_the_others(store: Store, by: OfFigures | None) -> None:
    month = Month(7, 60)
    rows = surveys(month, 7)
    for table in (agent, customer, identity, conversation, ticket):
        async with store.db.write() as tx:
            await tx.insert(table, month.rows[table.name])
    async with store.db.write() as tx:
        await tx.insert(survey, rows)
    teams = {row["id"]: row["team"] for row in month.rows["agent"]}
    wanted: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0] * 7)
    for (period, of), counts in by_hand(rows, "agent" if by == "team" else by).items():
        group = teams.get(of, "") if by == "team" else of
        names = ("asked", "replied", "answers", "content", "total", "solved", "unsolved")
        sums = [counts[name] for name in names]
        wanted[period, group] = [a + b for a, b in zip(wanted[period, group], sums, strict=True)]
    found = {
        (f.period, f.group): [
            *(f.asked, f.replied, f.rated, f.content, f.score_sum, f.solved, f.unsolved)
        ]
        for f in await store.kpi.figures(BOUNDS, by)
    }
    assert {key: counts for key, counts in found.items() if any(counts)} == dict(wanted)


def test_the_shares() -> None:
    counts = {"asked": 10, "replied": 4, "rated": 5, "content": 3, "score_sum": 18}
    one = Figures(0, "", **counts, solved=3, unsolved=1)  # type: ignore[arg-type]
    shares = (one.satisfaction, one.score, one.participation, one.solved_rate)
    assert shares == (0.6, 3.6, 0.4, 0.75)
    assert Figures(0, "").solved_rate is None
