"""Figures of satisfaction, counted in SQL; ``docs/customers.md`` defines them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, case, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.satisfaction import CONTENT, LOW
from models.store.database import Database
from models.tables import survey

Dimension = Literal["channel", "agent", "domain", "tier", "region"]

DIMENSIONS: tuple[Dimension, ...] = ("channel", "agent", "domain", "tier", "region")

_COLUMN = {name: survey.c["agent_id" if name == "agent" else name] for name in DIMENSIONS}

MOST_PERIODS = 120


@dataclass(frozen=True, slots=True)
class Contentment:
    """Counts of one group of surveys, in one period; the shares follow from them.

    ``by`` holds the group's values in the order of the dimensions asked for (an agent by id,
    “” for unknown). ``asked`` are questions put, ``replied`` those of them that were answered,
    ``answers`` all answers, with those that a caller entered unasked.
    """

    period: int
    by: tuple[str, ...]
    asked: int
    replied: int
    answers: int
    content: int
    low: int
    total: int
    solved: int
    unsolved: int

    @property
    def rate(self) -> float | None:
        """满意率: 非常满意 and 满意, of all answers."""
        return _share(self.content, self.answers)

    @property
    def mean(self) -> float | None:
        """The mean score, 1 to 5."""
        return _share(self.total, self.answers)

    @property
    def participation(self) -> float | None:
        """参评率: answered, of what was asked."""
        return _share(self.replied, self.asked)

    @property
    def solved_rate(self) -> float | None:
        """解决率 by the customers' word: of those who said whether it is solved."""
        return _share(self.solved, self.solved + self.unsolved)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


class Satisfaction:
    """How content customers are, broken down."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def figures(
        self, bounds: Sequence[float], by: Sequence[Dimension] = ()
    ) -> list[Contentment]:
        """Figures of each period between two neighbours of ``bounds`` and each group ``by``.

        A survey belongs to the period in which it was asked, or, unasked, answered. ``bounds``
        are seconds since the epoch, ascending, of at most 121. Groups without any are left out.
        """
        async with self._db.read() as conn:
            return await figures(conn, bounds, by)


async def figures(
    conn: AsyncConnection, bounds: Sequence[float], by: Sequence[Dimension] = ()
) -> list[Contentment]:
    """As ``Satisfaction.figures``, for who reads several figures in one snapshot."""
    if not 2 <= len(bounds) <= MOST_PERIODS + 1:
        raise ValueError(f"2 to {MOST_PERIODS + 1} bounds")
    s = survey.c
    at = func.coalesce(s.asked_at, s.answered_at)
    steps = [(at < bound, number) for number, bound in enumerate(bounds[1:])]
    period = case(*steps, else_=literal(len(bounds))).label("period")
    groups = [func.coalesce(_COLUMN[name], "").label(name) for name in by]
    query = (
        select(
            period,
            *groups,
            func.count(s.asked_at).label("asked"),
            _count(s.asked_at.is_not(None) & s.score.is_not(None)).label("replied"),
            func.count(s.score).label("answers"),
            _count(s.score >= int(CONTENT)).label("content"),
            _count(s.score <= int(LOW)).label("low"),
            func.coalesce(func.sum(s.score), 0).label("total"),
            _count(s.solved.is_(True)).label("solved"),
            _count(s.solved.is_(False)).label("unsolved"),
        )
        # Each by its own index: by “the one or else the other” all there ever were are read.
        .where(
            or_(
                within(s.asked_at, bounds),
                s.asked_at.is_(None) & within(s.answered_at, bounds),
            )
        )
        .group_by(period, *groups)
        .order_by(period, *groups)
    )
    return [_figures(row, by) for row in (await conn.execute(query)).mappings()]


def within(at: ColumnElement[Any], bounds: Sequence[float]) -> ColumnElement[bool]:
    return (at >= bounds[0]) & (at < bounds[-1])


def _count(condition: Any) -> Any:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _figures(row: Any, by: Sequence[Dimension]) -> Contentment:
    names = ("asked", "replied", "answers", "content", "low", "total", "solved", "unsolved")
    counts = {name: int(row[name]) for name in names}
    return Contentment(int(row["period"]), tuple(str(row[name]) for name in by), **counts)
