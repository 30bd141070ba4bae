"""What counting by periods is made of, in SQL."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal


def period_of(at: ColumnElement[float], bounds: Sequence[float]) -> ColumnElement[Any]:
    """The number of the period between two neighbours of ``bounds``; to be asked ``within``."""
    steps = [(at < bound, number) for number, bound in enumerate(bounds[1:])]
    return case(*steps, else_=literal(len(bounds))).label("period")


def within(at: ColumnElement[float], bounds: Sequence[float]) -> ColumnElement[bool]:
    return (at >= bounds[0]) & (at < bounds[-1])


def count_of(condition: ColumnElement[bool]) -> ColumnElement[int]:
    """How many rows of a group meet it."""
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
