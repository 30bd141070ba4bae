"""Figures of satisfaction, counted in SQL; ``docs/customers.md`` defines them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, case, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.satisfaction import CONTENT
from models.tables import survey

Dimension = Literal["channel", "agent", "domain", "tier", "region"]

DIMENSIONS: tuple[Dimension, ...] = ("channel", "agent", "domain", "tier", "region")

_COLUMN = {name: survey.c["agent_id" if name == "agent" else name] for name in DIMENSIONS}


@dataclass(frozen=True, slots=True)
class SatisfactionFigures:
    """Counts of one group of surveys, in one period; ``models.figures`` makes shares of them.

    ``group`` is the value of the dimension asked for (an agent by id), “” for unknown or the
    whole. ``asked`` are questions put, ``replied`` those of them that were answered, ``answers``
    all answers, with those that a caller entered unasked.
    """

    period: int
    group: str
    asked: int
    replied: int
    answers: int
    content: int
    total: int
    solved: int
    unsolved: int


async def satisfaction_figures(
    conn: AsyncConnection, bounds: Sequence[float], by: Dimension | None
) -> list[SatisfactionFigures]:
    """Figures of each period between two neighbours of ``bounds`` and each group ``by``.

    A survey belongs to the period in which it was asked, or, unasked, answered. ``bounds``
    are seconds since the epoch, ascending. Groups without any are left out.
    """
    s = survey.c
    at = func.coalesce(s.asked_at, s.answered_at)
    steps = [(at < bound, number) for number, bound in enumerate(bounds[1:])]
    period = case(*steps, else_=literal(len(bounds))).label("period")
    group = (literal("") if by is None else func.coalesce(_COLUMN[by], "")).label("group")
    query = (
        select(
            period,
            group,
            func.count(s.asked_at).label("asked"),
            _count(s.asked_at.is_not(None) & s.score.is_not(None)).label("replied"),
            func.count(s.score).label("answers"),
            _count(s.score >= int(CONTENT)).label("content"),
            func.coalesce(func.sum(s.score), 0).label("total"),
            _count(s.solved.is_(True)).label("solved"),
            _count(s.solved.is_(False)).label("unsolved"),
        )
        # Each by its own index: by “the one or else the other” all there ever were are read.
        .where(
            or_(
                _within(s.asked_at, bounds),
                s.asked_at.is_(None) & _within(s.answered_at, bounds),
            )
        )
        .group_by(period, group)
        .order_by(period, group)
    )
    return [SatisfactionFigures(**row) for row in (await conn.execute(query)).mappings()]


def _within(at: ColumnElement[Any], bounds: Sequence[float]) -> ColumnElement[bool]:
    return (at >= bounds[0]) & (at < bounds[-1])


def _count(condition: Any) -> Any:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
