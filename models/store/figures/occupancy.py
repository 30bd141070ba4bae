"""How long people were signed in, and how long of that they had a ticket, in SQL.

``models.figures`` defines both.
"""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    Subquery,
    case,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from models.figures import Dimension
from models.tables import agent, assignment, presence_span


async def occupancy(
    conn: AsyncConnection, number: int, start: float, end: float, by: Dimension | None
) -> list[dict[str, Any]]:
    """Both times of each group in one period."""
    if end <= start:
        return []
    present, busy = _signed_in(start, end), _busy(start, end)
    whose = {
        "agent": present.c.agent_id,
        "team": func.coalesce(agent.c.team, ""),
        None: literal(""),
    }[by]
    signed = (
        select(whose.label("group"), func.sum(present.c.until - present.c.since).label("seconds"))
        .select_from(present.join(agent, agent.c.id == present.c.agent_id))
        .group_by(whose)
    )
    overlap = _least(present.c.until, busy.c.until) - _greatest(present.c.since, busy.c.since)
    both = (
        present.join(
            busy,
            (busy.c.agent_id == present.c.agent_id)
            & (busy.c.since < present.c.until)
            & (busy.c.until > present.c.since),
        )
    ).join(agent, agent.c.id == present.c.agent_id)
    occupied = (
        select(whose.label("group"), func.sum(overlap).label("seconds"))
        .select_from(both)
        .group_by(whose)
    )
    rows: list[dict[str, Any]] = []
    for name, query in (("signed_in_seconds", signed), ("occupied_seconds", occupied)):
        rows += [
            {"period": number, "group": row.group, name: float(row.seconds or 0)}
            for row in await conn.execute(query)
        ]
    return rows


def _signed_in(start: float, end: float) -> Subquery:
    s = presence_span.c
    until = func.coalesce(s.ended_at, end)
    spans = (
        select(s.agent_id, _greatest(s.started_at, start).label("since"),
               _least(until, end).label("until"))
        .where(s.presence != "offline", s.started_at < end)
    )  # fmt: skip
    return _not_over(spans, s.ended_at, start).subquery("present")


def _busy(start: float, end: float) -> Subquery:
    """The times in which somebody had a ticket at all: overlapping ones are one.

    An interval begins a new island unless one that began before it reaches into it.
    """
    s = assignment.c
    until = func.coalesce(s.ended_at, end)
    spans = (
        select((s.agent_id + "").label("agent_id"), s.id,
               _greatest(s.accepted_at, start).label("since"),
               _least(until, end).label("until"))
        # Both as sums, or SQLite would rather read all that were ever accepted, in their order.
        .where(s.accepted_at + 0.0 < end)
    )  # fmt: skip
    held = _not_over(spans, s.ended_at, start).subquery("held")
    reached = func.max(held.c.until).over(
        partition_by=held.c.agent_id, order_by=[held.c.since, held.c.id], rows=(None, -1)
    )
    marked = select(held, case((reached >= held.c.since, 0), else_=1).label("first")).subquery(
        "marked"
    )
    m = marked.c
    numbered = select(
        m.agent_id,
        m.since,
        m.until,
        func.sum(m.first).over(partition_by=m.agent_id, order_by=[m.since, m.id]).label("island"),
    ).subquery("numbered")
    n = numbered.c
    return (
        select(n.agent_id, func.min(n.since).label("since"), func.max(n.until).label("until"))
        .group_by(n.agent_id, n.island)
        .subquery("busy")
    )


def _not_over(
    spans: Select[Any], ended_at: ColumnElement[Any], start: float
) -> CompoundSelect[Any]:
    """Those that go on after ``start``.

    Each half by an index of its own, so that what has ended before is not read.
    """
    return union_all(spans.where(ended_at.is_(None)), spans.where(ended_at > start))


def _least(one: Any, other: Any) -> ColumnElement[Any]:
    return case((one < other, one), else_=other)


def _greatest(one: Any, other: Any) -> ColumnElement[Any]:
    return case((one > other, one), else_=other)
