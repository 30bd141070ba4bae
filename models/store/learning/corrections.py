"""Agents' corrections, read for training with the text that they were given for."""

from collections.abc import Collection, Sequence
from datetime import datetime, time
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, case, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.store.ground.database import Database
from models.store.learning.watching import date_of, day_of
from models.tables import correction, message, ticket
from models.ticket import LONGEST_TEXT
from models.training import Correction

_PAGE = 500
"""Tickets whose messages are read at once."""

_QUARTER = 900.0
"""Seconds."""

_Said = Row[*tuple[Any, ...]]


class Corrections:
    """What people said against the machine: kept for ever, learnt from unless excluded."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def all(self, limit: int = 50_000) -> list[Correction]:
        """The newest ``limit`` corrections, oldest first, excluded ones too.

        The text is read where it is kept: what was withdrawn since is gone here as well. What was
        said after the correction is not in it.
        """
        c, t = correction.c, ticket.c
        query = (
            select(correction, t.conversation_id, t.subject, t.lane)
            .join(ticket, t.id == c.ticket_id)
            .order_by(c.at.desc(), c.id.desc())
            .limit(limit)
        )
        async with self._db.read() as conn:
            rows = (await conn.execute(query)).all()
            said = await _said(conn, sorted({row.ticket_id for row in rows}))
        return [_correction(row, said.get(row.ticket_id, ())) for row in reversed(rows)]

    async def exclude(
        self, ids: Collection[str], by: str, why: str = "", *, excluded: bool = True
    ) -> int:
        """Keeps corrections out of training, or takes that back; returns how many changed."""
        c = correction.c
        async with self._db.write() as tx:
            other = c.excluded_at.is_(None) if excluded else c.excluded_at.is_not(None)
            now, who = (tx.now, by) if excluded else (None, None)
            change = update(correction).where(c.id.in_(sorted(ids)), other)
            change = change.values(excluded_at=now, excluded_by=who)
            changed = (await tx.conn.execute(change)).rowcount
            if changed:
                action = "correction.exclude" if excluded else "correction.include"
                await tx.audit(by, action, sorted(ids)[0], why=why, count=changed)
        return int(changed)

    async def counts(self, learnt_upto: float) -> dict[str, int]:
        """How many there are, how many newer than ``learnt_upto``, how many excluded.

        What is excluded is never new: nobody learns from it.
        """
        c = correction.c
        new = (c.at > learnt_upto) & c.excluded_at.is_(None)
        query = select(
            func.count().label("given"),
            func.coalesce(func.sum(case((new, 1), else_=0)), 0).label("new"),
            func.count(c.excluded_at).label("excluded"),
        )
        async with self._db.read() as conn:
            return dict((await conn.execute(query)).mappings().one())

    async def by_day(self, first: int, zone: ZoneInfo) -> dict[tuple[str, int], tuple[int, int]]:
        """By facet and day from ``first`` on: how many were given, how many changed a label.

        Days are those of ``day_of``. They may differ in length, where clocks are changed in the
        night: no zone is less than a quarter of an hour from the others, so those are counted.
        """
        c = correction.c
        quarter = func.floor(c.at / _QUARTER).label("quarter")
        changed = func.sum(case((c.before != c.after, 1), else_=0)).label("changed")
        since = datetime.combine(date_of(first), time(), zone).timestamp()
        query = (
            select(quarter, c.facet, func.count().label("given"), changed)
            .where(c.at >= since)
            .group_by(quarter, c.facet)
        )
        found: dict[tuple[str, int], tuple[int, int]] = {}
        async with self._db.read() as conn:
            for row in await conn.execute(query):
                where = row.facet, day_of(float(row.quarter) * _QUARTER, zone)
                given, changes = found.get(where, (0, 0))
                found[where] = given + row.given, changes + int(row.changed)
        return found

    async def by_week(
        self, first: int, weeks: int, zone: ZoneInfo
    ) -> dict[tuple[int, str, str, str], int]:
        """By week, facet, label before and label after: how many labels were changed.

        Weeks are counted from 0, seven days of ``day_of`` each, of which ``first`` is the first.
        """
        c = correction.c
        days = range(first, first + 7 * (weeks + 1), 7)
        starts = [datetime.combine(date_of(day), time(), zone).timestamp() for day in days]
        week = case(*((c.at < end, n) for n, end in enumerate(starts[1:]))).label("week")
        what = (week, c.facet, c.before, c.after)
        query = (
            select(*what, func.count())
            .where(c.at >= starts[0], c.at < starts[-1], c.before != c.after)
            .group_by(*what)
        )
        async with self._db.read() as conn:
            return {tuple(row[:-1]): row[-1] for row in await conn.execute(query)}


def _correction(row: _Said, said: Sequence[_Said]) -> Correction:
    upto = row.upto if row.upto is not None else float("inf")
    seen = [line.text for line in said if line.seq <= upto]
    return Correction(
        id=row.id,
        ticket_id=row.ticket_id,
        conversation_id=row.conversation_id,
        agent_id=row.agent_id,
        at=row.at,
        facet=row.facet,
        before=row.before,
        after=row.after,
        subject=row.subject,
        text="\n".join(seen)[-LONGEST_TEXT:],
        lane=row.lane,
        excluded=row.excluded_at is not None,
    )


async def _said(conn: AsyncConnection, ticket_ids: Sequence[str]) -> dict[str, list[_Said]]:
    m = message.c
    said: dict[str, list[_Said]] = {}
    rest = iter(ticket_ids)
    while page := list(islice(rest, _PAGE)):
        query = (
            select(m.ticket_id, m.seq, m.text)
            .where(
                m.ticket_id.in_(page),
                m.kind == "message",
                ~m.quarantined,
                m.withdrawn_at.is_(None),
            )
            .order_by(m.ticket_id, m.seq)
        )
        for row in await conn.execute(query):
            said.setdefault(row.ticket_id, []).append(row)
    return said
