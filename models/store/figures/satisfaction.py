"""Figures of satisfaction, counted in SQL; ``docs/customers.md`` defines them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.satisfaction import CONTENT
from models.store.figures.counting import count_of, period_of, within
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
    period = period_of(at, bounds)
    group = (literal("") if by is None else func.coalesce(_COLUMN[by], "")).label("group")
    query = (
        select(
            period,
            group,
            func.count(s.asked_at).label("asked"),
            count_of(s.asked_at.is_not(None) & s.score.is_not(None)).label("replied"),
            func.count(s.score).label("answers"),
            count_of(s.score >= int(CONTENT)).label("content"),
            func.coalesce(func.sum(s.score), 0).label("total"),
            count_of(s.solved.is_(True)).label("solved"),
            count_of(s.solved.is_(False)).label("unsolved"),
        )
        # Each by its own index: by “the one or else the other” all there ever were are read.
        .where(
            or_(
                within(s.asked_at, bounds),
                s.asked_at.is_(None) & within(s.answered_at, bounds),
            )
        )
        .group_by(period, group)
        .order_by(period, group)
    )
    return [SatisfactionFigures(**row) for row in (await conn.execute(query)).mappings()]
