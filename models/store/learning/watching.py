"""What the classifier said by day and channel, counted: for seeing that messages change."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, select

from models.store.ground.database import Database
from models.tables import label_day

REFERENCE_DAYS = 7
"""The first days of a bundle, with which all that follow are compared: they are never dropped."""

_NAMES = ("bundle_id", "day", "channel", "facet", "measure", "bucket")


class Cell(NamedTuple):
    """What is counted. ``day`` is a number of days since 1970-01-01 where the centre is.

    ``measure`` and ``bucket``: “label” and the class, “confidence” and its tenth (0 to 9), of a
    facet; “unknown” and the tenth of words that the bundle does not know, of no facet.
    """

    bundle_id: str
    day: int
    channel: str
    facet: str
    measure: str
    bucket: str


class Watching:
    """Counts only: no text, no ticket and nobody's name is in them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def add(self, counts: Mapping[Cell, int]) -> None:
        """Adds to the counts of each cell, all in one statement."""
        if not counts:
            return
        # In one order everywhere: two workers that add the same cells must not block each other.
        rows = [
            dict(zip(_NAMES, cell, strict=True)) | {"count": counts[cell]}
            for cell in sorted(counts)
        ]
        async with self._db.write() as tx:
            statement = tx.upsert(label_day)
            total = label_day.c.count + statement.excluded.count
            statement = statement.on_conflict_do_update(
                index_elements=list(_NAMES), set_={"count": total}
            )
            await tx.conn.execute(statement, rows)

    async def first_day(self, bundle_id: str) -> int | None:
        """The first day on which this bundle labelled something."""
        query = select(func.min(label_day.c.day)).where(label_day.c.bundle_id == bundle_id)
        async with self._db.read() as conn:
            found: int | None = (await conn.execute(query)).scalar_one()
        return found

    async def counts(self, bundle_id: str, periods: Iterable[tuple[int, int]]) -> dict[Cell, int]:
        """What was counted of a bundle in these periods: first and last day, both included."""
        d = label_day.c
        found: dict[Cell, int] = {}
        async with self._db.read() as conn:
            for first, last in periods:
                query = select(*(d[name] for name in _NAMES), d.count).where(
                    d.bundle_id == bundle_id, d.day.between(first, last)
                )
                found |= {Cell(*row[:-1]): row[-1] for row in await conn.execute(query)}
        return found

    async def by_day(self, first: int, last: int) -> dict[tuple[int, str, str, str], int]:
        """By day, facet, measure and bucket, what all bundles and channels together counted."""
        d = label_day.c
        what = (d.day, d.facet, d.measure, d.bucket)
        query = select(*what, func.sum(d.count)).where(d.day.between(first, last)).group_by(*what)
        async with self._db.read() as conn:
            return {tuple(row[:-1]): int(row[-1]) for row in await conn.execute(query)}

    async def forget(self, before: int) -> int:
        """Drops the counts of days before ``before``; returns how many cells that were.

        Each bundle's first days stay, for it may serve still, or again.
        """
        d, own = label_day.c, label_day.alias()
        first = select(func.min(own.c.day)).where(own.c.bundle_id == d.bundle_id)
        old = delete(label_day).where(
            d.day < before, d.day >= first.scalar_subquery() + REFERENCE_DAYS
        )
        async with self._db.write() as tx:
            return (await tx.conn.execute(old)).rowcount


_EPOCH = date(1970, 1, 1).toordinal()


def day_of(now: float, zone: ZoneInfo) -> int:
    """The number of days since 1970-01-01 of the local date."""
    return datetime.fromtimestamp(now, zone).toordinal() - _EPOCH


def date_of(day: int) -> date:
    """The date of such a number."""
    return date.fromordinal(day + _EPOCH)
